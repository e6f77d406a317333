"""A request for one video, in terms that are the same for every vendor."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from seedance_mcp.catalog.media import Media
from seedance_mcp.catalog.rows import Flag, Number, Source, Text, Whole

if TYPE_CHECKING:
    from seedance_mcp.catalog.model import Model
    from seedance_mcp.catalog.rows import Row

T = TypeVar("T")

FIELDS: Mapping[str, str] = {
    "prompt": "@image1, @video1: references",
    "duration": "Seconds",
    "resolution": "",
    "aspect_ratio": "",
    "first_frame": "URL or job_id (last frame)",
    "last_frame": "",
    "reference_images": "",
    "reference_videos": "",
    "reference_audios": "",
    "generate_audio": "",
    "seed": "",
    "web_search": "",
    "watermark": "Not your logo",
    "safety_filter": "false: unfiltered",
    "callback_url": "",
    "public": "In the vendor's gallery",
    "options": "",
}
"""The fields of a request, each with what its name alone does not say (every word costs tokens in each conversation).
A vendor module's rows use these names only."""

FRAMES = ("first_frame", "last_frame")
REFERENCES = ("reference_images", "reference_videos", "reference_audios")
MEDIA = FRAMES + REFERENCES

_OURS = Source("OURS", "create_video")
MOST_VARIANTS = 4
"""Videos that one call may create."""
CONTROLS: Mapping[str, Row] = {
    "n": Whole(1, MOST_VARIANTS, _OURS),
    "like": Text(_OURS),
    "max_cost": Number(0, None, _OURS, unit="USD"),
    "request_key": Text(_OURS),
    "allow_duplicate": Flag(_OURS),
    "dry_run": Flag(_OURS),
}
"""Arguments about the call itself, which are never sent to a vendor."""

CONTROL_DESCRIPTIONS: Mapping[str, str] = {
    "n": "1-4 variants",
    "like": "job_id to vary",
    "max_cost": "USD",
    "request_key": "",
    "allow_duplicate": "Pay again",
    "dry_run": "Price only",
}


@dataclass(frozen=True, slots=True)
class VideoRequest:
    """A checked request with every default filled in; a vendor module translates it into a `Call`."""

    model: Model
    prompt: str = ""
    duration: float | None = None
    resolution: str | None = None
    aspect_ratio: str | None = None
    first_frame: str | None = None
    last_frame: str | None = None
    reference_images: tuple[str, ...] = ()
    reference_videos: tuple[str, ...] = ()
    reference_audios: tuple[str, ...] = ()
    generate_audio: bool | None = None
    seed: int | None = None
    web_search: bool | None = None
    watermark: bool | None = None
    safety_filter: bool | None = None
    callback_url: str | None = None
    public: bool | None = None
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The vendor's own fields that the caller has set."""
    assumed: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False)
    """The values that the caller left open and we filled in, by field."""

    @property
    def mode(self) -> str:
        """What the video starts from: text, first_frame, first_last_frame (or a last frame alone) or references."""
        if self.first_frame or self.last_frame:
            return "first_last_frame" if self.last_frame else "first_frame"
        has_references = self.reference_images or self.reference_videos or self.reference_audios
        return "references" if has_references else "text"

    @property
    def sent_prompt(self) -> str:
        """The prompt with @image1, @video1 and @audio1 written as the vendor does."""
        return sent_prompt(self.model, self.prompt)

    @property
    def size(self) -> str | None:
        """The documented size in pixels for this resolution and ratio, such as 1280x720."""
        return (self.model.sizes or {}).get((self.resolution or "", self.aspect_ratio or ""))

    def fields(self) -> dict[str, Any]:
        """Return the fields that are set, as plain JSON values, in the order of FIELDS."""
        pairs: list[tuple[str, Any]] = [(name, getattr(self, name)) for name in FIELDS]
        given = [(name, value) for name, value in pairs if value is not None and value not in ((), "", {})]
        return {name: list(value) if name in REFERENCES else value for name, value in given}

    @property
    def seconds(self) -> float | None:
        """The longest that the video can be; None where that is not known."""
        row = self.model.rows.get("duration")
        if isinstance(row, Number) and self.duration is not None and self.duration == row.automatic:
            return row.most
        return self.duration if self.duration and self.duration > 0 else None


_MENTION = re.compile(r"@(image|video|audio)([0-9]+)(?![0-9A-Za-z_])")


def mentions(prompt: str) -> Iterator[tuple[str, int]]:
    """Yield each (kind, number) that the prompt mentions, such as ("image", 1) for @image1."""
    for found in _MENTION.finditer(prompt):
        yield found[1], _number(found[2])


def _number(digits: str) -> int:
    """Return the number of a mention; of an absurdly long one, the beginning, which is absurd as well."""
    return int(digits.lstrip("0")[:9] or "0")


def with_mentions(prompt: str, style: Mapping[str, str]) -> str:
    """Write @image1, @video1 and @audio1 as the vendor does; `style` maps a kind to a pattern such as "image {}"."""
    return _MENTION.sub(lambda m: style[m[1]].format(_number(m[2])), prompt)


def max_mentions(model: Model, field: str) -> int:
    """How many references of one field a prompt can mention; nine where the vendor does not state a limit."""
    row = model.rows.get(field)
    return (row.most or 9) if isinstance(row, Media) else 0


_HAN = re.compile(r"[\u3400-\u9fff]")


def sent_prompt(model: Model, prompt: str) -> str:
    """Write mentions of references as the vendor does, or as plain words in the prompt's language.

    Plain words are the convention of the upstream.
    """
    if model.mentions is not None:
        return with_mentions(prompt, model.mentions)
    chinese = {"image": "图片{}", "video": "视频{}", "audio": "音频{}"}
    english = {"image": "image {}", "video": "video {}", "audio": "audio {}"}
    return with_mentions(prompt, in_language_of(prompt, english, chinese))


def in_language_of(prompt: str, english: T, chinese: T) -> T:
    """Return what suits the language of a prompt."""
    return chinese if _HAN.search(prompt) else english
