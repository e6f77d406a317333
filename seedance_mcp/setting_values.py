"""One value of a setting after the other, from the environment or the settings file: parsed, with its problem."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path

from seedance_mcp.catalog.price import MICROS
from seedance_mcp.environment import LONGEST_WAIT, SETTINGS
from seedance_mcp.settings_file import SettingsFile

_PLACEHOLDER = re.compile(r"\$\{[^}]*\}")
_CAPS = {"SEEDANCE_MAX_COST", "SEEDANCE_DAILY_BUDGET", "SEEDANCE_CONFIRM_ABOVE", "SEEDANCE_MAX_OPEN_JOBS"}


class SettingValues:
    """Reads values one by one. What cannot be used is left out, and is in `problems`; no value is ever repeated."""

    def __init__(self, environ: Mapping[str, str], file: SettingsFile) -> None:
        """`environ` wins over `file`."""
        self.environ, self.file = environ, file
        self.problems: list[str] = list(file.problems)
        self.unfilled: list[str] = []
        self.sources: dict[str, str] = {}
        self.values: dict[str, str] = {}

    def text(self, name: str) -> str:
        """Return the value of a setting, or an empty text; the environment wins over the file."""
        value = self._text(name, self.environ, "environment")
        return value or self._text(name, self.file.values, str(self.file.path))

    def _text(self, name: str, values: Mapping[str, str], source: str) -> str:
        value = values.get(name, "").strip()
        if _PLACEHOLDER.search(value):
            # Where the user filled in nothing, clients leave the placeholder, so the setting is not set. But a cap or
            # an address that is not understood is not the same as none, nor is a value of which a part is missing.
            if _PLACEHOLDER.fullmatch(value) and name not in _CAPS and not name.endswith("_BASE_URL"):
                self.unfilled.append(name)
            else:
                self.problems.append(f"{name} holds a placeholder that the client did not fill in.")
            return ""
        if value:
            self.sources[name], self.values[name] = source, value
        return value

    def flag(self, name: str) -> bool:
        """Return a setting that is on or off."""
        value = self.text(name).casefold()
        if value in {"1", "true", "yes", "on"}:
            return True
        if value not in {"", "0", "false", "no", "off"}:
            self.problems.append(f"{name} must be 1 or 0.")
        return False

    def choice(self, name: str) -> str:
        """Return one of the values that a setting may have."""
        setting = next(s for s in SETTINGS if s.name == name)
        value = self.text(name).casefold() or setting.default
        if value in setting.choices:
            return value
        self.problems.append(f"{name} must be one of {', '.join(setting.choices)}.")
        return setting.default

    def _number(self, name: str, what: str, *, whole: bool = False) -> Decimal | None:
        value = self.text(name)
        if not value:
            return None
        try:
            number = Decimal(value.removeprefix("$"))
        except InvalidOperation:
            number = Decimal(-1)
        if number.is_finite() and number >= 0 and not (whole and number != number.to_integral_value()):
            return number
        self.problems.append(f"{name} must be {what}.")
        return None

    def usd(self, name: str) -> int | None:
        """Return an amount in micro-USD, or None."""
        number = self._number(name, "an amount in USD such as 2.50")
        return None if number is None else int(number * MICROS)

    def seconds(self, name: str) -> float | None:
        """Return a number of seconds, or None."""
        number = self._number(name, "a number of seconds")
        return None if number is None else float(number)

    def whole(self, name: str) -> int | None:
        """Return a whole number, or None."""
        number = self._number(name, "a whole number", whole=True)
        return None if number is None else int(number)

    def wait(self, name: str) -> int:
        """Return the longest wait of one call, in seconds."""
        seconds = self.whole(name)
        if seconds is not None and not 1 <= seconds <= LONGEST_WAIT:
            self.problems.append(f"{name} must be 1 to {LONGEST_WAIT} seconds, not {seconds}.")
        return LONGEST_WAIT if seconds is None else seconds

    def path(self, name: str) -> Path | None:
        """Return an absolute path, or None."""
        value = self.text(name)
        try:
            return Path(value).expanduser().absolute() if value else None
        except RuntimeError:
            self.problems.append(f"{name}: the home folder that it begins with does not exist.")
            return None

    def folders(self, name: str) -> tuple[Path, ...]:
        """Return a list of absolute folders."""
        folders: list[Path] = []
        parts = [part.strip() for part in self.text(name).split(os.pathsep)]
        for number, part in enumerate([part for part in parts if part], 1):
            folder = Path(os.path.expanduser(part))  # noqa: PTH111  (Path raises where there is no such home)
            if folder.is_absolute():
                folders.append(folder)
            else:
                self.problems.append(f"{name}: folder {number} is not an absolute path.")
        return tuple(folders)
