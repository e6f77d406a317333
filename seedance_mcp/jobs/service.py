"""What one process does with videos: quote, create, wait, list. The tools and the command line use it."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import anyio

from seedance_mcp.errors import InvalidRequest, OverBudget, SaveError, SeedanceError, UnknownJob
from seedance_mcp.jobs.accounts import Accounts
from seedance_mcp.jobs.cancel import Canceller
from seedance_mcp.jobs.download.downloader import Downloader
from seedance_mcp.jobs.download.preview import Previewed, preview_video
from seedance_mcp.jobs.events import JobEvents
from seedance_mcp.jobs.find_task import TaskFinder
from seedance_mcp.jobs.housekeeping import Housekeeping
from seedance_mcp.jobs.journal.budget import admit, caps
from seedance_mcp.jobs.journal.model import (
    STATES,
    UNFINISHED,
    Admission,
    Job,
    Journal,
    NewJob,
    Page,
    new_id,
    with_latest,
)
from seedance_mcp.jobs.poller import Poller
from seedance_mcp.jobs.price_lists import PriceLists
from seedance_mcp.jobs.quote import Quote, all_quotes, make_quote
from seedance_mcp.jobs.reconcile import Reconciler
from seedance_mcp.jobs.schedule import check_again_in, expected
from seedance_mcp.jobs.submit import Submitter
from seedance_mcp.media.inspector import Inspector
from seedance_mcp.uploads.inputs import inspect_files
from seedance_mcp.uploads.uploader import Uploader
from seedance_mcp.vendors.vendor import is_task_id

if TYPE_CHECKING:
    from anyio.abc import TaskGroup
    from anyio.streams.memory import MemoryObjectReceiveStream

    from seedance_mcp.catalog.order import Order
    from seedance_mcp.catalog.price import Price, Prices
    from seedance_mcp.jobs.journal.budget import Spending
    from seedance_mcp.jobs.journal.model import Total
    from seedance_mcp.jobs.journal.process_lock import ProcessLock
    from seedance_mcp.jobs.timing import Timing
    from seedance_mcp.settings import Settings
    from seedance_mcp.uploads.inputs import Inputs
    from seedance_mcp.uploads.reviews import ReviewStatus
    from seedance_mcp.web import Web

SHORTEST_ID = 4
"""The fewest characters of an id that can name a job; a video's file name ends with as many."""
_DAY = 86_400
_REPORT_EVERY = 5.0
_REPORT_DOWNLOAD_EVERY = 0.5
"""Seconds between two progress reports, while the vendor works and while the video is being downloaded."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is: in seconds while the vendor works on it, then in bytes of its download."""

    job: Job
    elapsed: float
    expected: float
    """Seconds that videos of this model usually take."""
    received: int | None = None
    """Bytes of the video so far; None while nothing is being downloaded."""
    total: int | None = None


OnProgress = Callable[[Progress], Awaitable[None]]


