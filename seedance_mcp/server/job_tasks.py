"""Jobs as tasks: the task of create_video is its job and has its id.

It is read from the journal, so it survives a restart, and every server of the user knows it.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import mcp_types as types
from mcp.server.subscriptions import ResourceUpdated

from seedance_mcp import views
from seedance_mcp.errors import SeedanceError, UnknownJob
from seedance_mcp.server import sandbox_mark
from seedance_mcp.server.subscriptions import VIDEO
from seedance_mcp.server.tasks import Task

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from mcp.server.subscriptions import ServerEvent, SubscriptionBus

    from seedance_mcp.jobs.journal.model import Job
    from seedance_mcp.jobs.service import JobService

_POLL_SECONDS = 5
"""Between two polls of a client, where nothing better is known."""
_CANCEL = "The vendor did not stop this video: the job goes on, is charged as usual, and list_videos has it."


class JobTasks:
    """The jobs of the journal as a `TaskSource`."""

    def __init__(self, service: Callable[[], Awaitable[JobService]], bus: SubscriptionBus) -> None:
        """`bus` carries an event for every change of a job."""
        self._service, self._bus = service, bus
        self._cancelled: set[str] = set()

    async def find(self, task_id: str, *, poll: bool = False) -> Task | None:
        """Return the task of a job."""
        service = await self._service()
        job = await _job(service, task_id)
        if job is None:
            return None
        if poll:
            job = await service.check(job.id)
        ended = _ended(service, job)
        message = f"{job.state}, {job.elapsed(time.time()):.0f} s"
        if job.id in self._cancelled and not ended:
            message = f"{message}. {_CANCEL}"
        return Task(
            job.id,
            "completed" if ended else "working",
            message,
            job.created_at,
            job.updated_at,
            await service.check_again_in(job) or _POLL_SECONDS,
            result=_result(service, job) if ended else None,
        )

    async def answer(self, task_id: str, responses: Mapping[str, Any]) -> None:
        """Do nothing: no job ever asks for anything."""

    async def cancel(self, task_id: str) -> None:
        """Cancel the job, if its vendor can; where it goes on, the message of the task says so."""
        service = await self._service()
        with contextlib.suppress(SeedanceError):  # the message of the task says what became of it
            await service.cancel(task_id)
        self._cancelled.add(task_id)

    async def track(self, task_id: str, changed: Callable[[str], None]) -> Callable[[], None]:
        """Poll a job, and report its changes."""

        def deliver(event: ServerEvent) -> None:
            if isinstance(event, ResourceUpdated) and event.uri == VIDEO + task_id:
                changed(task_id)

        service = await self._service()
        await service.track(await service.get(task_id))
        return self._bus.subscribe(deliver)


async def _job(service: JobService, task_id: str) -> Job | None:
    try:
        job = await service.get(task_id)
    except UnknownJob:
        return None
    return job if job.id == task_id else None  # the beginning of an id is enough elsewhere, but it does not name a task


def _ended(service: JobService, job: Job) -> bool:
    """Whether a task has ended. An unknown outcome ends it too: waiting longer would not make it known."""
    return job.state == "unknown" or service.is_final(job)


def _result(service: JobService, job: Job) -> types.CallToolResult:
    fields = views.checked(job, service.settings.vendor(job.vendor), autosave=service.autosave, again_in=None)
    if service.settings.sandbox:
        fields = {"sandbox": sandbox_mark.MARK} | fields
    text = types.TextContent(type="text", text=views.to_text(fields))
    if job.state != "succeeded":
        return types.CallToolResult(content=[text], is_error=True)
    return types.CallToolResult(content=[text], structured_content=fields)
