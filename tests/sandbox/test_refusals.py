"""A fake vendor refuses what its page forbids, in the page's own format, and charges nothing for it."""

from __future__ import annotations

from typing import Any

import pytest

from seedance_mcp.errors import Code
from tests.sandbox.sandbox_client import SLUGS, URLS, find_model, sandbox_client

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize(("key", "code"), [("", Code.AUTH), ("bad-key", Code.AUTH), ("no-credit", Code.NO_CREDIT)])
async def test_a_bad_key_or_an_empty_account_is_refused(slug: str, key: str, code: Code) -> None:
    async with sandbox_client(slug) as client:
        client.key = key
        refusal = client.refusal(await client.send(client.build_submit()))
    assert refusal is not None
    assert refusal.code is code
    assert client.sandbox.charges == []


@pytest.mark.parametrize("slug", SLUGS)
async def test_a_poll_without_a_key_is_refused(slug: str) -> None:
    async with sandbox_client(slug) as client:
        task_id = (await client.create()).task_id
        client.key = ""
        refusal = client.refusal(await client.send(client.vendor.build_status(task_id)))
    assert refusal is not None
    assert refusal.code is Code.AUTH


@pytest.mark.parametrize("slug", SLUGS)
async def test_an_unknown_task_is_not_found(slug: str) -> None:
    async with sandbox_client(slug) as client:
        refusal = client.refusal(await client.send(client.vendor.build_status("nobody")))
    assert refusal is not None
    assert refusal.code is Code.NOT_FOUND


@pytest.mark.parametrize("slug", SLUGS)
async def test_an_unknown_model_is_refused(slug: str) -> None:
    async with sandbox_client(slug) as client:
        body = {**(client.build_submit().body or {}), "model": "seedance-9"}
        refusal = client.refusal(await client.post(body))
    assert refusal is not None
    # The gateway of ope and 12ai answers 503.
    assert refusal.code is (Code.VENDOR_DOWN if slug in ("ope", "12ai") else Code.INVALID_REQUEST)
    assert client.sandbox.charges == []


def _change(body: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """Set a value in a body, or remove it (None)."""
    head, _, rest = path.partition(".")
    inner = _change(body.get(head, {}), rest, value) if rest else value
    return {k: v for k, v in {**body, head: inner}.items() if v is not None}


FORBIDDEN: list[tuple[str, str, object, int, str]] = [
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


@pytest.mark.parametrize(("slug", "path", "value", "status", "code"), FORBIDDEN)
async def test_a_forbidden_value_is_refused_in_the_vendors_own_envelope(
    slug: str, path: str, value: object, status: int, code: str
) -> None:
    async with sandbox_client(slug) as client:
        body = _change(dict(client.build_submit().body or {}), path, value)
        response = await client.post(body)
        refusal = client.refusal(response)
    assert response.status_code == status, response.text
    assert code in response.text
    assert refusal is not None
    assert refusal.code is Code.INVALID_REQUEST
    assert response.headers["x-sandbox-note"]
    assert client.sandbox.charges == []


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"model": NaN}', b"[" * 50_000, b"\xff\xfe"])
async def test_a_body_that_is_not_a_json_object_is_refused(slug: str, raw: bytes) -> None:
    async with sandbox_client(slug) as client:
        headers = {"authorization": "Bearer k", "content-type": "application/json"}
        url = client.base_url + client.build_submit().path
        refusal = client.refusal(await client.http.post(url, content=raw, headers=headers))
    assert refusal is not None
    assert refusal.code is Code.INVALID_REQUEST


@pytest.mark.parametrize("slug", SLUGS)
async def test_a_content_type_other_than_json_is_refused(slug: str) -> None:
    async with sandbox_client(slug) as client:
        url = client.base_url + client.build_submit().path
        response = await client.http.post(url, data={"prompt": "a fox"}, headers={"authorization": "Bearer k"})
        refusal = client.refusal(response)
    assert refusal is not None
    assert refusal.code is Code.INVALID_REQUEST


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("value", [None, 0, -1, 10**400, 1e300, "", "x", [], {}, [[]], True, [None], {"url": 1}])
async def test_every_odd_value_of_every_field_gets_an_answer(slug: str, value: object) -> None:
    async with sandbox_client(slug) as client:
        body = dict(client.build_submit().body or {})
        names = [*body, "images", "first_image", "size", "input_reference", "metadata", "orientation", "seed"]
        for inner in ("input", "metadata"):
            names += [f"{inner}.{name}" for name in body.get(inner, {})] + [
                f"{inner}.video_urls",
                f"{inner}.image_urls",
            ]
        for name in names:
            if isinstance(body.get(name.partition(".")[0], {}), dict) or "." not in name:
                response = await client.post(_change(body, name, value))
                assert response.status_code < 500 or "model_not_found" in response.text, (name, response.text)


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize(
    "code",
    ["content_policy", "real_person", "auth", "no_credit", "rate_limited", "busy", "invalid_request", "not_found"],
)
async def test_a_prompt_can_ask_for_each_refusal(slug: str, code: str) -> None:
    async with sandbox_client(slug) as client:
        response = await client.send(client.build_submit(prompt=f"a fox. sandbox: refuse {code}"))
        refusal = client.refusal(response)
    assert refusal is not None, response.text
    assert refusal.code == code
    assert response.headers.get("retry-after") == ("1" if code == "rate_limited" else None)
    assert client.sandbox.charges == []


async def test_a_refusal_can_end_after_some_attempts() -> None:
    async with sandbox_client("ope") as client:
        call = client.build_submit(prompt="a fox, sandbox: refuse rate_limited 2")
        answers = [(await client.send(call)).status_code for _ in range(3)]
    assert answers == [429, 429, 200]
    assert len(client.sandbox.charges) == 1


async def test_a_vendor_enforces_the_limits_in_its_rows() -> None:
    row = find_model("jimmyai", "seedance2.0-md").rows["reference_images"]
    most: Any = getattr(row, "most", None)
    async with sandbox_client("jimmyai") as client:
        body = {"model": "seedance2.0-md", "prompt": "a fox", "duration": 5, "images": [URLS["image"]] * most}
        assert client.refusal(await client.post(body)) is None
        refusal = client.refusal(await client.post(body | {"images": [URLS["image"]] * (most + 1)}))
    assert refusal is not None
    assert f"the limit is {most}" in refusal.message
