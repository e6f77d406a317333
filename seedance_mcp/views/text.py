"""An answer's fields as lines of text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from seedance_mcp.views.cost import money


def known(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Drop what is unknown or empty."""
    return {key: value for key, value in fields.items() if value is not None and value not in ("", (), [], {})}


def to_text(fields: Mapping[str, Any]) -> str:
    """Return an answer's fields as lines of text."""
    return "\n".join(_lines(fields, ""))


def _lines(fields: Mapping[str, Any], indent: str) -> list[str]:
    lines: list[str] = []
    for key, value in fields.items():
        if key == "cost":
            lines.append(f"{indent}cost: {money(value)}")
        elif key in {"models", "takes"}:
            lines += [f"{name}: {text}" for name, text in cast("Mapping[str, str]", value).items()]
        elif isinstance(value, Mapping):
            pairs = cast("Mapping[str, Any]", value).items()
            lines.append(f"{indent}{key}: " + ", ".join(f"{k} {_word(v)}" for k, v in pairs))
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            items = cast("list[Mapping[str, Any]]", value)
            lines += [f"{indent}- " + "; ".join(x.strip() for x in _lines(item, "")) for item in items]
        elif isinstance(value, list) and all(isinstance(item, int | float) for item in cast("list[Any]", value)):
            lines.append(f"{indent}{key}: " + ", ".join(map(_word, cast("list[Any]", value))))
        elif isinstance(value, list):
            lines += [f"{indent}{key}: {_word(item)}" for item in cast("list[Any]", value)]
        else:
            lines.append(f"{indent}{key}: {_word(value)}")
    return lines


def _word(value: Any) -> str:
    """Return a value as plain text, or as JSON where it is not text: models read `true`, not `True`."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def iso(seconds: float) -> str:
    """Return a time in Unix seconds as a date and time in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
