"""seedanceapi.org, API v2: flat parameters, credits at one cent each.

Facts: facts/seedanceapi.yaml. The host's API v1, with other field names (image_urls, generate_audio …), is not used.
"""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from seedance_mcp.catalog import (
    Advice,
    Billing,
    FileLimits,
    Flag,
    Link,
    Media,
    Model,
    Needs,
    NotTogether,
    OneOf,
    Row,
    Source,
    Text,
    Trait,
    Whole,
)
from seedance_mcp.catalog.request import VideoRequest
from seedance_mcp.errors import Code
from seedance_mcp.vendors.refusals import classify
from seedance_mcp.vendors.vendor import (
    Accepted,
    Answer,
    Call,
    Charge,
    Refusal,
    Snapshot,
    TaskId,
    TaskState,
    Vendor,
    read,
)

_IMAGE = Link(("https", "http"), Source("SEED:98-100", "params.images"), public=True)
_VIDEO = Link(("https", "http"), Source("INF: as images, SEED:100", "contradictions.6"), public=True)
_RATIOS = ("16:9", "9:16", "4:3", "3:4")

_COMMON: dict[str, Row] = {
    "prompt": Text(Source("SEED:80-82", "params.prompt"), most=2000, required=True),
    "first_frame": _IMAGE,
    "reference_images": Media("image", _IMAGE, Source("SEED:100,232", "reference_limits.images"), 4),
    "callback_url": Link(("https", "http"), Source("SEED:112-114", "params.callback_url"), public=True),
    "public": Flag(Source("SEED:116-118", "params.public")),
}
_RULES = (
    # One list holds either; with both, nothing would tell the vendor which image the video begins with.
    NotTogether(("first_frame",), ("reference_images",), Source("SEED:98-100", "modes.image_to_video")),
)
_MINI_RULES = (
    *_RULES,
    NotTogether(
        ("first_frame", "reference_images"),
        ("reference_videos", "reference_audios"),
        Source("KIE: images and multimodal references are kept apart", "exclusions.2"),
    ),
    Needs("reference_audios", ("reference_images", "reference_videos"), Source("ARK", "reference_limits.others")),
)
_TRAITS = {"generate_audio": Trait(value=True, source=Source("ARK: the upstream's default", "audio"))}
_ADVICE = (
    *(
        Advice(
            ("aspect_ratio", image),
            "seedanceapi documents aspect_ratio for text-to-video only; the image's own ratio may win.",
            Source("SEED:94-96", "params.aspect_ratio"),
            values=(*_RATIOS, "1:1", "21:9"),
        )
        for image in ("first_frame", "reference_images")
    ),
    Advice(
        ("first_frame",),
        "seedanceapi has one list for images and does not say that the video begins with its only one; say so in the "
        "prompt.",
        Source("SEED:75,98-100", "modes.image_to_video"),
        caution=False,
    ),
    Advice(
        ("reference_images",),
        "seedanceapi does not document the roles of several images; name their roles in the prompt.",
        Source("SEED:98-100", "modes.image_to_video"),
        outside=(0, 1),
    ),
    Advice(
        ("public",),
        "public=true may show the video to others in the vendor's gallery.",
        Source("SEED:116-118", "params.public"),
        caution=False,
    ),
)


def _standard(name: str, summary: str, per_second: int, lines: str, *advice: Advice) -> Model:
    rows = _COMMON | {
        "duration": Whole(5, 15, Source("SEED:231", "exclusions.1"), only=(5, 10, 15), default=5, unit="s"),
        "resolution": OneOf(("480p", "720p", "1080p"), Source("SEED:88-90", "params.resolution"), "720p"),
        "aspect_ratio": OneOf(_RATIOS, Source("SEED:96,230", "exclusions.0"), "16:9", default_with_media=None),
    }
    billing = Billing(
        "second",
        "credits",
        Source(f"SEED:{lines}", f"pricing.{name}"),
        {"": Decimal(per_second)},
        usd_per_unit=_CENT,
        cautions=(
            Advice(
                ("resolution",),
                "The price table has no column for resolution, although the page says it matters; 1080p may cost more.",
                Source("SEED:33 vs 43-56", "contradictions.2"),
                values=("1080p",),
            ),
        ),
        failure_is_free=True,
    )
    source = Source("SEED:86,92,96,110", f"models.{name}")
    return Model("seedanceapi", name, summary, rows, billing, source, _RULES, _ADVICE + advice, traits=_TRAITS)


