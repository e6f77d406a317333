"""The process that is killed: the real studio over the real journal, with nothing of its own but the wrapping.

`python -m tests.faults.child` is a nursery: it imports the product once and forks a child for each plan it reads, so
that a kill costs milliseconds and not the second that starting Python and importing take.
`python -m tests.faults.child serve PLAN` is the whole MCP server on standard input and output.
"""

from __future__ import annotations

import errno
import functools
import json
import os
import random
import signal
import ssl
import sys
import time
import traceback
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import httpx2

from seedance_mcp import settings as product_settings
from seedance_mcp import views, web
from seedance_mcp.errors import SeedanceError
from seedance_mcp.jobs import poller, reconcile, schedule, submit
from seedance_mcp.jobs import service as service_module
from seedance_mcp.jobs.download import transfer
from seedance_mcp.jobs.journal.budget import Caps
from seedance_mcp.jobs.journal.model import Job, NewJob
from seedance_mcp.jobs.journal.sqlite import SqliteJournal
from seedance_mcp.jobs.service import JobService
from seedance_mcp.redaction import log_to_stderr
from seedance_mcp.runtime import open_service
from tests.faults.kill_points import Killer, install, patch
from tests.faults.mutants import apply_mutant
from tests.faults.plan import Folder, Plan
from tests.faults.plan import Job as Wanted
from tests.faults.vendor import LOOKS, POSTS, PRICE, SLOW_POSTS, Orders

if sys.platform != "win32":
    import resource

_HASTE = 0.02
"""Pauses of the product that are not what is tested take a fiftieth of their time."""


class Voice:
    """Says things in a file, a line at a time; what is said stays, even if the process dies at once."""

    def __init__(self, folder: Folder) -> None:
        self._fd = os.open(folder.said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def say(self, **words: Any) -> None:
        with _room_on_disk():
            os.write(self._fd, json.dumps({"pid": os.getpid(), **words}).encode() + b"\n")


class _room_on_disk:  # noqa: N801  (a context manager, used like a function)
    def __enter__(self) -> None:
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self._before[1], self._before[1]))

    def __exit__(self, *_: object) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)


