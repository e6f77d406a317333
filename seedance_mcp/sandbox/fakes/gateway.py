"""The errors of the gateway software that ope and 12ai use (facts/ope.yaml, INF:newapi)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from seedance_mcp.sandbox.fakes.fake import Rejection, Reply
from seedance_mcp.sandbox.fakes.upstream import UPSTREAM_ERRORS

RenderUpstreamError = Callable[[str, str], Any]
"""From the upstream's (code, message) to its `error` value, which the gateway embeds in a string."""


def gateway_reply(rejection: Rejection, render_upstream: RenderUpstreamError) -> Reply:
    """Answer in the gateway's envelopes: `{error: …}` before a task is involved, then `{code, message, data}`."""
    if rejection.kind in _ERRORS:
        status, code, message, kind = _ERRORS[rejection.kind]
        error = {"message": message.format(rejection.message), "type": kind}
        return Reply(status, {"error": error if code is None else {"code": code, **error}})
    if rejection.kind in _TASK_ERRORS:
        status, code = _TASK_ERRORS[rejection.kind]
        return _task_error(status, code, _MESSAGES.get(code, rejection.message))
    if rejection.fields[:1] == ("prompt",):
        return _task_error(400, "invalid_request", rejection.message)
    status, code, message = UPSTREAM_ERRORS[rejection.kind]
    embedded = json.dumps({"error": render_upstream(code, rejection.message or message)}, ensure_ascii=False)
    return _task_error(status, "fail_to_fetch_task", embedded)


def _task_error(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"code": code, "message": message, "data": None})


_ERRORS: dict[str, tuple[int, str | None, str, str]] = {
    "auth": (401, "", "Invalid token (request id: sandbox)", "new_api_error"),
    "rate_limited": (429, "", "rate limited", "new_api_error"),
    "unknown_model": (
        503,
        "model_not_found",
        "No available channel for model {} under group default (distributor)",
        "new_api_error",
    ),
    "server_error": (500, "", "internal server error", "new_api_error"),
    "unknown_video": (404, None, "Task not found", "invalid_request_error"),
    "not_ready": (400, None, "Task is not completed yet, current status: {}", "invalid_request_error"),
    "video_gone": (502, None, "Failed to fetch video content", "server_error"),
}
"""HTTP status, code (None: the field is absent), message and type, by reason."""
_TASK_ERRORS = {
    "no_credit": (403, "insufficient_user_quota"),
    "unknown_task": (400, "task_not_exist"),
    "malformed": (400, "invalid_request"),
}
_MESSAGES = {"insufficient_user_quota": "user quota is not enough", "task_not_exist": "task_not_exist"}
