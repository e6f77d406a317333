"""The life of paid jobs as one object: quote, create, check, list. The tools and the command line talk to it."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio

from seedance_mcp.errors import InvalidRequest, JournalError, SeedanceError, UnknownJob
from seedance_mcp.jobs import submit as submitting
from seedance_mcp.jobs.download.downloader import Downloader
from seedance_mcp.jobs.events import JobEvents
from seedance_mcp.jobs.journal.budget import admit, caps
from seedance_mcp.jobs.journal.model import OPEN, Job, Journal, NewJob, Page, new_id
from seedance_mcp.jobs.poller import FRESH, Poller
from seedance_mcp.jobs.price_lists import PriceLists
from seedance_mcp.jobs.quote import NO_FILES, Quote, quote
from seedance_mcp.jobs.reconcile import Reconciler
from seedance_mcp.uploads.inputs import Inputs, inspect_files
from seedance_mcp.uploads.uploader import Uploader

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from seedance_mcp.catalog.request import VideoRequest
    from seedance_mcp.jobs.journal.budget import Spending
    from seedance_mcp.jobs.journal.process_lock import ProcessLock
    from seedance_mcp.settings import Settings
    from seedance_mcp.uploads.reviews import ReviewStatus
    from seedance_mcp.vendors.vendor import Vendor
    from seedance_mcp.web import Web

log = logging.getLogger(__name__)

LONGEST_WAIT = 50
"""Seconds that a check may wait; some clients give a whole call no more than 60."""
_GRACE = 0.5
_DAY = 86_400
_ADOPT_EVERY, _UNSAVED = 30.0, 50
"""Seconds after which a call takes up anew what nobody follows, and how many of the latest films it looks for."""
_POLL_BOUND = 15.0
_NOW_AND_THEN = 300.0
"""Seconds after which a server that nobody calls looks for what another has left behind."""


@dataclass(frozen=True, slots=True)
class Created:
    """A quote and the job it became."""

    quote: Quote
    job: Job
    duplicate: bool = False


class JobService:
    """Everything one process does about videos."""

    def __init__(self, settings: Settings, web: Web, journal: Journal, owner: ProcessLock, *, saving: bool) -> None:
        self.settings = settings
        self.journal = journal
        self.saving = saving
        self._web, self.prices = web, PriceLists(settings, web)
        self._owner = owner
        self._vendors = {v.slug: v for v in settings.vendors}
        self._group: TaskGroup | None = None
        self._submitting: dict[str, anyio.Event] = {}
        self._adopted_at = float("-inf")
        self._uploader = Uploader(settings, web)
        self._reconciler = Reconciler(journal, self._vendors, self._submit, self._uploader.as_sent)
        self.events = JobEvents()
        on_change = self.events.notify
        self.downloader = Downloader(
            journal, web, self._vendors, owner.id, folder=settings.output_dir, autosave=saving, on_change=on_change
        )
        interval = settings.poll_interval or (0.5 if settings.sandbox else None)
        self.poller = Poller(
            journal,
            web,
            self._vendors,
            owner.id,
            prices=self.prices,
            downloader=self.downloader,
            on_change=on_change,
            interval=interval,
        )

    async def inputs(self, args: Mapping[str, Any]) -> Inputs:
        """Find and look at the files of this machine that a request names."""
        return await inspect_files(args, self.settings)

    def quote(self, args: Mapping[str, Any], inputs: Inputs = NO_FILES) -> Quote:
        """Check and price a request; see `seedance_mcp.jobs.quote`."""
        return quote(self.settings, args, inputs, self.prices)

    # -- paying ---------------------------------------------------------------------------------------------------

    def url(self, quote: Quote) -> str:
        """Return the URL to which creating a quote would POST."""
        return self._web.url(quote.vendor, quote.call)

    async def afford(self, quote: Quote, args: Mapping[str, Any]) -> None:
        """Say now whether a cap stands in the way, without reserving anything (for a dry run).

        Raises:
            OverBudget: as creating it would.
        """
        admit(quote.price.usd_micros, caps(self.settings, args), await self.journal.spending(), quote.request.model.id)

    async def create(self, quote: Quote, args: Mapping[str, Any]) -> Created:
        """Pay for a quote: hand its files over, write the intent, send it once, write down what became of it.

        Cancelling this call does not cancel the submission, whose outcome is in the journal all the same.

        Raises:
            OverBudget, KeyReused, JournalError, or why a file cannot be handed over: nothing was sent.
        """
        await self.recover()
        request = quote.request
        if quote.uploads:
            await self.afford(quote, args)
            request = await self._uploader.upload_all(request, quote.uploads, quote.vendor, self._group)
        admission = await self.journal.admit(
            NewJob(
                id=new_id(),
                vendor=quote.vendor.slug,
                model=quote.request.model.id,
                request=quote.request.fields(),
                request_hash=quote.fingerprint,
                owner=self._owner.id,
                reserve=quote.price.usd_micros,
                price=quote.price.as_json(),
                request_key=args.get("request_key"),
                allow_duplicate=args.get("allow_duplicate") is True,
            ),
            caps(self.settings, args),
        )
        if admission.duplicate:
            return Created(quote, admission.job, duplicate=True)
        job = await self._submit(admission.job, request, quote.vendor)
        self._reconcile_later(job)
        return Created(quote, job)

    async def _submit(self, job: Job, request: VideoRequest, vendor: Vendor) -> Job:
        """Send a job in a task of its own, which goes on when the caller is cancelled."""
        if self._group is None:
            raise JournalError("The studio is not open.")
        outcome: list[Job | Exception] = []
        done = self._submitting[job.id] = anyio.Event()

        async def work() -> None:
            try:
                sent = await submitting.submit(
                    job, request, vendor, self._web, self.journal, self.prices, self._owner.id
                )
                outcome.append(sent)
                await self.poller.track(sent)
            except Exception as error:  # noqa: BLE001  (it is raised again in the caller, who waits for it)
                outcome.append(error)
            finally:
                self._submitting.pop(job.id, None)
                done.set()
                self.events.notify(job.id)

        self._group.start_soon(work)
        await done.wait()
        if not outcome:
            raise JournalError(
                f"The server is stopping, and job {job.id} may be running and billed.",
                next_step=f"Do NOT call create_video again; call check_video with job_id {job.id}.",
            )
        if isinstance(outcome[0], Exception):
            raise outcome[0]
        return outcome[0]

    def _reconcile_later(self, job: Job) -> None:
        if self._group is not None and self._reconciler.can(job):
            self._group.start_soon(self._reconciler.keep_trying, job)

    async def resolve(self, job_id: str, task_id: str | None) -> Job:
        """Settle an unknown job by hand: it is the vendor's task `task_id`, or (None) it was not charged.

        Raises:
            UnknownJob: there is no such job.
            InvalidRequest: its outcome is not unknown.
        """
        await self.recover()
        job = await self.job(job_id)
        if task_id is not None:
            changes = {"task_id": task_id, "submitted_at": job.created_at, "error_code": None, "error_message": None}
            settled = await self.journal.move(job_id, "submitted", when=("unknown",), **changes)
        else:
            message = "Settled by hand: not charged."
            settled = await self.journal.move(
                job_id,
                "rejected",
                when=("unknown",),
                reserved=0,
                finished_at=time.time(),
                error_code=None,
                error_message=message,
            )
        if settled is None:
            raise InvalidRequest(f"Job {job_id} is {job.state}, so there is nothing to settle.", next_step="")
        await self.poller.track(settled)
        self.events.notify(job_id)
        return settled

    # -- watching -------------------------------------------------------------------------------------------------

    async def check(self, job_id: str) -> Job:
        """Return a job as it is now; the vendor is asked if the last look is older than two seconds.

        Raises:
            UnknownJob: the journal has no such job.
        """
        await self.recover()
        job = await self.job(job_id)
        if job.open and time.time() - (job.polled_at or 0) > FRESH:
            with anyio.move_on_after(_POLL_BOUND):
                await self.poller.poll(job_id)
            job = await self.job(job_id)
        job = await self._reconciler.reconcile(job)
        await self.poller.track(job)
        self.downloader.start(job)
        return job

    async def review(self, name: str) -> ReviewStatus:
        """Return how a vendor's review of a file is, by the name that the refusal to use the file yet gave it.

        Raises:
            UnknownJob: there is no such review.
            VendorRefused, VendorUnreachable, UnexpectedAnswer: the vendor does not say how it is.
        """
        await self.recover()
        return await self._uploader.reviews.status(name)

    def is_final(self, job: Job) -> bool:
        """Whether there is nothing left to wait for: the job has ended, and its film is saved or cannot be."""
        return not job.open and self.downloader.progress(job.id) is None

    async def job(self, job_id: str) -> Job:
        """Return a job from the journal, or raise UnknownJob."""
        job = await self.journal.get(job_id)
        if job is None:
            raise UnknownJob(f"There is no job {job_id[:40]!r}.")
        return job

    async def page(self, states: Sequence[str] = (), limit: int = 20, cursor: str | None = None) -> Page:
        """Return jobs, newest first."""
        await self.recover()
        return await self.journal.page(states, limit, cursor)

    async def spending(self) -> Spending:
        """Return what today has cost so far."""
        return await self.journal.spending()

    async def recover(self) -> None:
        """Settle what a dead process left half done, and now and then take up the jobs that it followed."""
        for job in await self.journal.recover(self._owner.alive):
            log.warning("job %s was left by a stopped server: now %s", job.id, job.state)
            self._reconcile_later(job)
        if time.monotonic() - self._adopted_at > _ADOPT_EVERY:
            await self._adopt_jobs()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[JobService]:
        """Watch jobs in the background while the block runs; on leaving, submissions get a moment to finish."""
        failed: SeedanceError | None = None
        async with anyio.create_task_group() as self._group, self.prices.renewed(self._group):
            await self._group.start(self.downloader.run)
            await self._group.start(self.poller.run)
            self._group.start_soon(self._housekeeping)
            try:
                yield self
            except SeedanceError as error:  # raised again below, because the group would wrap it
                failed = error
            finally:
                with anyio.CancelScope(shield=True), anyio.move_on_after(_GRACE):
                    for done in list(self._submitting.values()):
                        await done.wait()
                self._group.cancel_scope.cancel()
        self._group = None
        if failed is not None:
            raise failed

    async def _housekeeping(self) -> None:
        """Do at the start, and now and then, what is done at every call; and keep to the retention that is set."""
        while True:
            try:
                await self.recover()
                if self.settings.retention_days is not None:
                    await self.journal.wipe(time.time() - self.settings.retention_days * _DAY)
            except SeedanceError as error:
                log.warning("%s", error.sentence)
            with anyio.move_on_after(_NOW_AND_THEN):
                await anyio.sleep_forever()

    async def _adopt_jobs(self) -> None:
        """Follow every open job, and fetch the films of late that are not on disk, whoever made them."""
        self._adopted_at = time.monotonic()
        for job in await self.journal.in_states(OPEN):
            if job.vendor in self._vendors:
                await self.poller.track(job)
        for job in (await self.journal.page(("succeeded",), _UNSAVED, None)).jobs:
            if time.time() - (job.finished_at or 0) < _DAY:  # an older link is rarely good for anything
                self.downloader.start(job)
