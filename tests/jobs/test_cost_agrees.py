"""What is charged, quoted and capped is the same to create_video, check_video, list_videos, journal and terminal."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedance_mcp import views
from seedance_mcp.catalog.check import check
from seedance_mcp.catalog.order import Order
from seedance_mcp.catalog.price import MICROS, Price, dollars, price
from seedance_mcp.jobs.final_cost import report, settlement
from seedance_mcp.jobs.journal.budget import Spending
from seedance_mcp.jobs.journal.model import Admission, Job, Page
from seedance_mcp.jobs.quote import Quote
from seedance_mcp.sandbox import Sandbox
from tests.catalog.any_request import MODELS, price_settings
from tests.jobs.services import JIMMY, MINI, create, finish, quote, sandbox_service, vendor_of

FAILED = "a fox. sandbox: fail generation_failed"
ENDS = ("succeeded", "failed", "cancelled", "expired")
charges = st.none() | st.decimals(0, 5000, places=3)


def running(made: Quote, cap: int | None) -> Job:
    """Return the job of a quote, as the journal admits it."""
    cost = made.price
    return Job(
        "job", "submitted", made.vendor.slug, made.model.id, made.request.fields(), "", 0.0, 0.0, "owner", "day",
        price=cost.as_json(), reserved=cost.usd_micros or 0, unpriced=cost.usd_micros is None, cap=cap,
        unit_usd=None if cost.unit_usd is None else str(cost.unit_usd),
    )  # fmt: skip


@given(
    st.sampled_from(MODELS), price_settings(), st.none() | st.integers(0, 5 * MICROS), charges, charges,
    st.sampled_from(ENDS),
)  # fmt: skip
def test_charged_quoted_and_capped_agree_everywhere(
    model: Any, prices: Any, cap: int | None, early: Decimal | None, late: Decimal | None, end: str
) -> None:
    args: dict[str, Any] = {"prompt": "x"} | ({"first_frame": "https://example.com/a"} if _needs_frame(model) else {})
    request = check(model, args).request
    assert request
    vendor = vendor_of(model.id)
    made = Quote(Order.parse(args), request, price(request, prices), vendor)
    begun = running(made, cap)
    begun = replace(begun, **report(begun, vendor, early))
    assert begun.reserved >= (made.price.usd_micros or 0)
    _agree(begun, made, early)
    done = replace(begun, state=end, finished_at=1.0, **settlement(begun, model, end, late))
    assert done.reserved == 0
    _agree(done, made, late if late is not None else early)
    _settled_as_reported(done, made.price, late, early)


def _needs_frame(model: Any) -> bool:
    return "first_frame" in model.rows and model.rows["first_frame"].required


def _agree(job: Job, made: Quote, charged: Decimal | None) -> None:
    created = views.created(made, Admission(job), 50)
    checked = views.checked(job, made.vendor, autosave=True, again_in=None)
    (listed,) = views.listed(Page([job]), Spending("day"), None)["videos"]
    names = ("charged_usd", "quoted_usd", "charged_amount", "quoted_amount")
    for name in names:
        assert created["cost"].get(name) == checked["cost"].get(name) == listed["cost"].get(name), name
    cost = checked["cost"]
    quoted = made.price.usd_micros
    in_usd = None if charged is None else job.usd_of(charged)
    over = in_usd is not None and quoted is not None and in_usd > quoted
    assert ("charged_usd" in cost) is over
    if over and in_usd is not None and quoted is not None:
        assert (cost["charged_usd"], cost["quoted_usd"]) == (in_usd / MICROS, quoted / MICROS)
        assert f"{dollars(in_usd)} charged, {dollars(quoted)} quoted" in views.cost_text(job)
        for answer in (created, checked, listed):
            assert f"{dollars(in_usd)}, and {dollars(quoted)} was quoted." in answer["note"]
    above = in_usd is not None and job.cap is not None and in_usd > job.cap
    for answer in (created, checked, listed):
        assert ("is above the cap of" in answer.get("note", "")) is above
    if charged is not None and in_usd is None:
        assert cost["charged_amount"] == float(charged)


def _settled_as_reported(job: Job, quoted: Price, late: Decimal | None, early: Decimal | None) -> None:
    in_usd = None if late is None else job.usd_of(late)
    if in_usd is not None:
        assert (job.spent, job.cost, job.settled_by) == (in_usd, in_usd, "reported")
    elif job.settled_by == "documented":
        assert (job.spent, job.cost) == (0, 0)
    elif late is None:
        early_usd = None if early is None else job.usd_of(early)
        assert job.spent == max(quoted.usd_micros or 0, early_usd or 0)
    if job.state != "succeeded":
        note = views.checked(job, None, autosave=True, again_in=None)["note"]
        assert any(words in note for words in ("The vendor charged", "did not charge", "Not charged", "does not say"))


# -- through the service ------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_charge_above_the_quote_and_the_cap_is_told_at_create_check_and_list(tmp_path: Path) -> None:
    async with sandbox_service(tmp_path, SEEDANCE_MAX_COST="0.60") as service:
        made = await quote(service, "a fox. sandbox: charge 100", **MINI)
        created = views.created(made, await service.create(made), 50)
        done = await finish(service, created["job_id"])
        vendor = service.settings.vendor(done.vendor)
        checked = views.checked(done, vendor, autosave=False, again_in=None)
        (listed,) = views.listed(await service.page(), await service.spending(), None)["videos"]
    assert created["cost"] | {"basis": ""} == {
        "usd": 1.0, "amount": 57.0, "unit": "credits", "basis": "", "reserved": True, "charged_usd": 1.0,
        "quoted_usd": 0.57,
    }  # fmt: skip
    assert created["note"] == (
        "Tell the user: the vendor reports a charge of $1.00, and $0.57 was quoted. The charge is above the cap of "
        "$0.60 for one video."
    )
    assert checked["cost"] == listed["cost"] == {"usd": 1.0, "charged_usd": 1.0, "quoted_usd": 0.57}
    assert checked["note"] == listed["note"] == created["note"].replace("reports a charge of", "charged")


@pytest.mark.anyio
async def test_a_charge_in_the_vendors_own_units_is_told_although_its_worth_is_unknown(tmp_path: Path) -> None:
    async with sandbox_service(tmp_path) as service:
        done = await finish(service, (await create(service, "a fox. sandbox: charge 7", **JIMMY)).id)
    cost = views.cost(done)
    assert (cost["charged_amount"], cost["quoted_amount"], cost["unit"]) == (7.0, 1.2, "JimiCoin")
    assert views.cost_text(done) == "7 JimiCoin charged, 1.2 quoted"
    note = views.checked(done, None, autosave=False, again_in=None)["note"]
    assert note == "Tell the user: the vendor charged 7 JimiCoin, and 1.2 was quoted."


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("prompt", "request_fields", "charged", "note"),
    [
        (FAILED, MINI, None, "Not charged: the vendor does not charge for failures."),
        (FAILED, MINI, Decimal(0), "The vendor did not charge for it."),
        (FAILED, MINI, Decimal(57), "The vendor charged $0.57 for it."),
        (FAILED, JIMMY, None, "The vendor does not say whether it charged for it."),
    ],
)
async def test_a_failed_job_says_whether_it_was_charged(
    tmp_path: Path, prompt: str, request_fields: dict[str, Any], charged: Decimal | None, note: str
) -> None:
    async with sandbox_service(tmp_path, Sandbox(pace=0, charge=lambda _slug, _quoted: charged)) as service:
        done = await finish(service, (await create(service, prompt, **request_fields)).id)
    assert done.state == "failed"
    assert views.checked(done, None, autosave=False, again_in=None)["note"] == note


@pytest.mark.anyio
@pytest.mark.parametrize(("charged", "kept"), [(None, True), (Decimal(480), False)])
async def test_that_a_price_may_rise_is_told_until_the_vendor_reports_what_it_charged(
    tmp_path: Path, charged: Decimal | None, *, kept: bool
) -> None:
    large: dict[str, Any] = {"model": "seedanceapi/seedance-2.0", "duration": 10, "resolution": "1080p"}
    async with sandbox_service(tmp_path, Sandbox(pace=0, charge=lambda _slug, _quoted: charged)) as service:
        done = await finish(service, (await create(service, **large)).id)
    cost = views.cost(done)
    assert cost["usd"] == 4.8
    assert ("may cost more" in cost.get("caution", "")) is kept
    assert views.cost_text(done) == "$4.80"


@pytest.mark.anyio
async def test_a_refused_job_shows_no_cost(tmp_path: Path) -> None:
    async with sandbox_service(tmp_path) as service:
        job = await create(service, "a fox. sandbox: refuse content_policy")
        (listed,) = views.listed(await service.page(), await service.spending(), None)["videos"]
    assert job.state == "rejected"
    assert "cost" not in views.checked(job, None, autosave=False, again_in=None)
    assert "cost" not in listed
    assert views.cost_text(job) == ""


@pytest.mark.anyio
async def test_a_duplicate_shows_the_job_that_is_there_and_not_the_quote(tmp_path: Path) -> None:
    prices = '{"ope/seedance-2-0": {"per": "video", "unit": "USD", "rates": 0.01}}'
    sandbox, prompt = Sandbox(pace=0), "a fox. sandbox: slow 3600"
    async with sandbox_service(tmp_path, sandbox) as service:
        first = (await service.create(await service.quote(Order.parse({"prompt": prompt, "duration": 4})))).job
    async with sandbox_service(tmp_path, sandbox, SEEDANCE_PRICES=prices) as service:
        made = await service.quote(Order.parse({"prompt": prompt, "duration": 4}))
        fields = views.created(made, await service.create(made), 50)
    assert made.model.id == "ope/seedance-2-0"
    assert (fields["model"], fields["duplicate_of"]) == (first.model, first.id)
    assert fields["cost"] == {"usd": first.reserved / MICROS, "reserved": True}
    assert not fields.keys() & {"chosen", "assumed", "size", "advice"}
