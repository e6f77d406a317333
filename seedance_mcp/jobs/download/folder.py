"""The one flat folder that films are kept in, held by a handle: what is put in its place meanwhile is not followed."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from pathlib import Path
from typing import Any

_BY_HANDLE = {os.open, os.link, os.unlink, os.stat} <= os.supports_dir_fd and os.listdir in os.supports_fd
"""Not on Windows, where a folder that is open cannot be swapped anyway."""
# Without O_BINARY, Windows would change every line feed in a film; without O_NONBLOCK, a pipe would hold us up.
_ALWAYS = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC"))

_NO_LINKS = {errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK}
"""What file systems without hard links answer to making one."""


class Folder:
    """An open folder, made if it is missing. Everything in it is reached by plain names, and no link is followed."""

    def __init__(self, path: Path) -> None:
        """Open the folder.

        Raises:
            OSError: it cannot be made or opened.
        """
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY) if _BY_HANDLE else None

    def close(self) -> None:
        """Let the handle go."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _at(self, name: str) -> str | Path:
        return name if self._handle is not None else self.path / name

    def names(self) -> list[str]:
        """Return the names of what is in it."""
        return os.listdir(self.path if self._handle is None else self._handle)  # noqa: PTH208  (a Path has no handle)

    def open(self, name: str, flags: int) -> int:
        """Open a file in it, for its user alone where it is made."""
        return os.open(self._at(name), flags | _ALWAYS, 0o600, dir_fd=self._handle)

    def remove(self, name: str) -> None:
        """Take a file or a link away, if it is there and may be removed."""
        with contextlib.suppress(OSError):
            os.unlink(self._at(name), dir_fd=self._handle)

    def free(self) -> int:
        """Return the bytes that it has room for."""
        return shutil.disk_usage(self.path).free

    def publish(self, name: str, final: str, file: int) -> None:
        """Give the open `file` its final name instead of a working name, and keep that on disk.

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
        self._must_be(final, file, final)
        if self._handle is not None:
            os.fsync(self._handle)

    def _replace(self, name: str, final: str, file: int) -> None:
        """Do without hard links: an empty file takes the name, and ours takes its place."""
        try:
            os.close(self.open(final, os.O_RDWR | os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            if self.stat(final).st_size or not stat.S_ISREG(self.stat(final).st_mode):
                raise  # else it is what we left there when we were killed just here
        self._must_be(name, file, final)
        try:
            os.replace(self._at(name), self._at(final), src_dir_fd=self._handle, dst_dir_fd=self._handle)
        except OSError:
            self.remove(final)
            raise

    def stat(self, name: str) -> os.stat_result:
        """Say what a name stands for, itself and not what it may lead to."""
        return os.stat(self._at(name), dir_fd=self._handle, follow_symlinks=False)

    def _must_be(self, name: str, file: int, final: str) -> None:
        """Make sure that a name still stands for our file; where somebody has swapped it, take the final name back."""
        try:
            same = os.path.samestat(self.stat(name), os.fstat(file))
        except FileNotFoundError:
            same = False
        if not same:
            self.remove(final)
            raise FileNotFoundError(errno.ENOENT, "the unfinished film was swapped for something else")

    def in_place(self) -> bool:
        """Whether the folder is still to be found where it was opened."""
        try:
            return self._handle is None or os.path.samestat(self.path.stat(), os.fstat(self._handle))
        except OSError:
            return False
