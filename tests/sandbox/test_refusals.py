"""A fake vendor refuses what its page forbids, in the page's own format, and charges nothing for it."""

from __future__ import annotations

from typing import Any

import pytest

from seedance_mcp.errors import Code
from seedance_mcp.sandbox import BEHAVIOURS
from tests.about import ABOUT
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
    assert refusal.code == ABOUT[slug].unknown_model
    assert client.sandbox.charges == []


def _change(body: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """Set a value in a body, or remove it (None)."""
    head, _, rest = path.partition(".")
    inner = _change(body.get(head, {}), rest, value) if rest else value
    return {k: v for k, v in {**body, head: inner}.items() if v is not None}


def _forbidden() -> list[tuple[Any, ...]]:
    long = {"x_times": 2001}
    rows = [(slug, *row) for slug, about in ABOUT.items() for row in about.forbidden]
    return [(slug, path, "x" * 2001 if value == long else value, *rest) for slug, path, value, *rest in rows]


@pytest.mark.parametrize(("slug", "path", "value", "status", "code"), _forbidden())
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
    next(behaviour for behaviour in BEHAVIOURS if behaviour.name == "refuse").choices,
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
