"""From a request to its film, at every vendor, through the vendor's own module."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from seedance_mcp.catalog.check import check
from seedance_mcp.sandbox import Sandbox
from seedance_mcp.vendors import known_vendors
from seedance_mcp.vendors.vendor import Call
from tests.facts import FACTS
from tests.sandbox.sandbox_client import SLUGS, URLS, Clock, answer, arguments, calling, model_of, watch

pytestmark = pytest.mark.anyio

MODELS = [(v.slug, m.name) for v in known_vendors().values() for m in v.models]


@pytest.mark.parametrize("slug", SLUGS)
async def test_a_task_waits_then_runs_then_is_done_and_has_a_film(slug: str) -> None:
    clock = Clock()
    async with calling(slug, Sandbox(clock=clock)) as caller:
        accepted = await caller.create(duration=5, resolution="480p", aspect_ratio="16:9")
        first = await caller.look(accepted.task_id)
        clock.now += 1
        second = await caller.look(accepted.task_id)
        clock.now += 2
        last = await caller.look(accepted.task_id)
        # seedanceapi has no word for waiting.
        assert first.state == ("running" if slug == "seedanceapi" else "queued")
        assert (second.state, last.state) == ("running", "succeeded")
        assert (first.url, second.url) == (None, None)
        video = await caller.video(accepted.task_id, last.url)
    assert video.status_code == 200
    assert video.headers["content-type"] == "video/mp4"
    seen = watch(video.content)
    assert (seen.width, seen.height, seen.codec, seen.pixels) == (864, 496, "h264", "yuv420p")
    assert seen.seconds == pytest.approx(5, abs=0.1)
    assert seen.starts_fast


@pytest.mark.parametrize("slug", SLUGS)
async def test_a_task_takes_as_long_as_the_pace_says(slug: str) -> None:
    clock = Clock()
    async with calling(slug, Sandbox(pace=10, clock=clock)) as caller:
        accepted = await caller.create()
        clock.now += 24
        assert (await caller.look(accepted.task_id)).state == "running"
        clock.now += 2
        assert (await caller.look(accepted.task_id)).state == "succeeded"


@pytest.mark.parametrize(("slug", "model"), MODELS)
async def test_every_model_takes_the_least_that_it_needs(slug: str, model: str) -> None:
    async with calling(slug) as caller:
        accepted = await caller.create(model)
        task = caller.sandbox.tasks[accepted.task_id]
        assert (await caller.look(accepted.task_id)).state == "succeeded"
    assert task.request.model.name == model
    assert task.ignored == ()
    assert [(c.task_id, c.model) for c in caller.sandbox.charges] == [(accepted.task_id, model)]


@pytest.mark.parametrize(("slug", "model"), MODELS)
async def test_what_is_read_from_the_wire_is_what_was_asked(slug: str, model: str) -> None:
    found = model_of(slug, model)
    directives: list[dict[str, Any]] = [{}]
    for name, row in found.rows.items():
        values = getattr(row, "values", ()) or getattr(row, "only", ())
        directives += [{name: value} for value in values]
        if name in ("generate_audio", "web_search", "watermark", "safety_filter", "public"):
            directives += [{name: True}, {name: False}]
    directives += [
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
    ]
    async with calling(slug) as caller:
        for wish in directives:
            request = check(found, arguments(found, **wish)).request
            if request is None:
                continue
            response = await caller.send(caller.vendor.build_submit(request))
            assert response.status_code == 200, (wish, response.text)
            task = caller.sandbox.tasks[caller.vendor.parse_submit(answer(response)).task_id]
            assert task.ignored == (), wish
            assert _essence(task.request.fields()) == _essence(request.fields()), wish


def _essence(fields: dict[str, Any]) -> dict[str, Any]:
    """Leave out the prompt's names for references, and whether one picture of a list without roles opens the film."""
    kept = {name: value for name, value in fields.items() if name not in ("prompt", "assumed")}
    if len(kept.get("reference_images", ())) == 1:
        kept["first_frame"] = kept.pop("reference_images")[0]
    return kept


def _documented_creates() -> list[tuple[str, str, dict[str, Any]]]:
    found: list[tuple[str, str, dict[str, Any]]] = []
    for slug, facts in FACTS.items():
        for name, example in facts["examples"].items():
            if name.startswith("create_") and "http" not in example:
                found.append((slug, name, example.get("body", example)))
    return found


