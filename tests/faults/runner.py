"""Runs what the campaign tries: scenarios, crowds of servers that are killed at random, and races."""

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

from tests.faults.behaviours import LATE, PRICE, Script
from tests.faults.fork_server import KILLED, ForkServer, open_fork_server
from tests.faults.invariants import Findings, Ledger, OrderlyEnd, inspect, inspect_end
from tests.faults.plan import Folder, Job, Plan
from tests.faults.scenarios import Scenario
from tests.faults.vendor import Ports, open_vendor


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
