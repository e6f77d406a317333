"""12AI: /v1/videos with a `metadata` object; the number of images chooses the mode unless `metadata.action` does.

Facts: facts/twelveai.yaml.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import AliasChoices, BaseModel, Field

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
    Number,
    OneOf,
    Source,
    Text,
)
from seedance_mcp.catalog.price import UNNAMED_CURRENCY
from seedance_mcp.catalog.request import VideoRequest
from seedance_mcp.vendors.gateway import NO_SUCH_TASK, parse_failure, parse_gateway_error
from seedance_mcp.vendors.vendor import (
    Accepted,
    Answer,
    Call,
    Percent,
    Snapshot,
    TaskId,
    TaskState,
    Vendor,
    in_path,
    read,
)

_FRAMES = ("first_frame", "last_frame")
_REFERENCES = ("reference_images", "reference_videos", "reference_audios")
_NAMES = {"image": "@image_file_{}", "video": "@video_file_{}", "audio": "@audio_file_{}"}


def _model(name: str, summary: str, default_resolution: str, line: str, assets: bool) -> Model:
    schemes = ("https", "http", "asset") if assets else ("https", "http")
    where = Source("SEED:394,396", "assets") if assets else Source("SEED:394", "exclusions.2")
    url = Link(schemes, where, public=True)
    frame = replace(url, source=Source("SEED:81", "params.images"))
    videos = Source("SEED:274,545", "reference_limits.videos")
    rows = {
        "prompt": Text(Source("SEED:78", "params.prompt"), most=2500, required=True),
        "duration": Number(4, 15, Source("SEED:33,79", "params.duration"), default=5, unit="s"),
        "resolution": OneOf(("480p", "720p"), Source("SEED:80", "params.size"), default_resolution),
        "aspect_ratio": OneOf(
            ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9"),
            Source("SEED:32,88; default PUB:new", "params.metadata.ratio"),
            "16:9",
            default_with_media=None,
        ),
        "first_frame": frame,
        "last_frame": frame,
        "reference_images": Media("image", url, Source("SEED:273", "reference_limits.images"), 9),
        "reference_videos": Media(
            "video", url, videos, 3, FileLimits(videos, seconds=(1.8, float("inf")), total_seconds=15)
        ),
        "reference_audios": Media("audio", url, Source("SEED:275", "reference_limits.audios"), 3),
        "generate_audio": Flag(Source("SEED:89", "params.metadata.generate_audio"), default=True),
        "web_search": Flag(Source("SEED:90,118", "params.metadata.web_search")),
        "watermark": Flag(Source("SEED:91", "params.metadata.watermark")),
        "callback_url": Link(("https", "http"), Source("SEED:92", "params.metadata.webhook_url"), public=True),
    }
    source, advice = Source(f"SEED:{line}", f"models.{name}"), (*_ADVICE, *(_ASSETS if assets else ()))
    return Model("12ai", name, summary, rows, _BILLING, source, _RULES, advice, mentions=_NAMES)


_BILLING = Billing("second", UNNAMED_CURRENCY, Source("SEED:35,548", "pricing"))
_RULES = (
    NotTogether(("web_search",), _FRAMES + _REFERENCES, Source("SEED:90", "exclusions.0")),
    # Frames and references share the `images` list, so one request cannot contain both.
    NotTogether(_FRAMES, _REFERENCES, Source("SEED:93-94", "exclusions.1")),
    Needs("last_frame", ("first_frame",), Source("SEED:222", "requires.1")),
    Needs(
        "reference_audios", ("reference_images", "reference_videos"), Source("ARK; SEED:277 allows it", "requires.3")
    ),
)
_ADVICE = (
    Advice(
        ("first_frame",),
        "Without aspect_ratio, 12ai's newer page takes 16:9, which may crop the image; pass aspect_ratio.",
        Source("PUB:new", "params.metadata.ratio"),
        unless=("aspect_ratio",),
    ),
    Advice(
        ("reference_images",),
        "With 1–2 reference images, metadata.action sets the mode, but 12ai's page does not list its values. "
        "Check that the video does not simply open with the first image.",
        Source("SEED:98-106", "contradictions.1"),
        outside=(3, 9),
    ),
    *(
        Advice(
            ("reference_videos" if kind == "video" else "reference_audios",),
            f"Without images, metadata.action sets the mode, but 12ai's page does not list its values. Check that the "
            f"video follows the reference {kind}.",
            Source("SEED:98-106", "contradictions.1"),
            unless=("reference_images",),
        )
        for kind in ("video", "audio")
    ),
)
_ASSETS = tuple(
    Advice(
        (field,),
        "An asset must be reviewed and Active at asset.12ai.org, where assets are made; otherwise the video fails.",
        Source("SEED:397", "requires.2"),
        asset=True,
    )
    for field in (*_FRAMES, *_REFERENCES)
)

_STATES: dict[str, TaskState] = {
    "queued": "queued",
    "in_progress": "running",
    "processing": "running",
    "completed": "succeeded",
    "succeeded": "succeeded",
    "success": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
    "canceled": "cancelled",
}
_MODE_BY_IMAGES = ("text", "first_frame", "first_last_frame")


def build_submit(request: VideoRequest) -> Call:
    """POST /v1/videos. Here `size` is the resolution, not pixels (SEED: request body)."""
    frames = [url for url in (request.first_frame, request.last_frame) if url]
    images = frames or list(request.reference_images)
    fields = {
        "ratio": request.aspect_ratio,
        "generate_audio": request.generate_audio,
        "web_search": request.web_search,
        "watermark": request.watermark,
        "webhook_url": request.callback_url,
        "video_urls": list(request.reference_videos) or None,
        "audio_urls": list(request.reference_audios) or None,
    }
    metadata: dict[str, Any] = {key: value for key, value in fields.items() if value is not None}
    if request.mode == "references" and len(images) < len(_MODE_BY_IMAGES):
        metadata["action"] = "multi_ref"  # otherwise the number of images chooses another mode (SEED:96-106)
    body: dict[str, Any] = {
        "model": request.model.name,
        "prompt": request.sent_prompt,
        "duration": request.duration,
        "size": request.resolution,
    }
    return Call("POST", "/v1/videos", body | ({"images": images} if images else {}) | {"metadata": metadata})


class _Created(BaseModel):
    """The page's text says task_id, its example id; both are accepted."""

    id: TaskId = Field(validation_alias=AliasChoices("id", "task_id"))


