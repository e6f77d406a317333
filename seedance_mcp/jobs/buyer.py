"""Pay for a quote: check the caps, upload its files, record the intent, send it once, record the outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedance_mcp.jobs.journal.budget import caps
from seedance_mcp.jobs.journal.model import Admission

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from seedance_mcp.jobs.accounts import Accounts
    from seedance_mcp.jobs.download.downloader import Downloader
    from seedance_mcp.jobs.journal.model import Journal
    from seedance_mcp.jobs.quote import Quote
    from seedance_mcp.jobs.quoter import Quoter
    from seedance_mcp.jobs.reconcile import Reconciler
    from seedance_mcp.jobs.submit import Submitter
    from seedance_mcp.settings import Settings
    from seedance_mcp.uploads.uploader import Uploader
    from seedance_mcp.web import Web


class Buyer:
    """Buys videos for the jobs of one journal. Only its submitter spends money."""

    def __init__(  # noqa: PLR0913  (the parts that a purchase passes)
        self,
        settings: Settings,
        web: Web,
        journal: Journal,
        accounts: Accounts,
        owner: str,
        *,
        quoter: Quoter,
        uploader: Uploader,
        submitter: Submitter,
        reconciler: Reconciler,
        downloader: Downloader,
    ) -> None:
        self._settings, self._web, self._journal, self._accounts = settings, web, journal, accounts
        self._owner, self._quoter, self._uploader = owner, quoter, uploader
        self._submitter, self._reconciler, self._downloader = submitter, reconciler, downloader

    async def buy(self, quote: Quote, group: TaskGroup | None, *, agreed: bool) -> Admission:
        """Pay for a quote, or return the job that it would repeat; `JobService.create` says what is raised.

        What goes on after this call, such as asking again about an unknown outcome, runs in the `group`.
        """
        await self._downloader.check_folder()
        await self._web.prepare()  # what cannot be sent is refused before anything is written
        request, chosen = quote.request, agreed or quote.order.model is not None
        if quote.uploads:
            await self._quoter.check_caps(quote, chosen=chosen)
            request = await self._uploader.upload_all(request, quote.uploads, quote.vendor, group)
        limits = caps(self._settings, quote.order.max_cost, chosen=chosen)
        account = self._accounts.id(quote.vendor.slug)
        new = quote.new_job(owner=self._owner, account=account, cap=limits.one_video)
        admission = await self._journal.admit(new, limits)
        if admission.duplicate:
            return admission
        job = await self._submitter.submit(admission.job, request, quote.vendor)
        if group is not None and self._reconciler.can(job):
            group.start_soon(self._reconciler.keep_trying, job)
        return Admission(job)
