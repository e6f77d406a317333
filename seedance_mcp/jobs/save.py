"""Bring a finished film to disk: checked, whole, never over another file, and under its final name only when it is."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import time
import unicodedata
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import httpx2
from anyio import to_thread

from seedance_mcp.errors import SaveError

if TYPE_CHECKING:
    from collections.abc import Callable

    from seedance_mcp.jobs.journal import Job
    from seedance_mcp.vendors.vendor import Call, Vendor
    from seedance_mcp.web import Web

LARGEST = 2 * 1024**3
LONGEST = 900.0
"""Seconds that one download may take in all."""
TRIES = 4
_SPARE = 64 * 1024**2
_GONE = {401, 403, 404, 410}
_BLOCK = 1024 * 1024
# Without O_BINARY, Windows would change every line feed in a film.
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_RANGE = re.compile(r"bytes ([0-9]+)-[0-9]+/([0-9]+|\*)")


class LinkExpired(SaveError):
    """The host says that the link is no longer good: the vendor may give a fresh one."""


@dataclass(frozen=True, slots=True)
class Film:
    """A film on disk."""

    path: Path
    size: int
    sha256: str


class _Cut(Exception):
    """The connection ended before the film did; what came is kept and the rest asked for."""


async def save(
    job: Job, vendor: Vendor, web: Web, folder: Path, progress: Callable[[int, int | None], None] | None = None
) -> Film:
    """Download the film of a succeeded job into `folder`; `progress` is told the bytes so far and in all.

    Raises:
        LinkExpired: the link no longer works.
        SaveError: anything else, as a sentence; no partial file is left under a final name.
    """
    source = job.url if job.url is not None else (vendor.film(job.task_id or "") if vendor.film else None)
    if source is None:
        raise SaveError("The vendor says the film is done and gives no link to it yet.")
    part: _Part | None = None
    try:
        part = await to_thread.run_sync(_Part, folder, job)
        with anyio.fail_after(LONGEST):
            await _fill(part, vendor, source, web, progress)
        return await to_thread.run_sync(part.publish, job)
    except TimeoutError:
        raise SaveError(f"The film was not here after {LONGEST:.0f} s.") from None
    except OSError as error:
        raise SaveError(f"The film could not be written to {folder} ({error.strerror or error}).") from None
    finally:
        if part is not None:
            part.discard()


async def _fill(
    part: _Part, vendor: Vendor, source: str | Call, web: Web, progress: Callable[[int, int | None], None] | None
) -> None:
    """Bring the whole film into the part file, going on where a lost connection left off."""
    for attempt in range(TRIES):
        resume = {"range": f"bytes={part.received}-", "if-range": part.version} if part.received else {}
        try:
            async with web.film(vendor, source, resume) as response:
                if part.received and response.status_code != HTTPStatus.PARTIAL_CONTENT:
                    part.restart()
                total = _checked(response, part)
                await _receive(response, part, total, progress)
                return
        except _Cut:
            if not part.version:  # without it, the rest could be of another film
                part.restart()
            await anyio.sleep(0.2 * attempt)
    raise SaveError(f"The connection was lost {TRIES} times while the film was coming.")


async def _receive(
    response: httpx2.Response, part: _Part, total: int | None, progress: Callable[[int, int | None], None] | None
) -> None:
    try:
        async for block in response.aiter_raw(_BLOCK):
            await to_thread.run_sync(part.append, block)
            if progress:
                progress(part.received, total)
    except (httpx2.HTTPError, httpx2.StreamError):
        raise _Cut from None
    if total is not None and part.received < total:
        raise _Cut
    if not part.received:
        raise SaveError("The film's link gave an empty file.")


def _checked(response: httpx2.Response, part: _Part) -> int | None:
    """Look at the head of an answer; return the film's whole size if it is known."""
    status = response.status_code
    if status in _GONE:
        raise LinkExpired(f"The film's link no longer works (HTTP {status}).")
    if status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
        raise SaveError(f"The film's host answered HTTP {status}.")
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and not kind.startswith("video/") and kind not in {"application/octet-stream", "binary/octet-stream"}:
        raise SaveError(f"The film's link leads to {kind} instead of a video.")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise SaveError("The film came compressed, which a film never is.")
    tag = response.headers.get("etag", "")
    length = response.headers.get("content-length", "")
    total = part.received + int(length) if length.isdecimal() else None
    if status == HTTPStatus.PARTIAL_CONTENT:
        found = _RANGE.fullmatch(response.headers.get("content-range", ""))
        if not found or int(found[1]) != part.received or (part.received and tag not in {"", part.version}):
            raise SaveError("The film's host sent another part than asked for.")
        total = total if found[2] == "*" else int(found[2])
    part.version = "" if tag.startswith("W/") else tag or part.version
    if total is not None and total > LARGEST:
        raise SaveError(f"The film is said to be {total / 1e9:.1f} GB; at most {LARGEST / 1e9:.1f} GB are taken.")
    if total is not None and total - part.received + _SPARE > shutil.disk_usage(part.folder).free:
        raise SaveError(f"There is no room for {total / 1e6:.0f} MB in {part.folder}.")
    return total


