"""What the campaign tries: one kill in one job's life, crowds of servers that are killed at random, and races."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.faults.fork_server import KILLED, Nursery, open_nursery
from tests.faults.invariants import Findings, Ledger, inspect
from tests.faults.kill_points import POINTS, commit_delay
from tests.faults.plan import Folder, Job, Plan
from tests.faults.vendor import BASE_PATH, LOOKS, POSTS, PRICE, SLOW_POSTS, VIDEOS, Doors, Orders, open_vendor

VENDORS = tuple(BASE_PATH)
_OUTCOMES = {"rejected": "rejected", "unknown": "unknown", "heal": "unknown"}
_MAKING = ("submitted", "poll", "settle", "claim", "film", "look", "part")
_SILENT = {
    "reset_at_the_door",
    "close_at_the_door",
    "no_door",
    "accept_then_reset",
    "accept_then_close",
    "accept_then_half_a_head",
    "accept_then_hang",
}
_LEFTOVERS = {
    "recover": ("intent.after", "submitting.after", "post.body", "post.before"),
    "recover.in": ("look.answered", "part.block"),
    "recover.commit": ("look.answered", "part.block"),
}
"""Where an earlier server is killed, so that the next has something to do at a point of its recovery."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One or more jobs at a vendor that behaves in some way, and where the server is killed."""

    name: str
    vendor: str = "seedanceapi"
    post: str = "normal"
    look: str = "normal"
    video: str = "whole"
    jobs: int = 1
    kill: str | None = None
    nth: int = 1
    delay: float = 0.0
    before: str | None = None
    """Where an earlier process was killed, so that there is something to recover."""
    recoverers: int = 1
    bug: str | None = None
    disk_full: bool = False


@dataclass(slots=True)
class Told:
    """What happened in a scenario."""

    findings: Findings
    kills: int = 0
    killed_at: list[str] = field(default_factory=list[str])
    log: str = ""

    @property
    def violations(self) -> list[str]:
        return self.findings.violations


def posts_for(point: str) -> Sequence[str]:
    """Return the behaviours under which a point is reached."""
    part = point.partition(".")[0]
    if part in _OUTCOMES:
        return [name for name, each in POSTS.items() if each.outcome == _OUTCOMES[part]]
    if part in _MAKING or point in {"recover.in", "recover.commit"}:
        return [name for name, each in POSTS.items() if each.outcome == "submitted"]
    if point in {"post.answer_head", "post.answer_body", "post.read"}:
        cut = {"accept_then_truncate", "accept_then_drip_without_end"} if point != "post.answer_head" else set[str]()
        return [name for name in POSTS if name not in _SILENT | cut]
    if part == "post":
        return [
            name for name, each in POSTS.items() if not each.door or (name != "no_door" and point == "post.connected")
        ]
    return list(POSTS)


def draw(rng: random.Random, name: str, point: str | None = None, post: str | None = None) -> Scenario:
    """Draw a scenario in which a point is likely to be reached."""
    point = point or rng.choice(POINTS)
    fitting = posts_for(point)
    if post is None or post not in fitting:
        post = rng.choice([each for each in fitting if each not in SLOW_POSTS or rng.random() < 0.2] or ["normal"])
    making = point.split(".")[0] in {"film", "part"}
    look = rng.choice(("normal", "normal", *(each for each in LOOKS if not (making and each == "fails"))))
    if post == "accept_with_an_earlier_id":
        look = "normal"
    part = point.split(".")[0]
    nth = 1
    if part in {"part", "poll", "claim", "look"} or rng.random() < 0.2:
        nth = rng.choice((1, 1, 2, 3))
    if part in {"migrate", "owner"}:
        nth = rng.randrange(1, 9) if point == "migrate.statement" else 1
    return Scenario(
        name,
        vendor="aigptimage" if part == "heal" else rng.choice(VENDORS),
        post=post,
        look=look,
        video=rng.choice(("whole", *VIDEOS)),
        jobs=min(3, nth + rng.randrange(2)),
        kill=point,
        nth=nth,
        delay=commit_delay(rng),
        before=rng.choice(_LEFTOVERS.get(point, _LEFTOVERS["recover"])) if part == "recover" else None,
        recoverers=rng.choice((1, 1, 2)),
    )


