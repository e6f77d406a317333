"""The whole campaign: kills at every point under every behaviour, crowds, races and mutants; and its figures."""

from __future__ import annotations

import math
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeVar

from tests.faults.behaviours import CODED, POSTS, PRICE, coded
from tests.faults.histories import HISTORIES
from tests.faults.kill_points import POINTS
from tests.faults.mutants import MUTANTS
from tests.faults.plan import ORDERLY
from tests.faults.runner import Result, Runner
from tests.faults.scenarios import Scenario, draw, posts_for

_T = TypeVar("_T")

CROWD_KILLS = 40
"""Kills in one crowd: its journal then holds some hundred jobs."""
PLACES = 50
"""Jobs that the budget of a race has room for."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a mutant is caught."""

    violation: str | None
    """The first invariant that it breaks, and how."""
    never_called: set[str]
    """The functions that it replaces and nothing called: such a mutant is not one."""

    @property
    def caught(self) -> bool:
        return self.violation is not None and not self.never_called

    def __str__(self) -> str:
        if self.never_called:
            return f"NEVER CALLED: {', '.join(sorted(self.never_called))}"
        return self.violation or "NOT CAUGHT"


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
    unknown_unkeyed: int = 0
    unknown_keyed: int = 0
    reconciled: int = 0
    overspent: int = 0
    races: list[int] = field(default_factory=list[int])
    recoveries: list[float] = field(default_factory=list[float])
    histories: int = 0
    ends: Counter[str] = field(default_factory=Counter[str])
    slowest: dict[str, float] = field(default_factory=dict[str, float])
    killed_at: Counter[str] = field(default_factory=Counter[str])
    ended_at: Counter[str] = field(default_factory=Counter[str])
    codes: set[str] = field(default_factory=set[str])
    """The combinations of HTTP status, body code and id that were tried."""
    pairs: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    violations: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    """The scenario, the violation, and the end of the log."""
    mutants: dict[str, Verdict] = field(default_factory=dict[str, Verdict])
    seconds: float = 0.0

    def add(self, scenario: str, result: Result) -> None:
        """Add the figures of one scenario."""
        found = result.findings
        self.scenarios += 1
        self.kills += result.kills
        self.jobs += found.jobs
        self.charges += found.charges
        self.unkeyed += found.unkeyed
        self.unknown_unkeyed += found.unknown_unkeyed
        self.unknown_keyed += found.unknown_keyed
        self.reconciled += found.reconciled
        self.overspent = max(self.overspent, found.overspent)
        self.recoveries += found.recoveries
        self.ends.update(result.ends)
        for how, seconds in result.slowest.items():
            self.slowest[how] = max(seconds, self.slowest.get(how, 0.0))
        self.violations += [(scenario, each, result.log) for each in result.violations]

    @property
    def passed(self) -> bool:
        """Whether every promise was kept and every mutant was caught."""
        caught = all(verdict.caught for verdict in self.mutants.values())
        return not self.violations and caught and all(admitted == PLACES for admitted in self.races)

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield the table, a name and a figure at a time."""
        violations = f"{len(self.violations)}"
        if not self.violations and self.kills and self.jobs:
            violations += f" (95 % bound: {3 / self.kills:.2%} of kills, {3 / self.jobs:.4%} of jobs)"
        recoveries = sorted(self.recoveries) or [math.nan]
        races = Counter(self.races)
        yield "kills (SIGKILL)", f"{self.kills:,} at {len(self.killed_at)} of {len(POINTS)} points and at random"
        how = ", ".join(f"{times:,} {how} (slowest {self.slowest[how]:.2f} s)" for how, times in self.ends.items())
        yield "orderly ends", f"{self.ends.total():,} at {len(self.ended_at)} points and at random: {how or 'none'}"
        if left := [point for point in POINTS if point not in self.killed_at]:
            yield "points without a kill", ", ".join(left)
        yield "vendor behaviours", f"{len(POSTS)}; {len(self.pairs):,} pairs of point and behaviour"
        yield "HTTP status × body code × id × charged", f"{len(self.codes)} of {len(CODED)} tried at a point"
        yield (
            "scenarios",
            f"{self.scenarios:,}, of them {self.crowds} crowds of 3 servers × 4 workers and {self.histories} histories",
        )
        yield "jobs", f"{self.jobs:,}"
        yield "charges", f"{self.charges:,}"
        yield "violations of I1–I10", violations
        yield "unknown in the end, no idempotency key", _share(self.unknown_unkeyed, self.unkeyed)
        yield "unknown at a vendor with a key: reconciled", _share(self.reconciled, self.unknown_keyed)
        yield "recovery p50 / p99", f"{_quantile(recoveries, 0.5):.1f} / {_quantile(recoveries, 0.99):.1f} ms"
        yield (
            "budget race, 8 processes for 50 places",
            ", ".join(f"{admitted} admitted, {times} times" for admitted, times in races.items()) or "–",
        )
        yield "overspend", f"${self.overspent / 1e6:.2f}"
        yield "mutants caught", f"{sum(v.caught for v in self.mutants.values())}/{len(self.mutants)}"
        yield "seed", f"{self.seed}"
        yield "time", f"{self.seconds:.0f} s"


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,}" + (f" ({part / whole:.1%})" if whole else "")


def _quantile(values: list[float], q: float) -> float:
    return values[min(len(values) - 1, int(q * len(values)))]


class Campaign:
    """Runs scenarios, several at once."""

    def __init__(self, runner: Runner, seed: int, threads: int, report: Callable[[str], None] = lambda _: None) -> None:
        """`threads` is how many scenarios run at once; `report` gets a line now and then about the progress."""
        self.tally = Tally(seed)
        self._runner, self._seed, self._threads, self._report = runner, seed, threads, report
        self._lock = threading.Lock()
        self._began = time.monotonic()

    def _run_all(self, work: Callable[[_T], None], items: Iterable[_T]) -> None:
        with ThreadPoolExecutor(self._threads) as pool:
            futures: list[Future[None]] = [pool.submit(work, item) for item in items]
            for number, future in enumerate(futures, 1):
                future.result()
                if number % 100 == 0:
                    self._report(f"{number} of {len(futures)} done, {len(self.tally.violations)} violations")
        self.tally.seconds = time.monotonic() - self._began

    def _report_violations(self, scenario: str, result: Result) -> None:
        for violation in result.violations:
            self._report(f"VIOLATION {violation}: {scenario}")

    def kill(self, scenarios: Iterable[Scenario]) -> None:
        """Run scenarios in which a server ends at a point."""

        def one(scenario: Scenario) -> None:
            result = self._runner.run(scenario)
            self._report_violations(f"{scenario}", result)
            with self._lock:
                self.tally.add(f"{scenario}", result)
                reached = self.tally.killed_at if scenario.end == "kill" else self.tally.ended_at
                reached.update(result.killed_at)
                if scenario.kill in result.killed_at:
                    self.tally.pairs.add((str(scenario.kill), scenario.post))
                    self.tally.codes |= {scenario.post} & set(CODED)

        self._run_all(one, scenarios)

    def crowds(self, times: int, kills: int = CROWD_KILLS) -> None:
        """Run crowds; every other one has a daily budget."""

        def one(number: int) -> None:
            name = f"c{self._seed}-{number}"
            cap = kills * 8 * PRICE if number % 2 else None
            result = self._runner.crowd(name, random.Random(f"{self._seed}/{name}"), kills=kills, cap=cap)
            self._report_violations(name, result)
            with self._lock:
                self.tally.add(name, result)
                self.tally.crowds += 1

        first = self.tally.crowds
        self._run_all(one, range(first, first + times))

    def histories(self, times: int) -> None:
        """Run each history so many times."""

        def one(work: tuple[str, int]) -> None:
            history, number = work
            name = f"h{self._seed}-{history.replace('_', '-')}-{number}"
            result = HISTORIES[history](self._runner, name, random.Random(f"{self._seed}/{name}"), None)
            self._report_violations(name, result)
            with self._lock:
                self.tally.add(name, result)
                self.tally.histories += 1

        self._run_all(one, [(history, number) for number in range(times) for history in HISTORIES])

    def races(self, times: int) -> None:
        """Let processes race for a budget."""

        def one(number: int) -> None:
            race = self._runner.race(f"r{self._seed}-{number}", places=PLACES)
            with self._lock:
                self.tally.races.append(race.admitted)

        self._run_all(one, range(times))

    def mutants(self, names: Iterable[str] = tuple(MUTANTS)) -> None:
        """Try to catch each mutant."""

        def one(name: str) -> None:
            verdict = judge(self._runner, name)
            with self._lock:
                self.tally.mutants[name] = verdict

        self._run_all(one, names)


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
        yield draw(random.Random(f"{seed}/{number}"), f"k{seed}-{number}", point, post)


def drawn_ends(seed: int, count: int) -> Iterator[Scenario]:
    """Yield scenarios in which a whole server ends in order, at each point in each way."""
    for number, scenario in enumerate(drawn(seed + 1_000_000, count)):
        how = ORDERLY[(POINTS.index(str(scenario.kill)) + number // len(POINTS)) % len(ORDERLY)]
        yield replace(scenario, name=f"e{seed}-{number}", end=how)


_TRAPS: dict[str, Scenario] = {
    "resend_like_an_sdk": Scenario("m", post="accept_then_reset"),
    "journal_after_the_answer": Scenario("m", kill="post.answer_body"),
    "server_errors_are_free": Scenario("m", post="accept_then_500"),
    "resend_on_recovery": Scenario("m", kill="post.answer_head"),
    "unknown_releases_its_reservation": Scenario("m", post="accept_then_close", vendor="ope"),
    "video_published_before_complete": Scenario("m", download="slow", kill="download.block", nth=2),
    "key_logged": Scenario("m"),
    "key_in_the_request": Scenario("m"),
    "recovery_does_nothing": Scenario("m", kill="submitting.after"),
    "answer_before_the_journal": Scenario("m", kill="post.body"),
    "any_key_will_do": Scenario("m", vendor="aigptimage", kill="post.answer_head", stranger="second"),
    "stops_interrupt_submissions": Scenario("m", post="slow", kill="post.body", end="eof"),
    "reconciling_ignores_caps": Scenario("m", vendor="aigptimage", kill="post.before", broke=True),
    "nobody_reconciles_unasked": Scenario("m", vendor="aigptimage", kill="post.body", passive=True),
    "refusals_have_no_ids": Scenario("m", post=coded(402, 402, charges=True, task_id=True)),
    "the_body_code_decides": Scenario("m", post=coded(500, 402, charges=True)),
    "unsent_is_unknown": Scenario("m", post="refuse_connection", kill="post.before", end="eof"),
}
"""Scenarios that a mutant cannot survive."""
_HISTORIES = {
    "yesterday_comes_back": "turning_clocks",
    "purging_forgets_request_keys": "repeated_keys",
    "duplicates_within_ten_minutes": "repeated_requests",
    "unreadable_caps_are_none": "unreadable_caps",
    "settled_at_the_prices_of_today": "other_prices",
    "late_truths_are_dropped": "lost_lock_files",
    "each_server_has_its_own_day": "turning_clocks",
    "lock_file_is_not_renewed": "lost_lock_files",
}
"""Histories that a mutant cannot survive for long."""
_TRIES = 10
"""How often a mutant may be lucky."""


def judge(runner: Runner, mutant: str) -> Verdict:
    """Try to catch a mutant."""
    if mutant == "check_then_write":
        never_called: set[str] = set()
        for number in range(_TRIES):
            race = runner.race(f"m{mutant}{number}", mutant=mutant)
            never_called = race.never_called
            if race.admitted > PLACES:
                return Verdict(f"I4 {race.admitted} admitted", never_called)
        return Verdict(None, never_called)
    if history := _HISTORIES.get(mutant):
        verdict = Verdict(None, set())
        for number in range(_TRIES):
            name = f"m{mutant}{number}"
            verdict = _verdict(HISTORIES[history](runner, name, random.Random(name), mutant))
            if verdict.caught:
                break
        return verdict
    return judge_by(runner, replace(_TRAPS[mutant], name=f"m{mutant}", mutant=mutant))


def judge_by(runner: Runner, scenario: Scenario) -> Verdict:
    """Try to catch the mutant of a scenario."""
    return _verdict(runner.run(scenario))


def _verdict(result: Result) -> Verdict:
    broken = (each for each in result.violations if each.startswith("I"))  # a process that fails proves nothing
    return Verdict(next(broken, None), result.never_called)
