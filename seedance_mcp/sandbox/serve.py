"""The sandbox over HTTP, for clients of any language: `seedance-mcp sandbox --port N`."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import anyio
import uvicorn
from anyio.abc import TaskStatus
from uvicorn.protocols.http.h11_impl import H11Protocol

from seedance_mcp.sandbox.app import Sandbox
from seedance_mcp.sandbox.connection import CONNECTION
from seedance_mcp.sandbox.guard import Guard

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


class _Connection:
    """The TCP connection of one request, for the behaviours that lose the connection."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    async def cut(self) -> None:
        self._transport.close()

    async def hang(self) -> None:
        """Do nothing: the connection stays silent by itself."""


class _Protocol(H11Protocol):
    """uvicorn's HTTP/1.1, extended with access to the connection, which ASGI itself does not offer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        inner = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[CONNECTION] = _Connection(self.transport)
            await inner(scope, receive, send)  # pyright: ignore[reportArgumentType]  (uvicorn has types of its own)

        self.app = app  # pyright: ignore[reportAttributeAccessIssue]  (uvicorn has types of its own)


async def serve(
    port: int,
    host: str = "127.0.0.1",
    *,
    sandbox: Sandbox | None = None,
    task_status: TaskStatus[int] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Serve a sandbox until cancelled or interrupted; with port 0 the system chooses a free one.

    In a task group, `await group.start(serve, 0)` returns the port once connections are accepted.

    Raises:
        OSError: The port is in use.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=512) as listener:
        config = uvicorn.Config(
            Guard((sandbox or Sandbox()).app, host),
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",  # at a lower level it reports the connections that we cut on purpose
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        task_status.started(listener.getsockname()[1])
        try:
            await server.serve(sockets=[listener])
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await server.shutdown(sockets=[listener])
            raise
