"""A fake vendor refuses what its page refuses, in the page's own words, and charges nothing for it."""

from __future__ import annotations

from typing import Any

import pytest

from seedance_mcp.errors import Code
from tests.sandbox.sandbox_client import SLUGS, URLS, calling, model_of

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize(("key", "code"), [("", Code.AUTH), ("bad-key", Code.AUTH), ("no-credit", Code.NO_CREDIT)])
async def test_a_bad_key_or_an_empty_account_is_refused(slug: str, key: str, code: Code) -> None:
    async with calling(slug) as caller:
        caller.key = key
        refusal = caller.refused(await caller.send(caller.call_for()))
    assert refusal is not None
    assert refusal.code is code
    assert caller.sandbox.charges == []


@pytest.mark.parametrize("slug", SLUGS)
async def test_nobody_looks_at_a_task_without_a_key(slug: str) -> None:
    async with calling(slug) as caller:
        task_id = (await caller.create()).task_id
        caller.key = ""
        refusal = caller.refused(await caller.send(caller.vendor.build_status(task_id)))
    assert refusal is not None
    assert refusal.code is Code.AUTH


@pytest.mark.parametrize("slug", SLUGS)
async def test_an_unknown_task_is_not_found(slug: str) -> None:
    async with calling(slug) as caller:
        refusal = caller.refused(await caller.send(caller.vendor.build_status("nobody")))
    assert refusal is not None
    assert refusal.code is Code.NOT_FOUND


@pytest.mark.parametrize("slug", SLUGS)
async def test_an_unknown_model_is_refused(slug: str) -> None:
    async with calling(slug) as caller:
        body = {**(caller.call_for().body or {}), "model": "seedance-9"}
        refusal = caller.refused(await caller.post(body))
    assert refusal is not None
    # The gateway of ope and 12ai says 503 for it.
    assert refusal.code is (Code.VENDOR_DOWN if slug in ("ope", "12ai") else Code.INVALID_REQUEST)
    assert caller.sandbox.charges == []


def _change(body: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """Set a value in a body, or take it out (None)."""
    head, _, rest = path.partition(".")
    inner = _change(body.get(head, {}), rest, value) if rest else value
    return {k: v for k, v in {**body, head: inner}.items() if v is not None}


WRONG: list[tuple[str, str, object, int, str]] = [
    ("ope", "seconds", "16", 400, "fail_to_fetch_task"),
    ("ope", "seconds", 5, 400, "fail_to_fetch_task"),
    ("ope", "seconds", None, 400, "fail_to_fetch_task"),
    ("ope", "prompt", None, 400, "invalid_request"),
    ("ope", "ratio", "adaptive", 400, "fail_to_fetch_task"),
    ("ope", "ratio", None, 400, "fail_to_fetch_task"),
    ("ope", "input_reference", {"content": [{"type": "text", "text": "hello"}]}, 400, "fail_to_fetch_task"),
    ("ope", "input_reference", {"content": ["x"]}, 400, "fail_to_fetch_task"),
    ("ope", "input_reference", ["x"], 400, "fail_to_fetch_task"),
    (
        "ope",
        "input_reference",
        {"content": [{"type": "image_url", "role": "reference_video", "image_url": {"url": URLS["image"]}}]},
        400,
        "fail_to_fetch_task",
    ),
    (
        "ope",
        "input_reference",
        {"content": [{"type": "audio_url", "role": "reference_audio", "audio_url": {"url": URLS["audio"]}}]},
        400,
        "fail_to_fetch_task",
    ),
    ("seedanceapi", "duration", 6, 400, "INVALID_DURATION"),
    ("seedanceapi", "duration", "5", 400, "INVALID_DURATION"),
    ("seedanceapi", "aspect_ratio", "1:1", 400, "INVALID_ASPECT_RATIO"),
    ("seedanceapi", "images", [URLS["image"]] * 5, 400, "TOO_MANY_IMAGES"),
    ("seedanceapi", "prompt", "", 400, "INVALID_PROMPT"),
    ("seedanceapi", "prompt", "x" * 2001, 400, "INVALID_PROMPT"),
    ("seedanceapi", "reference_video_urls", [URLS["video"]], 400, "INVALID_PROMPT"),
    ("jimmyai", "duration", 16, 200, "20002"),
    ("jimmyai", "ratio", "5:4", 200, "20002"),
    ("jimmyai", "images", ["http://example.com/a.png"], 200, "20002"),
    ("jimmyai", "reference_audios", [URLS["audio"]], 200, "20002"),
    ("jimmyai", "prompt", None, 200, "20002"),
    ("12ai", "duration", 3, 400, "fail_to_fetch_task"),
    ("12ai", "size", "1080p", 400, "fail_to_fetch_task"),
    ("12ai", "size", "1280x720", 400, "fail_to_fetch_task"),
    ("12ai", "metadata.video_urls", [URLS["video"]], 400, "fail_to_fetch_task"),
    ("12ai", "metadata", "fast", 400, "fail_to_fetch_task"),
    ("12ai", "images", URLS["image"], 400, "fail_to_fetch_task"),
    ("12ai", "images", ["asset://a", "asset://b", "asset://c"], 400, "fail_to_fetch_task"),
    ("12ai", "prompt", None, 400, "invalid_request"),
    ("aigptimage", "input.resolution", "4k", 422, "422"),
    ("aigptimage", "input.reference_image_urls", "x", 422, "422"),
    ("aigptimage", "input.reference_image_urls", ["http://127.0.0.1/a.png"], 422, "422"),
    ("aigptimage", "input.prompt", None, 422, "422"),
    ("aigptimage", "input.nsfw_checker", "no", 422, "422"),
    ("aigptimage", "input", "a fox", 422, "422"),
]


@pytest.mark.parametrize(("slug", "path", "value", "status", "word"), WRONG)
async def test_what_the_page_forbids_is_refused_in_its_own_envelope(
    slug: str, path: str, value: object, status: int, word: str
) -> None:
    async with calling(slug) as caller:
        body = _change(dict(caller.call_for().body or {}), path, value)
        response = await caller.post(body)
        refusal = caller.refused(response)
    assert response.status_code == status, response.text
    assert word in response.text
    assert refusal is not None
    assert refusal.code is Code.INVALID_REQUEST
    assert response.headers["x-sandbox-note"]
    assert caller.sandbox.charges == []


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"model": NaN}', b"[" * 50_000, b"\xff\xfe"])
async def test_what_is_not_a_json_object_is_refused(slug: str, raw: bytes) -> None:
    async with calling(slug) as caller:
        headers = {"authorization": "Bearer k", "content-type": "application/json"}
        url = caller.base_url + caller.call_for().path
        refusal = caller.refused(await caller.client.post(url, content=raw, headers=headers))
    assert refusal is not None
    assert refusal.code is Code.INVALID_REQUEST


