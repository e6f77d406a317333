"""Finds, opens and inspects a local file that a caller named. `find` and `blocks` block: call them in a worker thread.

A path is resolved first, links included, and must then be below one of the folders in SEEDANCE_MEDIA_ROOTS. The file is
opened from that folder downwards, one component at a time and without following links, so that a link swapped in after
the check leads nowhere else. It must be a regular file. From then on only the content counts: the bytes that are
uploaded later must have the digest of the bytes that were inspected. No file is ever in memory as a whole.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from seedance_mcp.catalog.files import MB, FileInfo
from seedance_mcp.media.inspector import Undecodable
from seedance_mcp.media.sniff import HEAD, MIME, sniff

if TYPE_CHECKING:
    from seedance_mcp.media.inspector import Inspector

LARGEST = 200 * MB
"""Bytes: the largest total that any vendor documents."""
_BLOCK = MB
_LONGEST_NAME = 60


class UnusableFile(Exception):
    """The file cannot be used; the message says why, to be shown after the name of the argument."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file that may be uploaded: where it is, and what its content is."""

    name: str
    """The file's name as it may be shown; see `shown`."""
    path: str
    """The resolved path."""
    root: str
    """The resolved folder of SEEDANCE_MEDIA_ROOTS that contains it."""
    sha256: str
    info: FileInfo
    stamp: tuple[int, ...] = field(default=(), repr=False, compare=False)
    """What changes when the file does: see `_stamp`."""


def is_local(text: str) -> bool:
    """Whether a media argument names a local file: a path or a file:// URL. A single letter ("C:") is not a scheme."""
    scheme, colon, _ = text.partition(":")
    named = colon and len(scheme) > 1 and scheme[0].isalpha() and scheme.isascii()
    has_scheme = named and all(c.isalnum() or c in "+.-" for c in scheme)
    return not has_scheme or scheme.casefold() == "file"


def find(text: str, roots: Sequence[Path]) -> LocalFile:
    """Open and read the file that a path or file:// URL names, and determine its format; `inspect` does the rest.

    Raises:
        UnusableFile: it does not exist, is not allowed, or is not an image, video or audio file.
    """
    if not roots:
        raise UnusableFile(
            "is not a URL, and local files are not allowed: ask the user to allow folders in SEEDANCE_MEDIA_ROOTS"
        )
    path, root = _resolve(_path(text), roots)
    name = shown(path)
    try:
        with _opened(path, root) as handle:
            stamp, digest, head, size = _stamp(handle), hashlib.sha256(), b"", 0
            for block in _blocks(handle, path):
                digest.update(block)
                head, size = head or block[:HEAD], size + len(block)
    except OSError as error:
        raise _unreadable(name, error) from None
    ending = sniff(head)
    if ending is None:
        raise UnusableFile(f"({name}) is not an image, video or audio file, whatever its name says")
    kind, mime = MIME[ending]
    return LocalFile(name, path, root, digest.hexdigest(), FileInfo(kind, ending, mime, size), stamp)


async def inspect(file: LocalFile, inspector: Inspector) -> LocalFile:
    """Return a file that `find` has found with its size in pixels and its duration, as far as they can be known.

    Raises:
        UnusableFile: it is damaged, or has changed since.
    """
    info = file.info
    try:
        with _opened(file.path, file.root) as handle:
            probed = await inspector.probe(handle, info.kind, info.ending)
            if _stamp(handle) != file.stamp:
                raise UnusableFile(f"({file.name}) was changed while it was being inspected")
    except OSError as error:
        raise _unreadable(file.name, error) from None
    except Undecodable as error:
        raise UnusableFile(f"({file.name}) begins like a {info.ending} file but cannot be decoded: {error}") from None
    return replace(file, info=replace(info, pixels=probed.pixels, seconds=probed.seconds))


@contextlib.contextmanager
def reopened(file: LocalFile) -> Generator[int]:
    """Open a file that `find` has found, and close it at the end of the block.

    Raises:
        UnusableFile: it has changed since, or cannot be opened any more.
    """
    try:
        opened = _open(file.path, file.root)
    except OSError as error:
        raise _unreadable(file.name, error) from None
    try:
        if _stamp(opened) != file.stamp:
            raise UnusableFile(f"({file.name}) was changed while it was being inspected")
        yield opened
    finally:
        os.close(opened)


def blocks(file: LocalFile) -> Generator[bytes]:
    """Yield the bytes of a file that `find` has found, from an open handle and never more than a few MB at once.

    Nothing is yielded of a file that has changed by now, and not the last block of one that changes meanwhile.

    Raises:
        UnusableFile: the content has changed since.
    """
    changed = UnusableFile(f"{file.name} was changed after it was checked, so it was not uploaded.")
    try:
        with _opened(file.path, file.root) as handle:
            digest = hashlib.sha256()
            for block in _blocks(handle, file.path):
                digest.update(block)
            if digest.hexdigest() != file.sha256:
                raise changed
            os.lseek(handle, 0, os.SEEK_SET)
            digest, held, left = hashlib.sha256(), b"", file.info.size
            for block in _blocks(handle, file.path):
                digest.update(block)
                left -= len(block)
                if left < 0:
                    raise changed
                if held:
                    yield held
                held = block
    except OSError:
        raise changed from None
    if digest.hexdigest() != file.sha256:
        raise changed
    yield held


