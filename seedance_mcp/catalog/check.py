"""Check a request against a model's rows: every problem at once, with the nearest legal value, and no network."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol, cast

from seedance_mcp.catalog.media import Media
from seedance_mcp.catalog.model import Model
from seedance_mcp.catalog.request import (
    CONTROLS,
    FIELDS,
    FRAMES,
    VideoRequest,
    max_mentions,
    mentions,
    sent_prompt,
)
from seedance_mcp.catalog.rows import NEAREST, SAME, Args, OneOf, Row, Source, Text
from seedance_mcp.catalog.rules import Advice, Rule
from seedance_mcp.catalog.switches import without_switch

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
    """The result of a check: either problems, or a request that may be sent and the advice on it."""

    problems: tuple[Problem, ...] = ()
    advice: tuple[Advice, ...] = ()
    request: VideoRequest | None = None


Pixels = tuple[int, int]
"""Width and height."""


class Check(Protocol):
    """How a request is checked: `check`, or a function that also knows the caller's local files."""

    def __call__(self, model: Model, args: Args, *, strict: bool = False) -> Checked: ...


def check(model: Model, args: Args, shape: Pixels | None = None, *, strict: bool = False) -> Checked:
    """Check the untrusted arguments of a request against a model and the controls.

    `shape` is the size of the request's first image, where that is known. A request that only breaks a soft limit is
    accepted with advice, because the caller has named the model. `strict` refuses it: so are the requests checked that
    we choose, suggest or list.
    """
    given = {k: v for k, v in args.items() if k != "model"}
    absent = {k: without_switch(model, k, v) for k, v in given.items() if k in FIELDS and k not in model.rows}
    checked = {k: v for k, v in given.items() if absent.get(k, "unsupported") == "unsupported"}
    problems = [
        *(_kept(model, problem) for problem in find_problems({**model.rows, **CONTROLS}, checked, model.id)),
        *_broken_rules([rule for rule in model.rules if not rule.source.soft], args),
        *_unknown_names(model, args),
        *_too_long_as_sent(model, args),
        *_same_variants(args),
    ]
    soft = _soft_problems(model, args, {p.field for p in problems})
    if strict:
        problems += soft
    if problems:
        return Checked(tuple(problems))
    request = _fill_in(model, checked, shape)
    fields = request.fields()
    advice = [a for a in model.advice if a.applies(fields)]
    advice += [a for a in absent.values() if isinstance(a, Advice)]
    soft_limits = [soft_advice(model, problem) for problem in soft]
    return Checked((), (*advice, *soft_limits, *_cropped(request, shape)), request)


def _kept(model: Model, problem: Problem) -> Problem:
    """Return a problem whose nearest legal value keeps to the soft limit as well."""
    row = model.soft.get(problem.field)
    return problem if row is None else replace(problem, nearest=row.nearest(problem.value))


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
            close = _closest(name[:_LONGEST_SHOWN], tuple(rows))
            found.append(Problem(name[:_LONGEST_SHOWN], None, "is not a parameter" + close))
    missing = [(name, row) for name, row in rows.items() if row.required and name not in args]
    return found + [Problem(n, None, f"is required: {r.allowed()}", source=r.source) for n, r in missing]


@lru_cache(maxsize=4096)
def _closest(name: str, known: tuple[str, ...]) -> str:
    """Return the question whether the closest known name is meant; empty if none is close."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _broken_rules(rules: Iterable[Rule], args: Args) -> list[Problem]:
    return [Problem(broken[0], None, broken[1], source=rule.source) for rule in rules if (broken := rule.broken(args))]


def _soft_problems(model: Model, args: Args, refused: set[str]) -> list[Problem]:
    """Return what is beyond the soft limits; a field that is `refused` is not mentioned twice."""
    rows = {name: row for name, row in model.soft.items() if name in args and name not in refused}
    found = [
        Problem(name, args[name], problem, row.nearest(args[name]), row.source)
        for name, row in rows.items()
        if (problem := row.problem(args[name]))
    ]
    return found + _broken_rules([rule for rule in model.rules if rule.source.soft], args)


def soft_advice(model: Model, problem: Problem) -> Advice:
    """Return what a caller who names the model is told about a soft limit."""
    text = f"The upstream would refuse this: {problem.sentence()}. {model.vendor} itself does not state this limit."
    return Advice((problem.field,), text, problem.source or model.source)


def _too_long_as_sent(model: Model, args: Args) -> list[Problem]:
    """Count the prompt once more as it is sent, where the vendor writes mentions in a longer form."""
    prompt, row = args.get("prompt"), model.rows.get("prompt")
    if not isinstance(prompt, str) or not isinstance(row, Text) or row.problem(prompt) or row.most is None:
        return []
    length = len(sent_prompt(model, prompt))
    if length <= row.most:
        return []
    message = f"has {length} characters as it is sent, with mentions such as {sent_prompt(model, '@image1')}"
    return [Problem("prompt", None, f"{message}; the limit is {row.most}", source=row.source)]


def _same_variants(args: Args) -> list[Problem]:
    """Refuse to pay several times for what a seed asks to be the same."""
    several, row = args.get("n"), CONTROLS["n"]
    if "seed" not in args or several in {None, 1} or row.problem(several):
        return []
    return [Problem("n", several, "asks for different videos, and seed for the same one; leave out seed")]


def _unknown_names(model: Model, args: Args) -> list[Problem]:
    prompt = args.get("prompt")
    if not isinstance(prompt, str):
        return []
    unknown: dict[str, dict[int, None]] = {}
    last = {kind: _last_mention(model, args, f"reference_{kind}s") for kind in ("image", "video", "audio")}
    for kind, number in mentions(prompt):
        if not 1 <= number <= last[kind] and len(unknown.get(kind, ())) < MOST_SHOWN:
            unknown.setdefault(kind, {})[number] = None
    found: list[Problem] = []
    for kind, numbers in unknown.items():
        known = f"the last {kind} is @{kind}{last[kind]}" if last[kind] else f"no reference_{kind}s are given"
        names = ", ".join(f"@{kind}{number}" for number in numbers)
        found.append(Problem("prompt", None, f"mentions {names}, but {known}"))
    return found


def _last_mention(model: Model, args: Args, field: str) -> int:
    """Return the highest number that a prompt can mention; more items than the model takes are that field's problem."""
    given, row = args.get(field), model.rows.get(field)
    count = len(given) if isinstance(given, list | tuple) else 0  # pyright: ignore[reportUnknownArgumentType]  (untrusted items)
    too_many = isinstance(row, Media) and row.most is not None and count > row.most
    return count if too_many else min(count, max_mentions(model, field))


def _fill_in(model: Model, args: Args, shape: Pixels | None) -> VideoRequest:
    given = {n: _plain(v) for n, v in args.items() if n in model.rows}
    assumed: dict[str, Any] = {}
    for name, row in model.rows.items():
        if name in given or (value := _default(row, args, shape)) is None:
            continue
        if not any(rule.broken({**given, name: value}) and not rule.broken(given) for rule in model.rules):
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
