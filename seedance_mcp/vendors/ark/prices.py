"""The two sites of the official upstream, its sizes of videos, and its prices by tokens.

Facts: facts/ark.yaml (`pricing`, `size_table`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from seedance_mcp.vendors.kit import SIZES, Advice, Billing, Source, VideoRequest, counted_in_tokens


@dataclass(frozen=True, slots=True)
class Site:
    """One of the vendor's two sites, each with a currency and names of its own."""

    slug: str
    unit: str
    v2: str
    """What names of 2.x models begin with."""
    v1: str
    """What names of 1.x models begin with."""


VOLCENGINE = Site("ark", "CNY", "doubao-", "doubao-")
BYTEPLUS = Site("byteplus", "USD", "dreamina-", "")

RATIOS = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9")

Table = Mapping[tuple[str, str], str]


def _table(resolution: str, sizes: str) -> Table:
    return {(resolution, ratio): size for ratio, size in zip(RATIOS, sizes.split(), strict=True)}


SIZES_2: Table = {**SIZES, **_table("4k", "3840x2160 3326x2494 2880x2880 2494x3326 2160x3840 4398x1886")}
SIZES_1: Table = {
    **_table("480p", "864x480 736x544 640x640 544x736 480x864 960x416"),
    **_table("720p", "1248x704 1120x832 960x960 832x1120 704x1248 1504x640"),
    **_table("1080p", "1920x1088 1664x1248 1440x1440 1248x1664 1088x1920 2176x928"),
}


def _area(size: str) -> int:
    width, _, height = size.partition("x")
    return int(width) * int(height)


_LARGEST_1: Table = {shape: max(size, SIZES[shape], key=_area) for shape, size in SIZES_1.items()}
"""The vendor's own example of 1.0 counts more tokens than its table of sizes gives (contradictions.2)."""


Rates = Mapping[str, tuple[str, str]]
"""Per million tokens without and with reference videos, by resolution."""

_RATES: dict[str, dict[str, Rates]] = {
    "2.5": {
        "CNY": {"": ("70", "42"), "1080p": ("77", "46")},
        "USD": {"": ("10.7", "6.4"), "1080p": ("11.7", "7.0")},
    },
    "2.0": {
        "CNY": {"": ("46", "28"), "1080p": ("51", "31"), "4k": ("26", "16")},
        "USD": {"": ("7.0", "4.3"), "1080p": ("7.7", "4.7"), "4k": ("4.0", "2.4")},
    },
    "2.0-fast": {"CNY": {"": ("37", "22")}, "USD": {"": ("5.6", "3.3")}},
    "2.0-mini": {"CNY": {"": ("23", "14")}, "USD": {"": ("3.5", "2.1")}},
    "1.5-pro": {"CNY": {"": ("16", "16")}, "USD": {"": ("2.4", "2.4")}},
    "1.0-pro": {"CNY": {"": ("15", "15")}, "USD": {"": ("2.5", "2.5")}},
    "1.0-pro-fast": {"CNY": {"": ("4.2", "4.2")}, "USD": {"": ("1.0", "1.0")}},
}
_HALF = Decimal("0.5")


def _discount(request: VideoRequest) -> Decimal:
    """Return what a rate is multiplied by: flex costs half, and so does a video of 1.5 pro without audio."""
    flex = _HALF if request.options.get("service_tier") == "flex" else Decimal(1)
    return flex * (_HALF if request.generate_audio is False else Decimal(1))


_LONGEST_1_5 = 12


def _tokens_1_5(request: VideoRequest) -> int | None:
    """Count a video that is made from a draft, whose length and ratio are not in the request, as the largest."""
    count = counted_in_tokens(_LARGEST_1)
    return count(replace(request, duration=_LONGEST_1_5) if "draft_task" in request.options else request)


def billing(site: Site, name: str, fact: str, *, first: bool = False, video_seconds: int = 15) -> Billing:
    """Return the price of a model at a site; `first`: of the 1.x models, which take no references."""
    rates = _RATES[name][site.unit]
    cautions = (
        Advice(
            ("reference_videos",),
            "Reference videos are priced at their longest; the vendor charges for a minimum of tokens with them.",
            Source("PUB:create", "pricing.minimum"),
        ),
        Advice(
            ("web_search",),
            "The vendor counts its web searches, and their price is not known.",
            Source("PUB:create", "params.tools"),
        ),
    )
    return Billing(
        "million tokens",
        site.unit,
        Source("ARK:clients", f"pricing.{fact}"),
        {resolution: Decimal(without) for resolution, (without, _) in rates.items()},
        with_video={resolution: Decimal(with_) for resolution, (_, with_) in rates.items()},
        cautions=() if first else cautions,
        failure_is_free=True,
        tokens=_tokens_1_5 if name == "1.5-pro" else counted_in_tokens(_LARGEST_1 if first else SIZES_2, video_seconds),
        factor=_discount if first else None,
    )
