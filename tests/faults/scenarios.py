"""What the campaign tries: one kill in one job's life, crowds of servers that are killed at random, and races."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.faults.fork_server import KILLED, ForkServer, open_fork_server
from tests.faults.invariants import Findings, Ledger, inspect
from tests.faults.kill_points import POINTS, commit_delay
from tests.faults.plan import Folder, Job, Plan
from tests.faults.vendor import BASE_PATH, DOWNLOADS, POLLS, POSTS, PRICE, SLOW_POSTS, Ports, Script, open_vendor

VENDORS = tuple(BASE_PATH)
_OUTCOMES = {"rejected": "rejected", "unknown": "unknown", "reconcile": "unknown"}
_NEEDS_A_TASK = ("submitted", "running", "ended", "lease", "saved", "poll", "download")
_SILENT = {
    "reset_on_connect",
    "close_on_connect",
    "refuse_connection",
    "accept_then_reset",
    "accept_then_close",
    "accept_then_half_a_head",
    "accept_then_hang",
}
_NEVER_COMPLETE = {*_SILENT, "accept_then_truncate", "accept_then_drip_without_end"}
_EARLIER_ID = {"accept_with_an_earlier_id"}
_OWN_PORT = {name for name, each in POSTS.items() if each.own_port}
_NEVER_AT: dict[str, set[str]] = {
    "post": _OWN_PORT,
    "post.connected": {"refuse_connection"},
    "post.answer_head": _SILENT,
    "post.answer_body": _NEVER_COMPLETE,
    "post.read": _NEVER_COMPLETE,
    "reconcile.submitted.in": {*_OWN_PORT, *_EARLIER_ID},
    # Unknown only where the account has an earlier job, which a scenario of one job has not.
    "running": _EARLIER_ID,
    "unknown": _EARLIER_ID,
    "reconcile": _EARLIER_ID,
}
"""Behaviours under which a point, or any point of a part, is never reached."""
_LEFTOVERS = {
    "recover": ("intent.after", "submitting.after", "post.body", "post.before"),
    "recover.in": ("poll.answered", "download.block"),
    "recover.commit": ("poll.answered", "download.block"),
}
"""Where an earlier server is killed, so that the next one has something to do at a point of its recovery."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One or more jobs at a vendor that behaves in some way, and where the server is killed."""

    name: str
    vendor: str = "seedanceapi"
    post: str = "normal"
    poll: str = "normal"
    download: str = "whole"
    jobs: int = 1
    kill: str | None = None
    nth: int = 1
    delay: float = 0.0
    before: str | None = None
    """Where an earlier process is killed, so that there is something to recover."""
    recoverers: int = 1
    mutant: str | None = None
    disk_full: bool = False


@dataclass(slots=True)
class Result:
    """What happened in a scenario."""

    findings: Findings
    kills: int = 0
    killed_at: list[str] = field(default_factory=list[str])
    never_called: set[str] = field(default_factory=set[str])
    """The functions of a mutant that no process has called."""
    log: str = ""

    @property
    def violations(self) -> list[str]:
        return self.findings.violations


@dataclass(frozen=True, slots=True)
class Race:
    """How many jobs a race admitted; -1 if a process did not finish."""

    admitted: int
    never_called: set[str]


def posts_for(point: str) -> Sequence[str]:
    """Return the behaviours under which a point is reached."""
    part = point.partition(".")[0]
    if part in _NEEDS_A_TASK or point in {"recover.in", "recover.commit"}:
        posts = [name for name, each in POSTS.items() if each.outcome == "submitted"]
    elif part in _OUTCOMES:
        posts = [name for name, each in POSTS.items() if each.outcome == _OUTCOMES[part]]
    else:
        posts = list(POSTS)
    never = _NEVER_AT.get(point) or _NEVER_AT.get(part) or set[str]()
    return [name for name in posts if name not in never]


def _polls_for(point: str) -> Sequence[str]:
    """Return the ways to answer polls under which a point is reached."""
    part = point.partition(".")[0]
    if part == "running":  # the first poll must see a running task
        return ("normal", "fails", "strange_status_once")
    if part in {"saved", "download"} or point in {"recover.in", "recover.commit"}:
        return [poll for poll in POLLS if poll != "fails"]
    return POLLS


