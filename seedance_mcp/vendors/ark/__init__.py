"""Volcengine Ark, and BytePlus ModelArk: the official upstream of Seedance, at its two sites.

Facts: facts/ark.yaml. The sites differ in origin, currency and the names of models; everything else is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from seedance_mcp.vendors.ark.models import models
from seedance_mcp.vendors.ark.prices import BYTEPLUS, VOLCENGINE, Site
from seedance_mcp.vendors.kit import (
    Accepted,
    Answer,
    Call,
    Cancel,
    Charge,
    Code,
    Inline,
    Listed,
    Listing,
    Model,
    Refusal,
    Snapshot,
    Source,
    TaskId,
    TaskState,
    Vendor,
    VideoRequest,
    classify,
    in_path,
    read,
    status_of,
)

_TASKS = "/contents/generations/tasks"
_STATES: dict[str, TaskState] = {
    "queued": "queued",
    "running": "running",
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
    "expired": "expired",
}


# -- submit --------------------------------------------------------------------------------------------------------


def build_submit(request: VideoRequest) -> Call:
    """POST /contents/generations/tasks (PUB:create), with the parameters in the body, never in the prompt."""
    options = dict(request.options)
    draft_task = options.pop("draft_task", None)
    body: dict[str, Any] = {
        "model": request.model.wire,
        "content": [
            *_content(request),
            *([{"type": "draft_task", "draft_task": {"id": draft_task}}] if draft_task else []),
        ],
        "resolution": request.resolution,
        "ratio": request.aspect_ratio,
        "duration": request.duration,
        "seed": request.seed,
        "generate_audio": request.generate_audio,
        "watermark": request.watermark,
        "tools": [{"type": "web_search"}] if request.web_search else None,
        "callback_url": request.callback_url,
        **options,
    }
    return Call("POST", _TASKS, {key: value for key, value in body.items() if value is not None})


def _content(request: VideoRequest) -> Iterator[dict[str, Any]]:
    if request.prompt:
        yield {"type": "text", "text": request.sent_prompt}
    parts = [
        ("image_url", "first_frame", [request.first_frame]),
        ("image_url", "last_frame", [request.last_frame]),
        ("image_url", "reference_image", request.reference_images),
        ("video_url", "reference_video", request.reference_videos),
        ("audio_url", "reference_audio", request.reference_audios),
    ]
    for kind, role, urls in parts:
        yield from ({"type": kind, kind: {"url": url}, "role": role} for url in urls if url)


class _Created(BaseModel):
    id: TaskId


def parse_submit(answer: Answer) -> Accepted:
    """Parse the answer to a submit (PUB:create)."""
    return Accepted(read(_Created, answer).id)


# -- poll ----------------------------------------------------------------------------------------------------------


class _Failure(BaseModel):
    code: str = ""
    message: str = ""


class _Content(BaseModel):
    video_url: str | None = None
    last_frame_url: str | None = None


class _Usage(BaseModel):
    completion_tokens: Charge = None


class _Task(BaseModel):
    status: str
    content: _Content | None = None
    error: _Failure | None = None
    usage: _Usage | None = None


def build_status(task_id: str) -> Call:
    """GET /contents/generations/tasks/{id} (PUB:get)."""
    return Call("GET", f"{_TASKS}/{in_path(task_id)}")


def parse_status(answer: Answer) -> Snapshot:
    """Parse the answer to a poll (PUB:get); an answer to a callback URL is the same."""
    task = read(_Task, answer)
    state = _STATES.get(task.status.casefold(), "running")
    content = task.content if task.content and state == "succeeded" else _Content()
    why = task.error or _Failure()
    refusal = classify(200, why.code, why.message, Code.GENERATION_FAILED) if state == "failed" else None
    tokens = task.usage.completion_tokens if task.usage and state == "succeeded" else None
    return Snapshot(
        state,
        task.status,
        content.video_url,
        refusal,
        tokens=tokens,
        last_frame_url=content.last_frame_url,
    )


class _Error(BaseModel):
    error: _Failure


def parse_error(answer: Answer) -> Refusal | None:
    """Parse an error (PUB:errors)."""
    try:
        error = _Error.model_validate(answer.body).error
    except ValueError:
        return None
    if answer.status < 400 or not (error.code or error.message):
        return None
    return classify(status_of(error.code) or answer.status, error.code, error.message)


# -- cancel and list -----------------------------------------------------------------------------------------------

_SHORTEST_EXPIRY, _MARKS = 172_800, 86_400
"""A task expires after two days by default, and after three at most: the seconds between them can carry a mark."""


class _Items(BaseModel):
    class Item(BaseModel):
        id: TaskId
        model: str = ""
        created_at: float | None = None
        execution_expires_after: int | None = None
        resolution: str | None = None
        ratio: str | None = None
        duration: float | None = None
        generate_audio: bool | None = None

    items: list[Item]


def build_list(model: Model, page: int) -> Call:
    """GET /contents/generations/tasks: a page of the tasks of a model, the newest first (PUB:list)."""
    query = {"page_num": str(page), "page_size": "100", "filter.model": model.wire}
    return Call("GET", _TASKS, query=query)


def parse_list(answer: Answer) -> list[Listed]:
    """Parse a list of tasks (PUB:list)."""
    return [
        Listed(item.id, item.created_at, item.model, str(item.execution_expires_after or ""), _shape(item))
        for item in read(_Items, answer).items
    ]


def _shape(item: _Items.Item) -> dict[str, object]:
    fields: dict[str, object] = {
        "resolution": item.resolution,
        "aspect_ratio": item.ratio,
        "duration": item.duration,
        "generate_audio": item.generate_audio,
    }
    return {name: value for name, value in fields.items() if value is not None}


def mark(job_id: str) -> str:
    """Return a mark of a job: the seconds after which its task expires, which the vendor echoes."""
    return str(_SHORTEST_EXPIRY + int(job_id, 36) % _MARKS)


def marked(call: Call, job_id: str) -> Call:
    """Put a job's mark into its submit, unless the caller has chosen when the task expires."""
    return replace(call, body={"execution_expires_after": int(mark(job_id)), **(call.body or {})})


