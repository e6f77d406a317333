"""aigptimage.com: a jobs API with the parameters in `input`, and results as JSON inside a string.

Facts: facts/aigptimage.yaml. The seed page documents reference-to-video. The vendor's other public pages document
text-to-video and image-to-video, so their rows cite PUB.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, field_validator

from seedance_mcp.catalog import (
    Advice,
    Billing,
    FileLimits,
    Flag,
    Link,
    Media,
    Model,
    Needs,
    NeedsOneOf,
    Number,
    OneOf,
    Row,
    Source,
    Text,
)
from seedance_mcp.catalog.request import VideoRequest
from seedance_mcp.errors import Code
from seedance_mcp.vendors.refusals import classify, status_of
from seedance_mcp.vendors.vendor import Accepted, Answer, Call, Refusal, Snapshot, TaskId, TaskState, Vendor, read

_URL = Link(("https", "http"), Source("SEED:156,164", "endpoints.upload_or_assets"), public=True)
_REFERENCES = ("reference_images", "reference_videos", "reference_audios")

# "Common options" is not a closed list (SEED:56-67), so every ratio of Seedance is accepted.
_RATIO = OneOf(
    ("16:9", "9:16", "1:1", "3:4", "4:3", "21:9", "adaptive"),
    Source("SEED:62-67; rest ARK", "params.input.ratio"),
    "16:9",
    default_with_media=None,
)
_COMMON: dict[str, Row] = {
    "duration": Number(1, None, Source("SEED:74-77 (no range stated)", "params.input.duration"), default=5, unit="s"),
    "resolution": OneOf(("480p", "720p", "1080p"), Source("SEED:68-73", "params.input.resolution"), "720p"),
    "aspect_ratio": _RATIO,
    "generate_audio": Flag(Source("SEED:78-83", "params.input.generate_audio"), default=False),
    "web_search": Flag(Source("SEED:84-89", "params.input.web_search")),
    # The vendor's default is off, which returns unfiltered output; ours is on unless the caller opts out.
    "safety_filter": Flag(Source("SEED:90-96; default ours", "params.input.nsfw_checker"), default=True),
}
_SOFT: dict[str, Row] = {"duration": Number(4, 15, Source("KIE/ARK", "params.input.duration"), default=5, unit="s")}
_ADVICE = (
    Advice(
        ("aspect_ratio",),
        "The vendor's page lists 16:9, 9:16, 1:1 and 3:4 as common ratios; this ratio comes from the upstream.",
        Source("SEED:62-67", "params.input.ratio"),
        values=("4:3", "21:9", "adaptive"),
    ),
    Advice(
        ("safety_filter",),
        "safety_filter false turns the vendor's content filter off: the model's raw output is returned.",
        Source("SEED:90-96", "params.input.nsfw_checker"),
        values=(False,),
        caution=False,
    ),
)


def _references() -> Model:
    rows: dict[str, Row] = {
        "prompt": Text(Source("SEED:39-43", "params.input.prompt"), most=20000),
        "reference_images": Media("image", _URL, Source("SEED:44-47", "params.input.reference_image_urls")),
        "reference_videos": Media("video", _URL, Source("SEED:48-51", "params.input.reference_video_urls")),
        "reference_audios": Media("audio", _URL, Source("SEED:52-55", "params.input.reference_audio_urls")),
        **_COMMON,
    }
    billing = Billing(
        "second",
        "credits",
        Source("SEED:99-103", "pricing.reference_to_video_per_second"),
        {"480p": Decimal(40), "720p": Decimal(80), "1080p": Decimal(160)},
        cautions=(
            Advice(
                ("generate_audio",),
                "The vendor's page says that audio affects the price, but not by how much.",
                Source("SEED:165", "pricing.also_affects_cost"),
            ),
        ),
    )
    upstream = Source("KIE", "reference_limits.upstream_warning")
    together = FileLimits(upstream, total_seconds=15)
    soft = _SOFT | {
        "reference_images": Media("image", _URL, upstream, 9),
        "reference_videos": Media("video", _URL, upstream, 3, together),
        "reference_audios": Media("audio", _URL, upstream, 3, together),
    }
    rules = (
        NeedsOneOf(("prompt", *_REFERENCES), Source("OURS: an empty request is a mistake", "requires.0")),
        Needs("reference_audios", ("reference_images", "reference_videos"), Source("ARK/KIE", "requires.0")),
    )
    name = "seedance-2.0-reference-to-video"
    source = Source("SEED:27,34,41", f"models.{name}")
    summary = "From references"
    return Model("aigptimage", name, summary, rows, billing, source, rules, _ADVICE, prefers=_REFERENCES, soft=soft)


def _public(name: str, summary: str, page: str, frame: bool) -> Model:
    rows: dict[str, Row] = {
        "prompt": Text(Source(f"PUB:{page}", "params.input.prompt"), most=20000, required=True),
        **_COMMON,
    }
    if frame:
        first = Link(_URL.schemes, Source("PUB:i2v", "params.input.image_urls"), public=True, required=True)
        rows = {"prompt": rows["prompt"], "first_frame": first, **_COMMON}
    billing = Billing("second", "credits", Source("GAP: no price on its page", "pricing.other_models"))
    source = Source(f"PUB:{page}", f"models.{name}")
    return Model("aigptimage", name, summary, rows, billing, source, (), _ADVICE, soft=_SOFT)


_STATES: dict[str, TaskState] = {
    "waiting": "queued",
    "queuing": "queued",
    "queued": "queued",
    "pending": "queued",
    "generating": "running",
    "processing": "running",
    "running": "running",
    "success": "succeeded",
    "succeeded": "succeeded",
    "completed": "succeeded",
    "fail": "failed",
    "failed": "failed",
    "cancelled": "cancelled",
}


def build_submit(request: VideoRequest) -> Call:
    """POST /api/v1/jobs/createTask (SEED §1). Only `ratio` is sent; it overrides its alias `aspect_ratio`."""
    fields: dict[str, Any] = {
        "prompt": request.sent_prompt or None,
        "image_urls": [request.first_frame] if request.first_frame else None,
        "reference_image_urls": list(request.reference_images) or None,
        "reference_video_urls": list(request.reference_videos) or None,
        "reference_audio_urls": list(request.reference_audios) or None,
        "ratio": request.aspect_ratio,
        "resolution": request.resolution,
        "duration": request.duration,
        "generate_audio": request.generate_audio,
        "web_search": request.web_search,
        "nsfw_checker": request.safety_filter,
    }
    body = {"model": request.model.name, "input": {k: v for k, v in fields.items() if v is not None}}
    return Call("POST", "/api/v1/jobs/createTask", body)


class _Created(BaseModel):
    class Data(BaseModel):
        taskId: TaskId

    data: Data


class _Result(BaseModel):
    resultUrls: list[str] | None = None


class _Status(BaseModel):
    class Data(BaseModel):
        state: str
        resultJson: _Result | None = None
        failCode: int | str | None = None
        failMsg: str | None = None

        @field_validator("resultJson", mode="before")
        @classmethod
        def _string_or_object(cls, value: object) -> object:
            """Parse a JSON string: the page shows an object, its example a string (SEED:143-144 vs 151-154).

            The page says "usually" of its structure (SEED:152), so a link alone is taken too, and what is not JSON says
            nothing.
            """
            if not isinstance(value, str):
                return value
            if value.startswith(("https://", "http://")):
                return {"resultUrls": [value]}
            try:
                return json.loads(value) if value.strip() else None
            except (ValueError, RecursionError):
                return None

    data: Data


class _Envelope(BaseModel):
    code: int | str
    msg: str | None = None


def parse_submit(answer: Answer) -> Accepted:
    """Parse the answer to a submit (SEED §1, response example)."""
    return Accepted(read(_Created, answer).data.taskId)


def build_status(task_id: str) -> Call:
    """GET /api/v1/jobs/recordInfo?taskId= (SEED §2)."""
    return Call("GET", "/api/v1/jobs/recordInfo", query={"taskId": task_id})


def parse_status(answer: Answer) -> Snapshot:
    """Parse a status answer: the video is the first of `resultUrls` (SEED: success result structure).

    The page names one state, "waiting" (SEED:142), so one that nobody knows has succeeded when a video comes with it.
    """
    data = read(_Status, answer).data
    urls = (data.resultJson.resultUrls if data.resultJson else None) or []
    state = _STATES.get(data.state.casefold(), "succeeded" if urls else "running")
    url = urls[0] if urls and state == "succeeded" else None
    refusal = classify(200, str(data.failCode or ""), data.failMsg or "", Code.GENERATION_FAILED)
    return Snapshot(state, data.state, url, refusal if state == "failed" else None)


def parse_error(answer: Answer) -> Refusal | None:
    """Parse an error: the body's code decides, even with HTTP 200 (SEED: error codes; PUB:errors)."""
    try:
        envelope = _Envelope.model_validate(answer.body)
    except ValueError:
        return None
    if answer.status < 400 and str(envelope.code) == "200":
        return None
    code, message = str(envelope.code), envelope.msg or ""
    status = status_of(code) or answer.status
    return classify(status, code, message)


VENDOR = Vendor(
    slug="aigptimage",
    name="AI GPT Image",
    base_url="https://aigptimage.com",
    models=(
        _references(),
        _public("seedance-2.0-text-to-video", "From text", "t2v", frame=False),
        _public("seedance-2.0-image-to-video", "From a first image", "i2v", frame=True),
    ),
    build_submit=build_submit,
    parse_submit=parse_submit,
    build_status=build_status,
    parse_status=parse_status,
    parse_error=parse_error,
    no_such_task=frozenset({"404"}),
    busy_statuses=frozenset({409}),  # too many active tasks, or a conflict with another request (SEED:174)
    idempotency_header="X-Request-ID",
    website="https://aigptimage.com",
    docs="https://aigptimage.com/zh/docs/video-models/seedance/seedance-2.0-reference-to-video",
)
