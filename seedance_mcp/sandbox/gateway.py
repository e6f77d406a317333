"""How the gateway software of ope and 12ai says no (facts/ope.yaml, INF:newapi)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from seedance_mcp.sandbox.fake import No, Reply
from seedance_mcp.sandbox.upstream import REFUSED

Inner = Callable[[str, str], Any]
"""How the upstream's (code, message) stand in its own `error`, which the gateway puts into a string."""


def gateway_reply(no: No, inner: Inner) -> Reply:
    """Answer in the gateway's envelopes: `{error: …}` at the door, `{code, message, data}` for tasks."""
    match no.kind:
        case "auth":
            return _door(401, "Invalid token (request id: sandbox)")
        case "rate_limited":
            return _door(429, "rate limited")
        case "unknown_model":
            words = f"No available channel for model {no.words} under group default (distributor)"
            return _door(503, words, "model_not_found")
        case "no_credit":
            return _task(403, "insufficient_user_quota", "user quota is not enough")
        case "malformed":
            return _task(400, "invalid_request", no.words)
        case "unknown_task":
            return _task(400, "task_not_exist", "task_not_exist")
        case "unknown_film":
            return _film(404, "Task not found", "invalid_request_error")
        case "not_ready":
            return _film(400, f"Task is not completed yet, current status: {no.words}", "invalid_request_error")
        case "film_gone":
            return _film(502, "Failed to fetch video content", "server_error")
        case "server_error":
            return _door(500, "internal server error")
        case _:
            status, code, words = REFUSED[no.kind]
            if no.fields[:1] == ("prompt",):
                return _task(400, "invalid_request", no.words)
            passed_on = json.dumps({"error": inner(code, no.words or words)}, ensure_ascii=False)
            return _task(status, "fail_to_fetch_task", passed_on)


def _door(status: int, words: str, code: str = "") -> Reply:
    return Reply(status, {"error": {"code": code, "message": words, "type": "new_api_error"}})


def _task(status: int, code: str, words: str) -> Reply:
    return Reply(status, {"code": code, "message": words, "data": None})


def _film(status: int, words: str, kind: str) -> Reply:
    return Reply(status, {"error": {"message": words, "type": kind}})
