"""What a request would be and cost: by the named model, or by the cheapest that can make it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seedance_mcp.catalog.order import Order
from seedance_mcp.errors import InvalidRequest, NotConfigured
from seedance_mcp.jobs.quote import Quote, make_quote
from seedance_mcp.settings import load
from seedance_mcp.uploads.inputs import Inputs
from tests.jobs.services import JIMMY, MINI, create, quote, sandbox_service, scripted_service, vendor_settings

pytestmark = pytest.mark.anyio


def quoted(folder: Path, prices: str = "", **arguments: Any) -> Quote:
    """Return a quote by the vendors seedanceapi and aigptimage, whose rows have prices only for the first."""
    order = Order.parse({"prompt": "a fox", **arguments})
    settings = vendor_settings(folder, SEEDANCE_PRICES=prices)
    return make_quote(settings, order, Inputs(), settings.prices)


def refusal(folder: Path, **arguments: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        quoted(folder, **arguments)
    assert caught.value.next_step
    return caught.value.sentence


# -- the named model ----------------------------------------------------------------------------------------------


def test_a_quote_by_a_named_model_has_its_price_and_its_call(tmp_path: Path) -> None:
    found = quoted(tmp_path, **MINI)
    assert (found.model.id, found.vendor.slug, found.chosen) == (MINI["model"], "seedanceapi", None)
    assert (found.price.usd_micros, found.price.brief()) == (570_000, "$0.57")
    assert (found.call.method, found.call.path) == ("POST", "/generate")
    assert found.call.body
    assert (found.call.body["prompt"], found.call.body["duration"]) == ("a fox", 4)
    assert dict(found.uploads) == {}


def test_the_operators_price_of_a_model_counts(tmp_path: Path) -> None:
    prices = '{"seedanceapi": {"rates": 2, "per": "video", "unit": "USD"}}'
    assert quoted(tmp_path, prices, **MINI).price.usd_micros == 2_000_000


def test_advice_comes_with_a_quote(tmp_path: Path) -> None:
    found = quoted(tmp_path, model="seedanceapi/seedance-2.0-fast", duration=5, resolution="1080p")
    assert any("1080p" in advice.text for advice in found.advice)


def test_a_refusal_lists_every_problem_the_nearest_request_and_the_models_that_can(tmp_path: Path) -> None:
    sentence = refusal(tmp_path, model="seedanceapi/seedance-2.0", duration=4, resolution="480p", nonsense=1)
    head, *problems, nearest, other, last = sentence.splitlines()
    assert head == "seedanceapi/seedance-2.0 cannot do this, 2 problems:"
    assert [line.partition(" ")[2].partition(" ")[0] for line in problems] == ["duration", "nonsense"]
    assert nearest == (
        'This would work, without nonsense: {"model": "seedanceapi/seedance-2.0", "prompt": "a fox", "duration": 5, '
        '"resolution": "480p"}'
    )
    assert other == "Or: no nonsense with seedanceapi/seedance-2-mini."
    assert last == "Nothing was sent."


def test_one_problem_is_in_the_singular_and_comes_with_what_would_work(tmp_path: Path) -> None:
    sentence = refusal(tmp_path, model="seedanceapi/seedance-2.0", duration=4, resolution="480p")
    assert sentence.splitlines()[0] == "seedanceapi/seedance-2.0 cannot do this, 1 problem:"
    assert 'This would work: {"model": "seedanceapi/seedance-2.0", "prompt": "a fox", "duration": 5' in sentence
    assert "Unchanged, the request would be accepted by: seedanceapi/seedance-2-mini" in sentence


def test_at_most_six_models_are_named_as_alternatives(tmp_path: Path) -> None:
    settings = load({"SEEDANCE_SANDBOX": "1", "SEEDANCE_STATE_DIR": str(tmp_path)})
    order = Order.parse({"prompt": "雪", "model": "seedanceapi/seedance-2.0", "duration": 6})
    with pytest.raises(InvalidRequest) as caught:
        make_quote(settings, order, Inputs(), {})
    (line,) = [line for line in caught.value.sentence.splitlines() if line.startswith("Unchanged")]
    named, _, more = line.removesuffix(" more.").partition(" and ")
    assert len(named.removeprefix("Unchanged, the request would be accepted by: ").split(", ")) == 6
    assert int(more) > 1
    assert '"prompt": "雪"' in caught.value.sentence


def test_a_model_that_is_not_there_is_refused_with_the_closest(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="seedance-2-mimi") as caught:
        quoted(tmp_path, model="seedanceapi/seedance-2-mimi")
    assert "seedanceapi/seedance-2-mini" in caught.value.next_step


def test_without_a_vendor_there_is_no_quote(tmp_path: Path) -> None:
    settings = load({"SEEDANCE_STATE_DIR": str(tmp_path)})
    for arguments in ({}, MINI):
        with pytest.raises(NotConfigured, match=r"No vendor is configured\."):
            make_quote(settings, Order.parse({"prompt": "a fox", **arguments}), Inputs(), {})


# -- the cheapest model -------------------------------------------------------------------------------------------


def test_the_cheapest_model_is_chosen_and_the_reason_given(tmp_path: Path) -> None:
    found = quoted(tmp_path, duration=5, resolution="480p")
    assert found.model.id == MINI["model"]
    assert found.chosen == ("cheapest of 3 with a known price; 2 more could, price in USD unknown")


def test_without_any_price_in_usd_one_in_the_vendors_own_units_decides(tmp_path: Path) -> None:
    keyless = load({"SEEDANCE_STATE_DIR": str(tmp_path), "SEEDANCE_AIGPTIMAGE_API_KEY": "key"})
    found = make_quote(keyless, Order.parse({"prompt": "a fox"}), Inputs(), {})
    assert found.price.usd_micros is None
    assert found.chosen == "aigptimage's only one with a price in credits; 1 more could, price in USD unknown"


def test_where_every_price_is_known_none_is_said_to_be_unknown(tmp_path: Path) -> None:
    priced = load({"SEEDANCE_STATE_DIR": str(tmp_path), "SEEDANCE_SEEDANCEAPI_API_KEY": "key"})
    found = make_quote(priced, Order.parse({"prompt": "a fox", "duration": 5}), Inputs(), {})
    assert found.chosen == "cheapest of 3 with a known price"


def test_where_no_model_can_the_closest_is_named_with_the_number_of_models(tmp_path: Path) -> None:
    sentence = refusal(tmp_path, nonsense=1)
    assert sentence.startswith("None of 6 models can do this; the closest is seedanceapi/seedance-2-mini, 1 problem:")
    assert "This would work, without nonsense: " in sentence
    assert "Unchanged" not in sentence


def test_a_length_that_no_video_can_have_is_told_in_videos(tmp_path: Path) -> None:
    assert "45 s take 3 videos, each paid for.\n" in refusal(tmp_path, duration=45)
    with_files = {"SEEDANCE_STATE_DIR": str(tmp_path), "SEEDANCE_JIMMYAI_API_KEY": "key"}
    with pytest.raises(InvalidRequest) as caught:
        make_quote(load(with_files), Order.parse({"prompt": "a fox", "duration": 20}), Inputs(), {})
    continued = "20 s take 2 videos, each paid for; with a model of jimmyai, first_frame: job_id continues that video."
    assert continued in caught.value.sentence


def test_a_length_that_is_rather_a_slip_or_that_another_model_can_have_is_not_told_in_videos(tmp_path: Path) -> None:
    assert "videos, each paid" not in refusal(tmp_path, duration=45_000)
    assert "videos, each paid" not in refusal(tmp_path, duration=0.5)
    jimmy = load({"SEEDANCE_STATE_DIR": str(tmp_path), "SEEDANCE_JIMMYAI_API_KEY": "key"})
    longer = Order.parse({"prompt": "a fox", "duration": 15, "model": "jimmyai/sd2_mx_1080p"})
    with pytest.raises(InvalidRequest, match="Unchanged") as caught:
        make_quote(jimmy, longer, Inputs(), {})
    assert "videos, each paid" not in caught.value.sentence


async def test_quotes_by_every_model_are_sorted_by_price_with_unknown_prices_last(tmp_path: Path) -> None:
    async with sandbox_service(tmp_path) as service:
        quotes = await service.quotes(Order.parse({"prompt": "a fox", "duration": 5}))
    prices = [found.price.usd_micros for found in quotes if not found.model.prefers]
    known = [price for price in prices if price is not None]
    assert known == sorted(known)
    assert prices == known + [None] * (len(prices) - len(known))
    assert {found.chosen for found in quotes} == {None}
    assert len({found.model.id for found in quotes}) == len(quotes) > 20


# -- the same request ---------------------------------------------------------------------------------------------


def test_the_fingerprint_is_that_of_the_model_and_the_request_and_not_of_the_controls(tmp_path: Path) -> None:
    first = quoted(tmp_path, **MINI)
    controls: dict[str, Any] = {"max_cost": 5, "request_key": "key", "allow_duplicate": True, "dry_run": True}
    assert quoted(tmp_path, **MINI, **controls).fingerprint == first.fingerprint
    assert quoted(tmp_path, **MINI, aspect_ratio="16:9").fingerprint == first.fingerprint  # the default
    changes: list[dict[str, Any]] = [{"duration": 5}, {"prompt": "a hare"}, {"resolution": "720p"}]
    for change in changes:
        assert quoted(tmp_path, **MINI | change).fingerprint != first.fingerprint
    longer: dict[str, Any] = MINI | {"duration": 5}
    other: dict[str, Any] = {"model": "seedanceapi/seedance-2.0", "duration": 5, "resolution": "480p"}
    assert quoted(tmp_path, **other).fingerprint != quoted(tmp_path, **longer).fingerprint
    assert len(first.fingerprint) == 64


async def test_the_same_order_is_the_same_job_even_if_another_model_is_the_cheapest_by_now(tmp_path: Path) -> None:
    asked: dict[str, Any] = {"model": None, "duration": 5, "resolution": "720p"}
    async with scripted_service(tmp_path) as scene:
        first = await create(scene.service, **asked, request_key="scene-1")
    dearer = f'{{"{first.model}": {{"rates": 10, "per": "second", "unit": "USD"}}}}'
    async with scripted_service(tmp_path, SEEDANCE_PRICES=dearer) as scene:
        assert (await quote(scene.service, **asked)).model.id != first.model
        for order in (asked, {**asked, "request_key": "scene-1"}, {**asked, "request_key": "scene-2"}):
            again = await scene.service.create(await quote(scene.service, **order))
            assert (again.duplicate, again.job.id) == (True, first.id)
        other = await create(scene.service, "a hare", **asked)
        assert other.model != first.model
        assert len(scene.web.posts) == 1


async def test_a_price_list_of_the_named_models_vendor_is_used(tmp_path: Path) -> None:
    async with sandbox_service(tmp_path) as service:
        found = await quote(service, **JIMMY)
        assert (str(found.price.amount), found.price.unit) == ("1.2", "JimiCoin")
        job = await create(service, **JIMMY)
        assert job.price == found.price.as_json()
        assert (job.price or {})["amount"] == 1.2
