"""Ways in which an answer goes missing. The carrier of the bytes, our transport or uvicorn, knows how to lose them."""

from __future__ import annotations

from typing import Protocol, cast

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

CONNECTION = "seedance_mcp.sandbox.connection"
"""The key among the ASGI scope's extensions under which the carrier offers its `Connection`."""


class Connection(Protocol):
    """The connection of one request."""

    async def cut(self) -> None:
        """Close the connection after the bytes sent so far. May raise, to leave the application."""
        ...

    async def hang(self) -> None:
        """Keep the connection open and silent until the caller gives up. May raise, too."""
        ...


def connection_of(scope: Scope) -> Connection | None:
    """Return the connection of a request, if its carrier offers it."""
    return cast("Connection | None", scope.get("extensions", {}).get(CONNECTION))


async def cut(scope: Scope, receive: Receive) -> None:
    """Lose the connection. A carrier that offers none closes it by itself when an answer stays incomplete."""
    if connection := connection_of(scope):
        await connection.cut()
        await _disconnected(receive)


async def _disconnected(receive: Receive) -> None:
    """Wait until the caller has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


class LostAnswer(Response):
    """No answer: the connection ends."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if connection_of(scope) is None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"64")]})
        await cut(scope, receive)


class NoAnswer(Response):
    """No answer: the connection stays open for as long as the caller waits."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  (nothing is sent)
        if connection := connection_of(scope):
            await connection.hang()
        await _disconnected(receive)
