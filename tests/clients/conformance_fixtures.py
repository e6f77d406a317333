"""The prompts and resources of the conformance suite, beside those of the server; and events that can be sent again."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.streamable_http import EventCallback, EventId, EventMessage, EventStore, StreamId
from pydantic import BaseModel

from seedance_mcp.server.app import App
from tests.clients.conformance_requests import form, keep_current, responses
from tests.clients.conformance_tools import IMAGE, PNG, embedded, text

Context = ServerRequestContext[Any, Any]
Handler = Callable[[Context, Any], Awaitable[Any]]

PROMPTS = {
    "test_simple_prompt": (),
    "test_prompt_with_arguments": ("arg1", "arg2"),
    "test_prompt_with_embedded_resource": ("resourceUri",),
    "test_prompt_with_image": (),
    "test_input_required_result_prompt": (),
}
TEXT, BINARY, TEMPLATE = "test://static-text", "test://static-binary", "test://template/"


class Events(EventStore):
    """All messages of all streams, so that a stream that was closed can be read on."""

    def __init__(self) -> None:
        self._events: list[tuple[StreamId, types.JSONRPCMessage | None]] = []

    async def store_event(self, stream_id: StreamId, message: types.JSONRPCMessage | None) -> EventId:
        self._events.append((stream_id, message))
        return str(len(self._events))

    async def replay_events_after(self, last_event_id: EventId, send_callback: EventCallback) -> StreamId | None:
        last = int(last_event_id)
        stream, _ = self._events[last - 1]
        for number, (owner, message) in enumerate(self._events[last:], last + 1):
            if owner == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


def install(app: App) -> None:
    """Serve the suite's prompts and resources; everything else is served as before."""
    app.server.middleware.append(keep_current)
    for method, params_type, handler in Beside(app).handlers():
        app.server.add_request_handler(method, params_type, handler)


class Beside:
    """Handlers that serve what the suite asks for, and pass everything else to the server's own ones."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._own = {method: _handler(app, method) for method, *_ in self.handlers() if method != "logging/setLevel"}

    def handlers(self) -> Sequence[tuple[str, type[BaseModel], Handler]]:
        return (
            ("prompts/list", types.PaginatedRequestParams, self._prompts),
            ("prompts/get", types.GetPromptRequestParams, self._prompt),
            ("resources/list", types.PaginatedRequestParams, self._resources),
            ("resources/templates/list", types.PaginatedRequestParams, self._templates),
            ("resources/read", types.ReadResourceRequestParams, self._read),
            ("resources/subscribe", types.SubscribeRequestParams, self._subscribe),
            ("resources/unsubscribe", types.UnsubscribeRequestParams, self._unsubscribe),
            ("logging/setLevel", types.SetLevelRequestParams, self._logging_level),
            ("server/discover", types.RequestParams, self._discover),
            ("subscriptions/listen", types.SubscriptionsListenRequestParams, self._listen),
        )

    async def _prompts(self, ctx: Context, params: Any) -> types.ListPromptsResult:
        ours: types.ListPromptsResult = await self._own["prompts/list"](ctx, params)
        more = [_prompt(name, arguments) for name, arguments in PROMPTS.items()]
        return types.ListPromptsResult(prompts=ours.prompts + more)

    async def _prompt(self, ctx: Context, params: types.GetPromptRequestParams) -> Any:
        return _written(params) if params.name in PROMPTS else await self._own["prompts/get"](ctx, params)

    async def _resources(self, ctx: Context, params: Any) -> types.ListResourcesResult:
        ours: types.ListResourcesResult = await self._own["resources/list"](ctx, params)
        more = [types.Resource(uri=uri, name=uri.removeprefix("test://")) for uri in (TEXT, BINARY)]
        return types.ListResourcesResult(resources=ours.resources + more)

    async def _templates(self, ctx: Context, params: Any) -> types.ListResourceTemplatesResult:
        ours: types.ListResourceTemplatesResult = await self._own["resources/templates/list"](ctx, params)
        more = types.ResourceTemplate(uri_template=TEMPLATE + "{id}/data", name="template")
        return types.ListResourceTemplatesResult(resource_templates=[*ours.resource_templates, more])

    async def _read(self, ctx: Context, params: types.ReadResourceRequestParams) -> Any:
        contents = _contents(str(params.uri))
        own = self._own["resources/read"]
        return types.ReadResourceResult(contents=[contents]) if contents else await own(ctx, params)

    async def _subscribe(self, ctx: Context, params: types.SubscribeRequestParams) -> Any:
        return types.EmptyResult() if _for_tests(params.uri) else await self._own["resources/subscribe"](ctx, params)

    async def _unsubscribe(self, ctx: Context, params: types.UnsubscribeRequestParams) -> Any:
        return types.EmptyResult() if _for_tests(params.uri) else await self._own["resources/unsubscribe"](ctx, params)

    async def _logging_level(self, _: Context, __: types.SetLevelRequestParams) -> types.EmptyResult:
        return types.EmptyResult()

    async def _discover(self, ctx: Context, params: types.RequestParams) -> types.DiscoverResult:
        """Promise changes of lists, which the product never has."""
        ours: types.DiscoverResult = await self._own["server/discover"](ctx, params)
        offered = self._app.server.get_capabilities(protocol_version=ctx.protocol_version)
        return ours.model_copy(update={"capabilities": offered})

    async def _listen(self, ctx: Context, params: types.SubscriptionsListenRequestParams) -> Any:
        changes = params.notifications.tools_list_changed or params.notifications.prompts_list_changed
        own = self._own["subscriptions/listen"]
        return await (self._app.subscriptions.listen if changes else own)(ctx, params)


def _handler(app: App, method: str) -> Handler:
    entry = app.server.get_request_handler(method)
    assert entry is not None
    return entry.handler


def _for_tests(uri: object) -> bool:
    return str(uri).startswith("test://")


def _prompt(name: str, arguments: tuple[str, ...]) -> types.Prompt:
    listed = [types.PromptArgument(name=argument, required=True) for argument in arguments]
    return types.Prompt(name=name, description=f"For tests: {name}", arguments=listed)


def _written(params: types.GetPromptRequestParams) -> types.GetPromptResult | types.InputRequiredResult:
    given = params.arguments or {}
    contents: list[types.ContentBlock] = [text("This is a simple prompt for testing.")]
    if params.name == "test_prompt_with_arguments":
        contents = [text(f"Prompt with arguments: arg1='{given['arg1']}', arg2='{given['arg2']}'")]
    elif params.name == "test_prompt_with_embedded_resource":
        contents = [embedded(given["resourceUri"], "Embedded for testing."), text("Please read the resource above.")]
    elif params.name == "test_prompt_with_image":
        contents = [IMAGE, text("Please describe the image above.")]
    elif params.name == "test_input_required_result_prompt":
        reply = responses().get("user_context")
        if reply is None:
            question = form("Which context should the prompt use?", context={"type": "string"})
            return types.InputRequiredResult(input_requests={"user_context": question})
        contents = [text(f"Use this context: {reply['content']['context']}")]
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=content) for content in contents])


def _contents(uri: str) -> types.TextResourceContents | types.BlobResourceContents | None:
    if uri == TEXT:
        return types.TextResourceContents(uri=uri, mime_type="text/plain", text="This is a static text.")
    if uri == BINARY:
        return types.BlobResourceContents(uri=uri, mime_type="image/png", blob=PNG)
    if uri.startswith(TEMPLATE):
        name = uri.removeprefix(TEMPLATE).removesuffix("/data")
        return types.TextResourceContents(uri=uri, mime_type="application/json", text=json.dumps({"id": name}))
    return None
