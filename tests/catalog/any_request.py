"""Requests and prices of all kinds, for properties that hold for every model and every setting."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from seedance_mcp.catalog import Model
from seedance_mcp.catalog.price import Price, Prices, UnitPrice
from seedance_mcp.catalog.request import MEDIA
from seedance_mcp.vendors import known_vendors

MODELS: list[Model] = [m for vendor in known_vendors().values() for m in vendor.models]
SLUGS = list(known_vendors())
_URLS = ("https://example.com/a", "https://example.com/b", "asset://a")
_WISHES: dict[str, st.SearchStrategy[Any]] = {
    "duration": st.sampled_from([1, 3, 4, 4.5, 5, 5.0, 6, 10, 12, 13, 15, 16, 20, 3600]),
    "resolution": st.sampled_from(["480p", "720p", "1080p", "2k", "4k", "8k", "1080P"]),
    "aspect_ratio": st.sampled_from(["16:9", "9:16", "1:1", "21:9", "adaptive", "2:1"]),
    "generate_audio": st.booleans(),
    "watermark": st.booleans(),
    "web_search": st.booleans(),
    "safety_filter": st.booleans(),
    "public": st.booleans(),
    "seed": st.integers(0, 9),
}


@st.composite
def requests(draw: st.DrawFn, *, media: bool = True) -> dict[str, Any]:
    """Draw the arguments of a request: a prompt, some wishes and some media, legal for some models or for none."""
    args: dict[str, Any] = {"prompt": draw(st.sampled_from(["A cat.", "猫", "a cat " * 300, "x" * 2400]))}
    for name in draw(st.lists(st.sampled_from(list(_WISHES)), max_size=4, unique=True)):
        args[name] = draw(_WISHES[name])
    for name in draw(st.lists(st.sampled_from(MEDIA), max_size=2, unique=True)) if media else ():
        urls = draw(st.lists(st.sampled_from(_URLS), min_size=1, max_size=5))
        args[name] = urls if name.startswith("reference_") else urls[0]
    return args


@st.composite
def price_settings(draw: st.DrawFn) -> Prices:
    """Draw what an operator or a price list may say about models and vendors."""
    amounts = st.decimals(Decimal("0.000001"), Decimal(1000), places=6)
    entries = st.builds(
        UnitPrice,
        usd_per_unit=st.none() | amounts,
        rates=st.none()
        | st.fixed_dictionaries({"": amounts})
        | st.dictionaries(st.sampled_from(["480p", "720p", "1080p"]), amounts),
        per=st.sampled_from([None, "second", "video"]),
        unit=st.sampled_from([None, "USD", "JimiCoin", "credits"]),
        with_video=st.none() | st.fixed_dictionaries({"": amounts}),
    )
    names = st.sampled_from([*SLUGS, *(m.id for m in MODELS)])
    return draw(st.dictionaries(names, entries, max_size=6))


def up_to(micros: int | None) -> Any:
    """Return what tells whether a cap of so many micro-USD allows a price."""

    def affordable(cost: Price) -> bool:
        return micros is None or (cost.usd_micros is not None and cost.usd_micros <= micros)

    return affordable


caps = st.none() | st.sampled_from([0, 1, 100_000, 500_000, 1_000_000, 2_000_000, 5_000_000])
