"""Cancel a job that its vendor has not begun.

At a vendor whose call erases the record of a finished task, the same call could lose a video that was paid for. So the
vendor is asked first, the call follows at once and only where it says that the task waits, and it is never repeated.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

from seedance_mcp.errors import InvalidRequest, UnexpectedAnswer, VendorRefused, VendorUnreachable
from seedance_mcp.vendors.vendor import read_snapshot

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from seedance_mcp.jobs.journal.model import Job
    from seedance_mcp.jobs.timing import Timing
    from seedance_mcp.vendors.vendor import Vendor
    from seedance_mcp.web import Web

log = logging.getLogger(__name__)


class Canceller:
    """Cancels jobs of one journal."""

    def __init__(
        self,
        web: Web,
        vendor_of: Callable[[Job], Vendor | None],
        poll: Callable[[str], Awaitable[None]],
        timing: Timing,
    ) -> None:
        """`vendor_of` returns a job's vendor, if its account is configured; `poll` polls a job now."""
        self._web, self._vendor_of, self._poll, self._timing = web, vendor_of, poll, timing.cancel
        self._now = timing.clock
        self._under_way: set[str] = set()

    async def cancel(self, job: Job) -> None:
        """Cancel a job; what became of it is in the journal afterwards.

        Raises:
            InvalidRequest: the job has ended, the vendor has begun it, or the vendor cannot cancel.
            VendorRefused, VendorUnreachable, UnexpectedAnswer: the vendor did not cancel it, as far as is known.
        """
        vendor = self._vendor_of(job)
        if not job.open or job.task_id is None:
            raise InvalidRequest(f"Job {job.id} is {job.state}, so there is nothing to cancel.", next_step="")
        if vendor is None or vendor.cancel is None:
            name = vendor.name if vendor else job.vendor
            raise InvalidRequest(
                f"{name} cannot cancel videos; job {job.id} goes on and is charged.",
                next_step=f"Call check_video with job_id {job.id}.",
            )
        if job.id in self._under_way:
            raise InvalidRequest(f"Job {job.id} is being cancelled already.", next_step="")
        self._under_way.add(job.id)
        try:
            await self._cancel(job, vendor, job.task_id)
        finally:
            self._under_way.discard(job.id)
            with anyio.move_on_after(self._timing.bound):
                await self._poll(job.id)

    async def _cancel(self, job: Job, vendor: Vendor, task_id: str) -> None:
        if vendor.cancel is None:
            return
        # Before the question, for its answer may be old when it comes; by both clocks, because the wall clock goes on
        # while a machine sleeps, and may be set back.
        asked_at, began = self._now(), anyio.current_time()
        state = read_snapshot(vendor, await self._web.call(vendor, vendor.build_status(task_id))).state
        if state not in vendor.cancel.states:
            raise InvalidRequest(
                f"{vendor.name} has begun job {job.id} (it is {state}), and only cancels what it has not begun.",
                next_step=f"Call check_video with job_id {job.id} for the video.",
            )
        call = vendor.cancel.build(task_id)
        elapsed = max(self._now() - asked_at, anyio.current_time() - began)
        with anyio.move_on_after(self._timing.window - elapsed) as scope:
            await anyio.lowlevel.checkpoint()  # where too much time has passed, nothing is sent
            answer = await self._web.call(vendor, call)
            if refusal := vendor.parse_error(answer):
                raise VendorRefused(
                    f"{vendor.name} did not cancel job {job.id}: {refusal.message or 'no reason given'}.",
                    code=refusal.code,
                    next_step=f"Call check_video with job_id {job.id}.",
                )
            if answer.status >= 300:  # noqa: PLR2004  (HTTP statuses are clearest as numbers)
                raise UnexpectedAnswer(f"{vendor.name} answered HTTP {answer.status} when job {job.id} was cancelled.")
            log.info("job %s cancelled", job.id)
        if scope.cancelled_caught:
            raise VendorUnreachable(
                f"{vendor.name} did not answer in time whether job {job.id} was cancelled.",
                next_step=f"Call check_video with job_id {job.id}; it shows whether the job was cancelled.",
            )
