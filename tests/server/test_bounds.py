"""One call is bounded: what a client may send, how many problems an answer lists, and how long it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from seedance_mcp.server.bounds import LARGEST_ANSWER
from tests.server.mcp_client import PRICED, Session, ToolAnswer, connected

pytestmark = pytest.mark.anyio

TOOLS = ("create_video", "check_video", "list_videos", "list_models", "preview_video")


def size(answer: ToolAnswer) -> int:
    return len(answer.result.model_dump_json(by_alias=True, exclude_none=True).encode())


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(
    ("arguments", "bound"),
    [
        ({"prompt": "x" * (256 * 1024 + 1)}, "more than 256 KB"),
        ({"prompt": ["雪" * 9000] * 10}, "more than 256 KB"),
        ({"x" * (256 * 1024 + 1): 1}, "more than 256 KB"),
        ({f"name{number}": number for number in range(51)}, "51 names in one object; the limit is 50"),
        ({"prompt": {str(number): 1 for number in range(51)}}, "51 names in one object; the limit is 50"),
        ({"reference_images": ["https://example.com/1.png"] * 101}, "101 items in one list; the limit is 100"),
        ({"prompt": [[["x"] * 101]]}, "101 items in one list; the limit is 100"),
    ],
    ids=["text", "texts", "name", "names", "inner names", "items", "inner items"],
)
async def test_arguments_that_are_too_large_are_refused_unread(
    tmp_path: Path, era: str, tool: str, arguments: dict[str, Any], bound: str
) -> None:
    async with connected(tmp_path, era) as session:
        refusal = (await session.call(tool, **arguments)).refusal
        assert refusal.startswith(f"invalid_request: {tool}: the arguments have {bound}, so they were not read.")
        assert len(refusal) < 300


async def test_the_arguments_of_a_prompt_are_bounded_too(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        with pytest.raises(MCPError, match="more than 256 KB"):
            await session.client.get_prompt("storyboard", {"idea": "x" * 300_000})
        with pytest.raises(MCPError, match="idea has 5001 characters; the limit is 5000"):
            await session.client.get_prompt("storyboard", {"idea": "x" * 5001})


@pytest.mark.parametrize("tool", TOOLS)
async def test_ten_problems_are_listed_and_the_number_of_the_others(tmp_path: Path, era: str, tool: str) -> None:
    names = [f"unknown_{number}" * 50 for number in range(40)]
    async with connected(tmp_path, era) as session:
        required = {"create_video": {"prompt": "a fox"}, "list_models": {}, "list_videos": {}}
        given = required.get(tool, {"job_id": "none"})
        answer = await session.call(tool, **given, **dict.fromkeys(names, "x" * 1000))
    assert answer.refusal.count("is not a parameter") == 10
    assert "and 30 more" in answer.refusal
    assert size(answer) < LARGEST_ANSWER


async def test_a_refusal_does_not_repeat_a_long_prompt(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        answer = await session.call("create_video", prompt="x" * 1900, model=PRICED["model"], duration=999)
    assert "This would work, with prompt as it is: " in answer.refusal
    assert len(answer.refusal) < 1500


@pytest.mark.parametrize(
    "arguments",
    [
        {"prompt": "@image" + "9" * 5000},
        {"prompt": "".join(f"@image{number} " for number in range(20_000))},
        {"prompt": "a fox", "seed": 10**4000},
        {"prompt": "a fox", "duration": 10**4000},
        {"prompt": "a fox", "model": 10**4000},
        {"prompt": "a fox", "model": "x" * 200_000},
        {"prompt": "a fox", "max_cost": 10**400},
    ],
    ids=["digits", "mentions", "seed", "duration", "model", "long model", "max_cost"],
)
async def test_absurd_values_get_an_answer_of_bounded_length(tmp_path: Path, era: str, arguments: Any) -> None:
    async with connected(tmp_path, era) as session:
        answer = await session.call("create_video", dry_run=True, **arguments)
    if answer.result.is_error:
        assert answer.refusal.startswith("invalid_request: ")
    assert size(answer) < LARGEST_ANSWER


async def test_an_answer_with_many_videos_is_cut_at_a_page_that_can_be_continued(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, SEEDANCE_SAVE="off") as session:
        created = [(await session.create(f"雪中的狐狸 {n} " * 9, **PRICED))["job_id"] for n in range(50)]
        listed, cursor = list[str](), None
        while True:
            answer = await session.call("list_videos", limit=50, **({"cursor": cursor} if cursor else {}))
            assert size(answer) <= LARGEST_ANSWER + 200
            listed += [video["job_id"] for video in answer.fields["videos"]]
            cursor = answer.fields.get("next_cursor")
            if cursor is None:
                break
    assert listed == created[::-1]


async def test_a_long_prompt_is_cut_in_the_answer_and_not_in_the_request(tmp_path: Path, era: str) -> None:
    prompt = "狐" * 60_000
    async with connected(tmp_path, era) as session:
        model = {"model": "jimmyai/seedance2.0-mini", "duration": 4, "resolution": "480p"}
        answer = await session.call("create_video", prompt=prompt, dry_run=True, **model)
        if not answer.result.is_error:
            assert "more characters)" in answer.text
            job = await session.create(prompt, **model)
            assert session.sandbox.charges[0].prompt == prompt
            record = await session.client.read_resource(f"seedance://videos/{job['job_id']}")
            assert len(record.model_dump_json()) < 2 * LARGEST_ANSWER
        assert size(answer) <= LARGEST_ANSWER + 200


WHOLE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("list_videos", {"limit": 10.0}),
    ("list_models", {"duration": 5.0}),
    ("create_video", {"prompt": "a fox", **PRICED, "duration": 4.0, "dry_run": True, "max_cost": 5.0}),
)


@pytest.mark.parametrize(("tool", "arguments"), WHOLE, ids=[tool for tool, _ in WHOLE])
async def test_a_whole_number_may_be_written_with_a_point(
    tmp_path: Path, era: str, tool: str, arguments: dict[str, Any]
) -> None:
    async with connected(tmp_path, era) as session:
        answer = await session.call(tool, **arguments)
        plain = await session.call(tool, **{n: int(v) if isinstance(v, float) else v for n, v in arguments.items()})
    assert json.dumps(answer.fields) == json.dumps(plain.fields)


async def waiting(session: Session, seconds: float) -> ToolAnswer:
    job = await session.create(**PRICED)
    return await session.call("check_video", job_id=job["job_id"], wait_seconds=seconds)


async def test_seconds_and_frames_may_be_written_with_a_point(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        assert (await waiting(session, 20.0)).fields["state"] == "succeeded"
        job_id = (await session.video(**PRICED))["job_id"]
        assert not (await session.call("preview_video", job_id=job_id, frames=2.0)).result.is_error
        assert not (await session.call("preview_video", job_id=job_id, at=10**400)).text.startswith("internal")
