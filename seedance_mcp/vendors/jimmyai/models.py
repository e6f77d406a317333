"""Jimmy AI's models: six routes ("SP" and its siblings) of one endpoint.

Facts: facts/jimmyai.yaml. The seed page is the SP page; facts from a sibling's page cite PUB.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

from seedance_mcp.catalog import (
    Advice,
    Billing,
    FileLimits,
    Link,
    Media,
    Model,
    Needs,
    NotTogether,
    OneOf,
    Row,
    Rule,
    Source,
    Text,
    Trait,
    Whole,
)

_FRAMES = ("first_frame", "last_frame")
_SIX = ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9")

_IMAGES_OR_FRAMES = NotTogether(("reference_images",), _FRAMES, Source("SEED:27,44", "exclusions.0"))
_LAST_NEEDS_FIRST = Needs("last_frame", ("first_frame",), Source("ARK; not stated by the vendor", "requires.1"))


def _audio_needs(where: str) -> Needs:
    return Needs("reference_audios", ("reference_images", "reference_videos", *_FRAMES), Source(where, "requires.0"))


_AUDIO_ALONE = replace(_audio_needs("ARK"), source=Source("ARK", "requires.0"))
_AUDIO_WITH_FRAMES = tuple(
    Advice(
        ("reference_audios", frame),
        "The vendor's SP page allows audio with frames; its newer pages say that frame mode does not.",
        Source("SEED:24,27 vs PUB:openapi", "contradictions.7"),
    )
    for frame in _FRAMES
)
_NO_480P = Advice(
    ("resolution",),
    "The vendor's SP page offers 480p; its newer pages say that this route makes 720p and 1080p only.",
    Source("SEED:11,18 vs PUB:openapi", "contradictions.0"),
    values=("480p",),
)
_ARK_MOST = {"reference_images": 9, "reference_videos": 3, "reference_audios": 3}
_NO_1080P_UPSTREAM = Advice(
    ("resolution",),
    "The vendor offers 1080p here, but the upstream's {} model does not make it. Check the video's resolution.",
    Source("SEED:18 vs ARK", "params.resolution"),
    values=("1080p",),
)
_FAST_1080P = replace(_NO_1080P_UPSTREAM, text=_NO_1080P_UPSTREAM.text.format("fast"))
_MINI_1080P = replace(
    _NO_1080P_UPSTREAM,
    text=_NO_1080P_UPSTREAM.text.format("mini"),
    source=Source("SEED:2,39 vs ARK", "models.seedance2.0-mini"),
)
_LONG_PROMPT = Advice(
    ("prompt",),
    "The prompt exceeds 500 Chinese characters or 1,000 words; the upstream says that details may be lost.",
    Source("ARK", "prompt_limits.upstream_warning"),
    wordy=(500, 1000),
    caution=False,
)


_AUDIO_AS_UPSTREAM = Trait(value=True, source=Source("ARK: the upstream's default", "audio"))


_WIDE = Advice(
    ("first_frame",),
    "Without aspect_ratio, this route makes 16:9 by its own page, which may crop the image; pass aspect_ratio.",
    Source("PUB:md, PUB:std", "params.ratio"),
    unless=("aspect_ratio",),
)


def _rows(
    *,
    link: Link,
    duration: Whole,
    resolution: OneOf,
    ratio: OneOf,
    prompt: Text | None = None,
    images: int | None = None,
    videos: Media | None = None,
    audios: Media | None = None,
) -> dict[str, Row]:
    rows: dict[str, Row] = {
        "prompt": prompt or Text(Source("SEED:16", "params.prompt"), required=True),
        "duration": duration,
        "resolution": resolution,
        "aspect_ratio": ratio,
        "first_frame": replace(link, source=Source("SEED:21,46", "params.first_image")),
        "last_frame": replace(link, source=Source("SEED:22,47", "params.last_image")),
        "reference_images": Media("image", link, Source("SEED:20,44", "params.images"), images),
    }
    return rows | ({"reference_videos": videos} if videos else {}) | ({"reference_audios": audios} if audios else {})


def _model(
    name: str,
    summary: str,
    rows: dict[str, Row],
    per: Literal["second", "video"],
    source: Source,
    rules: tuple[Rule, ...],
    *advice: Advice,
    prefers: tuple[str, ...] = (),
    audio: Trait = _AUDIO_AS_UPSTREAM,
) -> Model:
    fact = "mini_sp_md_std_i2v" if per == "video" else "mini" if name == "seedance2.0-mini" else "sp"
    billing = Billing(per, "JimiCoin", Source(source.where, f"pricing.{fact}"))
    soft = {
        field: replace(row, source=Source("ARK", "reference_limits.sp"), most=_ARK_MOST[field])
        for field, row in rows.items()
        if isinstance(row, Media) and row.most is None
    }
    traits = {"generate_audio": audio}
    return Model(
        "jimmyai",
        name,
        summary,
        rows,
        billing,
        source,
        rules,
        (*advice, *_assets(rows), _LONG_PROMPT),
        prefers=prefers,
        soft=soft,
        traits=traits,
    )


def _assets(rows: Mapping[str, Row]) -> Iterable[Advice]:
    """Yield what must be known about assets, by field; the Full models accept nothing else."""
    for field, row in rows.items():
        link = row.link if isinstance(row, Media) else row
        if not isinstance(link, Link) or "asset" not in link.schemes:
            continue
        full = link.schemes == ("asset",)
        only = "This model takes reviewed assets only. " if full else ""
        source = Source("SEED:44,46-49", "media_url_rules.full") if full else Source("SEED:25,32", "media_url_rules.sp")
        text = f"{only}An asset must be uploaded to the vendor and Active; a local file becomes one after a review."
        yield Advice((field,), text, source, asset=True)


def _fixed(resolution: str, where: str, fact: str) -> OneOf:
    """Return the row of a resolution that the model's name fixes: callers may ask for it, and it is never sent."""
    return OneOf((resolution,), Source(where, fact), resolution)


