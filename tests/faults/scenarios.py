"""What the campaign tries: one kill in one job's life, crowds of servers that are killed at random, and races."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.faults.behaviours import (
    BASE_PATH,
    CHARGES,
    CODED,
    DOWNLOADS,
    ELSEWHERE,
    LATE,
    POLLS,
    POSTS,
    PRICE,
    SLOW_POSTS,
    Script,
    behaviour,
)
from tests.faults.fork_server import KILLED, ForkServer, open_fork_server
from tests.faults.invariants import Findings, Ledger, OrderlyEnd, inspect, inspect_end
from tests.faults.kill_points import POINTS, commit_delay
from tests.faults.plan import End, Folder, Job, Plan
from tests.faults.vendor import Ports, open_vendor

VENDORS = tuple(BASE_PATH)
_OUTCOMES = {"rejected": "rejected", "unknown": "unknown", "reconcile": "unknown", "readmit": "unknown"}
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
    "reconcile.submitted.before": {*_OWN_PORT, *_EARLIER_ID},
    "reconcile.submitted.in": {*_OWN_PORT, *_EARLIER_ID},
    "reconcile.submitted.after": {*_OWN_PORT, *_EARLIER_ID},
    # Unknown only where the account has an earlier job, which a scenario of one job has not.
    "running": _EARLIER_ID,
    "unknown": _EARLIER_ID,
    "reconcile": _EARLIER_ID,
    "readmit": _EARLIER_ID,
}
"""Behaviours under which a point, or any point of a part, is never reached."""
_LEFTOVERS = {
    "recover": ("intent.after", "submitting.after", "post.body", "post.before"),
    "recover.in": ("poll.answered", "download.block"),
    "recover.commit": ("poll.answered", "download.block"),
}
"""Where an earlier server is killed, so that the next one has something to do at a point of its recovery."""


_LATER = 7200.0
"""Seconds by which clocks are ahead, or set back, once the life of every idempotency key is over."""
_BY_OUTCOME = {
    outcome: tuple(name for name in CODED if behaviour(name).outcome == outcome)
    for outcome in ("submitted", "rejected", "unknown")
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """One or more jobs at a vendor that behaves in some way, where their server ends, and what comes after it."""

    name: str
    vendor: str = "seedanceapi"
    post: str = "normal"
    poll: str = "normal"
    download: str = "whole"
    charge: str = "quoted"
    jobs: int = 1
    kill: str | None = None
    """The point at which the server ends."""
    end: End = "kill"
    nth: int = 1
    delay: float = 0.0
    before: str | None = None
    """Where an earlier process is killed, so that there is something to recover."""
    recoverers: int = 1
    passive: bool = False
    """Whether these leave unknown jobs to the background work."""
    stranger: str | None = None
    """Another account, with which a server runs before them."""
    informed: bool = False
    """Whether a person tells it what the vendor's records say of unknown jobs."""
    later: float = 0.0
    """Seconds by which their clocks differ, once the vendor has forgotten all idempotency keys."""
    broke: bool = False
    """Whether their daily budget is 0."""
    mutant: str | None = None
    disk_full: bool = False


