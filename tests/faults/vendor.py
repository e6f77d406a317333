"""A vendor on loopback that counts what it charges, and misbehaves on request.

It speaks raw sockets, because no HTTP library lets a server reset, truncate, hang or drip. The prompt of a job carries
its orders, `[intent-NAME POST LOOK FILM]`, so that the vendor needs no state of its own to know what to do. Charges go
to a file that is synced before any answer is sent: whatever dies later, the charge stands.

Three APIs: seedanceapi (no idempotency key), aigptimage (X-Request-ID returns the first task) and ope (film by key).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import parse_qs, urlsplit

ROOT = Path(__file__).parents[2]
PRICE = 570_000
"""Micro-dollars that each film costs, at every vendor."""
CREDITS = 57
"""What seedanceapi calls the same."""
VIDEO_BYTES = 96 * 1024
SLOW = 0.6
"""Seconds a slow vendor takes; less than the time-out of the children."""
HANG = 20.0

Outcome = Literal["submitted", "rejected", "unknown"]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a POST is answered: whether it is charged first, and what a careful client can know of it."""

    charges: bool
    outcome: Outcome
    door: bool = False
    """It happens before anything is read, so a port of its own stands for it."""


POSTS: dict[str, Behaviour] = {
    "normal": Behaviour(True, "submitted"),
    "slow": Behaviour(True, "submitted"),
    "accept_then_drip": Behaviour(True, "submitted"),
    "accept_with_an_earlier_id": Behaviour(True, "submitted"),
    "busy_once_then_accept": Behaviour(True, "submitted"),
    "accept_then_reset": Behaviour(True, "unknown"),
    "accept_then_close": Behaviour(True, "unknown"),
    "accept_then_half_a_head": Behaviour(True, "unknown"),
    "accept_then_truncate": Behaviour(True, "unknown"),
    "accept_then_half_json": Behaviour(True, "unknown"),
    "accept_then_hang": Behaviour(True, "unknown"),
    "accept_then_drip_without_end": Behaviour(True, "unknown"),
    "accept_then_500": Behaviour(True, "unknown"),
    "accept_then_502_page": Behaviour(True, "unknown"),
    "accept_then_504_page": Behaviour(True, "unknown"),
    "accept_then_200_page": Behaviour(True, "unknown"),
    "accept_without_id": Behaviour(True, "unknown"),
    "accept_then_307": Behaviour(True, "unknown"),
    "accept_then_408": Behaviour(True, "unknown"),
    "refuse_408": Behaviour(False, "unknown"),
    "refuse_409": Behaviour(False, "unknown"),
    "refuse_503_page": Behaviour(False, "unknown"),
    "refuse_400": Behaviour(False, "rejected"),
    "refuse_402": Behaviour(False, "rejected"),
    "refuse_402_inside_200": Behaviour(False, "rejected"),
    "busy_always": Behaviour(False, "rejected"),
    "reset_at_the_door": Behaviour(False, "unknown", door=True),
    "close_at_the_door": Behaviour(False, "unknown", door=True),
    "no_door": Behaviour(False, "rejected", door=True),
}
SLOW_POSTS = {"slow", "accept_then_hang", "accept_then_drip_without_end"}
"""They take more than half a second each."""
_REFUSED = {
    "accept_then_500": 500,
    "accept_then_408": 408,
    "refuse_408": 408,
    "refuse_409": 409,
    "refuse_400": 400,
    "refuse_402": 402,
    "busy_once_then_accept": 429,
    "busy_always": 429,
}
"""Answered with a status, in the vendor's own envelope."""
_PAGES = {"accept_then_502_page": 502, "accept_then_504_page": 504, "accept_then_200_page": 200, "refuse_503_page": 503}
_BROKEN = {"accept_then_reset": 0, "accept_then_close": 0, "accept_then_half_a_head": 20, "accept_then_truncate": -5}
"""How much of the answer comes before the connection ends."""
LOOKS = ("normal", "fails", "error_once", "page_once", "strange_word_once", "drips_once")
VIDEOS = ("whole", "cut_once", "cut_without_range", "slow")

BASE_PATH = {"seedanceapi": "/v2", "aigptimage": "", "ope": ""}
MODELS = {
    "seedanceapi": "seedanceapi/seedance-2-mini",
    "aigptimage": "aigptimage/seedance-2.0-text-to-video",
    "ope": "ope/seedance-2-0-fast",
}
_ORDERS = re.compile(r"\[intent-(\S+) (\w+) (\w+) (\w+)\]")
_JSON = {"content-type": "application/json"}
_PAGE = b"<!doctype html><title>Bad gateway</title><h1>Something went wrong</h1>"


