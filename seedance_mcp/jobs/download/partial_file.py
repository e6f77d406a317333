"""A video that is being downloaded: a hidden file, locked by its writer, which can be resumed after a crash.

The file's name carries the version of the video (its host's strong ETag), so no crash can separate the two. Any process
may resume a file that no other process has locked. Without a version, nothing shows which video the bytes belong to, so
the file is removed.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import os
import re
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seedance_mcp.errors import NotAVideo, SaveError
from seedance_mcp.jobs.download.limits import LARGEST_VIDEO
from seedance_mcp.jobs.journal.process_lock import lock

if TYPE_CHECKING:
    from seedance_mcp.jobs.download.folder import VideoFolder

BOX_HEADER = 8
"""Bytes of a box's size and name; a shorter beginning cannot be recognised."""
_ABANDONED = 7 * 86_400
"""Seconds after which a partial file that was never resumed is removed."""
_BUSY = "Another seedance-mcp is downloading this video at the moment."
_SPARE = 64 * 1024**2
"""Bytes of the disk that are left free."""
_BLOCK = 1024 * 1024
_PAGE = 4096
_NAME = re.compile(r"\.([a-z0-9]+)\.([A-Za-z0-9_=-]*)\.part")
_VERSION = re.compile(r'"[!#-~]{1,120}"')
"""A strong ETag (RFC 9110, 8.8.3) that fits into a file's name."""


@dataclass(frozen=True, slots=True)
class SavedVideo:
    """A complete video on disk; `size` in bytes, `sha256` in hexadecimal."""

    path: Path
    size: int
    sha256: str


