"""The error envelopes of the gateway software that ope and 12ai run (facts/ope.yaml, INF:newapi)."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from seedance_mcp.errors import Code
from seedance_mcp.vendors.upstream import classify
from seedance_mcp.vendors.vendor import Answer, Refusal


class _Task(BaseModel):
    """`{"code": "...", "message": "...", "data": null}`: the gateway refuses a task."""

    code: str
    message: str


class _Inner(BaseModel):
    message: str
    code: str | int | None = None


class _Wrapped(BaseModel):
    """`{"error": {"message", "type", "code"}}`: the gateway's door, or the upstream's own error passed on."""

    error: _Inner


def parse_gateway_error(answer: Answer) -> Refusal | None:
    """Read a no in either envelope; None if the answer is in neither, so that a proxy's page is not taken for one."""
    if answer.status < 400:
        return None
    try:
        inner = _Wrapped.model_validate(answer.body).error
    except ValidationError:
        try:
            task = _Task.model_validate(answer.body)
        except ValidationError:
            return None
        return classify(answer.status, task.code, task.message)
    return classify(answer.status, str(inner.code or ""), inner.message)


def reason(error: dict[str, Any] | str | None, fallback: str = "") -> Refusal:
    """Read why a task failed: `error.message` and `error.code`, or a plain sentence."""
    if isinstance(error, dict):
        code, message = str(error.get("code") or ""), str(error.get("message") or fallback)
        return classify(200, code, message, Code.GENERATION_FAILED)
    return classify(200, "", error or fallback, Code.GENERATION_FAILED)
