"""Find out the truth about a job whose outcome is unknown, where asking again is free.

Only a vendor with an idempotency key allows that: the same create with the same key returns the first task, and makes
one if there was none. Everywhere else an unknown job waits for a person (`seedance-mcp videos resolve`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import anyio

from seedance_mcp.catalog.check import check
from seedance_mcp.errors import SeedanceError

if TYPE_CHECKING:
    from seedance_mcp.catalog.request import VideoRequest
    from seedance_mcp.jobs.journal.model import Job, Journal
    from seedance_mcp.vendors.vendor import Vendor

log = logging.getLogger(__name__)

KEY_LASTS = 3600
"""Seconds for which an idempotency key is trusted; how long a vendor remembers one is not documented."""
PAUSES = (2.5, 10, 60)
"""Seconds before each try that is made without being asked."""
_REST = 2.0


class Reconciler:
    """Sends unknown jobs again with their own key, through the one function that sends anything."""

    def __init__(
        self,
        journal: Journal,
        vendors: Mapping[str, Vendor],
        send: Callable[[Job, VideoRequest, Vendor], Awaitable[Job]],
        as_sent: Callable[[VideoRequest, Vendor], Awaitable[VideoRequest | None]],
    ) -> None:
        """`as_sent` puts the real URLs into a request from the journal, where files of this machine only stand in."""
        self._journal, self._vendors, self._send, self._as_sent = journal, vendors, send, as_sent
        self._under_way: set[str] = set()

    def can(self, job: Job) -> bool:
        """Whether the job's outcome is unknown, and its vendor can be asked again without paying again."""
        vendor = self._vendors.get(job.vendor)
        keyed = vendor is not None and vendor.idempotency_header is not None
        return job.state == "unknown" and keyed and time.time() - job.created_at < KEY_LASTS

    async def reconcile(self, job: Job) -> Job:
        """Ask again about a job, unless that was done a moment ago; return it as it is then."""
        if not self.can(job) or job.id in self._under_way or time.time() - job.updated_at < _REST:
            return job
        vendor = self._vendors[job.vendor]
        model = next((m for m in vendor.models if m.id == job.model), None)
        request = check(model, job.request).request if model else None
        request = await self._as_sent(request, vendor) if request else None
        if request is None:  # the model or a link has changed since, so the repeat would not be the same request
            return job
        self._under_way.add(job.id)
        try:
            return await self._send(job, request, vendor)
        finally:
            self._under_way.discard(job.id)

    async def keep_trying(self, job: Job) -> None:
        """Ask again after a while, and again, until the truth is known."""
        for pause in PAUSES:
            await anyio.sleep(pause)
            try:
                current = await self._journal.get(job.id)
                if current is None or not self.can(current):
                    return
                await self.reconcile(current)
            except SeedanceError as error:
                log.warning("job %s: %s", job.id, error)
