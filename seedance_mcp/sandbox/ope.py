"""OPE.AI as its page documents it (facts/ope.yaml): states in capitals, no link, the film fetched with the key."""

from __future__ import annotations

from typing import Any, cast

from seedance_mcp.catalog import Model
from seedance_mcp.catalog.sizes import SIZES
from seedance_mcp.sandbox.fake import Fake, Json, No, Reply, Wire, given
from seedance_mcp.sandbox.gateway import gateway_reply
from seedance_mcp.sandbox.tasks import Look, Task
from seedance_mcp.sandbox.upstream import failure
from seedance_mcp.vendors.ope import VENDOR

_STATES = {
    "queued": "QUEUED",
    "running": "IN_PROGRESS",
    "odd": "REVIEWING",
    "succeeded": "SUCCESS",
    "failed": "FAILURE",
}
_SHAPES = {size: shape for shape, size in SIZES.items()}
_ROLES = {
    "image_url": {"first_frame": "first_frame", "last_frame": "last_frame", "reference_image": "reference_images"},
    "video_url": {"reference_video": "reference_videos"},
    "audio_url": {"reference_audio": "reference_audios"},
}


def read(wire: Wire, _model: Model) -> dict[str, Any]:
    """Read a body (SEED §1, §2): `size`, or `resolution` with `ratio`; `seconds` is a text."""
    args = given(
        prompt=wire.take("prompt"),
        duration=_seconds(wire),
        generate_audio=wire.take("generate_audio"),
        seed=wire.take("seed"),
    )
    return args | _shape(wire) | _media(wire)


def _seconds(wire: Wire) -> object:
    seconds = wire.take("seconds")
    if isinstance(seconds, str) and seconds.isascii() and seconds.isdigit():
        return int(seconds)
    wire.wrong("duration", 'seconds is required, as a text such as "5"')
    return None


def _shape(wire: Wire) -> dict[str, Any]:
    size, resolution, ratio = wire.take("size"), wire.take("resolution"), wire.take("ratio")
    if size is None:
        if resolution is None or ratio is None:
            wire.wrong("resolution", "either size, or resolution together with ratio, is required")
        return given(resolution=resolution, aspect_ratio=ratio)
    if resolution is not None or ratio is not None:
        wire.wrong("resolution", "size and resolution + ratio must not be sent together")
        return {}
    if not isinstance(size, str) or size not in _SHAPES:
        wire.wrong("resolution", f"size must be one of {', '.join(_SHAPES)}")
        return {}
    resolution, ratio = _SHAPES[size]
    return {"resolution": resolution, "aspect_ratio": ratio}


def _media(wire: Wire) -> dict[str, Any]:
    """Sort the typed parts by role; a picture without one is the first frame if it is alone, else a reference."""
    inner = wire.inside("input_reference")
    content: Any = inner.take("content")
    if content is None:
        return {}
    parts = cast("list[Any]", content if isinstance(content, list) else [None])
    if not all(isinstance(part, dict) for part in parts):
        wire.wrong("reference_images", "input_reference.content must be a list of objects")
        return {}
    found: dict[str, list[Any]] = {}
    for part in parts:
        kind = str(part.get("type"))
        holder = part.get(kind)
        url = cast("dict[str, Any]", holder).get("url") if isinstance(holder, dict) else None
        if kind not in _ROLES or url is None:
            wire.wrong("reference_images", "a part needs type image_url, video_url or audio_url, and its url")
            continue
        alone = kind == "image_url" and sum(p.get("type") == "image_url" for p in parts) > 1
        usual = "reference_image" if alone else next(iter(_ROLES[kind]))
        role = _ROLES[kind].get(str(part.get("role") or usual))
        if role is None:
            wire.wrong("reference_images", f"role {part.get('role')!r} does not go with {kind}")
            continue
        found.setdefault(role, []).append(url)
    for frame in ("first_frame", "last_frame"):
        if len(found.get(frame, ())) > 1:
            wire.wrong(frame, "can be given once only")
    return {role: urls[0] if role.endswith("_frame") else urls for role, urls in found.items()}


def created(task: Task) -> Json:
    """Answer a create (SEED §4.1): the id twice, and the state in lower case."""
    return {
        "id": task.id,
        "task_id": task.id,
        "object": "video",
        "model": task.request.model.name,
        "status": "queued",
        "created_at": int(task.created_at),
    }


def looked(look: Look) -> Json:
    """Answer a look (SEED §5): the state in capitals, and never a link."""
    task = look.task
    width, height = task.film.width, task.film.height
    body: Json = {
        "created_at": int(task.created_at),
        "id": task.id,
        "model": task.request.model.name,
        "object": "video",
        "prompt": task.request.prompt,
        "size": f"{width}x{height}",
        "status": _STATES[look.state],
    }
    if look.state == "failed":
        code, message = failure(task)
        body["error"] = {"code": code, "message": message}
    return body


def refuse(no: No) -> Reply:
    """Say no in the gateway's words, with the upstream's error object inside a string."""
    if no.kind == "not_ready":
        no = No("not_ready", _STATES[no.words])
    return gateway_reply(no, lambda code, words: {"code": code, "message": words, "param": "", "type": "BadRequest"})


FAKE = Fake(
    vendor=VENDOR,
    create_path="/v1/videos",
    look_path="/v1/videos/{task_id}",
    content_path="/v1/videos/{task_id}/content",
    id_style="cgt-{stamp}-{5}",
    read=read,
    created=created,
    looked=looked,
    refuse=refuse,
)
