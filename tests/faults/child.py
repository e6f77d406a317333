"""The process that is killed: the real job service over the real journal, wrapped from outside.

`python -m tests.faults.child` is the fork server: it imports the product once and forks a child for each plan that it
reads, so a kill costs milliseconds and not the seconds that it takes to start Python and import everything.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx2

from seedance_mcp import views
from seedance_mcp.catalog.order import Order
from seedance_mcp.errors import SeedanceError
from seedance_mcp.jobs.download.timing import DownloadTiming
from seedance_mcp.jobs.journal.model import OPEN, Job
from seedance_mcp.jobs.service import JobService
from seedance_mcp.jobs.timing import CancelTiming, PollTiming, ReconcileTiming, SubmitTiming, Timing
from seedance_mcp.redaction import Redaction, log_to_stderr
from seedance_mcp.runtime import load_settings, open_service
from seedance_mcp.settings import Settings
from seedance_mcp.vendors import known_vendors
from seedance_mcp.web import Timeouts, Web
from tests import remembered
from tests.faults import plan as plans
from tests.faults.behaviours import LISTING, RECONCILING, WORKED_ON, read_script, settles
from tests.faults.kill_points import Killer, dial, install
from tests.faults.mutants import apply_mutant
from tests.faults.plan import KEYS, Folder, Plan
from tests.faults.roles import ROLES

if sys.platform != "win32":
    import resource

_TIMEOUTS = Timeouts(connect=2.5, submit_read=2.5, read=2.5, submit=3.0, call=3.0)
_UNSETTLED = 3
"""The exit code of a child whose jobs did not settle in time."""
_NOT_OPENED = 4
"""The exit code of a child that could not open the service."""
_LISTINGS = 100
"""How often a job is checked that its vendor should list."""
_CHECKS = 3
"""How often a job is checked whose download has failed, or which could be reconciled, before it counts as settled."""


def _timing(plan: Plan) -> Timing:
    """Return short pauses: they are not what is tested here, but for those in which an orderly end can fall."""
    pauses = SubmitTiming(unsent_pauses=(0.02, 0.04, 0.08), busy_pauses=(0.04, 0.04))
    if plan.role == "session":
        pauses = SubmitTiming(unsent_pauses=(0.5, 0.5, 0.5), busy_pauses=(0.5, 0.5))
    timing = Timing(
        submit=replace(pauses, write_pauses=(0.01, 0.02, 0.04, 0.08)),
        poll=PollTiming(fresh=0.01, per_second=1000, after_failure=0.6, error_pause=0.02, longest_error_pause=0.02),
        reconcile=ReconcileTiming(pauses=(0.05, 0.2, 1.0), fresh=0.01),
        cancel=CancelTiming(window=WORKED_ON / 2),
        downloads=DownloadTiming(block=16 * 1024, retry_pause=0.01, poll_other_server=0.05),
        clock=lambda: time.time() + plan.clock,
    )
    if plan.housekeeping is not None:
        timing = replace(timing, housekeeping=plan.housekeeping)
    if plan.lease is None:
        return timing
    return replace(
        timing, poll=replace(timing.poll, lease=plan.lease), downloads=replace(timing.downloads, longest=plan.lease)
    )


class Reporter:
    """Writes what a child has to report to a file, line by line; it stays there even if the process dies at once."""

    def __init__(self, folder: Folder) -> None:
        self._fd = os.open(folder.reports_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def report(self, **fields: Any) -> None:
        """Write one line."""
        with _room_on_disk():
            os.write(self._fd, json.dumps({"pid": os.getpid(), **fields}).encode() + b"\n")


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


class Child:
    """One child of a plan: what it reports, and when it is killed."""

    def __init__(self, plan: Plan) -> None:
        """Turn this process into the child of a plan."""
        os.environ.clear()
        os.environ.update(plan.environ())
        self.plan = plan
        self.folder = Folder(Path(plan.folder))
        self.report = Reporter(self.folder).report
        self.killer = (DiskFiller if plan.disk_full else Killer)(plan.kill, plan.nth, plan.delay)
        if plan.mutant:
            apply_mutant(plan.mutant, self.report)
        install(self.killer)
        if plan.dial is not None:
            dial(plan.dial)

        self.timing = _timing(plan)

    def web(self, settings: Settings) -> Web:
        """Return the network, with short timeouts."""
        return Web(settings, timeouts=_TIMEOUTS)

    async def run(self) -> int:
        """Do what the plan says; return the exit code."""
        return await ROLES[self.plan.role](self)

    @asynccontextmanager
    async def service(self) -> AsyncGenerator[JobService]:
        """Open the job service, and report how long that and the recovery took."""
        settings = load_settings()
        log_to_stderr(settings)
        began = time.perf_counter()
        async with open_service(settings, web=self.web(settings), timing=self.timing) as service:
            await service.recover()
            self.report(recovered=(time.perf_counter() - began) * 1000)
            yield service

    async def create(self, service: JobService, job: plans.Job) -> Job | None:
        """Create a job and report what the service answered, as an assistant would learn it."""
        try:
            quote = await service.quote(Order.parse(job.arguments()))
            admission = await service.create(quote)
        except SeedanceError as error:
            self.report(refused=job.script.intent, code=error.code, text=str(error))
            return None
        self.killer.reach("reply.before")
        self.report(
            acknowledged=job.script.intent,
            job=admission.job.id,
            state=admission.job.state,
            text=views.to_text(views.created(quote, admission, 50)),
        )
        self.killer.reach("reply.after")
        return admission.job

    async def settle(self, service: JobService) -> int:
        """Check every job until there is nothing left to wait for; return the exit code."""
        checks: dict[str, int] = {}
        ends = time.monotonic() + self.plan.patience
        settled = False
        while not settled and time.monotonic() < ends:
            jobs = await service.in_states(("intent", "submitting", *OPEN, "unknown", "succeeded"))
            unsettled = [job for job in jobs if self._is_unsettled(service, job, checks.get(job.id, 0))]
            for job in unsettled:
                if not (self.plan.passive and job.state == "unknown"):
                    with suppress(SeedanceError):
                        await service.check(job.id)
                checks[job.id] = checks.get(job.id, 0) + 1
            settled = not unsettled
            if unsettled:
                await anyio.sleep(0.02)
        self.report(settled=settled)
        return 0 if settled else _UNSETTLED

    def is_mine(self, job: Job) -> bool:
        """Whether this process has created the job, or another one with the same account at the same address."""
        script = read_script(job.prompt)
        return script is not None and script.account == self.plan.account

    def _is_unsettled(self, service: JobService, job: Job, checks: int) -> bool:
        if not self.is_mine(job):
            return False
        if not service.is_final(job):
            return True
        if job.state == "succeeded":
            return service.autosave and not job.path and (not job.save_error or checks < _CHECKS)
        if job.state != "unknown" or job.vendor not in RECONCILING:
            return False
        script = read_script(job.prompt)
        if job.vendor in LISTING and checks > _LISTINGS:
            return False  # its server was killed before the vendor accepted it, if the invariants agree
        return checks < _CHECKS or (self.plan.reconciles and script is not None and settles(job.vendor, script.post))


# -- the fork server ----------------------------------------------------------------------------------------------


async def _warm_up() -> None:
    """Import and compile what the product does at its first start and its first request."""
    remembered.remember()
    remembered.prepare()
    known_vendors()
    for account in KEYS:
        settings = load_settings(Plan(folder="unused", origin="http://127.0.0.1:9", account=account).environ())
        Redaction(tuple(key.get_secret_value() for key in settings.keys.values()))  # its patterns are long
    async with httpx2.AsyncClient() as client:
        with suppress(httpx2.HTTPError):
            await client.get("http://127.0.0.1:9")  # nothing answers there
    with suppress(ImportError):
        importlib.import_module("av")


def _fork(plan: Plan) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        log = os.open(Folder(Path(plan.folder)).log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 2)
        status = anyio.run(Child(plan).run)
    except BaseException:  # noqa: BLE001  (nothing may return into the loop of the fork server)
        with suppress(OSError):
            traceback.print_exc()
    finally:
        os._exit(status)


def _write(**fields: float) -> None:
    os.write(1, json.dumps(fields).encode() + b"\n")


def fork_server() -> None:
    """Fork a child for each plan on standard input until it ends; then kill the children that are left.

    The process id of each child, and each exit code, is a line on standard output.
    """
    anyio.run(_warm_up)
    gc.freeze()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, _ignore)  # without a handler, nothing would be written to the pipe
    running: set[int] = set()
    plans_left = bytearray()
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _reap(running)
        if 0 in ready:
            block = os.read(0, 65_536)
            if not block:
                break
            *lines, plans_left[:] = (plans_left + block).split(b"\n")
            for line in lines:
                running.add(pid := _fork(Plan.from_json(json.loads(line))))
                _write(started=pid)
    for pid in running:
        os.kill(pid, signal.SIGKILL)


def _ignore(*_: object) -> None:
    pass


def _reap(running: set[int]) -> None:
    """Report the children that have ended."""
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        running.discard(pid)
        _write(ended=pid, code=os.waitstatus_to_exitcode(status), at=time.monotonic())


if __name__ == "__main__":
    fork_server()
