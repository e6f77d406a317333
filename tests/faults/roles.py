"""What a child does, by the role that its plan names."""

from __future__ import annotations

import random
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio

from seedance_mcp.errors import SeedanceError
from seedance_mcp.jobs.journal.budget import Caps
from seedance_mcp.jobs.journal.model import STATES, NewJob
from seedance_mcp.jobs.journal.sqlite import SqliteJournal
from seedance_mcp.server import stdio
from tests.faults import plan as plans
from tests.faults.behaviours import (
    BASE_PATH,
    CHARGES,
    CODED,
    POLLS,
    POSTS,
    PRICE,
    QUEUED,
    SLOW_POSTS,
    Script,
    read_script,
)
from tests.faults.session import session
from tests.faults.whole_server import prepare_whole_server

if TYPE_CHECKING:
    from tests.faults.child import Child

_NOT_OPENED = 4
"""The exit code of a child that could not open the service."""


async def _work(child: Child) -> int:
    """Create the jobs of the plan, and wait until all have settled."""
    async with child.service() as service:
        await _signal(child)
        left = list(child.plan.jobs)

        async def worker() -> None:
            while left:
                await child.create(service, left.pop(0))

        async with anyio.create_task_group() as group:
            for _ in range(child.plan.workers):
                group.start_soon(worker)
        return await child.settle(service) if child.plan.settle else 0


async def _signal(child: Child) -> None:
    if child.plan.await_signal:
        child.report(ready=True)
        while not child.folder.signal.exists():  # noqa: ASYNC110  (another process creates it)
            await anyio.sleep(0.005)


async def _cancel(child: Child) -> int:
    """Create all jobs of the plan, cancel each at some moment of its life, and wait until all have ended."""
    rng = random.Random(child.plan.seed)
    async with child.service() as service:

        async def one(job: plans.Job, after: float) -> None:
            created = await child.create(service, job)
            await anyio.sleep(after)
            if created is not None:
                try:
                    await service.cancel(created.id)
                except SeedanceError as error:
                    child.report(not_cancelled=created.id, text=str(error))

        async with anyio.create_task_group() as group:
            for job in child.plan.jobs:
                group.start_soon(one, job, rng.uniform(0, 1.2 * QUEUED))
        return await child.settle(service)


async def _recover(child: Child) -> int:
    """Wait until everything that earlier processes left has settled."""
    async with child.service() as service:
        child.report(unknown=[job.id for job in await service.in_states(("unknown",))])
        return await child.settle(service) if child.plan.settle else 0


async def _stranger(child: Child) -> int:
    """With another account, ask about every job, save every video, and settle what a person knows."""
    async with child.service() as service:
        for job in await service.in_states(STATES):
            script = read_script(job.prompt)
            with suppress(SeedanceError):
                if job.state == "unknown" and script is not None and script.intent in child.plan.resolve:
                    await service.resolve(job.id, child.plan.resolve[script.intent])
            with suppress(SeedanceError):
                await service.download(await service.check(job.id))
        await anyio.sleep(0.1)  # what it does in the background is wrong too
    return 0


async def _purge(child: Child) -> int:
    """Delete what users wrote of every job that has ended."""
    async with child.service() as service:
        await service.purge(0)
    return 0


_USUALLY = ("normal",) * 24
_QUICK = tuple(name for name, each in POSTS.items() if not each.own_port and name not in SLOW_POSTS)


async def _crowd(child: Child) -> int:
    """Let several assistants create one video after another until the signal is given."""
    plan = child.plan
    rng = random.Random(f"{plan.seed}")
    async with child.service() as service:

        async def assistant(number: int) -> None:
            created = 0
            while not child.folder.signal.exists():
                created += 1
                post = rng.choice((*_USUALLY, *_QUICK))
                poll = rng.choice((*_USUALLY, *POLLS[:-1])) if post != "accept_with_an_earlier_id" else "normal"
                if post == "normal" and rng.random() < 0.2:
                    post = rng.choice(CODED)
                charge = rng.choice(CHARGES) if rng.random() < 0.3 else "quoted"
                name = f"{plan.name}.{plan.seed}-{number}-{created}"
                script = Script(name, post, poll, charge=charge, account=plan.account)
                job = await child.create(service, plans.Job(rng.choice(tuple(BASE_PATH)), script))
                if job is not None and rng.random() < 0.1:
                    with suppress(SeedanceError):
                        await service.check(job.id)

        with anyio.open_signal_receiver(signal.SIGTERM) as signals:
            async with anyio.create_task_group() as group:
                for number in range(plan.workers):
                    group.start_soon(assistant, number)
                child.report(working=True)
                if plan.end == "term":
                    async for _ in signals:
                        break
                    child.report(ending=plan.end, at=time.monotonic())
                    group.cancel_scope.cancel()
    return 0


async def _race(child: Child) -> int:
    """Reserve as much as the cap allows, as fast as possible."""
    plan = child.plan
    caps = Caps(per_day=int(plan.settings["SEEDANCE_DAILY_BUDGET"]))
    journal = SqliteJournal(child.folder.state)
    child.report(ready=True)
    while not child.folder.signal.exists():  # noqa: ASYNC110  (another process creates it)
        await anyio.sleep(0.001)
    admitted = 0
    for number in range(plan.nth):
        name = f"{plan.seed}-{number}"
        new = NewJob(name, "seedanceapi", "m", {"prompt": name}, name, "nobody", PRICE, None, "account")
        with suppress(SeedanceError):
            await journal.admit(new, caps)
            admitted += 1
    child.report(admitted=admitted)
    return 0


async def _just_open(child: Child) -> int:
    """Open the service and report how that went."""
    try:
        async with child.service():
            child.report(opened=True)
    except SeedanceError as error:
        child.report(refused="", code=error.code, text=str(error))
        return _NOT_OPENED
    return 0


async def _serve(child: Child) -> int:
    """Run the whole MCP server, with pipes of the folder as its standard input and output."""
    settings = prepare_whole_server(child)
    with child.folder.input.open() as sys.stdin, child.folder.output.open("w") as sys.stdout:
        await stdio.serve_stdio(settings)
    return 0


ROLES: Mapping[str, Callable[[Child], Any]] = {
    "work": _work,
    "recover": _recover,
    "cancel": _cancel,
    "stranger": _stranger,
    "purge": _purge,
    "crowd": _crowd,
    "race": _race,
    "open": _just_open,
    "serve": _serve,
    "session": session,
}
