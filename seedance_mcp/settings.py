"""Every setting, once: its environment name, type, default and meaning. README, `doctor` and manifests print this."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from seedance_mcp.catalog.price import MICROS, PriceBook, UnitPrice, price_book
from seedance_mcp.errors import SettingError
from seedance_mcp.vendors import Vendor, known_vendors

if TYPE_CHECKING:
    from seedance_mcp.catalog import Model

Kind = Literal["text", "flag", "usd", "seconds", "whole", "path", "prices", "choice", "url"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable."""

    name: str
    help: str
    kind: Kind = "text"
    default: str = ""
    secret: bool = False
    choices: tuple[str, ...] = ()
    default_words: str = ""
    """What the default is, where it is computed."""


SETTINGS: tuple[Setting, ...] = (
    Setting("SEEDANCE_SANDBOX", "1 = every vendor is an embedded fake: no key, no cost, no network.", "flag"),
    Setting(
        "SEEDANCE_OUTPUT_DIR", "Folder for finished films.", "path", default_words="Seedance in your videos folder"
    ),
    Setting("SEEDANCE_STATE_DIR", "Folder of the job journal.", "path", default_words="your user state folder"),
    Setting(
        "SEEDANCE_SAVE",
        "Whether finished films are downloaded: auto (yes on stdio, no on HTTP) or off.",
        "choice",
        "auto",
        choices=("auto", "off"),
    ),
    Setting("SEEDANCE_MAX_COST", "Most USD that one video may cost.", "usd"),
    Setting("SEEDANCE_DAILY_BUDGET", "Most USD that may be spent or reserved in one day, from local midnight.", "usd"),
    Setting("SEEDANCE_CONFIRM_ABOVE", "Ask the user before spending more than this many USD on one video.", "usd"),
    Setting("SEEDANCE_MAX_OPEN_JOBS", "Most paid jobs that may run at the same time.", "whole"),
    Setting("SEEDANCE_ALLOW_UNPRICED", "1 = models without a known price may be used although a cap is set.", "flag"),
    Setting(
        "SEEDANCE_PRICES",
        "Unit prices that a vendor does not publish: JSON, or the path of a JSON file. "
        'By model or vendor: {"jimmyai": {"usd_per_unit": 0.14}, '
        '"12ai/seedance-2-official": {"per": "second", "unit": "USD", "rates": {"480p": 0.05, "720p": 0.1}}}.',
        "prices",
    ),
    Setting(
        "SEEDANCE_RETENTION_DAYS",
        "Days after which prompts and links of finished jobs are wiped from the journal; costs stay.",
        "whole",
        default_words="never",
    ),
    Setting(
        "SEEDANCE_POLL_INTERVAL", "Seconds between looks at a running job, instead of the adaptive schedule.", "seconds"
    ),
    Setting(
        "SEEDANCE_LOG",
        "Log level on standard error.",
        "choice",
        "warning",
        choices=("debug", "info", "warning", "error"),
    ),
)


def vendor_settings(vendor: Vendor) -> tuple[Setting, Setting, Setting]:
    """Return the three settings of one vendor: its key, a file with the key, and where it lives."""
    prefix = f"SEEDANCE_{vendor.env_name}"
    return (
        Setting(f"{prefix}_API_KEY", f"API key of {vendor.name}; without one the vendor is not used.", secret=True),
        Setting(f"{prefix}_API_KEY_FILE", f"File that holds the API key of {vendor.name}.", "path"),
        Setting(f"{prefix}_BASE_URL", f"Where {vendor.name} is asked.", "url", vendor.base_url),
    )


def every_setting() -> Iterator[Setting]:
    """Yield all settings, the vendors' included, in the order of the docs."""
    yield from SETTINGS
    for vendor in known_vendors().values():
        yield from vendor_settings(vendor)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force."""

    vendors: tuple[Vendor, ...]
    """The configured vendors: those with a key, or all in the sandbox."""
    keys: Mapping[str, SecretStr] = field(repr=False)
    base_urls: Mapping[str, str]
    state_dir: Path
    output_dir: Path
    sandbox: bool = False
    saving: bool = True
    """Whether films are saved where the transport leaves that open."""
    max_cost: int | None = None
    """Caps are whole micro-dollars."""
    daily_budget: int | None = None
    confirm_above: int | None = None
    max_open_jobs: int | None = None
    allow_unpriced: bool = False
    prices: PriceBook = field(default_factory=dict[str, UnitPrice])
    poll_interval: float | None = None
    retention_days: int | None = None
    log: str = "warning"
    sources: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where each setting that is set comes from: «environment» or the file it was read from."""

    @property
    def models(self) -> tuple[Model, ...]:
        """Every model of every configured vendor."""
        return tuple(model for vendor in self.vendors for model in vendor.models)

    def vendor(self, slug: str) -> Vendor | None:
        """Return a configured vendor by its slug."""
        return next((v for v in self.vendors if v.slug == slug), None)

    def vendor_of(self, model: Model) -> Vendor:
        """Return the configured vendor that sells a model."""
        return next(v for v in self.vendors if v.slug == model.vendor)


