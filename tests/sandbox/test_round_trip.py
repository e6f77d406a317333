"""From a request to its video, at every vendor, through the vendor's own module."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from seedance_mcp.catalog.check import check
from seedance_mcp.sandbox import Sandbox
from seedance_mcp.vendors import known_vendors
from seedance_mcp.vendors.vendor import Call
from tests.about import ABOUT
from tests.facts import FACTS
from tests.sandbox.sandbox_client import (
    SLUGS,
    URLS,
    ManualClock,
    find_model,
    inspect_video,
    minimal_args,
    parsed,
    sandbox_client,
)

pytestmark = pytest.mark.anyio

MODELS = [(v.slug, m.name) for v in known_vendors().values() for m in v.models]


@pytest.mark.parametrize("slug", SLUGS)
async def test_a_task_is_queued_then_runs_then_succeeds_with_a_video(slug: str) -> None:
    clock = ManualClock()
    async with sandbox_client(slug, Sandbox(clock=clock)) as client:
        accepted = await client.create(duration=5, resolution="480p", aspect_ratio="16:9")
        first = await client.poll(accepted.task_id)
        clock.now += 1
        second = await client.poll(accepted.task_id)
        clock.now += 2
        last = await client.poll(accepted.task_id)
        assert first.state == ABOUT[slug].first_state
        assert (second.state, last.state) == ("running", "succeeded")
        assert (first.url, second.url) == (None, None)
        video = await client.download(accepted.task_id, last.url)
    assert video.status_code == 200
    assert video.headers["content-type"] == "video/mp4"
    info = inspect_video(video.content)
    assert (info.width, info.height, info.codec, info.pixel_format) == (864, 496, "h264", "yuv420p")
    assert info.seconds == pytest.approx(5, abs=0.1)
    assert info.starts_fast


@pytest.mark.parametrize("slug", SLUGS)
async def test_a_task_takes_as_long_as_the_pace_says(slug: str) -> None:
    clock = ManualClock()
    async with sandbox_client(slug, Sandbox(pace=10, clock=clock)) as client:
        accepted = await client.create()
        clock.now += 24
        assert (await client.poll(accepted.task_id)).state == "running"
        clock.now += 2
        assert (await client.poll(accepted.task_id)).state == "succeeded"


@pytest.mark.parametrize(("slug", "model"), MODELS)
async def test_every_model_accepts_its_minimal_arguments(slug: str, model: str) -> None:
    async with sandbox_client(slug) as client:
        accepted = await client.create(model)
        task = client.sandbox.tasks[accepted.task_id]
        assert (await client.poll(accepted.task_id)).state == "succeeded"
    assert task.request.model.name == model
    assert task.ignored == ()
    assert [(c.task_id, c.model) for c in client.sandbox.charges] == [(accepted.task_id, model)]


@pytest.mark.parametrize(("slug", "model"), MODELS)
async def test_the_request_read_from_the_body_is_the_request_that_was_sent(slug: str, model: str) -> None:
    found = find_model(slug, model)
    variants: list[dict[str, Any]] = [{}]
    for name, row in found.rows.items():
        values = getattr(row, "values", ()) or getattr(row, "only", ())
        variants += [{name: value} for value in values]
        if name in ("generate_audio", "web_search", "watermark", "safety_filter", "public"):
            variants += [{name: True}, {name: False}]
    variants += [
        {"duration": 6},
        {"seed": 7},
        {"callback_url": "https://example.com/done"},
        {"first_frame": URLS["image"]},
        {"first_frame": URLS["image"], "last_frame": URLS["image"] + "?2"},
        {"reference_images": [URLS["image"], URLS["image"] + "?2"], "prompt": "@image1 meets @image2"},
        {"reference_images": [URLS["image"]] * 4},
        {"reference_videos": [URLS["video"]], "reference_images": [URLS["image"]]},
        {"reference_videos": [URLS["video"]]},
        {"reference_audios": [URLS["audio"]], "reference_videos": [URLS["video"]]},
        {"reference_images": ["asset://a-1", "asset://a-2"]},
        {"duration": -1},
        {"reference_images": [URLS["image"]], "options": {"return_last_frame": True, "priority": 3}},
        {"options": {"service_tier": "flex", "frames": 49, "camera_fixed": True}},
        {"resolution": "480p", "options": {"draft": True}},
    ]
    async with sandbox_client(slug) as client:
        for fields in variants:
            request = check(found, minimal_args(found, **fields)).request
            if request is None:
                continue
            response = await client.send(client.vendor.build_submit(request))
            assert response.status_code == 200, (fields, response.text)
            task = client.sandbox.tasks[client.accepted(response).task_id]
            assert task.ignored == (), fields
            assert _comparable(task.request.fields()) == _comparable(request.fields()), fields


async def test_the_video_of_a_draft_is_ordered_by_the_drafts_task() -> None:
    async with sandbox_client("ark") as client:
        found = find_model("ark", "1.5-pro")
        request = check(found, {"options": {"draft_task": "cgt-1"}, "resolution": "720p"}).request
        assert request
        response = await client.send(client.vendor.build_submit(request))
        task = client.sandbox.tasks[client.accepted(response).task_id]
    assert (task.request.options, task.request.prompt) == ({"draft_task": "cgt-1"}, "")


def _comparable(fields: dict[str, Any]) -> dict[str, Any]:
    """Leave out the prompt and a web search that is off: some vendors have no word for that.

    A single reference image counts as a first frame: some vendors have no roles.
    """
    compared = {k: v for k, v in fields.items() if k not in ("prompt", "assumed") and (k, v) != ("web_search", False)}
    if len(compared.get("reference_images", ())) == 1:
        compared["first_frame"] = compared.pop("reference_images")[0]
    return compared


def _documented_creates() -> list[tuple[str, str, dict[str, Any]]]:
    found: list[tuple[str, str, dict[str, Any]]] = []
    for slug, facts in FACTS.items():
        for name, example in facts["examples"].items():
            if name.startswith("create_") and "http" not in example:
                found.append((slug, name, example.get("body", example)))
    return found


@pytest.mark.parametrize(("slug", "name", "body"), _documented_creates(), ids=lambda v: v if isinstance(v, str) else "")
async def test_an_example_from_the_vendors_page_is_accepted(slug: str, name: str, body: dict[str, Any]) -> None:
    async with sandbox_client(slug) as client:
        response = await client.post(body)
        assert response.status_code == 200, (name, response.text)
        assert client.refusal(response) is None
        task = client.sandbox.tasks[client.accepted(response).task_id]
    assert task.ignored == ()
    assert task.request.prompt == body.get("prompt", body.get("input", {}).get("prompt"))


@pytest.mark.parametrize("slug", SLUGS)
async def test_answers_have_the_documented_fields(slug: str) -> None:
    examples = FACTS[slug]["examples"]
    created = examples.get("create_200_mdx", examples.get("create_200"))["body"]
    done = examples.get("poll_success", examples.get("poll_completed"))["body"]
    async with sandbox_client(slug) as client:
        response = await client.send(client.build_submit())
        shape, documented = _shape(response.json()), _shape(created)
        assert shape == documented | set(ABOUT[slug].undocumented_fields)
        task_id = client.accepted(response).task_id
        status = await client.send(client.vendor.build_status(task_id))
        assert _shape(status.json()) == _shape(done)


def _shape(value: object, path: str = "") -> set[str]:
    """Return the path of every field of a body, nested fields included."""
    if not isinstance(value, dict):
        return {path}
    found: set[str] = set()
    for name, inner in value.items():  # pyright: ignore[reportUnknownVariableType]  (JSON)
        found |= _shape(inner, f"{path}.{name}".lstrip("."))  # pyright: ignore[reportUnknownArgumentType]  (JSON)
    return found


@pytest.mark.parametrize("slug", SLUGS)
async def test_two_vendors_do_not_know_each_others_tasks(slug: str) -> None:
    sandbox = Sandbox(pace=0)
    other = SLUGS[SLUGS.index(slug) - 1]
    async with sandbox_client(other, sandbox) as first, sandbox_client(slug, sandbox) as second:
        accepted = await first.create()
        refusal = second.refusal(await second.send(second.vendor.build_status(accepted.task_id)))
    assert refusal is not None
    assert refusal.code == "not_found"


async def test_ope_delivers_a_video_only_with_the_key_and_only_when_it_is_done() -> None:
    clock = ManualClock()
    async with sandbox_client("ope", Sandbox(clock=clock)) as client:
        task_id = (await client.create(duration=4, resolution="480p")).task_id
        early = await client.download(task_id)
        clock.now += 3
        assert (early.status_code, "not completed" in early.text) == (400, True)
        client.key = ""
        assert (await client.download(task_id)).status_code == 401
        client.key = "other"
        assert (await client.download("cgt-nobody")).status_code == 404
        assert (await client.download(task_id)).status_code == 200


async def test_a_link_to_a_video_needs_no_key_and_is_on_the_sandboxs_origin() -> None:
    async with sandbox_client("12ai") as client:
        task_id = (await client.create(duration=4)).task_id
        url = (await client.poll(task_id)).url
        assert url is not None
        assert httpx2.URL(url).host == "sandbox.test"
        assert (await client.http.get(url)).status_code == 200


async def test_seedanceapi_accepts_mini_in_1080p_but_generates_and_bills_720p() -> None:
    body = {"model": "seedance-2-mini", "prompt": "a fox", "duration": 5, "resolution": "1080p"}
    async with sandbox_client("seedanceapi") as client:
        accepted = client.accepted(await client.post(body))
        task = client.sandbox.tasks[accepted.task_id]
        assert (task.video.width, task.video.height) == (1280, 720)
    assert accepted.charged == 154  # 30.75 × 5, rounded up


async def test_seedanceapi_bills_reference_videos_at_their_own_rate() -> None:
    async with sandbox_client("seedanceapi") as client:
        video = await client.create("seedance-2-mini", reference_videos=[URLS["video"]], duration=5)
        text = await client.create("seedance-2.0", duration=10)
    assert (video.charged, text.charged) == (94, 480)


async def test_jimmyai_reports_its_charge_in_its_own_coin() -> None:
    async with sandbox_client("jimmyai") as client:
        accepted = await client.create("seedance2.0-sp", duration=8)
        snapshot = await client.poll(accepted.task_id)
    assert (accepted.charged, snapshot.charged) == (4, 4)


async def test_both_ways_to_give_ope_a_size_request_the_same_video() -> None:
    common = {"model": "seedance-2-0", "prompt": "a fox", "seconds": "4"}
    async with sandbox_client("ope") as client:
        by_size = client.accepted(await client.post({**common, "size": "1470x630"}))
        by_shape = client.vendor.parse_submit(
            parsed(await client.post({**common, "resolution": "720p", "ratio": "21:9"}))
        )
        videos = {client.sandbox.tasks[a.task_id].video for a in (by_size, by_shape)}
        both = await client.post({**common, "size": "1470x630", "resolution": "720p", "ratio": "21:9"})
        neither = await client.post(common)
    assert len(videos) == 1
    assert (both.status_code, neither.status_code) == (400, 400)
    assert len(client.sandbox.charges) == 2


async def test_documented_aliases_of_fields_are_read() -> None:
    async with sandbox_client("aigptimage") as client:
        input_ = {"prompt": "a fox", "aspect_ratio": "9:16"}
        name = client.build_submit().body or {}
        accepted = client.accepted(await client.post({"model": name["model"], "input": input_}))
        assert client.sandbox.tasks[accepted.task_id].request.aspect_ratio == "9:16"
        input_ |= {"ratio": "1:1"}
        accepted = client.accepted(await client.post({"model": name["model"], "input": input_}))
        assert client.sandbox.tasks[accepted.task_id].request.aspect_ratio == "1:1"
    async with sandbox_client("jimmyai") as client:
        body = {"model": "seedance2.0-sp", "prompt": "a fox", "duration": 5, "orientation": "portrait"}
        accepted = client.accepted(await client.post(body))
        assert client.sandbox.tasks[accepted.task_id].request.aspect_ratio == "9:16"
        accepted = client.accepted(await client.post(body | {"ratio": "21:9"}))
        assert client.sandbox.tasks[accepted.task_id].request.aspect_ratio == "21:9"


@pytest.mark.parametrize(
    ("images", "action", "mode"),
    [
        (0, None, "text"),
        (1, None, "first_frame"),
        (2, None, "first_last_frame"),
        (3, None, "references"),
        (1, "multi_ref", "references"),
        (2, "multi_ref", "references"),
        (2, "image_to_video", None),
        (0, "multi_ref", None),
        (1, "dance", None),
    ],
)
async def test_12ai_chooses_the_mode_by_the_number_of_images(images: int, action: str | None, mode: str | None) -> None:
    urls = [f"{URLS['image']}?{i}" for i in range(images)]
    metadata = {"action": action} if action else {}
    body = {"model": "seedance-2-official", "prompt": "a fox", "images": urls, "metadata": metadata}
    async with sandbox_client("12ai") as client:
        response = await client.post(body)
        if mode is None:
            assert response.status_code == 400
            return
        task = client.sandbox.tasks[client.accepted(response).task_id]
    assert task.request.mode == mode


async def test_an_undocumented_field_is_recorded_as_ignored() -> None:
    async with sandbox_client("12ai") as client:
        body = {"model": "seedance-2-official", "prompt": "a fox", "ratio": "1:1", "metadata": {"tone": "warm"}}
        task = client.sandbox.tasks[client.accepted(await client.post(body)).task_id]
    assert task.ignored == ("ratio", "metadata.tone")


async def test_aigptimage_creates_one_task_for_a_repeated_request_id() -> None:
    async with sandbox_client("aigptimage") as client:
        call = client.build_submit()
        client.headers = {"X-Request-ID": "one"}
        first, again = await client.send(call), await client.send(call)
        client.headers = {"X-Request-ID": "two"}
        other = await client.send(call)
        client.headers = {}
        await client.send(call)
        await client.send(call)
    assert first.json() == again.json() != other.json()
    assert len(client.sandbox.charges) == 4


async def test_aigptimage_returns_the_request_and_the_result_as_strings() -> None:
    async with sandbox_client("aigptimage") as client:
        call = client.build_submit(duration=7)
        task_id = client.accepted(await client.send(call)).task_id
        data = (await client.send(Call("GET", "/api/v1/jobs/recordInfo", query={"taskId": task_id}))).json()["data"]
    assert '"duration":7' in data["param"]
    assert data["resultJson"].startswith('{"resultUrls":["http')
    assert data["completeTime"] >= data["createTime"] > 1_000_000_000_000
