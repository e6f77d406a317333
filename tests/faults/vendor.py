"""A fake vendor on loopback that records what it charges, and misbehaves on request.

It uses raw sockets, because no HTTP library lets a server reset, truncate, hang or drip. The prompt of a job carries
its script (`tests.faults.behaviours`), so the vendor needs no other configuration. Each charge is in a
file before any answer is sent: whichever server dies later, the charge is recorded.

It imitates four APIs: seedanceapi (no idempotency key, reports charges), aigptimage (X-Request-ID returns the first
task), ope (videos are downloaded with the key) and byteplus (lists tasks and cancels them). Each API key in `ACCOUNTS`
is an account with tasks of its own. Requests about a job by anybody but the account that created it are recorded as
foreign. GET /faults/forget?job=NAME
makes it forget the idempotency keys of a scenario, as a vendor does once their life is over.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests.faults.answers import accepted, error, progress
from tests.faults.behaviours import (
    HANG,
    LATE,
    QUEUED,
    ROOT,
    SLOW,
    SLOW_POSTS,
    WORKED_ON,
    Script,
    behaviour,
    coded_parts,
    read_script,
    video,
)
from tests.faults.vendor_http import (
    JSON,
    HangUp,
    Request,
    answer_json,
    drip,
    read_request,
    reset_on_close,
    whole_answer,
)

_PAGE = b"<!doctype html><title>Bad gateway</title><h1>Something went wrong</h1>"

_ERRORS = {
    "accept_then_500": 500,
    "accept_then_408": 408,
    "refuse_408": 408,
    "refuse_409": 409,
    "refuse_400": 400,
    "refuse_402": 402,
    "busy_once_then_accept": 429,
    "busy_always": 429,
}
"""Answered with a status, in the vendor's own error envelope."""
_PAGES = {"accept_then_502_page": 502, "accept_then_504_page": 504, "accept_then_200_page": 200, "refuse_503_page": 503}
_BROKEN = {"accept_then_reset": 0, "accept_then_close": 0, "accept_then_half_a_head": 20, "accept_then_truncate": -5}
"""How much of the answer is sent before the connection ends."""