_REASONS = {
    errno.ENOENT: "does not exist",
    errno.EACCES: "cannot be read: permission denied",
    errno.EPERM: "cannot be read: permission denied",
    errno.EISDIR: "is a folder",
    errno.ENXIO: "is not a regular file",
    errno.ELOOP: "was changed while it was being opened, or is a link",
    errno.ENOTDIR: "was changed while it was being opened, or is below a file",
    errno.ENAMETOOLONG: "has a name that is too long",
}


def _path(text: str) -> str:
    """Return the path that an argument names, as a path or as a file:// URL."""
    if "\0" in text:
        raise UnusableFile("contains a NUL character, which no path may contain")
    if text[:5].casefold() != "file:":
        return os.path.expanduser(text)  # noqa: PTH111  (Path raises where there is no such home folder)
    try:
        parts = urlsplit(text)
    except ValueError:
        raise UnusableFile("is not a valid file URL") from None
    if parts.netloc not in {"", "localhost"}:
        raise UnusableFile("is a file URL that names another machine")
    path = unquote(parts.path)
    if "\0" in path or not path.startswith("/") or parts.query or parts.fragment:
        raise UnusableFile("is not a file URL with an absolute path")
    return path[1:] if os.name == "nt" and path[2:3] == ":" else path


def _resolve(path: str, roots: Sequence[Path]) -> tuple[str, str]:
    """Return the resolved path and the resolved root that contains it. A relative path is tried in each root.

    The refusal of a path outside the roots does not reveal whether it exists.
    """
    for folder in roots:
        try:
            root = os.path.realpath(folder)
            real = os.path.realpath(os.path.join(root, path))  # noqa: PTH118  (an absolute path stays absolute, and is checked below)
        except OSError:  # a link is being swapped at this moment
            continue
        if _below(real, root) and (os.path.isabs(path) or os.path.lexists(real)):  # noqa: PTH117  (the path is a string)
            return real, root
    allowed = ", ".join(map(str, roots))
    raise UnusableFile(f"is not a file below {allowed}; ask the user to allow its folder in SEEDANCE_MEDIA_ROOTS")


def _below(real: str, root: str) -> bool:
    real, root = os.path.normcase(real), os.path.normcase(root)
    return real != root and real.startswith(root.rstrip(os.sep) + os.sep)


def _unreadable(name: str, error: OSError) -> UnusableFile:
    return UnusableFile(f"({name}) {_REASONS.get(error.errno or 0, 'cannot be read')}")


def _stamp(handle: int) -> tuple[int, ...]:
    """Return which file this is, its size, and when it was changed."""
    status = os.fstat(handle)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _blocks(handle: int, path: str) -> Iterator[bytes]:
    """Yield the content of an open file of at most LARGEST bytes."""
    stated, read = os.fstat(handle).st_size, 0
    while read <= LARGEST and stated <= LARGEST and (block := os.read(handle, _BLOCK)):
        read += len(block)
        if read <= LARGEST:
            yield block
    if max(read, stated) > LARGEST:
        raise UnusableFile(f"({shown(path)}) is {max(read, stated) / MB:.0f} MB; the limit is {LARGEST // MB} MB")
    if not read:
        raise UnusableFile(f"({shown(path)}) is empty")


@contextlib.contextmanager
def _opened(path: str, root: str) -> Generator[int]:
    """Open a regular file, and close it at the end of the block."""
    handle = _open(path, root)
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "")
        if not stat.S_ISREG(mode):
            raise OSError(errno.ENXIO, "")
        yield handle
    finally:
        os.close(handle)


_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK = _FLAGS | getattr(os, "O_NOFOLLOW", 0)
_FOLDER = _NO_LINK | getattr(os, "O_DIRECTORY", 0)
# O_NONBLOCK: opening a FIFO would otherwise block until another process writes to it.
_FILE = _NO_LINK | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)


def _open(path: str, root: str) -> int:
    """Open a resolved path from its root downwards, without following links."""
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
    """Open a file where `dir_fd` is not supported (Windows), then check that its path still leads to the same file."""
    handle = os.open(path, _FILE)
    same = os.path.realpath(path) == path and os.path.samestat(os.lstat(path), os.fstat(handle))
    if not same:
        os.close(handle)
        raise OSError(errno.ELOOP, "")
    return handle


def shown(path: str) -> str:
    """Return a file's name as it may be shown: with unprintable characters replaced, and shortened if it is long."""
    name = "".join(c if c.isprintable() else "?" for c in os.path.basename(path))  # noqa: PTH119  (the path is a string)
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
