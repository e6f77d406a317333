"""Variants: several videos of one request, each a job of its own; never more than asked for, whatever goes wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
import pytest

from seedance_mcp.sandbox import Sandbox
from tests.server.mcp_client import PRICED, Session, connected, quoted_price
from tests.server.transports import HeldTransport

pytestmark = pytest.mark.anyio

SLOW = "a fox. sandbox: slow 3600"


async def states(session: Session) -> list[str]:
    """Return the states of all jobs, sorted."""
    return sorted(video["state"] for video in (await session.call("list_videos")).fields["videos"])


async def test_every_variant_is_a_job_of_its_own_with_a_cost_of_its_own(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        price = await quoted_price(session)
        quoted = await session.create(**PRICED, n=3, dry_run=True)
        assert await session.nothing_happened()
        answer = await session.create(**PRICED, n=3)
        assert session.charge_count == 3
        done = [await session.finish(job_id) for job_id in answer["job_ids"]]
    assert len(set(answer["job_ids"])) == len({video["path"] for video in done}) == 3
    assert answer["cost"]["usd"] == quoted["cost"]["usd"] == pytest.approx(3 * price)
    assert answer["cost"]["basis"].startswith("3 × (")
    assert quoted["next_step"].endswith(f"max_cost {3 * price:.2f}.")
    assert {video["cost"]["usd"] for video in done} == {price}
    assert "job_id" not in answer
    assert "with each of job_ids" in answer["next_step"]


async def test_one_variant_is_a_plain_call(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        one = await session.create(SLOW, **PRICED, n=1)
        again = await session.create(SLOW, **PRICED)
        assert session.charge_count == 1
    assert again["duplicate_of"] == one["job_id"]


@pytest.mark.parametrize("key", [{}, {"request_key": "k"}], ids=["no key", "key"])
async def test_a_repeated_call_returns_the_same_jobs(tmp_path: Path, era: str, key: dict[str, str]) -> None:
    async with connected(tmp_path, era) as session:
        first = await session.create(SLOW, **PRICED, n=3, **key)
        again = await session.create(SLOW, **PRICED, n=3, **key)
        two = await session.create(SLOW, **PRICED, n=2, **key)
        plain = await session.create(SLOW, **PRICED, **key)
        assert session.charge_count == 3
        four = await session.create(SLOW, **PRICED, n=4, **key)
        assert session.charge_count == 4
    assert again["job_ids"] == first["job_ids"]
    assert "All of them were there before: nothing new was paid" in again["note"]
    assert again["cost"] == {"usd": pytest.approx(first["cost"]["usd"]), "reserved": True}
    assert two["job_ids"] == first["job_ids"][:2]
    assert plain["duplicate_of"] == first["job_ids"][0]
    assert four["job_ids"][:3] == first["job_ids"]


async def test_a_variant_that_ended_early_is_not_bought_again_with_the_others(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        first = await session.create(SLOW, **PRICED, n=3)
        with session.journal() as journal:
            await journal.move(first["job_ids"][1], "failed", when=("submitted", "queued", "running"))
        again = await session.create(SLOW, **PRICED, n=3)
        assert session.charge_count == 3
    assert again["job_ids"] == first["job_ids"]


async def test_with_a_request_key_finished_variants_are_returned_and_missing_ones_bought(
    tmp_path: Path, era: str
) -> None:
    async with connected(tmp_path, era) as session:
        first = await session.create(**PRICED, n=2, request_key="k")
        for job_id in first["job_ids"]:
            await session.finish(job_id)
        again = await session.create(**PRICED, n=3, request_key="k")
        assert session.charge_count == 3
        refusal = await session.refused("a hare", **PRICED, n=2, request_key="k")
        assert "was used for another request" in refusal
        assert session.charge_count == 3
    assert again["job_ids"][:2] == first["job_ids"]


async def test_allow_duplicate_pays_for_all_of_them_again(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        first = await session.create(SLOW, **PRICED, n=2)
        again = await session.create(SLOW, **PRICED, n=2, allow_duplicate=True)
        assert session.charge_count == 4
    assert not {*first["job_ids"]} & {*again["job_ids"]}


# -- caps ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "argument", "words"),
    [
        ({"SEEDANCE_DAILY_BUDGET": "1.50"}, {}, "of the daily budget of $1.50"),
        ({}, {"max_cost": 1.5}, "and max_cost is $1.50"),
        ({"SEEDANCE_MAX_OPEN_JOBS": "2"}, {}, "at most 2 may be. These would be 3 more"),
    ],
    ids=["day", "max_cost", "open jobs"],
)
@pytest.mark.parametrize("more", [{}, {"dry_run": True}], ids=["create", "dry run"])
async def test_the_caps_hold_for_all_variants_before_the_first_is_sent(
    tmp_path: Path, era: str, setting: dict[str, Any], argument: dict[str, Any], words: str, more: dict[str, Any]
) -> None:
    async with connected(tmp_path, era, **setting) as session:
        refusal = await session.refused(**PRICED, n=3, **argument, **more)
        assert await session.nothing_happened()
        assert (await session.create(**PRICED, n=2, **argument))["job_ids"]
    assert words in refusal
    if "open" not in words and "may be" not in words:
        assert "These 3 videos may cost $1.71" in refusal


async def test_what_a_vendor_charges_in_its_own_unit_is_added_up(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        first = await session.create(SLOW, model="jimmyai/seedance2.0-mini", duration=5, resolution="480p", n=3)
        again = await session.create(SLOW, model="jimmyai/seedance2.0-mini", duration=5, resolution="480p", n=3)
    for answer in (first, again):
        assert (answer["cost"]["charged_amount"], answer["cost"]["unit"]) == (4.5, "JimiCoin")
    assert first["cost"]["basis"].startswith("3 × (")


async def test_the_limit_for_one_video_is_for_each(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, SEEDANCE_MAX_COST="0.60") as session:
        assert len((await session.create(**PRICED, n=3))["job_ids"]) == 3


@pytest.mark.parametrize("agree", [True, False])
async def test_the_user_is_asked_once_and_for_the_sum(tmp_path: Path, era: str, *, agree: bool) -> None:
    asked: list[str] = []

    async def answer(_: Any, params: Any) -> types.ElicitResult:
        asked.append(params.message)
        return types.ElicitResult(action="accept", content={"ok": agree})

    client: dict[str, Any] = {"elicitation_callback": answer}
    async with connected(tmp_path, era, client=client, SEEDANCE_CONFIRM_ABOVE="1") as session:
        result = await session.call("create_video", prompt="a fox", **PRICED, n=3)
        assert session.charge_count == (3 if agree else 0)
        assert result.result.is_error is not agree
    (question,) = asked
    assert "Spend up to $1.71 on 3 variants of a 4 s video with seedanceapi/seedance-2-mini?" in question


# -- what goes wrong ----------------------------------------------------------------------------------------------


async def test_where_the_first_is_refused_the_others_are_not_sent(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        refusal = await session.refused("a fox. sandbox: refuse content_policy", **PRICED, n=3)
        assert session.charge_count == 0
        assert await states(session) == ["abandoned", "abandoned", "rejected"]
        assert (await session.call("list_videos")).fields["spent_today"]["reserved"] == 0
        again = await session.refused("a fox. sandbox: refuse content_policy", **PRICED, n=3)
    assert "The others were not sent; nothing was charged." in refusal
    assert refusal.startswith("content_policy: ")
    assert again.startswith("content_policy: ")


async def test_where_an_answer_is_lost_the_others_are_not_sent_and_the_answer_says_so(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        answer = await session.create("a fox. sandbox: lose-answer", **PRICED, n=3)
        assert session.charge_count == 1
        assert await states(session) == ["abandoned", "abandoned", "unknown"]
    (lost,) = answer["job_ids"]
    assert answer["state"] == "unknown"
    assert answer["cost"]["usd"] == pytest.approx(0.57)
    assert f"The vendor's answer about job {lost} was lost" in answer["note"]
    assert "2 of the 3 were therefore not sent. Tell the user." in answer["note"]
    assert "Do NOT call create_video again" in answer["next_step"]


async def test_a_call_that_is_cancelled_sends_no_further_variant(tmp_path: Path, era: str) -> None:
    transport = HeldTransport(Sandbox(pace=0))
    async with connected(tmp_path, era, transport=transport) as session:
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: session.create(**PRICED, n=3))
            await transport.arrived.wait()
            group.cancel_scope.cancel()
        transport.released.set()
        while {"submitting", "intent"} & {*(found := await states(session))}:
            pass
        assert session.charge_count == 1
    assert found == ["abandoned", "abandoned", "submitted"]


async def test_variants_of_one_seed_are_refused_and_like_leaves_the_seed_out(tmp_path: Path, era: str) -> None:
    seeded = {"model": "ope/seedance-2-0", "duration": 4, "resolution": "480p", "seed": 7}
    async with connected(tmp_path, era) as session:
        refusal = await session.refused(**seeded, n=2)
        assert "n 2 asks for different videos, and seed for the same one; leave out seed" in refusal
        assert "n 9 must be 1–4" in await session.refused(**PRICED, n=9)
        first = await session.video(**seeded)
        more = await session.create("again", like=first["job_id"], n=2, dry_run=True)
    assert "seed" not in more["request"]["body"]
