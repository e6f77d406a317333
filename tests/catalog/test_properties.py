"""What holds for every model, every request and every price: prices, the choice, suggestions, and lists of models."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from seedance_mcp.catalog import Model
from seedance_mcp.catalog.check import check
from seedance_mcp.catalog.choose import choosable, closest, nearest, ranked
from seedance_mcp.catalog.price import Prices, price
from seedance_mcp.catalog.request import FIELDS, MEDIA
from seedance_mcp.catalog.shape import KINDS, MODES, as_made, samples
from tests.catalog.any_request import MODELS, caps, price_settings, requests, up_to


@given(requests(), price_settings(), st.sampled_from(MODELS))
def test_no_legal_request_is_priced_at_zero_or_below(args: dict[str, Any], prices: Prices, model: Model) -> None:
    request = check(model, args).request
    if request is None:
        return
    cost = price(request, prices)
    assert cost.amount is None or cost.amount > 0
    assert cost.usd_micros is None or cost.usd_micros > 0
    assert (cost.usd_micros is None) is (cost.unknown is not None)


@given(requests(), price_settings(), caps)
def test_the_choice_takes_nothing_doubtful_beyond_a_cap_or_beyond_a_soft_limit_while_another_fits(
    args: dict[str, Any], prices: Prices, cap: int | None
) -> None:
    affordable = up_to(cap)
    found = ranked(MODELS, args, prices, affordable=affordable)
    accepted = {m.id: check(m, args, strict=True) for m in MODELS if not m.unfiltered}
    assert {c.model.id for c in found} == {name for name, checked in accepted.items() if checked.request}
    if not found:
        return
    best = found[0]
    assert best.advice == accepted[best.model.id].advice
    fitting = [c for c in found if affordable(c.price)]
    if fitting:
        assert affordable(best.price)
    sure = [c for c in fitting or found if not any(a.caution for a in c.advice)]
    if sure:
        assert not any(a.caution for a in best.advice)
    alike = [
        c.price.usd_micros
        for c in sure
        if c.price.usd_micros is not None
        and not c.price.caution
        and not c.misused
        and c.request.resolution == best.request.resolution
    ]
    if alike and best.price.usd_micros is not None and not best.price.caution:
        assert best.price.usd_micros == min(alike)


@given(requests(), st.sampled_from(MODELS))
def test_a_suggestion_is_accepted_and_loses_no_media_and_no_wish_silently(args: dict[str, Any], model: Model) -> None:
    found = nearest(model, args)
    if found is None:
        return
    assert check(model, found.args).request
    assert check(model, found.args, strict=True).request
    for name, value in args.items():
        if name in MEDIA:
            assert found.args[name] == value
        else:
            assert name in found.args or name in found.dropped
    assert not set(found.dropped) & set(found.args)


@given(requests(), price_settings())
def test_what_is_suggested_where_no_model_can_is_accepted_when_it_is_sent(args: dict[str, Any], prices: Prices) -> None:
    if ranked(MODELS, args, prices):
        return
    model = closest(choosable(MODELS), args, prices)
    assert not model.unfiltered
    found = nearest(model, args)
    if found is not None:
        assert ranked(MODELS, found.args, prices)


@st.composite
def shapes(draw: st.DrawFn) -> dict[str, Any]:
    shape = {k: v for k, v in draw(requests(media=False)).items() if k != "prompt"}
    shape |= {"mode": draw(st.sampled_from(MODES))} if draw(st.booleans()) else {}
    return shape | ({"references": draw(st.sampled_from(KINDS))} if draw(st.booleans()) else {})


@given(shapes(), price_settings(), st.sampled_from(MODELS))
def test_a_listed_price_is_that_of_a_quote_for_the_same_filters(
    shape: dict[str, Any], prices: Prices, model: Model
) -> None:
    made = as_made(model, shape)
    accepted = [args for args in samples(model, shape) if check(model, args, strict=True).request]
    assert (made is not None) is bool(accepted)
    if made is None:
        return
    listed = price(made[0], prices)
    asked = accepted[0]
    assert {k: v for k, v in asked.items() if k in shape} == {k: v for k, v in shape.items() if k in FIELDS}
    named = check(model, asked).request
    assert named
    assert price(named, prices) == listed
    chosen = [c for c in ranked(MODELS, asked, prices) if c.model is model]
    assert [c.price for c in chosen] == ([] if model.unfiltered else [listed])
