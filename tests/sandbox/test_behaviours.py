"""Everything that a prompt can ask to go wrong, seen from the caller's side of the connection."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from seedance_mcp.errors import UnexpectedAnswer
from seedance_mcp.sandbox import BEHAVIOURS, Sandbox
from seedance_mcp.sandbox.behaviour import Directives
from tests.sandbox.sandbox_client import SLUGS, Caller, Clock, answer, begin, calling, watch

pytestmark = pytest.mark.anyio

SENT = [
    "http11.send_request_headers.started",
    "http11.send_request_body.complete",
    "http11.receive_response_headers.complete",
]


async def _traced(caller: Caller, prompt: str) -> tuple[httpx2.Response | None, str, list[str]]:
    """Send a job; return the answer, the name of the error instead of one, and what the trace saw."""
    events: list[str] = []

    async def trace(event: str, info: Mapping[str, Any]) -> None:
        events.append(event)

    try:
        response = await caller.send(caller.call_for(prompt=prompt), extensions={"trace": trace})
    except httpx2.TransportError as error:
        return None, type(error).__name__, events
    return response, "", events


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize(
    ("word", "error", "charges", "events"),
    [
        ("lose-answer", "ReadError", 1, SENT[:2]),
        ("lose-request", "ReadError", 0, SENT[:2]),
        ("hang", "ReadTimeout", 1, SENT[:2]),
        ("unreachable", "ConnectError", 0, []),
        ("instant", "", 1, SENT),
    ],
)
async def test_a_lost_connection_looks_like_one(
    slug: str, word: str, error: str, charges: int, events: list[str]
) -> None:
    async with calling(slug) as caller:
        _, seen, trace = await _traced(caller, f"a fox. sandbox: {word}")
    assert (seen, len(caller.sandbox.charges), trace) == (error, charges, events)


@pytest.mark.parametrize("slug", SLUGS)
async def test_an_error_500_hides_that_the_job_was_taken(slug: str) -> None:
    async with calling(slug) as caller:
        response = await caller.send(caller.call_for(prompt="sandbox: error-500"))
        refusal = caller.refused(response)
    assert response.status_code == 500
    assert refusal is not None
    assert refusal.code == "vendor_down"
    assert len(caller.sandbox.charges) == 1


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("word", ["html", "truncate", "no-id"])
async def test_an_answer_can_be_useless_although_the_job_was_taken(slug: str, word: str) -> None:
    async with calling(slug) as caller:
        response = await caller.send(caller.call_for(prompt=f"sandbox: {word}"))
        assert response.status_code == 200
        assert caller.refused(response) is None
        with pytest.raises(UnexpectedAnswer):
            caller.vendor.parse_submit(answer(response))
    assert len(caller.sandbox.charges) == 1
    if word != "no-id":
        with pytest.raises(ValueError, match=r"\w"):
            json.loads(response.text)


async def test_a_lost_answer_is_found_again_with_the_same_request_id() -> None:
    async with calling("aigptimage") as caller:
        caller.headers = {"X-Request-ID": "one"}
        _, error, _ = await _traced(caller, "sandbox: lose-answer")
        response, _, _ = await _traced(caller, "sandbox: lose-answer")
    assert error == "ReadError"
    assert response is not None
    assert caller.vendor.parse_submit(answer(response)).task_id == caller.sandbox.charges[0].task_id
    assert len(caller.sandbox.charges) == 1


@pytest.mark.parametrize("word", ["unreachable", "lose-request", "refuse busy"])
async def test_a_request_that_did_not_arrive_can_get_through_the_second_time(word: str) -> None:
    async with calling("jimmyai") as caller:
        for attempt in range(3):
            response, error, _ = await _traced(caller, f"a fox. sandbox: {word} 2")
            if attempt < 2:
                assert error or (response is not None and caller.refused(response))
                assert caller.sandbox.charges == []
            else:
                assert response is not None
                assert caller.refused(response) is None
    assert len(caller.sandbox.charges) == 1


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("word", ["content_policy", "real_person", "generation_failed"])
async def test_a_task_fails_in_the_vendors_words(slug: str, word: str) -> None:
    async with calling(slug) as caller:
        task_id = (await caller.create(prompt=f"a fox. Sandbox: fail {word}")).task_id
        snapshot = await caller.look(task_id)
        video = await caller.client.get(f"http://sandbox.test/videos/{task_id}.mp4")
    assert snapshot.state == "failed"
    assert snapshot.url is None
    assert snapshot.refusal is not None
    assert snapshot.refusal.code == word
    assert snapshot.refusal.message
    assert video.status_code == 404


async def test_a_failed_task_costs_nothing_at_seedanceapi() -> None:
    async with calling("seedanceapi") as caller:
        task_id = (await caller.create(prompt="sandbox: fail generation_failed")).task_id
        assert (await caller.look(task_id)).charged == 0


async def test_a_task_can_be_slow_or_instant() -> None:
    clock = Clock()
    async with calling("ope", Sandbox(clock=clock)) as caller:
        slow = (await caller.create(prompt="sandbox: slow 60")).task_id
        instant = (await caller.create(prompt="sandbox: instant")).task_id
        assert (await caller.look(instant)).state == "succeeded"
        clock.now = 59
        assert (await caller.look(slow)).state == "running"
        clock.now = 60
        assert (await caller.look(slow)).state == "succeeded"


@pytest.mark.parametrize("slug", SLUGS)
async def test_a_state_that_nobody_documents_counts_as_running(slug: str) -> None:
    clock = Clock()
    async with calling(slug, Sandbox(clock=clock)) as caller:
        task_id = (await caller.create(prompt="sandbox: odd-state")).task_id
        clock.now = 1
        snapshot = await caller.look(task_id)
    assert snapshot.state == "running"
    assert snapshot.vendor_status.casefold() == "reviewing"


@pytest.mark.parametrize("slug", SLUGS)
async def test_the_first_looks_can_fail(slug: str) -> None:
    async with calling(slug) as caller:
        task_id = (await caller.create(prompt="sandbox: status-500 2")).task_id
        seen = [(await caller.send(caller.vendor.build_status(task_id))).status_code for _ in range(3)]
    assert seen == [500, 500, 200]


@pytest.mark.parametrize("slug", SLUGS)
async def test_an_expired_link_is_followed_by_one_that_works(slug: str) -> None:
    async with calling(slug) as caller:
        task_id = (await caller.create(prompt="sandbox: expired-link", duration=5, resolution="480p")).task_id
        first = (await caller.look(task_id)).url
        refused = await caller.video(task_id, first)
        second = (await caller.look(task_id)).url
        given = await caller.video(task_id, second)
        if first is not None:
            assert (await caller.video(task_id, first)).status_code == 403
    assert (refused.status_code, given.status_code) == (502 if slug == "ope" else 403, 200)


@pytest.mark.parametrize("slug", ["ope", "12ai"])
async def test_a_download_that_breaks_off_can_be_resumed(slug: str) -> None:
    async with calling(slug) as caller:
        task_id = (await caller.create(prompt="sandbox: cut-video", duration=4, resolution="480p")).task_id
        url = (await caller.look(task_id)).url or f"{caller.base_url}/v1/videos/{task_id}/content"
        key = f"Bearer {caller.key}"
        begun, said = await begin(caller.client, url, authorization=key)
        whole = int(said["content-length"])
        assert len(begun) == whole // 2
        headers = {"authorization": key, "range": f"bytes={len(begun)}-", "if-range": said["etag"]}
        rest = await caller.client.get(url, headers=headers)
    assert (rest.status_code, len(begun) + len(rest.content)) == (206, whole)
    assert watch(begun + rest.content).width == 864


@pytest.mark.parametrize("slug", ["ope", "seedanceapi"])
async def test_a_film_can_be_a_page_instead(slug: str) -> None:
    async with calling(slug) as caller:
        task_id = (await caller.create(prompt="sandbox: wrong-type")).task_id
        video = await caller.video(task_id)
    assert video.status_code == 200
    assert video.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("prompt", "asked"),
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
    ],
)
def test_behaviours_are_found_in_any_text(prompt: str, asked: dict[str, str]) -> None:
    assert Directives.read(prompt).asked == asked
    assert Directives.read(json.dumps({"prompt": prompt})).asked == asked


def test_every_behaviour_says_what_it_does_and_how_it_is_written() -> None:
    assert len({b.name for b in BEHAVIOURS}) == len(BEHAVIOURS)
    for behaviour in BEHAVIOURS:
        assert behaviour.help
        assert behaviour.usage.startswith(behaviour.name)
        example = " ".join(filter(None, (behaviour.name, *behaviour.choices[:1], "2" if behaviour.takes else "")))
        assert behaviour.name in Directives.read(f"sandbox: {example}")
