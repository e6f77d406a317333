"""Saved videos on their way to a client: as a link, as a whole, and piece by piece."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mcp_types as types
from anyio import to_thread

from seedance_mcp.errors import InvalidRequest

if TYPE_CHECKING:
    from seedance_mcp.jobs.journal.model import Job

MIME = "video/mp4"
LARGEST = 24 * 1024**2
"""Bytes of the largest video that is sent in one answer: more would be too much for clients and their logs."""
_FLAGS = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK"))


def uri(job_id: str) -> str:
    """Return the URI of a job's video."""
    return f"seedance://videos/{job_id}/content"


def link(answer: Mapping[str, Any]) -> types.ResourceLink | None:
    """Return a link to the saved video that an answer is about, if there is one; it is read only on request."""
    if not answer.get("path") or not answer.get("size_bytes") or "job_id" not in answer:
        return None
    return types.ResourceLink(
        type="resource_link",
        uri=uri(answer["job_id"]),
        name=Path(answer["path"]).name,
        mime_type=MIME,
        size=answer["size_bytes"],
        annotations=types.Annotations(audience=["user"]),
    )


async def whole(job: Job, largest: int = LARGEST) -> bytes:
    """Return a saved video of at most `largest` bytes.

    Raises:
        InvalidRequest: it is not saved, no longer there, or too large.
    """
    if job.path is None or job.size is None:
        raise InvalidRequest(f"The video of job {job.id} is not saved.", next_step="Call check_video.")
    if job.size > largest:
        raise InvalidRequest(
            f"The video of job {job.id} is {job.size / 1e6:.0f} MB, which is too large for one answer.",
            next_step=f"It is at {job.path}.",
        )
    found = await piece(job, 0, job.size)
    if found is None:
        raise missing(job)
    return found


def missing(job: Job) -> InvalidRequest:
    """Return the error for a video that is not where it was saved."""
    return InvalidRequest(
        f"{Path(job.path or '').name} is not where it was saved, or is another file now.",
        next_step=f"`seedance-mcp videos save {job.id}` downloads it again while the vendor has it.",
    )


async def piece(job: Job, offset: int, length: int) -> bytes | None:
    """Return a piece of a saved video, or None where the file that was saved is no longer there."""
    return await to_thread.run_sync(_read, Path(job.path or ""), job.size or 0, offset, length)


def _read(path: Path, size: int, offset: int, length: int) -> bytes | None:
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _FLAGS)) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size != size or file.read(8)[4:] != b"ftyp":
                return None
            file.seek(offset)
            return file.read(length)
    except OSError:
        return None
