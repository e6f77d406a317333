"""Legal requests made from a model's rows, to try every field with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from seedance_mcp.catalog import Flag, Link, Media, Model, Number, OneOf, Options, Row, Text


def fields_of(model: Model) -> Iterator[tuple[str, list[Any]]]:
    """Yield each field with legal values; options one by one."""
    for name, row in model.rows.items():
        if isinstance(row, Options):
            for option, inner in row.rows.items():
                yield name, [{option: value} for value in _values(inner)]
        else:
            yield name, list(_values(row))


def _values(row: Row) -> Iterator[Any]:
    """Yield legal values of a row, at least two where it has two."""
    match row:
        case Options():
            yield from ({option: value} for option, inner in row.rows.items() for value in _values(inner))
        case OneOf():
            yield from row.values[:2]
        case Number():
            yield from row.only or (int(row.least or 0), int(row.least or 0) + 1)
            if row.automatic is not None:
                yield row.automatic
        case Flag():
            yield from (True, False)
        case Link() | Media():
            link = row if isinstance(row, Link) else row.link
            ends = ("asset-1", "asset-2") if link.schemes[0] == "asset" else ("example.com/1", "example.com/2")
            for end in ends:
                url = f"{link.schemes[0]}://{end}"
                yield url if isinstance(row, Link) else [url]
        case Text():
            yield from ("A cat.", "A dog.")
        case _:
            yield from cast("Any", row).examples  # a kind of row of another package


def requests_with(model: Model, field: str, value: Any) -> Iterator[dict[str, Any]]:
    """Yield requests with a field: alone, and with each other field, since some fields need another."""
    needed = {name: next(iter(_values(row))) for name, row in model.rows.items() if row.required or name == "prompt"}
    yield needed | {field: value}
    yield {name: v for name, v in needed.items() if model.rows[name].required} | {field: value}
    for other, row in model.rows.items():
        if other not in needed and other != field:
            yield needed | {field: value, other: next(iter(_values(row)))}