class DiskFiller(Killer):
    """In place of a kill, the disk is full from the point on: no file can grow past a few bytes."""

    def reach(self, point: str) -> None:
        if self._due(point):
            resource.setrlimit(resource.RLIMIT_FSIZE, (64, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    reach_soon = reach


def _hurry(plan: Plan) -> None:
    quick = httpx2.Timeout(2.5, connect=2.5)
    for name in ("_SUBMIT_TIMEOUT", "_LOOK_TIMEOUT", "_FILM_TIMEOUT"):
        patch(web, name, quick)

    async def short_sleep(seconds: float) -> None:
        await anyio.sleep(seconds * _HASTE)

    for name in ("_LONGEST_SUBMIT", "_LONGEST_LOOK"):
        patch(web, name, 3.0)
    patch(transfer, "_BLOCK", 16 * 1024)
    patch(submit, "anyio", SimpleNamespace(**{**vars(anyio), "sleep": short_sleep}))

    def in_peace(*_: object) -> float:
        return _HASTE

    patch(schedule, "after_error", in_peace)
    for module in (service_module, poller):
        patch(module, "FRESH", 0.01)
    patch(reconcile, "PAUSES", (0.05, 0.2, 1.0))
    patch(reconcile, "_REST", 0.01)
    patch(poller, "LOOKS_PER_SECOND", 1000)
    if plan.lease is not None:
        patch(poller, "LEASE", plan.lease)
        patch(poller, "LONGEST", plan.lease)
    if plan.clock:
        now = time.time
        patch(time, "time", lambda: now() + plan.clock)


def prepare(plan: Plan) -> Killer:
    """Turn this process into the child of a plan."""
    os.environ.clear()
    os.environ.update(plan.environ())
    killer = (DiskFiller if plan.disk_full else Killer)(plan.kill, plan.nth, plan.delay)
    _hurry(plan)
    if plan.bug:
        apply_mutant(plan.bug)
    install(killer)
    return killer


# -- roles --------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _open(voice: Voice) -> AsyncGenerator[JobService]:
    settings = product_settings.load()
    log_to_stderr(settings)
    began = time.perf_counter()
    async with open_service(settings) as service:
        await service.recover()
        voice.say(recovered=(time.perf_counter() - began) * 1000)
        yield service


async def _create(service: JobService, wanted: Wanted, voice: Voice, killer: Killer) -> Job | None:
    try:
        made = await service.create(service.quote(wanted.arguments()), {})
    except SeedanceError as error:
        voice.say(refused=wanted.orders.intent, code=error.code, text=str(error))
        return None
    killer.reach("reply.before")
    voice.say(
        acknowledged=wanted.orders.intent,
        job=made.job.id,
        state=made.job.state,
        text=views.to_text(views.created(made)),
    )
    killer.reach("reply.after")
    return made.job


def _restless(service: JobService, job: Job, polls: Mapping[str, int]) -> bool:
    if job.open or job.state in {"intent", "submitting"}:
        return True
    if job.state == "succeeded":
        return service.saving and not job.path and (not job.save_error or polls.get(job.id, 0) < 3)
    vendor = service.settings.vendor(job.vendor)
    return (
        job.state == "unknown" and vendor is not None and bool(vendor.idempotency_header) and polls.get(job.id, 0) < 3
    )


async def _come_to_rest(service: JobService, patience: float) -> bool:
    """Check on every job until there is nothing more to wait for; False if that takes too long."""
    polls: dict[str, int] = {}
    ends = time.monotonic() + patience
    while time.monotonic() < ends:
        jobs = await service.journal.in_states(
            ("intent", "submitting", "submitted", "queued", "running", "unknown", "succeeded")
        )
        if not (restless := [job for job in jobs if _restless(service, job, polls)]):
            return True
        for job in restless:
            with suppress(SeedanceError):
                await service.check(job.id)
            polls[job.id] = polls.get(job.id, 0) + 1
        await anyio.sleep(0.02)
    return False


async def _work(plan: Plan, voice: Voice, killer: Killer) -> int:
    async with _open(voice) as service:
        left = list(plan.jobs)

        async def worker() -> None:
            while left:
                await _create(service, left.pop(0), voice, killer)

        async with anyio.create_task_group() as group:
            for _ in range(plan.workers):
                group.start_soon(worker)
        rested = await _come_to_rest(service, plan.patience)
        voice.say(rested=rested)
    return 0 if rested else 3


async def _recover(plan: Plan, voice: Voice, _: Killer) -> int:
    async with _open(voice) as service:
        voice.say(unknown=[job.id for job in await service.journal.in_states(("unknown",))])
        rested = await _come_to_rest(service, plan.patience)
        voice.say(rested=rested)
    return 0 if rested else 3


_USUAL = ("normal",) * 24
_QUICK = tuple(name for name, each in POSTS.items() if not each.door and name not in SLOW_POSTS)


async def _crowd(plan: Plan, voice: Voice, killer: Killer) -> int:
    """Several assistants at once, each making one video after another until somebody says stop."""
    rng = random.Random(f"{plan.seed}")
    folder = Folder(Path(plan.folder))
    async with _open(voice) as service:

        async def assistant(number: int) -> None:
            made = 0
            while not folder.go.exists():
                made += 1
                post = rng.choice((*_USUAL, *_QUICK))
                look = rng.choice((*_USUAL, *LOOKS[:-1])) if post != "accept_with_an_earlier_id" else "normal"
                orders = Orders(f"{plan.name}.{plan.seed}-{number}-{made}", post, look)
                job = await _create(
                    service, Wanted(rng.choice(("seedanceapi", "aigptimage", "ope")), orders), voice, killer
                )
                if job is not None and rng.random() < 0.1:
                    with suppress(SeedanceError):
                        await service.check(job.id)

        async with anyio.create_task_group() as group:
            for number in range(plan.workers):
                group.start_soon(assistant, number)
    return 0


async def _race(plan: Plan, voice: Voice, _: Killer) -> int:
    """Reserve as much as the cap lets pass, as fast as possible."""
    folder = Folder(Path(plan.folder))
    caps = Caps(per_day=int(plan.caps["SEEDANCE_DAILY_BUDGET"]))
    journal = SqliteJournal(folder.state)
    voice.say(ready=True)
    while not folder.go.exists():  # noqa: ASYNC110  (another process makes it)
        await anyio.sleep(0.001)
    admitted = 0
    for number in range(plan.nth):
        name = f"{plan.seed}-{number}"
        new = NewJob(name, "seedanceapi", "m", {"prompt": name}, name, "nobody", PRICE, None)
        with suppress(SeedanceError):
            await journal.admit(new, caps)
            admitted += 1
    voice.say(admitted=admitted)
    return 0


async def _just_open(_: Plan, voice: Voice, __: Killer) -> int:
    """Open the studio and say how that went."""
    try:
        async with _open(voice):
            voice.say(opened=True)
    except SeedanceError as error:
        voice.say(refused="", code=error.code, text=str(error))
        return 4
    return 0


_ROLES: Mapping[str, Callable[[Plan, Voice, Killer], Any]] = {
    "work": _work,
    "recover": _recover,
    "crowd": _crowd,
    "race": _race,
    "open": _just_open,
}


def run(plan: Plan) -> int:
    """Be the child of a plan to its end."""
    killer = prepare(plan)
    return anyio.run(_ROLES[plan.role], plan, Voice(Folder(Path(plan.folder))), killer)


# -- the nursery --------------------------------------------------------------------------------------------------


def _bear(plan: Plan) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        # A child that outlives its nursery would write into the next campaign.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        log = os.open(Folder(Path(plan.folder)).log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 2)
        status = run(plan)
    except BaseException:  # noqa: BLE001  (nothing may return into the nursery's loop)
        with suppress(OSError):
            traceback.print_exc()
    finally:
        os._exit(status)


def _wait(pid: int, seconds: float) -> int | None:
    ends = time.monotonic() + seconds
    pause = 0.0005
    while True:
        try:
            done, status = os.waitpid(pid, os.WNOHANG)
        except OSError as error:
            if error.errno == errno.ECHILD:
                return 1
            raise
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > ends:
            return None
        time.sleep(pause)
        pause = min(0.004, pause * 1.5)


def fork_server() -> None:
    """Bear and await children as standard input says, until it ends; then none is left."""
    patch(ssl, "create_default_context", functools.cache(ssl.create_default_context))
    born: set[int] = set()
    for line in sys.stdin:
        order = json.loads(line)
        if "plan" in order:
            answer = _bear(Plan.from_json(order["plan"]))
            born.add(answer)
        else:
            answer = _wait(order["wait"], order["seconds"])
            if answer is not None:
                born.discard(order["wait"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    for pid in born:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def serve(plan: Plan) -> None:
    """Be the whole MCP server on standard input and output."""
    killer = prepare(plan)
    from seedance_mcp.server import app
    from seedance_mcp.server.tools import registry

    create = registry.create_video

    async def creating(service: JobService, call: registry.Call) -> views.Fields:
        fields = await create(service, call)
        killer.reach("reply.before")
        return fields

    patch(registry, "create_video", creating)
    settings = product_settings.load()
    log_to_stderr(settings)
    anyio.run(app.serve_stdio, settings)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve(Plan.from_json(json.loads(sys.argv[2])))
    else:
        fork_server()
