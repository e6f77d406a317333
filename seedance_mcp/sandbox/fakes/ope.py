"""OPE.AI as its page documents it (facts/ope.yaml): states in capitals, no link, videos downloaded with the key."""

from __future__ import annotations

from typing import Any, cast

from seedance_mcp.catalog import Model
from seedance_mcp.catalog.sizes import SIZES
from seedance_mcp.sandbox.fakes.body_reader import BodyReader, drop_nulls
from seedance_mcp.sandbox.fakes.fake import Fake, Json, Rejection, Reply
from seedance_mcp.sandbox.fakes.gateway import gateway_reply
from seedance_mcp.sandbox.fakes.upstream import failure
from seedance_mcp.sandbox.tasks import Task, TaskView
from seedance_mcp.vendors.ope import VENDOR

_STATES = {
    "queued": "QUEUED",
    "running": "IN_PROGRESS",
    "odd": "REVIEWING",
    "succeeded": "SUCCESS",
    "failed": "FAILURE",
}
_BY_SIZE = {size: shape for shape, size in SIZES.items()}
_ROLES = {
    "image_url": {"first_frame": "first_frame", "last_frame": "last_frame", "reference_image": "reference_images"},
    "video_url": {"reference_video": "reference_videos"},
    "audio_url": {"reference_audio": "reference_audios"},
}


def read_request(reader: BodyReader, _model: Model) -> dict[str, Any]:
    """Read a body (SEED §1, §2): `size`, or `resolution` with `ratio`; `seconds` is a string."""
    args = drop_nulls(
        prompt=reader.take("prompt"),
        duration=_seconds(reader),
        generate_audio=reader.take("generate_audio"),
        seed=reader.take("seed"),
    )
    return args | _size(reader) | _media(reader)


def _seconds(reader: BodyReader) -> object:
    seconds = reader.take("seconds")
    if isinstance(seconds, str) and seconds.isascii() and seconds.isdigit():
        return int(seconds)
    reader.problem("duration", 'seconds is required, as a text such as "5"')
    return None


def _size(reader: BodyReader) -> dict[str, Any]:
    size, resolution, ratio = reader.take("size"), reader.take("resolution"), reader.take("ratio")
    if size is None:
        if resolution is None or ratio is None:
            reader.problem("resolution", "either size, or resolution together with ratio, is required")
        return drop_nulls(resolution=resolution, aspect_ratio=ratio)
    if resolution is not None or ratio is not None:
        reader.problem("resolution", "size and resolution + ratio must not be sent together")
        return {}
    if not isinstance(size, str) or size not in _BY_SIZE:
        reader.problem("resolution", f"size must be one of {', '.join(_BY_SIZE)}")
        return {}
    resolution, ratio = _BY_SIZE[size]
    return {"resolution": resolution, "aspect_ratio": ratio}


def _media(reader: BodyReader) -> dict[str, Any]:
    """Sort the typed parts by role; a single image without a role is the first frame, several are references."""
    content: Any = reader.nested("input_reference").take("content")
    if content is None:
        return {}
    parts = cast("list[Any]", content if isinstance(content, list) else [None])
    if not all(isinstance(part, dict) for part in parts):
        reader.problem("reference_images", "input_reference.content must be a list of objects")
        return {}
    found: dict[str, list[Any]] = {}
    for part in parts:
        kind = str(part.get("type"))
        holder = part.get(kind)
        url = cast("dict[str, Any]", holder).get("url") if isinstance(holder, dict) else None
        if kind not in _ROLES or url is None:
            reader.problem("reference_images", "a part needs type image_url, video_url or audio_url, and its url")
            continue
        several = kind == "image_url" and sum(p.get("type") == "image_url" for p in parts) > 1
        default = "reference_image" if several else next(iter(_ROLES[kind]))
        role = _ROLES[kind].get(str(part.get("role") or default))
        if role is None:
            reader.problem("reference_images", f"{part.get('role')!r} is not a role of {kind}")
            continue
        found.setdefault(role, []).append(url)
    for frame in ("first_frame", "last_frame"):
        if len(found.get(frame, ())) > 1:
            reader.problem(frame, "can be given only once")
    return {role: urls[0] if role.endswith("_frame") else urls for role, urls in found.items()}


def render_created(task: Task) -> Json:
    """Answer a create request (SEED §4.1): the id twice, and the state in lower case."""
    return {
        "id": task.id,
        "task_id": task.id,
        "object": "video",
        "model": task.request.model.name,
        "status": "queued",
        "created_at": int(task.created_at),
    }


def render_status(view: TaskView) -> Json:
    """Answer a poll (SEED §5): the state in capitals, and never a link."""
    task = view.task
    width, height = task.video.width, task.video.height
    body: Json = {
        "created_at": int(task.created_at),
        "id": task.id,
        "model": task.request.model.name,
        "object": "video",
        "prompt": task.request.prompt,
        "size": f"{width}x{height}",
        "status": _STATES[view.state],
    }
    if view.state == "failed":
        code, message = failure(task)
        body["error"] = {"code": code, "message": message}
    return body


def render_error(rejection: Rejection) -> Reply:
    """Render the gateway's error, with the upstream's error object inside a string."""
    if rejection.kind == "not_ready":
        rejection = Rejection("not_ready", _STATES[rejection.message])
    return gateway_reply(
        rejection, lambda code, message: {"code": code, "message": message, "param": "", "type": "BadRequest"}
    )


FAKE = Fake(
    vendor=VENDOR,
    create_path="/v1/videos",
    status_path="/v1/videos/{task_id}",
    content_path="/v1/videos/{task_id}/content",
    id_style="cgt-{stamp}-{5}",
    read_request=read_request,
    render_created=render_created,
    render_status=render_status,
    render_error=render_error,
)
