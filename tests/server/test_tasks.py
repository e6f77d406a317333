"""create_video as a task: for clients that declare it, the job is the task, and its result is the video."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import anyio
import anyio.lowlevel
import mcp_types as types
import pytest
from mcp.client.extension import ClaimContext, ClientExtension, NotificationBinding, ResultClaim, advertise
from mcp.shared.exceptions import MCPError
from pydantic import ConfigDict

from seedance_mcp.sandbox import Sandbox
from seedance_mcp.server.tasks import EXTENSION
from tests.clients.conformance_tasks import TasksForTests
from tests.server.mcp_client import PRICED, Session, connected, inspect_video

pytestmark = pytest.mark.anyio
MODERN = "2026-07-28"
SLOW = "a fox. sandbox: slow 3600"


class Loose(types.Result):
    """A result with any fields."""

    model_config = ConfigDict(extra="allow")


class Task(Loose):
    """The answer of a call that became a task."""

    result_type: Literal["task"] = "task"
    model_config = ConfigDict(
        extra="allow", alias_generator=lambda name: "resultType" if name == "result_type" else name
    )


class Params(types.NotificationParams):
    """The parameters of a notification, whatever they are."""

    model_config = ConfigDict(extra="allow")


class TaskClient(ClientExtension):
    """A client that takes tasks: it returns each one unfinished, and keeps what it is notified of."""

    identifier = EXTENSION

    def __init__(self) -> None:
        self.tasks: list[dict[str, Any]] = []
        self.notified: list[dict[str, Any]] = []

    def claims(self) -> Sequence[ResultClaim[Any]]:
        async def resolve(task: Task, context: ClaimContext) -> types.CallToolResult:
            self.tasks.append(task.model_extra or {})
            nothing_yet: dict[str, Any] = {"state": "", "model": "", "cost": {}, "next_step": ""}
            return types.CallToolResult(content=[], structured_content=nothing_yet)

        return [ResultClaim(result_type="task", model=Task, resolve=resolve)]

    def notifications(self) -> Sequence[NotificationBinding[Any]]:
        async def keep(params: Params) -> None:
            self.notified.append(params.model_extra or {})

        return [NotificationBinding(method="notifications/tasks", params_type=Params, handler=keep)]

    async def create(self, session: Session, prompt: str = "a fox in the snow", **arguments: Any) -> dict[str, Any]:
        """Create a video and return its task."""
        await session.client.call_tool("create_video", {"prompt": prompt, **PRICED, **arguments})
        return self.tasks[-1]


async def send(session: Session, method: str, **params: Any) -> dict[str, Any]:
    """Send a request of the extension and return the fields of its result."""
    request = types.Request[dict[str, Any], str](method=method, params=params)
    return (await session.client.session.send_request(request, Loose)).model_extra or {}


async def finished(session: Session, task_id: str) -> dict[str, Any]:
    """Return a task once it is no longer working."""
    return await until(lambda: send(session, "tasks/get", taskId=task_id), lambda task: task["status"] != "working")


async def until(
    read: Callable[[], Awaitable[dict[str, Any]]], condition: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """Read until a condition is true, at most 20 s."""
    with anyio.fail_after(20):
        while not condition(found := await read()):
            await anyio.lowlevel.checkpoint()
    return found


async def test_the_task_is_the_job_and_its_result_is_the_video(tmp_path: Path) -> None:
    client = TaskClient()
    async with connected(tmp_path, MODERN, client={"extensions": [client]}) as session:
        task = await client.create(session)
        done = await finished(session, task["taskId"])
        [listed] = (await session.call("list_videos")).fields["videos"]
        schema = {tool.name: tool for tool in (await session.client.list_tools()).tools}["create_video"].output_schema
    assert (task["status"], task["ttlMs"]) == ("working", None)
    assert task["pollIntervalMs"] > 0
    assert listed["job_id"] == task["taskId"] == done["taskId"]
    assert done["status"] == "completed"
    fields = done["result"]["structuredContent"]
    assert inspect_video(fields["path"]).codec == "h264"
    assert schema
    assert fields.keys() <= schema["properties"].keys()
    assert set(schema["required"]) <= fields.keys()
    assert fields["path"] in done["result"]["content"][0]["text"]


async def test_a_client_that_did_not_declare_tasks_gets_the_job(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        job = await session.create(**PRICED)
        with pytest.raises(MCPError) as refused:
            await send(session, "tasks/get", taskId=job["job_id"])
    assert "job_id" in job
    assert refused.value.error.code == (types.MISSING_REQUIRED_CLIENT_CAPABILITY if era == MODERN else -32601)


async def test_a_video_that_fails_is_a_tool_error(tmp_path: Path) -> None:
    client = TaskClient()
    async with connected(tmp_path, MODERN, client={"extensions": [client]}) as session:
        task = await client.create(session, "a fox. sandbox: fail generation_failed")
        done = await finished(session, task["taskId"])
    assert done["status"] == "completed"
    assert done["result"]["isError"] is True
    assert "structuredContent" not in done["result"]
    assert "state: failed" in done["result"]["content"][0]["text"]


async def test_a_restarted_server_knows_the_tasks_of_the_one_before(tmp_path: Path) -> None:
    client = TaskClient()
    async with connected(tmp_path, MODERN, client={"extensions": [client]}) as session:
        task = await client.create(session)
        sandbox = session.sandbox
    async with connected(tmp_path, MODERN, sandbox=sandbox, client={"extensions": [TaskClient()]}) as session:
        assert (await finished(session, task["taskId"]))["status"] == "completed"


async def test_cancelling_says_that_the_job_goes_on(tmp_path: Path) -> None:
    client = TaskClient()
    async with connected(tmp_path, MODERN, sandbox=Sandbox(), client={"extensions": [client]}) as session:
        task = await client.create(session, SLOW)
        await send(session, "tasks/cancel", taskId=task["taskId"])
        await send(session, "tasks/update", taskId=task["taskId"], inputResponses={})
        after = await send(session, "tasks/get", taskId=task["taskId"])
    assert after["status"] == "working"
    assert "goes on" in after["statusMessage"]


async def test_an_unknown_task_and_the_beginning_of_an_id_are_refused(tmp_path: Path) -> None:
    client = TaskClient()
    async with connected(tmp_path, MODERN, client={"extensions": [client]}) as session:
        task = await client.create(session)
        for name in ("nosuchtask", task["taskId"][:6]):
            for method in ("tasks/get", "tasks/cancel", "tasks/update"):
                with pytest.raises(MCPError) as refused:
                    await send(session, method, taskId=name)
                assert refused.value.error.code == types.INVALID_PARAMS


async def test_refusals_dry_runs_and_other_tools_are_answered_at_once(tmp_path: Path) -> None:
    client = TaskClient()
    async with connected(tmp_path, MODERN, client={"extensions": [client]}) as session:
        assert "duration" in (await session.call("create_video", prompt="a fox", **PRICED | {"duration": 9999})).refusal
        assert (await session.call("create_video", prompt="a fox", dry_run=True, **PRICED)).fields["state"] == "quoted"
        assert "videos" in (await session.call("list_videos")).fields
    assert client.tasks == []


async def test_a_listener_is_told_until_its_tasks_have_ended(tmp_path: Path) -> None:
    client = TaskClient()
    async with connected(tmp_path, MODERN, sandbox=Sandbox(pace=0.2), client={"extensions": [client]}) as session:
        task = await client.create(session)
        with anyio.fail_after(30):
            await send(session, "subscriptions/listen", notifications={"taskIds": [task["taskId"], "nosuchtask"]})
    assert {told["taskId"] for told in client.notified} == {task["taskId"]}
    assert [told["status"] for told in client.notified][-1] == "completed"
    assert "path" in client.notified[-1]["result"]["structuredContent"]


async def test_a_confirmation_comes_before_the_task(tmp_path: Path) -> None:
    client = {"extensions": [advertise(EXTENSION)]}
    async with connected(tmp_path, MODERN, client=client, SEEDANCE_CONFIRM_ABOVE="0.01") as session:
        assert "cannot ask" in (await session.call("create_video", prompt="a fox", **PRICED)).refusal


# -- tasks that are not jobs --------------------------------------------------------------------------------------


async def begun(session: Session, client: TaskClient, tool: str) -> str:
    """Call a tool, and return the id of its task."""
    await session.client.call_tool(tool, {})
    name: str = client.tasks[-1]["taskId"]
    return name


def with_tasks_for_tests() -> dict[str, Any]:
    tasks = TasksForTests()
    return {"more_tools": tasks.tools(), "more_tasks": [tasks]}


async def test_a_task_may_ask_and_goes_on_once_everything_is_answered(tmp_path: Path) -> None:
    client = TaskClient()
    async with connected(tmp_path, MODERN, client={"extensions": [client]}, app=with_tasks_for_tests()) as session:
        name = await begun(session, client, "multi_input")
        asked = await send(session, "tasks/get", taskId=name)
        reply = {"action": "accept", "content": {"name": "Ann"}}
        await send(session, "tasks/update", taskId=name, inputResponses={"first": reply, "third": reply})
        half = await send(session, "tasks/get", taskId=name)
        await send(session, "tasks/update", taskId=name, inputResponses={"second": reply})
        done = await finished(session, name)
    assert (asked["status"], list(asked["inputRequests"])) == ("input_required", ["first", "second"])
    assert asked["inputRequests"]["first"]["method"] == "elicitation/create"
    assert (half["status"], list(half["inputRequests"])) == ("input_required", ["second"])
    assert done["status"] == "completed"
    assert "inputRequests" not in done


async def test_a_task_that_breaks_down_has_an_error_and_no_result(tmp_path: Path) -> None:
    client = TaskClient()
    async with connected(tmp_path, MODERN, client={"extensions": [client]}, app=with_tasks_for_tests()) as session:
        done = await finished(session, await begun(session, client, "protocol_error_job"))
    assert done["status"] == "failed"
    assert done["error"] == {"code": types.INTERNAL_ERROR, "message": "the job has broken down"}
    assert "result" not in done


async def test_a_task_that_can_be_cancelled_is(tmp_path: Path) -> None:
    client = TaskClient()
    async with connected(tmp_path, MODERN, client={"extensions": [client]}, app=with_tasks_for_tests()) as session:
        name = await begun(session, client, "confirm_delete")
        await send(session, "tasks/cancel", taskId=name)
        done = await send(session, "tasks/get", taskId=name)
    assert done["status"] == "cancelled"
    assert "result" not in done
