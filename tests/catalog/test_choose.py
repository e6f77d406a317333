"""Which models accept a request, cheapest first, and which request a model would accept instead."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from seedance_mcp.catalog import Model
from seedance_mcp.catalog.check import Checked
from seedance_mcp.catalog.choose import fewest_problems, fits, nearest, others, ranked
from seedance_mcp.catalog.price import Price, Prices, UnitPrice
from seedance_mcp.vendors import known_vendors
from tests.about import RESELLERS
from tests.vendors.vendor_calls import IMAGE, VIDEO, model

MODELS: list[Model] = [m for slug in RESELLERS for m in known_vendors()[slug].models]
ARGS = {"prompt": "A cat."}


def model_of(accepted: tuple[Checked, Price]) -> Model:
    request = accepted[0].request
    assert request
    return request.model


def ids(args: dict[str, Any], prices: Prices) -> list[str]:
    return [model_of(accepted).id for accepted in ranked(MODELS, args, prices)]


def test_requests_are_sorted_by_price_and_those_without_a_price_come_last() -> None:
    found = ranked(MODELS, {**ARGS, "duration": 5}, {})
    micros = [accepted[1].usd_micros for accepted in found if not model_of(accepted).prefers]
    priced = [m for m in micros if m is not None]
    assert priced == sorted(priced)
    assert micros[: len(priced)] == priced
    assert model_of(found[0]).id == "seedanceapi/seedance-2-mini"


def test_every_request_is_accepted_and_filled_in() -> None:
    for checked, _ in ranked(MODELS, ARGS, {}):
        assert checked.problems == ()
        assert checked.request
        assert checked.request.prompt == ARGS["prompt"]


def test_an_operators_price_moves_a_model_to_the_front() -> None:
    prices = {"12ai/seedance-2-official2-fast": UnitPrice(rates={"": Decimal("0.01")})}
    assert ids({**ARGS, "duration": 5}, prices)[0] == "12ai/seedance-2-official2-fast"


def test_a_model_that_is_made_for_references_is_not_first_without_them() -> None:
    prices = {"aigptimage": UnitPrice(usd_per_unit=Decimal("0.00001"))}
    assert ids(ARGS, prices)[0] != "aigptimage/seedance-2.0-reference-to-video"
    assert ids({**ARGS, "reference_videos": [VIDEO]}, prices)[0] == "aigptimage/seedance-2.0-reference-to-video"


def test_only_models_that_accept_the_request_are_ranked() -> None:
    assert set(ids({**ARGS, "resolution": "4k"}, {})) == {"jimmyai/sd2_mx_4k", "jimmyai/sd2_mx_video_4k"}
    assert ids({**ARGS, "resolution": "8k"}, {}) == []


def test_others_are_the_models_that_accept_the_request_unchanged() -> None:
    args = {**ARGS, "resolution": "1080p", "seed": 7}
    assert others(MODELS, args, excluding=model("ope/seedance-2-0-fast")) == [
        "ope/seedance-2-0",
        "ope/seedance-2-0-nsfw",
    ]
    assert others(MODELS, args, excluding=model("ope/seedance-2-0")) == ["ope/seedance-2-0-nsfw"]


def test_the_nearest_request_is_one_that_the_model_accepts() -> None:
    asked = {**ARGS, "resolution": "1080p", "duration": 20, "seed": 3, "max_cost": 2}
    assert nearest(model("seedanceapi/seedance-2-mini"), asked) == {
        **ARGS, "resolution": "720p", "duration": 15, "max_cost": 2
    }  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [{"resolution": "best"}, {"reference_images": [IMAGE] * 10}, {"prompt": "@image1"}, {"last_frame": IMAGE}],
)
def test_there_is_no_nearest_request_where_a_person_has_to_decide(fields: dict[str, Any]) -> None:
    assert nearest(model("ope/seedance-2-0"), {**ARGS, **fields}) is None


def test_among_models_with_equally_few_problems_one_that_supports_the_given_fields_is_chosen() -> None:
    asked = {**ARGS, "duration": 99, "resolution": "9k", "first_frame": "not a link"}
    closest, checked = fewest_problems(MODELS, asked)
    assert "first_frame" in closest.rows
    assert [p.field for p in checked.problems] == ["resolution", "first_frame"]


def test_the_model_with_the_fewest_problems_is_chosen() -> None:
    asked = {**ARGS, "resolution": "4k", "duration": 15}
    closest, checked = fewest_problems(MODELS, asked)
    assert len(checked.problems) == 1
    assert closest.id == "ope/seedance-2-0"


@pytest.mark.parametrize(
    ("shape", "fitting", "other"),
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
def test_a_shape_fits_some_models_and_not_others(shape: dict[str, Any], fitting: str, other: str) -> None:
    assert fits(model(fitting), shape)
    assert not fits(model(other), shape)


def test_an_empty_shape_fits_every_model() -> None:
    assert all(fits(m, {}) for m in MODELS)
