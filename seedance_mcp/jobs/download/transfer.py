"""Bring a finished film to disk: checked, whole, never over another file, and under its final name only when it is."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

import anyio
import httpx2
from anyio import to_thread

from seedance_mcp.errors import LinkExpired, NotAVideo, SaveError, VideoUnreachable
from seedance_mcp.jobs.download.folder import Folder
from seedance_mcp.jobs.download.partial_file import HEAD, PartialFile, SavedVideo

if TYPE_CHECKING:
    from pathlib import Path

    from seedance_mcp.jobs.journal.model import Job
    from seedance_mcp.vendors.vendor import Call, Vendor
    from seedance_mcp.web import Web

LONGEST = 900.0
"""Seconds that one download may take in all; what came until then is kept, and the rest asked for later."""
TRIES = 4
"""Connections in a row that may be lost without a single byte more."""
_GONE = {401, 403, 404, 410}
_BLOCK = 1024 * 1024
_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19}|\*)")
_KIND = re.compile(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,40}")

Progress = Callable[[int, int | None], None]
"""Is told the bytes so far, and in all where that is known."""


class _Interrupted(Exception):
    """The connection ended before the film did; what came is kept and the rest asked for."""


async def save(job: Job, vendor: Vendor, web: Web, folder: Path, progress: Progress | None = None) -> SavedVideo:
    """Download the film of a succeeded job into `folder`, going on with what an earlier try left there.

    Raises:
        LinkExpired: the link no longer works.
        SaveError: anything else, as a sentence; no partial file is ever under a final name.
    """
    source = (
        job.url
        if job.url is not None
        else (vendor.build_download(job.task_id or "") if vendor.build_download else None)
    )
    if source is None:
        raise SaveError("The vendor says the film is done and gives no link to it yet.")
    home: Folder | None = None
    partial: PartialFile | None = None
    keep = True
    try:
        home = await to_thread.run_sync(Folder, folder)
        partial = await to_thread.run_sync(PartialFile, home, job.id)
        with anyio.fail_after(LONGEST):
            await _fill(partial, vendor, source, web, progress)
        return await to_thread.run_sync(partial.publish, (file_name(job), file_name(job, more=len(job.id))))
    except TimeoutError:
        raise SaveError(f"The film was not here after {LONGEST:.0f} s.") from None
    except NotAVideo:
        keep = False
        raise
    except OSError as error:
        keep = False  # a full disk is not left full
        raise SaveError(f"The film could not be written to {folder} ({error.strerror or error}).") from None
    finally:
        if partial is not None:
            partial.close(keep=keep)
        if home is not None:
            home.close()


async def _fill(partial: PartialFile, vendor: Vendor, source: str | Call, web: Web, progress: Progress | None) -> None:
    """Bring the whole film into the part file, going on where a lost connection left off."""
    lost = 0
    while True:
        had, version = partial.received, partial.version
        resume = {"range": f"bytes={had}-", "if-range": partial.version} if had else {}
        try:
            async with web.download(vendor, source, resume) as response:
                if _is_all(response, partial):
                    return
                _check(response, partial)
                await _receive(response, partial, progress)
                return
        except (_Interrupted, VideoUnreachable) as error:
            why = error.sentence if isinstance(error, VideoUnreachable) else ""
        further = partial.received > (had if partial.version == version else 0)
        lost = 0 if partial.version and further else lost + 1
        if not partial.version:  # without it, the rest could be of another film
            partial.restart()
        if lost == TRIES:
            raise SaveError(why or f"The connection was lost {TRIES} times while the film was coming.")
        await anyio.sleep(0.1 * 2**lost)


async def _receive(response: httpx2.Response, partial: PartialFile, progress: Progress | None) -> None:
    lost = await _take(response, partial, progress)
    if not partial.received and not lost:
        raise SaveError("The film's link gave an empty file.")
    if partial.total is None and "transfer-encoding" not in response.headers:
        # Only its closing ended the answer, so a loss looks like the end.
        lost = lost or not await to_thread.run_sync(partial.ends_whole)
    if lost or (partial.total is not None and partial.received < partial.total):
        raise _Interrupted


async def _take(response: httpx2.Response, partial: PartialFile, progress: Progress | None) -> bool:
    """Write what comes, to the last byte; return whether the connection was lost."""
    come, lost = bytearray(), False
    try:
        # Not in blocks of httpx2's making: it drops what it has of a block when the connection is lost.
        async for piece in response.aiter_raw():
            come += piece
            if len(come) >= _BLOCK:
                block, come = come, bytearray()  # whatever becomes of it, it is never written twice
                await to_thread.run_sync(partial.append, block)
                if progress:
                    progress(partial.received, partial.total)
    except (httpx2.HTTPError, httpx2.StreamError):
        lost = True
    finally:
        with anyio.CancelScope(shield=True):  # the time is up, or the server stops: what came is kept all the same
            if len(come) >= HEAD or (come and not lost):
                await to_thread.run_sync(partial.append, come)
    if progress:
        progress(partial.received, partial.total)
    return lost


def _is_all(response: httpx2.Response, partial: PartialFile) -> bool:
    """Whether the host says that nothing is missing: a server was killed after the last byte had come."""
    if response.status_code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not partial.received:
        return False
    same = response.headers.get("etag", partial.version).removeprefix("W/") == partial.version
    if same and response.headers.get("content-range", "") == f"bytes */{partial.received}":
        return True
    partial.restart()
    raise _Interrupted


def _check(response: httpx2.Response, partial: PartialFile) -> None:
    """Look at the head of an answer, and make the part file ready for what comes after it."""
    status = response.status_code
    if status in _GONE:
        raise LinkExpired(f"The film's link no longer works (HTTP {status}).")
    if status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
        raise SaveError(f"The film's host answered HTTP {status}.")
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and not kind.startswith("video/") and kind not in {"application/octet-stream", "binary/octet-stream"}:
        found = kind if _KIND.fullmatch(kind) else "something else"
        raise SaveError(f"The film's link leads to {found} instead of a video.")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise SaveError("The film came compressed, which a film never is.")
    partial.expect(_joined(response, partial))


def _joined(response: httpx2.Response, partial: PartialFile) -> int | None:
    """Make sure that what comes goes on where the part file ends, or begin that anew; return the film's whole size."""
    tag = response.headers.get("etag", "")
    tag = "" if tag.startswith("W/") else tag
    length = response.headers.get("content-length", "")
    if response.status_code == HTTPStatus.OK:
        partial.restart(tag)
        return int(length) if length.isdecimal() else None
    found = _RANGE.fullmatch(response.headers.get("content-range", ""))
    first, last = (int(found[1]), int(found[2])) if found else (-1, -1)
    total = int(found[3]) if found and found[3] != "*" else None
    fits = first == partial.received <= last < (last + 1 if total is None else total)
    same = not partial.received or (tag in {"", partial.version} and partial.total in {None, total})
    if partial.received and not (fits and same):
        partial.restart()  # what is here can be of no use with it: the whole is asked for
        raise _Interrupted
    if not fits:
        raise NotAVideo("The film's host sent another part than asked for.")
    if not partial.received:
        partial.restart(tag)
    return total if total is not None else last + 1


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
