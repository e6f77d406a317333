"""12AI as its page documents it (facts/twelveai.yaml): the number of images chooses the mode, progress is arbitrary."""

from __future__ import annotations

from typing import Any

from seedance_mcp.catalog import Model
from seedance_mcp.sandbox.fakes.body_reader import BodyReader, drop_nulls
from seedance_mcp.sandbox.fakes.fake import Fake, Json, Rejection, Reply
from seedance_mcp.sandbox.fakes.gateway import gateway_reply
from seedance_mcp.sandbox.fakes.upstream import UPSTREAM_ERRORS
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
"""By the number of images; the last one also for larger numbers (SEED:96-106)."""
_FAILURES = {
    "content_policy": ("content_filter", "content policy violation"),
    "real_person": UPSTREAM_ERRORS["real_person"][1:],
    "generation_failed": ("task_failed", "task failed"),
}


def read_request(reader: BodyReader, _model: Model) -> dict[str, Any]:
    """Read a body (SEED: request body); their number or metadata.action says what the images are for."""
    metadata = reader.nested("metadata")
    args = drop_nulls(
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
    urls: list[Any] = list(images or ())  # pyright: ignore[reportUnknownArgumentType]  (JSON)
    mode = metadata.take("action") or _MODES[min(len(urls), 3)]
    if mode not in _MODES:
        reader.problem("reference_images", f"action must be one of {', '.join(_MODES)}")
        return args
    if mode == "multi_ref":
        if not (urls or "reference_videos" in args or "reference_audios" in args):
            reader.problem("reference_images", "multi_ref needs images, video_urls or audio_urls")
        return args | ({"reference_images": urls} if urls else {})
    if "reference_videos" in args or "reference_audios" in args:
        reader.problem("reference_videos", "video_urls and audio_urls are only allowed in multi_ref")
    if len(urls) != _MODES.index(mode):
        reader.problem("first_frame", f"{mode} needs {_MODES.index(mode)} images, not {len(urls)}")
        return args
    return args | dict(zip(("first_frame", "last_frame"), urls, strict=False))


def _task_body(task: Task, status: str, progress: int) -> Json:
    return {
        "id": task.id,
        "object": "video",
        "model": task.request.model.name,
        "status": status,
        "progress": progress,
        "created_at": int(task.created_at),
    }


def render_created(task: Task) -> Json:
    """Answer a create request (SEED: submit answer): the id is only called `id`."""
    return _task_body(task, "queued", 0)


def render_status(view: TaskView) -> Json:
    """Answer a poll (SEED: query)."""
    task = view.task
    body = _task_body(task, _STATES[view.state], _PROGRESS[view.state])
    if view.state == "succeeded":
        body |= {"completed_at": int(task.completed_at), "metadata": {"url": view.url}}
    if view.state == "failed":
        code, message = _FAILURES[task.directives.choice("fail") or "generation_failed"]
        body["error"] = {"message": message, "code": code}
    return body


def render_error(rejection: Rejection) -> Reply:
    """Render the gateway's error, with the upstream's sentence inside a string."""
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
