"""What one process does with videos: quote, create, wait, list. The tools and the command line use it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from seedance_mcp.errors import InvalidRequest, SaveError, SeedanceError
from seedance_mcp.jobs.download.preview import Previewed, preview_video
from seedance_mcp.jobs.earlier import in_full
from seedance_mcp.jobs.journal.budget import caps
from seedance_mcp.jobs.journal.model import Admission, Job, Journal, Page
from seedance_mcp.jobs.lookup import find_job, get_job
from seedance_mcp.jobs.parts import make_parts
from seedance_mcp.jobs.quote import require_vendor
from seedance_mcp.jobs.resolve import settle_by_hand
from seedance_mcp.jobs.waiter import OnProgress, Progress
from seedance_mcp.media.inspector import FRAMES, Inspector

if TYPE_CHECKING:
    from pathlib import Path

    from anyio.abc import TaskGroup
    from anyio.streams.memory import MemoryObjectReceiveStream

    from seedance_mcp.catalog.order import Order
    from seedance_mcp.catalog.price import Prices
    from seedance_mcp.jobs.journal.budget import Spending
    from seedance_mcp.jobs.journal.model import Total
    from seedance_mcp.jobs.journal.process_lock import ProcessLock
    from seedance_mcp.jobs.offers import Offer
    from seedance_mcp.jobs.quote import Quote
    from seedance_mcp.jobs.timing import Timing
    from seedance_mcp.settings import Settings
    from seedance_mcp.uploads.reviews import ReviewStatus
    from seedance_mcp.web import Web

__all__ = ["JobService", "OnProgress", "Progress"]

_DAY = 86_400


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
        self._journal, self._web, self._lock, self._now = journal, web, lock, timing.clock
        self._inspector = inspector or Inspector()
        self._group: TaskGroup | None = None
        self._parts = make_parts(
            settings, web, journal, lock, autosave=autosave, inspector=self._inspector, timing=timing
        )

    # -- quoting --------------------------------------------------------------------------------------------------

    def require_vendor(self) -> None:
        """Return if a vendor is configured.

        Raises:
            NotConfigured: none has an API key.
        """
        require_vendor(self.settings)

    async def prices(self, model: object = None) -> Prices:
        """Return what is known about prices, with the price list of one model's vendor, or (None) of all vendors."""
        return await self._parts.quoter.prices(model)

    async def quote(self, order: Order) -> Quote:
        """Check and price an order; choose the cheapest configured model that can do it where none is named.

        Raises:
            InvalidRequest: lists every problem, the nearest legal values, and the models that would accept the order.
            NotConfigured: no vendor has an API key.
            UnknownJob, NoSavedVideo, SaveError, MissingExtra: see `in_full`.
        """
        order = await in_full(order, self.settings, self.get, self._last_frame)
        return await self._parts.quoter.quote(order)

    async def quotes(self, order: Order) -> list[Quote]:
        """Return a quote by every configured model that may be chosen for the order, the one to choose first."""
        return await self._parts.quoter.quotes(order)

    async def offers(self, order: Order) -> list[Offer]:
        """Return what fits within the caps, where an order does not; nothing where no price would help."""
        order = await in_full(order, self.settings, self.get, self._last_frame)
        return await self._parts.quoter.offers(order)

    def url(self, quote: Quote) -> str:
        """Return the URL that creating a quote would POST to."""
        return self._web.url(quote.vendor, quote.call)

    async def check_caps(self, quote: Quote, *, chosen: bool = True) -> None:
        """Check a quote against the caps without reserving anything.

        Raises:
            OverBudget: as creating it would.
        """
        await self._parts.quoter.check_caps(quote, chosen=chosen)

    # -- paying ---------------------------------------------------------------------------------------------------

    async def create(self, quote: Quote, *, agreed: bool = False) -> Admission:
        """Pay for a quote: upload its files, record it, send it once, record the outcome.

        Where this call is cancelled before the POST begins, nothing is sent and the job is abandoned. After that the
        submission goes on, and the journal gets its outcome. A model without a price in USD is paid for only where
        the caller has chosen it, or the user has `agreed`.

        Raises:
            OverBudget, KeyReused, SettingError, JournalError, UploadPending or why a file cannot be uploaded: nothing
                was sent.
            Stopping: the server stops before the outcome is known.
        """
        await self.recover()
        await self._parts.downloader.check_folder()
        await self._web.prepare()  # what cannot be sent is refused before anything is written
        request, chosen = quote.request, agreed or quote.order.model is not None
        if quote.uploads:
            await self.check_caps(quote, chosen=chosen)
            request = await self._parts.uploader.upload_all(request, quote.uploads, quote.vendor, self._group)
        limits = caps(self.settings, quote.order.max_cost, chosen=chosen)
        account = self._parts.accounts.id(quote.vendor.slug)
        new = quote.new_job(owner=self._lock.id, account=account, cap=limits.one_video)
        admission = await self._parts.submitter.create(new, limits, request, quote.vendor)
        if not admission.duplicate and self._group is not None and self._parts.reconciler.can(admission.job):
            self._group.start_soon(self._parts.reconciler.keep_trying, admission.job)
        return admission

    async def resolve(self, job_id: str, task_id: str | None) -> Job:
        """Settle a job by hand: it is the vendor's task `task_id`, or was not charged (None).

        What was settled by hand can be settled again, so that a mistyped id is not the last word.

        Raises:
            UnknownJob: there is no such job.
            InvalidRequest: its outcome is known or about to be, or the task is another job's.
        """
        await self.recover()
        settled = await settle_by_hand(self._journal, self._parts.accounts, job_id, task_id, self._now())
        await self._parts.poller.track(settled)
        self._parts.events.notify(job_id)
        return settled

    # -- jobs -----------------------------------------------------------------------------------------------------

    async def get(self, job_id: str) -> Job:
        """Return a job as the journal has it.

        Raises:
            UnknownJob: the journal has no such job.
        """
        return await get_job(self._journal, job_id)

    async def find(self, text: str) -> Job:
        """Return the job with this id, or the only one whose id begins or ends with the text.

        Raises:
            UnknownJob: there is none, or more than one.
        """
        return await find_job(self._journal, text)

    async def check(self, job_id: str) -> Job:
        """Return a job as it is now; the vendor is polled if the last poll is older than two seconds.

        Raises:
            UnknownJob: the journal has no such job.
        """
        await self.recover()
        return await self._parts.waiter.check(job_id)

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
        await self.recover()
        return await self._parts.waiter.wait(job_id, timeout, on_progress)

    def is_final(self, job: Job) -> bool:
        """Whether there is nothing left to wait for: the job has ended, and its video is saved or cannot be."""
        return self._parts.waiter.is_final(job)

    async def expected_seconds(self, model_id: str) -> float:
        """Return the seconds that videos of a model usually take: the journal's median, or a default."""
        return await self._parts.waiter.expected_seconds(model_id)

    async def check_again_in(self, job: Job) -> int | None:
        """Return the seconds after which checking a job again is worth its tokens; None if nothing will change."""
        return await self._parts.waiter.check_again_in(job)

    async def download(self, job: Job, on_progress: Callable[[int, int | None], None] | None = None) -> Job:
        """Save the video of a succeeded job now; `on_progress` gets the bytes so far and (if known) in all.

        Raises:
            SaveError: the video could not be saved.
            JournalError: the journal cannot be used.
        """
        if self._parts.accounts.vendor(job) is None:
            raise SaveError(self._parts.accounts.problem(job), next_step="Set the API key that it was submitted with.")
        return await self._parts.downloader.download(job, on_progress)

    async def preview(self, job: Job, *, frames: int = FRAMES, at: float | None = None) -> Previewed:
        """Return frames of a saved video as an image, and save its last frame for the next video.

        Raises:
            NoSavedVideo: it is not on disk (yet).
            SaveError: its last frame could not be saved.
            MissingExtra, UnreadableMedia: see `Inspector.preview`.
        """
        return await preview_video(job, self.settings.frames_dir, self._inspector, frames=frames, at=at)

    async def _last_frame(self, job: Job) -> Path:
        return (await self.preview(await self.check(job.id), frames=1)).last_frame

    async def track(self, job: Job) -> None:
        """Poll a job in the background from now on, even if another server created it."""
        if self._parts.accounts.vendor(job):
            await self._parts.poller.track(job)

    def subscribe(self) -> AbstractContextManager[MemoryObjectReceiveStream[str]]:
        """Return a context with a stream of the ids of jobs that may have changed."""
        return self._parts.events.subscribe()

    async def wait_for_review(
        self, name: str, seconds: float, on_progress: Callable[[ReviewStatus], Awaitable[None]] | None = None
    ) -> ReviewStatus:
        """Return the status of a vendor's review of a file, after waiting for the decision for at most `seconds`.

        Raises:
            UnknownJob: there is no review with this name, which create_video gave it.
            VendorRefused, VendorUnreachable, UnexpectedAnswer: the vendor gave no status.
        """
        await self.recover()
        return await self._parts.uploader.reviews.wait(name, seconds, on_progress)

    # -- the journal ----------------------------------------------------------------------------------------------

    async def page(self, states: Sequence[str] = (), limit: int = 20, cursor: str | None = None) -> Page:
        """Return jobs, newest first.

        Raises:
            InvalidRequest: no list has given this cursor.
        """
        if cursor and await self._journal.get(cursor) is None:
            raise InvalidRequest("This cursor is of no list.", next_step="Call list_videos without a cursor.")
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
        await self._parts.housekeeping.recover()

    @asynccontextmanager
    async def running(self, *, background: bool = True) -> AsyncGenerator[JobService]:
        """Poll and download in the background while the block runs; then submissions get a moment to finish.

        Without `background`, only what is called happens: jobs are read, and none of them is taken up.
        """
        failed: SeedanceError | None = None
        async with anyio.create_task_group() as self._group, self._parts.price_lists.renewed(self._group):
            self._parts.submitter.open(self._group)
            if background:
                await self._group.start(self._parts.downloader.run)
                await self._group.start(self._parts.poller.run)
                await self._group.start(self._parts.housekeeping.run)
            try:
                yield self
            except SeedanceError as error:  # raised again below: the task group would wrap it
                failed = error
            finally:
                self._journal.hurry(self.stop_grace)
                await self._parts.submitter.stop(self.stop_grace)
                self._group.cancel_scope.cancel()
        self._group = None
        if failed is not None:
            raise failed