def _videos(link: Link, where: str, most: int | None = None, files: FileLimits | None = None) -> Media:
    return Media("video", link, Source(where, "params.reference_videos"), most, files)


def _audios(link: Link, where: str, most: int | None = None) -> Media:
    return Media("audio", link, Source(where, "params.reference_audios"), most)


_FIVE_TO: dict[str, Any] = {"default": 5, "unit": "s"}


def _sp(name: str, summary: str, line: int, *advice: Advice) -> Model:
    link = Link(("https", "asset"), Source("SEED:25,32,49; PUB:sp", "media_url_rules.sp"), public=True)
    # "such as 16:9, 9:16, 1:1" is not a closed list, so every ratio of Seedance is accepted.
    ratio = OneOf((*_SIX, "adaptive"), Source("SEED:19,45; rest ARK", "params.ratio"), "16:9", None)
    rows = _rows(
        link=link,
        duration=Whole(4, 15, Source("SEED:17,41", "params.duration"), **_FIVE_TO),
        resolution=OneOf(("480p", "720p", "1080p"), Source("SEED:18", "params.resolution"), "720p"),
        ratio=ratio,
        videos=_videos(link, "SEED:23,48"),
        audios=_audios(link, "SEED:24,49"),
    )
    open_ratio = Advice(
        ("aspect_ratio",),
        "The vendor's page names 16:9, 9:16 and 1:1 for this route; this ratio comes from the upstream.",
        Source("SEED:19,45", "params.ratio"),
        values=("4:3", "3:4", "21:9", "adaptive"),
    )
    rules = (_IMAGES_OR_FRAMES, _audio_needs("SEED:24,27"), _LAST_NEEDS_FIRST)
    source = Source(f"SEED:{line},11,18", f"models.{name}")
    return _model(name, summary, rows, "second", source, rules, open_ratio, *_AUDIO_WITH_FRAMES, *advice)


