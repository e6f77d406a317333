"""A whole MCP server and its client in one process, so that the client can end it in order at any point.

The client is a thread at the other end of a socket pair, which is the server's standard input and output. At the point
of the plan it does what a client does: it sends SIGTERM, or it closes its end of the input, or of both.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from seedance_mcp.server import stdio
from seedance_mcp.server.app import App
from tests.faults.kill_points import patch
from tests.faults.plan import End
from tests.faults.whole_server import prepare_whole_server

if TYPE_CHECKING:
    from tests.faults.child import Child


_SHUTDOWN: Mapping[End, int] = {"eof": socket.SHUT_WR, "pipe": socket.SHUT_RDWR}


class _Client:
    """An assistant's client: it creates the jobs of the plan, waits for each, and hangs up."""

    def __init__(self, child: Child, connection: socket.socket) -> None:
        self._child, self._connection = child, connection
        self._lines = connection.makefile("rb")
        self._ended = False
        self._lock: sqlite3.Connection | None = None

    def end(self) -> None:
        """End the server as the plan says."""
        self._ended = True
        if self._child.plan.locks:  # until this process has ended
            self._lock = sqlite3.connect(self._child.folder.journal, isolation_level=None, check_same_thread=False)
            self._lock.execute("BEGIN EXCLUSIVE")
        self._child.report(ending=self._child.plan.end, at=time.monotonic())
        _end(self._child.plan.end, self._connection)

    def run(self) -> None:
        """Talk to the server until it has ended."""
        with suppress(OSError, EOFError):
            client = {"name": "assistant", "version": "1"}
            self._request("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=client)
            self._send(method="notifications/initialized")
            jobs = [self._create(job.arguments(), job.script.intent) for job in self._child.plan.jobs]
            for job_id in filter(None, jobs):
                self._call("check_video", job_id=job_id)
            self._call("list_videos")
            if not self._ended:
                self._connection.shutdown(socket.SHUT_WR)

    def _create(self, arguments: dict[str, Any], intent: str) -> str | None:
        result = self._call("create_video", **arguments)
        job = result.get("structuredContent", {})
        if "job_id" not in job:
            self._child.report(refused=intent, code="", text=str(result.get("content")))
            return None
        self._child.report(acknowledged=intent, job=job["job_id"], state=job["state"], text=str(result))
        self._child.killer.reach("reply.after")
        return job["job_id"]

    def _call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        return self._request("tools/call", name=tool, arguments=arguments)

    def _send(self, **message: Any) -> None:
        self._connection.sendall(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def _request(self, method: str, **params: Any) -> dict[str, Any]:
        self._send(id=1, method=method, params=params)
        for line in self._lines:
            message = json.loads(line)
            if message.get("id") == 1:
                return message.get("result", {})
        raise EOFError


def _end(how: End, connection: socket.socket) -> None:
    if how == "term":
        os.kill(os.getpid(), signal.SIGTERM)
    elif how != "kill":
        with suppress(OSError):
            connection.shutdown(_SHUTDOWN[how])


async def session(child: Child) -> int:
    """Serve one client, which creates the jobs of the plan and ends the server at its point."""
    settings = prepare_whole_server(child)
    patch(stdio, "App", functools.partial(App, web=child.web(settings), timing=child.timing))
    ours, theirs = socket.socketpair()
    client = _Client(child, ours)
    if child.plan.end != "kill":
        child.killer.end = client.end
    threading.Thread(target=client.run, daemon=True).start()
    sys.stdin, sys.stdout = theirs.makefile("r", encoding="utf-8"), theirs.makefile("w", encoding="utf-8")
    try:
        await stdio.serve_stdio(settings)
    except BaseExceptionGroup as group:  # as the command does it
        if group.split(BrokenPipeError)[1] is not None:
            raise
    return 0
