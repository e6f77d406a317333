"""A refusal lists every problem at once, each with the nearest legal value."""

from __future__ import annotations

import json
from typing import Any

import pytest

from seedance_mcp.catalog.check import Problem, check
from seedance_mcp.vendors import known_vendors
from tests.vendors.vendor_calls import AUDIO, IMAGE, VIDEO, advised, body, checked, model, refused

MINI, STANDARD, OPE = "seedanceapi/seedance-2-mini", "seedanceapi/seedance-2.0", "ope/seedance-2-0"


@pytest.mark.parametrize(
    ("who", "field", "value", "nearest"),
    [
        (MINI, "resolution", "1080p", "720p"),
        (MINI, "resolution", "720P", "720p"),
        (MINI, "resolution", "4k", "720p"),
        (MINI, "resolution", "240p", "480p"),
        (MINI, "resolution", "best", None),
        (MINI, "resolution", 720, None),
        (STANDARD, "duration", 7, 5),
        (STANDARD, "duration", 8, 10),
        (STANDARD, "duration", 60, 15),
        (STANDARD, "duration", -3, 5),
        (STANDARD, "duration", "10", 10),
        (STANDARD, "duration", "long", 5),
        (STANDARD, "duration", True, 5),
        (OPE, "duration", 3, 4),
        (OPE, "duration", 16, 15),
        (OPE, "duration", 4.4, 4),
        (OPE, "duration", 14.6, 15),
        (OPE, "duration", float("inf"), 5),
        (OPE, "duration", float("-inf"), 5),
        (OPE, "duration", 10**400, 5),
        ("aigptimage/seedance-2.0-reference-to-video", "duration", float("inf"), 5),
        (OPE, "duration", float("nan"), 5),
        (OPE, "duration", None, 5),
        (OPE, "duration", [5], 5),
        (OPE, "seed", 7.2, 7),
        (OPE, "seed", "7", 7),
        (OPE, "aspect_ratio", "16:10", "16:9"),
        (OPE, "aspect_ratio", "16x9", "16:9"),
        (OPE, "aspect_ratio", "2:1", "16:9"),
        (OPE, "aspect_ratio", "9:21", "9:16"),
        (OPE, "aspect_ratio", "adaptive", None),
        (STANDARD, "aspect_ratio", "1:1", "3:4"),
        (STANDARD, "aspect_ratio", "21:9", "16:9"),
        ("jimmyai/sd2_mx_2k", "resolution", "720p", "2k"),
        ("jimmyai/seedance2.0-sp", "first_frame", "http://example.com/a.png", "https://example.com/a.png"),
        ("jimmyai/seedance2.0-sp", "first_frame", "http://a b", None),
        ("aigptimage/seedance-2.0-reference-to-video", "duration", 0, 4),
        (OPE, "generate_audio", "yes", True),
        (OPE, "generate_audio", "off", False),
        (OPE, "generate_audio", 0, False),
        (OPE, "generate_audio", "loud", None),
        (OPE, "generate_audio", [], None),
        (OPE, "max_cost", -1, 0),
        (OPE, "dry_run", "true", True),
    ],
)
def test_an_illegal_value_has_a_nearest_legal_value_or_none(who: str, field: str, value: Any, nearest: Any) -> None:
    found = refused(who, **{field: value})
    assert found == {field: nearest}
    assert type(found[field]) is type(nearest)


def test_every_problem_is_listed_at_once() -> None:
    fields: dict[str, Any] = {"duration": 16, "resolution": "1080p", "aspect_ratio": "1:2", "seed": 1, "max_cost": -1}
    fields |= {"reference_images": [IMAGE] * 5, "first_frame": IMAGE, "drations": 5}
    found = check(model(STANDARD), fields).problems
    assert {p.field for p in found} == {
        "prompt", "duration", "aspect_ratio", "seed", "max_cost", "reference_images", "first_frame", "drations"
    }  # fmt: skip


def test_a_problem_names_the_value_the_legal_values_and_the_nearest() -> None:
    (problem,) = checked(MINI, resolution="1080p").problems
    assert problem.sentence() == "resolution '1080p' must be one of 480p, 720p; nearest: '720p'"
    assert problem.source
    assert problem.source.documented


