"""HTTP on raw sockets, for the fake vendor: requests are read, and answers end as no HTTP library would let them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from tests.faults.behaviours import ACCOUNTS, ELSEWHERE, HANG

JSON = {"content-type": "application/json"}


@dataclass(slots=True)
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    writer: asyncio.StreamWriter
    reader: asyncio.StreamReader
    elsewhere: bool = False
    """Whether it came to the vendor's other address."""
    scenario: str = ""
    """The scenario whose tasks it may list."""

    @property
    def payer(self) -> str | None:
        """Who pays for what the request creates: the account, at the address."""
        return ELSEWHERE if self.elsewhere and self.account else self.account

    @property
    def vendor(self) -> str:
        """The vendor whose API has this path."""
        if self.path.startswith("/v2/"):
            return "seedanceapi"
        if self.path.startswith("/api/v3/"):
            return "byteplus"
        return "aigptimage" if self.path.startswith("/api/") else "ope"

    @property
    def account(self) -> str | None:
        """The account whose key the request carries."""
        return ACCOUNTS.get(self.headers.get("authorization", "").removeprefix("Bearer "))

    @property
    def task(self) -> str:
        """The id of the task that a GET names."""
        given = self.query.get("task_id") or self.query.get("taskId")
        return given[0] if given else self.path.removesuffix("/content").removesuffix(".mp4").rpartition("/")[2]


@dataclass(slots=True)
class HangUp(Exception):
    """The connection ends here."""

    reset: bool = False


async def drip(request: Request) -> None:
    """Send an answer that never ends, a byte at a time."""
    request.writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n")
    for _ in range(int(HANG / 0.05)):
        request.writer.write(b" ")
        await request.writer.drain()
        await asyncio.sleep(0.05)
    raise HangUp


def answer_json(request: Request, status: int, body: Mapping[str, Any], more: Mapping[str, str] | None = None) -> None:
    request.writer.write(whole_answer(status, json.dumps(body).encode(), {**JSON, **(more or {})}))


def whole_answer(status: int, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} X", *(f"{k}: {v}" for k, v in headers.items()), f"content-length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    url = urlsplit(target)
    path = url.path.removeprefix(f"/{ELSEWHERE}")
    elsewhere = path != url.path
    scenario = found[1] if (found := re.match(r"/api/v3/of/([^/]+)", path)) else ""
    path = path.replace(f"/of/{scenario}", "", 1) if scenario else path
    return Request(method, path, parse_qs(url.query), headers, body, writer, reader, elsewhere, scenario)


def reset_on_close(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        sock = cast(socket.socket, writer.get_extra_info("socket"))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
