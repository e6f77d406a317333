"""Whether the process that owns a job is alive: a lock file for each process, without clocks or process ids."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from pathlib import Path

from seedance_mcp.private_files import make_private_folder

if sys.platform == "win32":
    import msvcrt

    def lock(fd: int) -> bool:
        """Lock a file for as long as it is open; False while another process holds the lock."""
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True
else:
    import fcntl

    def lock(fd: int) -> bool:
        """Lock a file for as long as it is open; False while another process holds the lock.

        Raises:
            OSError: this file system has no locks.
        """
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class ProcessLock:
    """The lock file of this process, held as long as it lives; `id` is its name."""

    def __init__(self, folder: Path) -> None:
        """Create and hold the lock file in `folder`, which is created if it is missing.

        Raises:
            OSError: the folder cannot be written.
        """
        self._folder = folder
        self.id = secrets.token_hex(8)
        self._path = folder / self.id
        self._fd = self._create()

    def _create(self) -> int:
        make_private_folder(self._folder)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with contextlib.suppress(OSError):
            lock(fd)
        return fd

    def renew(self) -> None:
        """Create the lock file anew if it was removed, for without it other servers take this process for dead.

        Raises:
            OSError: it cannot be created.
        """
        if not self._path.exists():
            removed, self._fd = self._fd, self._create()
            os.close(removed)

    def alive(self, owner_id: str) -> bool:
        """Whether the process with this id is still running. The lock file of a dead one is removed."""
        if owner_id == self.id:  # probing one's own lock can release it
            return True
        path = self._folder / owner_id
        try:
            fd = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return False
        except OSError:  # no permission, or too many open files: nothing says that it is dead
            return True
        try:
            lives = not lock(fd)
        except OSError:  # without locks, every process counts as alive
            lives = True
        finally:
            os.close(fd)
        if not lives:
            _remove(path)
        return lives

    def release(self) -> None:
        """Release the lock, because this process ends normally."""
        os.close(self._fd)
        _remove(self._path)


def _remove(path: Path) -> None:
    """Remove a lock file. If another server has it open (Windows), it remains, which is harmless."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
