"""Each entry of `contradictions` in facts/*.yaml is handled as its `do` says, and has a test."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from seedance_mcp.catalog.price import price
from seedance_mcp.errors import Code
from seedance_mcp.vendors import Answer, known_vendors
from tests.about import ABOUT, folder
from tests.facts import FACTS
from tests.vendors.vendor_calls import AUDIO, IMAGE, VIDEO, advised, body, checked, model, refused, status

COVERED: set[tuple[str, int]] = set()
Test = Callable[..., None]


def covers(slug: str, number: int) -> Callable[[Test], Test]:
    """Mark the test of the entry `contradictions.<number>` in a vendor's facts."""
    COVERED.add((slug, number))
    return lambda test: test


def test_every_contradiction_of_the_facts_has_a_test() -> None:
    """Newer vendors have theirs in their own folder."""
    elsewhere = {slug for slug in FACTS if (folder(slug) / f"test_{ABOUT[slug].facts}.py").exists()}
    here = {slug: facts["contradictions"] for slug, facts in FACTS.items() if slug not in elsewhere}
    assert {(slug, number) for slug, found in here.items() for number in range(len(found))} == COVERED


# ── ope ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@covers("ope", 0)
@pytest.mark.parametrize("sent", ["queued", "QUEUED"])
def test_ope_states_mean_the_same_in_both_cases(sent: str) -> None:
    assert status("ope", id="x", status=sent).state == "queued"


@covers("ope", 1)
@pytest.mark.parametrize("answer", [{"id": "a", "task_id": "a"}, {"id": "a"}, {"task_id": "a"}])
def test_ope_id_is_used_and_task_id_where_id_is_missing(answer: dict[str, Any]) -> None:
    assert known_vendors()["ope"].parse_submit(Answer(200, answer)).task_id == "a"


@covers("ope", 2)
def test_ope_an_image_is_sent_in_the_role_that_the_caller_gave_it() -> None:
    first = body("ope/seedance-2-0", first_frame=IMAGE)["input_reference"]["content"]
    reference = body("ope/seedance-2-0", reference_images=[IMAGE])["input_reference"]["content"]
    assert [item["role"] for item in first] == ["first_frame"]
    assert [item["role"] for item in reference] == ["reference_image"]


@covers("ope", 3)
def test_ope_seed_is_sent_with_advice() -> None:
    assert body("ope/seedance-2-0", seed=7)["seed"] == 7
    assert "contradictions.3" in advised("ope/seedance-2-0", seed=7)
    assert "seed" not in body("ope/seedance-2-0")


@covers("ope", 4)
def test_ope_prompt_is_a_top_level_field_and_never_an_item_of_the_content() -> None:
    sent = body("ope/seedance-2-0", reference_images=[IMAGE])
    assert sent["prompt"] == "A cat."
    assert [item["type"] for item in sent["input_reference"]["content"]] == ["image_url"]


# ── seedanceapi ─────────────────────────────────────────────────────────────────────────────────────────────────────


@covers("seedanceapi", 0)
def test_seedanceapi_mini_at_1080p_is_refused_with_720p_as_the_nearest() -> None:
    assert refused("seedanceapi/seedance-2-mini", resolution="1080p") == {"resolution": "720p"}


@covers("seedanceapi", 1)
@pytest.mark.parametrize(("seconds", "problem"), [(3, True), (4, False), (7, False), (15, False), (16, True)])
def test_seedanceapi_mini_accepts_every_whole_second_from_4_to_15(seconds: int, problem: bool) -> None:
    assert bool(refused("seedanceapi/seedance-2-mini", duration=seconds)) is problem


@covers("seedanceapi", 2)
@pytest.mark.parametrize("name", ["seedance-2.0", "seedance-2.0-fast"])
def test_seedanceapi_price_follows_the_table_with_a_caution_for_1080p(name: str) -> None:
    plain, high = (checked(f"seedanceapi/{name}", resolution=r).request for r in ("720p", "1080p"))
    assert plain
    assert high
    assert price(plain, {}).amount == price(high, {}).amount
    assert price(plain, {}).caution is None
    assert "1080p" in (price(high, {}).caution or "")