_CENT = Decimal("0.01")
"""1 USD = 100 credits (SEED:35)."""

_NO_1080P_UPSTREAM = Advice(
    ("resolution",),
    "seedanceapi's page allows 1080p, but the upstream's fast model does not support it. Check the video's resolution.",
    Source("SEED:92 vs ARK", "models.seedance-2.0-fast"),
    values=("1080p",),
)


def _mini() -> Model:
    videos = Media("video", _VIDEO, Source("SEED:102-104", "params.reference_video_urls"))
    audios = Media("audio", _VIDEO, Source("SEED:106", "params.reference_audio_urls"))
    rows = _COMMON | {
        "duration": Whole(4, 15, Source("SEED:86", "params.duration"), default=5, unit="s"),
        # The vendor accepts 1080p, but silently makes and bills 720p (SEED:92), so it is not offered.
        "resolution": OneOf(("480p", "720p"), Source("SEED:92", "contradictions.0"), "720p"),
        "aspect_ratio": OneOf(
            (*_RATIOS, "1:1", "21:9", "adaptive"),
            Source("SEED:96", "models.seedance-2-mini"),
            "16:9",
            default_with_media=None,
        ),
        "reference_videos": videos,
        "reference_audios": audios,
    }
    billing = Billing(
        "second",
        "credits",
        Source("SEED:61-69", "pricing.seedance-2-mini"),
        {"480p": Decimal("14.25"), "720p": Decimal("30.75")},
        with_video={"480p": Decimal(9), "720p": Decimal("18.75")},
        usd_per_unit=_CENT,
        cautions=(
            Advice(
                ("reference_videos",),
                "Priced by the video's seconds; the vendor may add those of the reference videos.",
                Source("SEED:65,67 vs KIE", "contradictions.5"),
            ),
        ),
        failure_is_free=True,
    )
    soft = {name: _three(row) for name, row in (("reference_videos", videos), ("reference_audios", audios))}
    source = Source("SEED:61,86,92,96,110", "models.seedance-2-mini")
    name = "seedance-2-mini"
    return Model("seedanceapi", name, "Mini", rows, billing, source, _MINI_RULES, _ADVICE, soft=soft, traits=_TRAITS)


def _three(row: Media) -> Media:
    source = Source("KIE", row.source.fact)
    return replace(row, source=source, most=3, files=FileLimits(source, total_seconds=15))


_STATES: dict[str, TaskState] = {
    "in_progress": "running",
    "processing": "running",
    "pending": "queued",
    "queued": "queued",
    "success": "succeeded",
    "completed": "succeeded",
    "failed": "failed",
    "failure": "failed",
}


def build_submit(request: VideoRequest) -> Call:
    """POST /generate (SEED: request body)."""
    body: dict[str, Any] = {
        "model": request.model.name,
        "prompt": request.sent_prompt,
        "duration": request.duration,
        "resolution": request.resolution,
        "aspect_ratio": request.aspect_ratio,
        "images": [request.first_frame] if request.first_frame else list(request.reference_images) or None,
        "reference_video_urls": list(request.reference_videos) or None,
        "reference_audio_urls": list(request.reference_audios) or None,
        "callback_url": request.callback_url,
        "public": request.public,
    }
    return Call("POST", "/generate", {key: value for key, value in body.items() if value is not None})


