"""Values that no vendor documents and failures that should not happen: the journal stays right, and so do answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from seedance_mcp.jobs.journal.sqlite import SqliteJournal
from seedance_mcp.jobs.timing import PollTiming, Timing
from seedance_mcp.sandbox import Sandbox
from seedance_mcp.sanitize import repair_text
from tests.server.mcp_client import PRICED, connected
from tests.server.transports import EditingTransport, change_data

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("charge", [-1000, "a lot", 10**30, None, [1]])
async def test_an_impossible_charge_is_ignored(tmp_path: Path, era: str, charge: object) -> None:
    transport = EditingTransport(Sandbox(pace=0), change_data(consumed_credits=charge))
    async with connected(tmp_path, era, transport=transport) as session:
        job = await session.create(**PRICED)
        assert job["state"] == "submitted"
        assert (await session.finish(job["job_id"]))["cost"]["usd"] == job["cost"]["usd"]


def test_a_lone_surrogate_in_a_vendors_answer_is_replaced() -> None:
    answer = json.loads('{"code": 400, "message": "cut \\ud83d", "data": null}')
    assert repair_text(answer) == {"code": 400, "message": "cut ?", "data": None}


async def test_a_poll_that_fails_unexpectedly_is_repeated(
    tmp_path: Path, era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, failures = SqliteJournal.claim, [RuntimeError("odd")]

    async def failing_claim(journal: SqliteJournal, *args: Any, **kwargs: Any) -> bool:
        if failures:
            raise failures.pop()
        return await claim(journal, *args, **kwargs)

    monkeypatch.setattr(SqliteJournal, "claim", failing_claim)
    timing = Timing(poll=PollTiming(after_failure=0.2))
    async with connected(tmp_path, era, timing=timing) as session:
        with (await session.app.service()).subscribe() as changes, anyio.fail_after(20):
            await session.create(**PRICED)
            while (await session.call("list_videos")).fields["videos"][0]["state"] != "succeeded":
                await changes.receive()
    assert not failures


async def test_an_argument_that_a_client_adds_to_every_call_is_left_out(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        job = await session.create(**PRICED, wait_for_previous=True)
        checked = await session.call("check_video", job_id=job["job_id"], wait_for_previous=False)
        refused = await session.call("check_video", job_id=job["job_id"], wait_for_next=False)
    assert checked.fields["job_id"] == job["job_id"]
    assert "wait_for_next" in refused.refusal
