"""Find out the outcome of an unknown job where that cannot pay twice.

At a vendor with an idempotency key, repeating the create with the same key returns the first task, or creates one if
there was none. At a vendor that lists its tasks, the list shows the job's own (`seedance_mcp.jobs.find_task`). At any
other vendor, a person settles an unknown job (`seedance-mcp videos resolve`).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import anyio

from seedance_mcp.catalog.check import check
from seedance_mcp.errors import SeedanceError, UnexpectedAnswer, VendorRefused, VendorUnreachable

if TYPE_CHECKING:
    from seedance_mcp.catalog.request import VideoRequest
    from seedance_mcp.jobs.accounts import Accounts
    from seedance_mcp.jobs.find_task import TaskFinder
    from seedance_mcp.jobs.journal.budget import Caps
    from seedance_mcp.jobs.journal.model import Job, Journal
    from seedance_mcp.jobs.timing import Timing
    from seedance_mcp.vendors.vendor import Vendor

log = logging.getLogger(__name__)


class Reconciler:
    """Submits unknown jobs again with their own idempotency keys, through the same function as new jobs."""

    def __init__(
        self,
        journal: Journal,
        accounts: Accounts,
        submit: Callable[[Job, VideoRequest, Vendor], Awaitable[Job]],
        as_sent: Callable[[VideoRequest, Vendor], Awaitable[VideoRequest | None]],
        caps: Callable[[], Caps],
        finder: TaskFinder,
        timing: Timing,
    ) -> None:
        """`as_sent` returns a request from the journal with the URLs in place of its placeholders for local files."""
        self._journal, self._accounts, self._submit, self._as_sent = journal, accounts, submit, as_sent
        self._caps, self._finder, self._timing, self._now = caps, finder, timing.reconcile, timing.clock
        self._under_way: set[str] = set()
        self._trying: set[str] = set()

    def can(self, job: Job) -> bool:
        """Whether the outcome of the job is unknown, and its vendor can be asked again without paying twice."""
        vendor = self._accounts.payer(job)
        age = self._now() - job.created_at  # below 0 where the clock was set back, so that nobody knows the age
        unanswered = job.state == "unknown" and job.task_id is None  # one that the vendor forgot could be made anew
        if vendor is None or not unanswered:
            return False
        if vendor.idempotency_header is None:
            return self._finder.can(job, vendor)
        return 0 <= age < self._timing.key_lifetime

    async def reconcile(self, job: Job) -> Job:
        """Ask the vendor again about a job, unless that was done a moment ago; return the job as it is then.

        If the first request never arrived, this one buys the video, so the caps in force must allow it.

        Raises:
            OverBudget: they do not.
            JournalError: the journal cannot be used.
        """
        vendor = self._accounts.payer(job)
        recent = 0 <= self._now() - job.updated_at < self._timing.fresh
        if vendor is None or not self.can(job) or job.id in self._under_way or recent:
            return job
        if vendor.idempotency_header is None:
            return await self._settle_by_list(job, vendor)
        model = vendor.model(job.model)
        request = check(model, job.request).request if model else None
        request = await self._as_sent(request, vendor) if request else None
        if request is None:  # the model or a link has changed, so the repeat would not be the same request
            return job
        self._under_way.add(job.id)
        try:
            if await self._journal.readmit(job.id, self._caps()) is None:
                return await self._journal.get(job.id) or job
            return await self._submit(job, request, vendor)
        finally:
            self._under_way.discard(job.id)

    async def _settle_by_list(self, job: Job, vendor: Vendor) -> Job:
        """Find the job's task in the vendor's list, and poll it from then on."""
        self._under_way.add(job.id)
        try:
            return await self._finder.settle(job, vendor)
        except (UnexpectedAnswer, VendorRefused, VendorUnreachable) as error:
            log.warning("job %s: %s", job.id, error.sentence)
            return job
        finally:
            self._under_way.discard(job.id)

    async def keep_trying(self, job: Job) -> None:
        """Ask the vendor again, a few times with growing pauses, until the outcome is known.

        Does nothing if that is being done already.
        """
        if job.id in self._trying:
            return
        self._trying.add(job.id)
        try:
            for pause in self._timing.pauses:
                await anyio.sleep(pause)
                try:
                    current = await self._journal.get(job.id)
                    if current is None or not self.can(current):
                        return
                    await self.reconcile(current)
                except SeedanceError as error:
                    log.warning("job %s: %s", job.id, error)
                except Exception:
                    log.exception("reconciling job %s failed", job.id)  # must not end the service
        finally:
            self._trying.discard(job.id)
