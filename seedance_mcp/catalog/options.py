"""The row for a vendor's own fields, which share the parameter `options`, so that a tool has one property for them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from seedance_mcp.catalog.rows import Row, Schema, Source


@dataclass(frozen=True, slots=True)
class Options:
    """An object with a vendor's own fields, each with a row of its own. Rules name them `options.NAME`."""

    rows: Mapping[str, Row]
    source: Source
    required: bool = False

    default = None

    def problem(self, value: object) -> str | None:
        if not isinstance(value, Mapping):
            return f"must be an object with {', '.join(self.rows)}"
        given: Mapping[str, object] = value  # pyright: ignore[reportUnknownVariableType]  (untrusted)
        found = [
            f"{name} {shown} {problem}"
            for name, item in given.items()
            if name in self.rows and (problem := self.rows[name].problem(item)) and (shown := repr(item)[:60])
        ]
        unknown = [name for name in given if name not in self.rows]
        found += [f"{name!s:.40} is not an option{self._hint(str(name))}" for name in unknown]
        return "; ".join(found) or None

    def _hint(self, name: str) -> str:
        close = difflib.get_close_matches(name, self.rows, n=1)
        return f"; did you mean {close[0]}?" if close else f" (they are {', '.join(self.rows)})"

    def allowed(self) -> str:
        return "an object with " + "; ".join(f"{name}: {row.allowed()}" for name, row in self.rows.items())

    def nearest(self, value: object) -> dict[str, Any] | None:
        """Return the options with the nearest legal value of each, or None where one has none."""
        if not isinstance(value, Mapping):
            return None
        given: Mapping[str, Any] = value  # pyright: ignore[reportUnknownVariableType]  (untrusted)
        corrected = {
            name: item if row.problem(item) is None else row.nearest(item)
            for name, item in given.items()
            if (row := self.rows.get(name))
        }
        complete = len(corrected) == len(given) and None not in corrected.values()
        return corrected if complete else None

    def schema(self) -> Schema:
        properties = {name: row.schema() for name, row in self.rows.items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}

    def merged(self, other: Options) -> Options:
        both = self.rows.keys() & other.rows.keys()
        rows = {**self.rows, **other.rows} | {name: self.rows[name].merged(other.rows[name]) for name in both}
        return replace(self, rows=rows, required=self.required and other.required)
