"""create_video as an MCP task, for clients that declare `io.modelcontextprotocol/tasks` on the call (2026-07-28).

The task is the job and has its id. It is read from the journal, so it survives a restart, and every server of the
user knows it.
"""

from __future__ import annotations

import contextlib
import math
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, cast

import anyio
import mcp_types as types
from mcp.server.subscriptions import ResourceUpdated
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp.shared.subscriptions import SUBSCRIPTION_ID_META_KEY
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ConfigDict, Field

from seedance_mcp import views
from seedance_mcp.errors import SeedanceError, UnknownJob
from seedance_mcp.server import sandbox_mark
from seedance_mcp.server.subscriptions import VIDEO

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mcp.server.context import ServerRequestContext
    from mcp.server.lowlevel import Server
    from mcp.server.subscriptions import ServerEvent, SubscriptionBus

    from seedance_mcp.jobs.journal.model import Job
    from seedance_mcp.jobs.service import JobService

    Context = ServerRequestContext[Any, Any]
    Json = dict[str, Any]

EXTENSION = "io.modelcontextprotocol/tasks"
_POLL_SECONDS = 5
"""Between two polls of a client, where nothing better is known."""
_CANCEL = "The vendor did not stop this video: the job goes on, is charged as usual, and list_videos has it."


class TaskParams(types.RequestParams):
    """The parameters of tasks/get and tasks/cancel."""

    task_id: str = Field(alias="taskId")


class UpdateParams(TaskParams):
    """The parameters of tasks/update."""

    input_responses: dict[str, Any] = Field(default_factory=dict[str, Any], alias="inputResponses")


class TaskNotificationParams(types.NotificationParams):
    """A task as tasks/get returns it."""

    model_config = ConfigDict(extra="allow")


class TaskNotification(types.Notification[TaskNotificationParams, Literal["notifications/tasks"]]):
    """A task has changed."""

    method: Literal["notifications/tasks"] = "notifications/tasks"


