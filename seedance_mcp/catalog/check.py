"""Check a request against a model's rows: every problem at once, with the nearest legal value, and no network."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seedance_mcp.catalog.model import Model
from seedance_mcp.catalog.request import CONTROLS, FIELDS, FRAMES, VideoRequest, max_mentions, mentions
from seedance_mcp.catalog.rows import NEAREST, SAME, Args, OneOf, Row, Source
from seedance_mcp.catalog.rules import Advice

_LONGEST_SHOWN = 60


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
        shown = "" if self.value is None or len(repr(self.value)) > _LONGEST_SHOWN else f" {self.value!r}"
        hint = "" if self.nearest is None else f"; nearest: {self.nearest!r}"
        return f"{self.field}{shown} {self.message}{hint}"


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
            if problem := row.problem(value):
                found.append(Problem(name, value, problem, row.nearest(value), row.source))
        elif name in FIELDS:
            found.append(Problem(name, None, f"is not supported by {owner}; leave it out"))
        else:
            close = difflib.get_close_matches(name, rows, n=1)
            found.append(Problem(name, None, "is not a parameter" + (f"; did you mean {close[0]}?" if close else "")))
    missing = [(name, row) for name, row in rows.items() if row.required and name not in args]
    return found + [Problem(n, None, f"is required: {r.allowed()}", source=r.source) for n, r in missing]


def _broken_rules(model: Model, args: Args) -> list[Problem]:
    return [
        Problem(broken[0], None, broken[1], source=rule.source) for rule in model.rules if (broken := rule.broken(args))
    ]


def _unknown_names(model: Model, args: Args) -> list[Problem]:
    prompt = args.get("prompt")
    if not isinstance(prompt, str):
        return []
    found: list[Problem] = []
    for kind, number in dict.fromkeys(mentions(prompt)):
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
