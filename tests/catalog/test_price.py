"""A price follows the vendor's table to the credit, or is unknown with the reason; it is never invented."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest

from seedance_mcp.catalog import Billing, Model, Row, Source, Text, Whole
from seedance_mcp.catalog.check import check
from seedance_mcp.catalog.price import Price, Prices, UnitPrice, dollars, price
from seedance_mcp.vendors import known_vendors
from tests.facts import FACTS
from tests.vendors.vendor_calls import IMAGE, VIDEO, checked, model

MODELS: list[Model] = [m for vendor in known_vendors().values() for m in vendor.models]
REFERENCE = "aigptimage/seedance-2.0-reference-to-video"


def quote(who: str, prices: Prices | None = None, **fields: Any) -> Price:
    request = checked(who, **fields).request
    assert request
    return price(request, prices or {})


@pytest.mark.parametrize("name", ["seedance-2.0", "seedance-2.0-fast"])
@pytest.mark.parametrize("resolution", ["480p", "720p", "1080p"])
@pytest.mark.parametrize("seconds", [5, 10, 15])
def test_seedanceapi_price_follows_the_table(name: str, resolution: str, seconds: int) -> None:
    listed = FACTS["seedanceapi"]["pricing"][name]["table"][seconds]
    found = quote(f"seedanceapi/{name}", duration=seconds, resolution=resolution)
    assert (found.amount, found.unit) == (listed, "credits")
    assert found.usd_micros == listed * 10_000
    assert found.unknown is None


def test_seedanceapi_price_tables_are_those_of_the_page() -> None:
    tables = {name: FACTS["seedanceapi"]["pricing"][name]["table"] for name in ("seedance-2.0", "seedance-2.0-fast")}
    assert tables == {
        "seedance-2.0": {5: 240, 10: 480, 15: 720},
        "seedance-2.0-fast": {5: 160, 10: 320, 15: 480},
    }


@pytest.mark.parametrize("seconds", range(4, 16))
@pytest.mark.parametrize(
    ("resolution", "videos", "per_second"),
    [("480p", False, 14.25), ("480p", True, 9), ("720p", False, 30.75), ("720p", True, 18.75)],
)
def test_seedanceapi_mini_price_follows_the_formula_rounded_up(
    resolution: str, videos: bool, per_second: float, seconds: int
) -> None:
    fields: dict[str, Any] = {"reference_videos": [VIDEO]} if videos else {"reference_images": [IMAGE]}
    found = quote("seedanceapi/seedance-2-mini", duration=seconds, resolution=resolution, **fields)
    assert found.amount == math.ceil(per_second * seconds)
    assert found.usd_micros == math.ceil(per_second * seconds) * 10_000


def test_seedanceapi_credit_is_worth_what_the_facts_say_and_a_failure_is_free() -> None:
    for m in known_vendors()["seedanceapi"].models:
        assert m.billing.usd_per_unit == Decimal(str(FACTS["seedanceapi"]["pricing"]["usd_per_credit"]))
        assert m.billing.failure_is_free
    assert "per successful generation" in FACTS["seedanceapi"]["pricing"]["charged_when"]


def test_other_vendors_do_not_promise_that_a_failure_is_free() -> None:
    assert {m.vendor for m in MODELS if m.billing.failure_is_free} == {"seedanceapi", "ark", "byteplus"}


@pytest.mark.parametrize(("resolution", "per_second"), [("480p", 40), ("720p", 80), ("1080p", 160)])
def test_aigptimage_price_is_known_in_credits_and_unknown_in_dollars(resolution: str, per_second: int) -> None:
    assert FACTS["aigptimage"]["pricing"]["reference_to_video_per_second"][resolution] == per_second
    found = quote(REFERENCE, duration=7, resolution=resolution)
    assert (found.amount, found.unit, found.usd_micros) == (per_second * 7, "credits", None)
    assert found.brief() == f"{per_second * 7} credits"
    assert "SEEDANCE_PRICES" in (found.unknown or "")
    assert "worth" in (found.unknown or "")


def test_aigptimage_price_in_dollars_follows_from_the_operators_value_of_a_credit() -> None:
    found = quote(REFERENCE, {"aigptimage": UnitPrice(usd_per_unit=Decimal("0.001"))}, duration=5)
    assert (found.amount, found.usd_micros, found.unknown) == (400, 400_000, None)


@pytest.mark.parametrize("who", [REFERENCE, "12ai/seedance-2-official"])
def test_a_part_of_a_second_is_priced_as_a_whole_one_for_so_much_may_be_made_and_billed(who: str) -> None:
    rates = {who: UnitPrice(rates={"": Decimal("0.1")}, per="second", unit="USD")}
    assert quote(who, rates, duration=4.5).usd_micros == quote(who, rates, duration=5).usd_micros == 500_000
    assert "× 5 s" in quote(who, rates, duration=4.5).basis


def test_aigptimage_warns_that_audio_may_cost_more() -> None:
    assert "audio" in (quote(REFERENCE, generate_audio=True).caution or "")
    assert quote(REFERENCE, generate_audio=False).caution is None


UNPRICED = [m.id for m in MODELS if m.vendor in ("ope", "12ai", "jimmyai")]


@pytest.mark.parametrize("who", UNPRICED)
def test_a_price_that_is_not_published_is_unknown_with_the_reason_and_the_setting(who: str) -> None:
    found = quote(who)
    assert (found.amount, found.usd_micros, found.brief()) == (None, None, "unknown")
    assert "SEEDANCE_PRICES" in (found.unknown or "")
    assert who.partition("/")[0] in (found.unknown or "")
    assert found.as_json().keys() == {"basis", "unknown"}


@pytest.mark.parametrize(
    ("who", "basis", "why"),
    [
        ("ope/seedance-2-0", "not published", "does not publish a price"),
        ("12ai/seedance-2-official", "unit price in the vendor's currency × 5 s", "does not publish a unit price"),
        ("jimmyai/seedance2.0-sp", "unit price in JimiCoin × 5 s", "does not publish a unit price"),
        ("jimmyai/seedance2.0-md", "unit price in JimiCoin per video", "does not publish a unit price"),
        ("aigptimage/seedance-2.0-text-to-video", "unit price in credits × 5 s", "a unit price"),
    ],
)
def test_an_unknown_price_shows_the_published_part_of_its_formula(who: str, basis: str, why: str) -> None:
    found = quote(who)
    assert found.basis == basis
    assert why in (found.unknown or "")


@pytest.mark.parametrize("name", ["seedance2.0-mini-sp", "seedance2.0-md", "seedance2.0-fast-md"])
def test_jimmyai_flat_models_are_billed_per_video(name: str) -> None:
    assert model(f"jimmyai/{name}").billing.per == "video"


@pytest.mark.parametrize("name", ["seedance2.0-sp", "sd2_mx_4k", "sd2_mx_video_fast_720p", "seedance2.0-mini"])
def test_jimmyai_other_models_are_billed_per_second(name: str) -> None:
    assert model(f"jimmyai/{name}").billing.per == "second"


def test_an_operators_own_rates_make_a_price() -> None:
    dollar = UnitPrice(rates={"720p": Decimal("0.1"), "": Decimal("0.05")}, per="second", unit="USD")
    prices = {"ope/seedance-2-0": dollar}
    found = quote("ope/seedance-2-0", prices, duration=7)
    assert (found.usd_micros, found.unit, found.unknown) == (700_000, "USD", None)
    assert found.basis == "0.1 USD per second × 7 s = 0.7 USD"
    assert quote("ope/seedance-2-0", prices, duration=7, resolution="480p").usd_micros == 350_000
    assert quote("ope/seedance-2-0-fast", prices, duration=7).usd_micros is None


def test_an_operators_price_per_video_does_not_grow_with_its_length() -> None:
    prices = {
        "jimmyai/seedance2.0-md": UnitPrice(rates={"": Decimal(2)}),
        "jimmyai": UnitPrice(usd_per_unit=Decimal("0.5")),
    }
    found = quote("jimmyai/seedance2.0-md", prices, duration=15)
    assert (found.amount, found.unit, found.usd_micros) == (2, "JimiCoin", 1_000_000)
    assert found.basis == "2 JimiCoin per video = 2 JimiCoin"


def test_a_price_names_its_price_list_or_why_the_list_has_none() -> None:
    listed = UnitPrice(rates={"720p": Decimal(2)}, with_video={"720p": Decimal(3)}, source="price list of today")
    prices = {"jimmyai/seedance2.0-sp": listed}
    found = quote("jimmyai/seedance2.0-sp", prices, duration=4)
    assert found.basis == "2 JimiCoin per second (price list of today) × 4 s = 8 JimiCoin"
    assert quote("jimmyai/seedance2.0-sp", prices, duration=4, reference_videos=[VIDEO]).amount == 12
    unlisted = quote("jimmyai/seedance2.0-sp", {"jimmyai": UnitPrice(source="not in its price list")})
    assert unlisted.basis == "unit price in JimiCoin × 5 s"
    assert (
        unlisted.unknown
        == "jimmyai's unit price is unknown (not in its price list); ask the user to set SEEDANCE_PRICES"
    )


def test_a_price_below_a_micro_dollar_is_rounded_up_and_never_to_nothing() -> None:
    prices = {"ope": UnitPrice(rates={"": Decimal("0.00000001")}, per="video", unit="USD")}
    assert quote("ope/seedance-2-0", prices).usd_micros == 1


def test_a_rate_for_another_resolution_does_not_apply() -> None:
    prices = {"ope": UnitPrice(rates={"1080p": Decimal(1)}, per="second", unit="USD")}
    assert quote("ope/seedance-2-0", prices, resolution="720p").usd_micros is None


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (2_400_000, "$2.40"),
        (0, "$0.00"),
        (47_900, "$0.0479"),
        (1, "$0.000001"),
        (123_000_000, "$123.00"),
        (100, "$0.0001"),
    ],
)
def test_dollars_are_formatted_with_cents_or_more_decimals(micros: int, text: str) -> None:
    assert dollars(micros) == text


def test_the_cost_of_an_answer_leaves_out_unknown_values() -> None:
    assert quote("seedanceapi/seedance-2.0", duration=5).as_json() == {
        "usd": 2.4,
        "amount": 240.0,
        "unit": "credits",
        "basis": "48 credits per second × 5 s = 240 credits",
    }


PAGE = Source("PUB:docs", "models.short")
PER_SECOND = Billing("second", "USD", PAGE, {"": Decimal("0.14")})


def short(**rows: Row) -> Model:
    return Model("toy", "short", "Short", {"prompt": Text(PAGE), **rows}, PER_SECOND, PAGE)


@pytest.mark.parametrize(
    ("toy", "fields"),
    [
        (short(), {}),
        (short(duration=Whole(4, 8, PAGE)), {}),
        (short(duration=Whole(None, None, PAGE, only=(-1, 4, 8))), {"duration": -1}),
        (short(duration=Whole(0, 8, PAGE)), {"duration": 0}),
    ],
    ids=["no such field", "left open", "automatic", "zero"],
)
def test_the_price_of_a_video_of_unknown_length_is_unknown_and_never_zero_or_less(
    toy: Model, fields: dict[str, Any]
) -> None:
    request = check(toy, {"prompt": "x", **fields}).request
    assert request
    found = price(request, {})
    assert (found.amount, found.usd_micros) == (None, None)
    assert (
        found.unknown == "the price depends on the length of the video, which the request does not fix; give a duration"
    )


def test_a_number_below_zero_is_never_offered_as_the_nearest() -> None:
    row = Whole(None, None, PAGE, only=(-1, 4, 8))
    assert [row.nearest(value) for value in (-2, 0, 1, 5, 7)] == [4, 4, 4, 4, 8]
