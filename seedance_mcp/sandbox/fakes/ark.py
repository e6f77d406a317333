"""Volcengine Ark and BytePlus ModelArk as their pages document them (facts/ark.yaml): typed parts, tokens, a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from seedance_mcp.catalog import Model
from seedance_mcp.catalog.price import price
from seedance_mcp.sandbox.fakes.body_reader import BodyReader, drop_nulls
from seedance_mcp.sandbox.fakes.fake import Fake, Json, Rejection, Reply
from seedance_mcp.sandbox.fakes.upstream import UPSTREAM_ERRORS, failure
from seedance_mcp.sandbox.tasks import Task, TaskView
from seedance_mcp.vendors.ark import BYTEPLUS_VENDOR, VENDOR

_STATES = {"odd": "reviewing"}
_REQUEST_ID = " Request id: 0217sandbox"
_REJECTIONS = {
    "auth": (401, "AuthenticationError", "The API key doesn't exist."),
    "no_credit": (403, "AccountOverdueError", "The account has an overdue balance."),
    "rate_limited": (429, "RateLimitExceeded.EndpointRPMExceeded", "The RPM limit of the endpoint was exceeded."),
    "malformed": (400, "InvalidParameter", "A parameter specified in the request is not valid."),
    "unknown_model": (
        404,
        "InvalidEndpointOrModel.NotFound",
        "The model or endpoint {} does not exist or you do not have access to it.",
    ),
    "unknown_task": (404, "NotFound.task", "The specified task is not found."),
    "cannot_cancel": (409, "TaskRunningCannotCancel", "The task is {} and cannot be cancelled."),
    "server_error": (500, "InternalServiceError", "The service encountered an unexpected internal error."),
}
_ROLES = {
    "image_url": {"first_frame": "first_frame", "last_frame": "last_frame", "reference_image": "reference_images"},
    "video_url": {"reference_video": "reference_videos"},
    "audio_url": {"reference_audio": "reference_audios"},
}
_OPTIONS = (
    "return_last_frame", "execution_expires_after", "safety_identifier", "priority", "service_tier", "camera_fixed",
    "output_format", "omni_reference_task_type", "frames", "draft",
)  # fmt: skip
_TWO_DAYS = 172_800


def read_request(reader: BodyReader, _model: Model) -> dict[str, Any]:
    """Read a body (PUB:create). Options that a model does not have are named, as the vendor refuses them."""
    options = drop_nulls(**{name: reader.take(name) for name in _OPTIONS})
    content = _content(reader)
    if draft_task := content.pop("draft_task", None):
        options["draft_task"] = draft_task
    tools: Any = reader.take("tools")
    if tools not in (None, [{"type": "web_search"}]):
        reader.problem("web_search", 'tools must be [{"type": "web_search"}]')
    return drop_nulls(
        **content,
        resolution=reader.take("resolution"),
        aspect_ratio=reader.take("ratio"),
        duration=reader.take("duration"),
        seed=reader.take("seed"),
        generate_audio=reader.take("generate_audio"),
        watermark=reader.take("watermark"),
        callback_url=reader.take("callback_url"),
        web_search=True if tools else None,
        options=options or None,
    )


def _content(reader: BodyReader) -> dict[str, Any]:
    """Sort the parts by type and role; a single image without a role is the first frame."""
    content: Any = reader.take("content")
    parts = cast("list[Any]", content if isinstance(content, list) else [None])
    if not all(isinstance(part, dict) for part in parts):
        reader.problem("prompt", "content must be a list of objects")
        return {}
    found: dict[str, Any] = {}
    for part in cast("list[dict[str, Any]]", parts):
        kind = str(part.get("type"))
        holder: Any = part.get(kind)
        if kind == "text":
            found["prompt"] = holder
        elif kind == "draft_task" and isinstance(holder, dict):
            found["draft_task"] = cast("dict[str, Any]", holder).get("id")
        else:
            _add_media(reader, found, kind, holder, part)
    return found


def _add_media(reader: BodyReader, found: dict[str, Any], kind: str, holder: Any, part: Mapping[str, Any]) -> None:
    url = cast("dict[str, Any]", holder).get("url") if isinstance(holder, dict) else None
    role = _ROLES.get(kind, {}).get(str(part.get("role") or "first_frame"))
    if role is None or not isinstance(url, str):
        reader.problem("prompt", f"a part of type {kind!r} needs its url and a role of its own")
    elif role.endswith("_frame"):
        if role in found:
            reader.problem(role, "can be given only once")
        found[role] = _as_link(url, kind)
    else:
        found.setdefault(role, []).append(_as_link(url, kind))


def _as_link(url: str, kind: str) -> str:
    """Return a file within the request as the link that rows know; the vendor takes images and audio so."""
    inline = url.startswith("data:image/" if kind == "image_url" else "data:audio/") and kind != "video_url"
    return f"https://inline.invalid/{len(url)}" if inline else url


def render_created(task: Task) -> Json:
    """Answer a create request (PUB:create)."""
    return {"id": task.id}


def render_status(view: TaskView) -> Json:
    """Answer a poll (PUB:get)."""
    task, request = view.task, view.task.request
    options = request.options
    status = _STATES.get(view.state, view.state)
    body: Json = {
        "id": task.id,
        "model": request.model.wire,
        "status": status,
        "created_at": int(task.created_at),
        "updated_at": int(task.completed_at if view.state in {"succeeded", "failed"} else task.created_at),
        "service_tier": options.get("service_tier", "default"),
        "execution_expires_after": options.get("execution_expires_after", _TWO_DAYS),
        "error": None,
    }
    if view.state == "failed":
        code, message = failure(task)
        return body | {"error": {"code": code, "message": message + _REQUEST_ID}}
    if view.state != "succeeded":
        return body
    content = {"video_url": view.url}
    if options.get("return_last_frame") and view.url:
        content["last_frame_url"] = view.url.replace(".mp4", ".png")
    length = {"frames": options["frames"]} if "frames" in options else {"duration": task.video.seconds}
    audio = {} if "generate_audio" not in request.model.rows else {"generate_audio": request.generate_audio}
    tokens = _tokens(task)
    return (
        body
        | length
        | audio
        | {
            "content": content,
            "seed": request.seed or 11,
            "resolution": request.resolution,
            "ratio": "16:9" if request.aspect_ratio in {None, "adaptive"} else request.aspect_ratio,
            "framespersecond": 24,
            "usage": {"completion_tokens": tokens, "total_tokens": tokens},
        }
    )


def _tokens(task: Task) -> int:
    """Return the tokens that cost what the task is charged; without a charge of its own, those of its quote."""
    quoted = price(task.request, {})
    tokens = quoted.tokens or 0
    return int(tokens * task.amount / quoted.amount) if task.amount is not None and quoted.amount else tokens


def render_list(views: Sequence[TaskView], query: Mapping[str, str]) -> Reply:
    """Answer a list request (PUB:list): the newest tasks first, by model and status."""
    wanted = [
        view
        for view in sorted(views, key=lambda view: view.task.created_at, reverse=True)
        if query.get("filter.model") in {None, view.task.request.model.wire}
        and query.get("filter.status") in {None, view.state}
    ]
    size, number = int(query.get("page_size", "10")), int(query.get("page_num", "1"))
    page = wanted[(number - 1) * size : number * size]
    return Reply(200, {"total": len(wanted), "items": [render_status(view) for view in page]})


def cancel(view: TaskView) -> tuple[str, Reply]:
    """Answer a DELETE (PUB:delete): a queued task is cancelled, a running one stays, the record of others is erased."""
    if view.state == "queued":
        return "cancelled", Reply(200, {})
    if view.state in {"running", "odd", "cancelled"}:
        return "", render_error(Rejection("cannot_cancel", view.state))
    return "erased", Reply(200, {})


def render_error(rejection: Rejection) -> Reply:
    """Render an error (PUB:errors); the message of an invalid parameter names it."""
    status, code, message = _REJECTIONS.get(rejection.kind) or UPSTREAM_ERRORS[rejection.kind]
    if rejection.kind == "invalid_request":
        message = rejection.message or message
    text = message.format(rejection.message) + _REQUEST_ID if "{}" in message else message + _REQUEST_ID
    return Reply(status, {"error": {"code": code, "message": text, "param": "", "type": "BadRequest"}})


FAKE = Fake(
    vendor=VENDOR,
    create_path="/contents/generations/tasks",
    status_path="/contents/generations/tasks/{task_id}",
    id_style="cgt-{stamp}-{5}",
    read_request=read_request,
    render_created=render_created,
    render_status=render_status,
    render_error=render_error,
    render_list=render_list,
    cancel=cancel,
)
BYTEPLUS_FAKE = replace(FAKE, vendor=BYTEPLUS_VENDOR)