def test_a_long_value_is_not_repeated() -> None:
    assert Problem("prompt", "x" * 5000, "is too long").sentence() == "prompt is too long"


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ("watermark", "watermark is not supported by ope/seedance-2-0; leave it out"),
        ("drations", "drations is not a parameter; did you mean duration?"),
        ("dryrun", "dryrun is not a parameter; did you mean dry_run?"),
        ("zzzz", "zzzz is not a parameter"),
    ],
)
def test_an_unknown_field_is_refused_with_the_closest_known_one(field: str, sentence: str) -> None:
    assert [p.sentence() for p in checked(OPE, **{field: 5}).problems] == [sentence]


def test_a_missing_field_is_refused_with_its_legal_values() -> None:
    (problem,) = check(model(MINI), {}).problems
    assert problem.sentence() == "prompt is required: text of 1–2000 characters"


@pytest.mark.parametrize(
    ("who", "length", "fits"),
    [
        (MINI, 2000, True),
        (MINI, 2001, False),
        ("12ai/seedance-2-official", 2500, True),
        ("12ai/seedance-2-official", 2501, False),
        ("jimmyai/seedance2.0-md", 5000, True),
        ("jimmyai/seedance2.0-md", 5001, False),
        ("aigptimage/seedance-2.0-reference-to-video", 20000, True),
        ("aigptimage/seedance-2.0-reference-to-video", 20001, False),
        (OPE, 100_000, True),
        (OPE, 0, False),
    ],
)
def test_prompt_length_is_counted_in_characters(who: str, length: int, fits: bool) -> None:
    assert (not checked(who, prompt="猫" * length).problems) is fits


@pytest.mark.parametrize(
    ("prompt", "is_advised"),
    [
        ("猫" * 500, False),
        ("猫" * 501, True),
        ("cat " * 1000, False),
        ("cat " * 1001, True),
    ],
)
def test_the_prompt_length_that_ope_recommends_is_advice_and_never_a_refusal(prompt: str, is_advised: bool) -> None:
    assert ("prompt_limits" in advised(OPE, prompt=prompt)) is is_advised


@pytest.mark.parametrize(
    ("who", "fields", "field"),
    [
        (OPE, {"reference_audios": [AUDIO]}, "reference_audios"),
        ("jimmyai/seedance2.0-md", {"first_frame": IMAGE}, "first_frame"),
        ("jimmyai/seedance2.0-md", {"last_frame": IMAGE}, "last_frame"),
        ("jimmyai/seedance2.0-sp", {"reference_images": [IMAGE], "first_frame": IMAGE}, "reference_images"),
        ("jimmyai/seedance2.0-sp", {"reference_audios": [AUDIO]}, "reference_audios"),
        ("jimmyai/seedance2.0-std", {"first_frame": IMAGE, "reference_audios": [AUDIO]}, "first_frame"),
        ("12ai/seedance-2-official", {"web_search": True, "first_frame": IMAGE}, "web_search"),
        ("12ai/seedance-2-official", {"web_search": True, "reference_videos": [VIDEO]}, "web_search"),
        (MINI, {"first_frame": IMAGE, "reference_images": [IMAGE]}, "first_frame"),
    ],
)
def test_a_combination_that_a_vendor_excludes_is_refused(who: str, fields: dict[str, Any], field: str) -> None:
    (problem,) = checked(who, **fields).problems
    assert problem.field == field
    assert problem.source


@pytest.mark.parametrize(
    ("who", "fields"),
    [
        (OPE, {"reference_audios": [AUDIO], "reference_videos": [VIDEO]}),
        ("jimmyai/seedance2.0-sp", {"reference_audios": [AUDIO], "first_frame": IMAGE}),
        ("jimmyai/seedance2.0-std", {"last_frame": IMAGE}),
        ("jimmyai/seedance2.0-md", {"first_frame": IMAGE, "last_frame": IMAGE}),
        ("12ai/seedance-2-official", {"web_search": False, "first_frame": IMAGE}),
        ("12ai/seedance-2-official", {"reference_audios": [AUDIO]}),
        ("aigptimage/seedance-2.0-reference-to-video", {"reference_audios": [AUDIO]}),
        (MINI, {"reference_videos": [VIDEO], "reference_audios": [AUDIO]}),
    ],
)
def test_a_combination_that_a_vendor_allows_is_accepted(who: str, fields: dict[str, Any]) -> None:
    assert not checked(who, **fields).problems


