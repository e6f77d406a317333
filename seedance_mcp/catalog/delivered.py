"""What was delivered, held against what was paid for. Pure: a request's fields and a film's facts in, sentences out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from seedance_mcp.catalog.sizes import SIZES

_SHAPE = 0.06
"""By how much width to height may be off: vendors round both to whole blocks of pixels (992x432 counts as 21:9)."""
_SECONDS = 0.6
"""Films end on a whole frame, and many last a few frames longer than asked for."""
_AREAS = {
    resolution: math.prod(map(int, SIZES[resolution, "16:9"].split("x"))) for resolution in ("480p", "720p", "1080p")
} | {"2k": 2560 * 1440, "4k": 3840 * 2160}
"""Pixels of a film in each resolution; about the same for every shape."""


def differences(asked: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Say where a film is not what was asked for; nothing is said of what is not known, or was left to the vendor.

    `asked` are the request's fields, defaults included; `found` has width, height, seconds and sound, or why it is
    `unreadable`, or nothing.
    """
    if not found:
        return []
    if "unreadable" in found:
        return [f"The film may be broken: {found['unreadable']}"]
    said = [
        _resolution(asked.get("resolution"), found["width"], found["height"]),
        _shape(asked.get("aspect_ratio"), found["width"], found["height"]),
        _length(asked.get("duration"), found["seconds"]),
        _audio(asked.get("generate_audio"), audio=found["audio"]),
    ]
    return [sentence for sentence in said if sentence]


def _resolution(asked: Any, width: int, height: int) -> str:
    area = width * height
    if str(asked).lower() not in _AREAS or not area:
        return ""
    nearest = min(_AREAS, key=lambda name: abs(math.log(area / _AREAS[name])))
    return "" if nearest == str(asked).lower() else f"Asked for {asked}, delivered {width}x{height} (about {nearest})."


def _shape(asked: Any, width: int, height: int) -> str:
    across, colon, down = str(asked).partition(":")
    if not (colon and across.isdecimal() and down.isdecimal() and int(down) and height):
        return ""
    wanted, got = int(across) / int(down), width / height
    return "" if abs(got / wanted - 1) <= _SHAPE else f"Asked for {asked}, delivered {width}x{height}."


def _length(asked: Any, seconds: float) -> str:
    if not isinstance(asked, int | float) or asked <= 0 or abs(seconds - asked) <= _SECONDS:
        return ""
    return f"Asked for {asked:g} s, delivered {seconds:.1f} s."


def _audio(asked: Any, *, audio: bool) -> str:
    if not isinstance(asked, bool) or asked is audio:
        return ""
    return "Asked for sound, delivered without." if asked else "Asked for no sound, delivered with it."
