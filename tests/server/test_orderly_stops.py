"""A server that is told to stop during a POST waits for the vendor's answer, for a bounded time."""

from __future__ import annotations

import http.server
import json
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.server.mcp_client import PRICED
from tests.server.stdio_client import Process, running

_ANSWERS_AFTER = 0.8
"""Seconds in which the vendor answers."""


class _SlowVendor(http.server.ThreadingHTTPServer):
    """Accepts every POST, and answers late."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.posts = 0
        self.asked = threading.Event()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _SlowVendor  # pyright: ignore[reportIncompatibleVariableOverride]  (no other server uses it)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.posts += 1
        self.server.asked.set()
        time.sleep(_ANSWERS_AFTER)
        body = json.dumps({"code": 200, "message": "ok", "data": {"task_id": "task-1"}}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.send_error(500)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the name in the base class)
        pass


@contextmanager
def _slow_vendor() -> Generator[_SlowVendor]:
    with _SlowVendor() as vendor:
        thread = threading.Thread(target=vendor.serve_forever, daemon=True)
        thread.start()
        try:
            yield vendor
        finally:
            vendor.shutdown()
            thread.join(5)


def _end_of_input(server: Process) -> None:
    assert server.process.stdin
    server.process.stdin.close()


def _sigterm(server: Process) -> None:
    server.process.send_signal(signal.SIGTERM)


def _closed_pipes(server: Process) -> None:
    assert server.process.stdout
    server.process.stdout.close()
    _end_of_input(server)


def _closed_output(server: Process) -> None:
    """Close the output alone, which the server notices when it answers."""
    assert server.process.stdout
    server.process.stdout.close()


@pytest.mark.parametrize(
    "stop",
    [
        _end_of_input,
        pytest.param(_sigterm, marks=pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM there")),
        _closed_pipes,
        _closed_output,
    ],
)
def test_a_stop_during_a_post_keeps_the_id_of_the_task(tmp_path: Path, stop: Callable[[Process], None]) -> None:
    with _slow_vendor() as vendor:
        settings = {
            "SEEDANCE_SANDBOX": "0",
            "SEEDANCE_SEEDANCEAPI_API_KEY": "sk-test",
            "SEEDANCE_SEEDANCEAPI_BASE_URL": f"http://127.0.0.1:{vendor.server_port}",
            "SEEDANCE_STATE_DIR": str(tmp_path / "journal"),
        }
        with running(tmp_path, "legacy", **settings) as server:
            create = {"name": "create_video", "arguments": {"prompt": "a fox", **PRICED}}
            server.write({"jsonrpc": "2.0", "id": 99, "method": "tools/call", "params": create})
            assert vendor.asked.wait(30)
            stop(server)
            assert server.process.wait(30) == 0
        assert vendor.posts == 1
    with closing(sqlite3.connect(tmp_path / "journal" / "journal.sqlite3")) as db:
        assert db.execute("SELECT state, task_id FROM jobs").fetchall() == [("submitted", "task-1")]