def draw(rng: random.Random, name: str, point: str | None = None, post: str | None = None) -> Scenario:
    """Draw a scenario in which a point is likely to be reached."""
    point = point or rng.choice(POINTS)
    part = point.partition(".")[0]
    fitting = posts_for(point)
    if post is None or post not in fitting:
        post = rng.choice([each for each in fitting if each not in SLOW_POSTS or rng.random() < 0.2] or ["normal"])
    poll = rng.choice(("normal", "normal", *_polls_for(point)))
    if post == "accept_with_an_earlier_id":
        poll = "normal"
    nth = 1
    if part in {"download", "running", "lease", "poll"} or rng.random() < 0.2:
        nth = rng.choice((1, 1, 2, 3))
    if part in {"migrate", "lock"}:
        nth = rng.randrange(1, 9) if point == "migrate.statement" else 1
    return Scenario(
        name,
        vendor="aigptimage" if part == "reconcile" else rng.choice(VENDORS),
        post=post,
        poll=poll,
        download=rng.choice(("whole", *DOWNLOADS)),
        jobs=min(3, nth + rng.randrange(2)),
        kill=point,
        nth=nth,
        delay=commit_delay(rng),
        before=rng.choice(_LEFTOVERS.get(point, _LEFTOVERS["recover"])) if part == "recover" else None,
        recoverers=rng.choice((1, 1, 2)),
    )


