"""Which models we choose for a request, and which request a model would accept instead."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from seedance_mcp.catalog import Model
from seedance_mcp.catalog.choose import Candidate, Known, closest, nearest, ranked
from seedance_mcp.catalog.price import Price, Prices, UnitPrice
from seedance_mcp.vendors import known_vendors
from tests.about import RESELLERS
from tests.vendors.vendor_calls import AUDIO, IMAGE, VIDEO, model

EVERY: list[Model] = [m for vendor in known_vendors().values() for m in vendor.models]
MODELS = [m for m in EVERY if m.vendor in RESELLERS]
"""Where a test says which model is chosen: every further vendor may be cheaper, or do what no reseller can."""
ARGS = {"prompt": "A cat."}
NSFW = "ope/seedance-2-0-nsfw"
MINI, STANDARD, FAST = (f"seedanceapi/{name}" for name in ("seedance-2-mini", "seedance-2.0", "seedance-2.0-fast"))


def first(args: dict[str, Any], prices: Prices | None = None, models: list[Model] = MODELS) -> Candidate:
    return ranked(models, ARGS | args, prices or {})[0]


def ids(args: dict[str, Any], prices: Prices | None = None) -> list[str]:
    return [candidate.model.id for candidate in ranked(MODELS, ARGS | args, prices or {})]


def usd(rate: str) -> UnitPrice:
    return UnitPrice(rates={"": Decimal(rate)}, per="second", unit="USD")


# -- prices -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("models", [EVERY, MODELS], ids=["every", "resellers"])
def test_requests_are_sorted_by_price_and_those_without_a_price_come_last(models: list[Model]) -> None:
    found = ranked(models, {**ARGS, "duration": 5, "resolution": "720p"}, {})
    micros = [c.price.usd_micros for c in found if not c.misused and not c.cautious]
    priced = [m for m in micros if m is not None]
    assert priced == sorted(priced)
    assert micros[: len(priced)] == priced
    assert found[0].model.id == MINI or models is EVERY


def test_every_request_is_accepted_and_filled_in() -> None:
    for candidate in ranked(EVERY, ARGS, {}):
        assert candidate.request.prompt == ARGS["prompt"]
        assert candidate.request.duration == 5


def test_an_operators_price_moves_a_model_to_the_front() -> None:
    assert ids({"duration": 5}, {"12ai/seedance-2-official2-fast": usd("0.01")})[0] == "12ai/seedance-2-official2-fast"


def test_a_price_without_a_currency_is_not_taken_for_dollars() -> None:
    prices = {"12ai/seedance-2-official2-fast": UnitPrice(rates={"": Decimal("0.01")})}
    assert ids({"duration": 5}, prices)[0] == MINI


def test_prices_are_compared_at_one_resolution() -> None:
    prices = {
        "12ai/seedance-2-official": UnitPrice(None, {"480p": Decimal("0.1"), "720p": Decimal(9)}, "second", "USD")
    }
    assert first({}, prices).model.id == MINI  # at 480p, its own default, 12ai would be cheaper
    assert first({"resolution": "480p"}, prices).model.id == "12ai/seedance-2-official"
    assert first({"resolution": "720p"}, prices).model.id == MINI


def test_units_of_a_vendor_rank_its_models_where_no_price_in_usd_is_known() -> None:
    coins = {
        "jimmyai/seedance2.0-sp": UnitPrice(rates={"": Decimal(3)}, per="second", unit="JimiCoin"),
        "jimmyai/seedance2.0-mini": UnitPrice(rates={"": Decimal(1)}, per="second", unit="JimiCoin"),
        "jimmyai/seedance2.0-mini-sp": UnitPrice(rates={"": Decimal(4)}, per="video", unit="JimiCoin"),
    }
    jimmy = [m for m in MODELS if m.vendor in {"ope", "jimmyai"}]
    found = ranked(jimmy, ARGS, coins)
    assert [c.model.name for c in found[:3]] == ["seedance2.0-mini-sp", "seedance2.0-mini", "seedance2.0-sp"]
    assert {c.known for c in found[:3]} == {Known.OWN_UNITS}


def test_a_model_that_a_cap_would_refuse_comes_after_every_other() -> None:
    def up_to_one_dollar(cost: Price) -> bool:
        return cost.usd_micros is not None and cost.usd_micros <= 1_000_000

    args = {**ARGS, "duration": 5, "resolution": "1080p"}
    assert ranked(MODELS, args, {}, affordable=up_to_one_dollar)[0].over_cap
    prices = {"jimmyai/seedance2.0-fast-sp": usd("0.1")}  # with a caution about 1080p
    best, *others = ranked(MODELS, args, prices, affordable=up_to_one_dollar)
    assert (best.model.id, best.over_cap, best.cautious) == ("jimmyai/seedance2.0-fast-sp", False, True)
    assert all(c.over_cap for c in others)


# -- cautions, soft limits and filters ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "doubtful"),
    [
        ({"resolution": "1080p"}, FAST),
        ({"resolution": "1080p"}, "jimmyai/seedance2.0-of-fast-sp"),
        ({"resolution": "1080p"}, "jimmyai/seedance2.0-mini"),
        ({"resolution": "480p"}, "jimmyai/seedance2.0-sp"),
        ({"first_frame": "asset://a"}, "jimmyai/sd2_mx_720p"),
        ({"reference_images": [IMAGE]}, "12ai/seedance-2-official"),
        ({"reference_videos": [VIDEO]}, "12ai/seedance-2-official"),
        ({"seed": 7}, "ope/seedance-2-0"),
        ({"first_frame": IMAGE, "aspect_ratio": "16:9"}, STANDARD),
        ({"generate_audio": False}, STANDARD),
        ({"watermark": False}, STANDARD),
        ({}, "jimmyai/seedance2.0-fast-md"),  # the 5 s that we assume are not among those of its newer page
    ],
)
def test_a_model_with_a_caution_about_what_is_asked_comes_after_every_model_without_one(
    args: dict[str, Any], doubtful: str
) -> None:
    found = ranked(EVERY, ARGS | args, {})
    places = {c.model.id: place for place, c in enumerate(found)}
    assert found[places[doubtful]].cautious
    assert [c.cautious for c in found] == sorted(c.cautious for c in found)


def test_at_1080p_the_standard_model_is_chosen_although_the_fast_one_is_cheaper() -> None:
    assert first({"resolution": "1080p", "duration": 5}).model.id == STANDARD


@pytest.mark.parametrize("seconds", [1, 3, 16, 20, 3600])
def test_a_duration_beyond_the_upstreams_is_never_chosen_although_the_vendor_states_no_limit(seconds: int) -> None:
    prices = {"aigptimage": UnitPrice(usd_per_unit=Decimal("0.00001"))}
    assert not [m for m in ids({"duration": seconds}, prices) if m.startswith("aigptimage/")]


@pytest.mark.parametrize(
    "args",
    [
        {"last_frame": IMAGE},
        {"first_frame": IMAGE, "reference_images": [IMAGE]},
        {"reference_audios": [AUDIO]},
        {"reference_images": [IMAGE] * 10},
        {"reference_images": [IMAGE], "reference_videos": [VIDEO] * 4},
    ],
)
def test_what_the_upstream_refuses_is_never_chosen(args: dict[str, Any]) -> None:
    assert ids(args) in ([], ["jimmyai/seedance2.0-std"])  # whose own page allows a last frame alone


def test_a_model_without_a_content_filter_is_never_chosen_even_if_it_is_the_cheapest() -> None:
    assert NSFW not in ids({}, {NSFW: usd("0.001")})
    assert model(NSFW).unfiltered
    assert [m.id for m in EVERY if m.unfiltered] == [NSFW]


@pytest.mark.parametrize("off", [{"web_search": False}, {"public": False}])
def test_asking_for_nothing_excludes_no_model(off: dict[str, Any]) -> None:
    assert ids(off) == ids({})


@pytest.mark.parametrize(
    "wish", [{"watermark": False}, {"generate_audio": True}, {"generate_audio": False}, {"safety_filter": True}]
)
def test_a_wish_that_nobody_can_be_sure_of_excludes_no_model_and_ranks_those_first_that_have_the_switch(
    wish: dict[str, Any],
) -> None:
    assert set(ids(wish)) == set(ids({}))
    (name,) = wish
    assert name in first(wish).model.rows


def test_a_model_that_is_made_for_references_is_not_first_without_them() -> None:
    prices = {"aigptimage": UnitPrice(usd_per_unit=Decimal("0.00001"))}
    reference = "aigptimage/seedance-2.0-reference-to-video"
    assert ids({}, prices)[0] != reference
    assert ids({"reference_videos": [VIDEO]}, prices)[0] == reference


def test_a_model_with_a_published_price_comes_before_one_of_the_same_vendor_without() -> None:
    candidates = ranked([m for m in MODELS if m.vendor == "aigptimage"], ARGS, {})
    assert [c.price.amount is not None for c in candidates] == [True, False]


def test_only_models_that_accept_the_request_are_ranked() -> None:
    assert set(ids({"resolution": "4k"})) == {"jimmyai/sd2_mx_4k", "jimmyai/sd2_mx_video_4k"}
    assert ids({"resolution": "8k"}) == []


# -- suggestions --------------------------------------------------------------------------------------------------


def test_the_nearest_request_is_one_that_the_model_accepts_and_names_what_it_leaves_out() -> None:
    asked = {**ARGS, "resolution": "1080p", "duration": 20, "seed": 3, "max_cost": 2, "web_search": False}
    found = nearest(model(MINI), asked)
    assert found
    assert found.args == {**ARGS, "resolution": "720p", "duration": 15, "max_cost": 2, "web_search": False}
    assert found.dropped == ("seed",)


def test_a_suggestion_keeps_to_the_soft_limits() -> None:
    found = nearest(model("aigptimage/seedance-2.0-text-to-video"), {**ARGS, "duration": 20, "resolution": "4k"})
    assert found
    assert found.args == {**ARGS, "duration": 15, "resolution": "1080p"}


@pytest.mark.parametrize(
    "fields",
    [{"resolution": "best"}, {"reference_images": [IMAGE] * 10}, {"prompt": "@image1"}, {"last_frame": IMAGE}],
)
def test_there_is_no_nearest_request_where_a_person_has_to_decide(fields: dict[str, Any]) -> None:
    assert nearest(model("ope/seedance-2-0"), {**ARGS, **fields}) is None


@pytest.mark.parametrize("media", [{"first_frame": IMAGE}, {"reference_videos": [VIDEO]}, {"last_frame": IMAGE}])
def test_a_suggestion_never_leaves_out_media(media: dict[str, Any]) -> None:
    assert nearest(model("aigptimage/seedance-2.0-text-to-video"), {**ARGS, **media}) is None


# -- the closest model --------------------------------------------------------------------------------------------


def test_a_model_that_would_leave_out_media_is_not_the_closest() -> None:
    asked = {**ARGS, "duration": 99, "resolution": "9k", "first_frame": "not a link"}
    assert "first_frame" in closest(MODELS, asked, {}).rows


@pytest.mark.parametrize(
    ("asked", "nearest_model"),
    [
        ({"resolution": "4k", "duration": 13}, "jimmyai/sd2_mx_4k"),  # 12 s at 4k, rather than 13 s at 1080p
        ({"resolution": "4k", "duration": 13, "seed": 1}, "ope/seedance-2-0"),
        ({"resolution": "240p", "duration": 5}, MINI),  # 480p: of many, the one with a known price
        ({"duration": 16}, MINI),
        ({"aspect_ratio": "2:1"}, MINI),
    ],
)
def test_the_closest_model_needs_the_smallest_change_and_of_equals_is_the_cheapest(
    asked: dict[str, Any], nearest_model: str
) -> None:
    assert closest(MODELS, ARGS | asked, {}).id == nearest_model
