"""Ways in which an answer goes missing. Who carries the bytes says how: our transport in process, uvicorn over HTTP."""

from __future__ import annotations

from typing import Protocol, cast

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

CONNECTION = "seedance_mcp.sandbox.line"
"""The key among the ASGI scope's extensions under which the carrier offers its line."""


class Connection(Protocol):
    """The connection that one request came by."""

    async def cut(self) -> None:
        """Close the connection after what was sent so far. May raise, to get out of the application."""
        ...

    async def hang(self) -> None:
        """Keep the connection open and silent until the caller gives up. May raise, too."""
        ...


def connection_of(scope: Scope) -> Connection | None:
    """Return the line that a request came by, if its carrier offers one."""
    return cast("Connection | None", scope.get("extensions", {}).get(CONNECTION))


async def cut(scope: Scope, receive: Receive) -> None:
    """Lose the connection. A carrier without a line closes it by itself when an answer stays incomplete."""
    if line := connection_of(scope):
        await line.cut()
        await gone(receive)


async def gone(receive: Receive) -> None:
    """Wait until the caller is no longer there."""
    while (await receive())["type"] != "http.disconnect":
        pass


class Lost(Response):
    """No answer: the connection ends."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if connection_of(scope) is None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"64")]})
        await cut(scope, receive)


class Silence(Response):
    """No answer: the connection stays open for as long as the caller waits."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  (nothing is sent)
        if line := connection_of(scope):
            await line.hang()
        await gone(receive)
