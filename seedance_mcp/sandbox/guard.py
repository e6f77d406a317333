"""What the sandbox on a port accepts: requests to this machine by name, with bodies of a bounded size.

A page in a browser can send requests to any port of its machine, and with a name that it rebinds, read the answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 101 * 1024 * 1024
"""Bytes of the largest body; no vendor takes a larger file."""
_HERE = {"127.0.0.1", "localhost", "[::1]"}


class Guard:
    """An application that refuses requests before another one sees them."""

    def __init__(self, app: ASGIApp, host: str, largest_body: int = LARGEST_BODY) -> None:
        """`host` is the address that is listened on; it may be named as well as this machine."""
        self._app, self._largest = app, largest_body
        self._hosts = _HERE | {f"[{host}]" if ":" in host else host}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"]) if scope["type"] == "http" else {}
        declared = headers.get(b"content-length", b"0")
        if scope["type"] == "http" and _name(headers.get(b"host", b"").decode("latin-1")) not in self._hosts:
            await _refuse(421, "The sandbox answers only under the names of this machine.")(scope, receive, send)
        elif not declared.isdigit() or int(declared) > self._largest:
            await _refuse(413, f"The body is larger than {self._largest} bytes.")(scope, receive, send)
        else:
            await self._app(scope, self._bounded(receive), send)

    def _bounded(self, receive: Receive) -> Receive:
        """Return a `receive` that ends the connection after too many bytes, which a chunked body does not declare."""
        received = 0

        async def bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return {"type": "http.disconnect"} if received > self._largest else message

        return bounded


def _name(host: str) -> str:
    """Return the name in a Host header, without the port."""
    return host[: host.index("]") + 1] if "]" in host else host.partition(":")[0].lower()


def _refuse(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status)
