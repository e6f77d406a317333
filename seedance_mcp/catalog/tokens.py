"""How many tokens a video takes, as the official upstream counts them (facts/ark.yaml, `pricing.tokens`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seedance_mcp.catalog.request import VideoRequest

FRAMES_PER_SECOND = 24
_PIXELS_OF_A_TOKEN = 1024

Sizes = Mapping[tuple[str, str], str]
"""Pixels such as 1280x720, by (resolution, aspect ratio)."""


def video_tokens(width: int, height: int, frames: int) -> int:
    """Return the tokens of a video; the upstream's answers count one frame more than its seconds have."""
    return math.ceil(width * height * (frames + 1) / _PIXELS_OF_A_TOKEN)


def counted_in_tokens(sizes: Sizes, video_seconds: int = 0) -> Callable[[VideoRequest], int | None]:
    """Return a function from a request to the most tokens that it can take.

    A ratio that the vendor chooses counts as the largest. Reference videos, whose length is not known, count as the
    `video_seconds` that they may last together.
    """

    def count(request: VideoRequest) -> int | None:
        frames: int | None = request.options.get("frames")
        if frames is None:
            frames = None if request.seconds is None else math.ceil(request.seconds * FRAMES_PER_SECOND)
        exact = sizes.get((request.resolution or "", request.aspect_ratio or ""))
        possible = [exact] if exact else [size for (name, _), size in sizes.items() if name == request.resolution]
        if frames is None or not possible:
            return None
        if request.reference_videos:
            frames += video_seconds * FRAMES_PER_SECOND
        areas = [[int(side) for side in size.split("x")] for size in possible]
        return max(video_tokens(width, height, frames) for width, height in areas)

    return count
