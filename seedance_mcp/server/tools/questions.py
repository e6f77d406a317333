"""How a tool asks the user, in the way of the client's protocol revision. Each answer counts once."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import mcp_types as types
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from seedance_mcp.server.tools.confirm import NeedsInput

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

    from seedance_mcp.server.tools.tool import Ask, Question

_FORM = {"type": "object", "properties": {"ok": {"type": "boolean", "title": "Spend it"}}, "required": ["ok"]}
_MOST_OPEN = 100
"""Questions that may wait for an answer; the oldest ones are then asked anew."""


class Questions:
    """The questions of one server that have not been answered (2026-07-28, where the answer comes with another call).

    The client repeats its call with the user's reply and the name of the question; the name is gone after that, so a
    reply that is sent twice pays once.
    """

    def __init__(self, *, sandbox: bool) -> None:
        """`sandbox`: whether every question has to say that no real money is spent."""
        self._sandbox = sandbox
        self._open: dict[str, Question] = {}

    def asker(self, ctx: ServerRequestContext[Any, Any], params: types.CallToolRequestParams) -> Ask:
        """Return the way to ask the user during one call."""

        async def ask(question: Question) -> bool | None:
            if self._sandbox:
                question = replace(question, text=f"Sandbox, no real video, no real money: {question.text}")
            form = types.ElicitationCapability()
            if not ctx.session.check_client_capability(types.ClientCapabilities(elicitation=form)):
                return None
            if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
                return self._ask_by_answer(question, params)
            try:
                return _agreed(await ctx.session.elicit_form(question.text, _FORM, related_request_id=ctx.request_id))
            except (MCPError, ValueError):
                return None  # it declares that it can ask, and cannot

        return ask

    def _ask_by_answer(self, question: Question, params: types.CallToolRequestParams) -> bool | None:
        reply = (params.input_responses or {}).get("confirm")
        asked = self._open.pop(params.request_state, None) if reply is not None and params.request_state else None
        if asked is not None and asked.covers(question):
            try:
                return _agreed(types.ElicitResult.model_validate(reply, from_attributes=True))
            except ValueError:
                return None
        name = secrets.token_urlsafe(16)
        self._open[name] = question
        if len(self._open) > _MOST_OPEN:
            del self._open[next(iter(self._open))]
        request = types.ElicitRequest(
            params=types.ElicitRequestFormParams(message=question.text, requested_schema=_FORM)
        )
        raise NeedsInput(types.InputRequiredResult(input_requests={"confirm": request}, request_state=name))


def _agreed(result: types.ElicitResult) -> bool:
    return result.action == "accept" and (result.content or {}).get("ok") is True
