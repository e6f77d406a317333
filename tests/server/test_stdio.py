"""The server as clients start it: a process that speaks on standard output, and stops when it is told to."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import anyio
import jsonschema
import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.exception_groups import single_error
from tests.server.mcp_client import PRICED, ToolAnswer, inspect_video, process_environ

pytestmark = pytest.mark.anyio

STOPPED_WITHIN = 5.0
COMMAND = [sys.executable, "-m", "seedance_mcp"]


@asynccontextmanager
async def started(folder: Path, era: str, **more: str) -> AsyncGenerator[Client]:
    """Start a server as clients do, and talk to it."""
    parameters = StdioServerParameters(command=COMMAND[0], args=COMMAND[1:], env=process_environ(folder, **more))
    with (folder / "stderr").open("a") as log:
        try:
            with anyio.fail_after(60):
                async with Client(stdio_client(parameters, errlog=log), mode=era) as client:
                    yield client
        except BaseExceptionGroup as group:
            raise single_error(group) from None


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    return ToolAnswer(await client.call_tool(tool, arguments)).fields


async def video(client: Client, prompt: str) -> dict[str, Any]:
    begun = await call(client, "create_video", prompt=prompt, **PRICED)
    done: dict[str, Any] = {"check_again_in": 0}
    while "check_again_in" in done:
        done = await call(client, "check_video", job_id=begun["job_id"], wait_seconds=30)
    return done


async def test_a_film_is_made_from_beginning_to_end(tmp_path: Path, era: str) -> None:
    async with started(tmp_path, era) as client:
        assert len((await client.list_tools()).tools) >= 4
        done = await video(client, "a fox. sandbox: instant")
    assert done["state"] == "succeeded"
    assert inspect_video(done["path"]).codec == "h264"
    assert Path(done["path"]).parent == tmp_path / "videos"
    assert (tmp_path / "stderr").read_text() == ""


async def test_a_server_started_again_knows_the_jobs_of_the_one_before(tmp_path: Path, era: str) -> None:
    async with started(tmp_path, era) as client:
        done = await video(client, "a fox. sandbox: instant")
    async with started(tmp_path, era) as client:
        (made,) = (await call(client, "list_videos"))["videos"]
        again = await call(client, "check_video", job_id=done["job_id"])
    assert (made["job_id"], made["path"]) == (done["job_id"], done["path"])
    assert again == done


async def test_two_servers_of_one_user_see_the_same_jobs(tmp_path: Path, era: str) -> None:
    async with started(tmp_path, era) as one, started(tmp_path, era) as two:
        done = await video(one, "a fox. sandbox: instant")
        (made,) = (await call(two, "list_videos"))["videos"]
        assert (made["job_id"], made["path"]) == (done["job_id"], done["path"])
        begun = await call(two, "create_video", prompt="a hare. sandbox: slow 3600", **PRICED)
        duplicate = await call(one, "create_video", prompt="a hare. sandbox: slow 3600", **PRICED)
        assert duplicate["duplicate_of"] == begun["job_id"]


# -- the process --------------------------------------------------------------------------------------------------


class Process:
    """A server and its pipes, without a client in between."""

    def __init__(self, process: subprocess.Popen[str], era: str) -> None:
        self.process, self.era = process, era
        self.lines: list[str] = []
        self._last = 0

    def say(self, method: str, **params: Any) -> None:
        self.write({"jsonrpc": "2.0", "method": method, "params": params})

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a request and return its result."""
        self._last += 1
        if self.era != "legacy":
            params["_meta"] = {
                "io.modelcontextprotocol/protocolVersion": self.era,
                "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            }
        self.write({"jsonrpc": "2.0", "id": self._last, "method": method, "params": params})
        while True:
            line = self._read()
            assert line, "the server has closed its output"
            message: dict[str, Any] = json.loads(line)
            if message.get("id") == self._last:
                assert "result" in message, message
                return cast("dict[str, Any]", message["result"])

    def answer_to(self, line: str) -> dict[str, Any]:
        """Write a line as it stands, and return the next that comes back."""
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return cast("dict[str, Any]", json.loads(self._read()))

    def begin(self) -> None:
        """Do the handshake, where there is one."""
        if self.era == "legacy":
            who = {"name": "test", "version": "1"}
            self.ask("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=who)
            self.say("notifications/initialized")
        else:
            self.ask("server/discover")

    def create(self, prompt: str) -> dict[str, Any]:
        result = self.ask("tools/call", name="create_video", arguments={"prompt": prompt, **PRICED})
        return cast("dict[str, Any]", result["structuredContent"])

    def ends(self) -> int:
        """Wait for the end and return the exit code; whatever was still said is kept."""
        assert self.process.stdout
        self.lines += self.process.stdout.read().splitlines(keepends=True)
        return self.process.wait(STOPPED_WITHIN)

    def write(self, message: dict[str, Any]) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def _read(self) -> str:
        assert self.process.stdout
        self.lines.append(self.process.stdout.readline())
        return self.lines[-1]


@contextmanager
def running(folder: Path, era: str, **more: str) -> Generator[Process]:
    """Start a server and do the handshake; at the end it is gone, one way or the other."""
    with (
        (folder / "stderr").open("a") as log,
        subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=process_environ(folder, **more),
            encoding="utf-8",
        ) as process,
    ):
        started = Process(process, era)
        try:
            started.begin()
            yield started
        finally:
            process.kill()


MESSAGE = {
    "type": "object",
    "required": ["jsonrpc"],
    "properties": {"jsonrpc": {"const": "2.0"}},
    "anyOf": [{"required": ["method"]}, {"required": ["id", "result"]}, {"required": ["id", "error"]}],
}


def consistent(folder: Path) -> dict[str, str]:
    """Open a journal that its server has left, and return the state of each job."""
    path = folder / "state" / "sandbox" / "journal.sqlite3"
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return dict(db.execute("SELECT id, state FROM jobs").fetchall())
    finally:
        db.close()


def test_standard_output_carries_the_protocol_and_nothing_else(tmp_path: Path, era: str) -> None:
    with running(tmp_path, era, SEEDANCE_LOG="debug") as server:
        job = server.create("a fox. sandbox: status-500 1, instant")
        server.ask("tools/call", name="check_video", arguments={"job_id": job["job_id"], "wait_seconds": 10})
        server.ask("tools/call", name="create_video", arguments={"prompt": ""})
        assert server.process.stdin
        server.process.stdin.close()
        assert server.ends() == 0
        for line in server.lines:
            jsonschema.validate(json.loads(line), MESSAGE)
            assert line.endswith("\n")
    log = (tmp_path / "stderr").read_text()
    assert "INFO" in log or "DEBUG" in log
    assert "Traceback" not in log


def test_half_a_character_in_a_prompt_is_mended(tmp_path: Path, era: str) -> None:
    with running(tmp_path, era) as server:
        job = server.create("a fox \ud83e in the snow")  # as clients cut an emoji in two
        listed = server.ask("tools/call", name="list_videos", arguments={})["structuredContent"]["videos"]
    assert [(made["job_id"], made["prompt"]) for made in listed] == [(job["job_id"], "a fox ? in the snow")]


@pytest.mark.parametrize(
    ("line", "request_id"),
    [
        ('{"jsonrpc": "2.0", "id": "a", "method": "ping", "params": ' + "[" * 3000 + "]" * 3000 + "}", "a"),
        ('{"jsonrpc": "2.0", "id": 71, "method": "ping", "params": {', 71),
        ('{"jsonrpc": "2.0", "id": 72, "method": "ping", "params": {}', 72),
        ("no JSON at all", None),
        ('{"jsonrpc": "1.0", "id": 73, "method": 7}', None),
        ("[]", None),
        (r'"\ud83e"', None),
    ],
    ids=["nested", "cut", "cut at the end", "no JSON", "no method", "a list", "a text"],
)
def test_a_line_that_is_no_message_is_answered_and_does_no_harm(
    tmp_path: Path, era: str, line: str, request_id: str | int | None
) -> None:
    with running(tmp_path, era) as server:
        answer = server.answer_to(line)
        assert answer["error"]["code"] == -32700
        assert answer["id"] == request_id
        server.create("a fox. sandbox: instant")


def test_a_client_that_reads_no_more_ends_the_process(tmp_path: Path, era: str) -> None:
    with running(tmp_path, era) as server:
        process = server.process
        assert process.stdout
        process.stdout.close()
        with suppress(BrokenPipeError):
            server.say("notifications/initialized")
            server.write({"jsonrpc": "2.0", "id": 99, "method": "ping", "params": {}})
            assert process.stdin
            process.stdin.close()
        assert process.wait(STOPPED_WITHIN) == 0
    assert "Traceback" not in (tmp_path / "stderr").read_text()


def test_a_client_that_hangs_up_ends_the_process(tmp_path: Path, era: str) -> None:
    with running(tmp_path, era) as server:
        job = server.create("a fox. sandbox: slow 3600")
        assert server.process.stdin
        server.process.stdin.close()
        assert server.ends() == 0
    assert consistent(tmp_path)[job["job_id"]] in {"submitted", "queued", "running"}
    assert list((tmp_path / "state" / "sandbox" / "owners").iterdir()) == []
    assert (tmp_path / "stderr").read_text() == ""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_the_process_in_order(tmp_path: Path, era: str, name: str) -> None:
    with running(tmp_path, era) as server:
        job = server.create("a fox. sandbox: slow 3600")
        os.kill(server.process.pid, getattr(signal, name))
        assert server.ends() == 0
    assert consistent(tmp_path)[job["job_id"]] in {"submitted", "queued", "running"}
    assert list((tmp_path / "state" / "sandbox" / "owners").iterdir()) == []
    assert (tmp_path / "stderr").read_text() == ""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_a_signal_right_after_the_start_ends_the_process_too(tmp_path: Path, era: str) -> None:
    with running(tmp_path, era) as server:
        os.kill(server.process.pid, signal.SIGTERM)
        assert server.ends() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_a_killed_server_leaves_a_job_that_the_next_one_can_tell_of(tmp_path: Path, era: str) -> None:
    with running(tmp_path, era) as server:
        job = server.create("a fox. sandbox: slow 3600")
        server.process.kill()
        assert server.ends() == -signal.SIGKILL
    assert consistent(tmp_path)[job["job_id"]] in {"submitted", "queued", "running"}
    with running(tmp_path, era) as server:
        again = server.create("a fox. sandbox: slow 3600")
        assert again["duplicate_of"] == job["job_id"]


def test_a_setting_that_cannot_be_used_is_said_before_anything_is_served(tmp_path: Path) -> None:
    done = subprocess.run(
        COMMAND,
        input="",
        capture_output=True,
        encoding="utf-8",
        env=process_environ(tmp_path, SEEDANCE_MAX_COST="much", SEEDANCE_LOG="loud"),
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "SEEDANCE_MAX_COST" in done.stderr
    assert "SEEDANCE_LOG" in done.stderr
    assert "Traceback" not in done.stderr
