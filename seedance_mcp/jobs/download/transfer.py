"""Downloads one video: checked, never over another file, and under its final name only when it is complete."""

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
from seedance_mcp.jobs.download.folder import VideoFolder
from seedance_mcp.jobs.download.limits import LARGEST_VIDEO
from seedance_mcp.jobs.download.partial_file import BOX_HEADER, PartialFile, SavedVideo
from seedance_mcp.jobs.download.timing import DEFAULT

if TYPE_CHECKING:
    from pathlib import Path

    from seedance_mcp.jobs.download.timing import DownloadTiming
    from seedance_mcp.jobs.journal.model import Job
    from seedance_mcp.vendors.vendor import Call, Vendor
    from seedance_mcp.web import Web

_EXPIRED = {401, 403, 404, 410}
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19}|\*)")
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,40}")
_FILE_TYPES = {
    "application/octet-stream",
    "binary/octet-stream",
    "application/mp4",
    "application/x-download",
    "application/force-download",
}
"""Types that hosts give to any file; its first bytes then decide."""

OnProgress = Callable[[int, int | None], None]
"""Gets the bytes so far and, where known, in all."""


class _Interrupted(Exception):
    """The connection ended before the video was complete; what arrived is kept, and the rest is requested."""


async def download_video(
    job: Job,
    vendor: Vendor,
    web: Web,
    folder: Path,
    on_progress: OnProgress | None = None,
    timing: DownloadTiming = DEFAULT,
    largest: int = LARGEST_VIDEO,
) -> SavedVideo:
    """Download the video of a succeeded job into `folder`, resuming what an earlier attempt left there.

    `largest` is the most bytes that it may have.

    Raises:
        LinkExpired: the link no longer works.
        SaveError: anything else; no incomplete file is ever under a final name.
    """
    source = (
        job.url
        if job.url is not None
        else (vendor.build_download(job.task_id or "") if vendor.build_download else None)
    )
    if source is None:
        raise SaveError("The vendor says the video is finished, but has not given a link to it yet.")
    home: VideoFolder | None = None
    partial: PartialFile | None = None
    keep = True
    try:
        home = await to_thread.run_sync(VideoFolder, folder)
        partial = await to_thread.run_sync(PartialFile, home, job.id, largest)
        with anyio.fail_after(timing.longest):
            await _complete(partial, vendor, source, web, on_progress, timing)
        return await to_thread.run_sync(partial.publish, (file_name(job), file_name(job, id_length=len(job.id))))
    except TimeoutError:
        raise SaveError(f"The download did not finish within {timing.longest:.0f} s.") from None
    except NotAVideo:
        keep = False
        raise
    except OSError as error:
        keep = False  # a full disk is not left full
        raise SaveError(f"The video could not be written to {folder} ({error.strerror or error}).") from None
    finally:
        if partial is not None:
            partial.close(keep=keep)
        if home is not None:
            home.close()


async def _complete(
    partial: PartialFile,
    vendor: Vendor,
    source: str | Call,
    web: Web,
    on_progress: OnProgress | None,
    timing: DownloadTiming,
) -> None:
    """Fill the partial file with the whole video, resuming after each lost connection."""
    lost = 0
    while True:
        had, version = partial.received, partial.version
        resume = {"range": f"bytes={had}-", "if-range": partial.version} if had else {}
        try:
            async with web.download(vendor, source, resume) as response:
                if _is_complete(response, partial):
                    return
                _check_head(response, partial)
                await _receive(response, partial, on_progress, timing.block)
                return
        except (_Interrupted, VideoUnreachable) as error:
            reason = error.sentence if isinstance(error, VideoUnreachable) else ""
        advanced = partial.received > (had if partial.version == version else 0)
        lost = 0 if partial.version and advanced else lost + 1
        if not partial.version:  # without it, the rest could belong to another video
            partial.restart()
        if lost == timing.attempts:
            raise SaveError(reason or f"The connection was lost {timing.attempts} times during the download.")
        await anyio.sleep(timing.retry_pause * 2**lost)


async def _receive(
    response: httpx2.Response, partial: PartialFile, on_progress: OnProgress | None, block_size: int
) -> None:
    """Write the body of an answer; raise `_Interrupted` if the video is not complete then."""
    lost = await _write_body(response, partial, on_progress, block_size)
    if not partial.received and not lost:
        raise SaveError("The video's link returned an empty file.")
    in_parts = response.status_code == HTTPStatus.PARTIAL_CONTENT
    if partial.total is None and (in_parts or "transfer-encoding" not in response.headers):
        # Nothing states where the video ends: neither the close of the connection nor the end of a part does.
        lost = lost or not await to_thread.run_sync(partial.ends_with_a_box)
    if lost or (partial.total is not None and partial.received < partial.total):
        raise _Interrupted


