"""Find out the outcome of an unknown job where repeating the request cannot pay twice.

Only a vendor with an idempotency key allows that: repeating the create with the same key returns the first task, or
creates one if there was none. At any other vendor, a person settles an unknown job (`seedance-mcp videos resolve`).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import anyio

from seedance_mcp.catalog.check import check
from seedance_mcp.errors import SeedanceError

if TYPE_CHECKING:
    from seedance_mcp.catalog.request import VideoRequest
    from seedance_mcp.jobs.journal.model import Job, Journal
    from seedance_mcp.jobs.timing import Timing
    from seedance_mcp.vendors.vendor import Vendor

log = logging.getLogger(__name__)


class Reconciler:
    """Submits unknown jobs again with their own idempotency keys, through the same function as new jobs."""

    def __init__(
        self,
        journal: Journal,
        vendors: Mapping[str, Vendor],
        submit: Callable[[Job, VideoRequest, Vendor], Awaitable[Job]],
        as_sent: Callable[[VideoRequest, Vendor], Awaitable[VideoRequest | None]],
        timing: Timing,
    ) -> None:
        """`as_sent` returns a request from the journal with the URLs in place of its placeholders for local files."""
        self._journal, self._vendors, self._submit, self._as_sent = journal, vendors, submit, as_sent
        self._timing, self._now = timing.reconcile, timing.clock
        self._under_way: set[str] = set()

    def can(self, job: Job) -> bool:
        """Whether the outcome of the job is unknown, and submitting it again cannot pay twice."""
        vendor = self._vendors.get(job.vendor)
        has_key = vendor is not None and vendor.idempotency_header is not None
        return job.state == "unknown" and has_key and self._now() - job.created_at < self._timing.key_lifetime

    async def reconcile(self, job: Job) -> Job:
        """Submit an unknown job again, unless that was just done; return the job as it is then."""
        if not self.can(job) or job.id in self._under_way or self._now() - job.updated_at < self._timing.fresh:
            return job
        vendor = self._vendors[job.vendor]
        model = vendor.model(job.model)
        request = check(model, job.request).request if model else None
        request = await self._as_sent(request, vendor) if request else None
        if request is None:  # the model or a link has changed, so the repeat would not be the same request
            return job
        self._under_way.add(job.id)
        try:
            return await self._submit(job, request, vendor)
        finally:
            self._under_way.discard(job.id)

    async def keep_trying(self, job: Job) -> None:
        """Submit an unknown job again, with growing pauses, until its outcome is known or the pauses end."""
        for pause in self._timing.pauses:
            await anyio.sleep(pause)
            try:
                current = await self._journal.get(job.id)
                if current is None or not self.can(current):
                    return
                await self.reconcile(current)
            except SeedanceError as error:
                log.warning("job %s: %s", job.id, error)
