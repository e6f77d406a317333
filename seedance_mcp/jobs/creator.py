"""Pays for quotes: all variants of a call are admitted at once, then submitted one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from seedance_mcp.errors import SeedanceError
from seedance_mcp.jobs.journal.budget import caps
from seedance_mcp.jobs.journal.model import FREE, Admission

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from seedance_mcp.catalog.request import VideoRequest
    from seedance_mcp.jobs.accounts import Accounts
    from seedance_mcp.jobs.download.downloader import Downloader
    from seedance_mcp.jobs.journal.model import Job, Journal
    from seedance_mcp.jobs.quote import Quote
    from seedance_mcp.jobs.quoter import Quoter
    from seedance_mcp.jobs.reconcile import Reconciler
    from seedance_mcp.jobs.submit import Submitter
    from seedance_mcp.settings import Settings
    from seedance_mcp.uploads.uploader import Uploader
    from seedance_mcp.vendors.vendor import Vendor
    from seedance_mcp.web import Web


class Creator:
    """Creates the jobs of one process; see `JobService.create_all`."""

    def __init__(  # noqa: PLR0913  (the parts that it puts together)
        self,
        settings: Settings,
        web: Web,
        journal: Journal,
        owner: str,
        *,
        accounts: Accounts,
        quoter: Quoter,
        uploader: Uploader,
        downloader: Downloader,
        submitter: Submitter,
        reconciler: Reconciler,
    ) -> None:
        self._settings, self._web, self._journal, self._owner = settings, web, journal, owner
        self._accounts, self._quoter, self._uploader, self._downloader = accounts, quoter, uploader, downloader
        self._submitter, self._reconciler = submitter, reconciler

    async def create(self, quote: Quote, group: TaskGroup | None, *, agreed: bool) -> list[Admission]:
        """Upload the files of a quote, admit its variants, and submit the new ones; return all as they are then.

        Uploads, and questions about jobs whose outcome is unknown, go on in `group`.
        """
        await self._downloader.check_folder()
        await self._web.prepare()  # what cannot be sent is refused before anything is written
        request, chosen, count = quote.request, agreed or quote.order.model is not None, quote.order.n
        if quote.uploads:
            await self._quoter.check_caps(quote, chosen=chosen)
            request = await self._uploader.upload_all(request, quote.uploads, quote.vendor, group)
        limits = caps(self._settings, quote.order.max_cost, chosen=chosen)
        account = self._accounts.id(quote.vendor.slug)
        new = quote.new_jobs(owner=self._owner, account=account, cap=limits.one_video(count))
        admissions = await self._journal.admit_all(new, limits)
        now = await self._submit(admissions, request, quote.vendor, group)
        return [replace(admission, job=now.get(admission.job.id, admission.job)) for admission in admissions]

    async def _submit(
        self, admissions: Sequence[Admission], request: VideoRequest, vendor: Vendor, group: TaskGroup | None
    ) -> dict[str, Job]:
        """Submit new jobs in order; abandon the rest once one is not accepted for certain. Returns them by their ids.

        Raises:
            SeedanceError: as `Submitter.submit`; the sentence names the jobs that were accepted before.
        """
        waiting = [admission.job for admission in admissions if not admission.duplicate]
        now: dict[str, Job] = {}
        try:
            while waiting:
                job = waiting.pop(0)
                job = now[job.id] = await self._submitter.submit(job, request, vendor)
                if group is not None and self._reconciler.can(job):
                    group.start_soon(self._reconciler.keep_trying, job)
                if job.state in {*FREE, "unknown"}:
                    break
        except SeedanceError as error:
            if not now:
                raise
            raise _after(error, list(now)) from error
        finally:
            if waiting:
                await self._submitter.withdraw(waiting)
        return now | {job.id: replace(job, state="abandoned", reserved=0) for job in waiting}


def _after(error: SeedanceError, accepted: Sequence[str]) -> SeedanceError:
    """Return an error that also says which jobs were accepted before it happened."""
    before = f"Accepted before that, and paid for: {', '.join(accepted)}."
    return type(error)(f"{error.sentence} {before}", code=error.code, next_step=error.next_step)
