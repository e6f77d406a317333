"""Compare the delivered video with the request that was paid for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from seedance_mcp.catalog.sizes import SIZES

_RATIO_TOLERANCE = 0.06
"""Tolerated relative error of width / height: vendors round both to whole blocks of pixels (992x432 counts as 21:9)."""
_SECONDS_TOLERANCE = 0.6
"""Videos end on a whole frame, and many are a few frames longer than requested."""
_AREAS = {
    resolution: math.prod(map(int, SIZES[resolution, "16:9"].split("x"))) for resolution in ("480p", "720p", "1080p")
} | {"2k": 2560 * 1440, "4k": 3840 * 2160}
"""Pixels of a frame in each resolution; about the same for every aspect ratio."""


def differences(requested: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each difference between a video and its request.

    Skips what is unknown or was left to the vendor. `requested` holds the request's fields, defaults included; `found`
    holds width and height in pixels, seconds and audio, or only the reason why the video is `unreadable`, or nothing.
    """
    if not found:
        return []
    if "unreadable" in found:
        return [f"The video may be broken: {found['unreadable']}"]
    sentences = [
        _resolution(requested.get("resolution"), found["width"], found["height"]),
        _aspect_ratio(requested.get("aspect_ratio"), found["width"], found["height"]),
        _duration(requested.get("duration"), found["seconds"]),
        _audio(requested.get("generate_audio"), audio=found["audio"]),
    ]
    return [sentence for sentence in sentences if sentence]


def _resolution(requested: Any, width: int, height: int) -> str:
    area = width * height
    if str(requested).lower() not in _AREAS or not area:
        return ""
    nearest = min(_AREAS, key=lambda name: abs(math.log(area / _AREAS[name])))
    if nearest == str(requested).lower():
        return ""
    return f"Requested {requested}, but the video is {width}x{height} (about {nearest})."


def _aspect_ratio(requested: Any, width: int, height: int) -> str:
    across, colon, down = str(requested).partition(":")
    if not (colon and across.isdecimal() and down.isdecimal() and int(down) and height):
        return ""
    wanted, got = int(across) / int(down), width / height
    if abs(got / wanted - 1) <= _RATIO_TOLERANCE:
        return ""
    return f"Requested {requested}, but the video is {width}x{height}."


def _duration(requested: Any, seconds: float) -> str:
    if not isinstance(requested, int | float) or requested <= 0 or abs(seconds - requested) <= _SECONDS_TOLERANCE:
        return ""
    return f"Requested {requested:g} s, but the video is {seconds:.1f} s long."


def _audio(requested: Any, *, audio: bool) -> str:
    if not isinstance(requested, bool) or requested is audio:
        return ""
    if requested:
        return "Requested audio, but the video has none."
    return "Requested no audio, but the video has audio."
