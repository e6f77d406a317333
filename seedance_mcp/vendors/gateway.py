"""The error envelopes of the gateway software that ope and 12ai run (facts/ope.yaml, INF:newapi)."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from seedance_mcp.errors import Code
from seedance_mcp.vendors.refusals import classify, status_of
from seedance_mcp.vendors.vendor import Answer, Refusal

NO_SUCH_TASK = frozenset({"task_not_exist"})
"""The code of a status request for a task that the gateway does not know."""


class _Task(BaseModel):
    """`{"code": "...", "message": "...", "data": null}`: the gateway's refusal of a task."""

    code: str
    message: str


class _Inner(BaseModel):
    message: str
    code: str | int | None = None


class _Wrapped(BaseModel):
    """`{"error": {"message", "type", "code"}}`: the gateway's access check, or an error that it passes on."""

    error: _Inner


def parse_gateway_error(answer: Answer) -> Refusal | None:
    """Parse an error in either envelope; None for any other answer, such as a proxy's error page."""
    if answer.status < 400:
        return None
    try:
        inner = _Wrapped.model_validate(answer.body).error
    except ValidationError:
        try:
            task = _Task.model_validate(answer.body)
        except ValidationError:
            return None
        return classify(status_of(task.code) or answer.status, task.code, task.message)
    return classify(status_of(inner.code) or answer.status, str(inner.code or ""), inner.message)


def parse_failure(error: dict[str, Any] | str | None, fallback: str = "") -> Refusal:
    """Parse why a task failed: an object with `message` and `code`, or plain text."""
    if isinstance(error, dict):
        code, message = str(error.get("code") or ""), str(error.get("message") or fallback)
        return classify(200, code, message, Code.GENERATION_FAILED)
    return classify(200, "", error or fallback, Code.GENERATION_FAILED)
