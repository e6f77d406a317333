"""Open a file on this machine that somebody named, and look at what it is. Blocking: called in a worker thread.

A path is resolved first, links and all, and must then lie below one of the folders of SEEDANCE_MEDIA_ROOTS. It is
opened from that folder downwards, component by component and without following any link, so that nothing that is
swapped between the check and the opening leads elsewhere; what was opened must be a regular file. From then on only
its content counts: it is read once, and the bytes that were looked at have a digest that the bytes sent must have too.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from seedance_mcp.catalog.files import MB, FileFacts
from seedance_mcp.media.probe import Undecodable, probe
from seedance_mcp.media.sniff import HEAD, MIME, sniff

LARGEST = 200 * MB
"""Bytes. The most that any vendor's page allows altogether; a bound for our own memory."""
_BLOCK = MB
_LONGEST_NAME = 60


class UnusableFile(Exception):
    """The file cannot be handed over; the words say why, for the person who named it."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file that may be handed over: where it is, and what was found in it."""

    name: str
    """Its name as shown to people."""
    path: str
    """Resolved."""
    root: str
    sha256: str
    facts: FileFacts


def is_local(text: str) -> bool:
    """Whether a media argument names a file on this machine: a path, or a file:// URL. «C:» is no scheme."""
    scheme, colon, _ = text.partition(":")
    named = colon and len(scheme) > 1 and scheme[0].isalpha() and scheme.isascii()
    has_scheme = named and all(c.isalnum() or c in "+.-" for c in scheme)
    return not has_scheme or scheme.casefold() == "file"


def find(text: str, roots: Sequence[Path]) -> LocalFile:
    """Open, read and look into the file that a path or file:// URL names.

    Raises:
        NotUsable: it is not there, not allowed, or no picture, clip or sound.
    """
    if not roots:
        raise UnusableFile(
            "is no URL, and files on this machine may not be used: the user can allow folders with SEEDANCE_MEDIA_ROOTS"
        )
    path, root = _resolve(_plain(text), roots)
    name = shown(path)
    try:
        data = _read(path, root)
    except OSError as error:
        raise UnusableFile(f"({name}) {_REASONS.get(error.errno or 0, 'cannot be read')}") from None
    return LocalFile(name, path, root, hashlib.sha256(data).hexdigest(), _facts(name, data))


def content(file: LocalFile) -> bytes:
    """Return the bytes of a file that was looked at before.

    Raises:
        NotUsable: it is no longer what it was.
    """
    try:
        data = _read(file.path, file.root)
    except OSError:
        data = b""
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise UnusableFile(f"{file.name} was changed after it was checked, so it was not handed over.")
    return data


_REASONS = {
    errno.ENOENT: "does not exist",
    errno.EACCES: "may not be read by this server",
    errno.EPERM: "may not be read by this server",
    errno.EISDIR: "is a folder",
    errno.ENXIO: "is no regular file",
    errno.ELOOP: "was changed while it was opened, or is a link",
    errno.ENOTDIR: "was changed while it was opened, or lies below a file",
    errno.ENAMETOOLONG: "has a name that is too long",
}


def _plain(text: str) -> str:
    """Return the path that is meant."""
    if "\0" in text:
        raise UnusableFile("holds a character that no path can have")
    if text[:5].casefold() != "file:":
        return os.path.expanduser(text)  # noqa: PTH111  (Path would raise where there is no such home)
    try:
        parts = urlsplit(text)
    except ValueError:
        raise UnusableFile("is no file URL") from None
    if parts.netloc not in {"", "localhost"}:
        raise UnusableFile("is a file URL of another machine")
    path = unquote(parts.path)
    if "\0" in path or not path.startswith("/") or parts.query or parts.fragment:
        raise UnusableFile("is no file URL with a whole path")
    return path[1:] if os.name == "nt" and path[2:3] == ":" else path


def _resolve(path: str, roots: Sequence[Path]) -> tuple[str, str]:
    """Return the resolved path and the resolved root that it is below. A path without a start is tried in each root.

    Whether a path elsewhere exists is nobody's business, so it is refused in the same words either way.
    """
    for folder in roots:
        try:
            root = os.path.realpath(folder)
            real = os.path.realpath(os.path.join(root, path))  # noqa: PTH118  (a whole path stays one, and is checked)
        except OSError:  # a link that is swapped this very moment
            continue
        if _below(real, root) and (os.path.isabs(path) or os.path.lexists(real)):  # noqa: PTH117
            return real, root
    allowed = ", ".join(map(str, roots))
    raise UnusableFile(f"is not a file below {allowed}; the user can allow more folders with SEEDANCE_MEDIA_ROOTS")


def _below(real: str, root: str) -> bool:
    real, root = os.path.normcase(real), os.path.normcase(root)
    return real != root and real.startswith(root.rstrip(os.sep) + os.sep)


def _read(path: str, root: str) -> bytes:
    """Read a regular file whole, within LARGEST."""
    handle = _open(path, root)
    try:
        status = os.fstat(handle)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, "")
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.ENXIO, "")
        read = bytearray()
        while len(read) <= LARGEST and status.st_size <= LARGEST and (block := os.read(handle, _BLOCK)):
            read += block
    finally:
        os.close(handle)
    if len(read) > LARGEST or status.st_size > LARGEST:
        raise UnusableFile(
            f"({shown(path)}) has {max(len(read), status.st_size) / MB:.0f} MB; {LARGEST // MB} are the most"
        )
    if not read:
        raise UnusableFile(f"({shown(path)}) is empty")
    return bytes(read)


_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK = _FLAGS | getattr(os, "O_NOFOLLOW", 0)
_FOLDER = _NO_LINK | getattr(os, "O_DIRECTORY", 0)
# Without waiting: opening a FIFO would hang until somebody writes into it.
_FILE = _NO_LINK | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)


def _open(path: str, root: str) -> int:
    """Open a resolved path from its root downwards, following no link on the way."""
    *folders, name = Path(os.path.relpath(path, root)).parts
    if os.open not in os.supports_dir_fd:
        return _open_and_compare(path)
    folder = os.open(root, _FOLDER)
    try:
        for step in folders:
            inner = os.open(step, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(name, _FILE, dir_fd=folder)
    finally:
        os.close(folder)


def _open_and_compare(path: str) -> int:
    """Where folders cannot be held open (Windows): open, then see that the path still is itself and the same file."""
    handle = os.open(path, _FILE)
    same = os.path.realpath(path) == path and os.path.samestat(os.lstat(path), os.fstat(handle))
    if not same:
        os.close(handle)
        raise OSError(errno.ELOOP, "")
    return handle


def _facts(name: str, data: bytes) -> FileFacts:
    ending = sniff(data[:HEAD])
    if ending is None:
        raise UnusableFile(f"({name}) is no picture, clip or sound, whatever its name says")
    kind, mime = MIME[ending]
    try:
        seen = probe(data, kind, ending)
    except Undecodable as error:
        raise UnusableFile(f"({name}) looks like {ending} and cannot be decoded: {error}") from None
    return FileFacts(kind, ending, mime, len(data), seen.pixels, seen.seconds)


def shown(path: str) -> str:
    """Return a file's name as it can be shown: what is not printable is replaced, and what is too long is cut."""
    name = "".join(c if c.isprintable() else "?" for c in os.path.basename(path))  # noqa: PTH119
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
