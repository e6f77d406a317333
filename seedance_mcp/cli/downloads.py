"""`seedance-mcp videos save` and `open`: they download videos even if the server that created them has ended."""

from __future__ import annotations

import logging
import math
import sys
from functools import partial
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from seedance_mcp.cli.jobs import LIST, find_job, is_blocked, no_key_here, on_disk
from seedance_mcp.cli.opener import play
from seedance_mcp.cli.progress_bars import Bars
from seedance_mcp.errors import SaveError, SeedanceError, UnknownJob
from seedance_mcp.jobs.journal.model import OPEN, UNFINISHED
from seedance_mcp.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from seedance_mcp.jobs.journal.model import Job
    from seedance_mcp.jobs.service import JobService, Progress
    from seedance_mcp.settings import Settings

log = logging.getLogger(__name__)


async def download(service: JobService, ids: Sequence[str], *, wait: bool) -> int:
    """Download videos, several at a time, and print their paths; returns the exit code."""
    paths: dict[str, Path | None] = {}
    failed = False
    try:
        with Bars() as bars:
            jobs, failed = await _wanted(service, ids, bars)
            paths = dict.fromkeys((job.id for job in jobs), None)
            downloads = _Downloads(service, bars, wait=wait)

            async def one(job: Job) -> None:
                nonlocal failed
                try:
                    paths[job.id] = await downloads.path(job)
                except SeedanceError as error:
                    bars.print(f"{job.id}: {error.sentence} {error.next_step}".rstrip())
                    failed |= bool(ids) or not isinstance(error, _NotYet)
                except Exception:
                    log.exception("saving job %s failed", job.id)  # a problem with one video must not end the others
                    bars.print(f"{job.id}: The video could not be saved; the log above says why.")
                    failed = True

            async with anyio.create_task_group() as group:
                for job in jobs:
                    group.start_soon(one, job)
    except anyio.get_cancelled_exc_class():
        print("Stopped. What has arrived is kept; the same command continues from there.", file=sys.stderr)
        raise
    finally:
        for path in filter(None, paths.values()):
            print(path)
    if not ids and not jobs:
        print("Every video in the journal is on disk.", file=sys.stderr)
    return 1 if failed else 0


async def open_video(service: JobService, text: str | None) -> int:
    """Open the video of a job, or the newest one, in the system's player; returns the exit code."""
    if text is None:
        newest = (await service.page(("succeeded",), 1)).jobs
        if not newest:
            raise UnknownJob("No job has succeeded yet, so there is no video to open.", next_step=LIST)
        job = newest[0]
    else:
        job = await find_job(service, text)
    with Bars() as bars:
        path = await _Downloads(service, bars, wait=False).path(job)
    print(path)
    if problem := await to_thread.run_sync(play, path):
        print(f"seedance-mcp: {problem}", file=sys.stderr)
    return 1 if problem else 0


async def _wanted(service: JobService, ids: Sequence[str], bars: Bars) -> tuple[list[Job], bool]:
    """Return the jobs with these ids (or all whose video is missing), and whether an id was not found."""
    if not ids:
        jobs = await service.in_states(("succeeded", *OPEN))
        return [job for job in jobs if job.open or not on_disk(job)], False
    found: dict[str, Job] = {}
    failed = False
    for text in ids:
        try:
            job = await find_job(service, text)
        except UnknownJob as error:
            bars.print(f"{error.sentence} {error.next_step}")
            failed = True
        else:
            found[job.id] = job
    return list(found.values()), failed


class _NotYet(SaveError):
    """The vendor is still working on the video."""


class _Downloads:
    """Downloads videos and shows the progress."""

    def __init__(self, service: JobService, bars: Bars, *, wait: bool) -> None:
        self._service, self._bars, self._wait = service, bars, wait

    async def path(self, job: Job) -> Path:
        """Return the path of a job's video, which is downloaded first if it is not there.

        Raises:
            SaveError: it cannot be downloaded; says what to do.
            JournalError: the journal cannot be used.
        """
        if path := on_disk(job):
            return path
        configured = self._service.settings.vendor(job.vendor) is not None
        try:
            if self._wait and configured:
                job = await self._service.wait(job.id, math.inf, self._show)
            else:
                job = await self._service.wait(job.id, 0)
            if job.state != "succeeded":
                raise _no_video(job, self._service.settings)
            job = await self._saved(job)
        finally:
            self._bars.ended(job.id)
        if path := on_disk(job):
            return path
        if is_blocked(job):
            raise SaveError(f"{job.path} is no longer a video.", next_step="Move what is there out of the way.")
        raise SaveError(
            "Another seedance-mcp is downloading it.", next_step="`seedance-mcp videos` shows when it is saved."
        )

    async def _show(self, progress: Progress) -> None:
        self._bars.waiting(progress.job.id, progress.job.state, progress.elapsed, progress.expected)

    async def _saved(self, job: Job) -> Job:
        try:
            job = await self._service.download(job, partial(self._bars.downloading, job.id))
        except SaveError as error:
            raise SaveError(error.sentence, next_step=f"`seedance-mcp videos save {job.id}` tries again.") from None
        return job if on_disk(job) else await self._service.get(job.id)


def _no_video(job: Job, settings: Settings) -> SaveError:
    """Say why a job has no video, and what to do."""
    if job.state in UNFINISHED and settings.vendor(job.vendor) is None:
        return SaveError(
            f"It was {job.state} and cannot be polled, because {no_key_here(job.vendor, settings)}.",
            next_step=f"`seedance-mcp keys set {job.vendor}` stores the key for both.",
        )
    if job.state in UNFINISHED:
        wait = f"`seedance-mcp videos save {job.id} --wait` waits for it."
        return _NotYet(f"It is {job.state}, so there is no video yet.", next_step=wait)
    reason = clean(job.error_message or "")
    if job.state == "unknown":
        resolve = f"`seedance-mcp videos resolve {job.id}"
        settle = f"Check the vendor's website, then run {resolve} --task-id TASK_ID` or {resolve} --not-charged`."
        return SaveError("It is unknown whether the vendor accepted this job.", next_step=settle)
    return SaveError(f"It ended as {job.state}, so there is no video{f' ({reason})' if reason else ''}.", next_step="")
