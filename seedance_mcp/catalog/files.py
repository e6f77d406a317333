"""What is known about a local file, and whether it meets a vendor's limits. Other modules read the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from seedance_mcp.catalog.media import FileLimits

FileKind = Literal["image", "video", "audio"]

MB = 1024 * 1024
"""Vendors do not say which MB they mean; the larger one never refuses a file that a vendor accepts."""
_ROUNDING = 0.1
"""Tolerated error of a duration, in seconds: containers round to whole frames."""


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What a file is; a fact that could not be determined is None."""

    kind: FileKind
    ending: str
    """The usual file extension of its format: jpg, mp4."""
    mime: str
    size: int
    pixels: tuple[int, int] | None = None
    seconds: float | None = None


def limit_problems(limits: FileLimits, files: Sequence[tuple[str, FileInfo]]) -> Iterator[str]:
    """Yield what is wrong with the files of one field; each comes with the text that names it ("item 2 (run.mp4)")."""
    for name, file in files:
        if problem := "; ".join(_file_problems(limits, file)):
            yield f"{name} {problem}"
    seconds = sum(file.seconds or 0 for _, file in files)
    if limits.total_seconds is not None and seconds > limits.total_seconds + _ROUNDING:
        yield f"add up to {seconds:.1f} s; the limit is {limits.total_seconds:g} s"
    size = sum(file.size for _, file in files)
    if limits.total_mb is not None and size > limits.total_mb * MB:
        yield f"add up to {size / MB:.1f} MB; the limit is {limits.total_mb:g} MB"


def _file_problems(limits: FileLimits, file: FileInfo) -> Iterator[str]:
    if limits.under_mb is not None and file.size >= limits.under_mb * MB:
        yield f"is {file.size / MB:.1f} MB; each file must be under {limits.under_mb:g} MB"
    if limits.seconds and file.seconds is not None:
        low, high = limits.seconds
        if not low - _ROUNDING <= file.seconds <= high + _ROUNDING:
            allowed = f"at least {low:g}" if high == float("inf") else f"{low:g}–{high:g}"
            yield f"is {file.seconds:.1f} s long; each file must be {allowed} s"
    if limits.pixels and file.pixels:
        # No page says which side is meant. The shorter one is what 720p counts, and this reading refuses fewer files.
        low, high = limits.pixels
        if not low <= min(file.pixels) <= high:
            width, height = file.pixels
            yield f"is {width}x{height} pixels; the shorter side must be {low}–{high} pixels"


def has_unchecked_limits(limits: FileLimits, files: Sequence[FileInfo]) -> bool:
    """Whether a limit could not be checked because a file could not be inspected."""
    seconds = limits.seconds or limits.total_seconds
    return any((seconds and f.seconds is None) or (limits.pixels and f.pixels is None) for f in files)