class JobService:
    """The jobs of one journal, as one process sees them. Its parts are private; every caller uses these methods."""

    def __init__(
        self,
        settings: Settings,
        web: Web,
        journal: Journal,
        lock: ProcessLock,
        *,
        autosave: bool,
        timing: Timing,
        inspector: Inspector | None = None,
    ) -> None:
        self.settings = settings
        self.autosave = autosave
        self.stop_grace = timing.stop_grace
        """Seconds that submissions under way get when the service closes."""
        self._journal, self._web, self._lock, self._timing = journal, web, lock, timing
        self._now = timing.clock
        self._inspector = inspector or Inspector()
        self._group: TaskGroup | None = None
        self._accounts = Accounts(settings)
        self._events = JobEvents()
        self._prices = PriceLists(settings, web, timing)
        self._uploader = Uploader(settings, web, timing.uploads)
        self._submitter = Submitter(journal, web, self._accounts, lock.id, on_submitted=self._submitted, timing=timing)
        self._reconciler = Reconciler(
            journal,
            self._accounts,
            self._submitter.submit,
            self._uploader.as_sent,
            functools.partial(caps, settings),
            TaskFinder(journal, web, timing.clock, self._submitted),
            timing,
        )
        notify = self._events.notify
        self._downloader = Downloader(
            journal,
            web,
            {v.slug: v for v in settings.vendors},
            lock.id,
            folder=settings.output_dir,
            autosave=autosave,
            inspector=self._inspector,
            on_change=notify,
            timing=timing.downloads,
        )
        interval = settings.poll_interval or (0.5 if settings.sandbox else None)
        self._poller = Poller(
            journal,
            web,
            self._accounts,
            lock.id,
            downloader=self._downloader,
            on_change=notify,
            interval=interval,
            timing=timing,
        )
        self._canceller = Canceller(web, self._accounts.vendor, self._poller.poll, timing)
        self._housekeeping = Housekeeping(
            settings,
            web,
            journal,
            lock,
            self._accounts,
            submitter=self._submitter,
            reconciler=self._reconciler,
            poller=self._poller,
            downloader=self._downloader,
            timing=timing,
        )

    # -- quoting --------------------------------------------------------------------------------------------------

    async def prices(self, model: object = None) -> Prices:
        """Return what is known about prices, with the price list of one model's vendor, or (None) of all vendors."""
        await self._prices.ready(model)
        return self._prices

    async def quote(self, order: Order) -> Quote:
        """Check and price an order; choose the cheapest configured model that can do it where none is named.

        Raises:
            InvalidRequest: lists every problem, the nearest legal values, and the models that would accept the order.
            NotConfigured: no vendor has an API key.
        """
        prices = await self.prices(order.model)
        files = await self._files(order)
        return make_quote(self.settings, order, files, prices, await self._affordable(order))

    async def _affordable(self, order: Order) -> Callable[[Price], bool]:
        """Return what tells whether the caps allow a price, so that a model is chosen that they allow."""
        limits = replace(caps(self.settings, order.max_cost), open_jobs=None)  # which no choice of a model can change
        spending = await self._journal.spending()

        def affordable(cost: Price) -> bool:
            try:
                admit(cost.usd_micros, limits, spending, "")
            except OverBudget:
                return False
            return True

        return affordable

    async def quotes(self, order: Order) -> list[Quote]:
        """Return a quote by every configured model that may be chosen for the order, the one to choose first."""
        prices = await self.prices()
        return all_quotes(self.settings, order, await self._files(order), prices)

    async def _files(self, order: Order) -> Inputs:
        return await inspect_files(order.args, self.settings, self._inspector)

    def url(self, quote: Quote) -> str:
        """Return the URL that creating a quote would POST to."""
        return self._web.url(quote.vendor, quote.call)

    async def check_caps(self, quote: Quote) -> None:
        """Check a quote against the caps without reserving anything.

        Raises:
            OverBudget: as creating it would.
        """
        limits = caps(self.settings, quote.order.max_cost)
        admit(quote.price.usd_micros, limits, await self._journal.spending(), quote.model.id)

    # -- paying ---------------------------------------------------------------------------------------------------

    async def create(self, quote: Quote) -> Admission:
        """Pay for a quote: upload its files, record the intent, send it once, record the outcome.

        Where this call is cancelled before the POST begins, nothing is sent and the job is abandoned. After that the
        submission goes on, and the journal gets its outcome.

        Raises:
            OverBudget, KeyReused, SettingError, JournalError, UploadPending or why a file cannot be uploaded: nothing
                was sent.
            Stopping: the server stops before the outcome is known.
        """
        await self.recover()
        await self._downloader.check_folder()
        await self._web.prepare()  # what cannot be sent is refused before anything is written
        request = quote.request
        if quote.uploads:
            await self.check_caps(quote)
            request = await self._uploader.upload_all(request, quote.uploads, quote.vendor, self._group)
        limits = caps(self.settings, quote.order.max_cost)
        admission = await self._journal.admit(
            NewJob(
                id=new_id(),
                vendor=quote.vendor.slug,
                model=quote.model.id,
                request=quote.request.fields(),
                request_hash=quote.fingerprint,
                asked_hash=quote.asked_hash,
                owner=self._lock.id,
                reserve=quote.price.usd_micros,
                price=quote.price.as_json(),
                account=self._accounts.id(quote.vendor.slug),
                unit_usd=None if quote.price.unit_usd is None else str(quote.price.unit_usd),
                cap=limits.one_video,
                request_key=quote.order.request_key,
                allow_duplicate=quote.order.allow_duplicate,
            ),
            limits,
        )
        if admission.duplicate:
            return admission
        job = await self._submitter.submit(admission.job, request, quote.vendor)
        if self._group is not None and self._reconciler.can(job):
            self._group.start_soon(self._reconciler.keep_trying, job)
        return Admission(job)

    async def _submitted(self, job: Job) -> None:
        await self._poller.track(job)
        self._events.notify(job.id)

    async def cancel(self, job_id: str) -> Job:
        """Cancel a job that its vendor has not begun; return it as it is then.

        Raises:
            UnknownJob: the journal has no such job.
            InvalidRequest: it has ended or begun, or its vendor cannot cancel.
            VendorRefused, VendorUnreachable, UnexpectedAnswer: it was not cancelled, as far as is known.
        """
        await self.recover()
        await self._canceller.cancel(await self.get(job_id))
        return await self.get(job_id)

    async def resolve(self, job_id: str, task_id: str | None) -> Job:
        """Settle a job by hand: it is the vendor's task `task_id`, or was not charged (None).

        What was settled by hand can be settled again, so that a mistyped id is not the last word.

        Raises:
            UnknownJob: there is no such job.
            InvalidRequest: its outcome is known or about to be, or the task is another job's.
        """
        await self.recover()
        job = await self.get(job_id)
        task_id = None if task_id is None else task_id.strip()
        if task_id is not None and not is_task_id(task_id):
            raise InvalidRequest("That is not the id of a task.", next_step="Copy it from the vendor's site.")
        changes: dict[str, Any] = {"finished_at": self._now(), "error_message": "Settled by hand: not charged."}
        if task_id is not None:
            known = job.account is not None or job.vendor not in {v.slug for v in self.settings.vendors}
            account = job.account if known else self._accounts.id(job.vendor)
            changes = {"submitted_at": job.submitted_at or job.created_at, "account": account}
        settled = await self._journal.settle(job_id, task_id, **changes)
        if settled is None and job.state in UNFINISHED:
            raise InvalidRequest(f"Job {job_id} is being submitted.", next_step="Try again in a few minutes.")
        if settled is None:
            raise InvalidRequest(f"Job {job_id} is {job.state}, so there is nothing to settle.", next_step="")
        await self._poller.track(settled)
        self._events.notify(job_id)
        return settled

    # -- jobs -----------------------------------------------------------------------------------------------------

    async def get(self, job_id: str) -> Job:
        """Return a job as the journal has it.

        Raises:
            UnknownJob: the journal has no such job.
        """
        job = await self._journal.get(job_id)
        if job is None:
            raise UnknownJob(f"There is no job {job_id[:40]!r}.")
        return job

    async def find(self, text: str) -> Job:
        """Return the job with this id, or the only one whose id begins or ends with the text.

        Raises:
            UnknownJob: there is none, or more than one.
        """
        text = text.strip().lower()
        if job := await self._journal.get(text):
            return job
        if len(text) < SHORTEST_ID:
            raise UnknownJob(f"{text[:40]!r} is too short for an id: at least {SHORTEST_ID} characters are needed.")
        jobs = await self._journal.in_states(STATES)
        found = [job for job in jobs if job.id.startswith(text) or job.id.endswith(text)]
        if not found:
            raise UnknownJob(f"There is no job {text[:40]!r}.")
        if len(found) > 1:
            ids = ", ".join(job.id for job in found)
            raise UnknownJob(f"{text!r} could be any of {ids}.", next_step="Give more of the id.")
        return found[0]

    async def check(self, job_id: str) -> Job:
        """Return a job as it is now; the vendor is polled if the last poll is older than two seconds.

        Raises:
            UnknownJob: the journal has no such job.
        """
        await self.recover()
        job = await self.get(job_id)
        if job.open and self._now() - (job.polled_at or 0) > self._timing.poll.fresh:
            with anyio.move_on_after(self._timing.poll.bound):
                await self._poller.poll(job_id)
            job = await self.get(job_id)
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
                job = await self.get(job.id)
        return await self.get(job.id)  # the video may have been saved while the job was being read

    def is_final(self, job: Job) -> bool:
        """Whether there is nothing left to wait for: the job has ended, and its video is saved or cannot be."""
        return job.state not in UNFINISHED and self._downloader.progress(job.id) is None

    def _progress(self, job: Job, typical: float) -> Progress:
        received, total = self._downloader.progress(job.id) or (None, None)
        return Progress(job, job.elapsed(self._now()), typical, received, total)

    async def expected_seconds(self, model_id: str) -> float:
        """Return the seconds that videos of a model usually take: the journal's median, or a default."""
        known = next((model.takes_seconds for model in self.settings.models if model.id == model_id), None)
        return expected(await self._journal.durations(model_id), known)[0]

    async def check_again_in(self, job: Job) -> int | None:
        """Return the seconds after which checking a job again is worth its tokens; None if nothing will change."""
        if self.is_final(job):
            return None
        if self.settings.sandbox:
            return 2
        return check_again_in(job.elapsed(self._now()), await self.expected_seconds(job.model), self.settings.max_wait)

    async def download(self, job: Job, on_progress: Callable[[int, int | None], None] | None = None) -> Job:
        """Save the video of a succeeded job now; `on_progress` gets the bytes so far and (if known) in all.

        Raises:
            SaveError: the video could not be saved.
            JournalError: the journal cannot be used.
        """
        if self._accounts.vendor(job) is None:
            raise SaveError(self._accounts.problem(job), next_step="Set the API key that it was submitted with.")
        return await self._downloader.download(job, on_progress)

    async def preview(self, job: Job, *, frames: int = 6, at: float | None = None) -> Previewed:
        """Return frames of a saved video as an image, and save its last frame for the next video.

        Raises:
            NoSavedVideo: it is not on disk (yet).
            SaveError: its last frame could not be saved.
            MissingExtra, UnreadableMedia: see `Inspector.preview`.
        """
        return await preview_video(job, self.settings.frames_dir, self._inspector, frames=frames, at=at)

    async def track(self, job: Job) -> None:
        """Poll a job in the background from now on, even if another server created it."""
        if self._accounts.vendor(job):
            await self._poller.track(job)

    def subscribe(self) -> AbstractContextManager[MemoryObjectReceiveStream[str]]:
        """Return a context with a stream of the ids of jobs that may have changed."""
        return self._events.subscribe()

    async def wait_for_review(
        self, name: str, seconds: float, on_progress: Callable[[ReviewStatus], Awaitable[None]] | None = None
    ) -> ReviewStatus:
        """Return the status of a vendor's review of a file, after waiting for the decision for at most `seconds`.

        Raises:
            UnknownJob: there is no review with this name, which create_video gave it.
            VendorRefused, VendorUnreachable, UnexpectedAnswer: the vendor gave no status.
        """
        await self.recover()
        return await self._uploader.reviews.wait(name, seconds, on_progress)

    # -- the journal ----------------------------------------------------------------------------------------------

    async def page(self, states: Sequence[str] = (), limit: int = 20, cursor: str | None = None) -> Page:
        """Return jobs, newest first."""
        return await self._journal.page(states, limit, cursor)

    async def in_states(self, states: Sequence[str]) -> Sequence[Job]:
        """Return every job in these states, oldest first."""
        return await self._journal.in_states(states)

    async def spending(self) -> Spending:
        """Return what the current day has cost so far."""
        return await self._journal.spending()

    async def totals(self, days: int) -> Sequence[Total]:
        """Return what the latest days cost, by day and model, newest first."""
        return await self._journal.totals(days)

    async def purge(self, days: float) -> int:
        """Delete prompts, links and vendor messages of jobs that ended so many days ago; return how many."""
        return await self._journal.purge(self._now() - days * _DAY)

    # -- running --------------------------------------------------------------------------------------------------

    async def recover(self) -> None:
        """Settle what dead processes left half done, and what this one could not move on."""
        await self._housekeeping.recover()

    @asynccontextmanager
    async def running(self, *, background: bool = True) -> AsyncGenerator[JobService]:
        """Poll and download in the background while the block runs; then submissions get a moment to finish.

        Without `background`, only what is called happens: jobs are read, and none of them is taken up.
        """
        failed: SeedanceError | None = None
        async with anyio.create_task_group() as self._group, self._prices.renewed(self._group):
            self._submitter.open(self._group)
            if background:
                await self._group.start(self._downloader.run)
                await self._group.start(self._poller.run)
                await self._group.start(self._housekeeping.run)
            try:
                yield self
            except SeedanceError as error:  # raised again below: the task group would wrap it
                failed = error
            finally:
                self._journal.hurry(self.stop_grace)
                await self._submitter.stop(self.stop_grace)
                self._group.cancel_scope.cancel()
        self._group = None
        if failed is not None:
            raise failed
