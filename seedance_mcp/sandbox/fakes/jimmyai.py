"""Jimmy AI as its pages document it (facts/jimmyai.yaml): an envelope whose code reports errors, even with HTTP 200."""

from __future__ import annotations

import secrets
from decimal import Decimal
from typing import Any

from seedance_mcp.catalog import Model, OneOf
from seedance_mcp.catalog.price import UnitPrice
from seedance_mcp.sandbox.fakes.body_reader import BodyReader, drop_nulls
from seedance_mcp.sandbox.fakes.fake import (
    Endpoint,
    EndpointRequest,
    Fake,
    Json,
    Rejection,
    Reply,
    StoredFile,
)
from seedance_mcp.sandbox.fakes.upstream import UPSTREAM_ERRORS
from seedance_mcp.sandbox.tasks import Task, TaskView
from seedance_mcp.vendors.jimmyai import VENDOR
from seedance_mcp.vendors.jimmyai.files import UPLOAD

_STATES = {
    "queued": "queued",
    "running": "processing",
    "odd": "reviewing",
    "succeeded": "completed",
    "failed": "failed",
}
_REJECTIONS = {
    "auth": (200, 20001, "auth failure"),
    "no_credit": (200, 20002, "insufficient balance"),
    "rate_limited": (429, 20002, "rate limit exceeded"),
    "busy": (200, 20002, "too many running tasks"),
    "content_policy": (200, 20002, "PROVIDER_MODERATION_ERROR"),
    "real_person": (200, 20002, UPSTREAM_ERRORS["real_person"][2]),
    "model_not_open": (200, 20002, UPSTREAM_ERRORS["model_not_open"][2]),
    "not_found": (200, 20002, "task not found"),
    "unknown_task": (200, 20002, "task not found"),
    "unknown_model": (200, 20002, "配置不存在"),
    "server_error": (500, -1, "server error"),
}
"""HTTP status, business code and message. Only the codes are documented (PUB:CLI), not their HTTP status."""
_FAILURES = {
    "content_policy": "PROVIDER_MODERATION_ERROR: TRADEMARK",
    "real_person": UPSTREAM_ERRORS["real_person"][2],
    "generation_failed": "Read timed out",
}
_ORIENTATIONS = {"landscape": "16:9", "portrait": "9:16"}
_LISTED_AS = {
    "seedance2.0-mini": "seedance2.0-mini-{}",
    "seedance2.0-mini-sp": "seedance2.0-mini-sp-{}",
    "seedance2.0-sp": "sd2_sp_{}",
}
"""Names in the price list of the models whose price depends on the resolution (PUB:mini, PUB:mini-sp, PUB:CLI)."""
_LISTED_WITH_VIDEOS = "sd2_sp_video_{}"
_RESOLUTION_FACTORS = {"480p": Decimal("0.6"), "720p": Decimal(1), "1080p": Decimal(2)}


def _fake_price(model: Model) -> UnitPrice:
    each = Decimal("0.5") if model.billing.per == "second" else Decimal("2.5")
    row = model.rows["resolution"]
    if model.name not in _LISTED_AS or not isinstance(row, OneOf):
        return UnitPrice(rates={"": each})
    rates = {resolution: each * _RESOLUTION_FACTORS[resolution] for resolution in row.values}
    with_videos = {resolution: rate + Decimal("0.1") for resolution, rate in rates.items()}
    return UnitPrice(rates=rates, with_video=with_videos if model.name == "seedance2.0-sp" else None)


_FAKE_PRICES = {model.id: _fake_price(model) for model in VENDOR.models}
"""JimiCoin per second or per video, invented: no page shows the numbers of the real list."""


def read_request(reader: BodyReader, model: Model) -> dict[str, Any]:
    """Read a body (SEED: request parameters). Where the model's name fixes the resolution, the field is ignored."""
    resolution = reader.take("resolution")
    row = model.rows["resolution"]
    fixed = isinstance(row, OneOf) and len(row.values) == 1
    return drop_nulls(
        prompt=reader.take("prompt"),
        duration=reader.take("duration"),
        resolution=None if fixed else resolution,
        aspect_ratio=_ratio(reader),
        reference_images=reader.take("images"),
        first_frame=reader.take("first_image"),
        last_frame=reader.take("last_image"),
        reference_videos=reader.take("reference_videos"),
        reference_audios=reader.take("reference_audios"),
    )