@pytest.mark.parametrize(("slug", "name", "body"), _documented_creates(), ids=lambda v: v if isinstance(v, str) else "")
async def test_a_body_from_the_vendors_page_is_taken(slug: str, name: str, body: dict[str, Any]) -> None:
    async with calling(slug) as caller:
        response = await caller.post(body)
        assert response.status_code == 200, (name, response.text)
        assert caller.refused(response) is None
        task = caller.sandbox.tasks[caller.vendor.parse_submit(answer(response)).task_id]
    assert task.ignored == ()
    assert task.request.prompt == body.get("prompt", body.get("input", {}).get("prompt"))


@pytest.mark.parametrize("slug", SLUGS)
async def test_answers_have_the_documented_fields(slug: str) -> None:
    examples = FACTS[slug]["examples"]
    created = examples.get("create_200_mdx", examples.get("create_200"))["body"]
    done = examples.get("poll_success", examples.get("poll_completed"))["body"]
    async with calling(slug) as caller:
        response = await caller.send(caller.call_for())
        shape, documented = _shape(response.json()), _shape(created)
        if slug == "jimmyai":
            documented |= {"data.cost"}
        assert shape == documented
        task_id = caller.vendor.parse_submit(answer(response)).task_id
        look = await caller.send(caller.vendor.build_status(task_id))
        assert _shape(look.json()) == _shape(done)


def _shape(value: object, path: str = "") -> set[str]:
    """Name every field of a body, the fields within included."""
    if not isinstance(value, dict):
        return {path}
    found: set[str] = set()
    for name, inner in value.items():  # pyright: ignore[reportUnknownVariableType]
        found |= _shape(inner, f"{path}.{name}".lstrip("."))  # pyright: ignore[reportUnknownArgumentType]
    return found


@pytest.mark.parametrize("slug", SLUGS)
async def test_two_vendors_do_not_know_each_others_tasks(slug: str) -> None:
    sandbox = Sandbox(pace=0)
    other = SLUGS[SLUGS.index(slug) - 1]
    async with calling(other, sandbox) as first, calling(slug, sandbox) as second:
        accepted = await first.create()
        refusal = second.refused(await second.send(second.vendor.build_status(accepted.task_id)))
    assert refusal is not None
    assert refusal.code == "not_found"


async def test_ope_gives_the_film_only_with_the_key_and_only_when_it_is_done() -> None:
    clock = Clock()
    async with calling("ope", Sandbox(clock=clock)) as caller:
        task_id = (await caller.create(duration=4, resolution="480p")).task_id
        early = await caller.video(task_id)
        clock.now += 3
        assert (early.status_code, "not completed" in early.text) == (400, True)
        caller.key = ""
        assert (await caller.video(task_id)).status_code == 401
        caller.key = "other"
        assert (await caller.video("cgt-nobody")).status_code == 404
        assert (await caller.video(task_id)).status_code == 200


async def test_a_link_to_a_film_needs_no_key_and_lies_on_the_sandboxs_origin() -> None:
    async with calling("12ai") as caller:
        task_id = (await caller.create(duration=4)).task_id
        url = (await caller.look(task_id)).url
        assert url is not None
        assert httpx2.URL(url).host == "sandbox.test"
        assert (await caller.client.get(url)).status_code == 200


async def test_seedanceapi_takes_mini_in_1080p_and_makes_and_bills_720p() -> None:
    body = {"model": "seedance-2-mini", "prompt": "a fox", "duration": 5, "resolution": "1080p"}
    async with calling("seedanceapi") as caller:
        accepted = caller.vendor.parse_submit(answer(await caller.post(body)))
        task = caller.sandbox.tasks[accepted.task_id]
        assert (task.video.width, task.video.height) == (1280, 720)
    assert accepted.charged == 154  # 30.75 × 5, rounded up


async def test_seedanceapi_bills_reference_clips_at_their_own_rate() -> None:
    async with calling("seedanceapi") as caller:
        video = await caller.create("seedance-2-mini", reference_videos=[URLS["video"]], duration=5)
        text = await caller.create("seedance-2.0", duration=10)
    assert (video.charged, text.charged) == (94, 480)


