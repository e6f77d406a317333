"""How the user of a client is asked, in the way of the client's protocol revision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mcp_types as types
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from seedance_mcp.server.tools.confirm import NeedsInput

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

    from seedance_mcp.server.tools.tool import Ask
    from seedance_mcp.settings import Settings

    Context = ServerRequestContext[Any, Any]

_CONFIRM = {"type": "object", "properties": {"ok": {"type": "boolean", "title": "Spend it"}}, "required": ["ok"]}


def asker(ctx: Context, params: types.CallToolRequestParams, settings: Settings) -> Ask:
    """Return the way to ask the user in this client's protocol revision."""

    async def ask(message: str, about: str) -> bool | None:
        if settings.sandbox:
            message = f"Sandbox, no real video, no real money: {message}"
        form = types.ElicitationCapability()
        if not ctx.session.check_client_capability(types.ClientCapabilities(elicitation=form)):
            return None
        if ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            try:
                return _agreed(await ctx.session.elicit_form(message, _CONFIRM, related_request_id=ctx.request_id))
            except (MCPError, ValueError):
                return None  # it declares that it can ask, and cannot
        reply = (params.input_responses or {}).get("confirm")
        if reply is not None and params.request_state == about:
            try:
                return _agreed(types.ElicitResult.model_validate(reply, from_attributes=True))
            except ValueError:
                return None
        request = types.ElicitRequest(params=types.ElicitRequestFormParams(message=message, requested_schema=_CONFIRM))
        raise NeedsInput(types.InputRequiredResult(input_requests={"confirm": request}, request_state=about))

    return ask


def _agreed(result: types.ElicitResult) -> bool:
    return result.action == "accept" and (result.content or {}).get("ok") is True
