"""cancel_video: only where a vendor can, only what it has not begun, and never a video that is finished."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seedance_mcp.sandbox import Sandbox
from tests.sandbox.sandbox_client import ManualClock
from tests.server.mcp_client import PRICED, Session, connected, with_keys

pytestmark = pytest.mark.anyio

ARK: dict[str, Any] = {"model": "byteplus/2.0-mini", "duration": 4, "resolution": "480p"}


async def names(session: Session) -> set[str]:
    return {tool.name for tool in (await session.client.list_tools()).tools}


@pytest.mark.parametrize("slug", ["ope", "seedanceapi", "jimmyai", "12ai", "aigptimage"])
async def test_it_is_not_listed_where_no_vendor_can_cancel(tmp_path: Path, era: str, slug: str) -> None:
    async with connected(tmp_path, era, **with_keys(slug)) as session:
        assert "cancel_video" not in await names(session)


@pytest.mark.parametrize("slug", ["ark", "byteplus"])
async def test_it_is_listed_where_one_can(tmp_path: Path, era: str, slug: str) -> None:
    async with connected(tmp_path, era, **with_keys(slug)) as session:
        assert "cancel_video" in await names(session)


async def test_a_queued_job_is_cancelled_and_costs_nothing(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, sandbox=Sandbox(clock=ManualClock())) as session:
        job = await session.create(**ARK)
        done = (await session.call("cancel_video", job_id=job["job_id"])).fields
        again = (await session.call("check_video", job_id=job["job_id"])).fields
        spent = (await session.call("list_videos")).fields["spent_today"]
        assert session.charge_count == 0
    assert (done["state"], again["state"]) == ("cancelled", "cancelled")
    assert done["next_step"] == "It was cancelled and will not be made; create_video starts it anew."
    assert spent["usd"] == 0


async def test_a_running_job_goes_on(tmp_path: Path, era: str) -> None:
    clock = ManualClock()
    async with connected(tmp_path, era, sandbox=Sandbox(clock=clock)) as session:
        job = await session.create(**ARK)
        clock.now += 1
        refusal = (await session.call("cancel_video", job_id=job["job_id"])).refusal
        assert "has begun job" in refusal
        clock.now += 5
        done = await session.finish(job["job_id"])
    assert done["state"] == "succeeded"
    assert Path(done["path"]).stat().st_size > 0


async def test_a_finished_video_is_never_erased(tmp_path: Path, era: str) -> None:
    clock = ManualClock()
    async with connected(tmp_path, era, sandbox=Sandbox(clock=clock)) as session:
        job = await session.create(**ARK)
        clock.now += 5  # it has succeeded, and nobody knows it yet
        refusal = (await session.call("cancel_video", job_id=job["job_id"])).refusal
        assert "it is succeeded" in refusal
        assert len(session.sandbox.tasks) == 1
        done = await session.finish(job["job_id"])
        over = (await session.call("cancel_video", job_id=job["job_id"])).refusal
    assert done["state"] == "succeeded"
    assert f"Job {job['job_id']} is succeeded, so there is nothing to cancel." in over


async def test_a_vendor_that_cannot_cancel_says_so(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, sandbox=Sandbox(clock=ManualClock())) as session:
        job = await session.create(**PRICED)
        refusal = (await session.call("cancel_video", job_id=job["job_id"])).refusal
    assert "seedanceapi.org cannot cancel videos" in refusal


@pytest.mark.parametrize("job_id", ["nobody", ""])
async def test_an_unknown_job_is_refused(tmp_path: Path, era: str, job_id: str) -> None:
    async with connected(tmp_path, era) as session:
        assert (await session.call("cancel_video", job_id=job_id)).refusal
