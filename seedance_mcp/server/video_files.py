"""Saved films on their way to a client: as a link that says what it leads to, and piece by piece when asked for."""

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
SINCE = "2025-06-18"
"""The first protocol revision with links in answers; clients of older ones may refuse an answer with one."""
WHOLE = 24 * 1024**2
"""Bytes of the largest film that is given in one answer: larger ones would be too much for clients and their logs."""
_OPENING = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK"))


def uri(job_id: str) -> str:
    """Return the address of a job's film."""
    return f"seedance://videos/{job_id}/content"


def link(answer: Mapping[str, Any]) -> types.ResourceLink | None:
    """Return the film that an answer tells of as a link, if it is saved; it is read only when asked for."""
    if not answer.get("path") or not answer.get("size_bytes"):
        return None
    return types.ResourceLink(
        type="resource_link",
        uri=uri(answer["job_id"]),
        name=Path(answer["path"]).name,
        mime_type=MIME,
        size=answer["size_bytes"],
        annotations=types.Annotations(audience=["user"]),
    )


async def whole(job: Job) -> bytes:
    """Return a saved film.

    Raises:
        InvalidRequest: it is not saved, not there any more, or too large.
    """
    if job.path is None or job.size is None:
        raise InvalidRequest(f"The film of job {job.id} is not saved.", next_step="Call check_video.")
    if job.size > WHOLE:
        raise InvalidRequest(
            f"The film of job {job.id} has {job.size / 1e6:.0f} MB, too many for one answer.",
            next_step=f"It is at {job.path}.",
        )
    found = await piece(job, 0, job.size)
    if found is None:
        raise gone(job)
    return found


def gone(job: Job) -> InvalidRequest:
    """Say that a film is not where it was saved."""
    return InvalidRequest(
        f"{Path(job.path or '').name} is not where it was saved, or is another file now.",
        next_step=f"`seedance-mcp videos save {job.id}` brings it back while the vendor has it.",
    )


async def piece(job: Job, offset: int, length: int) -> bytes | None:
    """Return a piece of a saved film, or None where the film that was saved is there no longer."""
    return await to_thread.run_sync(_read, Path(job.path or ""), job.size or 0, offset, length)


def _read(path: Path, size: int, offset: int, length: int) -> bytes | None:
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _OPENING)) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size != size or file.read(8)[4:] != b"ftyp":
                return None
            file.seek(offset)
            return file.read(length)
    except OSError:
        return None
