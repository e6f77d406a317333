"""The settings in force, read from the environment and the settings file. `setting_table.py` lists every setting."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from seedance_mcp import setting_table, settings_file
from seedance_mcp.addresses import base_url_problem, bucket_url_problem
from seedance_mcp.catalog.price import Prices, UnitPrice, parse_prices
from seedance_mcp.errors import InvalidRequest, SettingError
from seedance_mcp.setting_table import LONGEST_WAIT, SETTINGS, Setting, every_setting, vendor_settings
from seedance_mcp.setting_values import SettingValues
from seedance_mcp.vendors import Vendor, known_vendors

if TYPE_CHECKING:
    from seedance_mcp.catalog import Model

__all__ = ["SETTINGS", "Setting", "Settings", "every_setting", "load", "read", "vendor_settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force."""

    vendors: tuple[Vendor, ...]
    """The configured vendors: those with an API key, or all of them in the sandbox."""
    keys: Mapping[str, SecretStr] = field(repr=False)
    base_urls: Mapping[str, str]
    state_dir: Path
    output_dir: Path
    sandbox: bool = False
    autosave: bool = True
    """Whether finished videos are downloaded without being asked for, where the transport allows it."""
    max_cost: int | None = None
    """In micro-USD, as all caps are."""
    daily_budget: int | None = None
    confirm_above: int | None = None
    max_open_jobs: int | None = None
    allow_unpriced: bool = False
    prices: Prices = field(default_factory=dict[str, UnitPrice])
    poll_interval: float | None = None
    max_wait: int = LONGEST_WAIT
    """Seconds that one check may wait for a video."""
    retention_days: int | None = None
    media_roots: tuple[Path, ...] = ()
    """Folders whose files may be used in requests; if empty, local files are refused."""
    upload_url: str = ""
    """The user's bucket, for local files that a vendor cannot take itself."""
    log: str = "warning"
    unfilled: tuple[str, ...] = ()
    """Settings that count as not set: they hold a placeholder that the client did not fill in, such as ${env:KEY}."""
    sources: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where each setting that is set comes from: "environment", "keyring", or the file it was read from."""
    values: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """The text of each setting that is set, API keys left out."""
    settings_file: Path = Path()
    """Where the settings file is, or would be."""
    problems: tuple[str, ...] = ()
    """A sentence for each value that cannot be used. No job service is opened while there are any."""

    @property
    def models(self) -> tuple[Model, ...]:
        """Every model of every configured vendor."""
        return tuple(model for vendor in self.vendors for model in vendor.models)

    def vendor(self, slug: str) -> Vendor | None:
        """Return a configured vendor by its slug, or None."""
        return next((v for v in self.vendors if v.slug == slug), None)

    def model(self, model_id: object) -> Model:
        """Return a model of a configured vendor by its id.

        Raises:
            InvalidRequest: there is no such model; names the closest ids.
        """
        models = {model.id: model for model in self.models}
        name = _as_text(model_id)[:100]
        if name in models:
            return models[name]
        containing = [known for known in models if name.casefold() in known.casefold()][:3] if name else []
        close = containing or difflib.get_close_matches(name, models, n=3, cutoff=0.4)
        hint = f"The closest are {', '.join(close)}." if close else "Call list_models to see all models."
        raise InvalidRequest(f"No configured vendor has a model {name[:60]!r}.", next_step=hint)

    def account(self, slug: str) -> str:
        """Return a hash of the address and the API key of a configured vendor.

        Another key or address may be another account, which neither knows nor pays for the jobs of this one.
        """
        key = self.keys[slug].get_secret_value()
        return hashlib.sha256(f"{self.base_urls[slug]}\n{key}".encode()).hexdigest()[:16]

    @property
    def frames_dir(self) -> Path:
        """Where last frames of videos are saved; its files may always be used in requests."""
        return self.output_dir / "last-frames"

    def vendor_of(self, model: Model) -> Vendor:
        """Return the configured vendor of a model."""
        return next(v for v in self.vendors if v.slug == model.vendor)

    def takes_files(self, vendor: Vendor) -> bool:
        """Whether local files can reach a vendor: by its own upload, or by the user's bucket."""
        return vendor.upload is not None or bool(self.upload_url)


