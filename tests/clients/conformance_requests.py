"""What the conformance suite's tools need of a request that no tool of the product needs: the request itself."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

import mcp_types as types
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError

from seedance_mcp.server import tasks

_CURRENT: ContextVar[ServerRequestContext[Any, Any]] = ContextVar("current")


async def keep_current(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Keep each request for the tool that serves it, after refusing what two tools cannot do for its client."""
    name = (ctx.params or {}).get("name") if ctx.method == "tools/call" else None
    if name == "failing_job" and not tasks.declared(ctx):
        raise tasks.undeclared()
    capabilities = ctx.session.client_capabilities if name == "test_missing_capability" else None
    if name == "test_missing_capability" and (capabilities is None or capabilities.sampling is None):
        needed: dict[str, Any] = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(types.MISSING_REQUIRED_CLIENT_CAPABILITY, "This tool needs sampling", data=needed)
    token = _CURRENT.set(ctx)
    try:
        return await call_next(ctx)
    finally:
        _CURRENT.reset(token)


def current() -> ServerRequestContext[Any, Any]:
    """Return the request that is being served."""
    return _CURRENT.get()


def responses() -> Mapping[str, Any]:
    """Return what the client has answered to an earlier result of this request, by name."""
    return (current().params or {}).get("inputResponses") or {}


def state() -> str | None:
    """Return the state that an earlier result of this request has left."""
    return (current().params or {}).get("requestState")


def form(message: str, /, **properties: Any) -> types.ElicitRequest:
    """Return a question to the user."""
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=message, requested_schema=schema))


def sample(text: str) -> types.CreateMessageRequest:
    """Return a question to the client's model."""
    message = types.SamplingMessage(role="user", content=types.TextContent(type="text", text=text))
    return types.CreateMessageRequest(params=types.CreateMessageRequestParams(messages=[message], max_tokens=100))
