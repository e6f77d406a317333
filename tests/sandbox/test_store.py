"""The sandbox keeps its tasks in a file, so that a restarted program finds its videos, as at a real vendor."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedance_mcp.sandbox import Sandbox
from tests.sandbox.sandbox_client import SLUGS, SandboxClient, sandbox_client
from tests.server.mcp_client import ERAS, PRICED, connected, inspect_video

pytestmark = pytest.mark.anyio


def stored(folder: Path, pace: float = 0) -> Sandbox:
    return Sandbox(pace, store=folder / "tasks.sqlite3")


async def bytes_of(client: SandboxClient, task_id: str) -> bytes:
    return (await client.download(task_id)).content


@pytest.mark.parametrize("slug", SLUGS)
async def test_a_restarted_sandbox_delivers_the_same_video_of_a_task(tmp_path: Path, slug: str) -> None:
    async with sandbox_client(slug, stored(tmp_path)) as before:
        task_id = (await before.create(duration=4 if slug != "seedanceapi" else 5)).task_id
        video = await bytes_of(before, task_id)
    async with sandbox_client(slug, stored(tmp_path)) as after:
        assert (await after.poll(task_id)).state == "succeeded"
        assert await bytes_of(after, task_id) == video


async def test_a_task_goes_on_while_no_sandbox_runs(tmp_path: Path) -> None:
    async with sandbox_client("ope", stored(tmp_path, pace=1)) as before:
        running = (await before.create(prompt="a fox. sandbox: slow 3600")).task_id
        failed = (await before.create(prompt="a hare. sandbox: instant, fail content_policy")).task_id
    async with sandbox_client("ope", stored(tmp_path, pace=1)) as after:
        assert (await after.poll(running)).state in {"queued", "running"}
        assert (await after.poll(failed)).state == "failed"


async def test_two_sandboxes_on_one_file_know_each_others_tasks(tmp_path: Path) -> None:
    async with sandbox_client("ope", stored(tmp_path)) as one, sandbox_client("ope", stored(tmp_path)) as two:
        task_id = (await one.create()).task_id
        assert (await two.poll(task_id)).state == "succeeded"


async def test_a_request_repeated_with_its_key_after_a_restart_gets_the_same_task(tmp_path: Path) -> None:
    async with sandbox_client("aigptimage", stored(tmp_path)) as before:
        header = before.vendor.idempotency_header
        assert header
        before.headers[header] = "request-1"
        first = await before.create()
    async with sandbox_client("aigptimage", stored(tmp_path)) as after:
        assert (await after.create()).task_id != first.task_id
        after.headers[header] = "request-1"
        assert (await after.create()).task_id == first.task_id


async def test_the_file_holds_no_api_key(tmp_path: Path) -> None:
    async with sandbox_client("aigptimage", stored(tmp_path)) as client:
        client.key = "sk-live-0123456789"
        client.headers[client.vendor.idempotency_header or ""] = "request-1"
        await client.create()
    assert b"sk-live" not in (tmp_path / "tasks.sqlite3").read_bytes()


async def test_without_a_usable_file_the_sandbox_goes_on_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "tasks.sqlite3").write_bytes(b"not a database " * 400)
    async with sandbox_client("ope", stored(tmp_path)) as client:
        assert (await client.poll((await client.create()).task_id)).state == "succeeded"
    assert "cannot keep its tasks" in caplog.text


@pytest.mark.parametrize("era", ERAS)
async def test_a_restarted_server_finds_the_video_that_the_one_before_it_created(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, sandbox=stored(tmp_path, pace=1), SEEDANCE_SAVE="off") as session:
        job_id = (await session.create("a fox. sandbox: slow 1", **PRICED))["job_id"]
    async with connected(tmp_path, era, sandbox=stored(tmp_path, pace=1)) as session:
        finished = await session.finish(job_id)
    assert finished["state"] == "succeeded"
    assert inspect_video(finished["path"]).codec == "h264"
