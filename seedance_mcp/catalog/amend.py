"""What the operator says about models: limits that a vendor has changed since this release, and names of one's own.

It is JSON by model or vendor, the value of SEEDANCE_MODELS:

    {"ark/2.0": {"endpoint": "ep-20260701-abcde", "duration": {"most": 10}, "resolution": ["480p", "720p"],
                 "last_frame": false}}

`false` takes a field away, a list gives the values that are left or new, and an object changes the ends of a range.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from seedance_mcp.catalog.media import Media
from seedance_mcp.catalog.options import Options
from seedance_mcp.catalog.rows import NEAREST, SAME, Number, OneOf, Row, Source, Text

if TYPE_CHECKING:
    from seedance_mcp.catalog.model import Model

Amendments = Mapping[str, Mapping[str, Any]]
"""What is changed, by model id or vendor, then by field; `endpoint` is the name that is sent."""

WHERE = "OPERATOR"
"""What the source of an amended row begins with."""
_ENDPOINT = "endpoint"
_ALWAYS = {"prompt", "duration", "resolution"}
"""Every model has these."""


def parse_amendments(text: str) -> Amendments:
    """Parse the JSON of SEEDANCE_MODELS.

    Raises:
        ValueError: it is not an object of objects; says what is wrong, and does not repeat the text.
    """
    given: Any = json.loads(text)
    if not isinstance(given, dict):
        raise ValueError("the whole must be an object")  # noqa: TRY004  (one kind of error for one kind of fault)
    for number, entry in enumerate(cast("dict[str, Any]", given).values(), 1):
        if not isinstance(entry, dict):
            raise ValueError(f"entry {number} must be an object")  # noqa: TRY004  (as above)
    return cast("Amendments", given)


def amended(model: Model, amendments: Amendments) -> Model:
    """Return a model with what the operator says about it; what is said about the model precedes its vendor's.

    Raises:
        ValueError: the model has no such field, or a field cannot be changed so.
    """
    said = amendments.get(model.id, {})
    general = {k: v for k, v in amendments.get(model.vendor, {}).items() if _has(model, k)}
    return _amended(model, {**general, **said}) if general or said else model


def _has(model: Model, field: str) -> bool:
    outer, dot, inner = field.partition(".")
    row = model.rows.get(outer)
    return isinstance(row, Options) and inner in row.rows if dot else row is not None


def _amended(model: Model, said: Mapping[str, Any]) -> Model:
    rows, endpoint = dict(model.rows), model.endpoint
    for field, change in said.items():
        if field == _ENDPOINT:
            if not isinstance(change, str) or not change.strip():
                raise ValueError(f"{model.id}: endpoint must be the name that the vendor is sent")
            endpoint = change.strip()
        elif not _has(model, field):
            raise ValueError(f"{model.id} has no such field; it has {', '.join(model.rows)}")
        else:
            _change(rows, f"{model.id} {field}", field, change)
    return replace(model, rows=rows, endpoint=endpoint)


def _change(rows: dict[str, Row], what: str, field: str, change: object) -> None:
    outer, dot, inner = field.partition(".")
    row = rows[outer]
    if dot and isinstance(row, Options):
        own = dict(row.rows)
        _change(own, what, inner, change)
        rows[outer] = replace(row, rows=own)
    elif change is False and field not in _ALWAYS:
        del rows[outer]
    else:
        rows[outer] = _changed(row, change, what)


def _changed(row: Row, change: Any, what: str) -> Row:
    """Return a row with other limits, whose default is one of its legal values.

    Raises:
        ValueError: this kind of row cannot be changed so.
    """
    source = Source(f"{WHERE}:SEEDANCE_MODELS", row.source.fact)
    values = cast("list[object]", change) if isinstance(change, list) else []
    texts = tuple(value for value in values if isinstance(value, str))
    numbers = tuple(value for value in values if isinstance(value, int) and not isinstance(value, bool))
    if isinstance(row, OneOf) and values and len(texts) == len(values):
        return _with_values(row, texts, source)
    if isinstance(row, Number) and values and len(numbers) == len(values):
        return _with_default(replace(row, only=numbers, source=source))
    ends = _ends(change, {"most"} if isinstance(row, Media) else {"least", "most"})
    if isinstance(row, Number) and ends:
        return _with_default(_whole(replace(row, only=(), source=source, **ends), what))
    if isinstance(row, Text | Media) and ends:
        return replace(row, source=source, **ends)
    raise ValueError(f"{what} cannot be changed so; false takes it away, and docs/settings.md shows other changes")


def _ends(change: Any, names: set[str]) -> dict[str, int]:
    """Return the ends of a range; none if the change is anything else."""
    given = cast("dict[str, object]", change) if isinstance(change, dict) else {}
    ends = {k: v for k, v in given.items() if k in names and isinstance(v, int) and not isinstance(v, bool) and v >= 0}
    return ends if len(ends) == len(given) else {}


def _with_values(row: OneOf, values: tuple[str, ...], source: Source) -> OneOf:
    changed = replace(row, values=values, source=source)
    default = row.default if row.default in values else changed.nearest(row.default)
    fits = row.default_with_media in {None, SAME, NEAREST, *values}
    return replace(changed, default=default, default_with_media=row.default_with_media if fits else SAME)


def _whole(row: Number, what: str) -> Number:
    if row.least is not None and row.most is not None and row.least > row.most:
        raise ValueError(f"{what} would have no legal value")
    return row


def _with_default(row: Number) -> Number:
    if row.default is None or row.problem(row.default) is None:
        return row
    return replace(row, default=round(cast("float", replace(row, default=None).nearest(row.default))))
