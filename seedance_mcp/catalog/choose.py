"""Which models can do a request and for how much, and which request a model could do instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seedance_mcp.catalog.check import Checked, check
from seedance_mcp.catalog.model import Model
from seedance_mcp.catalog.price import Price, Prices, price
from seedance_mcp.catalog.request import CONTROLS, FIELDS, VideoRequest
from seedance_mcp.catalog.rows import Args

Check = Callable[[Model, Args], Checked]
"""How a request is held against a model: `check`, or one that knows the caller's own files as well."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that can do a request, the request as it would be sent, and its price."""

    request: VideoRequest
    price: Price
    checked: Checked

    @property
    def model(self) -> Model:
        return self.request.model


def offers(models: Iterable[Model], args: Args, prices: Prices, check: Check = check) -> list[Offer]:
    """Return who can do the request, cheapest first; those without a known price in USD come last.

    A model that is asked for something legal that its vendor did not make it for (a reference model without
    references) comes after all others.
    """
    found: list[tuple[bool, bool, int, int, Offer]] = []
    for index, model in enumerate(models):
        checked = check(model, args)
        if checked.request is None:
            continue
        cost = price(checked.request, prices)
        misused = bool(model.prefers) and not any(f in args for f in model.prefers)
        unpriced = cost.usd_micros is None
        found.append((misused, unpriced, cost.usd_micros or 0, index, Offer(checked.request, cost, checked)))
    return [offer for *_, offer in sorted(found, key=lambda f: f[:4])]


def others(models: Iterable[Model], args: Args, but: Model, check: Check = check) -> list[str]:
    """Return the ids of the other models that accept the request unchanged."""
    return [m.id for m in models if m.id != but.id and not check(m, args).problems]


def nearest(model: Model, args: Args, check: Check = check) -> dict[str, Any] | None:
    """Return the arguments closest to these that the model accepts, or None where a person has to decide."""
    corrected = {k: v for k, v in args.items() if k in model.rows or k in CONTROLS}
    for problem in check(model, corrected).problems:
        if problem.nearest is None:
            return None
        corrected[problem.field] = problem.nearest
    return None if check(model, corrected).problems else corrected


def fewest_problems(models: Sequence[Model], args: Args, check: Check = check) -> tuple[Model, Checked]:
    """Return the model that comes closest to the request when none can do it.

    Of several with as few problems, one that takes the fields that were given: their values can be corrected, while to
    leave a picture out makes another film.
    """
    verdicts = [(m, check(m, args)) for m in models]
    return min(verdicts, key=lambda v: (len(v[1].problems), sum(name not in v[0].rows for name in args)))


def fits(model: Model, shape: Mapping[str, Any]) -> bool:
    """Whether a model can do a shape: a mode, references of one kind, and fields of a request."""
    if (mode := shape.get("mode")) and mode not in model.modes:
        return False
    if (kind := shape.get("references")) and f"reference_{kind}s" not in model.rows:
        return False
    for name in FIELDS:
        if name in shape and (name not in model.rows or model.rows[name].problem(shape[name])):
            return False
    return True
