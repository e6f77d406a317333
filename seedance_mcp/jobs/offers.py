"""What fits within the caps, where an order does not: by another model, in a lower resolution, or shorter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
    """Return what an order can be changed to, one change each: another model, a lower resolution, fewer seconds.

    Each is accepted by the model that the order names (or by any, where it names none) and has a price in USD.
    """
    named = [m for m in models if m.id == order.model]
    offers: list[Offer] = []

    def best(able: Sequence[Model], args: Mapping[str, Any]) -> choose.Candidate | None:
        ranked = choose.ranked(able, args, prices, check, affordable)
        found = ranked[0] if ranked else None
        return found if found and not found.over_cap and found.known is Known.USD else None

    if named and (other := best(models, order.args)):
        offers.append(Offer({"model": other.model.id}, other.price))
    for name, values in (("resolution", _resolutions), ("duration", _durations)):
        for value in values(named or models, _sent(named or models, order, check, name)):
            if found := best(named or models, {**order.args, name: value}):
                offers.append(Offer({name: value}, found.price))
                break
    return offers


def _sent(models: Sequence[Model], order: Order, check: Check, name: str) -> Any:
    """Return the value that the order would send, its own or a default."""
    if name in order.args:
        return order.args[name]
    requests = (check(model, order.args, strict=True).request for model in models)
    return next((value for r in requests if r and (value := getattr(r, name)) is not None), None)


def _resolutions(models: Sequence[Model], asked: Any) -> Iterator[str]:
    """Yield the resolutions below the one asked for, the highest first."""
    rows = [row for m in models if isinstance(row := m.rows.get("resolution"), OneOf)]
    values = {value for row in rows for value in row.values}
    lower = [value for value in values if isinstance(asked, str) and magnitude(value) < magnitude(asked)]
    yield from sorted(lower, key=magnitude, reverse=True)


def _durations(models: Sequence[Model], asked: Any) -> Iterator[int]:
    """Yield the whole seconds below those asked for, the longest first."""
    rows = [row for m in models if isinstance(row := m.kept_rows.get("duration"), Number)]
    if rows and isinstance(asked, int | float):
        least = min(min(row.only) if row.only else int(row.least or 1) for row in rows)
        yield from range(min(int(asked), 60) - (int(asked) == asked), least - 1, -1)
