"""Which models we choose for a request, and which request a model would accept instead.

Everything here keeps to the soft limits, and no model without a content filter is ever chosen or suggested.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from seedance_mcp.catalog.check import Check, Problem, check
from seedance_mcp.catalog.model import Model
from seedance_mcp.catalog.price import Price, Prices, price
from seedance_mcp.catalog.request import CONTROLS, FIELDS, MEDIA, VideoRequest
from seedance_mcp.catalog.rows import Args, OneOf, magnitude
from seedance_mcp.catalog.rules import Advice

COMPARED = "720p"
"""The resolution at which prices are compared where none is asked for: the default of nearly every model."""


class Known(IntEnum):
    """How well a price is known; the better known price comes first."""

    USD = 0
    USD_WITH_CAUTION = 1
    OWN_UNITS = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Candidate:
    """A request as one model accepts it, and what speaks against the model: the first differing field decides."""

    request: VideoRequest
    advice: tuple[Advice, ...]
    price: Price
    over_cap: bool
    """Whether a cap would refuse it."""
    cautious: bool
    """Whether something asked for may not come as asked."""
    misused: bool
    """Whether the model was made for another kind of request, such as a reference model without references."""
    known: Known
    vendor: int
    """The place of the vendor, where prices in units of vendors cannot be compared."""
    other_resolution: bool
    """Whether the resolution was left open, and the model's default is not that of the others."""

    @property
    def model(self) -> Model:
        return self.request.model

    @property
    def standard(self) -> tuple[object, ...]:
        """What two candidates have in common whose prices are compared."""
        return self.over_cap, self.cautious, self.known, self.misused, self.vendor, self.other_resolution


def choosable(models: Iterable[Model]) -> list[Model]:
    """Return the models that may be chosen or suggested; a model without a content filter has to be named."""
    return [model for model in models if not model.unfiltered]


def ranked(
    models: Iterable[Model],
    args: Args,
    prices: Prices,
    check: Check = check,
    affordable: Callable[[Price], bool] = lambda _: True,
) -> list[Candidate]:
    """Return the request as each model accepts it, the one to choose first.

    `affordable` tells whether the caps allow a price. A price in USD is compared with others in USD, one in a vendor's
    own units with those of the same vendor only, and all at one resolution.
    """
    vendors: dict[str, int] = {}
    found: list[Candidate] = []
    for model in choosable(models):
        place = vendors.setdefault(model.vendor, len(vendors))
        checked = check(model, args, strict=True)
        if checked.request is None:
            continue
        cost = price(checked.request, prices)
        known = _known(cost)
        found.append(
            Candidate(
                checked.request,
                checked.advice,
                cost,
                over_cap=not affordable(cost),
                cautious=any(a.caution for a in checked.advice),
                misused=_misused(model, args),
                known=known,
                vendor=place if known is Known.OWN_UNITS else 0,
                other_resolution="resolution" not in args and checked.request.resolution != COMPARED,
            )
        )
    return sorted(found, key=lambda c: (c.standard, _amount(c.price)))  # stable: of equals, the first


def _misused(model: Model, args: Args) -> bool:
    return bool(model.prefers) and not any(field in args for field in model.prefers)


def _known(cost: Price) -> Known:
    if cost.usd_micros is not None:
        return Known.USD_WITH_CAUTION if cost.caution else Known.USD
    return Known.UNKNOWN if cost.amount is None else Known.OWN_UNITS


