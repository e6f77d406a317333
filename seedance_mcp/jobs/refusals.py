"""Why no quote can be made for an order, and what would work instead: by the models' rules and within the caps."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from seedance_mcp.catalog import choose
from seedance_mcp.catalog.check import sentences
from seedance_mcp.catalog.choose import Suggestion
from seedance_mcp.catalog.price import Price, price
from seedance_mcp.catalog.request import FIELDS
from seedance_mcp.errors import InvalidRequest
from seedance_mcp.jobs.offers import within_caps

if TYPE_CHECKING:
    from seedance_mcp.catalog import Model
    from seedance_mcp.catalog.check import Check, Checked
    from seedance_mcp.catalog.order import Order
    from seedance_mcp.catalog.price import Prices
    from seedance_mcp.settings import Settings

Affordable = Callable[[Price], bool]
"""Tells whether the caps in force allow a price."""

_SHOWN = 6
"""The most models that a refusal names as alternatives."""
_LONGEST_SHOWN = 1000
"""Characters of the longest argument that a refusal repeats."""
_CORRECT = "Correct these and call again."
_ASK = "If the user asked for what is refused, ask the user what to change; otherwise correct it and call again."


@dataclass(frozen=True, slots=True)
class Market:
    """What can be had: by which vendors, at which prices, checked in which way, and within which caps."""

    settings: Settings
    prices: Prices
    check: Check
    affordable: Affordable


def refusal(market: Market, model: Model, order: Order, checked: Checked, others: Sequence[str] = ()) -> InvalidRequest:
    """Return the refusal of an order by a model: the one that it names, or the one that comes closest.

    `others` are the models that would accept the order as it is.
    """
    count = len(checked.problems)
    args, named = order.args, order.model is not None
    whose = f", the model of job {order.model_of}," if order.model_of else ""
    head = f"{model.id}{whose} cannot do this"
    if not named:
        head = f"None of {len(market.settings.models)} models can do this; the closest is {model.id}"
    lines = [f"{head}, {count} problem{'s' if count > 1 else ''}:"]
    lines += [f"- {sentence}" for sentence in sentences(checked.problems)]
    nearest = choose.nearest(model, args, market.check)
    fitting = _within_caps(market, model, order, nearest) if nearest else None
    if fitting is not None:
        lines.append(_shown(fitting, model if named else None))
    elif nearest is not None:
        cost = _cost(market, model, nearest).brief().replace("unknown", "an unknown amount")
        lines.append(f"Corrected, it would cost {cost}, which a cap refuses.")
    if not others:
        shown_above = fitting.changed(args).keys() if fitting is not None else set[str]()
        instead = choose.alternatives(market.settings.models, args, market.prices, market.check, market.affordable)
        lines += [f"Or: {other.text()}." for other in instead if other.changed.keys() != shown_above]
        lines += _in_parts(checked, market.settings)
    else:
        shown = ", ".join(others[:_SHOWN]) + (f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else "")
        lines.append(f"Unchanged, the request would be accepted by: {shown}.")
    lines.append("Nothing was sent.")
    wished = any(problem.field in FIELDS and problem.field in args for problem in checked.problems)
    return InvalidRequest("\n".join(lines), next_step=_ASK if wished else _CORRECT)


def _shown(suggestion: Suggestion, named: Model | None) -> str:
    without = f", without {' and '.join(suggestion.dropped)}" if suggestion.dropped else ""
    works = ({"model": named.id} if named else {}) | suggestion.args
    shown = {name: value for name, value in works.items() if len(str(value)) <= _LONGEST_SHOWN}
    unchanged = " and ".join(name for name in works if name not in shown)
    with_it = f", with {unchanged} as it is" if unchanged else ""
    return f"This would work{without}{with_it}: {json.dumps(shown, ensure_ascii=False)}"


_MOST_PARTS = 20
"""More would be a slip rather than a wish."""


def _in_parts(checked: Checked, settings: Settings) -> Iterator[str]:
    """Yield how several videos make the length that none of them can have."""
    able = "/".join(vendor.slug for vendor in settings.vendors if settings.takes_files(vendor))
    for problem in checked.problems:
        asked, longest = problem.value, problem.nearest
        if problem.field == "duration" and isinstance(asked, int | float) and isinstance(longest, int | float):
            count = math.ceil(asked / longest) if 0 < longest < asked <= _MOST_PARTS * longest else 0
            if count:
                how = f"; with a model of {able}, first_frame: job_id continues that video" if able else ""
                yield f"{asked:g} s take {count} videos, each paid for{how}; join_videos makes one of them."


def _within_caps(market: Market, model: Model, order: Order, nearest: Suggestion) -> Suggestion | None:
    """Return a request that a model accepts, or what comes closest to it within the caps, if anything does."""
    if market.affordable(_cost(market, model, nearest)):
        return nearest
    corrected = replace(order, args=nearest.args, model=None)
    offers = within_caps([model], corrected, market.prices, market.check, market.affordable)
    return replace(nearest, args={**nearest.args, **offers[0].change}) if offers else None


def _cost(market: Market, model: Model, suggestion: Suggestion) -> Price:
    request = market.check(model, suggestion.args, strict=True).request
    return price(request, market.prices) if request else Price("")
