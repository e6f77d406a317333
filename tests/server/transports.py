"""Transports that stand between our server and the sandbox, for what the sandbox itself does not do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import httpx2

from seedance_mcp.sandbox import Sandbox
from seedance_mcp.sandbox.transport import SandboxTransport

Edit = Callable[[httpx2.Request, Any], Any]
"""From a request and the JSON of its answer to the JSON that the server gets instead."""


class EditingTransport(SandboxTransport):
    """Changes the JSON of every answer, and keeps its status."""

    def __init__(self, sandbox: Sandbox, edit: Edit) -> None:
        super().__init__(sandbox)
        self._edit = edit

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        if response.headers.get("content-type") != "application/json":
            return response
        await response.aread()
        return httpx2.Response(response.status_code, json=self._edit(request, response.json()), request=request)


def change_data(**changes: Any) -> Edit:
    """Return an edit that changes fields in the `data` of every answer."""
    return lambda _, body: body | {"data": body["data"] | changes}


class HeldTransport(SandboxTransport):
    """Holds every POST until the test releases it."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.arrived, self.released = anyio.Event(), anyio.Event()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            self.arrived.set()
            await self.released.wait()
        return await super().handle_async_request(request)


class HalfwayTransport(SandboxTransport):
    """Sends half of each video, and the rest when the test releases it."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.released = anyio.Event()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        if response.headers.get("content-type") != "video/mp4":
            return response
        content = await response.aread()
        return httpx2.Response(
            response.status_code, headers=response.headers, stream=_Halves(content, self.released), request=request
        )


class _Halves(httpx2.AsyncByteStream):
    def __init__(self, content: bytes, released: anyio.Event) -> None:
        self._content, self._released = content, released

    async def __aiter__(self) -> AsyncIterator[bytes]:
        half = len(self._content) // 2
        yield self._content[:half]
        await self._released.wait()
        yield self._content[half:]
