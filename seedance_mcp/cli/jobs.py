"""Jobs as commands name, show and judge them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedance_mcp import views
from seedance_mcp.errors import UnknownJob
from seedance_mcp.jobs.journal.model import UNFINISHED
from seedance_mcp.sanitize import clean
from seedance_mcp.vendors import known_vendors

if TYPE_CHECKING:
    from seedance_mcp.jobs.journal.model import Job
    from seedance_mcp.jobs.service import JobService
    from seedance_mcp.settings import Settings

LIST = "`seedance-mcp videos` lists the jobs."
DONE, FAILED, UNFINISHED_CODE, UNKNOWN = 0, 1, 3, 4
"""The exit codes of `create` and `check`."""


async def find_job(service: JobService, text: str) -> Job:
    """Return the job with this id, or the only one whose id begins or ends with the text.

    Raises:
        UnknownJob: there is none, or more than one.
    """
    try:
        return await service.find(text)
    except UnknownJob as error:
        ambiguous = "could be any of" in error.sentence
        raise UnknownJob(error.sentence, next_step=error.next_step if ambiguous else LIST) from None


def on_disk(job: Job) -> Path | None:
    """Return the path of a job's saved video, if the file is there."""
    path = Path(job.path) if job.path else None
    return path if path and path.is_file() else None


def is_blocked(job: Job) -> bool:
    """Whether something that is not a file is in the place of a job's saved video."""
    return bool(job.path) and not on_disk(job) and os.path.lexists(job.path or "")


def fields(job: Job, settings: Settings) -> dict[str, Any]:
    """Return all that is known about a job."""
    mark = {"sandbox": True} if settings.sandbox else {}
    known = views.record(job) | views.video(job, known_vendors().get(job.vendor))
    return mark | known | {"prompt": clean(job.prompt)}


def exit_code(job: Job) -> int:
    """Return what `create` and `check` end with."""
    if job.state == "unknown":
        return UNKNOWN
    if job.state in UNFINISHED:
        return UNFINISHED_CODE
    return DONE if job.state == "succeeded" else FAILED


def no_key_here(vendor: str, settings: Settings) -> str:
    """Say that a vendor has no key as far as a command can see; the configuration of a client is not read here."""
    return (
        f"no API key for {vendor} is set here: neither in this environment nor in {settings.settings_file} "
        "(what a client passes to its server is not visible to commands)"
    )


def needs_sandbox(settings: Settings) -> bool:
    """Whether other commands would not be in the sandbox by themselves, as after `seedance-mcp demo`."""
    return settings.sandbox and settings.values.get("SEEDANCE_SANDBOX", "").casefold() not in {"1", "true", "yes", "on"}