@dataclass(slots=True)
class Result:
    """What happened in a scenario."""

    findings: Findings
    kills: int = 0
    ends: Counter[str] = field(default_factory=Counter[str])
    """Orderly ends, by how."""
    slowest: dict[str, float] = field(default_factory=dict[str, float])
    """Seconds of the slowest of them, by how."""
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
    elif post not in _OWN_PORT and part not in {"post", "reply"} and rng.random() < 0.3:
        post = rng.choice(_BY_OUTCOME[behaviour(post).outcome])
    nth = 1
    if part in {"download", "running", "lease", "poll"} or rng.random() < 0.2:
        nth = rng.choice((1, 1, 2, 3))
    if part in {"migrate", "lock"}:
        nth = rng.randrange(1, 9) if point == "migrate.statement" else 1
    scenario = Scenario(
        name,
        vendor="aigptimage" if part in {"reconcile", "readmit"} else rng.choice(VENDORS),
        post=post,
        poll=poll,
        download=rng.choice(("whole", *DOWNLOADS)),
        charge=rng.choice(("quoted", "quoted", *CHARGES)),
        jobs=min(3, nth + rng.randrange(2)),
        kill=point,
        nth=nth,
        delay=commit_delay(rng),
        before=rng.choice(_LEFTOVERS.get(point, _LEFTOVERS["recover"])) if part == "recover" else None,
        recoverers=rng.choice((1, 1, 2)),
        passive=rng.random() < 0.3,
    )
    if rng.random() < 0.3:
        scenario = replace(scenario, stranger=rng.choice(("second", ELSEWHERE)), informed=rng.random() < 0.3)
    if rng.random() < 0.2:
        return replace(scenario, later=rng.choice((_LATER, -_LATER)))
    return replace(scenario, broke=rng.random() < 0.2)


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
            Job(
                scenario.vendor,
                Script(f"{scenario.name}.{n}", scenario.post, scenario.poll, scenario.download, scenario.charge),
            )
            for n in range(scenario.jobs)
        ]
        plan = Plan(
            folder=str(folder.path),
            origin=self.ports.origin,
            role="work" if scenario.end == "kill" else "session",
            dial=self.ports.dial(scenario.post),
            reconciles=self.ports.dial(scenario.post) is None,
            jobs=jobs,
            mutant=scenario.mutant,
            kill=scenario.kill,
            end=scenario.end,
            nth=scenario.nth,
            delay=scenario.delay,
        )
        return replace(plan, **changes)

    def recovery(self, folder: Folder, mutant: str | None = None, **changes: object) -> Plan:
        """Return the plan of a server that only recovers."""
        plan = Plan(folder=str(folder.path), origin=self.ports.origin, role="recover", mutant=mutant)
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
        result = Result(Findings())
        problems: list[str] = []
        for plan in self._doomed(scenario, folder):
            problems += self.doom(plan, folder, result, fails=scenario.disk_full)
        if scenario.stranger:
            problems += self.recover([self._stranger(scenario, folder)])
        problems += self._recover_by(scenario, folder)
        reconciles = not (scenario.later or scenario.broke or scenario.disk_full)
        result.findings = inspect(folder, self.ledger, scenario.name, reconciles=reconciles)
        return self.finish(folder, result, problems)

    def _doomed(self, scenario: Scenario, folder: Folder) -> list[Plan]:
        """Return the plans of the servers that end at the point."""
        if scenario.before:
            last = self.recovery(folder, scenario.mutant, kill=scenario.kill, delay=scenario.delay, end=scenario.end)
            if scenario.end != "kill":
                last.role = "session"
            return [self.plan(scenario, folder, kill=scenario.before, nth=1, role="work", end="kill"), last]
        plan = self.plan(scenario, folder)
        return [replace(plan, disk_full=True, patience=1.0) if scenario.disk_full else plan]

    def doom(
        self, plan: Plan, folder: Folder, result: Result, *, fails: bool = False, locked: bool = False
    ) -> list[str]:
        """Run a server that ends at a point; count it, and return what is wrong with its end.

        `fails` says that it may fail, `locked` that another program keeps the journal locked.
        """
        reported = len(folder.reports())
        pid = self.fork_server.start(plan)
        code = self.fork_server.end(pid, plan)
        if code == KILLED:
            result.kills += 1
            result.killed_at.append(str(plan.kill))
            return []
        if code != 0:
            return [] if fails and code is not None else [f"H {plan.role} ended with {code}"]
        began = next((line["at"] for line in folder.reports()[reported:] if "ending" in line), None)
        if began is None:
            return []
        seconds = self.fork_server.ended_at(pid) - began
        result.ends[plan.end] += 1
        result.slowest[plan.end] = max(seconds, result.slowest.get(plan.end, 0.0))
        result.killed_at.append(str(plan.kill))
        intents = tuple(job.script.intent for job in plan.jobs)
        end = OrderlyEnd(plan.end, seconds, folder.path.name, intents, locked)
        return inspect_end(folder, self.ledger, end)

    def _stranger(self, scenario: Scenario, folder: Folder) -> Plan:
        """Return the plan of a server with another account, which must leave the jobs of a scenario alone."""
        self.ports.forget("nobody")  # whatever a killed server has sent has arrived
        known: dict[str, str | None] = {f"{scenario.name}.{n}": None for n in range(scenario.jobs)}
        known |= {charge.intent: charge.task for charge in self.ledger.charges(scenario.name)}
        informed = known if scenario.informed and scenario.charge not in LATE else {}
        account = str(scenario.stranger)
        return self.recovery(folder, scenario.mutant, role="stranger", account=account, resolve=informed)

    def _recover_by(self, scenario: Scenario, folder: Folder) -> list[str]:
        """Let the servers of a scenario recover what is left; return the problems."""
        settings = {"SEEDANCE_DAILY_BUDGET": "0"} if scenario.broke else {}
        if scenario.later or scenario.broke:
            self.ports.forget(scenario.name if scenario.later else "nobody")
        before = len(self.ledger.charges(scenario.name))
        reconciles = not (scenario.later or scenario.broke)
        changes = {"clock": scenario.later, "settings": settings, "reconciles": reconciles, "passive": scenario.passive}
        plans = [self.recovery(folder, scenario.mutant, **changes) for _ in range(scenario.recoverers)]
        problems = self.recover(plans)
        bought = len(self.ledger.charges(scenario.name)) - before
        if scenario.broke and scenario.charge not in LATE and bought:
            problems.append(f"I4 {bought} charges under a budget of 0")
        return problems

    def recover(self, plans: Sequence[Plan]) -> list[str]:
        """Let servers that are not killed recover, all at once; return the problems."""
        pids = [self.fork_server.start(plan) for plan in plans]
        problems: list[str] = []
        for pid, plan in zip(pids, plans, strict=True):
            if (code := self.fork_server.end(pid, plan)) != 0:
                problems.append(f"H {plan.role} ended with {code}")
        return problems

    def finish(self, folder: Folder, result: Result, problems: Iterable[str]) -> Result:
        """Add the problems to what was found, and remove the files unless they are of interest."""
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
        """Let several servers of two accounts work on one journal, and end them at random moments."""
        folder = self.new_folder(name)
        settings = {} if cap is None else {"SEEDANCE_DAILY_BUDGET": str(cap / 1e6)}
        result = Result(Findings())
        plans: dict[int, Plan] = {}
        problems: list[str] = []

        def start() -> int:
            number = len(plans) + 1
            plan = Plan(
                folder=str(folder.path), origin=self.ports.origin, role="crowd", name=name, seed=number,
                workers=workers, settings=settings, save=number % 2 == 0, end=rng.choice(("kill", "kill", "term")),
                account="second" if number % 3 == 0 else "first",
            )  # fmt: skip
            pid = self.fork_server.start(plan)
            plans[pid] = plan
            return pid

        def end(victim: int) -> None:
            working = any(line.get("working") and line["pid"] == victim for line in folder.reports())
            if plans[victim].end == "term" and working:
                problems.extend(self._end_in_order(folder, plans[victim], victim, result))
            elif (code := self.fork_server.kill(victim)) == KILLED:
                result.kills += 1
            else:
                problems.append(f"H a server ended by itself with {code}")

        running = [start() for _ in range(servers)]
        for _ in range(kills):
            _await_lines(folder.reports_file, rng.randrange(12))
            time.sleep(rng.uniform(0, 0.02))
            end(running.pop(rng.randrange(len(running))))
            running.append(start())
        for victim in running:
            end(victim)
        accounts = ("first", "second", "first")
        problems += self.recover(
            [
                self.recovery(folder, settings=settings, patience=60.0, account=account, reconciles=cap is None)
                for account in accounts
            ]
        )
        result.findings = inspect(folder, self.ledger, name, cap, reconciles=cap is None)
        return self.finish(folder, result, problems)

    def _end_in_order(self, folder: Folder, plan: Plan, pid: int, result: Result) -> list[str]:
        """Send SIGTERM to a server of a crowd, and check what its end has left."""
        began = time.monotonic()
        os.kill(pid, signal.SIGTERM)
        if (code := self.fork_server.wait(pid, 20)) != 0:
            self.fork_server.kill(pid)
            return [f"H a server ended with {code}"]
        result.ends[plan.end] += 1
        seconds = self.fork_server.ended_at(pid) - began
        result.slowest[plan.end] = max(seconds, result.slowest.get(plan.end, 0.0))
        end = OrderlyEnd(plan.end, seconds, plan.name, (f"{plan.name}.{plan.seed}-",))
        return inspect_end(folder, self.ledger, end)

    def race(
        self, name: str, *, processes: int = 8, tries: int = 20, places: int = 50, mutant: str | None = None
    ) -> Race:
        """Let processes race for a budget that has room for so many jobs."""
        folder = self.new_folder(name)
        settings = {"SEEDANCE_DAILY_BUDGET": str(places * PRICE)}
        pids = [
            self.fork_server.start(
                Plan(
                    folder=str(folder.path), origin="", role="race", nth=tries, seed=n, settings=settings, mutant=mutant
                )
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
