"""A film that is on its way to disk: hidden, locked by who writes it, and good for going on after a crash.

The version of the film (its host's strong ETag) is the file's name, so that no crash can part the two. Whoever finds
such a file that nobody holds goes on with it; without a version nobody can know what its bytes belong to, and it goes.
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
from seedance_mcp.jobs.journal.process_lock import lock

if TYPE_CHECKING:
    from seedance_mcp.jobs.download.folder import Folder

LARGEST = 2 * 1024**3
"""Bytes that one film may have."""
FORGOTTEN = 7 * 86_400
"""Seconds after which the beginning of a film that nobody came back for is taken away."""
_BUSY = "Another seedance-mcp is saving this film at the moment."
HEAD = 8
"""Bytes of a box's size and name, without which nothing can be told of a film's beginning."""
_SPARE = 64 * 1024**2
"""Bytes of the disk that are left to others."""
_BLOCK = 1024 * 1024
_PAGE = 4096
_NAME = re.compile(r"\.([a-z0-9]+)\.([A-Za-z0-9_=-]*)\.part")
_VERSION = re.compile(r'"[!#-~]{1,120}"')
"""A strong ETag (RFC 9110, 8.8.3) that fits into a file's name."""


@dataclass(frozen=True, slots=True)
class SavedVideo:
    """A film on disk."""

    path: Path
    size: int
    sha256: str


