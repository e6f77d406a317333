"""Submissions in tasks of their own: neither a caller that gives up nor a client that hangs up cuts one short."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import anyio

from seedance_mcp.errors import Stopping

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from seedance_mcp.catalog.request import VideoRequest
    from seedance_mcp.jobs.journal.model import Job
    from seedance_mcp.jobs.submit import Submitter
    from seedance_mcp.vendors.vendor import Vendor

_LAST_WRITE = 0.25
"""Seconds for writing "unknown" to the journal, after the grace of a stop is over."""


class Submissions:
    """The submissions that are under way in this process."""

    def __init__(self, submitter: Submitter, on_end: Callable[[Job], Awaitable[None]]) -> None:
        """`on_end` is called with each job that was submitted, in its new state."""
        self._submitter, self._on_end = submitter, on_end
        self._group: TaskGroup | None = None
        self._under_way: dict[str, tuple[anyio.Event, anyio.CancelScope]] = {}

    def open(self, group: TaskGroup) -> None:
        """Run submissions in tasks of a group from now on."""
        self._group = group

    async def submit(self, job: Job, request: VideoRequest, vendor: Vendor) -> Job:
        """Submit a job and return it in its new state; the submission continues if the caller is cancelled.

        Raises:
            Stopping: the server stops before the outcome is known.
            JournalError: the outcome cannot be written down.
        """
        if self._group is None:
            raise Stopping("The server is stopping.")
        outcome: list[Job | Exception] = []
        done = anyio.Event()
        scope = anyio.CancelScope(shield=True)
        self._under_way[job.id] = done, scope

        async def work() -> None:
            try:
                with scope:
                    submitted = await self._submitter.submit(job, request, vendor)
                    outcome.append(submitted)
                    await self._on_end(submitted)
            except Exception as error:  # noqa: BLE001  (raised again in the caller, who waits for it)
                outcome[:] = outcome or [error]
            finally:
                self._under_way.pop(job.id, None)
                done.set()

        self._group.start_soon(work)
        await done.wait()
        if not outcome:
            raise Stopping(
                f"The server is stopping, and job {job.id} may be running and billed.",
                next_step=f"Do NOT call create_video again; call check_video with job_id {job.id}.",
            )
        if isinstance(outcome[0], Exception):
            raise outcome[0]
        return outcome[0]

    async def stop(self, grace: float) -> None:
        """Let submissions finish for so many seconds; what is not answered then is unknown, and written down so."""
        self._submitter.stop()
        with anyio.CancelScope(shield=True):
            await self._wait(grace)
            for _, scope in self._under_way.values():
                scope.cancel()
            await self._wait(_LAST_WRITE)
        self._group = None

    async def _wait(self, seconds: float) -> None:
        with anyio.move_on_after(seconds):
            for done, _ in list(self._under_way.values()):
                await done.wait()
