"""Parsing Jimmy AI's public price list, whose names are those of bills and not always those of requests."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from seedance_mcp.catalog.price import Price, UnitPrice, price
from seedance_mcp.vendors import Answer
from seedance_mcp.vendors.jimmyai import VENDOR
from tests.facts import FACTS
from tests.vendors.vendor_calls import VIDEO, checked

SP, MINI, MINI_SP = "seedance2.0-sp", "seedance2.0-mini", "seedance2.0-mini-sp"


def read(*entries: tuple[str, str, Any]) -> dict[str, UnitPrice]:
    """Parse a list of (name, price mode, unit price)."""
    listed = [dict(zip(("model_name", "price_mode", "unit_price"), entry, strict=True)) for entry in entries]
    assert VENDOR.price_list is not None
    return dict(VENDOR.price_list.read(Answer(200, {"code": 20000, "data": {"list": listed}})))


def quote(name: str, found: dict[str, UnitPrice], **fields: Any) -> Price:
    request = checked(f"jimmyai/{name}", **fields).request
    assert request
    return price(request, {f"jimmyai/{model}": entry for model, entry in found.items()})


def test_most_models_are_listed_under_the_name_that_requests_use() -> None:
    found = read(("sd2_mx_4k", "per_second", 2), ("seedance2.0-md", "per_task", 3.5))
    assert quote("sd2_mx_4k", found, duration=7).as_json() | {"unknown": ""} == {
        "amount": 14.0,
        "unit": "JimiCoin",
        "basis": "2 JimiCoin per second × 7 s = 14 JimiCoin",
        "unknown": "",
    }
    assert quote("seedance2.0-md", found, duration=15).brief() == "3.5 JimiCoin"


def test_of_an_endless_list_the_first_entries_are_read() -> None:
    found = read(("seedance2.0-md", "per_task", 3.5), *[("", "", None)] * 5000, ("sd2_mx_4k", "per_second", 2))
    assert found.keys() == {"seedance2.0-md"}


def test_mini_and_sp_are_listed_once_per_resolution() -> None:
    names = FACTS["jimmyai"]["pricing"]["catalog_names"]
    sp, sp_with_videos = names["sp"].partition(";")[0].split(", ")
    found = read(
        (names["mini"].format(resolution="480p"), "per_second", 0.3),
        (names["mini"].format(resolution="1080p"), "per_second", 1),
        (names["mini_sp"].format(resolution="480p"), "per_task", 2),
        (sp.format(resolution="720p"), "per_second", 0.4),
        (sp_with_videos.format(resolution="720p"), "per_second", 0.6),
    )
    assert quote(MINI, found, resolution="480p").amount == Decimal("1.5")
    assert quote(MINI, found, resolution="1080p").amount == 5
    assert quote(MINI, found, resolution="720p").amount is None
    assert quote(MINI_SP, found, resolution="480p").amount == 2
    assert quote(SP, found).amount == 2
    assert quote(SP, found, reference_videos=[VIDEO]).amount == 3


def test_sp_with_videos_has_no_price_where_the_list_has_none_for_videos() -> None:
    found = read(("sd2_sp_720p", "per_second", 0.4))
    assert quote(SP, found).amount == 2
    assert quote(SP, found, reference_videos=[VIDEO]).amount is None


def test_sp_models_whose_names_in_the_list_are_undocumented_have_no_price() -> None:
    pricing = FACTS["jimmyai"]["pricing"]
    found = read(*((name, "per_second", 1) for name in pricing["catalog_names_for_sp"]))
    assert pricing["catalog_names"]["fast_sp_and_official_sp"] == "GAP"
    assert {name for name in found if any(m.name == name for m in VENDOR.models)} == {SP}


def test_a_name_without_resolution_applies_to_each_resolution_that_is_not_listed() -> None:
    found = read((MINI, "per_second", 0.5), (f"{MINI}-1080p", "per_second", 2))
    assert [quote(MINI, found, resolution=r, duration=4).amount for r in ("480p", "720p", "1080p")] == [2, 2, 8]


@pytest.mark.parametrize("prices", [(0.5, 0.7), (0.7, 0.5)])
def test_the_higher_of_two_prices_for_one_thing_counts(prices: tuple[float, float]) -> None:
    found = read(*(("sd2_mx_2k", "per_second", each) for each in prices))
    assert found["sd2_mx_2k"].rates == {"": Decimal("0.7")}


def test_a_model_with_two_price_modes_has_no_price() -> None:
    assert read((f"{MINI}-480p", "per_second", 0.5), (f"{MINI}-720p", "per_task", 0.5)) == {}


@pytest.mark.parametrize("mode", ["per_million_tokens", ""])
def test_an_entry_with_an_undocumented_price_mode_voids_itself_alone(mode: str) -> None:
    found = read((f"{MINI}-480p", "per_second", 0.5), (f"{MINI}-720p", mode, 0.5))
    assert found[MINI].rates == {"480p": Decimal("0.5")}


@pytest.mark.parametrize(
    "bad", [None, 5, "x", [], {}, {"model_name": None}, {"model_name": "sd2_mx_4k", "price_mode": 3}]
)
def test_an_entry_that_cannot_be_read_voids_itself_alone(bad: object) -> None:
    good = {"model_name": "sd2_mx_2k", "price_mode": "per_second", "unit_price": 2}
    assert VENDOR.price_list is not None
    found = VENDOR.price_list.read(Answer(200, {"code": 20000, "data": {"list": [bad, good]}}))
    assert found.keys() == {"sd2_mx_2k"}


@pytest.mark.parametrize("unit_price", [0, -1, "much", None, 1e300, "NaN", {}])
def test_an_invalid_price_is_left_out_and_does_not_hide_the_others(unit_price: object) -> None:
    found = read(("sd2_mx_2k", "per_second", unit_price), ("sd2_mx_4k", "per_second", 2))
    assert found.keys() == {"sd2_mx_4k"}


def test_a_price_is_rounded_up_to_six_decimals() -> None:
    assert read(("sd2_mx_2k", "per_second", "0.00000000001"))["sd2_mx_2k"].rates == {"": Decimal("0.000001")}


def test_the_price_mode_of_the_list_overrides_that_of_the_pages() -> None:
    found = read((f"{MINI_SP}-720p", "per_second", 0.5))
    assert quote(MINI_SP, found, duration=10).amount == 5
