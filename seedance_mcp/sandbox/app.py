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
from seedance_mcp.sandbox import film
from seedance_mcp.sandbox.behaviour import LOSSY, Wishes
from seedance_mcp.sandbox.connection import Lost, Silence
from seedance_mcp.sandbox.delivery import Delivery
from seedance_mcp.sandbox.entrance import EMPTY_KEY, Refuses, authenticate, key_of, parse, received, understand
from seedance_mcp.sandbox.fake import Fake, Kept, No, NoKind, Reply, Service, Visit, known_fakes
from seedance_mcp.sandbox.tasks import TOTAL_SECONDS, Charge, Look, Task, new_id

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
        self.kept: dict[str, dict[str, Kept]] = {slug: {} for slug in known_fakes()}
        """What each vendor keeps of the files that were handed over, by URL or asset id."""
        self._clock = clock
        self._by_request_id: dict[tuple[str, str, str], Task] = {}
        self._times: Counter[str] = Counter()
        self.app = Starlette(routes=[route for fake in known_fakes().values() for route in self._routes(fake)])
        self.app.router.routes.append(Route("/films/{task_id}.mp4", self._film))

    def base_url(self, slug: str, origin: str) -> str:
        """Return a vendor's base URL below an origin such as http://127.0.0.1:8080, for SEEDANCE_<VENDOR>_BASE_URL."""
        return origin.rstrip("/") + known_fakes()[slug].prefix

    def unreachable(self, body: bytes) -> bool:
        """Whether this body asks for there to be no connection, now that it comes once more."""
        wishes = Wishes.read(body.decode(errors="replace"))
        return "unreachable" in wishes and wishes.now("unreachable", self._time("unreachable", body))

    def _routes(self, fake: Fake) -> list[Route]:
        def bound(answer: Callable[[Fake, Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
            async def endpoint(request: Request) -> Response:
                try:
                    authenticate(request)
                    return await answer(fake, request)
                except Refuses as refused:
                    return _reply(fake.refuse(refused.no), note=refused.no.words)

            return endpoint

        routes = [
            Route(fake.prefix + fake.create_path, bound(self._create), methods=["POST"]),
            Route(fake.prefix + fake.look_path, bound(self._look)),
        ]
        if fake.content_path:
            routes.append(Route(fake.prefix + fake.content_path, bound(self._content)))
        routes += [self._service(fake, service) for service in fake.services]
        return routes

    def _service(self, fake: Fake, service: Service) -> Route:
        """Return the route of an endpoint beside creating and looking."""

        async def endpoint(request: Request) -> Response:
            try:
                if not service.public:
                    authenticate(request)
                file = await received(request, service.form_field) if service.form_field else None
                posted = service.method == "POST" and file is None
                body: Mapping[str, Any] = parse(request, await request.body()) if posted else {}
            except Refuses as refused:
                return _reply(fake.refuse(refused.no), note=refused.no.words)
            spent = float(sum(c.amount or 0 for c in self.charges if c.slug == fake.slug))
            return _reply(service.answer(Visit(body, file, self.kept[fake.slug], self._clock(), self.pace, spent)))

        return Route(fake.prefix + service.path, endpoint, methods=[service.method])

    async def _create(self, fake: Fake, request: Request) -> Response:
        raw = await request.body()
        wishes = Wishes.read(raw.decode(errors="replace"))
        repeat = request.headers.get(fake.vendor.idempotency_header or "", "")
        nth = self._time(fake.slug + repeat, raw) if wishes.asked else 1
        if self.unreachable(raw) or wishes.now("lose-request", nth):
            return Lost()
        body = parse(request, raw)
        asked, ignored = understand(fake, body)
        if key_of(request) == EMPTY_KEY:
            raise Refuses(No("no_credit"))
        if wishes.now("refuse", nth):
            kind = cast("NoKind", wishes.what("refuse"))
            return _reply(fake.refuse(No(kind)), {"retry-after": "1"} if kind == "rate_limited" else {})
        same = (fake.slug, key_of(request), repeat)
        task = self._by_request_id.get(same) if repeat else None
        if task is None:
            task = self._take(fake, asked, body, wishes, ignored)
        if repeat:
            self._by_request_id[same] = task
        # With an idempotency key a repeated job can be answered at last; without one every job is a new one.
        lossy = next((word for word in LOSSY if wishes.now(word, nth, 1 if repeat else float("inf"))), "")
        return _create_answer(fake, task, lossy)

    def _take(
        self, fake: Fake, asked: VideoRequest, body: Mapping[str, Any], wishes: Wishes, ignored: tuple[str, ...]
    ) -> Task:
        """Take a job and bill it."""
        seconds = 0.0 if "instant" in wishes else wishes.number("slow")
        first = self.kept[fake.slug].get((asked.first_frame or "").removeprefix("asset://"))
        task = Task(
            id=new_id(fake.id_style),
            slug=fake.slug,
            request=asked,
            body=body,
            wishes=wishes,
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

    async def _look(self, fake: Fake, request: Request) -> Response:
        task_id = request.query_params.get(fake.look_query) if fake.look_query else request.path_params["task_id"]
        task = self._known(fake, task_id, "unknown_task")
        task.looks += 1
        if task.looks <= (task.wishes.number("status-500") or 0):
            raise Refuses(No("server_error"))
        now = self._clock()
        state, url = task.state(now), None
        if state == "succeeded" and not fake.content_path:
            task.links += 1
            root = request.scope.get("app_root_path", "")
            url = f"{request.url.scheme}://{request.url.netloc}{root}/films/{task.id}.mp4?link={task.links}"
        return JSONResponse(fake.looked(Look(task, state, task.percent(now), url)))

    async def _content(self, fake: Fake, request: Request) -> Response:
        task = self._known(fake, request.path_params["task_id"], "unknown_film")
        state = task.state(self._clock())
        if state != "succeeded":
            raise Refuses(No("not_ready", state))
        if "expired-link" in task.wishes and not task.links:
            task.links += 1
            raise Refuses(No("film_gone"))
        return await _deliver(task, request)

    async def _film(self, request: Request) -> Response:
        task = self.tasks.get(request.path_params["task_id"])
        if task is None or task.state(self._clock()) != "succeeded":
            return Response(status_code=404)
        if "expired-link" in task.wishes and request.query_params.get("link") == "1":
            return Response(_DENIED, 403, media_type="application/xml")
        return await _deliver(task, request)

    def _known(self, fake: Fake, task_id: str | None, otherwise: NoKind) -> Task:
        task = self.tasks.get(task_id or "")
        if task is None or task.slug != fake.slug:
            raise Refuses(No(otherwise))
        return task

    def _time(self, purpose: str, body: bytes) -> int:
        """Count how often the same body has come for a purpose, this time included."""
        key = f"{purpose} {hashlib.sha256(body).hexdigest()}"
        self._times[key] += 1
        return self._times[key]


def _create_answer(fake: Fake, task: Task, lossy: str) -> Response:
    """Answer a create, or spoil the answer as one of the lossy behaviours wants it."""
    body = fake.created(task)
    whole = json.dumps(body, ensure_ascii=False)
    spoilt: dict[str, Callable[[], Response]] = {
        "lose-answer": Lost,
        "hang": Silence,
        "error-500": lambda: _reply(fake.refuse(No("server_error"))),
        "html": lambda: HTMLResponse(_PAGE),
        "truncate": lambda: Response(whole[: len(whole) // 2], media_type="application/json"),
        "no-id": lambda: JSONResponse(_without_id(body)),
    }
    return spoilt[lossy]() if lossy else JSONResponse(body)


def _without_id(body: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in body.items() if name not in _IDS}
    return {n: _without_id(cast("dict[str, Any]", v)) if isinstance(v, dict) else v for n, v in kept.items()}


def _reply(reply: Reply, headers: Mapping[str, str] | None = None, note: str = "") -> Response:
    """Send a vendor's answer; X-Sandbox-Note says what is wrong also where the vendor would not."""
    said = {"x-sandbox-note": note.encode("ascii", "replace").decode().replace("\n", " ")} if note else {}
    return JSONResponse(reply.body, reply.status, {**reply.headers, **(headers or {}), **said})


async def _deliver(task: Task, request: Request) -> Response:
    if "wrong-type" in task.wishes:
        return HTMLResponse(_PAGE)
    if request.method == "GET":
        task.downloads += 1
    breaks_off = "cut-film" in task.wishes and task.downloads == 1
    return Delivery(await film.fetch(task.film), request.headers, breaks_off=breaks_off)