class Records:
    """The vendor's charges, refunds and downloads, in a file that outlives every process."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, **line: Any) -> None:
        """Append a line; it is not synced, for a slow disk would look like a slow vendor."""
        os.write(self._fd, json.dumps(line).encode() + b"\n")


@dataclass(slots=True)
class _Task:
    id: str
    vendor: str
    account: str
    payer: str
    script: Script
    charged: bool = False
    polls: int = 0
    downloads: int = 0
    mark: int = 0
    """What a task of byteplus was submitted with, and is listed with."""
    created_at: float = field(default_factory=time.time)
    cancelled: bool = False

    @property
    def queues(self) -> str:
        """The status of a task that takes real time."""
        if self.cancelled:
            return "cancelled"
        age = time.time() - self.created_at
        return "queued" if age < QUEUED else "processing" if age < QUEUED + WORKED_ON else "completed"

    @property
    def scenario(self) -> str:
        return self.script.intent.partition(".")[0]


@dataclass(slots=True)
class FakeVendor:
    """The vendor itself, with the APIs of all four."""

    records: Records
    tasks: dict[str, _Task] = field(default_factory=dict[str, _Task])
    by_key: dict[tuple[str, str], _Task] = field(default_factory=dict[tuple[str, str], _Task])
    """Tasks by account and idempotency key."""
    posts: dict[str, int] = field(default_factory=dict[str, int])
    """How many POSTs each intent has sent."""
    latest: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    """The latest ordinary task of each account in each scenario."""

    # -- connections ------------------------------------------------------------------------------------------------

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while (request := await read_request(reader, writer)) is not None:
                await self._answer(request)
                await writer.drain()
        except HangUp as end:
            if end.reset:
                reset_on_close(writer)
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            pass
        finally:
            writer.close()

    async def _answer(self, request: Request) -> None:
        if request.path.startswith("/videos/"):  # a link that works without a key
            await self._download(request, self.tasks[request.task])
            return
        if request.path.startswith("/faults/"):
            scenario = request.query.get("job", [""])[0]
            self.by_key = {key: task for key, task in self.by_key.items() if task.scenario != scenario}
            answer_json(request, 200, {})
            return
        account = request.account
        if account is None:
            answer_json(request, 401, error(request.vendor, 401, "Invalid API key"))
        elif request.method == "POST":
            await self._create(request, account)
        elif request.vendor == "byteplus" and request.path.endswith("/tasks"):
            self._list(request)
        elif (task := self._known(request)) is None or task.account != account:
            answer_json(request, 404, error(request.vendor, 404, "Task not found"))
        elif request.path.endswith("/content"):
            await self._download(request, task)
        elif request.method == "DELETE":
            self._cancel(request, task)
        else:
            await self._poll(request, task)

    def _known(self, request: Request) -> _Task | None:
        """Return the task that a request names."""
        task = self.tasks.get(request.task)
        if task is not None:
            self._record_foreign(request, task.script)
        return task

    def _record_foreign(self, request: Request, script: Script) -> None:
        """Record a request about a job by anybody but the account that has created it."""
        if request.payer != script.account:
            self.records.write(foreign=script.intent, account=request.payer, method=request.method)

    # -- creating ---------------------------------------------------------------------------------------------------

    async def _create(self, request: Request, account: str) -> None:
        vendor = request.vendor
        body = json.loads(request.body)
        script = read_script(_prompt(vendor, body))
        assert script is not None
        self._record_foreign(request, script)
        key = request.headers.get("x-request-id", "") if vendor == "aigptimage" else ""
        if (account, key) in self.by_key:
            answer_json(request, 200, accepted(vendor, self.by_key[account, key].id))
            return
        nth = self.posts[script.intent] = self.posts.get(script.intent, 0) + 1
        post = "normal" if behaviour(script.post).own_port else script.post
        if nth > 1 and (post == "busy_once_then_accept" or (key and behaviour(post).outcome == "unknown")):
            post = "normal"
        task: _Task | None = None
        if post != "busy_once_then_accept" and behaviour(post).charges:
            task = self._accept(request, account, script, key)
            task.mark = body.get("execution_expires_after", 0)
        if post in SLOW_POSTS:
            await self._take_long(request, post, task)
        else:
            await self._reply(request, post, task)

    def _accept(self, request: Request, account: str, script: Script, key: str) -> _Task:
        task_id = f"task-{script.intent}-{os.urandom(3).hex()}"
        task = _Task(task_id, request.vendor, account, request.payer or account, script)
        if script.charge not in LATE:
            self._charge(task)
        self.tasks[task.id] = task
        if key:
            self.by_key[account, key] = task
        return task

    def _charge(self, task: _Task) -> None:
        task.charged = True
        script = task.script
        self.records.write(
            intent=script.intent, task=task.id, vendor=task.vendor, micros=script.micros, account=task.payer
        )

    async def _reply(self, request: Request, post: str, task: _Task | None) -> None:
        vendor, task_id = request.vendor, task.id if task else ""
        whole = whole_answer(200, json.dumps(accepted(vendor, task_id, _reported(task))).encode(), JSON)
        if parts := coded_parts(post):
            status, code, has_id = parts
            answer_json(request, status, error(vendor, code, f"Code {code}", task_id if has_id else None))
        elif post in _ERRORS:
            status = _ERRORS[post]
            wait = {"retry-after": "0"} if status == HTTPStatus.TOO_MANY_REQUESTS else {}
            answer_json(request, status, error(vendor, status, HTTPStatus(status).phrase), wait)
        elif post in _PAGES:
            request.writer.write(whole_answer(_PAGES[post], _PAGE, {"content-type": "text/html"}))
        elif post in _BROKEN:
            request.writer.write(whole[: _BROKEN[post]])
            raise HangUp(reset=post == "accept_then_reset")
        elif task and post == "normal":
            if task.script.poll == "normal":
                self.latest[task.account, task.scenario] = task.id
            request.writer.write(whole)
        else:
            await self._misbehave(request, post, task)

    async def _take_long(self, request: Request, post: str, task: _Task | None) -> None:
        if post == "slow":
            await asyncio.sleep(SLOW)
            answer_json(request, 200, accepted(request.vendor, task.id if task else "", _reported(task)))
        elif post == "accept_then_hang":
            await asyncio.wait_for(request.reader.read(1), HANG)
            raise HangUp
        else:
            await drip(request)

    async def _misbehave(self, request: Request, post: str, task: _Task | None) -> None:
        vendor, task_id = request.vendor, task.id if task else ""
        answer = accepted(vendor, task_id)
        match post:
            case "accept_then_drip":
                whole = whole_answer(200, json.dumps(answer).encode(), JSON)
                for at in range(0, len(whole), 16):
                    request.writer.write(whole[at : at + 16])
                    await request.writer.drain()
                    await asyncio.sleep(0.01)
            case "accept_with_an_earlier_id":
                answer_json(
                    request,
                    200,
                    accepted(vendor, self.latest.get((task.account, task.scenario), task_id) if task else ""),
                )
            case "accept_then_half_json":
                request.writer.write(whole_answer(200, json.dumps(answer).encode()[:-3], JSON))
            case "accept_without_id":
                answer_json(request, 200, {"code": 200, "message": "success", "data": {"status": "IN_PROGRESS"}})
            case "accept_then_307":
                request.writer.write(whole_answer(307, b"", {"location": request.path}))
            case "refuse_402_inside_200":
                answer_json(
                    request, 402 if vendor in {"ope", "byteplus"} else 200, error(vendor, 402, "Insufficient credits")
                )
            case _:
                raise AssertionError(post)

    # -- lists and cancels ------------------------------------------------------------------------------------------

    def _list(self, request: Request) -> None:
        page = 20 * (int(request.query["page_num"][0]) - 1)
        items = [
            {"id": task.id, "status": "running", "model": request.query["filter.model"][0],
             "created_at": int(task.created_at), "execution_expires_after": task.mark}
            for task in sorted(self.tasks.values(), key=lambda task: task.created_at, reverse=True)
            if (task.vendor, task.payer, task.scenario) == ("byteplus", request.payer, request.scenario)
        ]  # fmt: skip
        answer_json(request, 200, {"total": len(items), "items": items[page : page + 20]})

    def _cancel(self, request: Request, task: _Task) -> None:
        """Cancel a task that waits; of one that is over, erase the record, video and all."""
        status = task.queues if task.script.poll == "queues" else "processing"
        if status == "processing":
            answer_json(request, 409, error("byteplus", 409, "The task is running and cannot be cancelled"))
            return
        if status == "queued":
            task.cancelled = True
            self.records.write(refund=task.id)
        elif status == "completed":
            self.records.write(erased=task.script.intent)
            del self.tasks[task.id]
        answer_json(request, 200, {})

    # -- polls and downloads ----------------------------------------------------------------------------------------

    async def _poll(self, request: Request, task: _Task) -> None:
        task.polls += 1
        vendor, poll = request.vendor, task.script.poll
        if poll == "queues":
            status = task.queues
            url = f"http://{request.headers['host']}/videos/{task.id}.mp4" if status == "completed" else None
            if status == "queued" and time.time() - task.created_at > QUEUED / 2:
                await asyncio.sleep(QUEUED / 2 + WORKED_ON)  # the video is there when this answer arrives
            answer_json(request, 200, progress(vendor, task.id, status, url))
        elif task.polls == 1 and poll == "error_once":
            answer_json(request, 500, error(vendor, 500, "Internal error"))
        elif task.polls == 1 and poll == "drip_once":
            await drip(request)
        elif task.polls == 1 and poll == "page_once":
            request.writer.write(whole_answer(200, _PAGE, {"content-type": "text/html"}))
        elif task.polls == 1 or poll == "endless":
            status = "dreaming" if poll == "strange_status_once" else "processing"
            early = 0 if task.script.charge in LATE else None
            answer_json(request, 200, progress(vendor, task.id, status, charged=early))
        elif poll == "fails":
            answer_json(request, 200, progress(vendor, task.id, "failed", charged=self._fail(task)))
        else:
            if not task.charged:
                self._charge(task)
            url = f"http://{request.headers['host']}/videos/{task.id}.mp4?signature=s3cr3t"
            answer_json(request, 200, progress(vendor, task.id, "completed", url, charged=task.script.micros))

    def _fail(self, task: _Task) -> int | None:
        """Refund a failed task unless its script says otherwise; return what the vendor reports as charged."""
        if task.script.charge == "failures_too" and task.vendor != "byteplus":  # which documents that they are free
            return task.script.micros
        if task.charged and task.polls == 2:  # the first poll that sees the end
            self.records.write(refund=task.id)
        return None

    async def _download(self, request: Request, task: _Task) -> None:
        task.downloads += 1
        self.records.write(download=task.id)
        whole, how = video(task.id), task.script.download
        head = {"content-type": "video/mp4", "etag": f'"{task.id}"'}
        start, status = 0, 200
        requested = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        if requested and how != "cut_without_range":
            start, status = int(requested[1]), 206
            head["content-range"] = f"bytes {start}-{len(whole) - 1}/{len(whole)}"
            if start >= len(whole):
                request.writer.write(whole_answer(416, b"", head | {"content-range": f"bytes */{len(whole)}"}))
                return
        if how.startswith("cut_") and task.downloads == 1:
            request.writer.write(whole_answer(status, whole[start:], head)[: len(whole) // 2])
            await request.writer.drain()
            raise HangUp
        if how == "slow":
            sent = whole_answer(status, whole[start:], head)
            for at in range(0, len(sent), len(sent) // 6):
                request.writer.write(sent[at : at + len(sent) // 6])
                await request.writer.drain()
                await asyncio.sleep(0.05)
            return
        request.writer.write(whole_answer(status, whole[start:], head))


def _prompt(vendor: str, body: Mapping[str, Any]) -> str:
    match vendor:
        case "aigptimage":
            return body["input"]["prompt"]
        case "byteplus":
            return body["content"][0]["text"]
        case _:
            return body["prompt"]


def _reported(task: _Task | None) -> int | None:
    """Return what the vendor reports as charged when it accepts a job: nothing of a job at the quoted price."""
    if task is None or task.script.charge in {"quoted", "failures_too"}:
        return None
    return 0 if task.script.charge in LATE else task.script.micros


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of a vendor: the ordinary one, and three where no request is ever read."""

    normal: int
    reset_on_connect: int
    close_on_connect: int
    refuse_connection: int

    @property
    def origin(self) -> str:
        """The vendor's origin."""
        return f"http://127.0.0.1:{self.normal}"

    def dial(self, post: str) -> int | None:
        """Return the port that connections to the vendor must reach in place of its own, if a behaviour needs that."""
        return getattr(self, post) if behaviour(post).own_port else None

    def forget(self, scenario: str = "") -> None:
        """Let the vendor forget the idempotency keys of a scenario; it has answered earlier requests by then."""
        for _ in range(2):
            connection = http.client.HTTPConnection("127.0.0.1", self.normal, timeout=20)
            with contextlib.closing(connection):
                connection.request("GET", f"/faults/forget?job={scenario}")
                connection.getresponse().read()