@dataclass(slots=True)
class Stage:
    """Where scenarios are played: a nursery, a vendor, and a folder to play in."""

    fork_server: Nursery
    doors: Doors
    ledger: Ledger
    folder: Path
    kept: bool = False

    def plan(self, scenario: Scenario, folder: Folder, **how: object) -> Plan:
        jobs = [
            Job(scenario.vendor, Orders(f"{scenario.name}.{n}", scenario.post, scenario.look, scenario.video))
            for n in range(scenario.jobs)
        ]
        plan = Plan(
            folder=str(folder.path),
            origin=self.doors.origin(scenario.post),
            jobs=jobs,
            bug=scenario.bug,
            delay=scenario.delay,
        )
        return replace(plan, **how)

    def recovering(self, folder: Folder, bug: str | None = None, **how: object) -> Plan:
        plan = Plan(folder=str(folder.path), origin=self.doors.origin(), role="recover", bug=bug)
        if bug:  # what it leaves undone stays undone
            plan.patience = 1.5
        return replace(plan, **how)

    def new_folder(self, name: str) -> Folder:
        folder = Folder(self.folder / name)
        folder.path.mkdir()
        return folder

    def play(self, scenario: Scenario) -> Told:
        """Play one scenario to its end and look at what is left."""
        folder = self.new_folder(scenario.name)
        killed: list[str] = []
        problem: list[str] = []
        for plan in self._doomed(scenario, folder):
            code = self.fork_server.run(plan)
            if code == KILLED:
                killed.append(str(plan.kill))
            elif code != 0 and not (scenario.disk_full and code is not None):
                problem.append(f"H {plan.role} ended with {code}")
        problem += self._recover([self.recovering(folder, scenario.bug) for _ in range(scenario.recoverers)])
        return self._told(folder, Told(inspect(folder, self.ledger, scenario.name), len(killed), killed), problem)

    def _doomed(self, scenario: Scenario, folder: Folder) -> list[Plan]:
        """Return the lives before the last."""
        if scenario.before:
            end = self.recovering(folder, scenario.bug, kill=scenario.kill, delay=scenario.delay)
            return [self.plan(scenario, folder, kill=scenario.before), end]
        plan = self.plan(scenario, folder, kill=scenario.kill, nth=scenario.nth)
        return [replace(plan, disk_full=True, patience=1.0) if scenario.disk_full else plan]

    def _recover(self, plans: Sequence[Plan]) -> list[str]:
        """Let clean servers put everything in order, all at once; returns what went wrong."""
        pids = [self.fork_server.bear(plan) for plan in plans]
        problem: list[str] = []
        for pid, plan in zip(pids, plans, strict=True):
            if (code := self.fork_server.wait(pid, plan.patience + 20)) != 0:
                self.fork_server.end(pid)
                problem.append(f"H recovery ended with {code}")
        return problem

    def _told(self, folder: Folder, told: Told, problem: list[str]) -> Told:
        told.violations.extend(problem)
        if told.violations:
            told.log = folder.log.read_text("utf-8", "replace")[-6000:] if folder.log.exists() else ""
        elif not self.kept:
            _remove(folder.path)
        return told

    def crowd(
        self, name: str, rng: random.Random, *, kills: int, servers: int = 3, workers: int = 4, cap: int | None = None
    ) -> Told:
        """Let several servers work on one journal, and kill them at random moments."""
        folder = self.new_folder(name)
        caps = {} if cap is None else {"SEEDANCE_DAILY_BUDGET": str(cap / 1e6)}
        born = 0

        def bear() -> int:
            nonlocal born
            born += 1
            plan = Plan(
                folder=str(folder.path), origin=self.doors.origin(), role="crowd", name=name, seed=born,
                workers=workers, caps=caps, save=born % 2 == 0,
            )  # fmt: skip
            return self.fork_server.bear(plan)

        alive = [bear() for _ in range(servers)]
        problem: list[str] = []
        for _ in range(kills):
            time.sleep(rng.uniform(0.05, 0.5))
            victim = alive.pop(rng.randrange(len(alive)))
            code = self.fork_server.end(victim)
            if code != KILLED:
                problem.append(f"H a server ended by itself with {code}")
            alive.append(bear())
        folder.go.touch()
        last = alive.pop()
        for victim in alive:
            self.fork_server.end(victim)
        if (code := self.fork_server.wait(last, 30)) != 0:
            self.fork_server.end(last)
            problem.append(f"H the last server ended with {code}")
        problem += self._recover([self.recovering(folder, caps=caps, patience=60.0) for _ in range(2)])
        return self._told(folder, Told(inspect(folder, self.ledger, name, cap), kills + len(alive)), problem)

    def turn_back_the_clock(self, name: str, bug: str | None = None) -> Told:
        """Spend a day's budget, set the clock back by a day, and try to spend it again."""
        folder = self.new_folder(name)
        caps = {"SEEDANCE_DAILY_BUDGET": str(2 * PRICE / 1e6)}
        problem: list[str] = []
        for number, clock in enumerate((0.0, -86_400.0, 0.0)):
            plan = self.plan(Scenario(f"{name}.{number}", jobs=3), folder, bug=bug, clock=clock, caps=caps)
            if (code := self.fork_server.run(plan)) != 0:
                problem.append(f"H a server ended with {code}")
        told = Told(inspect(folder, self.ledger, name, 2 * PRICE))
        told.violations.extend(problem)
        _remove(folder.path)
        return told

    def race(self, name: str, *, processes: int = 8, tries: int = 20, places: int = 50, bug: str | None = None) -> int:
        """Let processes race for the places that a budget has; returns how many were let in."""
        folder = self.new_folder(name)
        caps = {"SEEDANCE_DAILY_BUDGET": str(places * PRICE)}
        pids = [
            self.fork_server.bear(
                Plan(folder=str(folder.path), origin="", role="race", nth=tries, seed=n, caps=caps, bug=bug)
            )
            for n in range(processes)
        ]
        ends = time.monotonic() + 20
        while sum("ready" in line for line in folder.heard()) < processes and time.monotonic() < ends:
            time.sleep(0.002)
        folder.go.touch()
        for pid in pids:
            if self.fork_server.wait(pid, 40) != 0:
                self.fork_server.end(pid)
        said = [line["admitted"] for line in folder.heard() if "admitted" in line]
        _remove(folder.path)
        return sum(said) if len(said) == processes else -1


def _remove(path: Path) -> None:
    for each in sorted(path.rglob("*"), reverse=True):
        each.rmdir() if each.is_dir() else each.unlink()
    path.rmdir()


@contextmanager
def open_stage(folder: Path) -> Generator[Stage]:
    """Set up a stage in a folder until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    books = folder / "books.jsonl"
    with open_vendor(books) as doors, open_nursery() as fork_server:
        yield Stage(fork_server, doors, Ledger(books), folder)


def stop(pid: int) -> None:
    """Stop a process as a closed laptop does."""
    os.kill(pid, signal.SIGSTOP)


def go_on(pid: int) -> None:
    """Let a stopped process go on."""
    os.kill(pid, signal.SIGCONT)