SOFT: list[tuple[str, dict[str, Any], str]] = [
    (OPE, {"first_frame": IMAGE, "reference_images": [IMAGE]}, "first_frame"),
    (OPE, {"last_frame": IMAGE}, "last_frame"),
    (MINI, {"first_frame": IMAGE, "reference_videos": [VIDEO]}, "first_frame"),
    (MINI, {"reference_images": [IMAGE], "reference_audios": [AUDIO]}, "reference_images"),
    (MINI, {"reference_videos": [VIDEO] * 4}, "reference_videos"),
    ("jimmyai/seedance2.0-sp", {"last_frame": IMAGE}, "last_frame"),
    ("jimmyai/seedance2.0-sp", {"reference_images": [IMAGE] * 10}, "reference_images"),
    ("jimmyai/seedance2.0-std", {"reference_audios": [AUDIO]}, "reference_audios"),
    ("12ai/seedance-2-official", {"reference_audios": [AUDIO]}, "reference_audios"),
    ("aigptimage/seedance-2.0-reference-to-video", {"reference_audios": [AUDIO]}, "reference_audios"),
    ("aigptimage/seedance-2.0-text-to-video", {"duration": 20}, "duration"),
    ("aigptimage/seedance-2.0-text-to-video", {"duration": 3600}, "duration"),
]


@pytest.mark.parametrize(("who", "fields", "field"), SOFT)
def test_a_limit_that_only_the_upstream_states_is_advice_where_the_model_is_named_and_a_refusal_elsewhere(
    who: str, fields: dict[str, Any], field: str
) -> None:
    args = {"prompt": "A cat.", **fields}
    named = check(model(who), args)
    assert named.request
    (advice,) = [a for a in named.advice if "upstream would refuse" in a.text]
    assert (advice.when, advice.source.soft) == ((field,), True)
    (problem,) = check(model(who), args, strict=True).problems
    assert (problem.field, problem.source) == (field, advice.source)


@pytest.mark.parametrize(
    ("who", "off"),
    [
        (OPE, {"web_search": False}),
        (MINI, {"web_search": False}),
        ("12ai/seedance-2-official", {"public": False}),
        ("ope/seedance-2-0-nsfw", {"safety_filter": False}),
    ],
)
def test_off_is_fulfilled_by_a_model_without_the_switch_and_is_not_sent(who: str, off: dict[str, Any]) -> None:
    found = checked(who, **off)
    assert found.request
    assert found.advice == checked(who).advice
    assert body(who, **off) == body(who)


@pytest.mark.parametrize(
    ("who", "wish", "words"),
    [
        (OPE, {"watermark": False}, "no switch for a watermark"),
        (MINI, {"generate_audio": True}, "Its videos have audio (assumed"),
        (MINI, {"generate_audio": False}, "Its videos have audio (assumed"),
        ("jimmyai/seedance2.0-md", {"generate_audio": True}, "Whether its videos have audio is unknown"),
        ("12ai/seedance-2-official", {"safety_filter": True}, "no switch for its content filter"),
    ],
)
def test_a_wish_that_nobody_can_be_sure_of_is_accepted_with_a_caution(
    who: str, wish: dict[str, Any], words: str
) -> None:
    found = checked(who, **wish)
    assert found.request
    (advice,) = [a for a in found.advice if a.when == tuple(wish)]
    assert words in advice.text
    assert advice.caution
    assert body(who, **wish) == body(who)


@pytest.mark.parametrize(
    ("who", "wish"),
    [
        (OPE, {"watermark": True}),
        (OPE, {"web_search": True}),
        (OPE, {"public": True}),
        (OPE, {"safety_filter": False}),
        ("ope/seedance-2-0-nsfw", {"safety_filter": True}),
        (MINI, {"generate_audio": "yes"}),
        (MINI, {"seed": 1}),
    ],
)
def test_a_wish_that_a_model_without_the_switch_cannot_fulfil_is_refused(who: str, wish: dict[str, Any]) -> None:
    assert refused(who, **wish) == dict.fromkeys(wish)


def test_safety_filter_false_says_what_it_means() -> None:
    found = checked("aigptimage/seedance-2.0-text-to-video", safety_filter=False)
    (advice,) = found.advice
    assert "raw output" in advice.text
    assert not checked("aigptimage/seedance-2.0-text-to-video", safety_filter=True).advice


def test_advice_is_judged_on_the_request_as_it_will_be_sent() -> None:
    doubtful = "jimmyai/seedance2.0-fast-md"
    assert "contradictions.3" in advised(doubtful)  # an assumed 5 s
    assert "contradictions.3" in advised(doubtful, duration=5)
    assert "contradictions.3" not in advised(doubtful, duration=10)


