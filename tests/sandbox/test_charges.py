"""A vendor that charges more or less than it quoted, and one that charges for a failure."""

from __future__ import annotations

from decimal import Decimal

import pytest

from seedance_mcp.sandbox import Sandbox
from tests.about import ABOUT
from tests.sandbox.sandbox_client import SLUGS, sandbox_client

pytestmark = pytest.mark.anyio

REPORTING = tuple(slug for slug, about in ABOUT.items() if about.reports_charge)
"""The vendors whose answers report a charge."""
FAILED = "a fox. sandbox: fail generation_failed"


async def _quoted(slug: str) -> Decimal:
    async with sandbox_client(slug) as client:
        amount = (await client.create()).charged
    assert amount
    return amount


@pytest.mark.parametrize("slug", REPORTING)
@pytest.mark.parametrize("factor", ["2", "0.5", "0"])
async def test_a_vendor_can_charge_more_or_less_than_it_quoted_or_nothing(slug: str, factor: str) -> None:
    quoted = await _quoted(slug)
    expected = quoted * Decimal(factor)

    def charge(vendor: str, amount: Decimal | None) -> Decimal | None:
        assert (vendor, amount) == (slug, quoted)
        return expected

    async with sandbox_client(slug, Sandbox(pace=0, charge=charge)) as client:
        accepted = await client.create()
        snapshot = await client.poll(accepted.task_id)
    assert (accepted.charged, snapshot.charged) == (expected, expected)
    assert [c.amount for c in client.sandbox.charges] == [expected]


@pytest.mark.parametrize("slug", REPORTING)
async def test_a_vendor_can_leave_its_charge_out_of_its_answers(slug: str) -> None:
    async with sandbox_client(slug, Sandbox(pace=0, charge=lambda _slug, _quoted: None)) as client:
        accepted = await client.create()
        snapshot = await client.poll(accepted.task_id)
    assert (accepted.charged, snapshot.charged, snapshot.state) == (None, None, "succeeded")
    assert [c.amount for c in client.sandbox.charges] == [None]


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("amount", ["0", "0.25", "31", "100000"])
async def test_a_prompt_can_set_the_charge_of_a_job(slug: str, amount: str) -> None:
    async with sandbox_client(slug) as client:
        accepted = await client.create(prompt=f"a fox. sandbox: charge {amount}")
        snapshot = await client.poll(accepted.task_id)
    expected = Decimal(amount)
    assert [c.amount for c in client.sandbox.charges] == [expected]
    if slug in REPORTING:
        assert (accepted.charged, snapshot.charged) == (expected, expected)


async def test_the_charge_in_a_prompt_wins_over_the_one_of_the_sandbox() -> None:
    async with sandbox_client("jimmyai", Sandbox(pace=0, charge=lambda _slug, _quoted: Decimal(9))) as client:
        assert (await client.create(prompt="sandbox: charge 7")).charged == 7
        assert (await client.create()).charged == 9


async def test_seedanceapi_can_charge_for_a_failed_task() -> None:
    async with sandbox_client("seedanceapi", Sandbox(pace=0, charge=lambda _slug, quoted: quoted)) as client:
        accepted = await client.create(prompt=FAILED)
        snapshot = await client.poll(accepted.task_id)
        assert (snapshot.state, snapshot.charged) == ("failed", accepted.charged)
    async with sandbox_client("seedanceapi") as client:
        directed = await client.create(prompt=f"{FAILED}, charge 3")
        assert (await client.poll(directed.task_id)).charged == 3
        documented = await client.create(prompt=FAILED)
        assert (await client.poll(documented.task_id)).charged == 0


async def test_the_account_of_jimmyai_counts_what_was_charged() -> None:
    async with sandbox_client("jimmyai") as client:
        await client.create(prompt="sandbox: charge 7.5")
        query = next(q for q in client.vendor.account_queries if q.call.path.endswith("/user/balance"))
        balance = (await client.send(query.call)).json()["data"]
    assert (balance["used_coin"], balance["available"]) == (7.5, 93.0)
