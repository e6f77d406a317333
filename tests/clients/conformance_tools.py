"""The tools that the conformance suite calls. What they give and ask is prescribed; our dispatcher runs them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import anyio
import mcp_types as types
from mcp.server.subscriptions import SubscriptionBus
from mcp.shared.subscriptions import PromptsListChanged, ToolsListChanged

from seedance_mcp.errors import InvalidRequest
from seedance_mcp.jobs.service import JobService
from seedance_mcp.server.tools.confirm import NeedsInput
from seedance_mcp.server.tools.tool import Call, Question, RichAnswer, Tool
from tests.clients.conformance_requests import current, form, responses, sample, state

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
IMAGE = types.ImageContent(type="image", data=PNG, mime_type="image/png")
_AUDIO = types.AudioContent(type="audio", data=WAV, mime_type="audio/wav")
_STRING = {"type": "string"}
_NAME: Any = {"type": "string", "title": "Name"}

Content = types.ContentBlock
Run = Callable[[Call], Awaitable[RichAnswer]]


def text(content: str) -> types.TextContent:
    """Return a text."""
    return types.TextContent(type="text", text=content)


def embedded(uri: str, content: str, mime_type: str = "text/plain") -> types.EmbeddedResource:
    """Return a resource in an answer."""
    resource = types.TextResourceContents(uri=uri, mime_type=mime_type, text=content)
    return types.EmbeddedResource(type="resource", resource=resource)


CONTENTS: Mapping[str, tuple[Content, ...]] = {
    "test_simple_text": (text("This is a simple text response for testing."),),
    "test_image_content": (IMAGE,),
    "test_audio_content": (_AUDIO,),
    "test_embedded_resource": (embedded("test://embedded-resource", "This is an embedded resource content."),),
    "test_multiple_content_types": (
        text("Multiple content types test:"),
        IMAGE,
        embedded("test://mixed-content-resource", '{"test": "data", "value": 123}', "application/json"),
    ),
    "test_missing_capability": (text("The client can sample."),),
    "json_schema_2020_12_tool": (text("The schema is what counts."),),
}
JSON_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": _STRING, "city": _STRING},
        }
    },
    "properties": {
        "name": _STRING,
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": _STRING,
        "email": _STRING,
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
DEFAULTS: dict[str, Any] = {
    "name": {"type": "string", "default": "John Doe"},
    "age": {"type": "integer", "default": 30},
    "score": {"type": "number", "default": 95.5},
    "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
    "verified": {"type": "boolean", "default": True},
}
_TITLED = [{"const": "low", "title": "Low"}, {"const": "medium", "title": "Medium"}, {"const": "high", "title": "High"}]
ENUMS: dict[str, Any] = {
    "untitledSingle": {"type": "string", "enum": ["active", "inactive", "pending"]},
    "titledSingle": {"type": "string", "oneOf": _TITLED},
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["read", "write", "execute"]}},
    "titledMulti": {"type": "array", "items": {"anyOf": _TITLED}},
    "legacyEnum": {"type": "string", "enum": ["small", "large"], "enumNames": ["Small Size", "Large Size"]},
}


class ToolsForTests:
    """The tools of the suite, apart from those that create tasks."""

    def __init__(self, published: Callable[[], SubscriptionBus]) -> None:
        """`published` returns the bus that carries what a client listens to."""
        self._published = published

    def all(self) -> list[Tool]:
        """Return the tools."""
        schemas: Mapping[str, dict[str, Any]] = {
            "json_schema_2020_12_tool": JSON_SCHEMA,
            "test_x_mcp_header": {
                "type": "object",
                "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
            },
            "test_elicitation": {"type": "object", "properties": {"message": _STRING}},
            "test_sampling": {"type": "object", "properties": {"prompt": _STRING}},
        }
        runs: dict[str, Run] = {name: _giving(content) for name, content in CONTENTS.items()}
        runs |= {
            "test_error_handling": _error_handling,
            "test_tool_with_logging": _logging,
            "test_logging_tool": _logging,
            "test_tool_with_progress": _progress,
            "test_reconnection": _reconnection,
            "test_sampling": _sampling,
            "test_elicitation": _elicitation,
            "test_elicitation_sep1034_defaults": _asking(DEFAULTS),
            "test_elicitation_sep1330_enums": _asking(ENUMS),
            "test_streaming_elicitation": _named,
            "test_x_mcp_header": _header,
            "test_input_required_result_elicitation": _named,
            "test_input_required_result_sampling": _capital,
            "test_input_required_result_list_roots": _roots,
            "test_input_required_result_request_state": _agreement,
            "test_input_required_result_tampered_state": _agreement,
            "test_input_required_result_multiple_inputs": _multiple,
            "test_input_required_result_multi_round": _multi_round,
            "test_input_required_result_capabilities": _capable,
            "test_trigger_tool_change": self._changing(ToolsListChanged()),
            "test_trigger_prompt_change": self._changing(PromptsListChanged()),
        }
        return [_tool(name, run, schemas.get(name, {"type": "object"})) for name, run in runs.items()]

    def _changing(self, event: ToolsListChanged | PromptsListChanged) -> Run:
        async def run(_: Call) -> RichAnswer:
            await self._published().publish(event)
            return _said("The list has changed.")

        return run


def _tool(name: str, run: Run, schema: dict[str, Any]) -> Tool:
    async def served(_: JobService, call: Call) -> RichAnswer:
        return await run(call)

    return Tool(name, name, f"For tests: {name}", schema, None, served)


def _said(content: str) -> RichAnswer:
    return RichAnswer({}, (text(content),))


def _giving(content: tuple[Content, ...]) -> Run:
    async def run(_: Call) -> RichAnswer:
        return RichAnswer({}, content)

    return run


# -- what a tool does while it runs -------------------------------------------------------------------------------


async def _error_handling(_: Call) -> RichAnswer:
    raise InvalidRequest("This tool intentionally returns an error for testing.", next_step="")


async def _log(message: str) -> None:
    ctx = current()
    await ctx.session.send_log_message(  # pyright: ignore[reportDeprecated]  (the suite tests what is deprecated too)
        "info", message, related_request_id=ctx.request_id
    )


async def _logging(_: Call) -> RichAnswer:
    for step in ("started", "processing data", "completed"):
        await _log(f"Tool execution {step}")
    return _said("Logged three times.")


async def _progress(call: Call) -> RichAnswer:
    for done in (0, 50, 100):
        await call.report(done, 100, f"Completed step {done} of 100")
        await anyio.sleep(1.01)  # a report is sent at most once a second
    return _said("Reported three times.")


async def _reconnection(_: Call) -> RichAnswer:
    await _log("Before the stream is closed")
    close = current().close_sse_stream
    if close is not None:
        await close()
    await anyio.sleep(0.2)
    await _log("After it was closed")
    return _said("Reconnection test completed.")


async def _header(call: Call) -> RichAnswer:
    return _said(f"region={call.args.get('region')}")


# -- what a tool asks while it runs (before 2026-07-28) -----------------------------------------------------------


async def _sampling(call: Call) -> RichAnswer:
    ctx = current()
    params = sample(str(call.args.get("prompt"))).params
    reply = await ctx.session.create_message(  # pyright: ignore[reportDeprecated]  (as above)
        params.messages, max_tokens=params.max_tokens, related_request_id=ctx.request_id
    )
    return _said(f"LLM response: {reply.content}")


async def _elicitation(call: Call) -> RichAnswer:
    return _said(f"The user agrees: {await call.ask(Question(str(call.args.get('message')), 'test', 0))}")


def _asking(properties: dict[str, Any]) -> Run:
    async def run(_: Call) -> RichAnswer:
        ctx, asked = current(), form("Please fill in this form", **properties).params
        assert isinstance(asked, types.ElicitRequestFormParams)
        reply = await ctx.session.elicit_form(asked.message, asked.requested_schema, related_request_id=ctx.request_id)
        return _said(f"action={reply.action}, content={json.dumps(reply.content)}")

    return run


# -- what a tool asks by its answer (2026-07-28) ------------------------------------------------------------------


def _ask(left: str | None = None, /, **requests: Any) -> NeedsInput:
    return NeedsInput(types.InputRequiredResult(input_requests=requests, request_state=left))


async def _named(_: Call) -> RichAnswer:
    reply = responses().get("user_name")
    if reply is None:
        raise _ask(user_name=form("What is your name?", name=_NAME))
    return _said(f"Hello, {reply['content']['name']}!")


async def _capital(_: Call) -> RichAnswer:
    if "capital" not in responses():
        raise _ask(capital=sample("What is the capital of France?"))
    return _said(f"Model said: {json.dumps(responses()['capital'])}")


async def _roots(_: Call) -> RichAnswer:
    if "roots" not in responses():
        raise _ask(roots=types.ListRootsRequest())
    return _said(f"{len(responses()['roots']['roots'])} roots")


async def _agreement(call: Call) -> RichAnswer:
    """Ask as the product asks before it spends money."""
    agreed = await call.ask(Question("Please confirm", "test", 0))
    return _said("state-ok" if agreed else "The user did not agree.")


async def _multiple(_: Call) -> RichAnswer:
    requests = {
        "user_name": form("What is your name?", name=_NAME),
        "greeting": sample("Generate a greeting"),
        "roots": types.ListRootsRequest(),
    }
    if not requests.keys() <= responses().keys():
        raise _ask("multiple", **requests)
    return _said("All inputs received.")


async def _multi_round(_: Call) -> RichAnswer:
    given = responses()
    if state() == "first" and "step1" in given:
        raise _ask(f"second {given['step1']['content']['name']}", step2=form("Which colour?", color=_STRING))
    if (state() or "").startswith("second") and "step2" in given:
        return _said(f"{(state() or '').removeprefix('second ')} likes {given['step2']['content']['color']}.")
    raise _ask("first", step1=form("What is your name?", name=_NAME))


async def _capable(_: Call) -> RichAnswer:
    can = current().session.client_capabilities or types.ClientCapabilities()
    requests: dict[str, Any] = {}
    if can.sampling is not None:
        requests["sample"] = sample("Say hello")
    if can.elicitation is not None:
        requests["ask"] = form("What is your name?", name=_NAME)
    raise _ask("capabilities", **requests)
