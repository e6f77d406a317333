"""The whole campaign: kills at every point under every behaviour, crowds, races and planted bugs; and its figures."""

from __future__ import annotations

import math
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self, TypeVar

from tests.faults.kill_points import POINTS
from tests.faults.mutants import BUGS
from tests.faults.scenarios import Scenario, Stage, Told, draw, open_stage, posts_for
from tests.faults.vendor import POSTS, PRICE

_T = TypeVar("_T")

CROWD_KILLS = 40
"""Kills in one crowd: its journal then holds a few thousand jobs."""
PLACES = 50


@dataclass(slots=True)
class Tally:
    """The figures of a campaign."""

    seed: int
    scenarios: int = 0
    kills: int = 0
    jobs: int = 0
    charges: int = 0
    crowds: int = 0
    unkeyed: int = 0
    unknown: int = 0
    keyed_unknown: int = 0
    healed: int = 0
    overspent: int = 0
    races: list[int] = field(default_factory=list[int])
    recoveries: list[float] = field(default_factory=list[float])
    killed_at: Counter[str] = field(default_factory=Counter[str])
    pairs: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    violations: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    """Where, what, and the end of the log."""
    caught: dict[str, str | None] = field(default_factory=dict[str, "str | None"])
    seconds: float = 0.0

    def add(self, what: str, told: Told) -> None:
        """Take up what one scenario showed."""
        found = told.findings
        self.scenarios += 1
        self.kills += told.kills
        self.jobs += found.jobs
        self.charges += found.charges
        self.unknown += found.unknown_unkeyed
        self.unkeyed += found.unkeyed
        self.keyed_unknown += found.unknown_at_keyed
        self.healed += found.healed
        self.overspent = max(self.overspent, found.overspent)
        self.recoveries += found.recoveries
        self.killed_at.update(told.killed_at)
        self.violations += [(what, each, told.log) for each in told.violations]

    def audio(self) -> bool:
        """Whether every promise was kept and every planted bug was caught."""
        return not self.violations and all(self.caught.values()) and all(n == PLACES for n in self.races)

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield the table, a name and a figure at a time."""
        bound = 3 / self.kills if self.kills else math.nan
        late = sorted(self.recoveries) or [math.nan]
        yield "kills (SIGKILL)", f"{self.kills:,} at {len(self.killed_at)} of {len(POINTS)} kill points and at random"
        if left := [point for point in POINTS if point not in self.killed_at]:
            yield "points without a kill", ", ".join(left)
        yield "vendor behaviours", f"{len(POSTS)}; {len(self.pairs):,} pairs of point and behaviour"
        yield "scenarios", f"{self.scenarios:,}, of them {self.crowds} crowds of 3 servers × 4 workers"
        yield "jobs", f"{self.jobs:,}"
        yield "charges", f"{self.charges:,}"
        yield (
            "violations of I1–I7",
            f"{len(self.violations)}"
            + (
                f" (95 % bound: {bound:.2%} of kills, {3 / self.jobs:.4%} of jobs)"
                if not self.violations and self.jobs
                else ""
            ),
        )
        yield "unknown in the end, no idempotency key", _share(self.unknown, self.unkeyed)
        yield "unknown at a vendor with a key: healed", _share(self.healed, self.keyed_unknown)
        yield "recovery p50 / p99", f"{_quantile(late, 0.5):.1f} / {_quantile(late, 0.99):.1f} ms"
        races = Counter(self.races)
        yield (
            "budget race, 8 processes for 50 places",
            ", ".join(f"{n} let in, {t} times" for n, t in races.items()) or "–",
        )
        yield "overspend", f"${self.overspent / 1e6:.2f}"
        yield "planted bugs caught", f"{sum(map(bool, self.caught.values()))}/{len(self.caught)}"
        yield "seed", f"{self.seed}"
        yield "time", f"{self.seconds:.0f} s"


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,}" + (f" ({part / whole:.1%})" if whole else "")


def _quantile(values: list[float], q: float) -> float:
    return values[min(len(values) - 1, int(q * len(values)))]


class Campaign:
    """Plays scenarios on several stages at once."""

    def __init__(self, folder: Path, seed: int, stages: int, report: Callable[[str], None] = lambda _: None) -> None:
        self.keep = False
        self.tally = Tally(seed)
        self._folder, self._seed, self._stages, self._report = folder, seed, stages, report
        self._lock = threading.Lock()
        self._exits = ExitStack()
        self._mine = threading.local()
        self._numbers = iter(range(1_000_000))
        self._pool = ThreadPoolExecutor(stages)

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._exits.close()

    def _stage(self) -> Stage:
        if not hasattr(self._mine, "stage"):
            with self._lock:
                stage = self._exits.enter_context(open_stage(self._folder / f"stage{next(self._numbers)}"))
                stage.kept = self.keep
                self._mine.stage = stage
        return self._mine.stage

    def _all(self, work: Iterable[Callable[[], None]]) -> None:
        futures: list[Future[None]] = [self._pool.submit(each) for each in work]
        for number, future in enumerate(futures):
            future.result()
            if number % 100 == 99:
                self._report(f"{number + 1} of {len(futures)} done, {len(self.tally.violations)} violations")
        self.tally.seconds = time.monotonic() - self._began

    def kill(self, scenarios: Iterable[Scenario]) -> None:
        """Play scenarios with kills."""

        def one(scenario: Scenario) -> None:
            told = self._stage().play(scenario)
            for violation in told.violations:
                self._report(f"VIOLATION {violation}: {scenario}")
            with self._lock:
                self.tally.add(f"{scenario}", told)
                if scenario.kill in told.killed_at:
                    self.tally.pairs.add((str(scenario.kill), scenario.post))

        self._all(_bound(one, scenario) for scenario in scenarios)

    def crowds(self, times: int, kills: int = CROWD_KILLS, cap: int | None = None) -> None:
        """Play crowds; every other one meets a daily budget."""

        def one(_: int) -> None:
            with self._lock:
                number = next(self._numbers)
            name = f"c{number}"
            budget = cap if cap is not None else (300 * PRICE if number % 2 else None)
            told = self._stage().crowd(name, random.Random(f"{self._seed}/{name}"), kills=kills, cap=budget)
            with self._lock:
                self.tally.add(name, told)
                self.tally.crowds += 1

        self._all(_bound(one, number) for number in range(times))

    def races(self, times: int) -> None:
        """Let processes race for a budget."""

        def one(number: int) -> None:
            let_in = self._stage().race(f"r{number}", places=PLACES)
            with self._lock:
                self.tally.races.append(let_in)

        self._all(_bound(one, number) for number in range(times))

    def bugs(self, names: Iterable[str] = tuple(BUGS)) -> None:
        """Plant each bug and hunt for it."""

        def one(name: str) -> None:
            caught = hunt(self._stage(), name)
            with self._lock:
                self.tally.caught[name] = caught

        self._all(_bound(one, name) for name in names)


def _bound(work: Callable[[_T], None], what: _T) -> Callable[[], None]:
    return lambda: work(what)


def drawn(seed: int, count: int) -> Iterator[Scenario]:
    """Yield scenarios that go through all pairs of kill point and behaviour, again and again.

    Each round kills once at every point, under the behaviours that were met least, so that a short campaign is wide.
    """
    order = random.Random(f"{seed}")
    used: Counter[str] = Counter()
    left: dict[str, list[str]] = {}
    points: Iterator[str] = iter(())
    for number in range(count):
        if number % len(POINTS) == 0:
            points = iter(order.sample(POINTS, len(POINTS)))
        point = next(points)
        if not left.get(point):
            left[point] = order.sample(posts_for(point), len(posts_for(point)))
        post = min(left[point], key=used.__getitem__)
        left[point].remove(post)
        used[post] += 1
        yield draw(random.Random(f"{seed}/{number}"), f"k{number}", point, post)


_TRAPS: dict[str, Scenario] = {
    "resend_like_an_sdk": Scenario("b", post="accept_then_reset"),
    "journal_after_the_answer": Scenario("b", kill="post.answer_body"),
    "server_errors_are_free": Scenario("b", post="accept_then_500"),
    "resend_on_recovery": Scenario("b", kill="post.answer_head"),
    "unknown_releases_its_reservation": Scenario("b", post="accept_then_close", vendor="ope"),
    "video_published_before_complete": Scenario("b", video="slow", kill="part.block", nth=2),
    "key_logged": Scenario("b"),
    "key_in_the_request": Scenario("b"),
    "recovery_looks_away": Scenario("b", kill="submitting.after"),
    "answer_before_the_journal": Scenario("b", kill="post.body"),
}


def hunt(stage: Stage, bug: str) -> str | None:
    """Play what a bug cannot survive; returns the invariant that caught it."""
    if bug == "check_then_write":
        for number in range(10):
            let_in = stage.race(f"b{bug}{number}", bug=bug)
            if let_in > PLACES:
                return f"I4 {let_in} let in"
        return None
    if bug == "yesterday_comes_back":
        return next(iter(stage.turn_back_the_clock(f"b{bug}", bug).violations), None)
    scenario = replace(_TRAPS[bug], name=f"b{bug}", bug=bug)
    return next(iter(stage.play(scenario).violations), None)