class _Data(BaseModel):
    task_id: TaskId
    status: str = ""
    consumed_credits: Charge = None
    response: list[str] | None = None
    error_message: str | None = None


class _Envelope(BaseModel):
    data: _Data


class _Error(BaseModel):
    """The page lists codes without an example body; the code is searched wherever clients have seen it."""

    code: int | str | None = None
    message: str | None = None
    error: dict[str, Any] | str | None = None
    error_code: str = ""
    data: dict[str, Any] | list[Any] | str | None = None


def parse_submit(answer: Answer) -> Accepted:
    """Parse the answer to a submit (SEED: task created)."""
    data = read(_Envelope, answer).data
    return Accepted(data.task_id, data.consumed_credits)


def build_status(task_id: str) -> Call:
    """GET /status?task_id= (SEED: status)."""
    return Call("GET", "/status", query={"task_id": task_id})


def parse_status(answer: Answer) -> Snapshot:
    """Parse a status answer: the video is the first of `data.response` (SEED: tip)."""
    data = read(_Envelope, answer).data
    state = _STATES.get(data.status.casefold(), "running")
    url = data.response[0] if state == "succeeded" and data.response else None
    refusal = classify(200, "", data.error_message or "", Code.GENERATION_FAILED) if state == "failed" else None
    return Snapshot(state, data.status, url, refusal, data.consumed_credits)


def parse_error(answer: Answer) -> Refusal | None:
    """Parse an error (SEED: error codes), by HTTP status or by a body code other than success."""
    try:
        error = _Error.model_validate(answer.body)
    except ValueError:
        return None
    inner: dict[str, Any] = error.error if isinstance(error.error, dict) else {"code": error.error}
    data: dict[str, Any] = error.data if isinstance(error.data, dict) else {}
    candidates = [inner.get("code"), error.error_code, data.get("error_code"), error.code, error.message]
    vendor_code = next((c for c in candidates if isinstance(c, str) and re.fullmatch("[A-Z]+(_[A-Z]+)+", c)), "")
    if answer.status < 400 and vendor_code not in _CODES and str(error.code) in {"200", "0", "None"}:
        return None
    message = str(inner.get("message") or error.message or inner.get("code") or vendor_code)
    if not (message or error.code):
        return None
    status, code = _CODES.get(vendor_code, (answer.status, None))
    if answer.status >= 400:
        status = answer.status
    status = error.code if isinstance(error.code, int) and 400 <= error.code < 600 else status
    return classify(status, vendor_code, message, code)


_CODES = {
    "INVALID_PROMPT": (400, Code.INVALID_REQUEST),
    "INVALID_ASPECT_RATIO": (400, Code.INVALID_REQUEST),
    "INVALID_DURATION": (400, Code.INVALID_REQUEST),
    "TOO_MANY_IMAGES": (400, Code.INVALID_REQUEST),
    "INVALID_API_KEY": (401, Code.AUTH),
    "INSUFFICIENT_CREDITS": (402, Code.NO_CREDIT),
    "TASK_NOT_FOUND": (404, Code.NOT_FOUND),
    "INTERNAL_ERROR": (500, Code.VENDOR_DOWN),
}
"""The page's codes, with the HTTP status that it gives each (SEED:228-235)."""

VENDOR = Vendor(
    slug="seedanceapi",
    name="seedanceapi.org",
    base_url="https://seedanceapi.org/v2",
    models=(
        _standard("seedance-2.0", "Standard", 48, "43-46"),
        _standard("seedance-2.0-fast", "Fast", 32, "53-56", _NO_1080P_UPSTREAM),
        _mini(),
    ),
    build_submit=build_submit,
    parse_submit=parse_submit,
    build_status=build_status,
    parse_status=parse_status,
    parse_error=parse_error,
    no_such_task=frozenset({"task_not_found"}),
    website="https://seedanceapi.org",
    docs="https://seedanceapi.org/zh/docs/v2",
)