@pytest.mark.parametrize(("length", "fits"), [(2494, True), (2495, False), (2500, False)])
def test_12ais_characters_are_counted_as_they_are_sent(length: int, fits: bool) -> None:
    prompt = "@image1" + "猫" * (length - len("@image1"))  # sent as @image_file_1, six characters more
    images = [IMAGE] * 3
    problems = checked("12ai/seedance-2-official", prompt=prompt, reference_images=images).problems
    assert (not problems) is fits
    if not fits:
        assert problems[0].sentence().startswith(f"prompt has {length + 6} characters as it is sent")


@pytest.mark.parametrize("who", ["12ai/seedance-2-official", "aigptimage/seedance-2.0-text-to-video"])
def test_decimals_of_seconds_are_taken_where_the_page_says_number(who: str) -> None:
    assert body(who, duration=4.5).get("duration", 4.5) == 4.5
    assert refused(OPE, duration=4.5) == {"duration": 4}
    assert refused(MINI, duration=4.5) == {"duration": 4}


def test_an_empty_request_is_refused_where_no_single_field_is_required() -> None:
    reference = model("aigptimage/seedance-2.0-reference-to-video")
    (problem,) = check(reference, {}).problems
    assert problem.field == "prompt"
    assert check(reference, {"reference_images": [IMAGE]}).request


NOT_PUBLIC = (
    "localhost", "LocalHost.", "a.localhost", "nas", "nas:8080", "intranet", "printer.local", "db.internal", "nas.LAN",
    "router.home.arpa", "127.1", "127.0.1", "2130706433", "017700000001", "0x7f000001", "0x7f.1", "0177.0.0.1",
    "127.0.0.1.", "010.0.0.1", "256.1.1.1", "1.2.3", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::]",
    "[0:0:0:0:0:0:0:1]", "[fe80::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[2001:db8::1]", "100.64.0.1",
    "198.18.0.1", "224.0.0.1", "255.255.255.255", "169.254.169.254", "user@10.0.0.1", "a.example@127.0.0.1",
    "a.example:80@127.0.0.1:9",
    "127.0.0.1\\@a.example", "１２７．０．０．１", "127。0。0。1", "127%2e0.0.1", "a.example:b",
)  # fmt: skip
PUBLIC = (
    "example.com", "EXAMPLE.com.", "a-b_c.example.co:8443", "me@example.com", "8.8.8.8", "172.32.0.1", "100.128.0.1",
    "[2606:4700::1111]", "[2001:4860:4860::8888]", "猫.example", "猫.みんな", "xn--zckzah.xn--zckzah",
    "127.0.0.1.nip.io",
    "localhost.example.com", "local.example", "home.example.org",
)  # fmt: skip


@pytest.mark.parametrize(
    ("who", "field", "url", "fits"),
    [
        (OPE, "first_frame", "https://example.com/a.png", True),
        (OPE, "first_frame", "http://example.com/a.png", True),
        (OPE, "first_frame", "HTTPS://example.com/a.png", False),
        (OPE, "first_frame", "ftp://example.com/a.png", False),
        (OPE, "first_frame", "file:///home/a.png", False),
        (OPE, "first_frame", "asset://asset-1", False),
        (OPE, "first_frame", "data:image/png;base64,AAAA", False),
        (OPE, "first_frame", "https://example.com/a.png\n", False),
        (OPE, "first_frame", "https://example.com/a b.png", False),
        (OPE, "first_frame", " https://example.com/a.png", False),
        (OPE, "first_frame", "https://", False),
        (OPE, "first_frame", "https:///a.png", False),
        (OPE, "first_frame", "https://localhost/a.png", False),
        (OPE, "first_frame", "https://LOCALHOST:8080/a.png", False),
        (OPE, "first_frame", "https://me@localhost/a.png", False),
        (OPE, "first_frame", "https://localhost.example.com/a.png", True),
        (OPE, "first_frame", "https://127.0.0.1/a.png", False),
        (OPE, "first_frame", "https://10.1.2.3/a.png", False),
        (OPE, "first_frame", "https://172.16.0.1/a.png", False),
        (OPE, "first_frame", "https://172.32.0.1/a.png", True),
        (OPE, "first_frame", "https://192.168.1.1/a.png", False),
        (OPE, "first_frame", "https://169.254.169.254/latest", False),
        (OPE, "first_frame", "https://[::1]/a.png", False),
        (OPE, "first_frame", "https://[fd00::1]/a.png", False),
        (OPE, "first_frame", "https://0.0.0.0/a.png", False),
        *((OPE, "first_frame", f"https://{host}/a.png", False) for host in NOT_PUBLIC),
        *((MINI, "reference_images", [f"https://{host}/a.png"], False) for host in NOT_PUBLIC),
        *(("jimmyai/seedance2.0-sp", "reference_videos", [f"https://{host}/a.mp4"], False) for host in NOT_PUBLIC),
        *(("jimmyai/seedance2.0-md", "first_frame", f"https://{host}/a.png", False) for host in NOT_PUBLIC),
        *((MINI, "callback_url", f"https://{host}/done", False) for host in NOT_PUBLIC),
        *((OPE, "first_frame", f"https://{host}/a.png", True) for host in PUBLIC),
        ("12ai/seedance-2-official", "first_frame", "asset://asset-1", False),
        ("12ai/seedance-2-official2-fast", "first_frame", "asset://asset-1", True),
        ("12ai/seedance-2-official2-fast", "first_frame", "asset://", False),
        ("jimmyai/sd2_mx_720p", "first_frame", "asset://asset_1", True),
        ("jimmyai/sd2_mx_720p", "first_frame", "https://example.com/a.png", False),
        ("jimmyai/seedance2.0-sp", "first_frame", "http://example.com/a.png", False),
        ("jimmyai/seedance2.0-std", "first_frame", "https://example.com/a.gif", True),
        (MINI, "callback_url", "https://example.com/done", True),
        (MINI, "callback_url", "http://localhost:3000/done", False),
        ("12ai/seedance-2-official", "callback_url", "https://127.0.0.1/done", False),
    ],
)
def test_a_url_must_have_a_scheme_of_the_vendor_and_a_public_host(who: str, field: str, url: Any, fits: bool) -> None:
    assert (field not in refused(who, **{field: url})) is fits