class _Part:
    """The file under way: its bytes so far, and what they hash to."""

    def __init__(self, folder: Path, job: Job) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.received = 0
        self.version = ""
        self._digest = hashlib.sha256()
        for left in folder.glob(f".{job.id}.*.part"):  # by a server that was killed
            left.unlink(missing_ok=True)
        # A name of its own: should two servers ever save one film, neither can publish what the other is writing.
        self._path = folder / f".{job.id}.{secrets.token_hex(4)}.part"
        self._file = os.open(self._path, _FLAGS, 0o600)

    def append(self, block: bytes) -> None:
        if self.received == 0 and block[4:8] != b"ftyp":
            raise SaveError("What the film's link gave is not an mp4.")
        if self.received + len(block) > LARGEST:
            raise SaveError(f"The film is larger than {LARGEST / 1e9:.1f} GB.")
        self._digest.update(block)
        view = memoryview(block)
        while view:
            view = view[os.write(self._file, view) :]
        self.received += len(block)

    def restart(self) -> None:
        os.ftruncate(self._file, 0)
        os.lseek(self._file, 0, os.SEEK_SET)
        self.received, self.version, self._digest = 0, "", hashlib.sha256()

    def publish(self, job: Job) -> Film:
        """Give the film its name. A link fails where a file exists, so nothing is ever overwritten."""
        os.fsync(self._file)
        for name in (file_name(job), file_name(job, more=len(job.id))):
            final = self.folder / name
            try:
                os.link(self._path, final, follow_symlinks=False)
            except FileExistsError:
                if not self._is_in(final):
                    continue
            except OSError:  # a file system without hard links
                if final.exists():
                    if not self._is_in(final):
                        continue
                else:
                    self._path.rename(final)
            _sync_folder(self.folder)
            return Film(final, self.received, self._digest.hexdigest())
        raise SaveError(f"{self.folder} already holds a file named {file_name(job, more=len(job.id))}.")

    def _is_in(self, final: Path) -> bool:
        """Whether a file is this very film: a server was killed after it named the film and before it said so."""
        if final.is_symlink() or final.stat().st_size != self.received:
            return False
        with final.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest() == self._digest.digest()

    def discard(self) -> None:
        """Close the file and take its working name away; a published film keeps its own."""
        with contextlib.suppress(OSError):
            os.close(self._file)
            self._path.unlink(missing_ok=True)


_WORD = re.compile(r"[^\W_]+")
_LONGEST_NAME, _MOST_WORDS = 32, 5
_RESERVED = {"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10))}


def file_name(job: Job, more: int = 4) -> str:
    """Name a film after its day, its prompt and its job: 2026-11-20-neon-street-7kq2.mp4."""
    words: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFC", job.prompt.casefold())):
        if word in _RESERVED or sum(map(len, words)) + len(word) > _LONGEST_NAME:
            break
        words.append(word)
        if len(words) == _MOST_WORDS:
            break
    day = time.strftime("%Y-%m-%d", time.localtime(job.created_at))
    return "-".join([day, *words, job.id[-more:]]) + ".mp4"


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # Windows opens no folders, and needs no such call
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