@covers("seedanceapi", 3)
def test_seedanceapi_resolution_and_mini_exist_as_the_newer_page_says() -> None:
    assert body("seedanceapi/seedance-2-mini", resolution="480p")["resolution"] == "480p"
    assert body("seedanceapi/seedance-2.0")["resolution"] == "720p"


@covers("seedanceapi", 4)
def test_seedanceapi_never_uses_the_field_names_of_v1() -> None:
    mini = "seedanceapi/seedance-2-mini"
    sent = body(mini, reference_images=[IMAGE], public=False, callback_url="https://example.com/done")
    sent |= body(mini, reference_videos=[VIDEO], reference_audios=[AUDIO])
    assert sent.keys() <= FACTS["seedanceapi"]["params"].keys()
    assert "generate_audio" not in body("seedanceapi/seedance-2.0", generate_audio=True)
    assert refused("seedanceapi/seedance-2.0", duration=8) == {"duration": 10}
    assert refused("seedanceapi/seedance-2.0", aspect_ratio="9:21").keys() == {"aspect_ratio"}
    assert isinstance(body("seedanceapi/seedance-2.0")["duration"], int)


@covers("seedanceapi", 5)
def test_seedanceapi_mini_with_videos_is_priced_by_the_seconds_of_the_result_with_a_caution() -> None:
    request = checked("seedanceapi/seedance-2-mini", reference_videos=[VIDEO], duration=10).request
    assert request
    quote = price(request, {})
    assert quote.amount == Decimal(188)
    assert "may add" in (quote.caution or "")


@covers("seedanceapi", 6)
@pytest.mark.parametrize("field", ["first_frame", "reference_images", "reference_videos", "reference_audios"])
def test_seedanceapi_data_urls_are_refused(field: str) -> None:
    data = "data:image/png;base64,AAAA"
    value = data if field == "first_frame" else [data]
    assert refused("seedanceapi/seedance-2-mini", **{field: value}) == {field: None}


# ── jimmyai ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@covers("jimmyai", 0)
def test_jimmyai_sp_accepts_480p_with_advice_for_the_economy_models_only() -> None:
    for name in ("seedance2.0-sp", "seedance2.0-fast-sp"):
        assert "contradictions.0" in advised(f"jimmyai/{name}", resolution="480p")
        assert "contradictions.0" not in advised(f"jimmyai/{name}", resolution="720p")
    for name in ("seedance2.0-of-sp", "seedance2.0-of-fast-sp"):
        assert "contradictions.0" not in advised(f"jimmyai/{name}", resolution="480p")


@covers("jimmyai", 1)
@pytest.mark.parametrize("code", FACTS["jimmyai"]["errors"]["accept_as_success"])
def test_jimmyai_every_success_code_is_a_success(code: Any) -> None:
    answer = Answer(200, {"code": code, "msg": "ok", "data": {"task_id": "vid_1", "status": "queued"}})
    assert known_vendors()["jimmyai"].parse_error(answer) is None
    assert known_vendors()["jimmyai"].parse_submit(answer).task_id == "vid_1"


@covers("jimmyai", 1)
@pytest.mark.parametrize("code", [1, -1, "20001", 20002, 201, 400, "00", ""])
def test_jimmyai_every_other_code_is_a_failure(code: Any) -> None:
    assert known_vendors()["jimmyai"].parse_error(Answer(200, {"code": code, "msg": "no", "data": None}))


@covers("jimmyai", 2)
@pytest.mark.parametrize("url", [IMAGE, "asset://asset_abc123"])
def test_jimmyai_sp_accepts_both_https_and_assets(url: str) -> None:
    assert body("jimmyai/seedance2.0-sp", reference_images=[url])["images"] == [url]
    assert body("jimmyai/seedance2.0-sp", first_frame=url)["first_image"] == url


