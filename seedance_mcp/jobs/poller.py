"""One scheduler per process: polls every running job when it is due, and reports what changed.

A job is polled once for all callers that wait for it, and by one of the servers that share a journal.
"""

from __future__ import annotations

import functools
import heapq
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import anyio
from anyio.abc import TaskGroup

from seedance_mcp.errors import Code, NoSuchTask, SeedanceError, UnexpectedAnswer, VendorUnreachable
from seedance_mcp.jobs import schedule
from seedance_mcp.jobs.final_cost import report, settlement
from seedance_mcp.jobs.journal.model import OPEN
from seedance_mcp.jobs.pace import Pace
from seedance_mcp.vendors.vendor import read_snapshot

if TYPE_CHECKING:
    from seedance_mcp.jobs.accounts import Accounts
    from seedance_mcp.jobs.download.downloader import Downloader
    from seedance_mcp.jobs.journal.model import Job, Journal
    from seedance_mcp.jobs.timing import Timing
    from seedance_mcp.vendors.vendor import Snapshot, Vendor
    from seedance_mcp.web import Web

log = logging.getLogger(__name__)

_SOON = 0.1
"""Seconds until a job is tried again whose previous poll has not ended."""
_RECENT = 0.8
"""The share of a planned pause within which a poll by another server counts as ours."""


