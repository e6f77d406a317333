"""The tools as clients see and call them: what is listed, and the way of a call from its arguments to its answer."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import mcp_types as types
from mcp.shared.exceptions import MCPError

from seedance_mcp.errors import InternalError, SeedanceError
from seedance_mcp.server import answers, clients, lists, player, sandbox_mark, tasks
from seedance_mcp.server.blanks import tidy
from seedance_mcp.server.bounds import check_arguments
from seedance_mcp.server.patience import Patience
from seedance_mcp.server.tools.confirm import NeedsInput
from seedance_mcp.server.tools.questions import Questions
from seedance_mcp.server.tools.tool import Call, RichAnswer, steady

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from mcp.server.context import ServerRequestContext

    from seedance_mcp.jobs.service import JobService
    from seedance_mcp.server.tools.tool import Tool

    Context = ServerRequestContext[Any, Any]

log = logging.getLogger(__name__)


class ToolCalls:
    """The handlers of tools/list and tools/call."""

    def __init__(
        self,
        tools: Callable[[], Mapping[str, Tool]],
        service: Callable[[], Awaitable[JobService]],
        served: tasks.Tasks,
        *,
        sandbox: bool,
    ) -> None:
        """`served` turns jobs into tasks; `sandbox`: whether every answer has to say that nothing is real."""
        self._tools, self._service, self._tasks, self._sandbox = tools, service, served, sandbox
        self._questions = Questions(sandbox=sandbox)
        self._patience = Patience()

    async def list(self, ctx: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        """Serve tools/list."""
        lists.check_cursor(params)
        hidden = () if player.is_supported(ctx) else (player.READ_VIDEO,)
        return types.ListToolsResult(tools=[_listed(t) for t in self._tools().values() if t.name not in hidden])

    async def call(
        self, ctx: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult | dict[str, Any]:
        """Serve tools/call: with the answer, a question for the user, a task, or a refusal in words.

        Raises:
            MCPError: there is no such tool.
        """
        tool = self._tools().get(params.name)
        if tool is None:
            raise MCPError(code=types.INVALID_PARAMS, message=f"Unknown tool: {params.name[:80]}")
        try:
            check_arguments(params.arguments or {}, tool.name)
            ask = self._questions.asker(ctx, params)
            with self._patience.measured(clients.name(ctx)) as seconds:
                call = Call(tidy(params.arguments or {}), steady(ctx.session.report_progress), ask, seconds)
                answer = await tool.run(await self._service(), call)
            if tool.starts_job and tasks.declared(ctx) and not isinstance(answer, RichAnswer):
                task = await self._tasks.created(answer["job_id"]) if "job_id" in answer else None
                if task is not None:
                    return task
        except NeedsInput as question:
            return question.request
        except SeedanceError as error:
            play_money = self._sandbox and "$" in str(error)
            return answers.refused(f"{error} (Sandbox: {sandbox_mark.MARK}.)" if play_money else str(error))
        except Exception:
            log.exception("%s failed", params.name)
            return answers.refused(str(InternalError(f"{params.name} failed unexpectedly.")))
        return answers.rendered(sandbox_mark.answer(answer) if self._sandbox else answer, ctx)


def _listed(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        _meta=player.META.get(tool.name),
        # create_video has no idempotent hint: clients repeat calls of tools that have it, without asking.
        annotations=types.ToolAnnotations(
            read_only_hint=True if tool.read_only else None,
            destructive_hint=None if tool.read_only else tool.destructive,
            idempotent_hint=True if tool.repeatable and not tool.read_only else None,
            open_world_hint=True,
        ),
    )