def _as_text(value: object) -> str:
    try:
        return str(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, or deep nesting
        return "…"


def load(environ: Mapping[str, str] | None = None, *, sandbox: bool = False) -> Settings:
    """Read the settings from the environment and the settings file.

    Raises:
        SettingError: names every setting that cannot be used, and never repeats a value: it may be a key in the wrong
            place.
    """
    settings = read(environ, sandbox=sandbox)
    if settings.problems:
        raise SettingError(" ".join(settings.problems))
    return settings


def read(environ: Mapping[str, str] | None = None, *, sandbox: bool = False) -> Settings:
    """Read the settings as `load` does; values that cannot be used are left out, and are in `problems`."""
    environ = os.environ if environ is None else environ
    return _Reader(environ, settings_file.read(settings_file.find(environ))).settings(sandbox)


_LARGEST_PRICES = 1024 * 1024
"""Bytes of a file with prices; every model of every vendor needs a hundredth of it."""


class _Reader(SettingValues):
    """Reads the settings one by one and collects their problems."""

    def settings(self, sandbox: bool) -> Settings:
        sandbox = self.flag("SEEDANCE_SANDBOX") or sandbox
        keys = dict.fromkeys(known_vendors(), SecretStr("key-of-the-sandbox")) if sandbox else dict(self._keys())
        # The sandbox has a journal of its own, so that its play money never counts against a real budget.
        state = self.path("SEEDANCE_STATE_DIR") or setting_table.user_state()
        base_urls = {v.slug: self.url(v) for v in known_vendors().values()}
        return Settings(
            vendors=tuple(v for v in known_vendors().values() if v.slug in keys),
            keys=keys,
            base_urls=base_urls,
            state_dir=state / "sandbox" if sandbox else state,
            output_dir=self.path("SEEDANCE_OUTPUT_DIR") or setting_table.user_videos(),
            sandbox=sandbox,
            autosave=self.choice("SEEDANCE_SAVE") == "auto",
            max_cost=self.usd("SEEDANCE_MAX_COST"),
            daily_budget=self.usd("SEEDANCE_DAILY_BUDGET"),
            confirm_above=self.usd("SEEDANCE_CONFIRM_ABOVE"),
            max_open_jobs=self.whole("SEEDANCE_MAX_OPEN_JOBS"),
            allow_unpriced=self.flag("SEEDANCE_ALLOW_UNPRICED"),
            prices=self.prices("SEEDANCE_PRICES"),
            max_wait=self.wait("SEEDANCE_MAX_WAIT"),
            poll_interval=self.seconds("SEEDANCE_POLL_INTERVAL"),
            retention_days=self.whole("SEEDANCE_RETENTION_DAYS"),
            media_roots=self.folders("SEEDANCE_MEDIA_ROOTS"),
            upload_url=self.bucket("SEEDANCE_UPLOAD_URL"),
            log=self.choice("SEEDANCE_LOG"),
            unfilled=tuple(self.unfilled),
            sources=self.sources,
            values={name: value for name, value in self.values.items() if not name.endswith("_API_KEY")},
            settings_file=self.file.path,
            problems=tuple(self.problems),
        )

    def bucket(self, name: str) -> str:
        value = self.text(name)
        if value and (problem := bucket_url_problem(value)):
            self.problems.append(f"{name} {problem}.")
        return value

    def url(self, vendor: Vendor) -> str:
        name = vendor_settings(vendor)[2].name
        value = self.text(name) or vendor.base_url
        if problem := base_url_problem(value):
            self.problems.append(f"{name} must {problem}. The vendor's own is {vendor.base_url}.")
        return value.rstrip("/")

    def _keys(self) -> Iterator[tuple[str, SecretStr]]:
        for vendor in known_vendors().values():
            key_name, file_name, _ = (s.name for s in vendor_settings(vendor))
            key = self.text(key_name)
            if key == settings_file.IN_KEYRING and self.sources[key_name] == str(self.file.path):
                key, problem = settings_file.key_in_keyring(key_name)
                self.sources[key_name] = "keyring"
                if not key:
                    self.problems.append(f"{key_name}: {self.file.path} names the keyring, but {problem}")
            if not key and (file := self.path(file_name)):
                try:
                    key = settings_file.read_small(file).strip()
                except (OSError, UnicodeDecodeError) as error:
                    self.problems.append(f"{file_name}: cannot read this file ({settings_file.reason(error)}).")
                else:
                    self.sources[key_name] = str(file)
                    if not key:
                        self.problems.append(f"{file_name}: this file is empty.")
            if not key:
                continue
            if problem := settings_file.key_problem(key):
                self.problems.append(f"{key_name} {problem}.")
            else:
                yield vendor.slug, SecretStr(key)

    def prices(self, name: str) -> Prices:
        value = self.text(name)
        if not value:
            return {}
        try:
            if not value.startswith("{"):
                value = settings_file.read_small(Path(value).expanduser(), _LARGEST_PRICES)
            return parse_prices(value)
        except (OSError, UnicodeError, json.JSONDecodeError, RuntimeError, RecursionError) as error:
            # The message of such an error quotes the value.
            self.problems.append(f"{name} must be JSON in the form that the README shows ({type(error).__name__}).")
        except ValueError as error:
            self.problems.append(f"{name} must be JSON in the form that the README shows ({error}).")
        return {}