@covers("jimmyai", 3)
@pytest.mark.parametrize(
    ("name", "seconds", "verdict"),
    [
        ("sd2_mx_720p", 3, "refused"),
        ("sd2_mx_720p", 12, "accepted"),
        ("sd2_mx_720p", 13, "refused"),
        ("seedance2.0-md", 0, "refused"),
        ("seedance2.0-md", 1, "advised"),
        ("seedance2.0-md", 3, "advised"),
        ("seedance2.0-md", 4, "accepted"),
        ("seedance2.0-md", 16, "refused"),
        ("seedance2.0-fast-md", 9, "advised"),
        ("seedance2.0-fast-md", 10, "accepted"),
        ("seedance2.0-fast-md", 12, "advised"),
        ("seedance2.0-fast-md", 15, "accepted"),
    ],
)
def test_jimmyai_durations_follow_the_seed_page_with_advice_outside_the_other_ranges(
    name: str, seconds: int, verdict: str
) -> None:
    checked_ = checked(f"jimmyai/{name}", duration=seconds)
    warned = "contradictions.3" in {a.source.fact for a in checked_.advice}
    assert ("refused" if checked_.problems else "advised" if warned else "accepted") == verdict


@covers("jimmyai", 4)
@pytest.mark.parametrize("name", ["seedance2.0-md", "seedance2.0-fast-md"])
def test_jimmyai_md_does_not_support_audio(name: str) -> None:
    assert "reference_audios" in refused(f"jimmyai/{name}", reference_images=[IMAGE], reference_audios=[AUDIO])


@covers("jimmyai", 5)
def test_jimmyai_host_is_the_first_documented_one_and_is_not_part_of_the_paths() -> None:
    vendor = known_vendors()["jimmyai"]
    assert vendor.base_url == FACTS["jimmyai"]["base_url"]["value"]
    assert vendor.build_status("vid_1").path.startswith("/api/open-api/")
    assert vendor.env_name == "JIMMYAI"


@covers("jimmyai", 6)
def test_jimmyai_video_is_found_with_and_without_the_data_around_it() -> None:
    inner = {"task_id": "vid_1", "status": "completed", "result": {"video_url": VIDEO}}
    assert status("jimmyai", code="20000", data=inner).url == VIDEO
    assert status("jimmyai", **inner).url == VIDEO


@covers("jimmyai", 7)
@pytest.mark.parametrize("frame", ["first_frame", "last_frame"])
def test_jimmyai_sp_accepts_audio_with_frames_with_advice(frame: str) -> None:
    frames = {"first_frame": IMAGE, frame: IMAGE}
    assert "contradictions.7" in advised("jimmyai/seedance2.0-sp", reference_audios=[AUDIO], **frames)


# ── 12ai ────────────────────────────────────────────────────────────────────────────────────────────────────────────

STANDARD = "12ai/seedance-2-official"


@covers("12ai", 0)
@pytest.mark.parametrize("references", [{"reference_videos": [VIDEO]}, {"reference_audios": [AUDIO]}])
def test_12ai_references_without_images_name_their_mode(references: dict[str, Any]) -> None:
    sent = body(STANDARD, **references)
    assert sent["metadata"]["action"] == "multi_ref"
    assert "images" not in sent


@covers("12ai", 1)
@pytest.mark.parametrize(("count", "named"), [(1, True), (2, True), (3, False), (9, False)])
def test_12ai_reference_images_name_their_mode_where_their_number_would_choose_another(count: int, named: bool) -> None:
    fields = {"reference_images": [f"https://example.com/{n}.png" for n in range(count)]}
    assert ("action" in body(STANDARD, **fields)["metadata"]) is named
    assert ("contradictions.1" in advised(STANDARD, **fields)) is named


@covers("12ai", 1)
@pytest.mark.parametrize("fields", [{}, {"first_frame": IMAGE}, {"first_frame": IMAGE, "last_frame": IMAGE}])
def test_12ai_text_and_frames_never_name_their_mode(fields: dict[str, Any]) -> None:
    assert "action" not in body(STANDARD, **fields)["metadata"]


@covers("12ai", 2)
def test_12ai_mode_is_named_in_the_metadata_and_not_at_the_top_level() -> None:
    sent = body(STANDARD, reference_images=[IMAGE])
    assert sent["metadata"]["action"] == "multi_ref"
    assert "mode" not in sent