class PartialFile:
    """The bytes of a film so far, what they hash to, and the version that they are of."""

    def __init__(self, folder: Folder, job_id: str) -> None:
        """Go on with what an earlier process left of this film, if anything; take away what nobody can use.

        Raises:
            SaveError: another process is writing it.
            OSError: the folder cannot be used.
        """
        self._folder, self._job_id = folder, job_id
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
                self._forget(name)
            return
        if self._file is not None or (file := self._locked(name)) is None:
            self._folder.remove(name)
            return
        self._file, self._name = file, name
        self.version = _tag(version)
        if not self.version or not _may_go_on(file):
            self.close(keep=False)
            return
        while block := os.read(file, _BLOCK):
            self._digest.update(block)
            self.received += len(block)

    def _forget(self, name: str) -> None:
        """Take away what is left of another film, once it is too old for anybody to come back for it."""
        if time.time() - self._folder.stat(name).st_mtime < FORGOTTEN:
            return  # not even looked into: its own process may be about to lock it
        file = self._locked(name)
        if file is not None:
            self._folder.remove(name)
            os.close(file)

    def _locked(self, name: str) -> int | None:
        """Open a file that nobody else holds; None where there is nothing that could be one of ours."""
        try:
            file = self._folder.open(name, os.O_RDWR)
        except OSError:
            return None
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            return None
        if not _held(file):
            os.close(file)
            raise SaveError(_BUSY)
        return file

    # -- writing --------------------------------------------------------------------------------------------------

    def expect(self, total: int | None) -> None:
        """Take note of the film's whole size, where it is stated.

        Raises:
            Unfit: it is too large for a film.
            SaveError: there is no room for it.
        """
        self.total = total
        if total is None:
            return
        if total > LARGEST:
            raise NotAVideo(f"The film is said to be {total / 1e9:.1f} GB; at most {LARGEST / 1e9:.1f} GB are taken.")
        if total - self.received + _SPARE > self._folder.free():
            raise SaveError(f"There is no room for {total / 1e6:.0f} MB in {self._folder.path}.")

    def append(self, block: bytes | bytearray) -> None:
        """Write what came next.

        Raises:
            Unfit: it cannot be a film, or is too large for one.
            OSError: the disk is full or broken.
        """
        if self._folder.free() < _SPARE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.received == 0 and block[4:HEAD] != b"ftyp":
            raise NotAVideo("What the film's link gave is not an mp4.")
        if self.received + len(block) > LARGEST:
            raise NotAVideo(f"The film is larger than {LARGEST / 1e9:.1f} GB.")
        file = self._file if self._file is not None else self._begin()
        view = memoryview(block)
        while view:
            written = os.write(file, view)
            self._digest.update(view[:written])
            self.received += written
            view = view[written:]

    def _begin(self) -> int:
        self._name = f".{self._job_id}.{_code(self.version)}.part"
        try:
            self._file = self._folder.open(self._name, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            raise SaveError(f"{self._name} is in the way in {self._folder.path}.") from None
        if not _held(self._file):
            self.close(keep=True)
            raise SaveError(_BUSY)
        return self._file

    def restart(self, version: str = "") -> None:
        """Begin anew, with a film of this version."""
        self.close(keep=False)
        self.version = version if _VERSION.fullmatch(version) else ""

    def ends_whole(self) -> bool:
        """Whether the boxes of the mp4 end where the file does: all there is to go by where no length is stated."""
        place = 0
        while self._file is not None and self.received - place >= HEAD:
            os.lseek(self._file, place, os.SEEK_SET)
            head = os.read(self._file, 2 * HEAD)
            os.lseek(self._file, 0, os.SEEK_END)
            size = int.from_bytes(head[:4])
            if size == 1:  # the size proper follows the name
                size = int.from_bytes(head[HEAD:])
            if size < HEAD:  # 0 is «to the end»; anything else is no box any more
                return True
            place += size
        return place <= self.received

    def publish(self, names: tuple[str, ...]) -> SavedVideo:
        """Give the film the first of these names that is free, or already this very film's.

        Raises:
            SaveError: none of them is.
            OSError: the disk is full or broken.
        """
        if self._file is None:
            raise NotAVideo("The film's link gave an empty file.")
        os.fsync(self._file)
        if not self._folder.in_place():
            raise SaveError(f"{self._folder.path} was moved or replaced while the film was coming.")
        for final in names:
            try:
                self._folder.publish(self._name, final, self._file)
            except FileExistsError:
                if not self._is_in(final):
                    continue
            self.published = True
            return SavedVideo(self._folder.path / final, self.received, self._digest.hexdigest())
        raise SaveError(f"{self._folder.path} already holds a file named {names[-1]}.")

    def _is_in(self, final: str) -> bool:
        """Whether a file is this very film: a server was killed after it named the film and before it said so."""
        try:
            with os.fdopen(self._folder.open(final, os.O_RDONLY), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    return False
                return hashlib.file_digest(file, "sha256").digest() == self._digest.digest()
        except OSError:  # a link, or a folder
            return False

    def close(self, *, keep: bool) -> None:
        """Let go of the file. Only with `keep`, and where its version is known, somebody can go on with it later."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.close(self._file)
            if not (keep and self.version) or self.published:
                self._folder.remove(self._name)
        self._reset()


def _code(version: str) -> str:
    return base64.urlsafe_b64encode(version.encode()).decode()


def _tag(code: str) -> str:
    """Return the version that a file's name holds, or nothing where it holds none."""
    try:
        version = base64.urlsafe_b64decode(code).decode("ascii")
    except ValueError:
        return ""
    return version if _VERSION.fullmatch(version) and _code(version) == code else ""


def _may_go_on(file: int) -> bool:
    """Whether a file is the beginning of a film; the zeros that a power cut leaves at the end are cut off."""
    found = os.fstat(file)
    if found.st_nlink != 1 or found.st_size > LARGEST:  # with two names it is published, and must not change
        return False
    size = found.st_size
    while size > 0:
        place = (size - 1) // _PAGE * _PAGE
        os.lseek(file, place, os.SEEK_SET)
        audio = len(os.read(file, size - place).rstrip(b"\0"))
        size = place + audio
        if audio:
            break
    os.ftruncate(file, size)
    os.lseek(file, 0, os.SEEK_SET)
    begins = os.read(file, HEAD)[4:] == b"ftyp"
    os.lseek(file, 0, os.SEEK_SET)
    return begins


def _held(file: int) -> bool:
    """Hold a file; on a file system without locks the journal alone says who saves a film."""
    try:
        return lock(file)
    except OSError:
        return True
