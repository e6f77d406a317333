"""Videos, jobs and hosts that the tests of downloads share."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from seedance_mcp.jobs.download.timing import DEFAULT, DownloadTiming
from seedance_mcp.jobs.download.transfer import SavedVideo, download_video
from seedance_mcp.jobs.journal.model import Job
from seedance_mcp.vendors import known_vendors
from seedance_mcp.web import Web
from tests.http_host import Answer, Host, Reply, Request, hosting, settings_for

MB = 1024 * 1024
HEAD = b"\0\0\0\x10ftypisom\0\0\0\0"
BODY = (8 + 3 * MB).to_bytes(4) + b"mdat"
VIDEO = HEAD + BODY + bytes(range(256)) * (3 * MB // 256)
OTHER = HEAD + BODY + bytes(reversed(range(256))) * (3 * MB // 256)
VIDEO_TYPE = {"content-type": "video/mp4"}
JOB_ID = "abcdefgh2345"
DAY = 86_400.0 * 20_000


def succeeded_job(prompt: str = "Neon street", url: str | None = None) -> Job:
    """Return a job whose video can be downloaded from `url`."""
    return Job(
        id=JOB_ID, state="succeeded", vendor="12ai", model="12ai/seedance-2-official", request={"prompt": prompt},
        request_hash="", created_at=DAY, updated_at=DAY, owner="", day="", task_id="task-1", url=url,
    )  # fmt: skip


async def save(
    folder: Path, answer: Answer, prompt: str = "Neon street", timing: DownloadTiming = DEFAULT
) -> tuple[SavedVideo, Host]:
    """Download a video from a host that answers like this; return the video and the host."""
    async with hosting(answer) as host:
        web = Web(settings_for(folder, "12ai", host.origin))
        job = succeeded_job(prompt, f"{host.origin}/video.mp4")
        try:
            video = await download_video(job, known_vendors()["12ai"], web, folder / "videos", timing=timing)
        finally:
            await web.aclose()
    return video, host


def always(body: bytes = VIDEO, status: int = 200, length: int | None = -1, **headers: str) -> Answer:
    """Give the same answer to every request."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: Reply(body, status, VIDEO_TYPE | named, length)


def first_then(first: Reply, later: Callable[[Request], Reply]) -> Answer:
    """Give one answer to the first request, and another to each later one."""
    answers = iter([first])
    return lambda request: next(answers, None) or later(request)


def honest(video: bytes, etag: str) -> Callable[[Request], Reply]:
    """Answer Range and If-Range as RFC 9110 specifies."""

    def answer(request: Request) -> Reply:
        start = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        if start is None or request.headers.get("if-range") != etag:
            return Reply(video, 200, VIDEO_TYPE | {"etag": etag})
        return part(video, int(start[1]), etag)

    return answer


def part(video: bytes, first: int, etag: str, end: int | None = None, *, total: bool = True) -> Reply:
    """Return the bytes from `first` to before `end`; without `total`, the size of the whole is `*`."""
    body = video[first:end]
    size = len(video) if total else "*"
    return Reply(
        body, 206, VIDEO_TYPE | {"etag": etag, "content-range": f"bytes {first}-{first + len(body) - 1}/{size}"}
    )


def is_exactly(video: SavedVideo, content: bytes) -> bool:
    """Whether the file on disk, hashed anew, and what was reported of it are the content."""
    digest = hashlib.sha256(content).hexdigest()
    with video.path.open("rb") as file:
        on_disk = hashlib.file_digest(file, "sha256").hexdigest()
    return (video.size, video.sha256) == (len(content), digest) and on_disk == digest