@pytest.mark.parametrize(
    ("ending", "fits"),
    [
        (".gif", False),
        (".gif?w=1", False),
        (".gif#a", False),
        (".gif/?a=.gif", False),
        (".png", True),
        (".gif.png", True),
    ],
)
def test_md_refuses_gif_images(ending: str, fits: bool) -> None:
    found = refused("jimmyai/seedance2.0-md", reference_images=[f"https://example.com/a{ending}"])
    assert (not found) is fits


@pytest.mark.parametrize(
    ("who", "count", "fits"),
    [
        (OPE, 9, True),
        (OPE, 10, False),
        (STANDARD, 4, True),
        (STANDARD, 5, False),
        ("jimmyai/seedance2.0-md", 4, True),
        ("jimmyai/seedance2.0-md", 5, False),
        ("jimmyai/seedance2.0-sp", 40, True),
    ],
)
def test_references_are_counted_where_the_vendor_states_a_number(who: str, count: int, fits: bool) -> None:
    images = [f"https://example.com/{n}.png" for n in range(count)]
    assert ("reference_images" not in refused(who, reference_images=images)) is fits


def test_every_illegal_item_of_a_list_is_named() -> None:
    (problem,) = checked(OPE, reference_images=[IMAGE, "ftp://a", IMAGE, 7]).problems
    assert "item 2, 4 must be a URL" in problem.message


@pytest.mark.parametrize("value", ["https://example.com/a.png", [], {}, 5, None, True])
def test_references_must_be_a_list_that_is_not_empty(value: Any) -> None:
    assert refused(OPE, reference_images=value) == {"reference_images": None}


@pytest.mark.parametrize(
    ("prompt", "fits"),
    [
        ("@image1 walks to @image2", True),
        ("@image3", False),
        ("@image0", False),
        ("@image01", True),
        ("@image10", False),
        ("@image1st", True),
        ("@image_1", True),
        ("me@image2.com", True),
        ("@video1", False),
        ("@audio1", False),
        ("(@image1), @image2.", True),
    ],
)
def test_a_mention_in_the_prompt_needs_its_reference(prompt: str, fits: bool) -> None:
    assert (not checked(OPE, prompt=prompt, reference_images=[IMAGE, IMAGE]).problems) is fits


def test_an_unknown_mention_is_refused_with_the_last_known_one() -> None:
    (two,) = checked(OPE, prompt="@image9", reference_images=[IMAGE, IMAGE]).problems
    (none,) = checked(OPE, prompt="@image1").problems
    assert two.sentence() == "prompt mentions @image9, but the last image is @image2"
    assert none.sentence() == "prompt mentions @image1, but no reference_images are given"