class Poller:
    """Tracks the running jobs of a journal until they end."""

    def __init__(
        self,
        journal: Journal,
        web: Web,
        accounts: Accounts,
        owner: str,
        *,
        downloader: Downloader,
        on_change: Callable[[str], None],
        interval: float | None,
        timing: Timing,
    ) -> None:
        """`on_change` is called with the id of each job that was polled; `interval` replaces the adaptive schedule."""
        self._journal, self._web, self._accounts, self._owner = journal, web, accounts, owner
        self._downloader, self._on_change, self._interval = downloader, on_change, interval
        self._timing, self._now = timing.poll, timing.clock
        self._jitter = timing.jitter
        self._queue: list[tuple[float, str]] = []
        self._due: dict[str, float] = {}
        self._pauses: dict[str, float] = {}
        self._woken = anyio.Event()
        self._polling: dict[str, anyio.Event] = {}
        self._errors: dict[str, int] = {}
        self._quiet_until: dict[str, float] = {}
        self._paces: dict[str, Pace] = {}
        self._group: TaskGroup | None = None

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Poll jobs as they fall due, until cancelled."""
        async with anyio.create_task_group() as self._group:
            task_status.started()
            while True:
                wait = self._queue[0][0] - anyio.current_time() if self._queue else None
                if wait is None or wait > 0:
                    with anyio.move_on_after(wait):
                        await self._woken.wait()
                    self._woken = anyio.Event()
                while self._queue and self._queue[0][0] <= anyio.current_time():
                    due, job_id = heapq.heappop(self._queue)
                    if self._due.get(job_id) != due:
                        continue
                    del self._due[job_id]
                    if job_id in self._polling:  # the poll that planned this one has not ended yet
                        self._push(job_id, _SOON)
                    else:
                        self._group.start_soon(functools.partial(self.poll, job_id, requested=False))

    async def track(self, job: Job) -> None:
        """Poll a job from now on, if its vendor is working on it."""
        if job.open and job.id not in self._due and job.id not in self._polling:
            await self._plan(job)

    async def _plan(self, job: Job, pause: float | None = None) -> None:
        if pause is None and self._interval is not None:
            pause = self._interval
        if pause is None:
            durations = await self._journal.durations(job.model)
            pause = schedule.next_poll(job.elapsed(self._now()), durations, self._jitter(-1, 1))
        self._push(job.id, pause)

    def _push(self, job_id: str, pause: float) -> None:
        due = anyio.current_time() + pause
        self._due[job_id], self._pauses[job_id] = due, pause
        heapq.heappush(self._queue, (due, job_id))
        self._woken.set()

    async def poll(self, job_id: str, *, requested: bool = True) -> None:
        """Poll a job once; callers that arrive during the poll wait for it.

        A poll that no caller `requested` is skipped where another server on the journal has just polled the job.
        """
        if under_way := self._polling.get(job_id):
            await under_way.wait()
            return
        done = self._polling[job_id] = anyio.Event()
        over = False
        try:
            job = await self._current(job_id)
            over = job is None or await self._poll_in_turn(job, requested=requested)
        except SeedanceError as error:
            log.warning("job %s: %s", job_id, error)
        except Exception:
            log.exception("polling job %s failed", job_id)  # the other jobs must still be polled
        finally:
            del self._polling[job_id]
            if over:
                self._pauses.pop(job_id, None)
            elif job_id not in self._due:
                self._push(job_id, self._timing.after_failure)  # a failed or cancelled poll does not end the tracking
            done.set()
            self._on_change(job_id)

    async def _current(self, job_id: str) -> Job | None:
        """Return a job that is still running; if another server has seen its end, its video is downloaded."""
        job = await self._journal.get(job_id)
        if job is not None and not job.open and self._accounts.vendor(job):
            self._downloader.start(job)
        return job if job is not None and job.open else None

    async def _poll_in_turn(self, job: Job, *, requested: bool) -> bool:
        """Wait for a turn of the vendor and poll; return whether there is nothing left to poll."""
        asked = anyio.current_time()
        async with self._pace(job.vendor).turn(requested=requested) as turn:
            current = await self._current(job.id) if turn > asked else job
            return current is None or await self._poll(current, turn, requested=requested)

    def _pace(self, slug: str) -> Pace:
        if slug not in self._paces:
            self._paces[slug] = Pace(self._timing.per_second, self._timing.most_per_second)
        return self._paces[slug]

    async def _poll(self, job: Job, turn: float, *, requested: bool) -> bool:
        """Poll if it is this server's turn; return whether there is nothing left to poll."""
        vendor = self._accounts.vendor(job)
        if vendor is None or job.task_id is None:
            await self._journal.note(job.id, error_message=self._accounts.problem(job))
            return True
        if (quiet := self._quiet_until.get(vendor.slug, 0.0) - anyio.current_time()) > 0:
            await self._plan(job, quiet)  # a vendor that asked for a pause gets it, even if a caller waits
            return False
        age = self._now() - (job.polled_at or 0)
        if not requested and 0 <= age < _RECENT * self._pauses.get(job.id, 0.0):
            await self._plan(job)
            return False
        if not await self._journal.claim(job.id, self._owner, self._timing.lease, when=OPEN):
            await self._plan(job, self._timing.fresh)  # another server polls; what it finds is in the journal
            return False
        try:
            return await self._ask(job, vendor, job.task_id, turn)
        finally:
            with anyio.CancelScope(shield=True):
                await self._journal.claim(job.id, self._owner, 0, when=OPEN)  # the next requested poll may be elsewhere

    async def _ask(self, job: Job, vendor: Vendor, task_id: str, turn: float) -> bool:
        retry_after: float | None = None
        try:
            answer = await self._web.call(vendor, vendor.build_status(task_id))
            retry_after = answer.retry_after
            snapshot = read_snapshot(vendor, answer)
        except NoSuchTask as error:
            self._errors.pop(vendor.slug, None)
            return await self._record_missing(job, vendor, error)
        except (VendorUnreachable, UnexpectedAnswer) as error:
            # A failed poll says nothing about the job, whose state stays as it is.
            self._pace(vendor.slug).reduce(turn)
            self._errors[vendor.slug] = errors = self._errors.get(vendor.slug, 0) + 1
            pause = schedule.after_error(
                errors, retry_after, self._timing.error_pause, self._timing.longest_error_pause
            )
            self._quiet_until[vendor.slug] = anyio.current_time() + pause
            await self._journal.note(job.id, error_message=error.sentence, polled_at=self._now(), polls=job.polls + 1)
            await self._plan(job, pause)
            return False
        self._errors.pop(vendor.slug, None)
        self._pace(vendor.slug).went_well(turn)
        return await self._record(job, vendor, snapshot)

    async def _record_missing(self, job: Job, vendor: Vendor, error: NoSuchTask) -> bool:
        """Write down that the vendor does not know the task; a job of which it says so for long becomes unknown.

        Its reservation stays: the vendor may have made and billed the video, and a person can say what is true.
        """
        now = self._now()
        since = now if job.missing_since is None else min(job.missing_since, now)  # later: the clock was set back
        changes: dict[str, Any] = {"polled_at": now, "polls": job.polls + 1, "missing_since": since}
        if now - since < self._timing.missing:
            await self._journal.note(job.id, error_message=error.sentence, **changes)
            await self._plan(job)
            return False
        minutes = round((now - since) / 60)
        message = f"{vendor.name} has said for {minutes} minutes that it does not know task {job.task_id} of this job."
        changes |= {"error_code": Code.UNKNOWN_OUTCOME, "error_message": message}
        if await self._journal.move(job.id, "unknown", when=OPEN, task=job.task_id, **changes):
            log.warning("job %s has an unknown outcome: %s", job.id, message)
        return True

    async def _record(self, job: Job, vendor: Vendor, found: Snapshot) -> bool:
        now = self._now()
        changes: dict[str, Any] = {
            "account": self._accounts.id(vendor.slug),  # in a journal of an older version, it is known from now on
            "vendor_status": found.vendor_status,
            "progress": found.progress,
            "polled_at": now,
            "polls": job.polls + 1,
            "missing_since": None,
        }
        if found.state in OPEN:
            changes |= report(job, vendor, found.charged)
            moved = await self._journal.move(
                job.id, found.state, when=OPEN, task=job.task_id, error_message=None, **changes
            )
            await self._plan(moved or job)
            return False
        changes |= settlement(job, vendor.model(job.model), found.state, found.charged)
        if found.refusal:
            changes |= {"error_code": found.refusal.code, "error_message": found.refusal.message}
        else:
            changes["error_message"] = None
        changes |= {"url": found.url, "finished_at": now}
        moved = await self._journal.move(job.id, found.state, when=OPEN, task=job.task_id, **changes)
        if moved is not None:
            log.info("job %s %s", job.id, moved.state)
            self._downloader.start(moved)
        return True
