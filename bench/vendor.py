"""A vendor on loopback with the paths of seedanceapi, in a process of its own: it notes when each request arrives.

    python -m bench.vendor

Prints its port. A prompt is answered with the task `task-<prompt>`. `/ready` with a JSON object sets at which time
(Unix seconds) each task is ready; other tasks never are. `/log` returns what arrived since the last time.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

_ready: dict[str, float] = {}
_log: dict[str, Any] = {"posts": {}, "polls": 0, "seen": {}}


class _Connection(asyncio.Protocol):
    """One connection: any number of requests, one after the other."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._first = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if not self._data:
            self._first = time.perf_counter()
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        if not found:
            return
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        if len(body) < length:
            return
        self._data.clear()
        status, answer = _answer(head.partition(b"\r\n")[0].decode(), bytes(body), self._first)
        out = json.dumps(answer).encode()
        kind = b"content-type: application/json\r\n"
        self._transport.write(b"HTTP/1.1 %d OK\r\n%scontent-length: %d\r\n\r\n%s" % (status, kind, len(out), out))


def _answer(line: str, body: bytes, first: float) -> tuple[int, Any]:
    method, target, _ = line.split()
    if target == "/ready":
        _ready.update(json.loads(body))
        return 200, {}
    if target == "/log":
        log = dict(_log)
        _log.update(posts={}, polls=0, seen={})
        return 200, log
    if method == "POST":
        prompt = json.loads(body).get("prompt", "")
        answer = _task(f"task-{prompt}", "IN_PROGRESS")
        _log["posts"][prompt] = [first, time.perf_counter()]
        return 200, answer
    task = parse_qs(urlsplit(target).query).get("task_id", [""])[0]
    _log["polls"] += 1
    done = _ready.get(task, float("inf")) <= time.time()
    if done:
        _log["seen"].setdefault(task, time.time())
    return 200, _task(task, "SUCCESS" if done else "IN_PROGRESS")


def _task(task: str, status: str) -> Any:
    url = ["https://cdn.example.com/1.mp4"] if status == "SUCCESS" else None
    data = {"task_id": task, "status": status, "consumed_credits": None, "response": url}
    return {"code": 200, "message": "success", "data": data}


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


class Vendor:
    """The vendor, as a benchmark sees it."""

    def __init__(self, port: int) -> None:
        self.origin = f"http://127.0.0.1:{port}"

    def log(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.origin}/log", timeout=60) as answer:  # noqa: S310  (our own)
            return json.load(answer)

    def ready(self, times: Mapping[str, float]) -> None:
        """Say when tasks are ready, in Unix seconds."""
        request = urllib.request.Request(f"{self.origin}/ready", json.dumps(times).encode())  # noqa: S310  (our own)
        urllib.request.urlopen(request, timeout=60).close()  # noqa: S310  (our own)


@contextmanager
def vendor() -> Generator[Vendor]:
    """Start the vendor for the time of the block."""
    command = [sys.executable, "-m", "bench.vendor"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout  # noqa: S101  (tells the type checker that it is a pipe)
        yield Vendor(int(process.stdout.readline()))
        process.communicate()


if __name__ == "__main__":
    asyncio.run(_serve())