@covers("12ai", 3)
def test_12ai_size_is_the_resolution() -> None:
    sent = body(STANDARD, resolution="720p", aspect_ratio="9:16")
    assert sent["size"] == "720p"
    assert sent["metadata"]["ratio"] == "9:16"
    assert "resolution" not in sent["metadata"]


@covers("12ai", 4)
def test_12ai_requests_have_the_shape_of_the_seed_page() -> None:
    media = {"reference_images": [IMAGE] * 3, "reference_videos": [VIDEO], "reference_audios": [AUDIO]}
    sent = body(STANDARD, **media, aspect_ratio="16:9")
    assert sent.keys() == {"model", "prompt", "duration", "size", "images", "metadata"}
    assert sent["metadata"].keys() == {"ratio", "generate_audio", "video_urls", "audio_urls"}
    assert refused(STANDARD, resolution="1080p") == {"resolution": "720p"}


@covers("12ai", 5)
@pytest.mark.parametrize("percent", [0, 30, 100])
def test_12ai_running_is_running_at_any_progress(percent: int) -> None:
    assert status("12ai", id="t", progress=percent, status="in_progress").state == "running"


@covers("12ai", 6)
@pytest.mark.parametrize(
    ("given", "sent"), [({}, True), ({"generate_audio": False}, False), ({"generate_audio": True}, True)]
)
def test_12ai_audio_is_always_sent_explicitly(given: dict[str, Any], sent: bool) -> None:
    assert body(STANDARD, **given)["metadata"]["generate_audio"] is sent


@covers("12ai", 7)
def test_12ai_failed_at_100_percent_is_failed() -> None:
    assert status("12ai", id="t", progress=100, status="failed").state == "failed"


# ── aigptimage ──────────────────────────────────────────────────────────────────────────────────────────────────────

REFERENCE = "aigptimage/seedance-2.0-reference-to-video"


@covers("aigptimage", 0)
def test_aigptimage_409_means_that_running_tasks_must_end_first() -> None:
    answer = Answer(409, {"code": 409, "msg": "", "data": None})
    refusal = known_vendors()["aigptimage"].parse_error(answer)
    assert refusal
    assert refusal.code == Code.BUSY


@covers("aigptimage", 1)
@pytest.mark.parametrize("model_", known_vendors()["aigptimage"].models, ids=lambda m: m.name)
def test_aigptimage_audio_is_sent_explicitly_with_the_default_of_the_page(model_: Any) -> None:
    first = {"first_frame": IMAGE} if "first_frame" in model(model_.id).rows else {}
    assert body(model_.id, **first)["input"]["generate_audio"] is False
    assert body(model_.id, **first, generate_audio=True)["input"]["generate_audio"] is True


@covers("aigptimage", 2)
@pytest.mark.parametrize("result", [f'{{"resultUrls":["{VIDEO}"]}}', {"resultUrls": [VIDEO]}], ids=["text", "object"])
def test_aigptimage_result_is_parsed_as_text_and_as_object(result: Any) -> None:
    assert status("aigptimage", code=200, data={"taskId": "t", "state": "success", "resultJson": result}).url == VIDEO


@covers("aigptimage", 3)
def test_aigptimage_content_filter_is_on_unless_the_caller_opts_out() -> None:
    assert body(REFERENCE)["input"]["nsfw_checker"] is True
    assert body(REFERENCE, safety_filter=False)["input"]["nsfw_checker"] is False


@covers("aigptimage", 4)
@pytest.mark.parametrize("param", [None, "", "{", 7, {"input": {}}])
def test_aigptimage_status_does_not_depend_on_the_echo_of_the_request(param: Any) -> None:
    data = {"taskId": "t", "state": "waiting", "param": param}
    assert status("aigptimage", code=200, data=data).state == "queued"


@covers("aigptimage", 5)
def test_aigptimage_accepts_1080p() -> None:
    assert body(REFERENCE, resolution="1080p")["input"]["resolution"] == "1080p"
