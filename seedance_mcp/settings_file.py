"""The settings file: settings that every server and command of one user shares, whichever program starts them.

It has one NAME=value a line, with the names of the environment variables, which take precedence. The value of an API
key may be `keyring:`, which says that the key is in the system's keyring.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from seedance_mcp.errors import SettingError

FILE_SETTING = "SEEDANCE_SETTINGS_FILE"
IN_KEYRING = "keyring:"
"""The value of a key that is in the system's keyring."""
SERVICE = "seedance-mcp"
"""The service under which the keyring stores our keys, each by the name of its setting."""
_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")


class Keyring(Protocol):
    """What is used of the system's keyring; its methods are those of the package `keyring`."""

    def get_password(self, service: str, username: str, /) -> str | None: ...

    def set_password(self, service: str, username: str, password: str, /) -> None: ...

    def delete_password(self, service: str, username: str, /) -> None: ...


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """What the settings file says."""

    path: Path
    values: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    problems: tuple[str, ...] = ()
    """A sentence for each line that cannot be read, and for a file that cannot be."""


def find(environ: Mapping[str, str]) -> Path:
    """Return the path of the settings file: SEEDANCE_SETTINGS_FILE, or its place in the user's configuration."""
    given = environ.get(FILE_SETTING, "").strip()
    if given and not given.startswith("$"):
        return Path(os.path.expanduser(given)).absolute()  # noqa: PTH111  (Path raises where there is no such home)
    import platformdirs  # noqa: PLC0415  (only needed when no file is set)

    return platformdirs.user_config_path("seedance-mcp", appauthor=False) / "settings.env"


def read_small(path: Path, most: int = 64 * 1024) -> str:
    """Return the text of a file that a setting names, which may be a pipe, a device or a mistake.

    Raises:
        OSError: it cannot be read, is not a regular file, or has more than `most` bytes.
        UnicodeDecodeError: it is not UTF-8.
    """
    # Without O_NONBLOCK, opening a pipe waits for its other end.
    file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(file, "rb") as reader:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        found = reader.read(most + 1)
    if len(found) > most:
        raise OSError(errno.EFBIG, "too large for a file of settings")
    return found.decode("utf-8-sig")


def read(path: Path) -> SettingsFile:
    """Read the settings file; a missing one says nothing."""
    try:
        text = read_small(path)
    except FileNotFoundError:
        return SettingsFile(path)
    except (OSError, UnicodeDecodeError) as error:
        return SettingsFile(path, problems=(f"The settings file {path} cannot be read ({reason(error)}).",))
    values: dict[str, str] = {}
    problems: list[str] = []
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if not line or line.startswith("#"):
            continue
        if found := _LINE.fullmatch(line):
            values[found[1]] = _unquoted(found[2])
        else:
            problems.append(f"{path}, line {number}: a setting is written NAME=value.")
    return SettingsFile(path, values, tuple(problems))


def reason(error: OSError | UnicodeDecodeError) -> str:
    """Return in short why a file cannot be read, without anything that it holds."""
    return getattr(error, "strerror", None) or type(error).__name__


def _unquoted(value: str) -> str:
    quote = value[:1]
    return value[1:-1] if len(value) > 1 and quote in {'"', "'"} and value.endswith(quote) else value


def write(path: Path, name: str, value: str | None) -> None:
    """Set one setting in the file, or remove it (None). Other lines stay; only the user can read the file.

    Raises:
        SettingError: the file cannot be written.
    """
    try:
        lines = read_small(path).splitlines() if path.exists() else []
        kept = [line for line in lines if not (found := _LINE.fullmatch(line.strip())) or found[1] != name]
        _replace(path, "".join(f"{line}\n" for line in (*kept, *([] if value is None else [f"{name}={value}"]))))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(
            f"The settings file {path} cannot be written ({reason(error)}).",
            next_step=f"Choose another with {FILE_SETTING}.",
        ) from error


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all. A temporary file is private from the beginning."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = path.resolve()  # a link stays a link
    handle, name = tempfile.mkstemp(prefix=".settings-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def open_keyring() -> Keyring | None:
    """Return the system's keyring; None if there is none, or the extra `keyring` is not installed."""
    try:
        import keyring  # noqa: PLC0415  (an extra, and slow to load)
        from keyring.backends import fail, null  # noqa: PLC0415  (as above)

        backend = keyring.get_keyring()
    except Exception:  # noqa: BLE001  (backends fail at their import in ways of their own)
        return None
    return None if isinstance(backend, fail.Keyring | null.Keyring) else backend


def key_in_keyring(name: str) -> tuple[str, str]:
    """Return the API key that a setting's line says is in the keyring, and a sentence for the case that it is empty."""
    again = "Run `seedance-mcp keys set VENDOR` again, with --file to store the key in the settings file."
    keyring = open_keyring()
    if keyring is None:
        return "", f"there is no keyring here (the extra `keyring` may not be installed). {again}"
    try:
        return (keyring.get_password(SERVICE, name) or "").strip(), f"the keyring does not have it. {again}"
    except Exception as error:  # noqa: BLE001  (backends raise errors of their own)
        return "", f"the keyring cannot be read ({type(error).__name__}). {again}"


def key_problem(key: str) -> str | None:
    """Say what is wrong with an API key without showing it; None if it can be sent."""
    if len(key) > 1 and key[0] == key[-1] and key[0] in "\"'`":
        return "is in quotation marks: give the key without them"
    if key.casefold().startswith("bearer "):
        return 'begins with "Bearer ": give only the key that comes after it'
    if not (key.isascii() and key.isprintable() and " " not in key):
        return "has characters that an HTTP header cannot carry"
    return None


_PLACEHOLDER_KEY = re.compile(
    r"<.*>|\[.*\]|\{.*\}|%\w+%|\$\w+"
    r"|(sk-)?(x{3,}|\*{3,}|\.{3,}|…)"
    r"|(sk-)?((your|my|the|an?)[-_ ]?)?(api[-_ ]?)?(key|token)([-_ ]?here)?"
    r"|(sk-)?(your|insert|paste|enter|put)[-_ ].*"
    r"|change-?me|todo|placeholder|none|null|undefined|secret",
    re.IGNORECASE,
)
"""What documentation writes in the place of a key."""


def placeholder_problem(key: str) -> str | None:
    """Say that an API key is what documentation writes in its place; None if it may be one."""
    if not key:
        return "is empty"
    return "is a placeholder: put the key from the vendor's website there" if _PLACEHOLDER_KEY.fullmatch(key) else None