@pytest.mark.parametrize("slug", SLUGS)
async def test_another_content_type_than_json_is_refused(slug: str) -> None:
    async with calling(slug) as caller:
        url = caller.base_url + caller.call_for().path
        response = await caller.client.post(url, data={"prompt": "a fox"}, headers={"authorization": "Bearer k"})
        refusal = caller.refused(response)
    assert refusal is not None
    assert refusal.code is Code.INVALID_REQUEST


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("value", [None, 0, -1, 10**400, 1e300, "", "x", [], {}, [[]], True, [None], {"url": 1}])
async def test_no_value_of_any_field_is_too_odd_to_be_answered(slug: str, value: object) -> None:
    async with calling(slug) as caller:
        body = dict(caller.call_for().body or {})
        names = [*body, "images", "first_image", "size", "input_reference", "metadata", "orientation", "seed"]
        for inner in ("input", "metadata"):
            names += [f"{inner}.{name}" for name in body.get(inner, {})] + [
                f"{inner}.video_urls",
                f"{inner}.image_urls",
            ]
        for name in names:
            if isinstance(body.get(name.partition(".")[0], {}), dict) or "." not in name:
                response = await caller.post(_change(body, name, value))
                assert response.status_code < 500 or "model_not_found" in response.text, (name, response.text)


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize(
    "word",
    ["content_policy", "real_person", "auth", "no_credit", "rate_limited", "busy", "invalid_request", "not_found"],
)
async def test_a_prompt_can_ask_for_each_refusal(slug: str, word: str) -> None:
    async with calling(slug) as caller:
        response = await caller.send(caller.call_for(prompt=f"a fox. sandbox: refuse {word}"))
        refusal = caller.refused(response)
    assert refusal is not None, response.text
    assert refusal.code == word
    assert response.headers.get("retry-after") == ("1" if word == "rate_limited" else None)
    assert caller.sandbox.charges == []


async def test_a_refusal_can_end_after_some_times() -> None:
    async with calling("ope") as caller:
        call = caller.call_for(prompt="a fox, sandbox: refuse rate_limited 2")
        answers = [(await caller.send(call)).status_code for _ in range(3)]
    assert answers == [429, 429, 200]
    assert len(caller.sandbox.charges) == 1


async def test_a_vendors_limits_are_those_of_its_rows() -> None:
    row = model_of("jimmyai", "seedance2.0-md").rows["reference_images"]
    most: Any = getattr(row, "most", None)
    async with calling("jimmyai") as caller:
        body = {"model": "seedance2.0-md", "prompt": "a fox", "duration": 5, "images": [URLS["image"]] * most}
        assert caller.refused(await caller.post(body)) is None
        refusal = caller.refused(await caller.post(body | {"images": [URLS["image"]] * (most + 1)}))
    assert refusal is not None
    assert f"the limit is {most}" in refusal.message
