"""The models of the official upstream, at both of its sites: what each takes, and its price by tokens.

Facts: facts/ark.yaml.
"""

from __future__ import annotations

from dataclasses import replace

from seedance_mcp.vendors.ark.prices import RATIOS, SIZES_1, SIZES_2, Site, billing
from seedance_mcp.vendors.kit import (
    Advice,
    FileLimits,
    Flag,
    Link,
    Media,
    Model,
    Needs,
    NeedsOneOf,
    NotTogether,
    OneOf,
    Options,
    Row,
    Rule,
    Source,
    Text,
    Trait,
    Whole,
)

FRAMES = ("first_frame", "last_frame")
REFERENCES = ("reference_images", "reference_videos", "reference_audios")


_FACT_25 = "doubao-seedance-2-5-260628"


# -- rows ----------------------------------------------------------------------------------------------------------


def _create(fact: str) -> Source:
    return Source("PUB:create", f"params.{fact}")


_COMMANDS = (
    r"(?:^|\s)--(?:resolution|rs|ratio|rt|duration|dur|framespersecond|fps|frames|seed|camerafixed|cf|watermark|wm)"
    r"(?=\s|$)"
)
"""The commands at the end of a prompt that the 1.x models obey."""
_PROMPT = Text(_create("content.text"))
_PROMPT_1 = replace(_PROMPT, never=_COMMANDS, instead="use the fields of create_video instead")

_IMAGE = Link(("https", "asset"), _create("content.image_url.url"), public=True)
_VIDEO = replace(_IMAGE, source=_create("content.video_url.url"))
_AUDIO = replace(_IMAGE, source=_create("content.audio_url.url"))
_CALLBACK = Link(("https", "http"), _create("callback_url"), public=True)
_AUDIO_SWITCH = Flag(_create("generate_audio"), default=True)
_SEED = Whole(-1, 4_294_967_295, _create("seed"))

_ALWAYS: dict[str, Row] = {
    "return_last_frame": Flag(_create("return_last_frame")),
    "execution_expires_after": Whole(3600, 259_200, _create("execution_expires_after"), unit="s"),
    "safety_identifier": Text(_create("safety_identifier"), most=64),
}
_PRIORITY = Whole(0, 9, _create("priority"))
_TIER = OneOf(("default", "flex"), _create("service_tier"))
_CAMERA = Flag(_create("camera_fixed"))
_OUTPUT_FORMAT = OneOf(("mp4", "mov"), Source("PUB:bp", "params.output_format"))
_TASK_TYPE = OneOf(("auto", "reference", "edit", "extend"), Source("PUB:bp", "params.omni_reference_task_type"))
_FRAMES = Whole(29, 289, _create("frames"), only=tuple(range(29, 290, 4)))
_DRAFT = Flag(_create("draft"))
_DRAFT_TASK = Text(_create("content"))


def _references() -> dict[str, Row]:
    """Return the rows for references of the 2.0 series."""
    image, video, audio = (Source("PUB:create", f"reference_limits.{kind}") for kind in ("image", "video", "audio"))
    return {
        "reference_images": Media("image", _IMAGE, image, 9, FileLimits(image, 30)),
        "reference_videos": Media("video", _VIDEO, video, 3, FileLimits(video, 200, (2, 15), 15)),
        "reference_audios": Media("audio", _AUDIO, audio, 3, FileLimits(audio, 15, (2, 15), 15)),
    }


def _many_references() -> dict[str, Row]:
    """Return the rows for references of 2.5."""
    image, video, audio = (Source("PUB:bp", f"models.{_FACT_25}.{kind}") for kind in ("image", "video", "audio"))
    return {
        "reference_images": Media("image", _IMAGE, image, 30),
        "reference_videos": Media("video", _VIDEO, video, 10, FileLimits(video, total_seconds=30)),
        "reference_audios": Media("audio", _AUDIO, audio, 10),
    }


def _options(**rows: Row) -> dict[str, Row]:
    return {"options": Options({**_ALWAYS, **rows}, Source("PUB:create", "params"))}


_EXCLUSIVE = NotTogether(FRAMES, REFERENCES, Source("PUB:create", "exclusions.0"))
_LAST_NEEDS_FIRST = Needs("last_frame", ("first_frame",), Source("PUB:create", "requires.0"))
_AUDIO_NEEDS = Needs("reference_audios", ("reference_images", "reference_videos"), Source("PUB:create", "exclusions.1"))
_ADAPTIVE_NEEDS = Needs("aspect_ratio", FRAMES, _create("ratio"), values=("adaptive",))
_FRAMES_KEEP_RATIO = NotTogether(
    ("aspect_ratio",), FRAMES, Source("PUB:bp", "models.doubao-seedance-2-5-260628.ratio"), values=RATIOS
)
_FRAMES_OR_SECONDS = NotTogether(("options.frames",), ("duration",), _create("frames"))
_DRAFTS = (
    Needs("options.draft", ("resolution",), _create("draft")),
    NotTogether(("resolution",), ("options.draft",), _create("draft"), values=("720p", "1080p")),
    # The video of a draft has the draft's own prompt, frames, length, ratio and audio.
    NotTogether(
        ("options.draft_task",),
        (
            "prompt",
            *FRAMES,
            "duration",
            "aspect_ratio",
            "generate_audio",
            "seed",
            "options.draft",
            "options.camera_fixed",
        ),
        _create("content"),
    ),
)
_LONG = Advice(
    ("prompt",),
    "The prompt exceeds 500 Chinese characters or 1,000 words; the vendor says that details may be lost.",
    _create("content.text"),
    wordy=(500, 1000),
    caution=False,
)


