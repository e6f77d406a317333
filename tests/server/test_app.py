"""The server as a whole: the handshake, failures of our own, and an orderly stop."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError

from seedance_mcp.jobs.service import JobService
from seedance_mcp.jobs.timing import Timing
from seedance_mcp.runtime import read_settings
from seedance_mcp.sandbox import Sandbox
from seedance_mcp.server import app, player
from seedance_mcp.server.tools.tool import Call, Tool
from seedance_mcp.views import Fields
from tests.server.mcp_client import PRICED, ToolAnswer, connected, server_environ, with_keys
from tests.server.transports import HeldTransport

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


# -- the handshake ------------------------------------------------------------------------------------------------


async def test_the_handshake_names_the_server_and_says_that_nothing_is_real(tmp_path: Path) -> None:
    async with connected(tmp_path, "legacy") as session:
        assert session.client.server_info is not None
        assert session.client.server_info.name == "seedance-mcp"
        assert "Sandbox: nothing is real and nothing is paid." in (session.client.instructions or "")


async def test_discovery_does_the_same(tmp_path: Path) -> None:
    async with connected(tmp_path, "auto") as session:
        assert session.client.protocol_version == "2026-07-28"
        assert session.client.server_info is not None
        assert session.client.server_info.name == "seedance-mcp"
        assert "Never call create_video again" in (session.client.instructions or "")


async def test_an_unknown_tool_is_a_protocol_error(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        with pytest.raises(MCPError, match="Unknown tool: make_coffee") as caught:
            await session.client.call_tool("make_coffee", {})
        assert caught.value.error.code == -32602


# -- failures of our own ------------------------------------------------------------------------------------------

REPORT_IT = "Call list_videos before trying again, and ask the user to report what the server's log says."


class Broken(Exception):
    """A bug, for a test."""


async def test_an_unexpected_failure_is_an_answer_with_the_code_internal(tmp_path: Path, era: str) -> None:
    async def run(service: JobService, call: Call) -> Fields:
        raise Broken("secret detail")

    broken = Tool("broken", "Broken", "Fails", {"type": "object"}, None, run)
    async with connected(tmp_path, era, app={"more_tools": [broken]}) as session:
        refusal = (await session.call("broken")).refusal
    assert refusal == f"internal: broken failed unexpectedly. {REPORT_IT}"


async def test_a_service_that_fails_to_open_is_reported_and_opened_again_at_the_next_call(
    tmp_path: Path, era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    working, broken = app.open_service, [True]

    @asynccontextmanager
    async def open_service(*args: Any, **kwargs: Any) -> AsyncGenerator[JobService]:
        if broken:
            raise Broken("secret detail")
        async with working(*args, **kwargs) as service:
            yield service

    monkeypatch.setattr(app, "open_service", open_service)
    async with connected(tmp_path, era) as session:
        assert await session.refused(**PRICED) == (
            f"internal: The job service failed unexpectedly; the server's log has the details. {REPORT_IT}"
        )
        assert session.charge_count == 0
        broken.clear()
        assert (await session.video(**PRICED))["state"] == "succeeded"


async def test_a_journal_that_cannot_be_opened_is_reported_on_each_call_and_tried_again(
    tmp_path: Path, era: str
) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    async with connected(tmp_path, era) as session:
        for _ in range(2):
            refusal = await session.refused(**PRICED)
            assert refusal.startswith("journal: ")
            assert "seedance-mcp doctor" in refusal
        assert session.charge_count == 0
        assert len((await session.client.list_tools()).tools) >= 4
        (tmp_path / "state").unlink()
        assert (await session.video(**PRICED))["state"] == "succeeded"


async def test_progress_is_reported_at_most_once_a_second(
    tmp_path: Path, era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[float] = []

    async def run(_: JobService, call: Call) -> Fields:
        for done in range(5):
            await call.report(done, 4, "")
        return {}

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        received.append(progress)

    async with connected(tmp_path, era) as session:
        tool = replace(session.app.tools["list_videos"], run=run, output_schema=None)
        monkeypatch.setitem(session.app.tools, "list_videos", tool)
        await session.client.call_tool("list_videos", {}, progress_callback=on_progress)
    assert received == [0]


async def test_nothing_is_promised_that_never_changes(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era if era == "legacy" else "auto") as session:
        offered = session.client.server_capabilities
    for part in (offered.tools, offered.prompts, offered.resources):
        assert part is not None
        assert part.list_changed is False
    assert offered.resources
    assert offered.resources.subscribe is True


async def test_lists_may_be_kept_for_five_minutes(tmp_path: Path) -> None:
    async with connected(tmp_path, "2026-07-28") as session:
        listed = [
            await session.client.list_tools(),
            await session.client.list_prompts(),
            await session.client.list_resources(),
            await session.client.list_resource_templates(),
        ]
        job = await session.create(**PRICED)
        record = await session.client.read_resource(f"seedance://videos/{job['job_id']}")
    assert [(page.ttl_ms, page.cache_scope) for page in listed] == [(300_000, "private")] * 4
    assert record.ttl_ms == 0


# -- stopping -----------------------------------------------------------------------------------------------------


async def test_a_stopping_server_says_so_and_says_nothing_about_the_journal(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        job = await session.create("a fox. sandbox: slow 3600", **PRICED)
        await session.app.stop()
        for tool, arguments in (
            ("create_video", {"prompt": "a hare", **PRICED}),
            ("check_video", {"job_id": job["job_id"]}),
            ("list_videos", {}),
        ):
            assert (await session.call(tool, **arguments)).refusal == (
                "stopping: The server is stopping. Call again once the server has restarted; list_videos shows what "
                "was under way."
            )
        assert session.charge_count == 1


async def test_a_submission_that_a_stop_interrupts_is_never_to_be_repeated(tmp_path: Path, era: str) -> None:
    transport, refusals = HeldTransport(Sandbox(pace=0)), list[str]()
    async with connected(tmp_path, era, transport=transport, timing=Timing(stop_grace=0.05)) as session:

        async def create() -> None:
            refusals.append(await session.refused(**PRICED))

        async with anyio.create_task_group() as group:
            group.start_soon(create)
            await transport.arrived.wait()
            await session.app.stop()
        with session.journal() as journal:
            (job,) = (await journal.page((), 10, None)).jobs
    assert job.state == "unknown"
    (refusal,) = refusals
    assert refusal == (
        f"stopping: The server is stopping, and job {job.id} may be running and billed. "
        f"Do NOT call create_video again; call check_video with job_id {job.id}."
    )


# -- settings that cannot be used ---------------------------------------------------------------------------------


async def test_a_wrong_setting_does_not_end_the_server_and_each_call_answers_with_the_sentence(
    tmp_path: Path, era: str
) -> None:
    environ = server_environ(tmp_path, SEEDANCE_MAX_COST="much", SEEDANCE_LOG="loud")
    async with Client(app.App(read_settings(environ)).server, mode=era) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert {"create_video", "list_models", "check_video", "list_videos"} <= names
        for name, arguments in (
            ("create_video", {"prompt": "a fox"}),
            ("list_models", {}),
            ("check_video", {"job_id": "k4tmv4h6kacz"}),
            ("list_videos", {}),
            ("create_video", {"prompt": "a fox", "dry_run": True}),
        ):
            answer = ToolAnswer(await client.call_tool(name, arguments)).refusal
            assert answer.startswith("setting: ")
            assert "SEEDANCE_MAX_COST must be an amount in USD such as 2.50." in answer
            assert "SEEDANCE_LOG must be one of debug, info, warning, error." in answer
            assert "Ask the user to correct it" in answer
    assert not (tmp_path / "state").exists()


async def test_every_answer_in_the_sandbox_says_so(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, SEEDANCE_MAX_COST="0.60") as session:
        created = await session.call("create_video", prompt="a fox", **PRICED)
        finished = await session.finish(created.fields["job_id"])
        listed = await session.call("list_videos")
        refused = await session.refused("a fox", model=PRICED["model"], duration=15)
        assert 'name="sandbox" content="yes"' in player.view(session.settings).text
    for fields in (created.fields, finished, listed.fields):
        assert fields["sandbox"] == "no real video, no real money"
    assert created.text.startswith("sandbox: no real video, no real money\n")
    assert refused.startswith("over_budget: ")
    assert refused.endswith("(Sandbox: no real video, no real money.)")


async def test_outside_the_sandbox_nothing_mentions_it(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, **with_keys("seedanceapi")) as session:
        created = await session.call("create_video", prompt="a fox", **PRICED)
        assert "sandbox" not in created.fields
        assert 'name="sandbox" content=""' in player.view(session.settings).text
