"""Reports a job's progress: polls if a poll is due, waits for the end, or estimates when to ask again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from seedance_mcp.errors import OverBudget
from seedance_mcp.jobs.journal.model import UNFINISHED, Job, Journal, with_latest
from seedance_mcp.jobs.lookup import get_job
from seedance_mcp.jobs.schedule import check_again_in, expected

if TYPE_CHECKING:
    from seedance_mcp.jobs.accounts import Accounts
    from seedance_mcp.jobs.download.downloader import Downloader
    from seedance_mcp.jobs.events import JobEvents
    from seedance_mcp.jobs.poller import Poller
    from seedance_mcp.jobs.reconcile import Reconciler
    from seedance_mcp.jobs.timing import Timing
    from seedance_mcp.settings import Settings

_REPORT_EVERY = 5.0
_REPORT_DOWNLOAD_EVERY = 0.5
"""Seconds between two progress reports, while the vendor works and while the video is being downloaded."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is: in seconds, and in bytes of its download."""

    job: Job
    elapsed: float
    """Seconds since it was submitted, those of the download included."""
    expected: float
    """Seconds that videos of this model usually take."""
    received: int | None = None
    """Bytes of the video so far; None while nothing is being downloaded."""
    total: int | None = None


OnProgress = Callable[[Progress], Awaitable[None]]


class Waiter:
    """Checks jobs and waits for them on behalf of callers; see the methods of the same names of `JobService`."""

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        accounts: Accounts,
        events: JobEvents,
        *,
        poller: Poller,
        reconciler: Reconciler,
        downloader: Downloader,
        timing: Timing,
    ) -> None:
        self._settings, self._journal, self._accounts, self._events = settings, journal, accounts, events
        self._poller, self._reconciler, self._downloader = poller, reconciler, downloader
        self._timing, self._now = timing.poll, timing.clock

    async def check(self, job_id: str) -> Job:
        """Return a job as it is now; the vendor is polled if the last poll is older than two seconds.

        Raises:
            UnknownJob: the journal has no such job.
        """
        job = await get_job(self._journal, job_id)
        if job.open and self._now() - (job.polled_at or 0) > self._timing.fresh:
            with anyio.move_on_after(self._timing.bound):
                await self._poller.poll(job_id)
            job = await get_job(self._journal, job_id)
        try:
            job = await self._reconciler.reconcile(job)
        except OverBudget as error:
            message = with_latest(job.error_message, error.sentence)
            job = await self._journal.move(job.id, "unknown", when=("unknown",), error_message=message) or job
        if self._accounts.vendor(job):
            await self._poller.track(job)
            self._downloader.start(job)
        return job

    async def wait(
        self,
        job_id: str,
        timeout: float,  # noqa: ASYNC109  (its end is a result, not an error)
        on_progress: OnProgress | None = None,
    ) -> Job:
        """Check a job, then wait until it is final, for at most `timeout` seconds; return it as it is then.

        Raises:
            UnknownJob: the journal has no such job.
        """
        job = await self.check(job_id)
        typical = await self.expected_seconds(job.model)
        with anyio.move_on_after(timeout):
            while not self.is_final(job):
                if on_progress is not None:
                    await on_progress(self._progress(job, typical))
                await self._events.wait(job.id, _REPORT_EVERY if job.open else _REPORT_DOWNLOAD_EVERY)
                was_open, job = job.open, await get_job(self._journal, job.id)
                if was_open:  # if another server saw the end, nothing in this one waits for the video yet
                    self._downloader.start(job)
        return await get_job(self._journal, job.id)  # the video may have been saved while the job was being read

    def is_final(self, job: Job) -> bool:
        """Whether there is nothing left to wait for: the job has ended, and its video is saved or cannot be."""
        return job.state not in UNFINISHED and self._downloader.progress(job.id) is None

    def _progress(self, job: Job, typical: float) -> Progress:
        received, total = self._downloader.progress(job.id) or (None, None)
        elapsed = max(0.0, self._now() - (job.submitted_at or job.created_at))
        return Progress(job, elapsed, typical, received, total)

    async def expected_seconds(self, model_id: str) -> float:
        """Return the seconds that videos of a model usually take: the journal's median, or a default."""
        known = next((model.takes_seconds for model in self._settings.models if model.id == model_id), None)
        return expected(await self._journal.durations(model_id), known)[0]

    async def check_again_in(self, job: Job) -> int | None:
        """Return the seconds after which checking a job again is worth its tokens; None if nothing will change."""
        if self.is_final(job):
            return None
        if self._settings.sandbox:  # whose videos take seconds, unless a slow one is asked for
            return max(2, min(30, round(job.elapsed(self._now()) / 2)))
        typical = await self.expected_seconds(job.model)
        return check_again_in(job.elapsed(self._now()), typical, self._settings.max_wait)
