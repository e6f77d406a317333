"""All vendors at once, each below its slug, as an ASGI application. Nothing runs in the background."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from seedance_mcp.catalog.price import price
from seedance_mcp.catalog.request import VideoRequest
from seedance_mcp.sandbox.behaviour import LOSSY, Directives
from seedance_mcp.sandbox.connection import Lost, Silence
from seedance_mcp.sandbox.delivery import Delivery
from seedance_mcp.sandbox.fakes.fake import (
    Endpoint,
    EndpointRequest,
    Fake,
    Rejection,
    RejectionKind,
    Reply,
    StoredFile,
    known_fakes,
)
from seedance_mcp.sandbox.tasks import TOTAL_SECONDS, Charge, Task, TaskView, new_id
from seedance_mcp.sandbox.validation import EMPTY_KEY, Rejected, authenticate, key_of, parse, received, understand
from seedance_mcp.sandbox.videos import render

_PAGE = "<!doctype html><title>Sandbox</title><p>This is a page, not what was asked for."
_DENIED = '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>'
_IDS = ("id", "task_id", "taskId")


class Sandbox:
    """Every vendor's API, faithful and free of charge.

    `pace` stretches the time that a task takes (2.5 s at 1; at 0 it is done at the first look); `clock` can replace
    the monotonic clock, so that a test need not wait.
    """

    def __init__(self, pace: float = 1.0, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.pace = pace
        self.tasks: dict[str, Task] = {}
        self.charges: list[Charge] = []
        self.stored: dict[str, dict[str, StoredFile]] = {slug: {} for slug in known_fakes()}
        """What each vendor keeps of the files that were handed over, by URL or asset id."""
        self._clock = clock
        self._by_request_id: dict[tuple[str, str, str], Task] = {}
        self._times: Counter[str] = Counter()
        self.app = Starlette(routes=[route for fake in known_fakes().values() for route in self._routes(fake)])
        self.app.router.routes.append(Route("/videos/{task_id}.mp4", self._video))

    def base_url(self, slug: str, origin: str) -> str:
        """Return a vendor's base URL below an origin such as http://127.0.0.1:8080, for SEEDANCE_<VENDOR>_BASE_URL."""
        return origin.rstrip("/") + known_fakes()[slug].prefix

    def unreachable(self, body: bytes) -> bool:
        """Whether this body asks for there to be no connection, now that it comes once more."""
        directives = Directives.read(body.decode(errors="replace"))
        return "unreachable" in directives and directives.now("unreachable", self._time("unreachable", body))

    def _routes(self, fake: Fake) -> list[Route]:
        def bound(answer: Callable[[Fake, Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
            async def handler(request: Request) -> Response:
                try:
                    authenticate(request)
                    return await answer(fake, request)
                except Rejected as refused:
                    return _reply(fake.render_error(refused.rejection), note=refused.rejection.message)

            return handler

        routes = [
            Route(fake.prefix + fake.create_path, bound(self._create), methods=["POST"]),
            Route(fake.prefix + fake.status_path, bound(self._status)),
        ]
        if fake.content_path:
            routes.append(Route(fake.prefix + fake.content_path, bound(self._content)))
        routes += [self._endpoint(fake, endpoint) for endpoint in fake.endpoints]
        return routes

    def _endpoint(self, fake: Fake, endpoint: Endpoint) -> Route:
        """Return the route of an endpoint beside creating and looking."""

        async def handler(request: Request) -> Response:
            try:
                if not endpoint.public:
                    authenticate(request)
                file = await received(request, endpoint.form_field) if endpoint.form_field else None
                posted = endpoint.method == "POST" and file is None
                body: Mapping[str, Any] = parse(request, await request.body()) if posted else {}
            except Rejected as refused:
                return _reply(fake.render_error(refused.rejection), note=refused.rejection.message)
            spent = float(sum(c.amount or 0 for c in self.charges if c.slug == fake.slug))
            return _reply(
                endpoint.answer(EndpointRequest(body, file, self.stored[fake.slug], self._clock(), self.pace, spent))
            )

        return Route(fake.prefix + endpoint.path, handler, methods=[endpoint.method])

    async def _create(self, fake: Fake, request: Request) -> Response:
        raw = await request.body()
        directives = Directives.read(raw.decode(errors="replace"))
        repeat = request.headers.get(fake.vendor.idempotency_header or "", "")
        nth = self._time(fake.slug + repeat, raw) if directives.asked else 1
        if self.unreachable(raw) or directives.now("lose-request", nth):
            return Lost()
        body = parse(request, raw)
        asked, ignored = understand(fake, body)
        if key_of(request) == EMPTY_KEY:
            raise Rejected(Rejection("no_credit"))
        if directives.now("refuse", nth):
            kind = cast("RejectionKind", directives.what("refuse"))
            return _reply(fake.render_error(Rejection(kind)), {"retry-after": "1"} if kind == "rate_limited" else {})
        same = (fake.slug, key_of(request), repeat)
        task = self._by_request_id.get(same) if repeat else None
        if task is None:
            task = self._take(fake, asked, body, directives, ignored)
        if repeat:
            self._by_request_id[same] = task
        # With an idempotency key a repeated job can be answered at last; without one every job is a new one.
        lossy = next((word for word in LOSSY if directives.now(word, nth, 1 if repeat else float("inf"))), "")
        return _create_answer(fake, task, lossy)

    def _take(
        self, fake: Fake, asked: VideoRequest, body: Mapping[str, Any], directives: Directives, ignored: tuple[str, ...]
    ) -> Task:
        """Take a job and bill it."""
        seconds = 0.0 if "instant" in directives else directives.number("slow")
        first = self.stored[fake.slug].get((asked.first_frame or "").removeprefix("asset://"))
        task = Task(
            id=new_id(fake.id_style),
            slug=fake.slug,
            request=asked,
            body=body,
            directives=directives,
            started=self._clock(),
            created_at=time.time(),
            seconds=TOTAL_SECONDS * self.pace if seconds is None else seconds,
            amount=price(asked, fake.prices).amount,
            ignored=ignored,
            opening=first.content if first else b"",
        )
        self.tasks[task.id] = task
        self.charges.append(Charge(fake.slug, task.id, asked.model.name, asked.prompt, task.amount))
        return task

    async def _status(self, fake: Fake, request: Request) -> Response:
        task_id = request.query_params.get(fake.status_query) if fake.status_query else request.path_params["task_id"]
        task = self._known(fake, task_id, "unknown_task")
        task.polls += 1
        if task.polls <= (task.directives.number("status-500") or 0):
            raise Rejected(Rejection("server_error"))
        now = self._clock()
        state, url = task.state(now), None
        if state == "succeeded" and not fake.content_path:
            task.links += 1
            root = request.scope.get("app_root_path", "")
            url = f"{request.url.scheme}://{request.url.netloc}{root}/videos/{task.id}.mp4?link={task.links}"
        return JSONResponse(fake.render_status(TaskView(task, state, task.percent(now), url)))

    async def _content(self, fake: Fake, request: Request) -> Response:
        task = self._known(fake, request.path_params["task_id"], "unknown_video")
        state = task.state(self._clock())
        if state != "succeeded":
            raise Rejected(Rejection("not_ready", state))
        if "expired-link" in task.directives and not task.links:
            task.links += 1
            raise Rejected(Rejection("video_gone"))
        return await _deliver(task, request)

    async def _video(self, request: Request) -> Response:
        task = self.tasks.get(request.path_params["task_id"])
        if task is None or task.state(self._clock()) != "succeeded":
            return Response(status_code=404)
        if "expired-link" in task.directives and request.query_params.get("link") == "1":
            return Response(_DENIED, 403, media_type="application/xml")
        return await _deliver(task, request)

    def _known(self, fake: Fake, task_id: str | None, otherwise: RejectionKind) -> Task:
        task = self.tasks.get(task_id or "")
        if task is None or task.slug != fake.slug:
            raise Rejected(Rejection(otherwise))
        return task

    def _time(self, purpose: str, body: bytes) -> int:
        """Count how often the same body has come for a purpose, this time included."""
        key = f"{purpose} {hashlib.sha256(body).hexdigest()}"
        self._times[key] += 1
        return self._times[key]


def _create_answer(fake: Fake, task: Task, lossy: str) -> Response:
    """Answer a create, or spoil the answer as one of the lossy behaviours wants it."""
    body = fake.render_created(task)
    whole = json.dumps(body, ensure_ascii=False)
    spoilt: dict[str, Callable[[], Response]] = {
        "lose-answer": Lost,
        "hang": Silence,
        "error-500": lambda: _reply(fake.render_error(Rejection("server_error"))),
        "html": lambda: HTMLResponse(_PAGE),
        "truncate": lambda: Response(whole[: len(whole) // 2], media_type="application/json"),
        "no-id": lambda: JSONResponse(_without_id(body)),
    }
    return spoilt[lossy]() if lossy else JSONResponse(body)


def _without_id(body: Mapping[str, Any]) -> dict[str, Any]:
    stored = {name: value for name, value in body.items() if name not in _IDS}
    return {n: _without_id(cast("dict[str, Any]", v)) if isinstance(v, dict) else v for n, v in stored.items()}


def _reply(reply: Reply, headers: Mapping[str, str] | None = None, note: str = "") -> Response:
    """Send a vendor's answer; X-Sandbox-Note says what is wrong also where the vendor would not."""
    said = {"x-sandbox-note": note.encode("ascii", "replace").decode().replace("\n", " ")} if note else {}
    return JSONResponse(reply.body, reply.status, {**reply.headers, **(headers or {}), **said})


async def _deliver(task: Task, request: Request) -> Response:
    if "wrong-type" in task.directives:
        return HTMLResponse(_PAGE)
    if request.method == "GET":
        task.downloads += 1
    breaks_off = "cut-video" in task.directives and task.downloads == 1
    return Delivery(await render.fetch(task.video), request.headers, breaks_off=breaks_off)
