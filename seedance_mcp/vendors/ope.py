"""OPE.AI: an OpenAI-style /v1/videos API. A finished video has no URL; it is downloaded with the key.

Facts: facts/ope.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    OneOf,
    Source,
    Text,
    Trait,
    Whole,
)
from seedance_mcp.catalog.price import UNNAMED_CURRENCY
from seedance_mcp.catalog.request import VideoRequest
from seedance_mcp.catalog.rows import NEAREST
from seedance_mcp.catalog.sizes import SIZES
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

_URL = Link(("https", "http"), Source("SEED:66,70-83", "params.input_reference.content"), public=True)
_FRAME = replace(_URL, source=Source("SEED:72-75,77-83", "params.item"))


_RATIOS = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9")


def _media(kind: Any, most: int, fact: str, line: str, under_mb: float, *, seconds: bool = True) -> Media:
    source = Source(f"SEED:{line}", f"reference_limits.{fact}")
    each, total = ((2, 15), 15.0) if seconds else (None, None)
    return Media(kind, _URL, source, most, FileLimits(source, under_mb, each, total))


def _model(
    name: str, summary: str, line: str, *, high: bool = True, traits: Mapping[str, Trait] | None = None
) -> Model:
    resolution = OneOf(("480p", "720p", "1080p"), Source("SEED:61", "params.resolution"), "720p")
    if not high:
        resolution = OneOf(("480p", "720p"), Source("SEED:60,340", "exclusions.1"), "720p")
    rows = {
        "prompt": Text(Source("SEED:59; required PUB:zh", "params.prompt"), required=True),
        "duration": Whole(4, 15, Source("SEED:63,89", "params.seconds"), default=5, unit="s"),
        "resolution": resolution,
        "aspect_ratio": OneOf(_RATIOS, Source("SEED:62", "params.ratio"), "16:9", NEAREST),
        "first_frame": _FRAME,
        "last_frame": _FRAME,
        "reference_images": _media("image", 9, "image", "94", 30, seconds=False),
        "reference_videos": _media("video", 3, "video", "95", 50),
        "reference_audios": _media("audio", 3, "audio", "96", 15),
        "generate_audio": Flag(Source("SEED:64; default ARK", "params.generate_audio"), default=True),
        "seed": Whole(None, None, Source("SEED:65", "params.seed")),
    }
    source = Source(f"SEED:{line}", f"models.{name}")
    return Model("ope", name, summary, rows, _BILLING, source, _RULES, _ADVICE, traits=traits or {}, sizes=SIZES)


_BILLING = Billing(None, UNNAMED_CURRENCY, Source("GAP: SEED:27 links a price page that was not found", "pricing"))
_RULES = (
    Needs("reference_audios", ("reference_images", "reference_videos"), Source("SEED:101-103", "requires.0")),
    # The page shows four modes and never a mixture; the upstream calls them mutually exclusive.
    NotTogether(
        ("first_frame", "last_frame"),
        ("reference_images", "reference_videos", "reference_audios"),
        Source("ARK; no such mode in SEED:107-264", "exclusions.2"),
    ),
    Needs("last_frame", ("first_frame",), Source("ARK; no such mode in SEED:154-182", "exclusions.3")),
)
_ADVICE = (
    Advice(
        ("prompt",),
        "A prompt of over 500 Chinese characters or 1,000 words may lose details, ope says.",
        Source("SEED:97", "prompt_limits"),
        wordy=(500, 1000),
        caution=False,
    ),
    Advice(
        ("seed",),
        "ope documents seed, but the upstream says that Seedance 2.0 ignores it: the same seed may give another video.",
        Source("SEED:65 vs ARK", "contradictions.3"),
    ),
)

_STATES: dict[str, TaskState] = {
    "queued": "queued",
    "not_start": "queued",
    "submitted": "queued",
    "in_progress": "running",
    "success": "succeeded",
    "completed": "succeeded",
    "succeeded": "succeeded",
    "failure": "failed",
    "failed": "failed",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    "expired": "expired",
}


def build_submit(request: VideoRequest) -> Call:
    """POST /v1/videos (SEED §1, §2). The page wants either `size` or resolution and ratio; the latter are sent."""
    body: dict[str, Any] = {
        "model": request.model.name,
        "prompt": request.sent_prompt,
        "resolution": request.resolution,
        "ratio": request.aspect_ratio,
        "seconds": str(request.duration),
        "generate_audio": request.generate_audio,
    }
    if request.seed is not None:
        body["seed"] = request.seed
    if content := list(_content(request)):
        body["input_reference"] = {"content": content}
    return Call("POST", "/v1/videos", body)


def _content(request: VideoRequest) -> list[dict[str, Any]]:
    parts = [
        ("image_url", "first_frame", [request.first_frame]),
        ("image_url", "last_frame", [request.last_frame]),
        ("image_url", "reference_image", request.reference_images),
        ("video_url", "reference_video", request.reference_videos),
        ("audio_url", "reference_audio", request.reference_audios),
    ]
    return [{"type": t, "role": role, t: {"url": url}} for t, role, urls in parts for url in urls if url]


class _Created(BaseModel):
    """The submit answer has equal id and task_id; the status answer has only id."""

    id: TaskId = Field(validation_alias=AliasChoices("id", "task_id"))


class _Status(BaseModel):
    status: str
    progress: Percent = None
    error: dict[str, Any] | str | None = None
    fail_reason: str | None = None


def parse_submit(answer: Answer) -> Accepted:
    """Parse the answer to a submit (SEED §4.1)."""
    return Accepted(read(_Created, answer).id)


def build_status(task_id: str) -> Call:
    """GET /v1/videos/{id} (SEED §5)."""
    return Call("GET", f"/v1/videos/{in_path(task_id)}")


def parse_status(answer: Answer) -> Snapshot:
    """Parse a status answer: states come in upper and lower case, and never with a URL (SEED §5)."""
    task = read(_Status, answer)
    state = _STATES.get(task.status.casefold(), "running")
    refusal = parse_failure(task.error, task.fail_reason or "") if state == "failed" else None
    return Snapshot(state, task.status, refusal=refusal, progress=task.progress)


def build_download(task_id: str) -> Call:
    """GET /v1/videos/{id}/content, with the key (SEED §6)."""
    return Call("GET", f"/v1/videos/{in_path(task_id)}/content")


VENDOR = Vendor(
    slug="ope",
    name="OPE.AI",
    base_url="https://api-platform.ope.ai",
    models=(
        _model("seedance-2-0", "Standard", "11,61,320-340"),
        _model("seedance-2-0-fast", "Fast", "60,340", high=False),
        _model(
            "seedance-2-0-nsfw",
            "Without content filter",
            "11",
            traits={"safety_filter": Trait(value=False, source=Source("SEED:11", "nsfw"))},
        ),
    ),
    build_submit=build_submit,
    parse_submit=parse_submit,
    build_status=build_status,
    parse_status=parse_status,
    parse_error=parse_gateway_error,
    no_such_task=NO_SUCH_TASK,
    build_download=build_download,
    website="https://api-platform.ope.ai",
    docs="https://p-docs.ope.ai/docs/api/ai-model/videos/seedance/seedance-2-0",
)
