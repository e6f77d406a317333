"""Jimmy AI: one endpoint with six routes ("SP" and its siblings), chosen by the model's name.

Facts: facts/jimmyai.yaml.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel

from seedance_mcp.catalog.request import VideoRequest
from seedance_mcp.errors import Code
from seedance_mcp.vendors.jimmyai.files import ACCOUNT_QUERIES, PRICE_LIST, UPLOAD
from seedance_mcp.vendors.jimmyai.models import MODELS
from seedance_mcp.vendors.refusals import classify, status_of
from seedance_mcp.vendors.vendor import (
    Accepted,
    Answer,
    Call,
    Charge,
    Percent,
    Refusal,
    Snapshot,
    TaskId,
    TaskState,
    Vendor,
    in_path,
    read,
)

_STATES: dict[str, TaskState] = {
    "queued": "queued",
    "pending": "queued",
    "submitted": "queued",
    "processing": "running",
    "completed": "succeeded",
    "success": "succeeded",
    "failed": "failed",
    "canceled": "cancelled",
    "cancelled": "cancelled",
}
_SUCCESS = {"0", "200", "20000"}
_STATUS_OF_CODE = {"20001": 401, "20002": 400, "-1": 500}
"""HTTP statuses of business codes, which the vendor may send with HTTP 200 (PUB:CLI)."""
_TIMED_OUT = re.compile(r"timed? ?out|connection reset|超时", re.IGNORECASE)


def build_submit(request: VideoRequest) -> Call:
    """POST /api/open-api/v1/seedance/videos (SEED: request parameters)."""
    in_name = len(getattr(request.model.rows["resolution"], "values", ())) == 1
    body: dict[str, Any] = {
        "model": request.model.name,
        "prompt": request.sent_prompt,
        "duration": request.duration,
        "resolution": None if in_name else request.resolution,
        "ratio": "Adaptive" if request.aspect_ratio == "adaptive" else request.aspect_ratio,
        "images": list(request.reference_images) or None,
        "first_image": request.first_frame,
        "last_image": request.last_frame,
        "reference_videos": list(request.reference_videos) or None,
        "reference_audios": list(request.reference_audios) or None,
    }
    body = {key: value for key, value in body.items() if value is not None}
    return Call("POST", "/api/open-api/v1/seedance/videos", body)


class _Result(BaseModel):
    video_url: str | None = None


class _Created(BaseModel):
    task_id: TaskId
    cost: Charge = None


class _Status(BaseModel):
    status: str
    progress: Percent = None
    result: _Result | None = None
    cost: Charge = None
    error_message: str | None = None


class _Envelope(BaseModel):
    code: int | str
    msg: str | None = None


def _unwrapped(answer: Answer) -> Answer:
    """Unwrap `data`; an old copy of the query page shows a body without it."""
    body = answer.body
    data: Any = body.get("data") if isinstance(body, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  (any JSON)
    return Answer(answer.status, data if isinstance(data, dict) else body)


def parse_submit(answer: Answer) -> Accepted:
    """Parse the answer to a submit (PUB:sp, PUB:openapi)."""
    created = read(_Created, _unwrapped(answer))
    return Accepted(created.task_id, created.cost)


def build_status(task_id: str) -> Call:
    """GET /api/open-api/v1/videos/{taskId} (SEED: query)."""
    return Call("GET", f"/api/open-api/v1/videos/{in_path(task_id)}")


def parse_status(answer: Answer) -> Snapshot:
    """Parse a status answer. A relative storage key as video_url (in old answers) is not a link and is dropped."""
    task = read(_Status, _unwrapped(answer))
    state = _STATES.get(task.status.casefold(), "running")
    url = (task.result.video_url if task.result and state == "succeeded" else None) or ""
    refusal = classify(200, "", task.error_message or "", Code.GENERATION_FAILED) if state == "failed" else None
    usable = url if url.startswith(("https://", "http://")) else None
    return Snapshot(state, task.status, usable, refusal, task.cost, task.progress)


def parse_error(answer: Answer) -> Refusal | None:
    """Parse an error: any code but 0, 200 and 20000, as number or text, is a failure (PUB:CLI)."""
    try:
        envelope = _Envelope.model_validate(answer.body)
    except ValueError:
        return None
    code = str(envelope.code)
    refused = answer.status >= HTTPStatus.BAD_REQUEST
    if code in _SUCCESS and not refused:
        return None
    message = envelope.msg or ""
    in_body = _STATUS_OF_CODE.get(code) or _undocumented(code, message)
    # With an HTTP error, a business code only counts where it leaves the outcome open.
    status = answer.status if refused and in_body == HTTPStatus.BAD_REQUEST else in_body
    return classify(status, code, message)


def _undocumented(code: str, message: str) -> int:
    """Return the HTTP status of a code that no page explains.

    Codes below 500 are refusals, unless the HTTP status of that number is none. Any other number leaves open whether
    the job was accepted, and so does a message that something timed out.
    """
    number, below_500 = re.fullmatch("-?[0-9]+", code), re.fullmatch("[1-4]?[0-9]{1,2}", code)
    if (number and not below_500) or _TIMED_OUT.search(message):
        return HTTPStatus.INTERNAL_SERVER_ERROR
    return status_of(code) or HTTPStatus.BAD_REQUEST


VENDOR = Vendor(
    slug="jimmyai",
    name="Jimmy AI",
    base_url="https://www.jimmyai.cn",
    models=MODELS,
    build_submit=build_submit,
    parse_submit=parse_submit,
    build_status=build_status,
    parse_status=parse_status,
    parse_error=parse_error,
    upload=UPLOAD,
    account_queries=ACCOUNT_QUERIES,
    price_list=PRICE_LIST,
    link_days=3,
    website="https://www.jimmyai.cn",
    docs="https://docs.jimmyai.cn/zh/api-reference/seedance/sp/create",
)
