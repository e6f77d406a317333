"""list_videos and list_models: what there is, a page at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.server.mcp_client import PRICED, VENDORS, connected

pytestmark = pytest.mark.anyio


async def test_videos_come_newest_first_a_page_at_a_time(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        made = [(await session.create(f"fox number {n}. sandbox: slow 3600", **PRICED))["job_id"] for n in range(7)]
        found: list[str] = []
        cursor: str | None = None
        pages = 0
        while True:
            page = (await session.call("list_videos", limit=3, cursor=cursor)).fields
            found += [video["job_id"] for video in page["videos"]]
            pages += 1
            cursor = page.get("next_cursor")
            if cursor is None:
                break
    assert found == made[::-1]
    assert pages == 3


async def test_a_page_that_is_full_by_chance_is_the_last(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        for n in range(3):
            await session.create(f"fox number {n}. sandbox: slow 3600", **PRICED)
        page = (await session.call("list_videos", limit=3)).fields
    assert len(page["videos"]) == 3
    assert "next_cursor" not in page


async def test_a_new_job_does_not_move_the_pages(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        made = [(await session.create(f"fox number {n}. sandbox: slow 3600", **PRICED))["job_id"] for n in range(4)]
        first = (await session.call("list_videos", limit=2)).fields
        await session.create("another fox. sandbox: slow 3600", **PRICED)
        second = (await session.call("list_videos", limit=2, cursor=first["next_cursor"])).fields
    assert [v["job_id"] for v in second["videos"]] == made[1::-1]


async def test_videos_can_be_filtered_by_state(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        done = await session.video(**PRICED)
        failed = await session.video("a fox. sandbox: fail generation_failed", **PRICED)
        for state, job in (("succeeded", done), ("failed", failed)):
            (video,) = (await session.call("list_videos", state=state)).fields["videos"]
            assert (video["job_id"], video["state"]) == (job["job_id"], state)
        assert (await session.call("list_videos", state="unknown")).fields["videos"] == []


@pytest.mark.parametrize(
    ("wrong", "word"),
    [({"state": "done"}, "state 'done'"), ({"limit": 0}, "limit"), ({"limit": 51}, "limit"), ({"page": 2}, "page")],
)
async def test_a_wrong_filter_is_refused_with_what_there_is(
    tmp_path: Path, era: str, problem: dict[str, Any], word: str
) -> None:
    async with connected(tmp_path, era) as session:
        said = (await session.call("list_videos", **problem)).refusal
    assert said.startswith(f"invalid_request: list_videos: {word}")
    assert "state" not in problem or "succeeded" in said


async def test_a_cursor_from_nowhere_ends_the_list(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        await session.create(**PRICED)
        page = (await session.call("list_videos", cursor="nowhere")).fields
    assert page["videos"] == []
    assert "next_cursor" not in page


async def test_a_video_is_told_in_brief(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        done = await session.video("a fox " + "in the snow " * 40, **PRICED)
        (video,) = (await session.call("list_videos")).fields["videos"]
    assert len(video["prompt"]) == 60
    assert video["prompt"].endswith("…")
    assert video["path"] == done["path"]
    assert "url" not in video
    assert video["cost"] == done["cost"]
    assert video["model"] == PRICED["model"]


async def test_a_prompt_in_the_list_cannot_hide_anything(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        await session.create("a fox\u202e\u200b\n\x1b[31m in\U000e0041 the snow", **PRICED)
        (video,) = (await session.call("list_videos")).fields["videos"]
    assert video["prompt"] == "a fox [31m in  the snow"


async def test_what_today_cost_and_what_is_left_is_said(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, SEEDANCE_DAILY_BUDGET="5", SEEDANCE_ALLOW_UNPRICED="1") as session:
        assert (await session.call("list_videos")).fields["spent_today"] == {"usd": 0.0, "reserved": 0.0, "left": 5.0}
        begun = await session.create("a fox. sandbox: slow 3600", **PRICED)
        await session.create("a hare. sandbox: slow 3600", model="ope/seedance-2-0")
        spent = (await session.call("list_videos")).fields["spent_today"]
    assert spent["reserved"] == begun["cost"]["usd"]
    assert spent["left"] == pytest.approx(5 - begun["cost"]["usd"])
    assert spent["unpriced_jobs"] == 1


# -- list_models --------------------------------------------------------------------------------------------------


async def test_every_model_is_listed(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        models = (await session.call("list_models")).fields["models"]
        assert list(models) == [m.id for m in session.settings.models]
    assert len(models) == 33
    assert {model_id.partition("/")[0] for model_id in models} == set(VENDORS)


@pytest.mark.parametrize(
    ("shape", "yes", "no"),
    [
        ({"resolution": "4k"}, "jimmyai/sd2_mx_4k", "ope/seedance-2-0"),
        ({"duration": 7}, "seedanceapi/seedance-2-mini", "seedanceapi/seedance-2.0"),
        ({"mode": "references"}, "ope/seedance-2-0", "aigptimage/seedance-2.0-text-to-video"),
        ({"mode": "first_last_frame"}, "jimmyai/seedance2.0-md", "seedanceapi/seedance-2-mini"),
        ({"references": "video"}, "jimmyai/sd2_mx_video_4k", "jimmyai/sd2_mx_4k"),
        ({"generate_audio": True}, "ope/seedance-2-0", "jimmyai/seedance2.0-sp"),
        ({"aspect_ratio": "21:9", "resolution": "1080p"}, "ope/seedance-2-0", "ope/seedance-2-0-fast"),
    ],
)
async def test_models_are_found_by_what_they_can_do(
    tmp_path: Path, era: str, shape: dict[str, Any], yes: str, no: str
) -> None:
    async with connected(tmp_path, era) as session:
        models = (await session.call("list_models", **shape)).fields["models"]
    assert yes in models
    assert no not in models


async def test_a_listed_model_can_make_what_was_asked_for_and_at_that_price(tmp_path: Path, era: str) -> None:
    shape = {"duration": 5, "resolution": "480p", "aspect_ratio": "9:16"}
    async with connected(tmp_path, era) as session:
        models: dict[str, str] = (await session.call("list_models", mode="text", **shape)).fields["models"]
        assert models
        for model, brief in models.items():
            quoted = await session.create(model=model, dry_run=True, **shape)
            if "usd" in quoted["cost"]:
                assert brief.endswith(f"${quoted['cost']['usd']:.2f}/5s")


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ({"resolution": "16k"}, "list_models: resolution '16k' must be one of 480p"),
        ({"mode": "dream"}, "list_models: mode 'dream' must be one of text, first_frame"),
        ({"fps": 24}, "list_models: fps is not a parameter"),
        ({"resolution": "4k", "duration": 15}, "No configured model can do all of this. Drop one of the conditions."),
        ({"model": "ope/seedance-9"}, "There is no model 'ope/seedance-9' here."),
    ],
)
async def test_what_no_model_can_do_is_said(tmp_path: Path, era: str, shape: dict[str, Any], words: str) -> None:
    async with connected(tmp_path, era) as session:
        assert words in (await session.call("list_models", **shape)).refusal


async def test_one_model_tells_its_limits(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        told = (await session.call("list_models", model="seedanceapi/seedance-2.0")).fields
        for model in session.settings.models:
            fields = (await session.call("list_models", model=model.id)).fields
            assert fields["takes"].keys() == model.rows.keys()
            assert len(fields.get("rules", [])) == len(model.rules)
    assert told["takes"]["duration"] == "5, 10 or 15 s; default 5"
    assert "required" in told["takes"]["prompt"]
    assert told["price"].startswith("$2.40")
