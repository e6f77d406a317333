"""create_video: which model is chosen, what a quote shows, what is refused, and how often one pays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from seedance_mcp.sandbox import Sandbox
from seedance_mcp.vendors import known_vendors
from tests.about import ABOUT, RESELLERS, VENDORS
from tests.server.mcp_client import PRICED, ToolAnswer, connected, inspect_video, with_keys
from tests.server.transports import HeldTransport

pytestmark = pytest.mark.anyio

IMAGE = "https://example.com/cat.png"
SLOW = "a fox. sandbox: slow 3600"
MODELS = [model for vendor in known_vendors().values() for model in vendor.models]


# -- creating -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vendor", VENDORS)
async def test_every_vendor_makes_a_video(tmp_path: Path, era: str, vendor: str) -> None:
    arguments = ABOUT[vendor].request
    async with connected(tmp_path, era) as session:
        job = await session.create(**arguments, aspect_ratio="16:9")
        assert job["state"] == "submitted"
        assert job["model"] == arguments["model"]
        assert job["job_id"] in job["next_step"]
        done = await session.finish(job["job_id"])
        assert session.charge_count == 1
    assert done["state"] == "succeeded"
    assert Path(done["path"]).parent == tmp_path / "videos"
    assert Path(done["path"]).stat().st_size == done["size_bytes"]
    video = inspect_video(done["path"])
    seconds = arguments["duration"]
    assert (video.codec, video.size) == ("h264", "864x496")
    assert video.seconds == pytest.approx(seconds, abs=0.1)
    assert done["requested"].startswith(f"{seconds} s, 480p, 16:9")
    assert done["measured"].startswith(f"{seconds}.0 s, 864x496, ")
    assert ("url" in done) is (known_vendors()[vendor].build_download is None)


async def test_decimals_of_seconds_are_bought_where_the_vendor_takes_them(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        done = await session.video(model="12ai/seedance-2-official", duration=4.5)
        assert "4.5" in json.dumps([task.body for task in session.sandbox.tasks.values()])
        assert "- duration 4.5 must be 4–15 s" in await session.refused(model="ope/seedance-2-0", duration=4.5)
    assert (done["state"], done["requested"].split(",")[0]) == ("succeeded", "4.5 s")


async def test_the_job_id_is_returned_before_the_video_exists(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        job = await session.create(SLOW)
        assert job["job_id"]
        now = (await session.call("check_video", job_id=job["job_id"])).fields
    assert now["state"] in {"queued", "running"}
    assert now["check_again_in"] > 0
    assert "path" not in now


async def test_cancelling_the_call_does_not_lose_the_job(tmp_path: Path, era: str) -> None:
    transport = HeldTransport(Sandbox(pace=0))
    async with connected(tmp_path, era, transport=transport) as session:
        async with anyio.create_task_group() as group:
            group.start_soon(session.create)
            await transport.arrived.wait()
            group.cancel_scope.cancel()
        (video,) = (await session.call("list_videos")).fields["videos"]
        assert video["state"] == "submitting"
        with (await session.app.service()).subscribe() as changes:
            transport.released.set()
            while video["state"] == "submitting":
                assert await changes.receive() == video["job_id"]
                (video,) = (await session.call("list_videos")).fields["videos"]
        done = await session.finish(video["job_id"])
        assert done["state"] == "succeeded"
        assert session.charge_count == 1


async def test_text_and_fields_say_the_same(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        answer = ToolAnswer(await session.client.call_tool("create_video", {"prompt": "a fox", **PRICED}))
        assert f"job_id: {answer.fields['job_id']}" in answer.text
        assert "cost: $" in answer.text
        assert answer.fields["next_step"] in answer.text
        done = await session.finish(answer.fields["job_id"])
        checked = await session.call("check_video", job_id=answer.fields["job_id"])
        assert done["path"] in checked.text
        assert done["url"] in checked.text


# -- choosing and quoting -----------------------------------------------------------------------------------------


async def test_without_a_model_the_cheapest_is_chosen_and_the_answer_says_so(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, **with_keys(*RESELLERS)) as session:
        quoted = await session.create(dry_run=True)
        others = [
            (await session.create(dry_run=True, model=model.id))["cost"]["usd"]
            for model in session.settings.models
            if model.vendor == "seedanceapi"
        ]
    assert quoted["chosen"].startswith("cheapest of ")
    assert quoted["cost"]["usd"] == min(others)


async def test_a_named_model_is_not_reported_as_chosen(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        assert "chosen" not in await session.create(**PRICED)


async def test_the_answer_lists_the_values_that_were_assumed(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        quoted = await session.create(model="ope/seedance-2-0", dry_run=True)
    assert quoted["assumed"] == {
        "duration": 5, "resolution": "720p", "aspect_ratio": "16:9", "generate_audio": True,
    }  # fmt: skip
    assert quoted["size"] == "1280x720"


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_dry_run_sends_nothing_and_shows_exactly_what_is_sent_later(
    tmp_path: Path, era: str, vendor: str
) -> None:
    arguments = ABOUT[vendor].request
    async with connected(tmp_path, era) as session:
        quoted = await session.create(**arguments, dry_run=True)
        assert quoted["state"] == "quoted"
        assert "job_id" not in quoted
        most = f" and max_cost {quoted['cost']['usd']:.2f}" if "usd" in quoted["cost"] else ""
        assert quoted["next_step"] == (
            "Nothing was sent. To make exactly this once the user agrees, call create_video again without dry_run, "
            f"with model {quoted['model']}{most}."
        )
        assert await session.nothing_happened()
        created = await session.create(**arguments)
        (task,) = session.sandbox.tasks.values()
    listing = known_vendors()[vendor].listing
    mark = {} if listing is None else {listing.own_field: task.body[listing.own_field]}  # it depends on the job's id
    assert quoted["request"]["body"] | mark == task.body
    assert quoted["request"]["method"] == "POST"
    assert f"/{vendor}" in quoted["request"]["url"]
    assert quoted["cost"].items() <= created["cost"].items()


# -- refusals -----------------------------------------------------------------------------------------------------


async def test_a_refusal_lists_every_problem_with_the_nearest_value(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        refusal = await session.refused(
            model="seedanceapi/seedance-2-mini", duration=99, resolution="4k", seed=1, no_such_thing=True
        )
        assert session.sandbox.tasks == {}
    assert refusal.startswith("invalid_request: seedanceapi/seedance-2-mini cannot do this, 4 problems:")
    assert "- duration 99 must be 4–15 s; nearest: 15" in refusal
    assert "- resolution '4k' must be one of 480p, 720p; nearest: '720p'" in refusal
    assert "- seed is not supported by seedanceapi/seedance-2-mini; leave it out" in refusal
    assert "- no_such_thing is not a parameter" in refusal
    assert "Nothing was sent." in refusal


async def test_a_refusal_names_what_would_work_and_it_works(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, **with_keys(*RESELLERS)) as session:
        refusal = await session.refused(model="seedanceapi/seedance-2.0-fast", duration=6, resolution="480p")
        (line,) = [line for line in refusal.splitlines() if line.startswith("This would work: ")]
        suggested: dict[str, Any] = json.loads(line.removeprefix("This would work: "))
        assert suggested == {
            "model": "seedanceapi/seedance-2.0-fast", "prompt": "a fox in the snow", "duration": 5, "resolution": "480p"
        }  # fmt: skip
        assert "Unchanged, the request would be accepted by: seedanceapi/seedance-2-mini," in refusal
        await session.create(suggested.pop("prompt"), **suggested, dry_run=True)
        await session.create(model="seedanceapi/seedance-2-mini", duration=6, resolution="480p", dry_run=True)


async def test_a_dry_run_that_leaves_seconds_or_resolution_open_tells_the_cheapest(tmp_path: Path, era: str) -> None:
    mini = {"model": PRICED["model"], "dry_run": True}
    async with connected(tmp_path, era) as session:
        chosen = await session.create("a candle", dry_run=True)
        open_ = await session.create("a candle", **mini)
        half = await session.create("a candle", **mini, duration=4)
        least = await session.create("a candle", **mini, duration=4, resolution="480p")
        exact = await session.create("a candle", **mini, duration=5, resolution="720p")
    assert chosen["cheapest"].startswith("duration 4, resolution 480p, $0.")
    assert open_["cheapest"] == "duration 4, resolution 480p, $0.57"
    assert half["cheapest"] == "resolution 480p, $0.57"
    assert least["cost"]["usd"] == 0.57
    assert not {"cheapest"} & (least.keys() | exact.keys())


async def test_where_no_model_can_do_it_the_refusal_names_the_closest(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        refusal = await session.refused(resolution="16k")
        assert session.sandbox.tasks == {}
    assert refusal.startswith(f"invalid_request: None of {len(MODELS)} models can do this; the closest is ")
    assert "nearest: " in refusal


@pytest.mark.parametrize("name", ["seedance-2-mini", "seedanceapi/seedance2mini", "sora/2"])
async def test_an_unknown_model_is_refused_with_the_closest_names(tmp_path: Path, era: str, name: str) -> None:
    async with connected(tmp_path, era, **with_keys(*RESELLERS)) as session:
        refusal = await session.refused(model=name)
    assert f"No configured vendor has a model '{name}'." in refusal
    assert ("seedanceapi/seedance-2-mini" in refusal) is (name != "sora/2")
    assert ("Call list_models" in refusal) is (name == "sora/2")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("@image9", {}),
        ("@image2", {"reference_images": [IMAGE]}),
        ("@image0", {"reference_images": [IMAGE]}),
        ("@audio1", {"reference_images": [IMAGE]}),
    ],
)
async def test_a_prompt_that_names_a_missing_reference_is_refused(
    tmp_path: Path, era: str, name: str, arguments: dict[str, Any]
) -> None:
    async with connected(tmp_path, era) as session:
        refusal = await session.refused(f"show {name}", model="ope/seedance-2-0", **arguments)
        assert session.sandbox.tasks == {}
    assert f"- prompt mentions {name}, but " in refusal


@pytest.mark.parametrize("arguments", [{}, {"prompt": ""}, {"prompt": None}, {"prompt": 5}, {"prompt": ["a"]}])
async def test_a_request_without_a_prompt_is_refused(tmp_path: Path, era: str, arguments: dict[str, Any]) -> None:
    async with connected(tmp_path, era) as session:
        refusal = (await session.call("create_video", **arguments)).refusal
        assert session.sandbox.tasks == {}
    assert "- prompt " in refusal


@pytest.mark.parametrize("argument", [{"duration": "5"}, {"duration": 5.5}, {"duration": True}, {"seed": "1"}])
async def test_a_value_of_the_wrong_type_is_refused(tmp_path: Path, era: str, argument: dict[str, Any]) -> None:
    async with connected(tmp_path, era) as session:
        refusal = await session.refused(model="ope/seedance-2-0", **argument)
        assert session.sandbox.tasks == {}
    assert refusal.startswith("invalid_request: ")


async def test_null_and_empty_arguments_count_as_left_out(tmp_path: Path, era: str) -> None:
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
        assert everything == (await session.call("list_models")).fields


async def test_a_whole_number_may_be_sent_as_a_float(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        quoted = await session.create(model="seedanceapi/seedance-2-mini", duration=4.0, dry_run=True)
    assert quoted["request"]["body"]["duration"] == 4


# -- paying once --------------------------------------------------------------------------------------------------


async def test_a_repeated_request_is_paid_for_once(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        first = await session.create(SLOW)
        second = await session.create(SLOW)
        assert second["job_id"] == second["duplicate_of"] == first["job_id"]
        assert second["note"] == (
            "The same request is already running as this job, so nothing is charged; allow_duplicate pays again."
        )
        assert session.charge_count == 1
        third = await session.create(SLOW, allow_duplicate=True)
        assert third["job_id"] != first["job_id"]
        assert "duplicate_of" not in third
        assert session.charge_count == 2


async def test_simultaneous_equal_requests_are_paid_for_once(tmp_path: Path, era: str) -> None:
    answers: list[dict[str, Any]] = []
    async with connected(tmp_path, era) as session:

        async def create() -> None:
            answers.append(await session.create(SLOW))

        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(create)
        assert session.charge_count == 1
    assert len({answer["job_id"] for answer in answers}) == 1
    assert sum("duplicate_of" in answer for answer in answers) == 7


async def test_a_finished_video_may_be_created_again(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        first = await session.video(**PRICED)
        second = await session.video(**PRICED)
        assert session.charge_count == 2
    assert first["path"] != second["path"]


async def test_a_request_key_stays_with_its_job_however_often_it_is_sent(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        first = await session.create(**PRICED, request_key="scene-1")
        await session.finish(first["job_id"])
        again = await session.create(**PRICED, request_key="scene-1")
        assert again["duplicate_of"] == first["job_id"]
        assert again["state"] == "succeeded"
        with_duplicate_allowed = await session.create(**PRICED, request_key="scene-1", allow_duplicate=True)
        assert with_duplicate_allowed["duplicate_of"] == first["job_id"]
        assert session.charge_count == 1


async def test_a_request_key_cannot_be_used_for_another_request(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        first = await session.create(**PRICED, request_key="scene-1")
        refusal = await session.refused("a hare in the snow", **PRICED, request_key="scene-1")
        assert session.charge_count == 1
    assert refusal.startswith("key_reused: ")
    assert first["job_id"] in refusal


async def test_a_request_key_is_free_again_after_a_refusal_that_is_not_about_the_request(
    tmp_path: Path, era: str
) -> None:
    prompt = "sandbox: refuse no_credit 1"
    async with connected(tmp_path, era) as session:
        await session.refused(prompt, request_key="k", **PRICED)
        job = await session.create(prompt, request_key="k", **PRICED)
        await session.finish(job["job_id"])
        again = await session.create(prompt, request_key="k", **PRICED)
    assert again["duplicate_of"] == job["job_id"]
    assert again["note"] == "This request_key was used before: this is its job, and nothing new was paid."
    assert again["next_step"] == (
        f"Call check_video with job_id {job['job_id']} for its video, or the reason why there is none."
    )