@pytest.mark.parametrize(
    ("who", "prompt", "written"),
    [
        (OPE, "@image1 dances to @audio1", "image 1 dances to audio 1"),
        (OPE, "@image1 随 @audio1 起舞", "图片1 随 音频1 起舞"),
        ("12ai/seedance-2-official", "@image1 dances to @audio1", "@image_file_1 dances to @audio_file_1"),
    ],
)
def test_mentions_are_written_as_the_vendor_does(who: str, prompt: str, written: str) -> None:
    assert body(who, prompt=prompt, reference_images=[IMAGE], reference_audios=[AUDIO])["prompt"] == written


def test_fields_that_the_caller_left_open_are_filled_in_and_recorded() -> None:
    request = checked(MINI, duration=8).request
    assert request
    assert (request.duration, request.resolution, request.aspect_ratio) == (8, "720p", "16:9")
    assert dict(request.assumed) == {"resolution": "720p", "aspect_ratio": "16:9"}


@pytest.mark.parametrize("model_id", [m.id for v in known_vendors().values() for m in v.models])
@pytest.mark.parametrize(
    "media", [{"first_frame": IMAGE}, {"first_frame": IMAGE, "last_frame": IMAGE}, {"reference_images": [IMAGE]}]
)
def test_an_image_decides_the_shape_where_the_vendor_requires_no_ratio(model_id: str, media: dict[str, Any]) -> None:
    found = model(model_id)
    asset = "jimmyai/sd2_mx" in model_id
    args = {"prompt": "a fox", **media}
    if asset:
        args = json.loads(json.dumps(args).replace(IMAGE, "asset://asset-1"))
    request = check(found, args).request
    if request is None:  # the model takes no such images
        return
    assert request.aspect_ratio in (("16:9",) if found.vendor == "ope" else ("adaptive", None))
    asked = check(found, {**args, "aspect_ratio": "9:16"})
    if asked.request is None:  # the model always keeps the ratio of the image
        assert [p.field for p in asked.problems] == ["aspect_ratio"]
    else:
        assert asked.request.aspect_ratio == "9:16"


def test_an_audio_file_decides_no_shape() -> None:
    request = checked("12ai/seedance-2-official", reference_audios=[AUDIO]).request
    assert request
    assert request.aspect_ratio == "16:9"


def test_a_whole_float_becomes_an_integer() -> None:
    request = checked(OPE, duration=5.0).request
    assert request
    assert type(request.duration) is int


def test_a_request_does_not_change_with_the_callers_lists() -> None:
    images = [IMAGE]
    request = checked(OPE, reference_images=images).request
    images.append("ftp://sneaked.in")
    assert request
    assert request.reference_images == (IMAGE,)


def test_a_request_has_a_size_in_pixels_where_it_is_documented() -> None:
    request = checked(OPE, resolution="1080p", aspect_ratio="21:9").request
    other = checked(MINI).request
    assert request
    assert request.size == "2206x946"
    assert other
    assert other.size is None


# ── advice ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "media",
    [
        {"first_frame": "asset://asset-1"},
        {"reference_images": [IMAGE, "asset://asset-1", IMAGE]},
        {"reference_images": [IMAGE] * 3, "reference_audios": ["asset://asset-1"]},
    ],
)
def test_12ai_fast_says_that_an_asset_must_be_active_and_where_assets_are_made(media: dict[str, Any]) -> None:
    (said,) = (a.text for a in checked("12ai/seedance-2-official2-fast", **media).advice if "Active" in a.text)
    assert "asset.12ai.org" in said


def test_12ai_fast_says_nothing_about_assets_to_a_caller_without_one() -> None:
    advice = checked("12ai/seedance-2-official2-fast", reference_images=[IMAGE] * 3).advice
    assert not any("Active" in a.text for a in advice)


@pytest.mark.parametrize(("length", "fits"), [(2494, True), (2495, False)])
def test_12ai_counts_a_prompt_as_it_is_sent(length: int, fits: bool) -> None:
    prompt = "@image1 ".ljust(length, "a")
    args = {"prompt": prompt, "reference_images": [IMAGE] * 3}
    result = check(model("12ai/seedance-2-official"), args)
    assert (result.request is not None) is fits
    if fits:
        assert len(body("12ai/seedance-2-official", **args)["prompt"]) == 2500
    else:
        (problem,) = result.problems
        assert problem.message == (
            "has 2501 characters as it is sent, with mentions such as @image_file_1; the limit is 2500"
        )