def _ratio(reader: BodyReader) -> object:
    """`ratio`, or else `orientation` (SEED:43-44); the page writes Adaptive with a capital."""
    ratio, orientation = reader.take("ratio"), reader.take("orientation")
    if ratio is not None:
        return "adaptive" if ratio == "Adaptive" else ratio
    if orientation is not None and orientation not in _ORIENTATIONS:
        reader.problem("aspect_ratio", "orientation must be landscape or portrait")
    return _ORIENTATIONS.get(str(orientation))


def _cost(task: Task) -> float | None:
    return None if task.amount is None else float(task.amount)


def render_created(task: Task) -> Json:
    """Answer a create request: the code is the number 0 here (PUB:sp)."""
    data = {
        "task_id": task.id,
        "status": "queued",
        "model": task.request.model.name,
        "created_at": int(task.created_at),
        "cost": _cost(task),
    }
    return {"code": 0, "msg": "ok", "data": data}


def render_status(view: TaskView) -> Json:
    """Answer a poll: the code is the string "20000" here (PUB:openapi)."""
    task = view.task
    data: Json = {
        "task_id": task.id,
        "status": _STATES[view.state],
        "progress": {"queued": 0, "succeeded": 100, "failed": 0}.get(view.state, view.percent),
        "model": task.request.model.name,
        "created_at": int(task.created_at),
    }
    if view.state in ("succeeded", "failed"):
        data["completed_at"] = int(task.completed_at)
    if view.state == "succeeded":
        data |= {"result": {"video_url": view.url}, "cost": _cost(task)}
    if view.state == "failed":
        data["error_message"] = _FAILURES[task.directives.choice("fail") or "generation_failed"]
    return {"code": "20000", "msg": "ok", "data": data}


def render_error(rejection: Rejection) -> Reply:
    """Render an error in the envelope (PUB:CLI): 20001 for the key, 20002 for the request, -1 for the server."""
    status, code, message = _REJECTIONS.get(rejection.kind, (200, 20002, rejection.message or "bad request"))
    return Reply(status, {"code": code, "msg": message, "data": None})


_HOST = "https://files.jimmyai.example"
"""The host in the URLs of uploaded files. It does not exist: the files are in `Sandbox.stored`."""
_MAX_BYTES = 100 * 1024 * 1024


def _success(data: Json) -> Reply:
    return Reply(200, {"code": 20000, "msg": "ok", "data": data})


def _upload(request: EndpointRequest) -> Reply:
    """Store a file (PUB:CLI): at most 100 MB, of the listed formats."""
    file = request.file or StoredFile("")
    ending = file.name.rpartition(".")[2].casefold()
    if ending not in UPLOAD.endings | {"jpeg", "svg"} or not 0 < len(file.content) <= _MAX_BYTES:
        return render_error(Rejection("invalid_request", "unsupported file"))
    url = f"{_HOST}/uploads/{secrets.token_hex(8)}/{file.name}"
    request.stored[url] = file
    return _success({"url": url, "filename": file.name, "size": len(file.content), "mime_type": file.mime})


def _asset(request: EndpointRequest, url: object, kind: str, name: str = "") -> str | None:
    """Start the review of a linked file and return its asset id; None if the link is unusable."""
    if not isinstance(url, str) or not url.startswith("https://"):
        return None
    asset = f"asset_{secrets.token_hex(6)}"
    content = request.stored[url].content if url in request.stored else b""
    request.stored[asset] = StoredFile(name, content, kind=kind, url=url, ready_at=request.now + request.review_seconds)
    return asset


def _state(request: EndpointRequest, asset: StoredFile) -> str:
    full = asset.kind == "full"
    if request.now < asset.ready_at:
        return "Pending" if full else "Processing"
    return ("Rejected" if full else "Failed") if asset.bad else "Active"


def _sp_upload(request: EndpointRequest) -> Reply:
    body = request.body
    valid = isinstance(body.get("name"), str) and body.get("type") in {"image", "video", "audio", "text"}
    asset = _asset(request, body.get("url"), "sp", str(body.get("name"))) if valid else None
    return _success({"asset_id": asset}) if asset else render_error(Rejection("invalid_request", "bad request"))


def _sp_status(request: EndpointRequest) -> Reply:
    found = {a: request.stored[a] for a in _asset_ids(request) if a in request.stored}
    return _success(
        {"items": [{"asset_id": a, "status": _state(request, k), "name": k.name} for a, k in found.items()]}
    )


def _asset_ids(request: EndpointRequest) -> list[str]:
    ids: Any = request.body.get("asset_ids")
    return [str(a) for a in ids] if isinstance(ids, list) else []  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  (JSON)


