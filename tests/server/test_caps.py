"""The caps on spending, as an assistant meets them."""

from __future__ import annotations

import re
from pathlib import Path

import anyio
import pytest

from tests.about import RESELLERS
from tests.server.mcp_client import PRICED, UNPRICED, connected, quoted_price, with_keys

pytestmark = pytest.mark.anyio

SLOW = "a fox. sandbox: slow 3600"


# -- max_cost -----------------------------------------------------------------------------------------------------


async def test_a_video_above_max_cost_is_refused(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        cost = await quoted_price(session)
        refusal = await session.refused(**PRICED, max_cost=cost - 0.01)
        assert refusal.startswith(f"over_budget: This video may cost ${cost:.2f}, and max_cost is ${cost - 0.01:.2f}.")
        assert await session.nothing_happened()
        await session.create(**PRICED, max_cost=cost)
        assert session.charge_count == 1


@pytest.mark.parametrize("cents", [57, 58, 113, 114, 115, 116, 201, 229, 435, 819])
async def test_max_cost_is_exact_to_the_cent(tmp_path: Path, era: str, cents: int) -> None:
    prices = f'{{"ope": {{"per": "video", "unit": "USD", "rates": {cents / 100}}}}}'
    async with connected(tmp_path, era, SEEDANCE_PRICES=prices) as session:
        quoted = await session.create(**UNPRICED, max_cost=cents / 100, dry_run=True)
        assert quoted["cost"]["usd"] == cents / 100
        assert "over_budget" in await session.refused(**UNPRICED, max_cost=(cents - 1) / 100)


async def test_max_cost_cannot_be_enforced_where_the_price_is_unknown(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, SEEDANCE_ALLOW_UNPRICED="1") as session:
        refusal = await session.refused(**UNPRICED, max_cost=100)
        assert refusal.startswith(
            "price_unknown: The price of ope/seedance-2-0 in USD is unknown, so max_cost cannot be enforced."
        )
        assert await session.nothing_happened()


@pytest.mark.parametrize("max_cost", [-1, "2", True])
async def test_a_max_cost_that_is_not_an_amount_is_refused(tmp_path: Path, era: str, max_cost: object) -> None:
    async with connected(tmp_path, era) as session:
        assert "- max_cost " in await session.refused(**PRICED, max_cost=max_cost)
        assert await session.nothing_happened()


# -- the user's caps ----------------------------------------------------------------------------------------------


async def test_a_caller_cannot_raise_the_cap_per_video(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, SEEDANCE_MAX_COST="0.50") as session:
        for arguments in ({}, {"max_cost": 100}, {"dry_run": True}):
            refusal = await session.refused(**PRICED, **arguments)
            assert re.match(
                r"over_budget: This video may cost \$\d+\.\d+, and the user's limit for one video is \$0\.50\.", refusal
            )
        assert await session.nothing_happened()


async def test_with_a_cap_a_model_without_a_price_is_refused(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, SEEDANCE_MAX_COST="50") as session:
        refusal = await session.refused(**UNPRICED)
        assert refusal.startswith("price_unknown: The price of ope/seedance-2-0 in USD is unknown, and a cap is set.")
        assert "SEEDANCE_PRICES" in refusal
        assert "SEEDANCE_ALLOW_UNPRICED=1" in refusal
        assert await session.nothing_happened()


async def test_with_a_cap_a_model_without_a_price_can_be_allowed(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, SEEDANCE_MAX_COST="50", SEEDANCE_ALLOW_UNPRICED="1") as session:
        job = await session.create(**UNPRICED)
        assert "usd" not in job["cost"]
        assert "unknown" in job["cost"]


async def test_a_price_from_the_user_counts_towards_the_cap(tmp_path: Path, era: str) -> None:
    prices = '{"ope/seedance-2-0": {"per": "second", "unit": "USD", "rates": {"480p": 0.25}}}'
    async with connected(tmp_path, era, SEEDANCE_MAX_COST="0.99", SEEDANCE_PRICES=prices) as session:
        assert "may cost $1.00, and the user's limit for one video is $0.99" in await session.refused(**UNPRICED)
    async with connected(tmp_path, era, SEEDANCE_MAX_COST="1", SEEDANCE_PRICES=prices) as session:
        assert (await session.create(**UNPRICED))["cost"]["usd"] == 1.0


# -- the daily budget ---------------------------------------------------------------------------------------------


async def test_the_daily_budget_counts_what_is_spent_and_what_is_reserved(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        cost = await quoted_price(session)
    async with connected(tmp_path, era, SEEDANCE_DAILY_BUDGET=f"{2 * cost + 0.01:.2f}") as session:
        await session.video(**PRICED)
        await session.create(SLOW, **PRICED)
        refusal = await session.refused("a third fox", **PRICED)
        assert refusal.startswith(f"over_budget: This video may cost ${cost:.2f}; of the daily budget of ")
        assert f"${cost:.2f} is spent and ${cost:.2f} reserved. It resets at local midnight." in refusal
        assert session.charge_count == 2
        assert (await session.call("list_videos")).fields["spent_today"]["left"] == pytest.approx(0.01)


async def test_a_job_that_the_vendor_refused_does_not_use_up_the_budget(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        cost = await quoted_price(session)
    async with connected(tmp_path, era, SEEDANCE_DAILY_BUDGET=f"{cost:.2f}") as session:
        await session.refused("a fox. sandbox: refuse no_credit", **PRICED)
        assert (await session.video(**PRICED))["state"] == "succeeded"


async def test_simultaneous_calls_do_not_exceed_the_budget_together(tmp_path: Path, era: str) -> None:
    created: list[bool] = []
    async with connected(tmp_path, era) as session:
        cost = await quoted_price(session)
    async with connected(tmp_path, era, SEEDANCE_DAILY_BUDGET=f"{3 * cost:.2f}") as session:

        async def create(number: int) -> None:
            answer = await session.call("create_video", prompt=f"fox {number}", **PRICED)
            created.append(not answer.result.is_error)

        async with anyio.create_task_group() as group:
            for number in range(10):
                group.start_soon(create, number)
        assert session.charge_count == 3
    assert sorted(created) == [False] * 7 + [True] * 3


async def test_the_number_of_open_jobs_is_limited(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, SEEDANCE_MAX_OPEN_JOBS="2") as session:
        await session.create("one. sandbox: slow 3600", **PRICED)
        job = await session.create("two", **PRICED)
        refusal = await session.refused("three", **PRICED)
        assert refusal.startswith("over_budget: 2 jobs are open, and at most 2 may be. Nothing was sent. Wait until")
        assert session.charge_count == 2
        await session.finish(job["job_id"])
        await session.create("three", **PRICED)


# -- a price that nobody knows ------------------------------------------------------------------------------------


async def test_nothing_is_bought_at_an_unknown_price_unless_a_model_is_named(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, **with_keys(*RESELLERS)) as session:
        asked = {"duration": 5, "seed": 42}
        refusal = await session.refused(**asked)
        assert refusal.startswith(
            "price_unknown: The price of ope/seedance-2-0 in USD is unknown, and a model is chosen for the user only "
            "at a known price. Why this model: "
        )
        assert "Others: jimmyai/" not in refusal  # which have no seed
        assert "without seed: seedanceapi/seedance-2-mini, $" in refusal
        assert "Nothing was sent. Tell the user, and ask which to take" in refusal
        assert await session.nothing_happened()
        assert (await session.create(**asked, dry_run=True))["model"] == "ope/seedance-2-0"
        assert (await session.create(**asked, model="ope/seedance-2-0"))["state"] == "submitted"
        again = await session.create(**asked, model="ope/seedance-2-0")
        assert "duplicate_of" in again
        assert session.charge_count == 1


async def test_a_price_in_the_vendors_own_units_is_told_with_the_refusal(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, **with_keys(*RESELLERS)) as session:
        refusal = await session.refused(duration=8, resolution="4k")
    assert "It costs 4 JimiCoin; jimmyai does not publish what its JimiCoin are worth" in refusal
    assert "with resolution 720p: seedanceapi/seedance-2-mini, $" in refusal


async def test_an_operator_can_allow_unknown_prices(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, **with_keys(*RESELLERS), SEEDANCE_ALLOW_UNPRICED="1") as session:
        assert (await session.create(seed=42))["model"] == "ope/seedance-2-0"
