"""What fits within the caps, where an order does not: by another model, in a lower resolution, or shorter."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seedance_mcp.catalog import Number, OneOf, choose
from seedance_mcp.catalog.choose import Known
from seedance_mcp.catalog.rows import magnitude

if TYPE_CHECKING:
    from seedance_mcp.catalog import Model
    from seedance_mcp.catalog.check import Check
    from seedance_mcp.catalog.order import Order
    from seedance_mcp.catalog.price import Price, Prices


@dataclass(frozen=True, slots=True)
class Offer:
    """A request within the caps: what is changed in the order, and what it costs."""

    change: Mapping[str, Any]
    price: Price

    def text(self) -> str:
        """Return it as text, such as "resolution 480p, $0.72"."""
        return ", ".join(f"{name} {value}" for name, value in self.change.items()) + f", {self.price.brief()}"


def within_caps(
    models: Sequence[Model], order: Order, prices: Prices, check: Check, affordable: Callable[[Price], bool]
) -> list[Offer]:
    """Return what an order can be changed to: another model, a lower resolution, fewer seconds, or if need be several.

    Each is accepted by the model that the order names (or by any, where it names none) and has a price in USD.
    """

    def best(able: Sequence[Model], args: Mapping[str, Any]) -> choose.Candidate | None:
        ranked = choose.ranked(able, args, prices, check, affordable)
        found = ranked[0] if ranked else None
        return found if found and not found.over_cap and found.known is Known.USD else None

    def changed(able: Sequence[Model], *names: str, also: bool = False) -> list[Offer]:
        """Return the first change of these fields together that fits."""
        values = [_lower(able, _sent(able, order, check, name), name) for name in names]
        for combination in itertools.product(*values):
            change = dict(zip(names, combination, strict=True))
            if found := best(able, {**order.args, **change}):
                return [Offer(({"model": found.model.id} if also else {}) | change, found.price)]
        return []

    named = [m for m in models if m.id == order.model]
    able, fields = named or models, ("resolution", "duration")
    offers = changed(models, also=True) if named else []
    offers += [offer for name in fields for offer in changed(able, name)]
    offers = offers or changed(able, *fields)
    return offers or (changed(models, *fields, also=True) if named else [])


def cheapest(
    models: Sequence[Model], order: Order, left_open: Sequence[str], prices: Prices, check: Check
) -> Offer | None:
    """Return what would be chosen if what an order leaves open were set to the least; None without a price in USD."""
    found: list[tuple[choose.Candidate, Offer]] = []
    for model in models:
        change = {name: least for name in left_open if (least := _least(model, name)) is not None}
        ranked = choose.ranked([model], {**order.args, **change}, prices, check)
        found += [(candidate, Offer(change, candidate.price)) for candidate in ranked if candidate.known is Known.USD]
    best = min(found, key=lambda pair: (pair[0].standard, pair[1].price.usd_micros or 0), default=None)
    return None if best is None else best[1]


def _least(model: Model, name: str) -> Any:
    row = model.kept_rows.get(name)
    if isinstance(row, OneOf):
        return min(row.values, key=magnitude)
    return (min(row.only) if row.only else row.least) if isinstance(row, Number) else None


def _sent(models: Sequence[Model], order: Order, check: Check, name: str) -> Any:
    """Return the value that the order would send, its own or a default."""
    if name in order.args:
        return order.args[name]
    requests = (check(model, order.args, strict=True).request for model in models)
    return next((value for r in requests if r and (value := getattr(r, name)) is not None), None)


def _lower(models: Sequence[Model], asked: Any, name: str) -> list[Any]:
    """Return the resolutions or whole seconds below the one asked for, the highest first."""
    if name == "resolution":
        found = [row for m in models if isinstance(row := m.rows.get(name), OneOf)]
        values = {value for row in found for value in row.values}
        lower = [value for value in values if isinstance(asked, str) and magnitude(value) < magnitude(asked)]
        return sorted(lower, key=magnitude, reverse=True)
    rows = [row for m in models if isinstance(row := m.kept_rows.get(name), Number)]
    if not rows or not isinstance(asked, int | float):
        return []
    least = min(min(row.only) if row.only else int(row.least or 1) for row in rows)
    return list(range(min(int(asked), _LONGEST) - (int(asked) == asked), least - 1, -1))


_LONGEST = 60
"""Seconds: no model makes a longer video."""
