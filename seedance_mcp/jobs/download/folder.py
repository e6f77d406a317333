"""The one flat folder for videos, held by an open handle: so swapping the path during a download has no effect."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from pathlib import Path
from typing import Any

_BY_HANDLE = {os.open, os.link, os.unlink, os.stat} <= os.supports_dir_fd and os.listdir in os.supports_fd
"""False on Windows, where an open folder cannot be swapped anyway."""
# Without O_BINARY, Windows would change every line feed in a video; without O_NONBLOCK, opening a pipe would block.
_FLAGS = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC"))

_NO_LINKS = {errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK}
"""Errors of `link` on file systems without hard links."""


class VideoFolder:
    """An open folder, created if it is missing. Its files are reached by plain names, and no link is followed."""

    def __init__(self, path: Path, within: VideoFolder | None = None) -> None:
        """Open the folder; one `within` another one may not be a link.

        Raises:
            OSError: it cannot be created or opened.
        """
        self.path = path
        self._handle: int | None = None
        if within is None:
            path.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY) if _BY_HANDLE else None
            return
        with contextlib.suppress(FileExistsError):
            os.mkdir(within._at(path.name), dir_fd=within._handle)  # noqa: SLF001  (a Path has no handle)
        if within._handle is not None:  # noqa: SLF001  (another one of this class)
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            self._handle = os.open(path.name, flags, dir_fd=within._handle)  # noqa: SLF001  (as above)
        elif path.resolve() != within.path.resolve() / path.name:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))

    def inner(self, name: str) -> VideoFolder:
        """Open a folder in it, which is created if it is missing.

        Raises:
            OSError: it cannot be created or opened, or is a link.
        """
        return VideoFolder(self.path / name, self)

    def close(self) -> None:
        """Close the handle."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def try_to_write(self) -> None:
        """Write a small file and remove it.

        Raises:
            OSError: a video could not be written either.
        """
        name = f".seedance-{secrets.token_hex(6)}.try"
        file = self.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            os.write(file, b"seedance-mcp tries whether videos can be written here\n")
        finally:
            os.close(file)
            self.remove(name)

    def _at(self, name: str) -> str | Path:
        return name if self._handle is not None else self.path / name

    def names(self) -> list[str]:
        """Return the names of all entries."""
        return os.listdir(self.path if self._handle is None else self._handle)  # noqa: PTH208  (a Path has no handle)

    def open(self, name: str, flags: int) -> int:
        """Open a file in it; a file that is created is private to the user."""
        return os.open(self._at(name), flags | _FLAGS, 0o600, dir_fd=self._handle)

    def remove(self, name: str) -> None:
        """Remove a file or a link, if it exists and may be removed."""
        with contextlib.suppress(OSError):
            os.unlink(self._at(name), dir_fd=self._handle)

    def free(self) -> int:
        """Return the free bytes on its disk."""
        return shutil.disk_usage(self.path).free

    def publish(self, name: str, final: str, file: int) -> None:
        """Give the open `file` its final name in place of its working `name`, and sync the folder.

        Raises:
            FileExistsError: the final name is taken.
            OSError: anything else; the final name stays as it was.
        """
        how: dict[str, Any] = {"src_dir_fd": self._handle, "dst_dir_fd": self._handle} if _BY_HANDLE else {}
        if os.link in os.supports_follow_symlinks:
            how["follow_symlinks"] = False
        try:
            os.link(self._at(name), self._at(final), **how)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            self._replace(name, final, file)
        self._verify(final, file, final)
        if self._handle is not None:
            os.fsync(self._handle)

    def _replace(self, name: str, final: str, file: int) -> None:
        """Publish without hard links: an empty file reserves the name, and the video replaces it."""
        try:
            os.close(self.open(final, os.O_RDWR | os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            if self.stat(final).st_size or not stat.S_ISREG(self.stat(final).st_mode):
                raise  # an empty file is what a server leaves that is killed right here
        self._verify(name, file, final)
        try:
            os.replace(self._at(name), self._at(final), src_dir_fd=self._handle, dst_dir_fd=self._handle)
        except OSError:
            self.remove(final)
            raise

    def stat(self, name: str) -> os.stat_result:
        """Return the status of an entry; of a link, not of its target."""
        return os.stat(self._at(name), dir_fd=self._handle, follow_symlinks=False)

    def _verify(self, name: str, file: int, final: str) -> None:
        """Make sure that `name` is still our open file; if somebody has swapped it, remove the final name."""
        try:
            same = os.path.samestat(self.stat(name), os.fstat(file))
        except FileNotFoundError:
            same = False
        if not same:
            self.remove(final)
            raise FileNotFoundError(errno.ENOENT, "the unfinished video was swapped for something else")

    def in_place(self) -> bool:
        """Whether the path still leads to the folder that was opened."""
        try:
            return self._handle is None or os.path.samestat(self.path.stat(), os.fstat(self._handle))
        except OSError:
            return False
