"""The folder and the files of the state: no links, this user's own, and closed to others.

A user who can replace the journal decides what was paid for, and one who can read it knows every prompt. On Windows, a
user's folders are private already; only links are refused there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

_WRITABLE, _OPEN = 0o022, 0o077
"""The permissions of others that make a folder and a file unsafe."""


class NotPrivate(OSError):
    """A folder or file of the state cannot be trusted; `strerror` says why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(errno.EPERM, sentence)

    def __str__(self) -> str:
        return self.strerror or ""


def make_private_folder(path: Path) -> None:
    """Create a folder, or make sure that an existing one can be trusted.

    Raises:
        NotPrivate: it is a link, another user's, or others can write to it.
        OSError: it cannot be created.
    """
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700, parents=True)
    if problem := folder_problem(path):
        raise NotPrivate(problem)


def make_private_file(path: Path) -> None:
    """Create an empty file, or make sure that an existing one can be trusted; one that is open to others is closed.

    Raises:
        NotPrivate: it is a link, another user's, or not a file.
        OSError: it cannot be created.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    if problem := file_problem(path):
        raise NotPrivate(problem)
    if is_open_to_others(path):
        path.chmod(0o600)


def folder_problem(path: Path) -> str:
    """Return why an existing folder cannot be trusted; an empty text if it can."""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        return f"{path} is a link: set SEEDANCE_STATE_DIR to the folder that it leads to"
    if not stat.S_ISDIR(found.st_mode):
        return f"{path} is not a folder: choose another with SEEDANCE_STATE_DIR"
    if problem := _owner_problem(path, found):
        return problem
    if os.name != "nt" and found.st_mode & _WRITABLE:
        return f"other users can write to {path}: run `chmod go-w {path}`, or choose another with SEEDANCE_STATE_DIR"
    return ""


def file_problem(path: Path) -> str:
    """Return why an existing file cannot be trusted; an empty text if it can."""
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        return f"{path} is a link or not a file: put the file itself in its place"
    return _owner_problem(path, found)


def is_open_to_others(path: Path) -> bool:
    """Whether other users can read or write an existing file."""
    return os.name != "nt" and bool(path.lstat().st_mode & _OPEN)


def _owner_problem(path: Path, found: os.stat_result) -> str:
    if os.name == "nt" or found.st_uid == os.geteuid():
        return ""
    return f"{path} belongs to another user: choose another folder with SEEDANCE_STATE_DIR"
