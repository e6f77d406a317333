"""Which models can do a request, cheapest first, and what could be asked instead."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from seedance_mcp.catalog import Model
from seedance_mcp.catalog.choose import fewest_problems, fits, nearest, offers, others
from seedance_mcp.catalog.price import UnitPrice
from seedance_mcp.vendors import known_vendors
from tests.vendors.vendor_calls import IMAGE, VIDEO, model

MODELS: list[Model] = [m for vendor in known_vendors().values() for m in vendor.models]
ASK = {"prompt": "A cat."}


def test_offers_are_sorted_by_price_and_the_unpriced_come_last() -> None:
    found = offers(MODELS, {**ASK, "duration": 5}, {})
    micros = [o.price.usd_micros for o in found if not o.model.prefers]
    priced = [m for m in micros if m is not None]
    assert priced == sorted(priced)
    assert micros[: len(priced)] == priced
    assert found[0].model.id == "seedanceapi/seedance-2-mini"


def test_an_operators_price_moves_a_model_to_the_front() -> None:
    prices = {"12ai/seedance-2-official2-fast": UnitPrice(rates={"": Decimal("0.01")})}
    assert offers(MODELS, {**ASK, "duration": 5}, prices)[0].model.id == "12ai/seedance-2-official2-fast"


def test_a_model_that_is_made_for_references_is_not_offered_first_without_them() -> None:
    prices = {"aigptimage": UnitPrice(usd_per_unit=Decimal("0.00001"))}
    assert offers(MODELS, ASK, prices)[0].model.id != "aigptimage/seedance-2.0-reference-to-video"
    with_videos = offers(MODELS, {**ASK, "reference_videos": [VIDEO]}, prices)
    assert with_videos[0].model.id == "aigptimage/seedance-2.0-reference-to-video"


def test_only_models_that_can_do_it_are_offered() -> None:
    found = offers(MODELS, {**ASK, "resolution": "4k"}, {})
    assert {o.model.id for o in found} == {"jimmyai/sd2_mx_4k", "jimmyai/sd2_mx_video_4k"}
    assert offers(MODELS, {**ASK, "resolution": "8k"}, {}) == []


def test_others_are_those_who_take_the_request_unchanged() -> None:
    args = {**ASK, "resolution": "1080p", "seed": 7}
    assert others(MODELS, args, excluding=model("ope/seedance-2-0-fast")) == [
        "ope/seedance-2-0",
        "ope/seedance-2-0-nsfw",
    ]
    assert others(MODELS, args, excluding=model("ope/seedance-2-0")) == ["ope/seedance-2-0-nsfw"]


def test_nearest_request_is_one_that_the_model_takes() -> None:
    asked = {**ASK, "resolution": "1080p", "duration": 20, "seed": 3, "max_cost": 2}
    assert nearest(model("seedanceapi/seedance-2-mini"), asked) == {
        **ASK, "resolution": "720p", "duration": 15, "max_cost": 2
    }  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [{"resolution": "best"}, {"reference_images": [IMAGE] * 10}, {"prompt": "@image1"}, {"last_frame": IMAGE}],
)
def test_there_is_no_nearest_request_where_a_person_has_to_decide(fields: dict[str, Any]) -> None:
    assert nearest(model("ope/seedance-2-0"), {**ASK, **fields}) is None


def test_of_models_with_as_few_problems_one_that_takes_what_was_given_is_talked_about() -> None:
    asked = {**ASK, "duration": 99, "resolution": "9k", "first_frame": "no link"}
    who, checked = fewest_problems(MODELS, asked)
    assert "first_frame" in who.rows
    assert [p.field for p in checked.problems] == ["resolution", "first_frame"]


def test_the_model_with_the_fewest_problems_is_the_one_to_talk_about() -> None:
    asked = {**ASK, "resolution": "4k", "duration": 15}
    who, checked = fewest_problems(MODELS, asked)
    assert len(checked.problems) == 1
    assert who.id == "ope/seedance-2-0"


@pytest.mark.parametrize(
    ("shape", "some", "none"),
    [
        ({"mode": "first_last_frame"}, "jimmyai/seedance2.0-md", "seedanceapi/seedance-2.0"),
        ({"mode": "first_frame"}, "seedanceapi/seedance-2.0", "jimmyai/seedance2.0-md"),
        ({"mode": "text"}, "ope/seedance-2-0", "aigptimage/seedance-2.0-image-to-video"),
        ({"references": "audio"}, "ope/seedance-2-0", "jimmyai/seedance2.0-md"),
        ({"resolution": "1080p"}, "ope/seedance-2-0", "ope/seedance-2-0-fast"),
        ({"duration": 7}, "seedanceapi/seedance-2-mini", "seedanceapi/seedance-2.0"),
        ({"aspect_ratio": "adaptive"}, "seedanceapi/seedance-2-mini", "ope/seedance-2-0"),
        ({"generate_audio": True}, "ope/seedance-2-0", "seedanceapi/seedance-2.0"),
        ({"seed": 7}, "ope/seedance-2-0", "12ai/seedance-2-official"),
    ],
)
def test_a_shape_fits_some_models_and_not_others(shape: dict[str, Any], some: str, none: str) -> None:
    assert fits(model(some), shape)
    assert not fits(model(none), shape)


def test_an_empty_shape_fits_every_model() -> None:
    assert all(fits(m, {}) for m in MODELS)
