"""12AI as its page documents it (facts/twelveai.yaml): images choose the mode by number; progress tells nothing."""

from __future__ import annotations

from typing import Any

from seedance_mcp.catalog import Model
from seedance_mcp.sandbox.fake import Fake, Json, No, Reply, Wire, given
from seedance_mcp.sandbox.gateway import gateway_reply
from seedance_mcp.sandbox.tasks import Look, Task
from seedance_mcp.sandbox.upstream import REFUSED
from seedance_mcp.vendors.twelveai import VENDOR

_STATES = {
    "queued": "queued",
    "running": "in_progress",
    "odd": "reviewing",
    "succeeded": "completed",
    "failed": "failed",
}
# Progress is 0 while a task runs, and 100 when it has failed (SEED:412-427).
_PROGRESS = {"queued": 20, "running": 0, "odd": 0, "succeeded": 100, "failed": 100}
_MODES = ("text_to_video", "image_to_video", "first_last_frame", "multi_ref")
"""By the number of images; the last also for every greater number (SEED:96-106)."""
_FAILURES = {
    "content_policy": ("content_filter", "content policy violation"),
    "real_person": REFUSED["real_person"][1:],
    "generation_failed": ("task_failed", "task failed"),
}


def read(wire: Wire, _model: Model) -> dict[str, Any]:
    """Read a body (SEED: request body); what the images are follows from their number or from metadata.action."""
    metadata = wire.inside("metadata")
    args = given(
        prompt=wire.take("prompt"),
        duration=wire.take("duration"),
        resolution=wire.take("size"),
        aspect_ratio=metadata.take("ratio"),
        generate_audio=metadata.take("generate_audio"),
        web_search=metadata.take("web_search"),
        watermark=metadata.take("watermark"),
        callback_url=metadata.take("webhook_url"),
        reference_videos=metadata.take("video_urls"),
        reference_audios=metadata.take("audio_urls"),
    )
    images: Any = wire.take("images")
    if images is not None and not isinstance(images, list):
        wire.wrong("reference_images", "images must be a list")
        images = None
    pictures: list[Any] = list(images or ())  # pyright: ignore[reportUnknownArgumentType]
    mode = metadata.take("action") or _MODES[min(len(pictures), 3)]
    if mode not in _MODES:
        wire.wrong("reference_images", f"action must be one of {', '.join(_MODES)}")
        return args
    if mode == "multi_ref":
        if not (pictures or "reference_videos" in args or "reference_audios" in args):
            wire.wrong("reference_images", "multi_ref needs images, video_urls or audio_urls")
        return args | ({"reference_images": pictures} if pictures else {})
    if "reference_videos" in args or "reference_audios" in args:
        wire.wrong("reference_videos", "video_urls and audio_urls are taken in multi_ref only")
    if len(pictures) != _MODES.index(mode):
        wire.wrong("first_frame", f"{mode} takes {_MODES.index(mode)} images, not {len(pictures)}")
        return args
    return args | dict(zip(("first_frame", "last_frame"), pictures, strict=False))


def _task(task: Task, status: str, progress: int) -> Json:
    return {
        "id": task.id,
        "object": "video",
        "model": task.request.model.name,
        "status": status,
        "progress": progress,
        "created_at": int(task.created_at),
    }


def created(task: Task) -> Json:
    """Answer a create (SEED: submit answer): the id is called id only."""
    return _task(task, "queued", 0)


def looked(look: Look) -> Json:
    """Answer a look (SEED: query)."""
    task = look.task
    body = _task(task, _STATES[look.state], _PROGRESS[look.state])
    if look.state == "succeeded":
        body |= {"completed_at": int(task.completed_at), "metadata": {"url": look.url}}
    if look.state == "failed":
        code, message = _FAILURES[task.wishes.what("fail") or "generation_failed"]
        body["error"] = {"message": message, "code": code}
    return body


def refuse(no: No) -> Reply:
    """Say no in the gateway's words, with the upstream's sentence inside a string."""
    return gateway_reply(no, lambda code, words: words if no.words else f"{code}: {words}")


FAKE = Fake(
    vendor=VENDOR,
    create_path="/v1/videos",
    look_path="/v1/videos/{task_id}",
    id_style="task_{12}",
    read=read,
    created=created,
    looked=looked,
    refuse=refuse,
)