def load(environ: Mapping[str, str] | None = None, *, sandbox: bool = False) -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingError: naming every value that cannot be used, all at once.
    """
    return _Reader(os.environ if environ is None else environ).settings(sandbox)


class _Reader:
    """Reads values one by one and remembers what was wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.problems: list[str] = []
        self.sources: dict[str, str] = {}

    def settings(self, sandbox: bool) -> Settings:
        sandbox = self.flag("SEEDANCE_SANDBOX") or sandbox
        keys = {slug: SecretStr("sandbox") for slug in _faked()} if sandbox else dict(self._keys())
        # The sandbox keeps its own journal, so that its play money never counts against a real budget.
        state = self.path("SEEDANCE_STATE_DIR") or _user_state()
        base_urls = {v.slug: self.url(v) for v in known_vendors().values()}
        settings = Settings(
            vendors=tuple(v for v in known_vendors().values() if v.slug in keys),
            keys=keys,
            base_urls=base_urls,
            state_dir=state / "sandbox" if sandbox else state,
            output_dir=self.path("SEEDANCE_OUTPUT_DIR") or _user_videos(),
            sandbox=sandbox,
            saving=self.choice("SEEDANCE_SAVE") == "auto",
            max_cost=self.usd("SEEDANCE_MAX_COST"),
            daily_budget=self.usd("SEEDANCE_DAILY_BUDGET"),
            confirm_above=self.usd("SEEDANCE_CONFIRM_ABOVE"),
            max_open_jobs=self.whole("SEEDANCE_MAX_OPEN_JOBS"),
            allow_unpriced=self.flag("SEEDANCE_ALLOW_UNPRICED"),
            prices=self.prices("SEEDANCE_PRICES"),
            poll_interval=self.seconds("SEEDANCE_POLL_INTERVAL"),
            retention_days=self.whole("SEEDANCE_RETENTION_DAYS"),
            log=self.choice("SEEDANCE_LOG"),
            sources=self.sources,
        )
        if self.problems:
            raise SettingError(" ".join(self.problems))
        return settings

    def text(self, name: str) -> str:
        value = self.environ.get(name, "").strip()
        if value.startswith("${") and value.endswith("}"):
            return ""  # a client that did not fill in its own placeholder
        if value:
            self.sources[name] = "environment"
        return value

    def flag(self, name: str) -> bool:
        value = self.text(name).casefold()
        if value in {"1", "true", "yes", "on"}:
            return True
        if value not in {"", "0", "false", "no", "off"}:
            self.problems.append(f"{name} must be 1 or 0, not {value!r}.")
        return False

    def choice(self, name: str) -> str:
        setting = next(s for s in SETTINGS if s.name == name)
        value = self.text(name).casefold() or setting.default
        if value in setting.choices:
            return value
        self.problems.append(f"{name} must be one of {', '.join(setting.choices)}, not {value!r}.")
        return setting.default

    def _number(self, name: str, what: str) -> Decimal | None:
        value = self.text(name)
        if not value:
            return None
        try:
            number = Decimal(value.removeprefix("$"))
        except InvalidOperation:
            number = Decimal(-1)
        if number.is_finite() and number >= 0:
            return number
        self.problems.append(f"{name} must be {what}, not {value!r}.")
        return None

    def usd(self, name: str) -> int | None:
        number = self._number(name, "an amount in USD such as 2.50")
        return None if number is None else int(number * MICROS)

    def seconds(self, name: str) -> float | None:
        number = self._number(name, "a number of seconds")
        return None if number is None else float(number)

    def whole(self, name: str) -> int | None:
        number = self._number(name, "a whole number")
        return None if number is None else int(number)

    def path(self, name: str) -> Path | None:
        value = self.text(name)
        return Path(value).expanduser().absolute() if value else None

    def url(self, vendor: Vendor) -> str:
        name = vendor_settings(vendor)[2].name
        value = self.text(name).rstrip("/") or vendor.base_url
        parts = urlsplit(value)
        if parts.username or not parts.hostname:
            self.problems.append(f"{name} must be a plain URL without user name.")
        elif parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
            self.problems.append(f"{name} must begin with https:// (http:// is for loopback addresses only).")
        return value

    def _keys(self) -> Iterator[tuple[str, SecretStr]]:
        for vendor in known_vendors().values():
            key_name, file_name, _ = (s.name for s in vendor_settings(vendor))
            key = self.text(key_name)
            if not key and (file := self.path(file_name)):
                try:
                    key = file.read_text(encoding="utf-8").strip()
                except (OSError, UnicodeDecodeError) as error:
                    self.problems.append(f"{file_name}: cannot read {file} ({type(error).__name__}).")
                else:
                    self.sources[key_name] = str(file)
                    if not key:
                        self.problems.append(f"{file_name}: {file} is empty.")
            if not key:
                continue
            if key.isascii() and key.isprintable() and " " not in key:
                yield vendor.slug, SecretStr(key)
            else:
                self.problems.append(f"{key_name} holds characters that cannot be in an HTTP header.")

    def prices(self, name: str) -> PriceBook:
        value = self.text(name)
        if not value:
            return {}
        try:
            if not value.startswith("{"):
                value = Path(value).expanduser().read_text(encoding="utf-8")
            return price_book(value)
        except (OSError, ValueError) as error:
            self.problems.append(f"{name} must be JSON as the README shows ({type(error).__name__}: {error}).")
            return {}


def is_loopback(host: str) -> bool:
    """Whether a host name can only be this machine."""
    return host in {"localhost", "::1"} or host.startswith("127.")


def _faked() -> list[str]:
    from seedance_mcp.sandbox import known_fakes  # noqa: PLC0415  (a real server never loads the fakes)

    return list(known_fakes())


def _user_state() -> Path:
    import platformdirs  # noqa: PLC0415  (only needed when no folder is set)

    return platformdirs.user_state_path("seedance-mcp", appauthor=False)


def _user_videos() -> Path:
    import platformdirs  # noqa: PLC0415

    return platformdirs.user_videos_path() / "Seedance"
