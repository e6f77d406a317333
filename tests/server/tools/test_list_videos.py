"""list_videos: jobs, a page at a time, and what the day has cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.server.mcp_client import PRICED, Session, connected

pytestmark = pytest.mark.anyio


async def create_slow(session: Session, count: int) -> list[str]:
    """Create jobs that keep running; return their ids."""
    return [(await session.create(f"fox number {n}. sandbox: slow 3600", **PRICED))["job_id"] for n in range(count)]


async def test_videos_are_listed_newest_first_a_page_at_a_time(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        created = await create_slow(session, 7)
        listed: list[str] = []
        cursor: str | None = None
        pages = 0
        while True:
            page = (await session.call("list_videos", limit=3, cursor=cursor)).fields
            listed += [video["job_id"] for video in page["videos"]]
            pages += 1
            cursor = page.get("next_cursor")
            if cursor is None:
                break
    assert listed == created[::-1]
    assert pages == 3


async def test_a_full_page_with_nothing_after_it_is_the_last(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        await create_slow(session, 3)
        page = (await session.call("list_videos", limit=3)).fields
    assert len(page["videos"]) == 3
    assert "next_cursor" not in page


async def test_a_new_job_does_not_move_the_pages(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        created = await create_slow(session, 4)
        first = (await session.call("list_videos", limit=2)).fields
        await session.create("another fox. sandbox: slow 3600", **PRICED)
        second = (await session.call("list_videos", limit=2, cursor=first["next_cursor"])).fields
    assert [video["job_id"] for video in second["videos"]] == created[1::-1]


async def test_a_cursor_of_no_list_is_refused_and_is_no_empty_list(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        await create_slow(session, 1)
        refusal = (await session.call("list_videos", cursor="x")).refusal
    assert refusal == "invalid_request: This cursor is of no list. Call list_videos without a cursor."


async def test_videos_can_be_filtered_by_state(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        done = await session.video(**PRICED)
        failed = await session.video("a fox. sandbox: fail generation_failed", **PRICED)
        for state, job in (("succeeded", done), ("failed", failed)):
            (video,) = (await session.call("list_videos", state=state)).fields["videos"]
            assert (video["job_id"], video["state"]) == (job["job_id"], state)
        assert (await session.call("list_videos", state="unknown")).fields["videos"] == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [({"state": "done"}, "state 'done'"), ({"limit": -1}, "limit"), ({"limit": 51}, "limit"), ({"page": 2}, "page")],
)
async def test_an_invalid_filter_is_refused_with_the_values_there_are(
    tmp_path: Path, era: str, arguments: dict[str, Any], named: str
) -> None:
    async with connected(tmp_path, era) as session:
        refusal = (await session.call("list_videos", **arguments)).refusal
    assert refusal.startswith(f"invalid_request: list_videos: {named}")
    assert "state" not in arguments or "succeeded" in refusal


async def test_each_video_is_listed_briefly(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        done = await session.video("a fox " + "in the snow " * 40, **PRICED)
        (video,) = (await session.call("list_videos")).fields["videos"]
    assert len(video["prompt"]) == 60
    assert video["prompt"].endswith("…")
    assert video["path"] == done["path"]
    assert "url" not in video
    assert video["cost"] == done["cost"]
    assert video["model"] == PRICED["model"]


async def test_a_listed_prompt_cannot_hide_anything(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        await session.create("a fox\u202e\u200b\n\x1b[31m in\U000e0041 the snow", **PRICED)
        (video,) = (await session.call("list_videos")).fields["videos"]
    assert video["prompt"] == "a fox [31m in  the snow"


async def test_the_list_says_what_today_cost_and_what_is_left(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, SEEDANCE_DAILY_BUDGET="5", SEEDANCE_ALLOW_UNPRICED="1") as session:
        assert (await session.call("list_videos")).fields["spent_today"] == {"usd": 0.0, "reserved": 0.0, "left": 5.0}
        job = await session.create("a fox. sandbox: slow 3600", **PRICED)
        await session.create("a hare. sandbox: slow 3600", model="ope/seedance-2-0")
        spent = (await session.call("list_videos")).fields["spent_today"]
    assert spent["reserved"] == job["cost"]["usd"]
    assert spent["left"] == pytest.approx(5 - job["cost"]["usd"])
    assert spent["unpriced_jobs"] == 1
