"""All vendors at once, each below its slug, as an ASGI application. Nothing runs in the background."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from seedance_mcp.catalog.price import price
from seedance_mcp.catalog.request import VideoRequest
from seedance_mcp.sandbox import responses
from seedance_mcp.sandbox.behaviour import LOSSY, Directives
from seedance_mcp.sandbox.connection import LostAnswer
from seedance_mcp.sandbox.fakes import known_fakes
from seedance_mcp.sandbox.fakes.fake import (
    Endpoint,
    EndpointRequest,
    Fake,
    Rejection,
    RejectionKind,
    StoredFile,
)
from seedance_mcp.sandbox.store import Store, fingerprint
from seedance_mcp.sandbox.tasks import TOTAL_SECONDS, Charge, Task, TaskView, new_id
from seedance_mcp.sandbox.validation import (
    EMPTY_KEY,
    Rejected,
    authenticate,
    bearer_key,
    check_job,
    parse_form,
    parse_json,
)
from seedance_mcp.sandbox.videos.still import png

_DENIED = '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>'

ChargeRule = Callable[[str, Decimal | None], Decimal | None]
"""From a vendor's slug and the quoted amount (None: not published) to what the vendor charges, in its own unit."""


class Sandbox:
    """Every vendor's API, faithful and free of charge.

    Args:
        pace: Stretches the time that a task takes: 2.5 s at 1; at 0 it is done at the first poll.
        clock: Replaces the monotonic clock, so that a test does not have to wait.
        review_seconds: How long a vendor reviews an uploaded file, at pace 1.
        store: A file in which tasks and uploaded files are kept, so that they outlive the process; None: nowhere.
        charge: What a vendor charges for each job, instead of the quoted price; with None as its answer, the vendor
            does not say. Such a charge stays when the task fails. The directive `charge N` in a prompt wins over it.
    """

    def __init__(
        self,
        pace: float = 1.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        review_seconds: float = 1.0,
        charge: ChargeRule | None = None,
        store: Path | None = None,
    ) -> None:
        self.pace = pace
        self.review_seconds = review_seconds
        self.tasks: dict[str, Task] = {}
        self.charges: list[Charge] = []
        self.stored: dict[str, dict[str, StoredFile]] = {slug: {} for slug in known_fakes()}
        """The files that were uploaded to each vendor, by URL or asset id."""
        self._clock = clock
        self._charge = charge
        self._store = Store(store, clock) if store else None
        self._tasks_by_request_id: dict[str, Task] = {}
        self._attempts: Counter[str] = Counter()
        self.app = Starlette(routes=[route for fake in known_fakes().values() for route in self._routes(fake)])
        self.app.router.routes.append(Route("/videos/{task_id}.mp4", self._video))
        self.app.router.routes.append(Route("/videos/{task_id}.png", self._last_frame))

    def base_url(self, slug: str, origin: str) -> str:
        """Return a vendor's base URL below an origin such as http://127.0.0.1:8080, for SEEDANCE_<VENDOR>_BASE_URL."""
        return origin.rstrip("/") + known_fakes()[slug].prefix

    def unreachable(self, body: bytes) -> bool:
        """Count an attempt to send this body, and return whether the body asks for no connection this time."""
        directives = Directives.read(body.decode(errors="replace"))
        return "unreachable" in directives and directives.applies("unreachable", self._attempt("unreachable", body))

    def _routes(self, fake: Fake) -> list[Route]:
        def bound(answer: Callable[[Fake, Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
            async def handler(request: Request) -> Response:
                try:
                    authenticate(request)
                    return await answer(fake, request)
                except Rejected as rejected:
                    return responses.rejection(fake, rejected)

            return handler

        routes = [
            Route(fake.prefix + fake.create_path, bound(self._create), methods=["POST"]),
            Route(fake.prefix + fake.status_path, bound(self._status)),
        ]
        if fake.render_list:
            routes.append(Route(fake.prefix + fake.create_path, bound(self._list), methods=["GET"]))
        if fake.cancel:
            routes.append(Route(fake.prefix + fake.status_path, bound(self._cancel), methods=["DELETE"]))
        if fake.content_path:
            routes.append(Route(fake.prefix + fake.content_path, bound(self._content)))
        routes += [self._endpoint(fake, endpoint) for endpoint in fake.endpoints]
        return routes

    def _endpoint(self, fake: Fake, endpoint: Endpoint) -> Route:
        """Return the route of an endpoint that neither creates nor polls a task."""

        async def handler(request: Request) -> Response:
            try:
                if not endpoint.public:
                    authenticate(request)
                file = await parse_form(request, endpoint.form_field) if endpoint.form_field else None
                has_json = endpoint.method == "POST" and file is None
                body: Mapping[str, Any] = parse_json(request, await request.body()) if has_json else {}
            except Rejected as rejected:
                return responses.rejection(fake, rejected)
            self._read_new_files()
            spent = float(sum(c.amount or 0 for c in self.charges if c.slug == fake.slug))
            review_seconds = self.review_seconds * self.pace
            stored = self.stored[fake.slug]
            known = set(stored)
            reply = endpoint.answer(EndpointRequest(body, file, stored, self._clock(), review_seconds, spent))
            if self._store:
                for file_id in stored.keys() - known:
                    self._store.add_file(fake.slug, file_id, stored[file_id])
            return responses.reply(reply)

        return Route(fake.prefix + endpoint.path, handler, methods=[endpoint.method])

    async def _create(self, fake: Fake, request: Request) -> Response:
        raw = await request.body()
        directives = Directives.read(raw.decode(errors="replace"))
        request_id = request.headers.get(fake.vendor.idempotency_header or "", "")
        attempt = self._attempt(fake.slug + request_id, raw) if directives.values else 1
        if self.unreachable(raw) or directives.applies("lose-request", attempt):
            return LostAnswer()
        body = parse_json(request, raw)
        job, ignored = check_job(fake, body)
        if bearer_key(request) == EMPTY_KEY:
            raise Rejected(Rejection("no_credit"))
        if directives.applies("refuse", attempt):
            kind = cast("RejectionKind", directives.choice("refuse"))
            return responses.reply(
                fake.render_error(Rejection(kind)), {"retry-after": "1"} if kind == "rate_limited" else {}
            )
        key = fingerprint(fake.slug, bearer_key(request), request_id) if request_id else ""
        task = self._task_of_request(key) if key else None
        if task is None:
            task = self._accept(fake, job, body, directives, ignored)
            if self._store:
                self._store.add(task, raw.decode(errors="replace"), key)
        if key:
            self._tasks_by_request_id[key] = task
        # With an idempotency key, a repeated request gets the answer in the end; without one, every request is new.
        default = 1 if request_id else float("inf")
        lossy = next((name for name in LOSSY if directives.applies(name, attempt, default)), "")
        return responses.create_answer(fake, task, lossy)

    def _accept(
        self, fake: Fake, job: VideoRequest, body: Mapping[str, Any], directives: Directives, ignored: tuple[str, ...]
    ) -> Task:
        """Accept a job and charge for it."""
        self._read_new_files()
        seconds = 0.0 if "instant" in directives else directives.number("slow")
        first_frame = self.stored[fake.slug].get((job.first_frame or "").removeprefix("asset://"))
        task = Task(
            id=new_id(fake.id_style),
            slug=fake.slug,
            request=job,
            body=body,
            directives=directives,
            started=self._clock(),
            created_at=time.time(),
            seconds=TOTAL_SECONDS * self.pace if seconds is None else seconds,
            amount=self._amount(fake, job, directives),
            refundable=self._charge is None and "charge" not in directives,
            ignored=ignored,
            first_frame=first_frame.content if first_frame else b"",
        )
        self.tasks[task.id] = task
        self.charges.append(Charge(fake.slug, task.id, job.model.name, job.prompt, task.amount))
        return task

    def _amount(self, fake: Fake, job: VideoRequest, directives: Directives) -> Decimal | None:
        """Return what the vendor charges for a job."""
        directed = directives.number("charge")
        if directed is not None:
            return Decimal(str(directed))
        quoted = price(job, fake.prices).amount
        return self._charge(fake.slug, quoted) if self._charge else quoted

    async def _list(self, fake: Fake, request: Request) -> Response:
        if fake.render_list is None:
            raise Rejected(Rejection("unknown_task"))
        now = self._clock()
        views = [
            TaskView(task, task.state(now), task.percent(now)) for task in self.tasks.values() if task.slug == fake.slug
        ]
        return responses.reply(fake.render_list(views, request.query_params))

    async def _cancel(self, fake: Fake, request: Request) -> Response:
        task = self._find_task(fake, request.path_params["task_id"], "unknown_task")
        if fake.cancel is None:
            raise Rejected(Rejection("unknown_task"))
        now = self._clock()
        effect, answer = fake.cancel(TaskView(task, task.state(now), task.percent(now)))
        if effect == "cancelled":
            task.cancelled = True
            self.charges = [charge for charge in self.charges if charge.task_id != task.id]
        elif effect == "erased":
            del self.tasks[task.id]
        if effect and self._store:
            self._store.remove(task.id)
        return responses.reply(answer)

    async def _status(self, fake: Fake, request: Request) -> Response:
        task_id = request.query_params.get(fake.status_query) if fake.status_query else request.path_params["task_id"]
        task = self._find_task(fake, task_id, "unknown_task")
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
        task = self._find_task(fake, request.path_params["task_id"], "unknown_video")
        state = task.state(self._clock())
        if state != "succeeded":
            raise Rejected(Rejection("not_ready", state))
        if "expired-link" in task.directives and not task.links:
            task.links += 1
            raise Rejected(Rejection("video_gone"))
        return await responses.deliver(task, request)

    async def _video(self, request: Request) -> Response:
        task = self._task(request.path_params["task_id"])
        if task is None or task.state(self._clock()) != "succeeded":
            return Response(status_code=404)
        if "expired-link" in task.directives and request.query_params.get("link") == "1":
            return Response(_DENIED, 403, media_type="application/xml")
        return await responses.deliver(task, request)

    async def _last_frame(self, request: Request) -> Response:
        task = self._task(request.path_params["task_id"])
        if task is None or task.state(self._clock()) != "succeeded":
            return Response(status_code=404)
        return Response(png(task.video.width, task.video.height), media_type="image/png")

    def _find_task(self, fake: Fake, task_id: str | None, otherwise: RejectionKind) -> Task:
        task = self._task(task_id or "")
        if task is None or task.slug != fake.slug:
            raise Rejected(Rejection(otherwise))
        return task

    def _task(self, task_id: str) -> Task | None:
        """Return a task of this process, or one that is stored."""
        if task_id not in self.tasks and self._store and (task := self._store.task(task_id)):
            self.tasks[task_id] = task
        return self.tasks.get(task_id)

    def _task_of_request(self, key: str) -> Task | None:
        if key not in self._tasks_by_request_id and self._store and (task := self._store.task_of_request(key)):
            self._tasks_by_request_id[key] = self.tasks.setdefault(task.id, task)
        return self._tasks_by_request_id.get(key)

    def _read_new_files(self) -> None:
        """Read the files that other processes have uploaded."""
        if self._store:
            for slug, file_id, file in self._store.new_files():
                self.stored.setdefault(slug, {}).setdefault(file_id, file)

    def _attempt(self, purpose: str, body: bytes) -> int:
        """Count how often the same body was sent for a purpose, this time included."""
        key = f"{purpose} {hashlib.sha256(body).hexdigest()}"
        self._attempts[key] += 1
        return self._attempts[key]
