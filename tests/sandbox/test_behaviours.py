"""Every behaviour that a prompt can ask for, seen from the client's side of the connection."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from seedance_mcp.errors import UnexpectedAnswer
from seedance_mcp.sandbox import BEHAVIOURS, Sandbox
from seedance_mcp.sandbox.behaviour import Directives
from tests.sandbox.sandbox_client import (
    SLUGS,
    ManualClock,
    SandboxClient,
    download_until_cut,
    inspect_video,
    sandbox_client,
)

pytestmark = pytest.mark.anyio

SENT = [
    "http11.send_request_headers.started",
    "http11.send_request_body.complete",
    "http11.receive_response_headers.complete",
]


async def _traced(client: SandboxClient, prompt: str) -> tuple[httpx2.Response | None, str, list[str]]:
    """Create a job; return the answer (or None), the name of the transport error, and the traced events."""
    events: list[str] = []

    async def trace(event: str, info: Mapping[str, Any]) -> None:
        events.append(event)

    try:
        response = await client.send(client.build_submit(prompt=prompt), extensions={"trace": trace})
    except httpx2.TransportError as error:
        return None, type(error).__name__, events
    return response, "", events


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize(
    ("directive", "error", "charges", "events"),
    [
        ("lose-answer", "ReadError", 1, SENT[:2]),
        ("lose-request", "ReadError", 0, SENT[:2]),
        ("hang", "ReadTimeout", 1, SENT[:2]),
        ("unreachable", "ConnectError", 0, []),
        ("instant", "", 1, SENT),
    ],
)
async def test_a_lost_connection_raises_the_errors_of_a_real_one(
    slug: str, directive: str, error: str, charges: int, events: list[str]
) -> None:
    async with sandbox_client(slug) as client:
        _, raised, trace = await _traced(client, f"a fox. sandbox: {directive}")
    assert (raised, len(client.sandbox.charges), trace) == (error, charges, events)


@pytest.mark.parametrize("slug", SLUGS)
async def test_an_error_500_hides_that_the_job_was_accepted(slug: str) -> None:
    async with sandbox_client(slug) as client:
        response = await client.send(client.build_submit(prompt="sandbox: error-500"))
        refusal = client.refusal(response)
    assert response.status_code == 500
    assert refusal is not None
    assert refusal.code == "vendor_down"
    assert len(client.sandbox.charges) == 1


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("directive", ["html", "truncate", "no-id"])
async def test_an_answer_can_be_useless_although_the_job_was_accepted(slug: str, directive: str) -> None:
    async with sandbox_client(slug) as client:
        response = await client.send(client.build_submit(prompt=f"sandbox: {directive}"))
        assert response.status_code == 200
        assert client.refusal(response) is None
        with pytest.raises(UnexpectedAnswer):
            client.accepted(response)
    assert len(client.sandbox.charges) == 1
    if directive != "no-id":
        with pytest.raises(ValueError, match=r"\w"):
            json.loads(response.text)


async def test_a_lost_answer_can_be_had_again_with_the_same_request_id() -> None:
    async with sandbox_client("aigptimage") as client:
        client.headers = {"X-Request-ID": "one"}
        _, error, _ = await _traced(client, "sandbox: lose-answer")
        response, _, _ = await _traced(client, "sandbox: lose-answer")
    assert error == "ReadError"
    assert response is not None
    assert client.accepted(response).task_id == client.sandbox.charges[0].task_id
    assert len(client.sandbox.charges) == 1


@pytest.mark.parametrize("directive", ["unreachable", "lose-request", "refuse busy"])
async def test_a_request_can_get_through_on_a_later_attempt(directive: str) -> None:
    async with sandbox_client("jimmyai") as client:
        for attempt in range(3):
            response, error, _ = await _traced(client, f"a fox. sandbox: {directive} 2")
            if attempt < 2:
                assert error or (response is not None and client.refusal(response))
                assert client.sandbox.charges == []
            else:
                assert response is not None
                assert client.refusal(response) is None
    assert len(client.sandbox.charges) == 1


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("code", ["content_policy", "real_person", "generation_failed"])
async def test_a_task_fails_with_the_vendors_own_message(slug: str, code: str) -> None:
    async with sandbox_client(slug) as client:
        task_id = (await client.create(prompt=f"a fox. Sandbox: fail {code}")).task_id
        snapshot = await client.poll(task_id)
        video = await client.http.get(f"http://sandbox.test/videos/{task_id}.mp4")
    assert snapshot.state == "failed"
    assert snapshot.url is None
    assert snapshot.refusal is not None
    assert snapshot.refusal.code == code
    assert snapshot.refusal.message
    assert video.status_code == 404


async def test_a_failed_task_costs_nothing_at_seedanceapi() -> None:
    async with sandbox_client("seedanceapi") as client:
        task_id = (await client.create(prompt="sandbox: fail generation_failed")).task_id
        assert (await client.poll(task_id)).charged == 0


async def test_a_task_can_be_slow_or_instant() -> None:
    clock = ManualClock()
    async with sandbox_client("ope", Sandbox(clock=clock)) as client:
        slow = (await client.create(prompt="sandbox: slow 60")).task_id
        instant = (await client.create(prompt="sandbox: instant")).task_id
        assert (await client.poll(instant)).state == "succeeded"
        clock.now = 59
        assert (await client.poll(slow)).state == "running"
        clock.now = 60
        assert (await client.poll(slow)).state == "succeeded"


@pytest.mark.parametrize("slug", SLUGS)
async def test_an_undocumented_status_counts_as_running(slug: str) -> None:
    clock = ManualClock()
    async with sandbox_client(slug, Sandbox(clock=clock)) as client:
        task_id = (await client.create(prompt="sandbox: odd-state")).task_id
        clock.now = 1
        snapshot = await client.poll(task_id)
    assert snapshot.state == "running"
    assert snapshot.vendor_status.casefold() == "reviewing"


@pytest.mark.parametrize("slug", SLUGS)
async def test_the_first_polls_can_fail(slug: str) -> None:
    async with sandbox_client(slug) as client:
        task_id = (await client.create(prompt="sandbox: status-500 2")).task_id
        statuses = [(await client.send(client.vendor.build_status(task_id))).status_code for _ in range(3)]
    assert statuses == [500, 500, 200]


@pytest.mark.parametrize("slug", SLUGS)
async def test_a_poll_after_an_expired_link_returns_one_that_works(slug: str) -> None:
    async with sandbox_client(slug) as client:
        task_id = (await client.create(prompt="sandbox: expired-link", duration=5, resolution="480p")).task_id
        first = (await client.poll(task_id)).url
        refused = await client.download(task_id, first)
        second = (await client.poll(task_id)).url
        video = await client.download(task_id, second)
        if first is not None:
            assert (await client.download(task_id, first)).status_code == 403
    assert (refused.status_code, video.status_code) == (502 if first is None else 403, 200)


@pytest.mark.parametrize("slug", ["ope", "12ai"])
async def test_a_download_that_breaks_off_can_be_resumed(slug: str) -> None:
    async with sandbox_client(slug) as client:
        task_id = (await client.create(prompt="sandbox: cut-video", duration=4, resolution="480p")).task_id
        url = (await client.poll(task_id)).url or f"{client.base_url}/v1/videos/{task_id}/content"
        key = f"Bearer {client.key}"
        begun, headers = await download_until_cut(client.http, url, authorization=key)
        whole = int(headers["content-length"])
        assert len(begun) == whole // 2
        resume = {"authorization": key, "range": f"bytes={len(begun)}-", "if-range": headers["etag"]}
        rest = await client.http.get(url, headers=resume)
    assert (rest.status_code, len(begun) + len(rest.content)) == (206, whole)
    assert inspect_video(begun + rest.content).width == 864


@pytest.mark.parametrize("slug", ["ope", "seedanceapi"])
async def test_a_video_can_be_an_html_page_instead(slug: str) -> None:
    async with sandbox_client(slug) as client:
        task_id = (await client.create(prompt="sandbox: wrong-type")).task_id
        video = await client.download(task_id)
    assert video.status_code == 200
    assert video.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("a fox", {}),
        ("a sandbox: children play", {}),
        ("sandbox: slow 3, odd-state, then a fox", {"slow": "3", "odd-state": ""}),
        ("A fox. SANDBOX: Fail Real_Person ,slow 0.5.", {"fail": "real_person", "slow": "0.5"}),
        ("sandbox: fail\nsandbox: instant", {"instant": ""}),
        ("sandbox: refuse busy 2, sandbox: html", {"refuse": "busy 2", "html": ""}),
        ("sandbox: instantly a fox", {}),
        ("sandbox: slow", {}),
        ("sandbox: fail everything", {}),
        ("sandbox: charge 0.25, slow 2", {"charge": "0.25", "slow": "2"}),
        ("sandbox: charge extra", {}),
    ],
)
def test_directives_are_found_in_any_text(prompt: str, found: dict[str, str]) -> None:
    assert Directives.read(prompt).values == found
    assert Directives.read(json.dumps({"prompt": prompt})).values == found


def test_every_behaviour_has_a_description_and_a_usage_that_works() -> None:
    assert len({b.name for b in BEHAVIOURS}) == len(BEHAVIOURS)
    for behaviour in BEHAVIOURS:
        assert behaviour.help
        assert behaviour.usage.startswith(behaviour.name)
        example = " ".join(filter(None, (behaviour.name, *behaviour.choices[:1], "2" if behaviour.takes else "")))
        assert behaviour.name in Directives.read(f"sandbox: {example}")