class Tasks:
    """The tasks of one server."""

    def __init__(self, service: Callable[[], Awaitable[JobService]], bus: SubscriptionBus) -> None:
        """`bus` carries an event for every change of a job."""
        self._service, self._bus = service, bus
        self._cancelled: set[str] = set()

    def install(self, server: Server[Any]) -> None:
        """Offer the extension and its methods on a server."""
        server.extensions[EXTENSION] = {}
        server.add_request_handler("tasks/get", TaskParams, self._get)
        server.add_request_handler("tasks/update", UpdateParams, self._update)
        server.add_request_handler("tasks/cancel", TaskParams, self._cancel)

    # -- the methods ----------------------------------------------------------------------------------------------

    async def created(self, service: JobService, job_id: str) -> Json | None:
        """Return the task of a new job as the result of its call, or None if the job has already ended."""
        job = await service.get(job_id)
        if _ended(service, job):
            return None
        return {"resultType": "task", **await self._base(service, job)}

    async def _get(self, ctx: Context, params: TaskParams) -> Json:
        service, job = await self._find(ctx, params.task_id)
        return {"resultType": "complete", **await self._detailed(service, await service.check(job.id))}

    async def _update(self, ctx: Context, params: UpdateParams) -> Json:
        await self._find(ctx, params.task_id)  # no task ever asks for anything, so there is nothing to answer
        return {"resultType": "complete"}

    async def _cancel(self, ctx: Context, params: TaskParams) -> Json:
        service, job = await self._find(ctx, params.task_id)
        if not _ended(service, job):
            with contextlib.suppress(SeedanceError):  # the message of the task says what became of it
                await service.cancel(job.id)
            self._cancelled.add(job.id)
        return {"resultType": "complete"}

    async def listen(
        self, ctx: Context, params: types.SubscriptionsListenRequestParams
    ) -> types.SubscriptionsListenResult:
        """Serve `subscriptions/listen` with task ids: send each change, until every task has ended."""
        _require(ctx)
        service = await self._service()
        left = [job.id for name in asked(params) if (job := await _job(service, name))]
        meta = {SUBSCRIPTION_ID_META_KEY: ctx.request_id}
        send, receive = anyio.create_memory_object_stream[str](math.inf)

        def deliver(event: ServerEvent) -> None:
            if isinstance(event, ResourceUpdated) and event.uri.removeprefix(VIDEO) in left:
                send.send_nowait(event.uri.removeprefix(VIDEO))

        unsubscribe = self._bus.subscribe(deliver)
        with send, receive:
            try:
                honoured = types.SubscriptionFilter.model_validate({"taskIds": list(left)})
                await ctx.session.send_notification(
                    types.SubscriptionsAcknowledgedNotification(
                        params=types.SubscriptionsAcknowledgedNotificationParams(notifications=honoured, _meta=meta)
                    ),
                    related_request_id=ctx.request_id,
                )
                for task_id in left:
                    send.send_nowait(task_id)  # it may have ended before anybody listened
                    await service.track(await service.get(task_id))
                while left:
                    task_id = await receive.receive()
                    task = await self._detailed(service, await service.get(task_id))
                    if task_id not in left:
                        continue
                    changed: Any = TaskNotification(params=TaskNotificationParams(_meta=meta, **task))
                    await ctx.session.send_notification(changed, related_request_id=ctx.request_id)
                    if task["status"] != "working":
                        left.remove(task_id)
            finally:
                unsubscribe()
        return types.SubscriptionsListenResult(_meta=meta)

    async def _find(self, ctx: Context, task_id: str) -> tuple[JobService, Job]:
        _require(ctx)
        headers = getattr(ctx.request, "headers", None)
        if headers is not None and decode_header_value(headers.get(MCP_NAME_HEADER)) != task_id:
            raise MCPError(types.HEADER_MISMATCH, f"The header {MCP_NAME_HEADER} does not match params.taskId")
        try:
            service = await self._service()
        except SeedanceError as error:
            raise MCPError(types.INTERNAL_ERROR, str(error)) from None
        job = await _job(service, task_id)
        if job is None:
            raise MCPError(types.INVALID_PARAMS, "There is no such task; list_videos has the ids of all jobs.")
        return service, job

    # -- what a task is -------------------------------------------------------------------------------------------

    async def _base(self, service: JobService, job: Job) -> Json:
        ended = _ended(service, job)
        again_in = await service.check_again_in(job)
        message = f"{job.state}, {job.elapsed(time.time()):.0f} s"
        if job.id in self._cancelled and not ended:
            message = f"{message}. {_CANCEL}"
        return {
            "taskId": job.id,
            "status": "completed" if ended else "working",
            "statusMessage": message,
            "createdAt": _iso(job.created_at),
            "lastUpdatedAt": _iso(job.updated_at),
            "ttlMs": None,
            "pollIntervalMs": 1000 * (again_in or _POLL_SECONDS),
        }

    async def _detailed(self, service: JobService, job: Job) -> Json:
        task = await self._base(service, job)
        if task["status"] == "completed":
            result = _result(service, job)
            task["result"] = result.model_dump(by_alias=True, mode="json", exclude_none=True)
        return task


def declared(ctx: Context) -> bool:
    """Whether the client has declared the extension on this request."""
    capabilities = ctx.session.client_capabilities
    modern = ctx.protocol_version in MODERN_PROTOCOL_VERSIONS
    return modern and bool(capabilities and EXTENSION in (capabilities.extensions or {}))


def asked(params: types.SubscriptionsListenRequestParams) -> list[str]:
    """Return the ids of the tasks that a client wants to listen to."""
    ids: object = (params.notifications.model_extra or {}).get("taskIds")
    return [name for name in cast("list[object]", ids) if isinstance(name, str)] if isinstance(ids, list) else []


def _require(ctx: Context) -> None:
    if ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        raise MCPError(types.METHOD_NOT_FOUND, "Method not found: tasks came with protocol revision 2026-07-28")
    if not declared(ctx):
        raise MCPError(
            types.MISSING_REQUIRED_CLIENT_CAPABILITY,
            f"This request has to declare the extension {EXTENSION}",
            data={"requiredCapabilities": {"extensions": {EXTENSION: {}}}},
        )


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


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