class PartialFile:
    """The bytes of a video so far, their hash, and the version of the video that they belong to."""

    def __init__(self, folder: VideoFolder, job_id: str, largest: int = LARGEST_VIDEO) -> None:
        """Resume what an earlier process left of this video, if anything; remove what cannot be used.

        Raises:
            SaveError: another process is writing it.
            OSError: the folder cannot be used.
        """
        self._folder, self._job_id, self._largest = folder, job_id, largest
        self.published = False
        self._reset()
        try:
            for name in folder.names():
                if found := _NAME.fullmatch(name):
                    self._consider(name, found[1], found[2])
        except BaseException:
            self.close(keep=True)
            raise

    def _reset(self) -> None:
        self.received, self.version = 0, ""
        self.total: int | None = None
        self._digest = hashlib.sha256()
        self._file: int | None = None
        self._name = ""

    # -- what an earlier process left -----------------------------------------------------------------------------

    def _consider(self, name: str, job_id: str, version: str) -> None:
        if job_id != self._job_id:
            with contextlib.suppress(SaveError, OSError):
                self._remove_if_abandoned(name)
            return
        if self._file is not None or (file := self._open_locked(name)) is None:
            self._folder.remove(name)
            return
        self._file, self._name = file, name
        self.version = _decode(version)
        if not self.version or not _can_be_resumed(file, self._largest):
            self.close(keep=False)
            return
        while block := os.read(file, _BLOCK):
            self._digest.update(block)
            self.received += len(block)

    def _remove_if_abandoned(self, name: str) -> None:
        """Remove the partial file of another video if it is too old to be resumed."""
        if time.time() - self._folder.stat(name).st_mtime < _ABANDONED:
            return  # not even opened: its own process may be about to lock it
        file = self._open_locked(name)
        if file is not None:
            self._folder.remove(name)
            os.close(file)

    def _open_locked(self, name: str) -> int | None:
        """Open and lock a file; None if it cannot be one of ours.

        Raises:
            SaveError: another process has locked it.
        """
        try:
            file = self._folder.open(name, os.O_RDWR)
        except OSError:
            return None
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            return None
        if not _locked(file):
            os.close(file)
            raise SaveError(_BUSY)
        return file

    # -- writing --------------------------------------------------------------------------------------------------

    def expect(self, total: int | None) -> None:
        """Set the size of the whole video in bytes, where the host states it.

        Raises:
            NotAVideo: it is too large.
            SaveError: the disk has no room for it.
        """
        self.total = total
        if total is None:
            return
        if total > self._largest:
            raise NotAVideo(
                f"The video's host states a size of {total / 1e9:.1f} GB; the limit is {self._largest / 1e9:.1f} GB."
            )
        if total - self.received + _SPARE > self._folder.free():
            raise SaveError(f"There is no room for {total / 1e6:.0f} MB in {self._folder.path}.")

    def append(self, block: bytes | bytearray) -> None:
        """Write what arrived next.

        Raises:
            NotAVideo: it is not the beginning of an mp4, or the file becomes too large.
            OSError: the disk is full or broken.
        """
        if self._folder.free() < _SPARE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.received == 0 and block[4:BOX_HEADER] != b"ftyp":
            raise NotAVideo("The video's link returned something that is not an mp4 file.")
        if self.received + len(block) > self._largest:
            raise NotAVideo(f"The video is larger than the limit of {self._largest / 1e9:.1f} GB.")
        file = self._file if self._file is not None else self._begin()
        view = memoryview(block)
        while view:
            written = os.write(file, view)
            self._digest.update(view[:written])
            self.received += written
            view = view[written:]

    def _begin(self) -> int:
        self._name = f".{self._job_id}.{_encode(self.version)}.part"
        try:
            self._file = self._folder.open(self._name, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            raise SaveError(f"{self._name} is in the way in {self._folder.path}.") from None
        if not _locked(self._file):
            self.close(keep=True)
            raise SaveError(_BUSY)
        return self._file

    def restart(self, version: str = "") -> None:
        """Discard all bytes, and begin with a video of this version."""
        self.close(keep=False)
        self.version = version if _VERSION.fullmatch(version) else ""

    def ends_with_a_box(self) -> bool:
        """Whether the last box of the mp4 ends within the file: the only sign of its end where no size is stated."""
        place = 0
        while self._file is not None and self.received - place >= BOX_HEADER:
            os.lseek(self._file, place, os.SEEK_SET)
            head = os.read(self._file, 2 * BOX_HEADER)
            os.lseek(self._file, 0, os.SEEK_END)
            size = int.from_bytes(head[:4])
            if size == 1:  # the actual size follows the name
                size = int.from_bytes(head[BOX_HEADER:])
            if size < BOX_HEADER:  # 0 means "to the end of the file"; anything else is not a box
                return True
            place += size
        return place <= self.received

    def publish(self, names: tuple[str, ...]) -> SavedVideo:
        """Give the video the first of these names that is free, or already has exactly this video.

        Raises:
            SaveError: all of them are taken.
            OSError: the disk is full or broken.
        """
        if self._file is None:
            raise NotAVideo("The video's link returned an empty file.")
        os.fsync(self._file)
        if not self._folder.in_place():
            raise SaveError(f"{self._folder.path} was moved or replaced during the download.")
        for final in names:
            try:
                self._folder.publish(self._name, final, self._file)
            except FileExistsError:
                if not self._is_at(final):
                    continue
            self.published = True
            return SavedVideo(self._folder.path / final, self.received, self._digest.hexdigest())
        raise SaveError(f"{self._folder.path} already has a file named {names[-1]}.")

    def _is_at(self, final: str) -> bool:
        """Whether a file is exactly this video: a server was killed after publishing it and before recording that."""
        try:
            with os.fdopen(self._folder.open(final, os.O_RDONLY), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    return False
                return hashlib.file_digest(file, "sha256").digest() == self._digest.digest()
        except OSError:  # a link, or a folder
            return False

    def close(self, *, keep: bool) -> None:
        """Close the file, and remove it unless `keep` is true and its version is known, so that it can be resumed."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.close(self._file)
            if not (keep and self.version) or self.published:
                self._folder.remove(self._name)
        self._reset()


def _encode(version: str) -> str:
    return base64.urlsafe_b64encode(version.encode()).decode()


def _decode(code: str) -> str:
    """Return the version that a file's name carries; empty if it carries none."""
    try:
        version = base64.urlsafe_b64decode(code).decode("ascii")
    except ValueError:
        return ""
    return version if _VERSION.fullmatch(version) and _encode(version) == code else ""


def _can_be_resumed(file: int, largest: int) -> bool:
    """Whether a file is the beginning of a video; zeros at its end, which a power cut leaves, are cut off."""
    found = os.fstat(file)
    if found.st_nlink != 1 or found.st_size > largest:  # with two names it is published, and must not change
        return False
    size = found.st_size
    while size > 0:
        page = (size - 1) // _PAGE * _PAGE
        os.lseek(file, page, os.SEEK_SET)
        used = len(os.read(file, size - page).rstrip(b"\0"))
        size = page + used
        if used:
            break
    os.ftruncate(file, size)
    os.lseek(file, 0, os.SEEK_SET)
    is_mp4 = os.read(file, BOX_HEADER)[4:] == b"ftyp"
    os.lseek(file, 0, os.SEEK_SET)
    return is_mp4


def _locked(file: int) -> bool:
    """Lock a file; on a file system without locks, only the journal's claim keeps other processes away."""
    try:
        return lock(file)
    except OSError:
        return True
