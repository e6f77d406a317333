"""What the sandbox sends: a vendor's answers and errors, the video, and how a directive spoils them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from starlette.responses import HTMLResponse, JSONResponse, Response

from seedance_mcp.sandbox.connection import LostAnswer, NoAnswer
from seedance_mcp.sandbox.delivery import Delivery
from seedance_mcp.sandbox.fakes.fake import Fake, Rejection, Reply
from seedance_mcp.sandbox.videos import render

if TYPE_CHECKING:
    from starlette.requests import Request

    from seedance_mcp.sandbox.tasks import Task
    from seedance_mcp.sandbox.validation import Rejected

_PAGE = "<!doctype html><title>Sandbox</title><p>This is an HTML page instead of the requested answer."
_ID_FIELDS = ("id", "task_id", "taskId")


def create_answer(fake: Fake, task: Task, lossy: str) -> Response:
    """Answer a create request, or spoil the answer as a lossy behaviour asks."""
    body = fake.render_created(task)
    text = json.dumps(body, ensure_ascii=False)
    spoilt: dict[str, Callable[[], Response]] = {
        "lose-answer": LostAnswer,
        "hang": NoAnswer,
        "error-500": lambda: reply(fake.render_error(Rejection("server_error"))),
        "html": lambda: HTMLResponse(_PAGE),
        "truncate": lambda: Response(text[: len(text) // 2], media_type="application/json"),
        "no-id": lambda: JSONResponse(_without_id(body)),
    }
    return spoilt[lossy]() if lossy else JSONResponse(body)


def _without_id(body: Mapping[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in body.items() if name not in _ID_FIELDS}
    return {n: _without_id(cast("dict[str, Any]", v)) if isinstance(v, dict) else v for n, v in rest.items()}


def rejection(fake: Fake, rejected: Rejected) -> Response:
    """Send a vendor's error; X-Sandbox-Note names the problem even if the vendor's own message does not."""
    note = rejected.rejection.message.encode("ascii", "replace").decode().replace("\n", " ")
    return reply(fake.render_error(rejected.rejection), {"x-sandbox-note": note} if note else {})


def reply(own: Reply, headers: Mapping[str, str] | None = None) -> Response:
    """Send what a fake answers, with more headers."""
    return JSONResponse(own.body, own.status, {**own.headers, **(headers or {})})


async def deliver(task: Task, request: Request) -> Response:
    """Send the video of a task, or what its directives ask for instead."""
    if "wrong-type" in task.directives:
        return HTMLResponse(_PAGE)
    if request.method == "GET":
        task.downloads += 1
    breaks_off = "cut-video" in task.directives and task.downloads == 1
    return Delivery(await render.video_file(task.video), request.headers, breaks_off=breaks_off)
