"""12AI as its page documents it (facts/twelveai.yaml): images choose the mode by number; progress tells nothing."""

from __future__ import annotations

from typing import Any

from seedance_mcp.catalog import Model
from seedance_mcp.sandbox.fakes.fake import BodyReader, Fake, Json, Rejection, Reply, given
from seedance_mcp.sandbox.fakes.gateway import gateway_reply
from seedance_mcp.sandbox.fakes.upstream import REFUSED
from seedance_mcp.sandbox.tasks import Task, TaskView
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


def read_request(reader: BodyReader, _model: Model) -> dict[str, Any]:
    """Read a body (SEED: request body); what the images are follows from their number or from metadata.action."""
    metadata = reader.inside("metadata")
    args = given(
        prompt=reader.take("prompt"),
        duration=reader.take("duration"),
        resolution=reader.take("size"),
        aspect_ratio=metadata.take("ratio"),
        generate_audio=metadata.take("generate_audio"),
        web_search=metadata.take("web_search"),
        watermark=metadata.take("watermark"),
        callback_url=metadata.take("webhook_url"),
        reference_videos=metadata.take("video_urls"),
        reference_audios=metadata.take("audio_urls"),
    )
    images: Any = reader.take("images")
    if images is not None and not isinstance(images, list):
        reader.problem("reference_images", "images must be a list")
        images = None
    parts_of_images: list[Any] = list(images or ())  # pyright: ignore[reportUnknownArgumentType]
    mode = metadata.take("action") or _MODES[min(len(parts_of_images), 3)]
    if mode not in _MODES:
        reader.problem("reference_images", f"action must be one of {', '.join(_MODES)}")
        return args
    if mode == "multi_ref":
        if not (parts_of_images or "reference_videos" in args or "reference_audios" in args):
            reader.problem("reference_images", "multi_ref needs images, video_urls or audio_urls")
        return args | ({"reference_images": parts_of_images} if parts_of_images else {})
    if "reference_videos" in args or "reference_audios" in args:
        reader.problem("reference_videos", "video_urls and audio_urls are taken in multi_ref only")
    if len(parts_of_images) != _MODES.index(mode):
        reader.problem("first_frame", f"{mode} takes {_MODES.index(mode)} images, not {len(parts_of_images)}")
        return args
    return args | dict(zip(("first_frame", "last_frame"), parts_of_images, strict=False))


def _task(task: Task, status: str, progress: int) -> Json:
    return {
        "id": task.id,
        "object": "video",
        "model": task.request.model.name,
        "status": status,
        "progress": progress,
        "created_at": int(task.created_at),
    }


def render_created(task: Task) -> Json:
    """Answer a create (SEED: submit answer): the id is called id only."""
    return _task(task, "queued", 0)


def render_status(view: TaskView) -> Json:
    """Answer a look (SEED: query)."""
    task = view.task
    body = _task(task, _STATES[view.state], _PROGRESS[view.state])
    if view.state == "succeeded":
        body |= {"completed_at": int(task.completed_at), "metadata": {"url": view.url}}
    if view.state == "failed":
        code, message = _FAILURES[task.directives.what("fail") or "generation_failed"]
        body["error"] = {"message": message, "code": code}
    return body


def render_error(rejection: Rejection) -> Reply:
    """Say no in the gateway's words, with the upstream's sentence inside a string."""
    return gateway_reply(rejection, lambda code, message: message if rejection.message else f"{code}: {message}")


FAKE = Fake(
    vendor=VENDOR,
    create_path="/v1/videos",
    status_path="/v1/videos/{task_id}",
    id_style="task_{12}",
    read_request=read_request,
    render_created=render_created,
    render_status=render_status,
    render_error=render_error,
)
