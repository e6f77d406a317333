"""An HTTP transport that calls the sandbox in process, in place of the network, and can lose connections as it does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import anyio
import httpx2

from seedance_mcp.sandbox.connection import CONNECTION

if TYPE_CHECKING:
    from starlette.types import Message, Scope

    from seedance_mcp.sandbox.app import Sandbox

Trace = Callable[[str, Mapping[str, Any]], Awaitable[None]]

_SILENCE = 0.05
"""Seconds of silence before a read timeout is raised, if the caller's own timeout is not shorter."""


class SandboxTransport(httpx2.AsyncBaseTransport):
    """Carries requests to a sandbox as a network would, including trace events.

    A lost connection becomes `ReadError` (during a download: after the first half), silence `ReadTimeout`, and
    an unreachable vendor `ConnectError`, before any event reports that something was sent.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        body = await request.aread()
        if self.sandbox.unreachable(body):
            raise httpx2.ConnectError("All connection attempts failed", request=request)
        trace: Trace = request.extensions.get("trace") or _untraced
        await trace("http11.send_request_headers.started", {"request": request})
        await trace("http11.send_request_body.complete", {})
        exchange = _Exchange(request, body)
        try:
            await self.sandbox.app(exchange.scope, exchange.receive, exchange.send)
        except httpx2.TransportError:
            if exchange.status is None:
                raise
        await trace("http11.receive_response_headers.complete", {})
        stream = _Chunks(exchange.chunks, exchange.broken)
        return httpx2.Response(exchange.status or 500, headers=exchange.headers, stream=stream, request=request)


async def _untraced(event: str, info: Mapping[str, Any]) -> None:
    """Ignore an event: the caller asked for no trace."""


class _Exchange:
    """One request and its answer; to the application it is also the `Connection` that it may cut."""

    def __init__(self, request: httpx2.Request, body: bytes) -> None:
        self.request = request
        self.body = body
        self.status: int | None = None
        self.headers: list[tuple[bytes, bytes]] = []
        self.chunks: list[bytes] = []
        self.broken: httpx2.TransportError | None = None
        self._received = False
        url = request.url
        self.scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.partition(b"?")[0],
            "query_string": url.query,
            "server": (url.host, url.port),
            "client": ("127.0.0.1", 0),
            "root_path": "",
            "extensions": {CONNECTION: self},
        }

    async def receive(self) -> Message:
        if self._received:
            return {"type": "http.disconnect"}
        self._received = True
        return {"type": "http.request", "body": self.body, "more_body": False}

    async def send(self, message: Message) -> None:
        if self.broken is not None:
            return  # Starlette's error page for the exception that we raised to leave the application
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        elif message.get("body") and self.request.method != "HEAD":
            self.chunks.append(message["body"])

    async def cut(self) -> None:
        self.broken = httpx2.ReadError("The connection was lost", request=self.request)
        raise self.broken

    async def hang(self) -> None:
        timeout: Mapping[str, float | None] = self.request.extensions.get("timeout") or {}
        read_timeout = timeout.get("read")
        await anyio.sleep(_SILENCE if read_timeout is None else min(_SILENCE, read_timeout))
        self.broken = httpx2.ReadTimeout("The read operation timed out", request=self.request)
        raise self.broken


class _Chunks(httpx2.AsyncByteStream):
    """The body of an answer in the chunks that were sent, and the error that ends it."""

    def __init__(self, chunks: list[bytes], error: httpx2.TransportError | None) -> None:
        self._chunks = chunks
        self._error = error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk
        if self._error is not None:
            raise self._error
