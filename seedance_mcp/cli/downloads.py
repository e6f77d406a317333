"""`seedance-mcp videos save` and `open`: films on disk now, whatever became of the server that made them."""

from __future__ import annotations

import logging
import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from seedance_mcp.cli.opener import play
from seedance_mcp.cli.progress_bars import Bars
from seedance_mcp.errors import SaveError, SeedanceError, UnknownJob
from seedance_mcp.jobs.journal.model import OPEN, STATES, UNFINISHED
from seedance_mcp.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seedance_mcp.jobs.journal.model import Job
    from seedance_mcp.jobs.service import JobService

log = logging.getLogger(__name__)

FEWEST = 4
"""Characters of an id that may stand for it; a film's name ends in as many."""
_LIST = "`seedance-mcp videos` lists the jobs there are."


async def find_job(service: JobService, name: str) -> Job:
    """Return the job whose id a word is, or the only one whose id begins or ends in it.

    Raises:
        UnknownJob: there is none, or more than one.
    """
    name = name.strip().lower()
    if job := await service.journal.get(name):
        return job
    if len(name) < FEWEST:
        raise UnknownJob(
            f"{name[:40]!r} is too short for an id: at least {FEWEST} characters tell a job.", next_step=_LIST
        )
    jobs = await service.journal.in_states(STATES)
    found = [job for job in jobs if job.id.startswith(name) or job.id.endswith(name)]
    if not found:
        raise UnknownJob(f"There is no job {name[:40]!r}.", next_step=_LIST)
    if len(found) > 1:
        which = ", ".join(job.id for job in found)
        raise UnknownJob(f"{name!r} could be any of {which}.", next_step="Give more of the id.")
    return found[0]


def on_disk(job: Job) -> Path | None:
    """Return where a job's film is, if it is there."""
    path = Path(job.path) if job.path else None
    return path if path and path.is_file() else None


def _in_the_way(job: Job) -> bool:
    """Whether something else is where a job's film was saved."""
    return bool(job.path) and not on_disk(job) and os.path.lexists(job.path or "")


async def download(service: JobService, names: Sequence[str], *, wait: bool) -> int:
    """Bring films to disk, several at a time, and print where they are; returns the exit code."""
    paths: dict[str, Path | None] = {}
    failed = False
    try:
        with Bars() as bars:
            jobs, failed = await _wanted(service, names, bars)
            paths = dict.fromkeys((job.id for job in jobs), None)
            fetch = _Fetcher(service, bars, wait=wait)

            async def one(job: Job) -> None:
                nonlocal failed
                try:
                    paths[job.id] = await fetch.video(job)
                except SeedanceError as error:
                    bars.say(f"{job.id}: {error.sentence} {error.next_step}".rstrip())
                    failed |= bool(names) or not isinstance(error, _NotYet)
                except Exception:
                    log.exception("saving job %s failed", job.id)  # one film's trouble must not end the saving of all
                    bars.say(f"{job.id}: The film could not be saved; the log above says why.")
                    failed = True

            async with anyio.create_task_group() as group:
                for job in jobs:
                    group.start_soon(one, job)
    except anyio.get_cancelled_exc_class():
        print("Stopped. What came so far is kept; the same command goes on from there.", file=sys.stderr)
        raise
    finally:
        for path in filter(None, paths.values()):
            print(path)
    if not names and not jobs:
        print("Every film of the journal is on disk.", file=sys.stderr)
    return 1 if failed else 0


async def open_video(service: JobService, name: str | None) -> int:
    """Play the film of a job, or the newest there is; returns the exit code."""
    if name is None:
        newest = (await service.journal.page(("succeeded",), 1, None)).jobs
        if not newest:
            raise UnknownJob("No job has succeeded yet, so there is no film to open.", next_step=_LIST)
        job = newest[0]
    else:
        job = await find_job(service, name)
    with Bars() as bars:
        path = await _Fetcher(service, bars, wait=False).video(job)
    print(path)
    if why := await to_thread.run_sync(play, path):
        print(f"seedance-mcp: {why}", file=sys.stderr)
    return 1 if why else 0


async def _wanted(service: JobService, names: Sequence[str], bars: Bars) -> tuple[list[Job], bool]:
    """Return the jobs that are meant, and whether some word meant none."""
    if not names:
        jobs = await service.journal.in_states(("succeeded", *OPEN))
        return [job for job in jobs if job.open or not on_disk(job)], False
    found: dict[str, Job] = {}
    failed = False
    for name in names:
        try:
            job = await find_job(service, name)
        except UnknownJob as error:
            bars.say(f"{error.sentence} {error.next_step}")
            failed = True
        else:
            found[job.id] = job
    return list(found.values()), failed


class _NotYet(SaveError):
    """The vendor still works on it."""


class _Fetcher:
    """Brings films to disk, and says how far they are."""

    def __init__(self, service: JobService, bars: Bars, *, wait: bool) -> None:
        self._service, self._bars, self._wait = service, bars, wait

    async def video(self, job: Job) -> Path:
        """Return where a job's film is, once it is there.

        Raises:
            SaveError: it cannot be brought, and what to do about that.
            JournalError: the journal cannot be used.
        """
        if path := on_disk(job):
            return path
        try:
            job = await self._ended(await self._service.check(job.id))
            if job.state != "succeeded":
                raise _no_video(job, keyed=self._service.settings.vendor(job.vendor) is not None)
            job = await self._saved(job)
        finally:
            self._bars.ended(job.id)
        if path := on_disk(job):
            return path
        if _in_the_way(job):
            raise SaveError(f"{job.path} is not a film any more.", next_step="Move what is there out of the way.")
        raise SaveError("Another seedance-mcp is saving it.", next_step="`seedance-mcp videos` shows when it is done.")

    async def _ended(self, job: Job) -> Job:
        """Wait for a job's end, if that is wanted; the studio looks at the vendor meanwhile."""
        while self._wait and job.state in UNFINISHED and self._service.settings.vendor(job.vendor):
            self._bars.waiting(job.id, job.state, time.time() - (job.submitted_at or job.created_at))
            await self._service.events.wait(job.id, 1.0)
            job = await self._service.job(job.id)
        return job

    async def _saved(self, job: Job) -> Job:
        try:
            job = await self._service.downloader.download(job, partial(self._bars.coming, job.id))
        except SaveError as error:
            again = f"`seedance-mcp videos save {job.id}` tries again."
            if self._service.settings.sandbox:
                again = "The embedded sandbox forgets its films when a process ends."
            raise SaveError(error.sentence, next_step=again) from None
        return job if on_disk(job) else await self._service.job(job.id)


def _no_video(job: Job, *, keyed: bool) -> SaveError:
    """Say why a job has no film, and what to do."""
    if job.state in UNFINISHED and not keyed:
        return SaveError(
            f"It was {job.state}, and {job.vendor} has no key any more, so it cannot be asked.",
            next_step="Set the key; `seedance-mcp doctor` shows which there are.",
        )
    if job.state in UNFINISHED:
        wait = f"`seedance-mcp videos save {job.id} --wait` waits for it."
        return _NotYet(f"It is {job.state}, so there is no film yet.", next_step=wait)
    said = clean(job.error_message or "")
    if job.state == "unknown":
        settle = f"Look at the vendor's site and settle it with `seedance-mcp videos resolve {job.id}`."
        return SaveError("Whether the vendor took it is not known.", next_step=settle)
    return SaveError(f"It ended as {job.state}, so there is no film{f' ({said})' if said else ''}.", next_step="")