@dataclass(slots=True)
class Runner:
    """Runs scenarios, in any number of threads: a fork server, a vendor, and a folder for the files."""

    fork_server: ForkServer
    ports: Ports
    ledger: Ledger
    folder: Path
    keep: bool = False
    """Whether the files of a scenario stay."""

    def plan(self, scenario: Scenario, folder: Folder, **changes: object) -> Plan:
        """Return the plan of a server that creates the jobs of a scenario."""
        jobs = [
            Job(scenario.vendor, Script(f"{scenario.name}.{n}", scenario.post, scenario.poll, scenario.download))
            for n in range(scenario.jobs)
        ]
        plan = Plan(
            folder=str(folder.path),
            origin=self.ports.origin(scenario.post),
            jobs=jobs,
            mutant=scenario.mutant,
            delay=scenario.delay,
        )
        return replace(plan, **changes)

    def recovery(self, folder: Folder, mutant: str | None = None, **changes: object) -> Plan:
        """Return the plan of a server that only recovers."""
        plan = Plan(folder=str(folder.path), origin=self.ports.origin(), role="recover", mutant=mutant)
        if mutant:  # what it leaves undone stays undone
            plan.patience = 1.5
        return replace(plan, **changes)

    def new_folder(self, name: str) -> Folder:
        """Create the folder of a scenario."""
        folder = Folder(self.folder / name)
        folder.path.mkdir()
        return folder

    def run(self, scenario: Scenario) -> Result:
        """Run one scenario to its end and inspect what is left."""
        folder = self.new_folder(scenario.name)
        killed: list[str] = []
        problems: list[str] = []
        for plan in self._doomed(scenario, folder):
            code = self.fork_server.run(plan)
            if code == KILLED:
                killed.append(str(plan.kill))
            elif code != 0 and not (scenario.disk_full and code is not None):
                problems.append(f"H {plan.role} ended with {code}")
        problems += self._recover([self.recovery(folder, scenario.mutant) for _ in range(scenario.recoverers)])
        findings = inspect(folder, self.ledger, scenario.name)
        return self._finish(folder, Result(findings, len(killed), killed), problems)

    def _doomed(self, scenario: Scenario, folder: Folder) -> list[Plan]:
        """Return the plans of the servers that are killed."""
        if scenario.before:
            last = self.recovery(folder, scenario.mutant, kill=scenario.kill, delay=scenario.delay)
            return [self.plan(scenario, folder, kill=scenario.before), last]
        plan = self.plan(scenario, folder, kill=scenario.kill, nth=scenario.nth)
        return [replace(plan, disk_full=True, patience=1.0) if scenario.disk_full else plan]

    def _recover(self, plans: Sequence[Plan]) -> list[str]:
        """Let servers that are not killed recover, all at once; return the problems."""
        pids = [self.fork_server.start(plan) for plan in plans]
        problems: list[str] = []
        for pid, plan in zip(pids, plans, strict=True):
            if (code := self.fork_server.wait(pid, plan.patience + 20)) != 0:
                self.fork_server.kill(pid)
                problems.append(f"H recovery ended with {code}")
        return problems

    def _finish(self, folder: Folder, result: Result, problems: list[str]) -> Result:
        result.violations.extend(problems)
        result.never_called = folder.never_called()
        if result.violations:
            result.log = folder.log.read_text("utf-8", "replace")[-6000:] if folder.log.exists() else ""
        elif not self.keep:
            shutil.rmtree(folder.path)
        return result

    def crowd(
        self, name: str, rng: random.Random, *, kills: int, servers: int = 3, workers: int = 4, cap: int | None = None
    ) -> Result:
        """Let several servers work on one journal, and kill them at random moments."""
        folder = self.new_folder(name)
        caps = {} if cap is None else {"SEEDANCE_DAILY_BUDGET": str(cap / 1e6)}
        started = 0

        def start() -> int:
            nonlocal started
            started += 1
            plan = Plan(
                folder=str(folder.path), origin=self.ports.origin(), role="crowd", name=name, seed=started,
                workers=workers, caps=caps, save=started % 2 == 0,
            )  # fmt: skip
            return self.fork_server.start(plan)

        running = [start() for _ in range(servers)]
        problems: list[str] = []
        for _ in range(kills):
            _await_lines(folder.reports_file, rng.randrange(12))
            time.sleep(rng.uniform(0, 0.02))
            victim = running.pop(rng.randrange(len(running)))
            code = self.fork_server.kill(victim)
            if code != KILLED:
                problems.append(f"H a server ended by itself with {code}")
            running.append(start())
        folder.signal.touch()
        last = running.pop()
        for victim in running:
            self.fork_server.kill(victim)
        if (code := self.fork_server.wait(last, 30)) != 0:
            self.fork_server.kill(last)
            problems.append(f"H the last server ended with {code}")
        problems += self._recover([self.recovery(folder, caps=caps, patience=60.0) for _ in range(2)])
        findings = inspect(folder, self.ledger, name, cap)
        return self._finish(folder, Result(findings, kills + len(running)), problems)

    def turn_back_the_clock(self, name: str, mutant: str | None = None) -> Result:
        """Spend a day's budget, set the clock back by a day, and try to spend it again."""
        folder = self.new_folder(name)
        caps = {"SEEDANCE_DAILY_BUDGET": str(2 * PRICE / 1e6)}
        problems: list[str] = []
        for number, clock in enumerate((0.0, -86_400.0, 0.0)):
            plan = self.plan(Scenario(f"{name}.{number}", jobs=3), folder, mutant=mutant, clock=clock, caps=caps)
            if (code := self.fork_server.run(plan)) != 0:
                problems.append(f"H a server ended with {code}")
        return self._finish(folder, Result(inspect(folder, self.ledger, name, 2 * PRICE)), problems)

    def race(
        self, name: str, *, processes: int = 8, tries: int = 20, places: int = 50, mutant: str | None = None
    ) -> Race:
        """Let processes race for a budget that has room for so many jobs."""
        folder = self.new_folder(name)
        caps = {"SEEDANCE_DAILY_BUDGET": str(places * PRICE)}
        pids = [
            self.fork_server.start(
                Plan(folder=str(folder.path), origin="", role="race", nth=tries, seed=n, caps=caps, mutant=mutant)
            )
            for n in range(processes)
        ]
        ends = time.monotonic() + 20
        while sum("ready" in line for line in folder.reports()) < processes and time.monotonic() < ends:
            time.sleep(0.002)
        folder.signal.touch()
        for pid in pids:
            if self.fork_server.wait(pid, 40) != 0:
                self.fork_server.kill(pid)
        admitted = [line["admitted"] for line in folder.reports() if "admitted" in line]
        never_called = folder.never_called()
        shutil.rmtree(folder.path)
        return Race(sum(admitted) if len(admitted) == processes else -1, never_called)


def _await_lines(path: Path, count: int, seconds: float = 3.0) -> None:
    """Wait until a file has so many lines more, or for so many seconds."""
    ends = time.monotonic() + seconds
    size = path.stat().st_size if path.exists() else 0
    lines = 0
    while lines < count and time.monotonic() < ends:
        time.sleep(0.005)
        if path.exists():
            with path.open("rb") as file:
                file.seek(size)
                lines = file.read().count(b"\n")


@contextmanager
def open_runner(folder: Path) -> Generator[Runner]:
    """Open a runner that uses a folder, until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    records = folder / "charges.jsonl"
    with open_vendor(records) as ports, open_fork_server() as fork_server:
        yield Runner(fork_server, ports, Ledger(records), folder)