def _sp_detail(request: EndpointRequest) -> Reply:
    asset = str(request.body.get("asset_id"))
    stored = request.stored.get(asset)
    if stored is None:
        return render_error(Rejection("invalid_request", "asset not found"))
    return _success({"asset_id": asset, "status": _state(request, stored), "name": stored.name, "url": stored.url})


def _person(request: EndpointRequest, asset: str) -> Reply:
    stored = request.stored[asset]
    state = _state(request, stored)
    reference = f"asset://{asset}" if state == "Active" else None
    return _success(
        {"asset_id": asset, "status": state, "asset_ref": reference, "name": stored.name, "url": stored.url}
    )


def _person_submit(request: EndpointRequest) -> Reply:
    valid = isinstance(request.body.get("name"), str)
    asset = _asset(request, request.body.get("url"), "person", str(request.body.get("name"))) if valid else None
    return _person(request, asset) if asset else render_error(Rejection("invalid_request", "bad request"))


def _person_status(request: EndpointRequest) -> Reply:
    asset = str(request.body.get("asset_id"))
    return (
        _person(request, asset)
        if asset in request.stored
        else render_error(Rejection("invalid_request", "asset not found"))
    )


def _audit(request: EndpointRequest) -> Reply:
    """Full: takes several links at once, and reviews or refuses each."""
    items: list[Json] = []
    failed: list[Json] = []
    for kind in ("image", "video", "audio"):
        urls: list[Any] = request.body.get(f"{kind}_urls") or []
        for url in urls:
            if asset := _asset(request, url, "full"):
                state = _state(request, request.stored[asset])
                items.append({"asset_id": asset, "original_url": url, "asset_type": kind, "status": state})
            else:
                failed.append({"original_url": url, "asset_type": kind})
    return _success({"items": items, "failed_items": failed})


def _balance(request: EndpointRequest) -> Reply:
    return _success({"balance": 100.5, "used_coin": request.spent, "available": 100.5 - request.spent})


def _key_balance(request: EndpointRequest) -> Reply:
    left = 50 - request.spent
    data = {"name": "sandbox", "total_quota": 50, "used_quota": request.spent, "available_quota": left}
    return _success(data | {"unlimited": False})


def _catalog(request: EndpointRequest) -> Reply:
    """The public price list. Mini and SP are listed by resolution; no page names the entries of the other SP models."""
    del request
    listed: list[Json] = []
    for model in VENDOR.models:
        price = _FAKE_PRICES[model.id]
        if name := _LISTED_AS.get(model.name, "" if model.name.endswith("-sp") else model.name):
            listed += [_entry(model, name.format(r), rate) for r, rate in (price.rates or {}).items()]
            listed += [
                _entry(model, _LISTED_WITH_VIDEOS.format(r), rate) for r, rate in (price.with_video or {}).items()
            ]
    return _success({"list": listed})


def _entry(model: Model, name: str, unit_price: Decimal) -> Json:
    return {
        "model_name": name,
        "display_name": f"Seedance 2.0 {model.summary}",
        "model_type": "video",
        "price_mode": {"second": "per_second", "video": "per_task"}[model.billing.per or "second"],
        "unit_price": float(unit_price),
        "official_price": 0.08,
        "remark": "",
        "group": "Seedance 2.0 Video",
    }


_API = "/api/open-api/v1"

FAKE = Fake(
    vendor=VENDOR,
    create_path="/api/open-api/v1/seedance/videos",
    status_path="/api/open-api/v1/videos/{task_id}",
    id_style="vid_{12}",
    read_request=read_request,
    render_created=render_created,
    render_status=render_status,
    render_error=render_error,
    endpoints=(
        Endpoint("POST", f"{_API}/files/upload", _upload, form_field="file"),
        Endpoint("POST", f"{_API}/seedance/sp/assets/upload", _sp_upload),
        Endpoint("POST", f"{_API}/seedance/sp/assets/detail", _sp_detail),
        Endpoint("POST", f"{_API}/seedance/sp/assets/status", _sp_status),
        Endpoint("POST", f"{_API}/seedance/sp/realperson/submit", _person_submit),
        Endpoint("POST", f"{_API}/seedance/sp/realperson/status", _person_status),
        Endpoint("POST", f"{_API}/seedance/assets/audit", _audit),
        Endpoint("POST", f"{_API}/seedance/assets/status", _sp_status),
        Endpoint("GET", f"{_API}/user/balance", _balance),
        Endpoint("GET", f"{_API}/key/balance", _key_balance),
        Endpoint("GET", "/api/openapi/model/catalog", _catalog, public=True),
    ),
    prices=_FAKE_PRICES,
)