@dataclass(frozen=True, slots=True)
class Orders:
    """What one job shall meet."""

    intent: str
    post: str = "normal"
    look: str = "normal"
    video: str = "whole"

    def prompt(self) -> str:
        return f"Rain on a tin roof [intent-{self.intent} {self.post} {self.look} {self.video}]"


def read_orders(text: str) -> Orders | None:
    """Find a job's orders in its prompt."""
    found = _ORDERS.search(text)
    return Orders(*found.groups()) if found else None


def video(task: str) -> bytes:
    """Return the film of a task: always the same bytes for the same task."""
    head = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
    block = hashlib.sha256(task.encode()).digest()
    return (head + block * (VIDEO_BYTES // len(block)))[:VIDEO_BYTES]


@dataclass(frozen=True, slots=True)
class Charge:
    """One line of the vendor's books."""

    intent: str
    task: str
    vendor: str
    micros: int


class Books:
    """The vendor's charges and refunds, in a file that survives whoever dies."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, **line: Any) -> None:
        # Not synced: this process is never killed, and a slow disk here would look like a vendor that hangs.
        os.write(self._fd, json.dumps(line).encode() + b"\n")


@dataclass(slots=True)
class _Task:
    id: str
    orders: Orders
    polls: int = 0
    downloads: int = 0


@dataclass(slots=True)
class _Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    writer: asyncio.StreamWriter
    reader: asyncio.StreamReader


@dataclass(slots=True)
class _Hangup(Exception):
    """The connection ends here."""

    reset: bool = False


@dataclass(slots=True)
class Shop:
    """The vendor itself."""

    books: Books
    tasks: dict[str, _Task] = field(default_factory=dict[str, _Task])
    by_key: dict[str, _Task] = field(default_factory=dict[str, _Task])
    posts: dict[str, int] = field(default_factory=dict[str, int])
    latest: str | None = None

    # -- connections ------------------------------------------------------------------------------------------------

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read(reader, writer)) is not None:
                await self._answer(request)
                await writer.drain()
        except _Hangup as end:
            if end.reset:
                _reset_on_close(writer)
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            pass
        finally:
            writer.close()

    async def _answer(self, request: _Request) -> None:
        if request.method == "POST":
            await self._create(request)
        elif request.path.startswith("/videos/") or request.path.endswith("/content"):
            task = request.path.removesuffix("/content").removesuffix(".mp4").rpartition("/")[2]
            await self._video(request, self.tasks[task])
        else:
            given = request.query.get("task_id") or request.query.get("taskId") or [request.path.rpartition("/")[2]]
            await self._look(request, self.tasks[given[0]])

    # -- creating ---------------------------------------------------------------------------------------------------

    async def _create(self, request: _Request) -> None:
        vendor = {"/v2/generate": "seedanceapi", "/api/v1/jobs/createTask": "aigptimage"}.get(request.path, "ope")
        body = json.loads(request.body)
        orders = read_orders(body["input"]["prompt"] if vendor == "aigptimage" else body["prompt"])
        assert orders is not None
        key = request.headers.get("x-request-id", "") if vendor == "aigptimage" else ""
        if key in self.by_key:
            _json(request, 200, _created(vendor, self.by_key[key].id))
            return
        nth = self.posts[orders.intent] = self.posts.get(orders.intent, 0) + 1
        post = "normal" if POSTS[orders.post].door else orders.post
        if nth > 1 and (post == "busy_once_then_accept" or (key and POSTS[post].outcome == "unknown")):
            post = "normal"
        task: _Task | None = None
        if post != "busy_once_then_accept" and POSTS[post].charges:
            task = self._charge(vendor, orders, key)
        if post in SLOW_POSTS:
            await self._take_long(request, vendor, post, task)
        else:
            await self._reply(request, vendor, post, task)

    def _charge(self, vendor: str, orders: Orders, key: str) -> _Task:
        task = _Task(f"task-{orders.intent}-{os.urandom(3).hex()}", orders)
        self.books.write(intent=orders.intent, task=task.id, vendor=vendor, micros=PRICE)
        self.tasks[task.id] = task
        if key:
            self.by_key[key] = task
        return task

    async def _reply(self, request: _Request, vendor: str, post: str, task: _Task | None) -> None:
        whole = _whole(200, json.dumps(_created(vendor, task.id if task else "")).encode(), _JSON)
        if post in _REFUSED:
            status = _REFUSED[post]
            wait = {"retry-after": "1"} if status == HTTPStatus.TOO_MANY_REQUESTS else {}
            _json(request, status, _refused(vendor, status, HTTPStatus(status).phrase), wait)
        elif post in _PAGES:
            request.writer.write(_whole(_PAGES[post], _PAGE, {"content-type": "text/html"}))
        elif post in _BROKEN:
            request.writer.write(whole[: _BROKEN[post]])
            raise _Hangup(reset=post == "accept_then_reset")
        elif task and post == "normal":
            if task.orders.look == "normal":
                self.latest = task.id
            request.writer.write(whole)
        else:
            await self._misbehave(request, vendor, post, task)

    async def _take_long(self, request: _Request, vendor: str, post: str, task: _Task | None) -> None:
        if post == "slow":
            await asyncio.sleep(SLOW)
            _json(request, 200, _created(vendor, task.id if task else ""))
        elif post == "accept_then_hang":
            await asyncio.wait_for(request.reader.read(1), HANG)
            raise _Hangup
        else:
            await _drip(request)

    async def _misbehave(self, request: _Request, vendor: str, post: str, task: _Task | None) -> None:
        answer = _created(vendor, task.id if task else "")
        whole = _whole(200, json.dumps(answer).encode(), _JSON)
        match post:
            case "accept_then_drip":
                for at in range(0, len(whole), 16):
                    request.writer.write(whole[at : at + 16])
                    await request.writer.drain()
                    await asyncio.sleep(0.01)
            case "accept_with_an_earlier_id":
                _json(request, 200, _created(vendor, self.latest or (task.id if task else "")))
            case "accept_then_half_json":
                request.writer.write(_whole(200, json.dumps(answer).encode()[:-3], _JSON))
            case "accept_without_id":
                _json(request, 200, {"code": 200, "message": "success", "data": {"status": "IN_PROGRESS"}})
            case "accept_then_307":
                request.writer.write(_whole(307, b"", {"location": request.path}))
            case "refuse_402_inside_200":
                _json(request, 402 if vendor == "ope" else 200, _refused(vendor, 402, "Insufficient credits"))
            case _:
                raise AssertionError(post)

    # -- looking ----------------------------------------------------------------------------------------------------

    async def _look(self, request: _Request, task: _Task) -> None:
        task.polls += 1
        vendor = (
            "seedanceapi"
            if request.path == "/v2/status"
            else ("ope" if "/v1/videos/" in request.path else "aigptimage")
        )
        look = task.orders.look
        if task.polls == 1 and look == "error_once":
            _json(request, 500, _refused(vendor, 500, "Internal error"))
        elif task.polls == 1 and look == "drips_once":
            await _drip(request)
        elif task.polls == 1 and look == "page_once":
            request.writer.write(_whole(200, _PAGE, {"content-type": "text/html"}))
        elif task.polls == 1:
            _json(
                request, 200, _seen(vendor, task.id, "dreaming" if look == "strange_word_once" else "processing", None)
            )
        elif look == "fails":
            if task.polls == 2:
                self.books.write(refund=task.id)
            _json(request, 200, _seen(vendor, task.id, "failed", None))
        else:
            host = request.headers["host"]
            _json(
                request,
                200,
                _seen(vendor, task.id, "completed", f"http://{host}/videos/{task.id}.mp4?signature=s3cr3t"),
            )

    async def _video(self, request: _Request, task: _Task) -> None:
        task.downloads += 1
        self.books.write(download=task.id)
        whole, how = video(task.id), task.orders.video
        head = {"content-type": "video/mp4", "etag": f'"{task.id}"'}
        start, status = 0, 200
        if how != "cut_without_range" and (asked := re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))):
            start, status = int(asked[1]), 206
            head["content-range"] = f"bytes {start}-{len(whole) - 1}/{len(whole)}"
            if start >= len(whole):
                request.writer.write(_whole(416, b"", head | {"content-range": f"bytes */{len(whole)}"}))
                return
        if how.startswith("cut_") and task.downloads == 1:
            request.writer.write(_whole(status, whole[start:], head)[: len(whole) // 2])
            await request.writer.drain()
            raise _Hangup
        if how == "slow":
            sent = _whole(status, whole[start:], head)
            for at in range(0, len(sent), len(sent) // 6):
                request.writer.write(sent[at : at + len(sent) // 6])
                await request.writer.drain()
                await asyncio.sleep(0.05)
            return
        request.writer.write(_whole(status, whole[start:], head))


def _created(vendor: str, task: str) -> dict[str, Any]:
    match vendor:
        case "seedanceapi":
            data = {"task_id": task, "status": "IN_PROGRESS"}
            return {"code": 200, "message": "success", "data": data}
        case "aigptimage":
            return {"code": 200, "msg": "success", "data": {"taskId": task}}
        case _:
            return {"id": task, "task_id": task, "object": "video", "status": "queued", "progress": 0}


def _refused(vendor: str, code: int, words: str) -> dict[str, Any]:
    match vendor:
        case "seedanceapi":
            return {"code": code, "message": words, "data": None}
        case "aigptimage":
            return {"code": code, "msg": words, "data": None}
        case _:
            return {"error": {"message": words, "type": "api_error", "code": str(code)}}


def _seen(vendor: str, task: str, word: str, url: str | None) -> dict[str, Any]:
    match vendor:
        case "seedanceapi":
            data: dict[str, Any] = {"task_id": task, "status": word.upper()}
            if url:
                data |= {"response": [url], "consumed_credits": CREDITS}
            return {"code": 200, "message": "success", "data": data}
        case "aigptimage":
            result = json.dumps({"resultUrls": [url]}) if url else ""
            return {"code": 200, "msg": "success", "data": {"taskId": task, "state": word, "resultJson": result}}
        case _:
            return {"id": task, "status": word, "progress": 100 if url else 30}


async def _drip(request: _Request) -> None:
    """Send an answer that never ends, a byte at a time."""
    request.writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n")
    for _ in range(int(HANG / 0.05)):
        request.writer.write(b" ")
        await request.writer.drain()
        await asyncio.sleep(0.05)
    raise _Hangup


def _json(request: _Request, status: int, body: Mapping[str, Any], more: Mapping[str, str] | None = None) -> None:
    request.writer.write(_whole(status, json.dumps(body).encode(), {**_JSON, **(more or {})}))


def _whole(status: int, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} X", *(f"{k}: {v}" for k, v in headers.items()), f"content-length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> _Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    url = urlsplit(target)
    return _Request(method, url.path, parse_qs(url.query), headers, body, writer, reader)


def _reset_on_close(writer: asyncio.StreamWriter) -> None:
    _linger(cast(socket.socket, writer.get_extra_info("socket")))
    writer.transport.abort()


def _linger(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@dataclass(frozen=True, slots=True)
class Doors:
    """The ports of a vendor: the shop itself, and three that never let anybody in."""

    normal: int
    reset_at_the_door: int
    close_at_the_door: int
    no_door: int

    def origin(self, post: str = "normal") -> str:
        """Return where a job with this behaviour is to be sent."""
        port = getattr(self, post) if POSTS[post].door else self.normal
        return f"http://127.0.0.1:{port}"


@asynccontextmanager
async def _opened(path: Path) -> AsyncGenerator[Doors]:
    shop = Shop(Books(path))

    async def turn_away(writer: asyncio.StreamWriter, *, reset: bool) -> None:
        if reset:
            _reset_on_close(writer)
        writer.close()

    async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await turn_away(writer, reset=True)

    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await turn_away(writer, reset=False)

    # Bound and never listening: no other program can be given the port, and nobody answers there.
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        servers = [await asyncio.start_server(each, "127.0.0.1", 0, backlog=512) for each in (shop.serve, reset, close)]
        ports = [server.sockets[0].getsockname()[1] for server in servers]
        try:
            yield Doors(**dict(zip(Doors.__slots__, [*ports, unheard.getsockname()[1]], strict=True)))
        finally:
            for server in servers:
                server.close()


@contextmanager
def open_vendor(books: Path) -> Generator[Doors]:
    """Run a vendor in a process of its own until the block ends."""
    books.touch()
    command = [sys.executable, "-m", "tests.faults.vendor", str(books)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            yield Doors(**json.loads(process.stdout.readline()))
        finally:
            process.kill()


async def _main(path: Path) -> None:
    async with _opened(path) as doors:
        sys.stdout.write(json.dumps({name: getattr(doors, name) for name in Doors.__slots__}) + "\n")
        sys.stdout.flush()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, sys.stdin.read)  # whoever started it has gone when this ends


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