def _full(name: str, resolution: str, fact: str, videos: bool) -> Model:
    link = Link(("asset",), Source("SEED:44,46-49", "media_url_rules.full"))
    rows = _rows(
        link=link,
        # The seed page says 4–12, the route's own page 4–15 (contradictions.3); the seed page wins.
        duration=Whole(4, 12, Source("SEED:41", "contradictions.3"), **_FIVE_TO),
        resolution=_fixed(resolution, "SEED:39", f"models.{fact}"),
        ratio=OneOf((*_SIX, "adaptive"), Source("SEED:45", "params.ratio"), "16:9", default_with_media="adaptive"),
        videos=_videos(link, "SEED:48") if videos else None,
        audios=_audios(link, "SEED:49"),
    )
    summary = f"Full{' fast' if 'fast' in name else ''}{' video' if videos else ''}, assets only"
    rules = (_IMAGES_OR_FRAMES, _LAST_NEEDS_FIRST, _AUDIO_ALONE)
    source = Source("SEED:39", f"models.{fact}")
    prefers = ("reference_videos",) if videos else ()
    doubts = (_FAST_1080P,) if "fast" in name else ()
    return _model(name, summary, rows, "second", source, rules, *doubts, prefers=prefers)


def _fulls() -> Iterable[Model]:
    plain = "sd2_mx_720p|sd2_mx_1080p|sd2_mx_2k|sd2_mx_4k"
    fast = "sd2_mx_fast_720p|sd2_mx_fast_1080p"
    videos = "sd2_mx_video_720p|1080p|2k|4k, sd2_mx_video_fast_720p|1080p"
    four, two = ("720p", "1080p", "2k", "4k"), ("720p", "1080p")
    yield from (_full(f"sd2_mx_{r}", r, plain, videos=False) for r in four)
    yield from (_full(f"sd2_mx_fast_{r}", r, fast, videos=False) for r in two)
    yield from (_full(f"sd2_mx_video_{r}", r, videos, videos=True) for r in four)
    yield from (_full(f"sd2_mx_video_fast_{r}", r, videos, videos=True) for r in two)


_HTTPS = Link(("https",), Source("SEED:44", "media_url_rules.md_std_i2v"), public=True)
_NO_GIF = Link(("https",), Source("SEED:44,46-48; PUB:md", "media_url_rules.gif"), public=True, never=("gif",))
_THREE_RATIOS = ("16:9", "9:16", "1:1")


def _mini(name: str, summary: str, resolutions: tuple[str, ...], page: str, per: Literal["second", "video"]) -> Model:
    fact = f"models.{name}"
    rows = _rows(
        link=_HTTPS,
        duration=Whole(4, 15, Source(f"PUB:{page}", fact), **_FIVE_TO),
        resolution=OneOf(resolutions, Source(f"SEED:2,39; PUB:{page}", fact), "720p"),
        ratio=OneOf((*_SIX, "adaptive"), Source(f"PUB:{page}; rest ARK", "params.ratio"), "16:9", None),
        videos=_videos(_HTTPS, f"PUB:{page}") if per == "video" else None,  # for videos, mini has another id
        audios=_audios(_HTTPS, f"PUB:{page}"),
    )
    rules = (_IMAGES_OR_FRAMES, _audio_needs(f"PUB:{page}"), _LAST_NEEDS_FIRST)
    return _model(name, summary, rows, per, Source("SEED:2,39", fact), rules, *_AUDIO_WITH_FRAMES, _MINI_1080P)


def _md(name: str, summary: str, *advice: Advice) -> Model:
    fact = "models.seedance2.0-md|seedance2.0-fast-md"
    videos = Source("SEED:48", "params.reference_videos")
    rows = _rows(
        link=_NO_GIF,
        prompt=Text(Source("SEED:40", "prompt_limits.md"), most=5000, required=True),
        duration=Whole(1, 15, Source("SEED:41", fact), **_FIVE_TO),
        resolution=_fixed("720p", "SEED:2,39", fact),
        ratio=OneOf(_THREE_RATIOS, Source("SEED:45", fact), "16:9", None),
        images=4,
        videos=_videos(_HTTPS, videos.where, 3, FileLimits(videos, total_seconds=15, total_mb=200, pixels=(720, 2160))),
    )
    rules = (
        _IMAGES_OR_FRAMES,
        Needs("first_frame", ("last_frame",), Source("SEED:46", "exclusions.1")),
        Needs("last_frame", ("first_frame",), Source("SEED:47", "params.last_image")),
    )
    short = Advice(
        ("duration",),
        "The vendor's SP page allows 1–15 s; the page of this route says 4–15 s.",
        Source("SEED:41 vs PUB:md", "contradictions.3"),
        outside=(4, 15),
    )
    audio = Trait(value=None, source=Source("SEED:2 (of references, or of the video as well?)", fact))
    return _model(name, summary, rows, "video", Source("SEED:2,39-49", fact), rules, short, _WIDE, *advice, audio=audio)