@asynccontextmanager
async def _opened(path: Path) -> AsyncGenerator[Ports]:
    vendor = FakeVendor(Records(path))

    async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reset_on_close(writer)

    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    # Bound but never listening: no other program can be given the port, and connections to it are refused.
    with socket.socket() as refusing:
        refusing.bind(("127.0.0.1", 0))
        servers = [
            await asyncio.start_server(each, "127.0.0.1", 0, backlog=512) for each in (vendor.serve, reset, close)
        ]
        normal, resetting, closing = (server.sockets[0].getsockname()[1] for server in servers)
        try:
            yield Ports(normal, resetting, closing, refusing.getsockname()[1])
        finally:
            for server in servers:
                server.close()


@contextmanager
def open_vendor(records: Path) -> Generator[Ports]:
    """Run a vendor in a process of its own until the block ends; `records` is the file for its charges."""
    records.touch()
    command = [sys.executable, "-m", "tests.faults.vendor", str(records)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            yield Ports(**json.loads(process.stdout.readline()))
        finally:
            process.kill()


async def _main(path: Path) -> None:
    async with _opened(path) as ports:
        sys.stdout.write(json.dumps({name: getattr(ports, name) for name in Ports.__slots__}) + "\n")
        sys.stdout.flush()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, sys.stdin.read)  # ends with the parent process


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
