"""A model of a vendor: all its rows in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from seedance_mcp.catalog.rows import Row, Source
from seedance_mcp.catalog.rules import Advice, Needs, Rule

Per = Literal["second", "video", "million tokens"]
"""What a rate is paid for. Tokens are what some vendors count a video in, by its pixels, frames and seconds."""


@dataclass(frozen=True, slots=True)
class Billing:
    """How a vendor charges for a model. Without `rates`, the vendor publishes at most the formula (`per`).

    `rates` are units per second, video or million tokens, by resolution ("" for any); `with_video` are the rates for
    requests with reference videos. `usd_per_unit` is the documented value of one unit.
    """

    per: Per | None
    unit: str
    source: Source
    rates: Mapping[str, Decimal] | None = None
    with_video: Mapping[str, Decimal] | None = None
    usd_per_unit: Decimal | None = None
    cautions: tuple[Advice, ...] = ()
    failure_is_free: bool = False
    """Whether the vendor documents that it does not charge for a failed job."""
    tokens: Callable[..., int | None] | None = None
    """From a `VideoRequest` to the most tokens that it can take, for prices per million tokens; None: not known."""
    factor: Callable[..., Decimal] | None = None
    """From a `VideoRequest` to what the vendor multiplies its rate by, such as 0.5 for a slower tier."""


@dataclass(frozen=True, slots=True)
class Trait:
    """What a model does that it has no switch for; None where nobody says it."""

    value: bool | None
    source: Source


@dataclass(frozen=True, slots=True)
class Model:
    """One model of one vendor: what it accepts and what it costs. It refuses a field that has no row.

    A row or rule whose source is `soft` (only the official upstream or a reseller states it) does not bind a caller who
    names the model: such a request is sent, with advice. Whatever we choose, suggest or list keeps to it.
    """

    vendor: str
    name: str
    summary: str
    rows: Mapping[str, Row]
    billing: Billing
    source: Source
    rules: tuple[Rule, ...] = ()
    advice: tuple[Advice, ...] = ()
    soft: Mapping[str, Row] = field(default_factory=dict[str, Row])
    """Narrower rows with soft sources, by field; `rows` has what the vendor itself states."""
    traits: Mapping[str, Trait] = field(default_factory=dict[str, Trait])
    """What is known about switches that the model does not have: `generate_audio`, `safety_filter`."""
    mentions: Mapping[str, str] | None = None
    """How the vendor writes @image1, @video1 and @audio1, such as "@image_file_{}"; None: as plain words."""
    sizes: Mapping[tuple[str, str], str] | None = None
    """Documented pixel size by (resolution, aspect ratio)."""
    prefers: tuple[str, ...] = ()
    """The model is meant for requests with at least one of these fields, although it accepts others."""

    takes_seconds: tuple[float, float] | None = None
    """How long its videos usually take, and how long slow ones do, where that is known to differ from other models."""
    sent_as: str = ""
    """The name that the vendor's API has for the model, where callers use a shorter one."""

    endpoint: str = ""
    """The user's own name for it at the vendor, such as an inference endpoint; then that is sent."""

    @property
    def wire(self) -> str:
        """The name that is sent to the vendor."""
        return self.endpoint or self.sent_as or self.name

    @property
    def wires(self) -> frozenset[str]:
        """The names by which the vendor may refer to it."""
        return frozenset({self.wire, self.sent_as or self.name})

    @property
    def id(self) -> str:
        """The id that callers use: `vendor/model`."""
        return f"{self.vendor}/{self.name}"

    @property
    def kept_rows(self) -> Mapping[str, Row]:
        """What we keep to where the caller does not name the model: `rows`, narrowed by `soft`."""
        return {**self.rows, **self.soft}

    @property
    def unfiltered(self) -> bool:
        """Whether it has no content filter: then it makes a video only for a caller who names it."""
        trait = self.traits.get("safety_filter")
        return trait is not None and trait.value is False

    @property
    def modes(self) -> tuple[str, ...]:
        """What it can start from, derived from the media rows: text, first_frame, first_last_frame, references."""
        rows = self.rows
        media = {"first_frame", "last_frame", "reference_images", "reference_videos", "reference_audios"}
        found: list[str] = []
        if not any(rows[f].required for f in media & rows.keys()):
            found.append("text")
        framed = [r.one_of for r in self.rules if isinstance(r, Needs) and r.field == "first_frame"]
        if "first_frame" in rows and not framed:
            found.append("first_frame")
        if "last_frame" in rows:
            found.append("first_last_frame")
        if any(f.startswith("reference_") for f in rows):
            found.append("references")
        return tuple(found)
