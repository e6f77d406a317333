"""The extension `io.modelcontextprotocol/tasks` (2026-07-28): calls that go on, for clients that declare it on them.

What is a task is the matter of a `TaskSource`; for this server, a job is (`job_tasks.py`).
"""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

import anyio
import mcp_types as types
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp.shared.subscriptions import SUBSCRIPTION_ID_META_KEY
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ConfigDict, Field

from seedance_mcp.errors import SeedanceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mcp.server.context import ServerRequestContext
    from mcp.server.lowlevel import Server

    Context = ServerRequestContext[Any, Any]
    Json = dict[str, Any]

EXTENSION = "io.modelcontextprotocol/tasks"
Status = Literal["working", "input_required", "completed", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Task:
    """A call that goes on, at one moment."""

    id: str
    status: Status
    message: str
    """What a client may show of it."""
    created_at: float
    """In seconds since 1970, as are all times here."""
    updated_at: float
    poll_seconds: float
    """How long a client should wait before it asks again."""
    result: types.CallToolResult | None = None
    """What the call has given, once it is `completed`."""
    error: types.ErrorData | None = None
    """Why it is `failed`."""
    input_requests: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What it asks the client, by name, while it is `input_required`."""

    @property
    def has_ended(self) -> bool:
        """Whether it will never change again."""
        return self.status not in {"working", "input_required"}


class TaskSource(Protocol):
    """Where tasks come from."""

    async def find(self, task_id: str, *, poll: bool = False) -> Task | None:
        """Return a task, or None if there is none of this id. `poll` asks the vendor first, if that is due."""
        ...

    async def answer(self, task_id: str, responses: Mapping[str, Any]) -> None:
        """Take a client's responses to what a task asks; those that nothing asks for are ignored."""
        ...

    async def cancel(self, task_id: str) -> None:
        """Take a client's wish to end a task, which need not be granted."""
        ...

    async def track(self, task_id: str, changed: Callable[[str], None]) -> Callable[[], None]:
        """Call `changed` with the id at each change of a task; return what ends that."""
        ...


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
    """The methods of the extension, over sources of tasks."""

    def __init__(self, *sources: TaskSource) -> None:
        """A task belongs to the first source that knows it."""
        self._sources = sources

    def install(self, server: Server[Any]) -> None:
        """Offer the extension and its methods on a server."""
        server.extensions[EXTENSION] = {}
        server.add_request_handler("tasks/get", TaskParams, self._get)
        server.add_request_handler("tasks/update", UpdateParams, self._update)
        server.add_request_handler("tasks/cancel", TaskParams, self._cancel)

    async def created(self, task_id: str) -> Json | None:
        """Return a new task as the result of its call, or None if it has already ended."""
        _, task = await self._find(task_id)
        return None if task is None or task.has_ended else {"resultType": "task", **_base(task)}

    async def _get(self, ctx: Context, params: TaskParams) -> Json:
        _, task = await self._named(ctx, params.task_id, poll=True)
        return {"resultType": "complete", **_detailed(task)}

    async def _update(self, ctx: Context, params: UpdateParams) -> Json:
        source, task = await self._named(ctx, params.task_id)
        await source.answer(task.id, params.input_responses)
        return {"resultType": "complete"}

    async def _cancel(self, ctx: Context, params: TaskParams) -> Json:
        source, task = await self._named(ctx, params.task_id)
        if not task.has_ended:
            await source.cancel(task.id)
        return {"resultType": "complete"}

    async def listen(
        self, ctx: Context, params: types.SubscriptionsListenRequestParams
    ) -> types.SubscriptionsListenResult:
        """Serve `subscriptions/listen` with task ids: send each change, until every task has ended."""
        _require(ctx)
        found = [await self._read(name) for name in asked(params)]
        left = {task.id: source for source, task in found if source is not None and task is not None}
        meta = {SUBSCRIPTION_ID_META_KEY: ctx.request_id}
        send, receive = anyio.create_memory_object_stream[str](math.inf)
        with send, receive, ExitStack() as tracked:
            for task_id, source in left.items():
                tracked.callback(await source.track(task_id, send.send_nowait))
                send.send_nowait(task_id)  # it may have ended before anybody listened
            honoured = types.SubscriptionFilter.model_validate({"taskIds": list(left)})
            await ctx.session.send_notification(
                types.SubscriptionsAcknowledgedNotification(
                    params=types.SubscriptionsAcknowledgedNotificationParams(notifications=honoured, _meta=meta)
                ),
                related_request_id=ctx.request_id,
            )
            while left:
                task_id = await receive.receive()
                task = await left[task_id].find(task_id) if task_id in left else None
                if task is None:
                    continue
                changed: Any = TaskNotification(params=TaskNotificationParams(_meta=meta, **_detailed(task)))
                await ctx.session.send_notification(changed, related_request_id=ctx.request_id)
                if task.has_ended:
                    del left[task_id]
        return types.SubscriptionsListenResult(_meta=meta)

    async def _named(self, ctx: Context, task_id: str, *, poll: bool = False) -> tuple[TaskSource, Task]:
        """Return the task that a request is about."""
        _require(ctx)
        headers = getattr(ctx.request, "headers", None)
        if headers is not None and decode_header_value(headers.get(MCP_NAME_HEADER)) != task_id:
            raise MCPError(types.HEADER_MISMATCH, f"The header {MCP_NAME_HEADER} does not match params.taskId")
        source, task = await self._read(task_id, poll=poll)
        if source is None or task is None:
            raise MCPError(types.INVALID_PARAMS, "There is no such task; list_videos has the ids of all jobs.")
        return source, task

    async def _read(self, task_id: str, *, poll: bool = False) -> tuple[TaskSource | None, Task | None]:
        try:
            return await self._find(task_id, poll=poll)
        except SeedanceError as error:
            raise MCPError(types.INTERNAL_ERROR, str(error)) from None

    async def _find(self, task_id: str, *, poll: bool = False) -> tuple[TaskSource | None, Task | None]:
        for source in self._sources:
            if (task := await source.find(task_id, poll=poll)) is not None:
                return source, task
        return None, None


def declared(ctx: Context) -> bool:
    """Whether the client has declared the extension on this request."""
    capabilities = ctx.session.client_capabilities
    modern = ctx.protocol_version in MODERN_PROTOCOL_VERSIONS
    return modern and bool(capabilities and EXTENSION in (capabilities.extensions or {}))


def undeclared() -> MCPError:
    """Return the error for a request that cannot be served to a client without the extension."""
    return MCPError(
        types.MISSING_REQUIRED_CLIENT_CAPABILITY,
        f"This request has to declare the extension {EXTENSION}",
        data={"requiredCapabilities": {"extensions": {EXTENSION: {}}}},
    )


def asked(params: types.SubscriptionsListenRequestParams) -> Sequence[str]:
    """Return the ids of the tasks that a client wants to listen to."""
    ids: object = (params.notifications.model_extra or {}).get("taskIds")
    return [name for name in cast("list[object]", ids) if isinstance(name, str)] if isinstance(ids, list) else []


def _require(ctx: Context) -> None:
    if ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        raise MCPError(types.METHOD_NOT_FOUND, "Method not found: tasks came with protocol revision 2026-07-28")
    if not declared(ctx):
        raise undeclared()


def _base(task: Task) -> Json:
    return {
        "taskId": task.id,
        "status": task.status,
        "statusMessage": task.message,
        "createdAt": _iso(task.created_at),
        "lastUpdatedAt": _iso(task.updated_at),
        "ttlMs": None,
        "pollIntervalMs": round(1000 * task.poll_seconds),
    }


def _detailed(task: Task) -> Json:
    more: Json = {"inputRequests": dict(task.input_requests)} if task.input_requests else {}
    for name, part in (("result", task.result), ("error", task.error)):
        if part is not None:
            more[name] = part.model_dump(by_alias=True, mode="json", exclude_none=True)
    return _base(task) | more


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