class _Metadata(BaseModel):
    url: str | None = None


class _Status(BaseModel):
    status: str
    progress: Percent = None
    metadata: _Metadata | None = None
    error: dict[str, Any] | str | None = None


def parse_submit(answer: Answer) -> Accepted:
    """Parse the answer to a submit (SEED: submit answer example)."""
    return Accepted(read(_Created, answer).id)


def build_status(task_id: str) -> Call:
    """GET /v1/videos/{task_id} (SEED: query)."""
    return Call("GET", f"/v1/videos/{in_path(task_id)}")


def parse_status(answer: Answer) -> Snapshot:
    """Parse a status answer. `progress` may be 100 for failed tasks and 0 for running ones, so it is not the state."""
    task = read(_Status, answer)
    state = _STATES.get(task.status.casefold(), "running")
    url = task.metadata.url if task.metadata and state == "succeeded" else None
    refusal = parse_failure(task.error) if state == "failed" else None
    return Snapshot(state, task.status, url, refusal, progress=task.progress)


VENDOR = Vendor(
    slug="12ai",
    name="12AI",
    env="TWELVEAI",
    base_url="https://cdn.12ai.org",
    models=(
        _model("seedance-2-official", "Standard", "480p", "30", assets=False),
        _model("seedance-2-official2-fast", "Fast, reviews images itself", "720p", "31,34", assets=True),
    ),
    build_submit=build_submit,
    parse_submit=parse_submit,
    build_status=build_status,
    parse_status=parse_status,
    parse_error=parse_gateway_error,
    no_such_task=NO_SUCH_TASK,
    video_hosts=("img.12ai.org",),
    website="https://12ai.org",
    docs="https://doc.12ai.org/api/seedance/",
)