async def test_jimmyai_says_what_it_charged_in_its_own_coin() -> None:
    async with calling("jimmyai") as caller:
        accepted = await caller.create("seedance2.0-sp", duration=8)
        snapshot = await caller.look(accepted.task_id)
    assert (accepted.charged, snapshot.charged) == (4, 4)


async def test_both_dialects_of_ope_ask_for_the_same_film() -> None:
    common = {"model": "seedance-2-0", "prompt": "a fox", "seconds": "4"}
    async with calling("ope") as caller:
        by_size = caller.vendor.parse_submit(answer(await caller.post({**common, "size": "1470x630"})))
        by_shape = caller.vendor.parse_submit(
            answer(await caller.post({**common, "resolution": "720p", "ratio": "21:9"}))
        )
        videos = {caller.sandbox.tasks[a.task_id].video for a in (by_size, by_shape)}
        both = await caller.post({**common, "size": "1470x630", "resolution": "720p", "ratio": "21:9"})
        neither = await caller.post(common)
    assert len(videos) == 1
    assert (both.status_code, neither.status_code) == (400, 400)
    assert len(caller.sandbox.charges) == 2


async def test_the_other_names_that_pages_know_are_read() -> None:
    async with calling("aigptimage") as caller:
        input_ = {"prompt": "a fox", "aspect_ratio": "9:16"}
        name = caller.call_for().body or {}
        accepted = caller.vendor.parse_submit(answer(await caller.post({"model": name["model"], "input": input_})))
        assert caller.sandbox.tasks[accepted.task_id].request.aspect_ratio == "9:16"
        input_ |= {"ratio": "1:1"}
        accepted = caller.vendor.parse_submit(answer(await caller.post({"model": name["model"], "input": input_})))
        assert caller.sandbox.tasks[accepted.task_id].request.aspect_ratio == "1:1"
    async with calling("jimmyai") as caller:
        body = {"model": "seedance2.0-sp", "prompt": "a fox", "duration": 5, "orientation": "portrait"}
        accepted = caller.vendor.parse_submit(answer(await caller.post(body)))
        assert caller.sandbox.tasks[accepted.task_id].request.aspect_ratio == "9:16"
        accepted = caller.vendor.parse_submit(answer(await caller.post(body | {"ratio": "21:9"})))
        assert caller.sandbox.tasks[accepted.task_id].request.aspect_ratio == "21:9"


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
    async with calling("12ai") as caller:
        response = await caller.post(body)
        if mode is None:
            assert response.status_code == 400
            return
        task = caller.sandbox.tasks[caller.vendor.parse_submit(answer(response)).task_id]
    assert task.request.mode == mode


async def test_what_a_page_does_not_know_is_noted_as_ignored() -> None:
    async with calling("12ai") as caller:
        body = {"model": "seedance-2-official", "prompt": "a fox", "ratio": "1:1", "metadata": {"tone": "warm"}}
        task = caller.sandbox.tasks[caller.vendor.parse_submit(answer(await caller.post(body))).task_id]
    assert task.ignored == ("ratio", "metadata.tone")


async def test_aigptimage_makes_one_task_of_a_repeated_request_id() -> None:
    async with calling("aigptimage") as caller:
        call = caller.call_for()
        caller.headers = {"X-Request-ID": "one"}
        first, again = await caller.send(call), await caller.send(call)
        caller.headers = {"X-Request-ID": "two"}
        other = await caller.send(call)
        caller.headers = {}
        await caller.send(call)
        await caller.send(call)
    assert first.json() == again.json() != other.json()
    assert len(caller.sandbox.charges) == 4


async def test_aigptimage_repeats_the_request_and_gives_the_result_as_texts() -> None:
    async with calling("aigptimage") as caller:
        call = caller.call_for(duration=7)
        task_id = caller.vendor.parse_submit(answer(await caller.send(call))).task_id
        data = (await caller.send(Call("GET", "/api/v1/jobs/recordInfo", query={"taskId": task_id}))).json()["data"]
    assert '"duration":7' in data["param"]
    assert data["resultJson"].startswith('{"resultUrls":["http')
    assert data["completeTime"] >= data["createTime"] > 1_000_000_000_000
