"""create_video: what is chosen, what is shown before paying, what is refused and how often one pays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from seedance_mcp.sandbox.transport import SandboxTransport
from tests.server.mcp_client import PRICED, VENDORS, Said, seen, connected

pytestmark = pytest.mark.anyio

IMAGE = "https://example.com/cat.png"
FIRST: dict[str, tuple[dict[str, Any], str, int]] = {
    "ope": ({"model": "ope/seedance-2-0", "resolution": "480p", "duration": 4}, "864x496", 4),
    "seedanceapi": ({"model": "seedanceapi/seedance-2.0-fast", "resolution": "480p", "duration": 5}, "864x496", 5),
    "jimmyai": ({"model": "jimmyai/seedance2.0-mini", "resolution": "480p", "duration": 4}, "864x496", 4),
    "12ai": ({"model": "12ai/seedance-2-official", "resolution": "480p", "duration": 4}, "864x496", 4),
    "aigptimage": (
        {"model": "aigptimage/seedance-2.0-text-to-video", "resolution": "480p", "duration": 4},
        "864x496",
        4,
    ),
}


def content(path: str) -> bytes:
    return Path(path).read_bytes()


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_film_is_made_by_every_vendor_from_beginning_to_end(tmp_path: Path, era: str, vendor: str) -> None:
    arguments, size, seconds = FIRST[vendor]
    async with connected(tmp_path, era) as session:
        begun = await session.create(**arguments, aspect_ratio="16:9")
        assert begun["state"] == "submitted"
        assert begun["model"] == arguments["model"]
        assert begun["job_id"] in begun["next_step"]
        done = await session.end(begun["job_id"])
        assert session.paid == 1
    assert done["state"] == "succeeded"
    assert Path(done["path"]).parent == tmp_path / "videos"
    assert len(content(done["path"])) == done["size_bytes"]
    video = seen(done["path"])
    assert (video.codec, video.size) == ("h264", size)
    assert video.seconds == pytest.approx(seconds, abs=0.1)
    assert (done["duration"], done["resolution"]) == (seconds, "480p")
    # Where the vendor gives no link, the file alone is there.
    assert ("url" in done) is (vendor != "ope")


async def test_the_job_id_is_there_before_the_film_is(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        begun = await session.create("a fox. sandbox: slow 3600")
        assert begun["job_id"]
        now = (await session.call("check_video", job_id=begun["job_id"])).fields
    assert now["state"] in {"queued", "running"}
    assert now["check_again_in"] > 0
    assert "path" not in now


async def test_without_a_model_the_cheapest_is_taken_and_it_is_said(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        begun = await session.create(dry_run=True)
        others = [
            (await session.create(dry_run=True, model=model.id))["cost"]["usd"]
            for model in session.settings.models
            if model.vendor == "seedanceapi"
        ]
    assert begun["chosen"].startswith("cheapest of ")
    assert begun["cost"]["usd"] == min(others)


async def test_a_named_model_is_not_called_chosen(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        assert "chosen" not in await session.create(**PRICED)


async def test_what_was_left_open_is_said(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        begun = await session.create(model="ope/seedance-2-0", dry_run=True)
    assert begun["assumed"] == {
        "duration": 5, "resolution": "720p", "aspect_ratio": "16:9", "generate_audio": True,
    }  # fmt: skip
    assert begun["size"] == "1280x720"


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_dry_run_sends_nothing_and_shows_exactly_what_is_sent_afterwards(
    tmp_path: Path, era: str, vendor: str
) -> None:
    arguments = FIRST[vendor][0]
    async with connected(tmp_path, era) as session:
        quoted = await session.create(**arguments, dry_run=True)
        assert quoted["state"] == "quoted"
        assert "job_id" not in quoted
        assert session.sandbox.tasks == {}
        assert (await session.call("list_videos")).fields["videos"] == []
        begun = await session.create(**arguments)
        (task,) = session.sandbox.tasks.values()
    assert quoted["request"]["body"] == task.body
    assert quoted["request"]["method"] == "POST"
    assert f"/{vendor}" in quoted["request"]["url"]
    assert quoted["cost"] == begun["cost"]


async def test_a_refusal_lists_every_problem_with_the_nearest_value_and_who_else_would(
    tmp_path: Path, era: str
) -> None:
    async with connected(tmp_path, era) as session:
        said = await session.refused(
            model="seedanceapi/seedance-2-mini", duration=99, resolution="4k", seed=1, no_such_thing=True
        )
        assert session.sandbox.tasks == {}
    assert said.startswith("invalid_request: seedanceapi/seedance-2-mini cannot do this, 4 problems:")
    assert "- duration 99 must be 4–15 s; nearest: 15" in said
    assert "- resolution '4k' must be one of 480p, 720p; nearest: '720p'" in said
    assert "- seed is not supported by seedanceapi/seedance-2-mini; leave it out" in said
    assert "- no_such_thing is not a parameter" in said
    assert "Nothing was sent." in said


async def test_a_refusal_says_what_would_do_and_that_works(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        said = await session.refused(model="seedanceapi/seedance-2.0-fast", duration=6, resolution="480p")
        assert 'It would do: {"prompt": "a fox in the snow", "duration": 5, "resolution": "480p"}' in said
        assert "As it is, it would be accepted by: ope/seedance-2-0," in said
        await session.create(model="seedanceapi/seedance-2.0-fast", duration=5, resolution="480p", dry_run=True)
        await session.create(model="ope/seedance-2-0", duration=6, resolution="480p", dry_run=True)


async def test_when_nobody_can_do_it_the_closest_is_named(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        said = await session.refused(resolution="16k")
        assert session.sandbox.tasks == {}
    assert said.startswith("invalid_request: None of 33 models can do this; the closest is ")
    assert "nearest: " in said


@pytest.mark.parametrize("name", ["seedance-2-mini", "seedanceapi/seedance2mini", "sora/2"])
async def test_an_unknown_model_is_refused_with_those_that_are_close(tmp_path: Path, era: str, name: str) -> None:
    async with connected(tmp_path, era) as session:
        said = await session.refused(model=name)
    assert f"There is no model '{name}'" in said
    assert ("seedanceapi/seedance-2-mini" in said) is (name != "sora/2")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("@image9", {}),
        ("@image2", {"reference_images": [IMAGE]}),
        ("@image0", {"reference_images": [IMAGE]}),
        ("@audio1", {"reference_images": [IMAGE]}),
    ],
)
async def test_a_name_that_no_reference_has_is_refused(
    tmp_path: Path, era: str, name: str, arguments: dict[str, Any]
) -> None:
    async with connected(tmp_path, era) as session:
        said = await session.refused(f"look at {name}", model="ope/seedance-2-0", **arguments)
        assert session.sandbox.tasks == {}
    assert f"- prompt names {name}, but " in said


@pytest.mark.parametrize("arguments", [{}, {"prompt": ""}, {"prompt": None}, {"prompt": 5}, {"prompt": ["a"]}])
async def test_without_a_prompt_nothing_is_made(tmp_path: Path, era: str, arguments: dict[str, Any]) -> None:
    async with connected(tmp_path, era) as session:
        said = (await session.call("create_video", **arguments)).refusal
        assert session.sandbox.tasks == {}
    assert "- prompt " in said


async def test_null_and_empty_count_as_not_given(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        bare = await session.create(dry_run=True)
        padded = await session.create(
            dry_run=True,
            model="",
            duration=None,
            resolution="",
            first_frame="",
            reference_images=[],
            seed=None,
            max_cost=None,
            callback_url="",
        )
        assert padded == bare
        listed = (await session.call("list_videos", state="", cursor="", limit=None)).fields
        assert listed["videos"] == []
        everything = (await session.call("list_models", model=None, mode="")).fields
        assert len(everything["models"]) == 33


@pytest.mark.parametrize("wrong", [{"duration": "5"}, {"duration": 5.5}, {"duration": True}, {"seed": "1"}])
async def test_a_value_of_the_wrong_kind_is_a_refusal_and_no_crash(
    tmp_path: Path, era: str, problem: dict[str, Any]
) -> None:
    async with connected(tmp_path, era) as session:
        said = await session.refused(model="ope/seedance-2-0", **problem)
        assert session.sandbox.tasks == {}
    assert said.startswith("invalid_request: ")


async def test_a_whole_number_may_come_as_a_float(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        quoted = await session.create(model="seedanceapi/seedance-2-mini", duration=4.0, dry_run=True)
    assert quoted["request"]["body"]["duration"] == 4


async def test_the_same_request_twice_is_paid_once(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        slow = "a fox. sandbox: slow 3600"
        first = await session.create(slow)
        second = await session.create(slow)
        assert second["job_id"] == second["duplicate_of"] == first["job_id"]
        assert "nothing new was paid" in second["note"]
        assert session.paid == 1
        third = await session.create(slow, allow_duplicate=True)
        assert third["job_id"] != first["job_id"]
        assert "duplicate_of" not in third
        assert session.paid == 2


async def test_calls_at_the_same_moment_are_paid_once(tmp_path: Path, era: str) -> None:
    answers: list[dict[str, Any]] = []
    async with connected(tmp_path, era) as session:

        async def create() -> None:
            answers.append(await session.create("a fox. sandbox: slow 3600"))

        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(create)
        assert session.paid == 1
    assert len({answer["job_id"] for answer in answers}) == 1
    assert sum("duplicate_of" in answer for answer in answers) == 7


async def test_a_finished_film_may_be_made_again(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        first = await session.video(**PRICED)
        second = await session.video(**PRICED)
        assert session.paid == 2
    assert first["path"] != second["path"]


async def test_a_request_key_makes_one_job_however_often_it_comes(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        first = await session.create(**PRICED, request_key="scene-1")
        await session.end(first["job_id"])
        again = await session.create(**PRICED, request_key="scene-1")
        assert again["duplicate_of"] == first["job_id"]
        assert again["state"] == "succeeded"
        insisting = await session.create(**PRICED, request_key="scene-1", allow_duplicate=True)
        assert insisting["duplicate_of"] == first["job_id"]
        assert session.paid == 1


async def test_a_request_key_cannot_be_used_for_something_else(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        first = await session.create(**PRICED, request_key="scene-1")
        said = await session.refused("a hare in the snow", **PRICED, request_key="scene-1")
        assert session.paid == 1
    assert said.startswith("key_reused: ")
    assert first["job_id"] in said


async def test_cancelling_the_call_does_not_lose_the_job(
    tmp_path: Path, era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived, go_on = anyio.Event(), anyio.Event()
    whole = SandboxTransport.handle_async_request

    async def held_up(self: SandboxTransport, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            arrived.set()
            await go_on.wait()
        return await whole(self, request)

    monkeypatch.setattr(SandboxTransport, "handle_async_request", held_up)
    async with connected(tmp_path, era) as session:
        async with anyio.create_task_group() as group:
            group.start_soon(session.create)
            await arrived.wait()
            group.cancel_scope.cancel()
        (video,) = (await session.call("list_videos")).fields["videos"]
        assert video["state"] == "submitting"
        go_on.set()
        while video["state"] == "submitting":
            (video,) = (await session.call("list_videos")).fields["videos"]
        assert video["state"] == "submitted"
        done = await session.end(video["job_id"])
        assert done["state"] == "succeeded"
        assert session.paid == 1


async def test_text_and_fields_say_the_same(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        said = Said(await session.client.call_tool("create_video", {"prompt": "a fox", **PRICED}))
        assert f"job_id: {said.fields['job_id']}" in said.text
        assert "cost: $" in said.text
        assert said.fields["next_step"] in said.text
        done = await session.end(said.fields["job_id"])
        read_snapshot = await session.call("check_video", job_id=said.fields["job_id"])
        assert done["path"] in read_snapshot.text
        assert done["url"] in read_snapshot.text