_TEN_OR_FIFTEEN = Advice(
    ("duration",),
    "The vendor's newer reference says that this model makes 10 or 15 s only.",
    Source("SEED:41 vs PUB:openapi", "contradictions.3"),
    values=tuple(seconds for seconds in range(1, 16) if seconds not in (10, 15)),
)


def _fast_i2v() -> Model:
    fact = "models.seedance2.0-fast-i2v"
    rows = _rows(
        link=_HTTPS,
        prompt=Text(Source("PUB:i2v", fact), most=5000, required=True),
        duration=Whole(1, 15, Source("PUB:i2v", fact), **_FIVE_TO),
        resolution=_fixed("720p", "SEED:2", fact),
        ratio=OneOf(_THREE_RATIOS, Source("PUB:i2v", fact), "16:9", None),
        images=9,  # "9 in total" with frames, which is always true: reference images and frames exclude each other
    )
    rules = (_IMAGES_OR_FRAMES, _LAST_NEEDS_FIRST)
    source = Source("SEED:2,44,48,49", fact)
    prefers = ("first_frame", "last_frame", "reference_images")
    text = Advice(
        ("prompt",),
        "The vendor's page names this model for requests with images; it may refuse text alone, or bill it as usual.",
        Source("SEED:2,44", fact),
        unless=prefers,
    )
    return _model("seedance2.0-fast-i2v", "From images", rows, "video", source, rules, _WIDE, text, prefers=prefers)


def _std() -> Model:
    fact = "models.seedance2.0-std"
    rows = _rows(
        link=_HTTPS,
        duration=Whole(4, 15, Source("SEED:41", fact), **_FIVE_TO),
        resolution=_fixed("720p", "SEED:2", fact),
        ratio=OneOf(("21:9", "16:9", "4:3", "1:1", "3:4", "9:16"), Source("SEED:45", fact), "16:9", None),
        images=9,
        videos=_videos(_HTTPS, "PUB:std"),
        audios=_audios(_HTTPS, "SEED:49", 3),
    )
    no_audio = NotTogether(_FRAMES, ("reference_audios",), Source("SEED:49", "exclusions.2"))
    rules = (_IMAGES_OR_FRAMES, no_audio, _AUDIO_ALONE)
    source = Source("SEED:2,41,44,45,49", fact)
    return _model("seedance2.0-std", "Standard", rows, "video", source, rules, _WIDE)


_NO_VIDEOS = Advice(
    ("reference_videos",),
    "The vendor's SP page allows reference videos here; its own client says that this model does not support them.",
    Source("PUB:CLI", "models.seedance2.0-fast-sp"),
)

_NO_AUDIO_NAMED = Advice(
    ("reference_audios",),
    "One place of the vendor's page allows reference audio here; its list of models that take it leaves this one out.",
    Source("SEED:24 vs 49", "params.reference_audios"),
)


MODELS = (
    _sp("seedance2.0-sp", "SP economy", 7, _NO_480P),
    _sp("seedance2.0-fast-sp", "SP economy fast", 8, _NO_480P, _NO_VIDEOS, _FAST_1080P),
    _sp("seedance2.0-of-sp", "SP official", 9, _NO_AUDIO_NAMED),
    _sp("seedance2.0-of-fast-sp", "SP official fast", 10, _NO_AUDIO_NAMED, _FAST_1080P),
    *_fulls(),
    _mini("seedance2.0-mini", "Mini", ("480p", "720p", "1080p"), "mini", "second"),
    _mini("seedance2.0-mini-sp", "Mini special", ("480p", "720p"), "mini-sp", "video"),
    _md("seedance2.0-md", "MD"),
    _md("seedance2.0-fast-md", "MD fast", _TEN_OR_FIFTEEN),
    _fast_i2v(),
    _std(),
)
