"""An HTTP host on a real port of this machine that answers as a test tells it to, and records each request."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import anyio
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from seedance_mcp.settings import Settings, load
from tests.exception_groups import single_error

KEY = "sk-test-0123456789"
VENDOR_ENV = {"ope": "OPE", "12ai": "TWELVEAI"}


@dataclass(frozen=True)
class Request:
    """One request as it came over the wire; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Reply:
    """An answer; without `length` it has no Content-Length, with `cut` the connection ends after that many bytes."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    length: int | None = -1
    cut: int | None = None
    repeat: bytes = b""
    """Sent after the body, again and again, until the client hangs up."""


Answer = Callable[[Request], Reply]


class Host:
    """What a test sees of a host."""

    def __init__(self, port: int, answer: Answer) -> None:
        self.port, self.answer = port, answer
        self.requests: list[Request] = []

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, stream: SocketStream) -> None:
        """Answer one request, and hang up."""
        async with stream:
            head = (await BufferedByteReceiveStream(stream).receive_until(b"\r\n\r\n", 65_536)).decode("latin-1")
            first, *lines = head.split("\r\n")
            headers = {name.casefold(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            method, target, _ = first.split(" ")
            self.requests.append(Request(method, target, headers))
            reply = self.answer(self.requests[-1])
            length = len(reply.body) if reply.length == -1 else reply.length
            sent = {"connection": "close", **reply.headers} | (
                {} if length is None else {"content-length": str(length)}
            )
            start = f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}\r\n"
            start += "".join(f"{name}: {value}\r\n" for name, value in sent.items()) + "\r\n"
            await stream.send(start.encode() + reply.body[: reply.cut])
            with suppress(anyio.BrokenResourceError):
                while reply.repeat:
                    await stream.send(reply.repeat)


@asynccontextmanager
async def hosting(answer: Answer) -> AsyncGenerator[Host]:
    """Serve on a free port of 127.0.0.1 while the block runs."""
    listeners = await anyio.create_tcp_listener(local_host="127.0.0.1")
    try:
        async with listeners, anyio.create_task_group() as group:
            host = Host(listeners.extra(SocketAttribute.local_port), answer)  # noqa: S610  (not Django's `extra`)
            group.start_soon(listeners.serve, host.serve)
            with anyio.fail_after(30):
                yield host
            group.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise single_error(group) from None


def settings_for(folder: Path, slug: str, base_url: str = "") -> Settings:
    """Return the settings of one vendor with a key, at another base URL if one is given."""
    name = VENDOR_ENV[slug]
    address = {f"SEEDANCE_{name}_BASE_URL": base_url} if base_url else {}
    folders = {"SEEDANCE_STATE_DIR": str(folder / "state"), "SEEDANCE_OUTPUT_DIR": str(folder / "videos")}
    return load({f"SEEDANCE_{name}_API_KEY": KEY, **folders, **address})