# -- models --------------------------------------------------------------------------------------------------------


def _shape(
    fact: str, resolutions: tuple[str, ...], default: str, least: int, most: int, *, auto: bool
) -> dict[str, Row]:
    where = Source("PUB:bp" if fact == _FACT_25 else "PUB:create", f"models.{fact}.duration")
    return {
        "duration": Whole(least, most, where, default=5, unit="s", automatic=-1 if auto else None),
        "resolution": OneOf(resolutions, replace(where, fact=f"models.{fact}.resolution"), default),
    }


def _two(site: Site, name: str, fact: str, summary: str, resolutions: tuple[str, ...]) -> Model:
    """Return a model of the 2.0 series, or 2.5."""
    newest = fact == _FACT_25
    rows: dict[str, Row] = {
        "prompt": _PROMPT,
        **_shape(fact, resolutions, "720p", 4, 30 if newest else 15, auto=True),
        "aspect_ratio": OneOf((*RATIOS, "adaptive"), _create("ratio"), "adaptive"),
        "first_frame": _IMAGE,
        "last_frame": _IMAGE,
        **(_many_references() if newest else _references()),
        "generate_audio": _AUDIO_SWITCH,
        **({} if newest else {"web_search": Flag(_create("tools"))}),
        "watermark": Flag(_create("watermark")),
        "callback_url": _CALLBACK,
        **_options(
            priority=_PRIORITY,
            **({"output_format": _OUTPUT_FORMAT, "omni_reference_task_type": _TASK_TYPE} if newest else {}),
        ),
    }
    some = NeedsOneOf(("prompt", "first_frame", *REFERENCES), _create("content"))
    rules: tuple[Rule, ...] = (some, _EXCLUSIVE, _LAST_NEEDS_FIRST, _FRAMES_KEEP_RATIO if newest else _AUDIO_NEEDS)
    return Model(
        site.slug,
        name,
        summary,
        rows,
        billing(site, name, fact, video_seconds=30 if newest else 15),
        Source("PUB:bp" if newest else "PUB:create", f"models.{fact}"),
        rules=rules,
        advice=(_LONG,),
        sizes=SIZES_2,
        takes_seconds=(275, 480) if newest else None,  # measured in public, for videos of 30 s
        sent_as=site.v2 + fact.removeprefix("doubao-"),
    )


def _one(site: Site, name: str, fact: str, summary: str) -> Model:
    """Return a 1.x model."""
    newer = name == "1.5-pro"
    default, least = ("720p", 4) if newer else ("1080p", 2)
    rows: dict[str, Row] = {
        "prompt": _PROMPT_1,
        **_shape(fact, ("480p", "720p", "1080p"), default, least, 12, auto=newer),
        "aspect_ratio": OneOf((*RATIOS, "adaptive"), _create("ratio"), "16:9", default_with_media="adaptive"),
        "first_frame": _IMAGE,
        **({} if name == "1.0-pro-fast" else {"last_frame": _IMAGE}),
        **({"generate_audio": _AUDIO_SWITCH} if newer else {}),
        "seed": _SEED,
        "watermark": Flag(_create("watermark")),
        "callback_url": _CALLBACK,
        **_options(
            camera_fixed=_CAMERA,
            service_tier=_TIER,
            **({"draft": _DRAFT, "draft_task": _DRAFT_TASK} if newer else {"frames": _FRAMES}),
        ),
    }
    start = ("prompt", "first_frame", *(("options.draft_task",) if newer else ()))
    rules: tuple[Rule, ...] = (NeedsOneOf(start, _create("content")),)
    rules += () if name == "1.0-pro-fast" else (_LAST_NEEDS_FIRST,)
    rules += _DRAFTS if newer else (_ADAPTIVE_NEEDS, _FRAMES_OR_SECONDS)
    return Model(
        site.slug,
        name,
        summary,
        rows,
        billing(site, name, fact, first=True),
        Source("PUB:guide" if newer else "PUB:create", f"models.{fact}"),
        rules=rules,
        advice=(_LONG,),
        traits={} if newer else {"generate_audio": Trait(value=False, source=_create("generate_audio"))},
        sizes=None if newer else SIZES_1,
        prefers=("seed", "options"),  # what a newer model cannot do
        sent_as=site.v1 + fact.removeprefix("doubao-"),
    )


def models(site: Site) -> tuple[Model, ...]:
    """Return the models of a site, with the names and prices that they have there."""
    high = (*("480p", "720p"), "1080p")
    return (
        _two(site, "2.5", _FACT_25, "Newest", high),
        _two(site, "2.0", "doubao-seedance-2-0-260128", "Standard", (*high, "4k")),
        _two(site, "2.0-fast", "doubao-seedance-2-0-fast-260128", "Fast", ("480p", "720p")),
        _two(site, "2.0-mini", "doubao-seedance-2-0-mini-260615", "Cheap", ("480p", "720p")),
        _one(site, "1.5-pro", "doubao-seedance-1-5-pro-251215", "Older, with audio"),
        _one(site, "1.0-pro", "doubao-seedance-1-0-pro-250528", "Older, silent"),
        _one(site, "1.0-pro-fast", "doubao-seedance-1-0-pro-fast-251015", "Older, silent, fast"),
    )
