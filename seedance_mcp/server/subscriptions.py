"""Notifications for clients that want to know when a job changes: by subscription, or over a stream.

Both eras of the protocol use the same resource, `seedance://videos/{job_id}`; what changed is read there.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import anyio
import mcp_types as types
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ResourceUpdated
from mcp.shared.exceptions import MCPError

from seedance_mcp.errors import SeedanceError, UnknownJob

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mcp.server.context import ServerRequestContext
    from mcp.server.session import ServerSession

    from seedance_mcp.jobs.service import JobService

    Context = ServerRequestContext[Any, Any]

log = logging.getLogger(__name__)

VIDEO = "seedance://videos/"
MOST_SUBSCRIPTIONS = 1000
"""Resources that one client may subscribe to."""


class Subscriptions:
    """Which client subscribes to which resource, and the last state that was published of each job."""

    def __init__(self, service: Callable[[], Awaitable[JobService]], most: int) -> None:
        self._service, self._most = service, most
        self.bus = InMemorySubscriptionBus()
        """Carries the changes of jobs, as updates of their resources."""
        self.listen = ListenHandler(self.bus)
        """Serves `subscriptions/listen` (2026-07-28)."""
        self._subscribed: dict[str, list[ServerSession]] = {}
        self._published: dict[str, tuple[str, str | None, str | None]] = {}

    async def subscribe(self, ctx: Context, params: types.SubscribeRequestParams) -> types.EmptyResult:
        """Serve `resources/subscribe` (before 2026-07-28)."""
        uri = str(params.uri)
        try:
            service = await self._service()
            job = await service.get(uri.removeprefix(VIDEO) if uri.startswith(VIDEO) else "")
        except UnknownJob:
            message = f"Only jobs change: subscribe to {VIDEO} and the id of a job, as list_videos gives it."
            raise MCPError(types.INVALID_PARAMS, message, data={"uri": uri[:200]}) from None
        except SeedanceError as error:
            raise MCPError(types.INTERNAL_ERROR, str(error)) from None
        if sum(_same(ctx.session, s) for sessions in self._subscribed.values() for s in sessions) >= self._most:
            raise MCPError(
                types.INVALID_PARAMS, f"At most {self._most} subscriptions per client; unsubscribe from some first."
            )
        await self.unsubscribe(ctx, types.UnsubscribeRequestParams(uri=params.uri))
        self._subscribed.setdefault(uri, []).append(ctx.session)
        await service.track(job)  # it may have been created by another server
        return types.EmptyResult()

    async def unsubscribe(self, ctx: Context, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
        """Serve `resources/unsubscribe` (before 2026-07-28)."""
        self._drop(str(params.uri), ctx.session)
        return types.EmptyResult()

    def _drop(self, uri: str, session: ServerSession) -> None:
        left = [s for s in self._subscribed.pop(uri, []) if not _same(s, session)]
        if left:
            self._subscribed[uri] = left

    async def publish(self, service: JobService) -> None:
        """Notify clients of every change of a job as it happens, until cancelled."""
        with service.subscribe() as ids:
            async for job_id in ids:
                try:
                    job = await service.get(job_id)
                except SeedanceError as error:
                    log.warning("job %s: %s", job_id, error)
                    continue
                now = (job.state, job.path, job.save_error)
                if self._published.get(job_id) != now:
                    self._published[job_id] = now
                    await self._notify(VIDEO + job_id)

    async def _notify(self, uri: str) -> None:
        await self.bus.publish(ResourceUpdated(uri=uri))
        for session in tuple(self._subscribed.get(uri, ())):
            try:
                await session.send_resource_updated(uri)
            except (MCPError, anyio.ClosedResourceError, anyio.BrokenResourceError):
                self._drop(uri, session)  # that client is gone


def _same(one: ServerSession, other: ServerSession) -> bool:
    """Whether two sessions are one connection: each connection keeps what its client sent in the handshake."""
    return one.client_params is other.client_params
