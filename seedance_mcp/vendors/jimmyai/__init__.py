"""Jimmy AI: one endpoint with six routes ("SP" and its siblings), chosen by the model's name.

Facts: facts/jimmyai.yaml. The seed page is the SP page; facts from a sibling's page cite PUB.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel

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
    Whole,
)
from seedance_mcp.catalog.request import VideoRequest, in_plain_words
from seedance_mcp.errors import Code
from seedance_mcp.vendors.jimmyai.files import ACCOUNT_QUERIES, PRICE_LIST, UPLOAD
from seedance_mcp.vendors.upstream import classify, status_of
from seedance_mcp.vendors.vendor import (
    Accepted,
    Amount,
    Answer,
    Call,
    Percent,
    Refusal,
    Snapshot,
    TaskId,
    TaskState,
    Vendor,
    in_path,
    read,
)

_FRAMES = ("first_frame", "last_frame")
_SIX = ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9")

_IMAGES_OR_FRAMES = NotTogether(("reference_images",), _FRAMES, Source("SEED:27,44", "exclusions.0"))
_LAST_NEEDS_FIRST = Needs("last_frame", ("first_frame",), Source("INF: not stated; ARK hard", "requires.1"))


def _audio_needs(where: str) -> Needs:
    return Needs("reference_audios", ("reference_images", "reference_videos", *_FRAMES), Source(where, "requires.0"))


_AUDIO_ALONE = Advice(
    ("reference_audios",),
    "The upstream refuses audio without an image or video.",
    Source("ARK", "requires.0"),
    unless=("reference_images", "reference_videos", *_FRAMES),
)
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
_MANY = tuple(
    Advice(
        (field,),
        f"The vendor does not state a limit; the upstream accepts at most {most} {field}.",
        Source("ARK", "reference_limits.sp"),
        outside=(0, most),
    )
    for field, most in (("reference_images", 9), ("reference_videos", 3), ("reference_audios", 3))
)
_LONG_PROMPT = Advice(
    ("prompt",),
    "The prompt exceeds 500 Chinese characters or 1,000 words; the upstream says that details may be lost.",
    Source("ARK", "prompt_limits.upstream_warning"),
    wordy=(500, 1000),
)


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
) -> Model:
    fact = "mini_sp_md_std_i2v" if per == "video" else "mini" if name == "seedance2.0-mini" else "sp"
    billing = Billing(per, "JimiCoin", Source(source.where, f"pricing.{fact}"))
    return Model("jimmyai", name, summary, rows, billing, source, rules, (*advice, _LONG_PROMPT), prefers=prefers)


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
    return _model(name, summary, rows, "second", source, rules, open_ratio, *_AUDIO_WITH_FRAMES, *_MANY, *advice)


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
    summary = f"Full{' from videos' if videos else ''}{', fast' if 'fast' in name else ''}, {resolution}"
    rules = (_IMAGES_OR_FRAMES, _LAST_NEEDS_FIRST)
    many = tuple(a for a in _MANY if a.when[0] in rows)
    source = Source("SEED:39", f"models.{fact}")
    prefers = ("reference_videos",) if videos else ()
    return _model(name, summary, rows, "second", source, rules, _AUDIO_ALONE, *many, prefers=prefers)


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
    many = tuple(a for a in _MANY if a.when[0] in rows)
    rules = (_IMAGES_OR_FRAMES, _audio_needs(f"PUB:{page}"), _LAST_NEEDS_FIRST)
    return _model(name, summary, rows, per, Source("SEED:2,39", fact), rules, *_AUDIO_WITH_FRAMES, *many)


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
    return _model(name, summary, rows, "video", Source("SEED:2,39-49", fact), rules, short, _WIDE, *advice)


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
    return _model("seedance2.0-fast-i2v", "From images", rows, "video", source, rules, _WIDE, prefers=prefers)


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
    rules = (_IMAGES_OR_FRAMES, NotTogether(_FRAMES, ("reference_audios",), Source("SEED:49", "exclusions.2")))
    many = tuple(a for a in _MANY if a.when[0] == "reference_videos")
    source = Source("SEED:2,41,44,45,49", fact)
    return _model("seedance2.0-std", "Standard", rows, "video", source, rules, _AUDIO_ALONE, _WIDE, *many)


_NO_VIDEOS = Advice(
    ("reference_videos",),
    "The vendor's SP page allows reference videos here; its own client says that this model does not support them.",
    Source("PUB:CLI", "models.seedance2.0-fast-sp"),
)

_STATES: dict[str, TaskState] = {
    "queued": "queued",
    "pending": "queued",
    "submitted": "queued",
    "processing": "running",
    "completed": "succeeded",
    "success": "succeeded",
    "failed": "failed",
    "canceled": "cancelled",
    "cancelled": "cancelled",
}
_SUCCESS = {"0", "200", "20000"}
_STATUS_OF_CODE = {"20001": 401, "20002": 400, "-1": 500}
"""HTTP statuses of business codes, which the vendor may send with HTTP 200 (PUB:CLI)."""
_TIMED_OUT = re.compile(r"timed? ?out|connection reset|超时", re.IGNORECASE)


def build_submit(request: VideoRequest) -> Call:
    """POST /api/open-api/v1/seedance/videos (SEED: request parameters)."""
    in_name = len(getattr(request.model.rows["resolution"], "values", ())) == 1
    body: dict[str, Any] = {
        "model": request.model.wire,
        "prompt": in_plain_words(request.prompt),
        "duration": request.duration,
        "resolution": None if in_name else request.resolution,
        "ratio": "Adaptive" if request.aspect_ratio == "adaptive" else request.aspect_ratio,
        "images": list(request.reference_images) or None,
        "first_image": request.first_frame,
        "last_image": request.last_frame,
        "reference_videos": list(request.reference_videos) or None,
        "reference_audios": list(request.reference_audios) or None,
    }
    body = {key: value for key, value in body.items() if value is not None}
    return Call("POST", "/api/open-api/v1/seedance/videos", body)


class _Result(BaseModel):
    video_url: str | None = None


class _Created(BaseModel):
    task_id: TaskId
    cost: Amount = None


class _Status(BaseModel):
    status: str
    progress: Percent = None
    result: _Result | None = None
    cost: Amount = None
    error_message: str | None = None


class _Envelope(BaseModel):
    code: int | str
    msg: str | None = None


def _unwrapped(answer: Answer) -> Answer:
    """Unwrap `data`; an old copy of the query page shows a body without it."""
    body = answer.body
    data: Any = body.get("data") if isinstance(body, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  (any JSON)
    return Answer(answer.status, data if isinstance(data, dict) else body)


def parse_submit(answer: Answer) -> Accepted:
    """Parse the answer to a submit (PUB:sp, PUB:openapi)."""
    created = read(_Created, _unwrapped(answer))
    return Accepted(created.task_id, created.cost)


def build_status(task_id: str) -> Call:
    """GET /api/open-api/v1/videos/{taskId} (SEED: query)."""
    return Call("GET", f"/api/open-api/v1/videos/{in_path(task_id)}")


def parse_status(answer: Answer) -> Snapshot:
    """Parse a status answer. A relative storage key as video_url (in old answers) is not a link and is dropped."""
    task = read(_Status, _unwrapped(answer))
    state = _STATES.get(task.status.casefold(), "running")
    url = (task.result.video_url if task.result and state == "succeeded" else None) or ""
    refusal = classify(200, "", task.error_message or "", Code.GENERATION_FAILED) if state == "failed" else None
    usable = url if url.startswith(("https://", "http://")) else None
    return Snapshot(state, task.status, usable, refusal, task.cost, task.progress)


def parse_error(answer: Answer) -> Refusal | None:
    """Parse an error: any code but 0, 200 and 20000, as number or text, is a failure (PUB:CLI)."""
    try:
        envelope = _Envelope.model_validate(answer.body)
    except ValueError:
        return None
    code = str(envelope.code)
    refused = answer.status >= HTTPStatus.BAD_REQUEST
    if code in _SUCCESS and not refused:
        return None
    message = envelope.msg or ""
    in_body = _STATUS_OF_CODE.get(code) or _undocumented(code, message)
    # With an HTTP error, a business code only counts where it leaves the outcome open.
    status = answer.status if refused and in_body == HTTPStatus.BAD_REQUEST else in_body
    return classify(status, code, message)


def _undocumented(code: str, message: str) -> int:
    """Return the HTTP status of a code that no page explains.

    Codes below 500 are refusals, unless the HTTP status of that number is none. Any other number leaves open whether
    the job was accepted, and so does a message that something timed out.
    """
    number, below_500 = re.fullmatch("-?[0-9]+", code), re.fullmatch("[1-4]?[0-9]{1,2}", code)
    if (number and not below_500) or _TIMED_OUT.search(message):
        return HTTPStatus.INTERNAL_SERVER_ERROR
    return status_of(code) or HTTPStatus.BAD_REQUEST


VENDOR = Vendor(
    slug="jimmyai",
    name="Jimmy AI",
    base_url="https://www.jimmyai.cn",
    models=(
        _sp("seedance2.0-sp", "SP economy", 7, _NO_480P),
        _sp("seedance2.0-fast-sp", "SP economy, fast", 8, _NO_480P, _NO_VIDEOS),
        _sp("seedance2.0-of-sp", "SP official", 9),
        _sp("seedance2.0-of-fast-sp", "SP official, fast", 10),
        *_fulls(),
        _mini("seedance2.0-mini", "Mini", ("480p", "720p", "1080p"), "mini", "second"),
        _mini("seedance2.0-mini-sp", "Mini special, flat price", ("480p", "720p"), "mini-sp", "video"),
        _md("seedance2.0-md", "MD, flat price"),
        _md("seedance2.0-fast-md", "MD fast, flat price", _TEN_OR_FIFTEEN),
        _fast_i2v(),
        _std(),
    ),
    build_submit=build_submit,
    parse_submit=parse_submit,
    build_status=build_status,
    parse_status=parse_status,
    parse_error=parse_error,
    upload=UPLOAD,
    account_queries=ACCOUNT_QUERIES,
    price_list=PRICE_LIST,
    link_days=3,
    docs="https://docs.jimmyai.cn/zh/api-reference/seedance/sp/create",
)
