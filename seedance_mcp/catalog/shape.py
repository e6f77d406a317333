"""Shapes of requests, such as "from a first frame, 1080p": which models can make them, and what they would cost.

A shape becomes a request with placeholders for its prompt and media, so that a list of models and a quote agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seedance_mcp.catalog.check import check
from seedance_mcp.catalog.media import Link, Media
from seedance_mcp.catalog.model import Model
from seedance_mcp.catalog.price import Price, Prices, price
from seedance_mcp.catalog.request import FIELDS, VideoRequest
from seedance_mcp.catalog.rules import Advice

MODES = ("text", "first_frame", "first_last_frame", "references")
KINDS = ("image", "video", "audio")


def as_made(model: Model, shape: Mapping[str, Any]) -> tuple[VideoRequest, tuple[Advice, ...]] | None:
    """Return a shape as a request to a model, with its advice; None if the model cannot make it.

    `shape` may have a mode, references of one kind, and fields of a request. It keeps to the soft limits.
    """
    for args in samples(model, shape):
        checked = check(model, args, strict=True)
        if checked.request is not None:
            return checked.request, checked.advice
    return None


@dataclass(frozen=True, slots=True)
class Example:
    """A shape as a request to a model, with its advice and what it costs."""

    request: VideoRequest
    advice: tuple[Advice, ...]
    cost: Price


def example(model: Model, shape: Mapping[str, Any], prices: Prices) -> Example | None:
    """Return a shape as a priced request to a model, as every list of models shows it; None if it cannot make it."""
    made = as_made(model, shape)
    return Example(*made, price(made[0], prices)) if made else None


def samples(model: Model, shape: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield requests of a shape, the simplest one first; audio may need an image or a video beside it."""
    given: dict[str, Any] = {name: shape[name] for name in FIELDS if name in shape}
    needed = [name for name, row in model.rows.items() if row.required]
    mode, kind = shape.get("mode"), shape.get("references")
    if mode == "text":
        needed = ["prompt"]
    elif mode in {"first_frame", "first_last_frame"}:
        needed += ["first_frame", "last_frame"] if mode == "first_last_frame" else ["first_frame"]
    kinds: list[str] = [kind] if kind else [*KINDS] if mode == "references" else []
    for references in _kinds(kinds, single=kind is not None) or [()]:
        names = dict.fromkeys(["prompt", *needed, *(f"reference_{k}s" for k in references)])
        yield {name: _sample(model, name) for name in names} | given


def _kinds(kinds: list[str], *, single: bool) -> list[tuple[str, ...]]:
    if not single:
        return [(kind,) for kind in kinds]
    return [(kinds[0],), (kinds[0], "image"), (kinds[0], "video")]


def _sample(model: Model, name: str) -> Any:
    row = model.rows.get(name)
    if name == "prompt":
        return "x"
    link = row.link if isinstance(row, Media) else row
    url = "asset://x" if isinstance(link, Link) and link.schemes == ("asset",) else "https://example.com/x"
    return [url] if name.startswith("reference_") else url
