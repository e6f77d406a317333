"""Jimmy AI as its pages document it (facts/jimmyai.yaml): an envelope whose code tells, also inside HTTP 200."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from seedance_mcp.catalog import Model, OneOf
from seedance_mcp.catalog.price import UnitPrice
from seedance_mcp.sandbox.fake import Fake, Json, No, Reply, Wire, given
from seedance_mcp.sandbox.tasks import Look, Task
from seedance_mcp.sandbox.upstream import REFUSED
from seedance_mcp.vendors.jimmyai import VENDOR

_STATES = {
    "queued": "queued",
    "running": "processing",
    "odd": "reviewing",
    "succeeded": "completed",
    "failed": "failed",
}
_NOES = {
    "auth": (200, 20001, "auth failure"),
    "no_credit": (200, 20002, "insufficient balance"),
    "rate_limited": (429, 20002, "rate limit exceeded"),
    "busy": (200, 20002, "too many running tasks"),
    "content_policy": (200, 20002, "PROVIDER_MODERATION_ERROR"),
    "real_person": (200, 20002, REFUSED["real_person"][2]),
    "not_found": (200, 20002, "task not found"),
    "unknown_task": (200, 20002, "task not found"),
    "unknown_model": (200, 20002, "配置不存在"),
    "server_error": (500, -1, "server error"),
}
"""HTTP status, business code and words. Only the codes are documented (PUB:CLI); their HTTP status is not."""
_FAILURES = {
    "content_policy": "PROVIDER_MODERATION_ERROR: TRADEMARK",
    "real_person": REFUSED["real_person"][2],
    "generation_failed": "Read timed out",
}
_ORIENTATIONS = {"landscape": "16:9", "portrait": "9:16"}
_PLAY_PRICES = {
    model.id: UnitPrice(rates={"": Decimal("0.5") if model.billing.per == "second" else Decimal("2.5")})
    for model in VENDOR.models
}
"""JimiCoin a second, or a video: the vendor publishes no number, so the fake has its own."""


def read(wire: Wire, model: Model) -> dict[str, Any]:
    """Read a body (SEED: request parameters). Where the model's name fixes the resolution, the field is ignored."""
    resolution = wire.take("resolution")
    row = model.rows["resolution"]
    fixed = isinstance(row, OneOf) and len(row.values) == 1
    return given(
        prompt=wire.take("prompt"),
        duration=wire.take("duration"),
        resolution=None if fixed else resolution,
        aspect_ratio=_ratio(wire),
        reference_images=wire.take("images"),
        first_frame=wire.take("first_image"),
        last_frame=wire.take("last_image"),
        reference_videos=wire.take("reference_videos"),
        reference_audios=wire.take("reference_audios"),
    )


def _ratio(wire: Wire) -> object:
    """`ratio`, or else `orientation` (SEED:43-44); the page writes Adaptive with a capital."""
    ratio, orientation = wire.take("ratio"), wire.take("orientation")
    if ratio is not None:
        return "adaptive" if ratio == "Adaptive" else ratio
    if orientation is not None and orientation not in _ORIENTATIONS:
        wire.wrong("aspect_ratio", "orientation must be landscape or portrait")
    return _ORIENTATIONS.get(str(orientation))


def _cost(task: Task) -> float:
    return float(task.amount or 0)


def created(task: Task) -> Json:
    """Answer a create: the code is the number 0 here (PUB:sp)."""
    data = {
        "task_id": task.id,
        "status": "queued",
        "model": task.request.model.name,
        "created_at": int(task.created_at),
        "cost": _cost(task),
    }
    return {"code": 0, "msg": "ok", "data": data}


def looked(look: Look) -> Json:
    """Answer a look: the code is the text "20000" here (PUB:openapi)."""
    task = look.task
    data: Json = {
        "task_id": task.id,
        "status": _STATES[look.state],
        "progress": {"queued": 0, "succeeded": 100, "failed": 0}.get(look.state, look.percent),
        "model": task.request.model.name,
        "created_at": int(task.created_at),
    }
    if look.state in ("succeeded", "failed"):
        data["completed_at"] = int(task.completed_at)
    if look.state == "succeeded":
        data |= {"result": {"video_url": look.url}, "cost": _cost(task)}
    if look.state == "failed":
        data["error_message"] = _FAILURES[task.wishes.what("fail") or "generation_failed"]
    return {"code": "20000", "msg": "ok", "data": data}


def refuse(no: No) -> Reply:
    """Say no in the envelope (PUB:CLI): 20001 for the key, 20002 for the request, -1 for the server."""
    status, code, words = _NOES.get(no.kind, (200, 20002, no.words or "bad request"))
    return Reply(status, {"code": code, "msg": words, "data": None})


FAKE = Fake(
    vendor=VENDOR,
    create_path="/api/open-api/v1/seedance/videos",
    look_path="/api/open-api/v1/videos/{task_id}",
    id_style="vid_{12}",
    read=read,
    created=created,
    looked=looked,
    refuse=refuse,
    prices=_PLAY_PRICES,
)
