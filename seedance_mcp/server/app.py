"""The MCP server: one low-level server for every protocol revision, its handlers, and the job service behind them."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import anyio
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from seedance_mcp import version
from seedance_mcp.errors import InternalError, SeedanceError, Stopping
from seedance_mcp.media.inspector import Inspector
from seedance_mcp.runtime import open_service
from seedance_mcp.server import lists, player, prompts, resources, sandbox_mark, tasks
from seedance_mcp.server.bounds import check_arguments
from seedance_mcp.server.job_tasks import JobTasks
from seedance_mcp.server.subscriptions import MOST_SUBSCRIPTIONS, Subscriptions
from seedance_mcp.server.tool_calls import ToolCalls
from seedance_mcp.server.tools.registry import tools

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

    from seedance_mcp.jobs.service import JobService
    from seedance_mcp.jobs.timing import Timing
    from seedance_mcp.server.tasks import TaskSource
    from seedance_mcp.server.tools.tool import Tool
    from seedance_mcp.settings import Settings
    from seedance_mcp.web import Web

    Context = ServerRequestContext[Any, Any]

log = logging.getLogger(__name__)

INSTRUCTIONS = (
    "Makes Seedance videos. create_video starts one paid job and returns its job_id at once; check_video waits for the "
    "video. Ask what the video should show if the user has not said. Pass what the user asked for and leave the rest "
    "out. Never call create_video again for a job that is slow "
    "or unknown. A refusal says what would work and costs nothing."
)
_NO_CANCELLING = " A started video can be neither cancelled nor refunded."


_FIRST_ANSWERS = 0.2
"""Seconds in which a client gets its first answers, before the service is opened without being asked for."""


class App:
    """One server process: tools over a job service that opens in the background, so the handshake waits for nothing."""

    def __init__(
        self,
        settings: Settings,
        *,
        web: Web | None = None,
        autosave: bool | None = None,
        timing: Timing | None = None,
        inspector: Inspector | None = None,
        most_subscriptions: int = MOST_SUBSCRIPTIONS,
        more_tools: Iterable[Tool] = (),
        more_tasks: Iterable[TaskSource] = (),
    ) -> None:
        """`web` replaces the network, `autosave` SEEDANCE_SAVE, `inspector` what opens files.

        `more_tools` and `more_tasks` are served beside our own; the rest are limits.
        """
        self.settings = settings
        self._web, self._autosave, self._timing = web, autosave, timing
        self._inspector = inspector or Inspector()
        self._service: JobService | None = None
        self._failure: SeedanceError | None = None
        self._opened = anyio.Event()
        self._wanted = anyio.Event()
        self._stopped = anyio.Event()
        self._scope = anyio.CancelScope()
        self.subscriptions = Subscriptions(self.service, most_subscriptions)
        self._more_tools = tuple(more_tools)
        self._tasks = tasks.Tasks(JobTasks(self.service, self.subscriptions.bus), *more_tasks)

    @cached_property
    def tools(self) -> dict[str, Tool]:
        """The tools for these settings, by name."""
        found = [*tools(self.settings, self._inspector).values(), player.tool(), *self._more_tools]
        return {tool.name: sandbox_mark.tool(tool) if self.settings.sandbox else tool for tool in found}

    @cached_property
    def server(self) -> Server[Any]:
        """The MCP server, ready to run on any transport."""
        calls = ToolCalls(lambda: self.tools, self.service, self._tasks, sandbox=self.settings.sandbox)
        server = Server[Any](
            "seedance-mcp",
            version=version(),
            title="Seedance videos",
            instructions=INSTRUCTIONS
            + ("" if "cancel_video" in self.tools else _NO_CANCELLING)
            + (" Sandbox: nothing is real and nothing is paid." if self.settings.sandbox else ""),
            lifespan=self._lifespan,
            get_tool_input_schema=lambda name: tool.input_schema if (tool := self.tools.get(name)) else None,
            on_list_tools=calls.list,
            on_list_resources=self._list_resources,
            on_list_resource_templates=self._list_templates,
            on_read_resource=self._read_resource,
            on_subscribe_resource=self.subscriptions.subscribe,
            on_unsubscribe_resource=self.subscriptions.unsubscribe,
            on_subscriptions_listen=self._listen,
            on_list_prompts=self._list_prompts,
            on_get_prompt=self._get_prompt,
            on_completion=self._complete,
            cache_hints=lists.CACHE_HINTS,
        )
        lists.install_discovery(server)
        server.add_request_handler("tools/call", types.CallToolRequestParams, calls.call)
        server.extensions[player.EXTENSION] = {}
        self._tasks.install(server)
        if self.settings.confirm_above is not None:
            from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity  # noqa: PLC0415  (slow import)

            server.middleware.append(
                RequestStateBoundary(RequestStateSecurity.ephemeral(), default_audience=server.name)
            )
        return server

    # -- the job service ------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _lifespan(self, _: Server[Any]) -> AsyncGenerator[dict[str, Any]]:
        async with anyio.create_task_group() as group:
            group.start_soon(self._keep_open)
            try:
                yield {}
            finally:
                await self.stop()

    async def _keep_open(self) -> None:
        """Keep the service open; if it cannot be opened, report why on each call and try again at the next."""
        try:
            with anyio.CancelScope() as self._scope:
                # wrong settings are logged at once: a client may hang up before it asks for anything
                with anyio.move_on_after(0 if self.settings.problems else _FIRST_ANSWERS):
                    await self._wanted.wait()
                while True:
                    await self._open_once()
        finally:
            self._stopped.set()  # also when an outer scope was cancelled, for `stop` waits without a bound

    async def _open_once(self) -> None:
        try:
            async with open_service(
                self.settings, web=self._web, autosave=self._autosave, timing=self._timing, inspector=self._inspector
            ) as self._service:
                self._opened.set()
                await self.subscriptions.publish(self._service)
        except SeedanceError as error:
            log.error("%s", error)  # noqa: TRY400  (a sentence for the operator, not a stack)
            self._failure = error
        except Exception:
            log.exception("the job service failed")
            self._failure = InternalError("The job service failed unexpectedly; the server's log has the details.")
        finally:
            self._service = None
        self._opened.set()
        self._wanted = anyio.Event()
        await self._wanted.wait()

    async def service(self) -> JobService:
        """Return the open job service, or raise why there is none."""
        if self._failure is not None and self._opened.is_set():
            self._failure, self._opened = None, anyio.Event()
        self._wanted.set()
        await self._opened.wait()
        if self._service is None:
            raise self._failure or Stopping("The server is stopping.")
        return self._service

    async def stop(self, grace: float | None = None) -> None:
        """Close the service in order: submissions get `grace` seconds to finish, and the journal is closed."""
        if self._service is not None and grace is not None:
            self._service.stop_grace = grace
        with anyio.CancelScope(shield=True):
            self._scope.cancel()
            await self._stopped.wait()

    # -- subscriptions, prompts and resources -----------------------------------------------------------------------

    async def _listen(
        self, ctx: Context, params: types.SubscriptionsListenRequestParams
    ) -> types.SubscriptionsListenResult:
        if tasks.asked(params):
            return await self._tasks.listen(ctx, params)
        return await self.subscriptions.listen(ctx, lists.without_lists(params))

    async def _list_prompts(self, _: Context, params: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
        lists.check_cursor(params)
        return types.ListPromptsResult(prompts=prompts.listed())

    async def _get_prompt(self, _: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        try:
            check_arguments(params.arguments or {}, params.name[:60])
            return prompts.written(params.name, params.arguments or {}, self.settings)
        except SeedanceError as error:
            raise MCPError(code=types.INVALID_PARAMS, message=str(error)) from None

    async def _complete(self, _: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        name, typed = params.argument.name, params.argument.value
        ids: list[str] = []
        if name == "job_id":
            ids = [job.id for job in (await (await self.service()).page(limit=prompts.MOST)).jobs]
        chosen = (params.context.arguments if params.context else None) or {}
        if isinstance(params.ref, types.ResourceTemplateReference) and name in {"vendor", "model"}:
            values = resources.completed(name, typed, chosen, self.settings)
        else:
            values = prompts.completed(name, typed, self.settings, ids)
        return types.CompleteResult(completion=types.Completion(values=values, total=len(values), has_more=False))

    async def _list_resources(
        self, ctx: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        lists.check_cursor(params)
        views = [player.listed(self.settings)] if player.is_supported(ctx) else []
        return types.ListResourcesResult(resources=resources.listed(self.settings) + views)

    async def _list_templates(
        self, _: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        lists.check_cursor(params)
        return types.ListResourceTemplatesResult(resource_templates=resources.templates())

    async def _read_resource(self, ctx: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        uri = str(params.uri)
        if uri == player.URI:
            return types.ReadResourceResult(contents=[player.view(self.settings)])
        try:
            contents = await resources.read(uri, self.settings, self.service)
        except SeedanceError as error:
            code = resources.error_code(error, ctx.protocol_version)
            raise MCPError(code=code, message=str(error), data={"uri": uri[:200]}) from None
        return types.ReadResourceResult(contents=[contents])
