"""Check a request against a model's rows: every problem at once, with the nearest legal value, and no network."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from seedance_mcp.catalog.model import Model
from seedance_mcp.catalog.request import (
    CONTROLS,
    FIELDS,
    FRAMES,
    VideoRequest,
    max_mentions,
    mentions,
    with_mentions,
)
from seedance_mcp.catalog.rows import NEAREST, SAME, Args, OneOf, Row, Source, Text
from seedance_mcp.catalog.rules import Advice

_LONGEST_SHOWN = 60
MOST_SHOWN = 10
"""The most problems that one answer lists."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why a model cannot accept a request."""

    field: str
    value: object
    message: str
    nearest: Any = None
    source: Source | None = None

    def sentence(self) -> str:
        """Return the problem as text from which the caller can correct the request."""
        shown = _shown(self.value)
        hint = "" if self.nearest is None else f"; nearest: {self.nearest!r}"
        return f"{self.field}{shown and ' '}{shown} {self.message}{hint}"


def _shown(value: object) -> str:
    """Return a value as text; empty if there is none, or if it is too long to be shown."""
    if value is None or (isinstance(value, str | list | dict) and len(value) > _LONGEST_SHOWN):  # pyright: ignore[reportUnknownArgumentType]  (untrusted items)
        return ""
    try:
        text = repr(cast("object", value))
    except (ValueError, RecursionError):  # an integer of thousands of digits, or deep nesting
        return ""
    return text if len(text) <= _LONGEST_SHOWN else ""


def sentences(problems: Sequence[Problem]) -> list[str]:
    """Return the first ten problems as text, and how many more there are."""
    more = len(problems) - MOST_SHOWN
    return [p.sentence() for p in problems[:MOST_SHOWN]] + ([f"and {more} more"] if more > 0 else [])


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of a check: either a request that may be sent, or problems; advice in both cases."""

    problems: tuple[Problem, ...] = ()
    advice: tuple[Advice, ...] = ()
    request: VideoRequest | None = None


Pixels = tuple[int, int]
"""Width and height."""


def check(model: Model, args: Args, shape: Pixels | None = None) -> Checked:
    """Check the untrusted arguments of a request against a model and the controls.

    `shape` is the size of the request's first image, where that is known.
    """
    rows = {**model.rows, **CONTROLS}
    problems = [
        *find_problems(rows, {k: v for k, v in args.items() if k != "model"}, model.id),
        *_broken_rules(model, args),
        *_unknown_names(model, args),
    ]
    advice = tuple(a for a in model.advice if a.applies(args))
    if problems:
        return Checked(tuple(problems), advice)
    request = _fill_in(model, args, shape)
    return Checked((), advice + _cropped(request, shape), request)


def find_problems(rows: Mapping[str, Row], args: Args, owner: str) -> list[Problem]:
    """Check each argument against its row: unknown, invalid and missing fields. `owner`: the model or tool."""
    found: list[Problem] = []
    for name, value in args.items():
        if row := rows.get(name):
            if problem := row.problem(value) or _too_long_as_sent(row, value):
                found.append(Problem(name, value, problem, row.nearest(value), row.source))
        elif name in FIELDS:
            found.append(Problem(name, None, f"is not supported by {owner}; leave it out"))
        else:
            close = _closest(name[:_LONGEST_SHOWN], tuple(rows))
            found.append(Problem(name[:_LONGEST_SHOWN], None, "is not a parameter" + close))
    missing = [(name, row) for name, row in rows.items() if row.required and name not in args]
    return found + [Problem(n, None, f"is required: {r.allowed()}", source=r.source) for n, r in missing]


@lru_cache(maxsize=4096)
def _closest(name: str, known: tuple[str, ...]) -> str:
    """Return the question whether the closest known name is meant; empty if none is close."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _too_long_as_sent(row: Row, value: object) -> str | None:
    """Say that a prompt exceeds its limit once its mentions are written as the vendor does."""
    if not (isinstance(row, Text) and row.mentions and isinstance(value, str)):
        return None
    problem = row.problem(with_mentions(value, row.mentions))
    return f"{problem}, where each @image1 counts as {row.mentions['image'].format(1)}" if problem else None


def _broken_rules(model: Model, args: Args) -> list[Problem]:
    return [
        Problem(broken[0], None, broken[1], source=rule.source) for rule in model.rules if (broken := rule.broken(args))
    ]


def _unknown_names(model: Model, args: Args) -> list[Problem]:
    prompt = args.get("prompt")
    if not isinstance(prompt, str):
        return []
    found: list[Problem] = []
    seen: set[tuple[str, int]] = set()
    for kind, number in mentions(prompt):
        if (kind, number) in seen:
            continue
        if len(found) > MOST_SHOWN:
            break
        seen.add((kind, number))
        given = args.get(f"reference_{kind}s")
        count = len(given) if isinstance(given, list | tuple) else 0  # pyright: ignore[reportUnknownArgumentType]  (untrusted items)
        last = min(count, max_mentions(model, f"reference_{kind}s"))
        if not 1 <= number <= last:
            known = f"the last {kind} is @{kind}{last}" if last else f"no reference_{kind}s are given"
            found.append(Problem("prompt", None, f"mentions @{kind}{number}, but {known}"))
    return found


def _fill_in(model: Model, args: Args, shape: Pixels | None) -> VideoRequest:
    given = {n: _plain(v) for n, v in args.items() if n in model.rows}
    assumed: dict[str, Any] = {}
    for name, row in model.rows.items():
        if name in given or (value := _default(row, args, shape)) is None:
            continue
        if not any(rule.broken({**given, name: value}) for rule in model.rules):
            assumed[name] = value
    values: dict[str, Any] = {**given, **assumed}
    return VideoRequest(model, **values, assumed=assumed)


_IMAGES = (*FRAMES, "reference_images")


def _default(row: Row, args: Args, shape: Pixels | None) -> Any:
    if not isinstance(row, OneOf) or not any(name in args for name in (*_IMAGES, "reference_videos")):
        return row.default
    if row.default_with_media == NEAREST:
        return (row.nearest_ratio(shape) if shape else None) or row.default
    return row.default if row.default_with_media == SAME else row.default_with_media


def _cropped(request: VideoRequest, shape: Pixels | None) -> tuple[Advice, ...]:
    """Say that a shape was assumed for an image whose own is not known."""
    ratio, row = request.assumed.get("aspect_ratio"), request.model.rows.get("aspect_ratio")
    images = request.first_frame or request.last_frame or request.reference_images
    if shape or not images or not ratio or not isinstance(row, OneOf) or row.default_with_media != NEAREST:
        return ()
    text = (
        f"The image's shape is not known: {ratio} is assumed, and may crop the image; pass aspect_ratio to change it."
    )
    return (Advice(("aspect_ratio",), text, row.source),)


def _plain(value: object) -> object:
    if isinstance(value, list):
        return tuple(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  (untrusted items)
    return int(value) if isinstance(value, float) and value.is_integer() else value
