"""Short calls of a vendor's functions, for tests that read like sentences."""

from __future__ import annotations

from typing import Any

from seedance_mcp.catalog import Model
from seedance_mcp.catalog.check import Checked, check
from seedance_mcp.vendors import Answer, Snapshot, known_vendors

IMAGE = "https://example.com/cat.png"
VIDEO = "https://example.com/walk.mp4"
AUDIO = "https://example.com/rain.mp3"


def model(model_id: str) -> Model:
    slug, _, name = model_id.partition("/")
    return next(m for m in known_vendors()[slug].models if m.name == name)


def checked(model_id: str, **fields: Any) -> Checked:
    return check(model(model_id), {"prompt": "A cat.", **fields})


def body(model_id: str, **fields: Any) -> dict[str, Any]:
    """Return the body that is sent for a legal request."""
    found = checked(model_id, **fields)
    assert found.request, [p.sentence() for p in found.problems]
    return dict(known_vendors()[model_id.partition("/")[0]].build_submit(found.request).body or {})


def refused(model_id: str, **fields: Any) -> dict[str, Any]:
    """Return the fields that are refused, each with its nearest legal value."""
    return {p.field: p.nearest for p in checked(model_id, **fields).problems}


def advised(model_id: str, **fields: Any) -> set[str]:
    """Return the keys of the facts behind the advice on a legal request."""
    found = checked(model_id, **fields)
    assert found.request, [p.sentence() for p in found.problems]
    return {a.source.fact for a in found.advice}


def status(slug: str, **answer: Any) -> Snapshot:
    """Parse a status answer."""
    return known_vendors()[slug].parse_status(Answer(200, answer))
