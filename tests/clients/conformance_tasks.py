"""The tasks that the conformance suite creates: kept in memory, over the tasks of the server itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import anyio
import mcp_types as types

from seedance_mcp.jobs.service import JobService
from seedance_mcp.server.tasks import Status, Task, declared
from seedance_mcp.server.tools.confirm import NeedsInput
from seedance_mcp.server.tools.tool import Call, RichAnswer, Tool
from seedance_mcp.views import Fields
from tests.clients.conformance_requests import current, form, responses

_A_MOMENT = 0.4
"""Seconds that a task takes whose length does not matter."""


@dataclass
class _Work:
    """A task of a tool for tests."""

    seconds: float
    text: str
    fails: bool = False
    breaks: bool = False
    requests: dict[str, Any] = field(default_factory=dict[str, Any])
    cancelled: bool = False
    begun: float = field(default_factory=time.time)

    @property
    def status(self) -> Status:
        if self.cancelled:
            return "cancelled"
        if self.requests:
            return "input_required"
        if time.time() < self.begun + self.seconds:
            return "working"
        return "failed" if self.breaks else "completed"


class TasksForTests:
    """A `TaskSource`, and the tools that create its tasks."""

    def __init__(self) -> None:
        self._works: dict[str, _Work] = {}

    async def find(self, task_id: str, *, poll: bool = False) -> Task | None:
        work = self._works.get(task_id)
        if work is None:
            return None
        result, error = None, None
        if work.status == "completed":
            text = types.TextContent(type="text", text=work.text)
            result = types.CallToolResult(content=[text], is_error=work.fails)
        elif work.status == "failed":
            error = types.ErrorData(code=types.INTERNAL_ERROR, message=work.text)
        return Task(task_id, work.status, work.text, work.begun, time.time(), 0.2, result, error, work.requests)

    async def answer(self, task_id: str, responses: Mapping[str, Any]) -> None:
        for name in responses:
            self._works[task_id].requests.pop(name, None)

    async def cancel(self, task_id: str) -> None:
        self._works[task_id].cancelled = True

    async def track(self, task_id: str, changed: Callable[[str], None]) -> Callable[[], None]:
        """Do nothing: the suite skips notifications of tasks."""
        return lambda: None

    def tools(self) -> list[Tool]:
        """Return the tools of the suite's scenarios for tasks."""
        return [
            _tool("greet", self._greet, {"name": {"type": "string"}}),
            _tool("slow_compute", self._slow_compute, {"seconds": {"type": "number"}, "label": {"type": "string"}}),
            _tool("failing_job", self._failing_job),
            _tool("protocol_error_job", self._protocol_error_job),
            _tool("confirm_delete", self._confirm_delete, {"filename": {"type": "string"}}),
            _tool("multi_input", self._multi_input),
            _tool("test_tool_with_task", self._with_task),
        ]

    def _started(self, work: _Work) -> Fields:
        name = uuid4().hex
        self._works[name] = work
        return {"job_id": name}

    async def _greet(self, _: JobService, call: Call) -> RichAnswer:
        return _text(f"Hello, {call.args.get('name', 'you')}!")

    async def _slow_compute(self, _: JobService, call: Call) -> Fields | RichAnswer:
        seconds = float(call.args.get("seconds", 0))
        if declared(current()):
            return self._started(_Work(seconds, f"computed for {seconds} s"))
        await anyio.sleep(seconds)
        return _text(f"computed for {seconds} s")

    async def _failing_job(self, _: JobService, __: Call) -> Fields:
        return self._started(_Work(_A_MOMENT, "the job has failed", fails=True))

    async def _protocol_error_job(self, _: JobService, __: Call) -> Fields:
        return self._started(_Work(_A_MOMENT, "the job has broken down", breaks=True))

    async def _confirm_delete(self, _: JobService, call: Call) -> Fields:
        ask = form(f"Delete {call.args.get('filename')}?", confirm={"type": "boolean"})
        return self._started(_Work(0, "deleted", requests={"confirm": _wire(ask)}))

    async def _multi_input(self, _: JobService, __: Call) -> Fields:
        asked = {name: _wire(form(f"Which {name}?", name={"type": "string"})) for name in ("first", "second")}
        return self._started(_Work(0, "both are known", requests=asked))

    async def _with_task(self, _: JobService, __: Call) -> Fields:
        reply = responses().get("user_name")
        if reply is None:
            asked: Any = {"user_name": form("What is your name?", name={"type": "string"})}
            raise NeedsInput(types.InputRequiredResult(input_requests=asked, request_state="asked for the name"))
        return self._started(_Work(_A_MOMENT, f"Hello, {reply['content']['name']}!"))


def _tool(name: str, run: Any, properties: Mapping[str, Any] | None = None) -> Tool:
    schema: dict[str, Any] = {"type": "object", "properties": dict(properties or {})}
    return Tool(name, name, f"For tests: {name}", schema, None, run, starts_job=name != "greet")


def _text(text: str) -> RichAnswer:
    return RichAnswer({}, (types.TextContent(type="text", text=text),))


def _wire(request: types.ElicitRequest) -> dict[str, Any]:
    return request.model_dump(by_alias=True, mode="json", exclude_none=True)
