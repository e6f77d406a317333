"""The server as clients start it: a process that speaks the protocol on standard output, and stops when told to."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from mcp.client import Client

from tests.server.mcp_client import ERAS, PRICED, inspect_video, process_environ
from tests.server.stdio_client import COMMAND, STOP_BOUND, Process, call, running, started

pytestmark = pytest.mark.anyio

# -- with a client ------------------------------------------------------------------------------------------------


async def create(client: Client, prompt: str) -> dict[str, Any]:
    """Create a video, and check it until it is final."""
    job = await call(client, "create_video", prompt=prompt, **PRICED)
    done: dict[str, Any] = {"check_again_in": 0}
    while "check_again_in" in done:
        done = await call(client, "check_video", job_id=job["job_id"], wait_seconds=30)
    return done


async def test_a_video_is_created_and_saved(tmp_path: Path, era: str) -> None:
    async with started(tmp_path, era, command=COMMAND) as client:
        assert len((await client.list_tools()).tools) >= 4
        done = await create(client, "a fox. sandbox: instant")
    assert done["state"] == "succeeded"
    assert inspect_video(done["path"]).codec == "h264"
    assert Path(done["path"]).parent == tmp_path / "videos"
    assert (tmp_path / "stderr").read_text() == ""


async def test_a_restarted_server_knows_the_jobs_of_the_one_before(tmp_path: Path, era: str) -> None:
    async with started(tmp_path, era) as client:
        done = await create(client, "a fox. sandbox: instant")
    async with started(tmp_path, era) as client:
        (listed,) = (await call(client, "list_videos"))["videos"]
        again = await call(client, "check_video", job_id=done["job_id"])
    assert (listed["job_id"], listed["path"]) == (done["job_id"], done["path"])
    assert again == done


async def test_two_servers_of_one_user_see_the_same_jobs(tmp_path: Path, era: str) -> None:
    async with started(tmp_path, era) as one, started(tmp_path, era) as two:
        done = await create(one, "a fox. sandbox: instant")
        (listed,) = (await call(two, "list_videos"))["videos"]
        assert (listed["job_id"], listed["path"]) == (done["job_id"], done["path"])
        job = await call(two, "create_video", prompt="a hare. sandbox: slow 3600", **PRICED)
        duplicate = await call(one, "create_video", prompt="a hare. sandbox: slow 3600", **PRICED)
        assert duplicate["duplicate_of"] == job["job_id"]


# -- without a client ---------------------------------------------------------------------------------------------

MESSAGE = {
    "type": "object",
    "required": ["jsonrpc"],
    "properties": {"jsonrpc": {"const": "2.0"}},
    "anyOf": [{"required": ["method"]}, {"required": ["id", "result"]}, {"required": ["id", "error"]}],
}


def recorded_states(folder: Path) -> dict[str, str]:
    """Check the journal of a server that has ended, and return the state of each job."""
    path = folder / "state" / "sandbox" / "journal.sqlite3"
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return dict(db.execute("SELECT id, state FROM jobs").fetchall())
    finally:
        db.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Generator[dict[str, Process]]:
    """Return one server for each era, for tests that leave no trace in it."""
    with ExitStack() as stack:
        yield {era: stack.enter_context(running(tmp_path_factory.mktemp(era), era)) for era in ERAS}


def test_standard_output_carries_the_protocol_and_nothing_else(tmp_path: Path, era: str) -> None:
    with running(tmp_path, era, command=COMMAND, SEEDANCE_LOG="debug") as server:
        job = server.create("a fox. sandbox: status-500 1, instant")
        server.request("tools/call", name="check_video", arguments={"job_id": job["job_id"], "wait_seconds": 10})
        server.request("tools/call", name="create_video", arguments={"prompt": ""})
        assert server.process.stdin
        server.process.stdin.close()
        assert server.exit_code() == 0
        for line in server.lines:
            jsonschema.validate(json.loads(line), MESSAGE)
            assert line.endswith("\n")
    log = (tmp_path / "stderr").read_text()
    assert "INFO" in log or "DEBUG" in log
    assert "Traceback" not in log


def test_a_lone_surrogate_in_a_prompt_is_replaced(tmp_path: Path, era: str) -> None:
    with running(tmp_path, era) as server:
        job = server.create("a fox \ud83e in the snow")  # half an emoji, as some clients send it
        listed = server.request("tools/call", name="list_videos", arguments={})["structuredContent"]["videos"]
    assert [(video["job_id"], video["prompt"]) for video in listed] == [(job["job_id"], "a fox ? in the snow")]


@pytest.mark.parametrize(
    ("line", "request_id"),
    [
        ('{"jsonrpc": "2.0", "id": "a", "method": "ping", "params": ' + "[" * 3000 + "]" * 3000 + "}", "a"),
        ('{"jsonrpc": "2.0", "id": 71, "method": "ping", "params": {', 71),
        ('{"jsonrpc": "2.0", "id": 72, "method": "ping", "params": {}', 72),
        ("not JSON at all", None),
        ('{"jsonrpc": "1.0", "id": 73, "method": 7}', 73),
        ("[]", None),
        (r'"\ud83e"', None),
    ],
    ids=["nested", "cut", "cut at the end", "not JSON", "no method", "a list", "a string"],
)
def test_a_line_that_is_not_a_message_is_answered_with_an_error(
    shared: dict[str, Process], era: str, line: str, request_id: str | int | None
) -> None:
    answer = shared[era].send_line(line)
    assert answer["error"]["code"] == -32700
    assert answer["id"] == request_id
    assert shared[era].create("a fox", dry_run=True)["state"] == "quoted"


@pytest.mark.parametrize("params", [[1], [], "x", 7, True])
@pytest.mark.parametrize("method", ["ping", "tools/call", "server/discover"])
def test_a_request_whose_params_are_not_an_object_is_answered_under_its_id(
    shared: dict[str, Process], era: str, method: str, params: object
) -> None:
    line = json.dumps({"jsonrpc": "2.0", "id": "one", "method": method, "params": params})
    answer = shared[era].send_line(line)
    assert answer["id"] == "one"
    assert answer["error"] == {"code": -32602, "message": "params must be an object; nothing was done."}


def test_the_process_ends_when_the_client_stops_reading(tmp_path: Path, era: str) -> None:
    with running(tmp_path, era) as server:
        process = server.process
        assert process.stdout
        process.stdout.close()
        with suppress(BrokenPipeError):
            server.notify("notifications/initialized")
            server.write({"jsonrpc": "2.0", "id": 99, "method": "ping", "params": {}})
            assert process.stdin
            process.stdin.close()
        assert process.wait(STOP_BOUND) == 0
    assert "Traceback" not in (tmp_path / "stderr").read_text()


def test_the_process_ends_when_the_client_hangs_up(tmp_path: Path, era: str) -> None:
    with running(tmp_path, era) as server:
        job = server.create("a fox. sandbox: slow 3600")
        assert server.process.stdin
        server.process.stdin.close()
        assert server.exit_code() == 0
    assert recorded_states(tmp_path)[job["job_id"]] in {"submitted", "queued", "running"}
    assert list((tmp_path / "state" / "sandbox" / "owners").iterdir()) == []
    assert (tmp_path / "stderr").read_text() == ""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_stops_the_server_in_order(tmp_path: Path, era: str, name: str) -> None:
    with running(tmp_path, era) as server:
        job = server.create("a fox. sandbox: slow 3600")
        os.kill(server.process.pid, getattr(signal, name))
        assert server.exit_code() == 0
    assert recorded_states(tmp_path)[job["job_id"]] in {"submitted", "queued", "running"}
    assert list((tmp_path / "state" / "sandbox" / "owners").iterdir()) == []
    assert (tmp_path / "stderr").read_text() == ""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_signal_right_after_the_start_stops_the_server_too(tmp_path: Path, era: str) -> None:
    with running(tmp_path, era) as server:
        os.kill(server.process.pid, signal.SIGTERM)
        assert server.exit_code() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_the_next_server_knows_the_job_of_a_killed_one(tmp_path: Path, era: str) -> None:
    with running(tmp_path, era) as server:
        job = server.create("a fox. sandbox: slow 3600")
        server.process.kill()
        assert server.exit_code() == -signal.SIGKILL
    assert recorded_states(tmp_path)[job["job_id"]] in {"submitted", "queued", "running"}
    with running(tmp_path, era) as server:
        again = server.create("a fox. sandbox: slow 3600")
        assert again["duplicate_of"] == job["job_id"]


def test_settings_that_cannot_be_used_are_logged_and_do_not_end_the_server(tmp_path: Path) -> None:
    done = subprocess.run(
        COMMAND,
        input="",
        capture_output=True,
        encoding="utf-8",
        env=process_environ(tmp_path, SEEDANCE_MAX_COST="much", SEEDANCE_LOG="loud"),
        timeout=30,
        check=False,
    )
    assert done.returncode == 0  # its input has ended
    assert done.stdout == ""
    assert "SEEDANCE_MAX_COST" in done.stderr
    assert "SEEDANCE_LOG" in done.stderr
    assert "Traceback" not in done.stderr
