"""The bodies of the fake vendor's answers, in the shapes of the three APIs that it imitates."""

from __future__ import annotations

import json
from typing import Any

_MICROS_PER_CREDIT = 10_000
"""The worth of a credit of seedanceapi."""


def accepted(vendor: str, task: str, charged: int | None = None) -> dict[str, Any]:
    """Return the answer to an accepted job; only seedanceapi reports what it has `charged` by then."""
    match vendor:
        case "seedanceapi":
            data: dict[str, Any] = {"task_id": task, "status": "IN_PROGRESS"}
            if charged is not None:
                data |= {"consumed_credits": charged / _MICROS_PER_CREDIT}
            return {"code": 200, "message": "success", "data": data}
        case "aigptimage":
            return {"code": 200, "msg": "success", "data": {"taskId": task}}
        case "byteplus":
            return {"id": task}
        case _:
            return {"id": task, "task_id": task, "object": "video", "status": "queued", "progress": 0}


def error(vendor: str, code: int, message: str, task: str | None = None) -> dict[str, Any]:
    """Return an error in the vendor's envelope; `task` is an id that it holds all the same."""
    match vendor:
        case "seedanceapi":
            return {"code": code, "message": message, "data": None if task is None else {"task_id": task}}
        case "aigptimage":
            return {"code": code, "msg": message, "data": None if task is None else {"taskId": task}}
        case _:
            envelope = {"error": {"message": message, "type": "api_error", "code": str(code)}}
            return envelope if task is None else {"id": task, "task_id": task, **envelope}


def progress(vendor: str, task: str, status: str, url: str | None = None, charged: int | None = None) -> dict[str, Any]:
    """Return a status answer; only seedanceapi reports what it has `charged`."""
    match vendor:
        case "seedanceapi":
            data: dict[str, Any] = {"task_id": task, "status": status.upper()}
            if url:
                data |= {"response": [url]}
            if charged is not None:
                data |= {"consumed_credits": charged / _MICROS_PER_CREDIT}
            return {"code": 200, "message": "success", "data": data}
        case "aigptimage":
            result = json.dumps({"resultUrls": [url]}) if url else ""
            return {"code": 200, "msg": "success", "data": {"taskId": task, "state": status, "resultJson": result}}
        case "byteplus":
            state = {"completed": "succeeded", "processing": "running"}.get(status, status)
            return {"id": task, "status": state, "content": {"video_url": url} if url else None}
        case _:
            return {"id": task, "status": status, "progress": 100 if url else 30}
