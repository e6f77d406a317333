"""What a finished job cost: what the vendor reports, else what was quoted; and what is free costs nothing at all."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from seedance_mcp.catalog.check import check
from seedance_mcp.catalog.model import Model
from seedance_mcp.catalog.price import Prices, UnitPrice, price
from seedance_mcp.jobs.final_cost import charged_usd, report, settlement
from seedance_mcp.jobs.journal.model import Job
from seedance_mcp.sandbox import Sandbox
from tests.jobs.services import JIMMY, JIMMY_UNLISTED, MINI, create, finish, sandbox_service, vendor_of

pytestmark = pytest.mark.anyio

FAILED = "a fox. sandbox: fail generation_failed"
COIN_WORTH = '{"jimmyai": {"usd_per_unit": 0.14}}'


def model(model_id: str) -> Model:
    found = vendor_of(model_id).model(model_id)
    assert found
    return found


CREDITS, COINS = model(MINI["model"]), model(JIMMY["model"])


# -- from a vendor's unit to USD ----------------------------------------------------------------------------------


def worth(value: str) -> UnitPrice:
    return UnitPrice(usd_per_unit=Decimal(value))


def quoted(of: Model, prices: Prices) -> Job:
    """Return a job with the worth of a unit that its quote had."""
    checked = check(of, {"prompt": "a fox", "duration": 4, "resolution": "480p"}).request
    assert checked
    worth = price(checked, prices).unit_usd
    return job(model=of.id, unit_usd=None if worth is None else str(worth))


@pytest.mark.parametrize(
    ("of", "charged", "prices", "micros"),
    [
        (CREDITS, "57", {}, 570_000),  # the vendor documents that a credit is a cent
        (CREDITS, "0", {}, 0),
        (CREDITS, "0.00001", {}, 1),  # rounded up
        (CREDITS, "57", {"seedanceapi": worth("0.02")}, 1_140_000),  # what the operator states wins
        (CREDITS, "57", {CREDITS.id: worth("0.03"), "seedanceapi": worth("0.02")}, 1_710_000),
        (CREDITS, "57", {CREDITS.id: UnitPrice(), "seedanceapi": worth("0.02")}, 1_140_000),
        (CREDITS, "57", {"jimmyai": worth("0.02")}, 570_000),  # another vendor's
        (COINS, "7", {}, None),  # the worth of a coin is not published
        (COINS, "7", {"jimmyai": worth("0.14")}, 980_000),
        (COINS, "7", {COINS.id: worth("0.2")}, 1_400_000),
    ],
)
def test_a_charge_is_worth_what_the_operator_says_or_else_the_vendor(
    of: Model, charged: str, prices: Prices, micros: int | None
) -> None:
    assert charged_usd(quoted(of, prices), Decimal(charged)) == micros


def test_a_charge_in_usd_is_worth_itself() -> None:
    in_usd = replace(COINS, billing=replace(COINS.billing, unit="USD"))
    assert charged_usd(quoted(in_usd, {}), Decimal("1.25")) == 1_250_000
    assert charged_usd(quoted(in_usd, {in_usd.id: worth("3")}), Decimal("1.25")) == 1_250_000


def test_an_operators_entry_in_another_unit_does_not_multiply_the_vendors_credits() -> None:
    per_second = UnitPrice(rates={"480p": Decimal("0.05")}, per="second", unit="USD", usd_per_unit=Decimal(1))
    assert charged_usd(quoted(CREDITS, {CREDITS.id: per_second}), Decimal(57)) == 570_000


def test_without_a_reported_charge_there_is_none_in_usd() -> None:
    assert charged_usd(quoted(CREDITS, {}), None) is None


# -- settling one job ---------------------------------------------------------------------------------------------


def job(**changes: Any) -> Job:
    """Return a running job with $0.57 reserved."""
    row = Job(
        "j",
        "running",
        "seedanceapi",
        CREDITS.id,
        {},
        "",
        0.0,
        0.0,
        "owner",
        "2026-01-01",
        reserved=570_000,
        unit_usd="0.01",
    )
    return replace(row, **changes)


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled", "expired"])
@pytest.mark.parametrize(("charged", "spent"), [("100", 1_000_000), ("57", 570_000), ("3", 30_000), ("0", 0)])
def test_what_the_vendor_reports_is_spent_however_the_job_ends(state: str, charged: str, spent: int) -> None:
    settled = settlement(job(), CREDITS, state, Decimal(charged))
    kept = {"charged": {"amount": charged, "unit": "credits"}, "settled_by": "reported"}
    assert settled == {"spent": spent, "reserved": 0, "unpriced": 0} | kept


def test_without_a_report_a_video_costs_what_was_reserved() -> None:
    assert settlement(job(), CREDITS, "succeeded", None) == {"spent": 570_000, "reserved": 0, "settled_by": "assumed"}


@pytest.mark.parametrize("state", ["failed", "cancelled", "expired"])
def test_a_failure_costs_nothing_where_the_vendor_says_so_and_else_what_was_reserved(state: str) -> None:
    assert CREDITS.billing.failure_is_free
    free = {"spent": 0, "reserved": 0, "unpriced": 0, "settled_by": "documented"}
    assert settlement(job(), CREDITS, state, None) == free
    assert not COINS.billing.failure_is_free
    assumed = {"spent": 570_000, "reserved": 0, "settled_by": "assumed"}
    assert settlement(job(model=COINS.id), COINS, state, None) == assumed


def test_a_failure_that_was_charged_before_counts_until_the_vendor_reports_that_it_was_given_back() -> None:
    charged = job(charged={"amount": "48", "unit": "credits"})
    assert settlement(charged, CREDITS, "failed", None) == {"spent": 570_000, "reserved": 0, "settled_by": "assumed"}
    assert settlement(charged, CREDITS, "failed", Decimal(0))["spent"] == 0
    nothing_yet = job(charged={"amount": "0", "unit": "credits"})
    assert settlement(nothing_yet, CREDITS, "failed", None)["spent"] == 0


def test_a_charge_whose_worth_is_unknown_is_kept_and_leaves_the_quote_in_force() -> None:
    kept = {"charged": {"amount": "7", "unit": "JimiCoin"}, "settled_by": "reported"}
    unpriced = job(model=COINS.id, reserved=0, unpriced=True, unit_usd=None)
    assert settlement(unpriced, COINS, "succeeded", Decimal(7)) == {"spent": 0, "reserved": 0} | kept
    in_usd = job(model=COINS.id, unit_usd=None)
    assert settlement(in_usd, COINS, "succeeded", Decimal(7)) == {"spent": 570_000, "reserved": 0} | kept


def test_a_charge_of_nothing_is_nothing_in_any_unit() -> None:
    unpriced = job(model=COINS.id, reserved=0, unpriced=True, unit_usd=None)
    settled = settlement(unpriced, COINS, "failed", Decimal(0))
    assert (settled["spent"], settled["unpriced"], settled["settled_by"]) == (0, 0, "reported")


def test_a_job_of_a_model_that_is_gone_costs_what_the_vendor_reports_or_else_what_was_reserved() -> None:
    for state in ("succeeded", "failed"):
        settled = settlement(job(), None, state, Decimal(1))
        assert (settled["spent"], settled["reserved"], settled["unpriced"]) == (10_000, 0, 0)
        assert settlement(job(), None, state, None) == {"spent": 570_000, "reserved": 0, "settled_by": "assumed"}


@pytest.mark.parametrize(("charged", "reserved"), [("0", 570_000), ("57", 570_000), ("58", 580_000)])
def test_a_charge_that_is_reported_early_raises_the_reservation_and_never_lowers_it(
    charged: str, reserved: int
) -> None:
    changes = report(job(), vendor_of(CREDITS.id), Decimal(charged))
    assert changes.get("reserved", 570_000) == reserved
    assert changes["charged"] == {"amount": charged, "unit": "credits"}
    assert report(job(), vendor_of(CREDITS.id), None) == {}


# -- from the POST to the end -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("charged", "micros"), [("100", 1_000_000), ("57", 570_000), ("3", 30_000), ("0", 0)])
@pytest.mark.parametrize("prompt", ["a fox", FAILED])
async def test_an_early_charge_may_raise_the_reservation_and_the_last_one_is_what_was_spent(
    tmp_path: Path, charged: str, micros: int, prompt: str
) -> None:
    sandbox = Sandbox(pace=0, charge=lambda _slug, _quoted: Decimal(charged))
    async with sandbox_service(tmp_path, sandbox) as service:
        begun = await create(service, prompt)
        reserved = max(micros, 570_000)
        assert (begun.state, begun.reserved, begun.spent) == ("submitted", reserved, 0)
        during = await service.spending()
        assert (during.reserved, during.spent) == (reserved, 0)
        done = await finish(service, begun.id)
        assert done.state == ("failed" if prompt == FAILED else "succeeded")
        assert (done.reserved, done.spent) == (0, micros)
        after = await service.spending()
        assert (after.reserved, after.spent) == (0, micros)
        (total,) = await service.totals(1)
        assert (total.spent, total.reserved) == (micros, 0)


async def test_a_charge_above_the_quote_uses_up_the_daily_budget(tmp_path: Path) -> None:
    async with sandbox_service(tmp_path, SEEDANCE_DAILY_BUDGET="1.20") as service:
        begun = await create(service, "a fox. sandbox: charge 100")
        left = (await service.spending()).left(1_200_000)
        await finish(service, begun.id)
        assert left == (await service.spending()).left(1_200_000) == 200_000


async def test_a_failure_that_the_vendor_does_not_charge_for_costs_exactly_nothing(tmp_path: Path) -> None:
    async with sandbox_service(tmp_path) as service:
        done = await finish(service, (await create(service, FAILED)).id)
        assert (done.state, done.reserved, done.spent, done.cost) == ("failed", 0, 0, 0)
        spending = await service.spending()
        assert (spending.spent, spending.reserved, spending.open_jobs) == (0, 0, 0)


async def test_where_the_vendor_reports_no_charge_the_quote_stays_reserved_and_is_spent(tmp_path: Path) -> None:
    async with sandbox_service(tmp_path, Sandbox(pace=0, charge=lambda _slug, _quoted: None)) as service:
        begun = await create(service)
        assert begun.reserved == 570_000
        done = await finish(service, begun.id)
        assert (done.reserved, done.spent) == (0, 570_000)


async def test_a_coin_is_worth_what_the_operator_says_in_the_reservation_and_in_the_settlement(tmp_path: Path) -> None:
    async with sandbox_service(tmp_path, SEEDANCE_PRICES=COIN_WORTH) as service:
        begun = await create(service, "a fox. sandbox: charge 7", **JIMMY)
        assert (begun.price or {})["usd"] == 0.168
        assert (begun.reserved, begun.unpriced) == (980_000, False)
        done = await finish(service, begun.id)
        assert (done.reserved, done.spent) == (0, 980_000)


async def test_a_job_without_a_price_has_one_once_the_vendor_reports_its_charge(tmp_path: Path) -> None:
    async with sandbox_service(tmp_path, SEEDANCE_PRICES=COIN_WORTH) as service:
        begun = await create(service, "a fox. sandbox: charge 7", **JIMMY_UNLISTED)
        assert "usd" not in (begun.price or {})
        assert (begun.reserved, begun.unpriced, begun.cost) == (980_000, False, 980_000)
        assert (await service.spending()).unpriced == 0


async def test_a_charge_that_is_reported_only_at_the_end_gives_a_job_its_price(tmp_path: Path) -> None:
    sandbox = Sandbox(pace=0, charge=lambda _slug, _quoted: None)
    async with sandbox_service(tmp_path, sandbox, SEEDANCE_PRICES=COIN_WORTH) as service:
        begun = await create(service, **JIMMY_UNLISTED)
        assert (begun.reserved, begun.unpriced, begun.cost) == (0, True, None)
        assert (await service.spending()).unpriced == 1
        (task,) = sandbox.tasks.values()
        task.amount = Decimal(7)
        done = await finish(service, begun.id)
        assert (done.spent, done.unpriced, done.cost) == (980_000, False, 980_000)
        assert (await service.spending()).unpriced == 0


async def test_a_charge_of_unknown_worth_leaves_a_job_without_a_price(tmp_path: Path) -> None:
    async with sandbox_service(tmp_path) as service:
        begun = await create(service, "a fox. sandbox: charge 7", **JIMMY)
        assert (begun.reserved, begun.unpriced) == (0, True)
        done = await finish(service, begun.id)
        assert (done.reserved, done.spent, done.unpriced) == (0, 0, True)
        assert (await service.spending()).unpriced == 1