def _amount(cost: Price) -> float:
    return cost.usd_micros if cost.usd_micros is not None else float(cost.amount or 0)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A request that a model accepts, close to one that it refuses."""

    args: dict[str, Any]
    dropped: tuple[str, ...] = ()
    """What was asked for and is left out, never media."""

    def changed(self, args: Args) -> dict[str, Any]:
        """Return what differs from the arguments: the other values, and None for what is left out."""
        left_out: dict[str, Any] = dict.fromkeys(self.dropped)
        return {name: value for name, value in self.args.items() if args.get(name) != value} | left_out


@dataclass(frozen=True, slots=True)
class Alternative:
    """What a model accepts instead of a request that none accepts."""

    model: Model
    changed: Mapping[str, Any]
    """The fields that differ, with their other values; None for what is left out."""

    def text(self) -> str:
        """Return it as text, such as "resolution 1080p with jimmyai/seedance2.0-sp"."""
        parts = (f"no {name}" if value is None else f"{name} {value}" for name, value in self.changed.items())
        return f"{', '.join(parts)} with {self.model.id}"


def nearest(model: Model, args: Args, check: Check = check) -> Suggestion | None:
    """Return the request closest to this one that the model accepts, or None where a person has to decide."""
    corrected, dropped = dict(args), list[str]()
    for problem in check(model, args, strict=True).problems:
        name = problem.field
        if problem.nearest is not None:
            corrected[name] = problem.nearest
        elif name in args and name not in MEDIA and name not in model.rows and name not in CONTROLS:
            corrected.pop(name, None)
            dropped.append(name)
        else:
            return None
    if check(model, corrected, strict=True).problems:
        return None
    return Suggestion(corrected, tuple(dict.fromkeys(dropped)))


def closest(models: Sequence[Model], args: Args, prices: Prices, check: Check = check) -> Model:
    """Return the model that comes closest to a request that none accepts; of equally close ones, the cheapest.

    A value can be corrected, but leaving out an image makes another video.
    """
    return min(models, key=lambda model: _apart(model, args, prices, check))


_MOST_ALTERNATIVES = 3


def alternatives(
    models: Iterable[Model],
    args: Args,
    prices: Prices,
    check: Check = check,
    affordable: Callable[[Price], bool] = lambda _: True,
) -> list[Alternative]:
    """Return the closest request for each set of wishes whose change makes a model accept the rest, within the caps.

    Where 4k and 13 s exclude each other, that is one request with other seconds and one in another resolution.
    """
    best: dict[frozenset[str], tuple[tuple[float, ...], Alternative]] = {}
    for model in choosable(models):
        suggestion = nearest(model, args, check)
        request = check(model, suggestion.args, strict=True).request if suggestion else None
        if suggestion is None or request is None or not affordable(price(request, prices)):
            continue
        changed = suggestion.changed(args)
        key, apart = frozenset(changed), _apart(model, args, prices, check)
        if key not in best or apart < best[key][0]:
            best[key] = (apart, Alternative(model, changed))
    fewest = [found for key, found in best.items() if not any(other < key for other in best)]
    return [found for _, found in sorted(fewest, key=lambda pair: pair[0])][:_MOST_ALTERNATIVES]


def _apart(model: Model, args: Args, prices: Prices, check: Check) -> tuple[float, ...]:
    """Return how far a model is from accepting a request; of equally far ones, the cheaper comes first."""
    problems = check(model, args, strict=True).problems
    without = [name for name in args if name in FIELDS and name not in model.rows]
    lost_media = sum(name in MEDIA for name in without)
    away = sum(_distance(model, problem) for problem in problems)
    suggestion = nearest(model, args, check)
    request = check(model, suggestion.args, strict=True).request if suggestion else None
    cost = price(request, prices) if request else Price("")
    return lost_media, len(problems), len(without), round(away, 6), _known(cost), _misused(model, args), _amount(cost)


_HUGE = 10**9
_FAR = 10.0
"""The distance of a value that has no nearest legal one: farther than any other."""


def _distance(model: Model, problem: Problem) -> float:
    """Return how far a value is from the nearest legal one, relative to its size."""
    value, near = problem.value, problem.nearest
    if near is None:
        return _FAR
    if isinstance(model.rows.get(problem.field), OneOf):
        asked, given = magnitude(str(value)), magnitude(str(near))
        return abs(math.log(asked / given)) if asked and given else 0.0
    if isinstance(value, int | float) and isinstance(near, int | float) and value == value:  # noqa: PLR0124  (not NaN)
        return min(_FAR, abs(value - near) / max(abs(value), abs(near), 1)) if abs(value) < _HUGE else _FAR
    return 0.0
