"""seedanceapi.org v2 as its page documents it (facts/seedanceapi.yaml): flat fields, whole credits."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from seedance_mcp.catalog import Model
from seedance_mcp.sandbox.fakes.body_reader import BodyReader, drop_nulls
from seedance_mcp.sandbox.fakes.fake import Fake, Json, Rejection, Reply
from seedance_mcp.sandbox.fakes.upstream import UPSTREAM_ERRORS, failure
from seedance_mcp.sandbox.tasks import Task, TaskView
from seedance_mcp.vendors.seedanceapi import VENDOR

# The page has no state for a queued task: it is IN_PROGRESS from the start (SEED: task created).
_STATES = {
    "queued": "IN_PROGRESS",
    "running": "IN_PROGRESS",
    "odd": "REVIEWING",
    "succeeded": "SUCCESS",
    "failed": "FAILED",
}
_REJECTIONS = {
    "auth": (401, "INVALID_API_KEY"),
    "no_credit": (402, "INSUFFICIENT_CREDITS"),
    "not_found": (404, "TASK_NOT_FOUND"),
    "unknown_task": (404, "TASK_NOT_FOUND"),
    "server_error": (500, "INTERNAL_ERROR"),
    "malformed": (400, "INVALID_PROMPT"),
    # The page documents no message for these.
    "unknown_model": (400, "INVALID_MODEL"),
    "rate_limited": (429, "Rate limit exceeded"),
    "busy": (429, "Too many running tasks"),
}
_BY_FIELD = {
    "duration": "INVALID_DURATION",
    "aspect_ratio": "INVALID_ASPECT_RATIO",
    "reference_images": "TOO_MANY_IMAGES",
}


def read_request(reader: BodyReader, model: Model) -> dict[str, Any]:
    """Read a body (SEED: request body). One image is the first frame, several are references."""
    images: Any = reader.take("images")
    single = isinstance(images, list) and len(images) == 1  # pyright: ignore[reportUnknownArgumentType]  (JSON)
    resolution = reader.take("resolution")
    if model.name == "seedance-2-mini" and resolution == "1080p":
        resolution = "720p"  # accepted, but generated and billed as 720p (SEED:92)
    return drop_nulls(
        prompt=reader.take("prompt"),
        duration=reader.take("duration"),
        resolution=resolution,
        aspect_ratio=reader.take("aspect_ratio"),
        first_frame=images[0] if single else None,
        reference_images=None if single else images,
        reference_videos=reader.take("reference_video_urls"),
        reference_audios=reader.take("reference_audio_urls"),
        callback_url=reader.take("callback_url"),
        public=reader.take("public"),
    )


def _credits(amount: Decimal | None) -> float | None:
    """Return a JSON number; the vendor's own amounts are whole."""
    if amount is None:
        return None
    return int(amount) if amount == int(amount) else float(amount)


def render_created(task: Task) -> Json:
    """Answer a create request (SEED: task created)."""
    data = {"task_id": task.id, "status": "IN_PROGRESS", "consumed_credits": _credits(task.amount)}
    return {"code": 200, "message": "success", "data": data}


def render_status(view: TaskView) -> Json:
    """Answer a poll (SEED: status). A failed task is free (PUB:llms)."""
    task, failed = view.task, view.state == "failed"
    request = task.request
    echo = drop_nulls(prompt=request.prompt, aspect_ratio=request.aspect_ratio, duration=request.duration)
    data: Json = {
        "task_id": task.id,
        "status": _STATES[view.state],
        "consumed_credits": 0 if failed and task.refundable else _credits(task.amount),
        "created_at": f"{datetime.fromtimestamp(int(task.created_at), UTC):%Y-%m-%dT%H:%M:%SZ}",
        "request": echo,
        "response": [view.url] if view.url else (None if failed else []),
        "error_message": failure(task)[1] if failed else None,
    }
    return {"code": 200, "message": "success", "data": data}


def render_error(rejection: Rejection) -> Reply:
    """Render the page's code as message (SEED: error codes); the first field with a problem decides which."""
    if rejection.kind in _REJECTIONS:
        status, message = _REJECTIONS[rejection.kind]
    elif rejection.kind == "invalid_request":
        status, message = 400, next((_BY_FIELD[f] for f in rejection.fields if f in _BY_FIELD), "INVALID_PROMPT")
    else:
        status, _, message = UPSTREAM_ERRORS[rejection.kind]
    return Reply(status, {"code": status, "message": message, "data": None})


FAKE = Fake(
    vendor=VENDOR,
    create_path="/generate",
    status_path="/status",
    status_query="task_id",
    id_style="n{19}",
    default_model="seedance-2.0",
    read_request=read_request,
    render_created=render_created,
    render_status=render_status,
    render_error=render_error,
)
