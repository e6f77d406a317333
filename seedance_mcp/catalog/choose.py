"""Which models accept a request and for how much, and which request a model would accept instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from seedance_mcp.catalog.check import Checked, check
from seedance_mcp.catalog.model import Model
from seedance_mcp.catalog.price import Price, Prices, price
from seedance_mcp.catalog.request import CONTROLS, FIELDS
from seedance_mcp.catalog.rows import Args

Check = Callable[[Model, Args], Checked]
"""How a request is checked: `check`, or a function that also knows the caller's local files."""


def ranked(models: Iterable[Model], args: Args, prices: Prices, check: Check = check) -> list[tuple[Checked, Price]]:
    """Return the request as each model accepts it, cheapest first; `request` is set in every `Checked`.

    Models without a known price in USD come after those with one. A model that accepts the request but was made for
    another kind (a reference model without references) comes after all others.
    """
    found: list[tuple[tuple[bool, bool, int, int], Checked, Price]] = []
    for index, model in enumerate(models):
        checked = check(model, args)
        if checked.request is None:
            continue
        cost = price(checked.request, prices)
        misused = bool(model.prefers) and not any(f in args for f in model.prefers)
        rank = (misused, cost.usd_micros is None, cost.usd_micros or 0, index)
        found.append((rank, checked, cost))
    return [(checked, cost) for _, checked, cost in sorted(found, key=lambda f: f[0])]


def others(models: Iterable[Model], args: Args, excluding: Model, check: Check = check) -> list[str]:
    """Return the ids of the other models that accept the request unchanged."""
    return [m.id for m in models if m.id != excluding.id and not check(m, args).problems]


def nearest(model: Model, args: Args, check: Check = check) -> dict[str, Any] | None:
    """Return the arguments closest to these that the model accepts, or None where a person has to decide."""
    corrected = {k: v for k, v in args.items() if k in model.rows or k in CONTROLS}
    for problem in check(model, corrected).problems:
        if problem.nearest is None:
            return None
        corrected[problem.field] = problem.nearest
    return None if check(model, corrected).problems else corrected


def fewest_problems(models: Sequence[Model], args: Args, check: Check = check) -> tuple[Model, Checked]:
    """Return the model that comes closest to a request that none accepts.

    Among models with equally few problems, prefer one that supports the given fields: a value can be corrected, but
    leaving out an image makes another video.
    """
    verdicts = [(m, check(m, args)) for m in models]
    return min(verdicts, key=lambda v: (len(v[1].problems), sum(name not in v[0].rows for name in args)))


def fits(model: Model, shape: Mapping[str, Any]) -> bool:
    """Whether a model supports a shape: a mode, references of one kind, and fields of a request."""
    if (mode := shape.get("mode")) and mode not in model.modes:
        return False
    if (kind := shape.get("references")) and f"reference_{kind}s" not in model.rows:
        return False
    for name in FIELDS:
        if name in shape and (name not in model.rows or model.rows[name].problem(shape[name])):
            return False
    return True