async def _write_body(
    response: httpx2.Response, partial: PartialFile, on_progress: OnProgress | None, block_size: int
) -> bool:
    """Write what arrives, to the last byte; return whether the connection was lost."""
    unwritten, lost = bytearray(), False
    try:
        # Not in blocks that httpx2 makes: it drops an unfinished block when the connection is lost.
        async for chunk in response.aiter_raw():
            unwritten += chunk
            if len(unwritten) >= block_size:
                block, unwritten = unwritten, bytearray()  # if writing fails, nothing is written twice
                await to_thread.run_sync(partial.append, block)
                if on_progress:
                    on_progress(partial.received, partial.total)
    except (httpx2.HTTPError, httpx2.StreamError):
        lost = True
    finally:
        with anyio.CancelScope(shield=True):  # at a time-out or a stop, what arrived is kept all the same
            if len(unwritten) >= BOX_HEADER or (unwritten and not lost):
                await to_thread.run_sync(partial.append, unwritten)
    if on_progress:
        on_progress(partial.received, partial.total)
    return lost


def _is_complete(response: httpx2.Response, partial: PartialFile) -> bool:
    """Whether the host says that nothing is missing: a server was killed after the last byte had arrived."""
    if response.status_code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not partial.received:
        return False
    same = response.headers.get("etag", partial.version).removeprefix("W/") == partial.version
    if same and response.headers.get("content-range", "") == f"bytes */{partial.received}":
        return True
    partial.restart()
    raise _Interrupted


def _check_head(response: httpx2.Response, partial: PartialFile) -> None:
    """Check the head of an answer, and prepare the partial file for its body."""
    status = response.status_code
    if status in _EXPIRED:
        raise LinkExpired(f"The video's link no longer works (HTTP {status}).")
    if status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
        raise SaveError(f"The video's host answered HTTP {status}.")
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and not kind.startswith("video/") and kind not in _FILE_TYPES:
        found = kind if _MEDIA_TYPE.fullmatch(kind) else "something else"
        raise SaveError(f"The video's link leads to {found} instead of a video.")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise SaveError("The video's host sent it compressed, which is not supported.")
    partial.expect(_position(response, partial))


def _position(response: httpx2.Response, partial: PartialFile) -> int | None:
    """Make sure that the body continues the partial file, or restart the file; return the video's size, if stated."""
    tag = response.headers.get("etag", "")
    tag = "" if tag.startswith("W/") else tag
    length = response.headers.get("content-length", "")
    if response.status_code == HTTPStatus.OK:
        partial.restart(tag)
        return int(length) if length.isdecimal() else None
    found = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
    first, last = (int(found[1]), int(found[2])) if found else (-1, -1)
    total = int(found[3]) if found and found[3] != "*" else None
    fits = first == partial.received <= last < (last + 1 if total is None else total)
    same = not partial.received or (tag in {"", partial.version} and partial.total in {None, total})
    if partial.received and not (fits and same):
        partial.restart()  # it cannot continue what is here, so the whole video is requested
        raise _Interrupted
    if not fits:
        raise NotAVideo("The video's host sent a different byte range from the one requested.")
    if not partial.received:
        partial.restart(tag)
    return total


_WORD = re.compile(r"[^\W_]+")
_LONGEST_NAME, _MOST_WORDS = 32, 5
_RESERVED = {"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10))}


def file_name(job: Job, *, id_length: int = 4) -> str:
    """Name a video after its day, its prompt and the end of its job's id: 2026-11-20-neon-street-7kq2.mp4."""
    return named(job.created_at, job.prompt, job.id[-id_length:])


def named(day: float, prompt: str, *ending: str) -> str:
    """Return the name of a file with a video: its day (in Unix seconds), words of its prompt, and an ending."""
    words: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFC", prompt.casefold())):
        if word in _RESERVED or sum(map(len, words)) + len(word) > _LONGEST_NAME:
            break
        words.append(word)
        if len(words) == _MOST_WORDS:
            break
    return "-".join([time.strftime("%Y-%m-%d", time.localtime(day)), *words, *ending]) + ".mp4"