def build_cancel(task_id: str) -> Call:
    """DELETE /contents/generations/tasks/{id} (PUB:delete): for a task that is over, it erases the record instead."""
    return Call("DELETE", f"{_TASKS}/{in_path(task_id)}")


# -- the two sites -------------------------------------------------------------------------------------------------


def _vendor(site: Site, name: str, base_url: str, docs: str, website: str, video_host: str) -> Vendor:
    return Vendor(
        slug=site.slug,
        name=name,
        base_url=base_url,
        docs=docs,
        website=website,
        models=models(site),
        build_submit=build_submit,
        parse_submit=parse_submit,
        build_status=build_status,
        parse_status=parse_status,
        parse_error=parse_error,
        no_such_task=frozenset({"notfound"}),  # NotFound.PARAMETER (PUB:errors), as of a task of more than 7 days
        video_hosts=(video_host,),
        link_days=1,
        inline=Inline(
            kinds=frozenset({"image", "audio"}),
            most_mb=45,  # a request may have 64 MB, and a file in it grows by a third
            source=Source("PUB:create", "reference_limits.request_body_mb_max"),
        ),
        cancel=Cancel(build=build_cancel),
        listing=Listing(
            build=build_list,
            parse=parse_list,
            marked=marked,
            mark=mark,
            own_field="execution_expires_after",
            days=7,
        ),
    )


VENDOR = _vendor(
    VOLCENGINE,
    "Volcengine Ark",
    "https://ark.cn-beijing.volces.com/api/v3",
    "https://www.volcengine.com/docs/82379/1520757",
    "https://console.volcengine.com/ark",
    "ark-content-generation-cn-beijing.tos-cn-beijing.volces.com",
)
BYTEPLUS_VENDOR = _vendor(
    BYTEPLUS,
    "BytePlus ModelArk",
    "https://ark.ap-southeast.bytepluses.com/api/v3",
    "https://docs.byteplus.com/en/docs/ModelArk/1520757",
    "https://console.byteplus.com/ark",
    "ark-content-generation-v2-ap-southeast-1.tos-ap-southeast-1.bytepluses.com",
)
