"""What is known of a file, and whether it keeps to what a vendor says of each. The reading is done elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from seedance_mcp.catalog.media import FileLimits

FileKind = Literal["image", "video", "audio"]

MB = 1024 * 1024
"""Vendors say MB and not which; the larger one refuses nothing that any of them takes."""
_ROUNDING = 0.1
"""Seconds that a clip may seem longer or shorter than it is: containers round to whole frames."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A picture, clip or sound as it is; what could not be found out is None."""

    kind: FileKind
    ending: str
    """Its format, as files of it are named: jpg, mp4."""
    mime: str
    size: int
    pixels: tuple[int, int] | None = None
    seconds: float | None = None


def limit_problems(limits: FileLimits, files: Sequence[tuple[str, FileFacts]]) -> Iterator[str]:
    """Say what is wrong with files of one field, each given with the words for it («item 2 (run.mp4)»)."""
    for what, file in files:
        if problem := "; ".join(_alone(limits, file)):
            yield f"{what} {problem}"
    seconds = sum(file.seconds or 0 for _, file in files)
    if limits.total_seconds is not None and seconds > limits.total_seconds + _ROUNDING:
        yield f"have {seconds:.1f} s together; at most {limits.total_seconds:g} s are taken"
    size = sum(file.size for _, file in files)
    if limits.total_mb is not None and size > limits.total_mb * MB:
        yield f"have {size / MB:.1f} MB together; at most {limits.total_mb:g} MB are taken"


def _alone(limits: FileLimits, file: FileFacts) -> Iterator[str]:
    if limits.under_mb is not None and file.size >= limits.under_mb * MB:
        yield f"has {file.size / MB:.1f} MB; each must be under {limits.under_mb:g} MB"
    if limits.seconds and file.seconds is not None:
        low, high = limits.seconds
        if not low - _ROUNDING <= file.seconds <= high + _ROUNDING:
            allowed = f"at least {low:g}" if high == float("inf") else f"{low:g}–{high:g}"
            yield f"has {file.seconds:.1f} s; each must have {allowed} s"
    if limits.pixels and file.pixels:
        # No page says which side is meant. The shorter one is what 720p counts, and the reading that refuses less.
        low, high = limits.pixels
        if not low <= min(file.pixels) <= high:
            width, height = file.pixels
            yield f"has {width}x{height} pixels; its shorter side must have {low}–{high}"


def has_unchecked_limits(limits: FileLimits, files: Sequence[FileFacts]) -> bool:
    """Whether a limit could not be held against a file, because nobody could look into it."""
    seconds = limits.seconds or limits.total_seconds
    return any((seconds and f.seconds is None) or (limits.pixels and f.pixels is None) for f in files)
