"""The journal against a model of a few lines: whatever happens in whatever order, both have the same jobs and sums."""

from __future__ import annotations

import asyncio
import math
import os
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from seedance_mcp.errors import KeyReused, OverBudget
from seedance_mcp.jobs.journal.budget import Caps
from seedance_mcp.jobs.journal.model import CHARGED, FREE, OPEN, STATES, TERMINAL, UNFINISHED, NewJob
from tests.faults.fork_server import quick_folder
from tests.jobs.services import InlineJournal

OWNERS = ("desktop", "code", "cursor")
STEPS: dict[str, tuple[str, ...]] = {
    "intent": ("submitting",),
    "submitting": ("intent", "unknown"),
    "submitted": ("submitting", "unknown"),
    "rejected": ("submitting", "unknown"),
    "unknown": ("submitting",),
    "queued": OPEN,
    "running": OPEN,
    "succeeded": OPEN,
    "failed": OPEN,
    "cancelled": OPEN,
    "expired": OPEN,
}
"""The states from which the product moves a job to each state."""
prices = st.one_of(st.none(), st.integers(0, 5))
caps = st.builds(
    Caps,
    per_video=st.one_of(st.none(), st.integers(0, 5)),
    per_day=st.one_of(st.none(), st.integers(0, 12)),
    open_jobs=st.one_of(st.none(), st.integers(1, 4)),
    allow_unpriced=st.booleans(),
    asked=st.one_of(st.none(), st.integers(0, 5)),
)


@dataclass
class Row:
    """A job in the model."""

    id: str
    state: str
    hash: str
    owner: str
    day: str
    created_at: float
    reserved: int
    unpriced: bool
    updated_at: float
    spent: int = 0
    task_id: str | None = None
    purged: bool = False
    lease_owner: str | None = None
    lease_until: float = -math.inf


class JournalMachine(RuleBasedStateMachine):
    jobs: Bundle[str] = Bundle("jobs")

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory(dir=quick_folder(), prefix="faults-")
        self.runner = asyncio.Runner()
        self.now = datetime(2026, 3, 10, 12).astimezone().timestamp()
        self.journal = self.opened()
        self.rows: dict[str, Row] = {}
        self.latest: str = ""
        self.continued: str = ""
        self.keys: dict[str, tuple[str, str]] = {}
        """The job and the request by request_key."""
        self.living: set[str] = set(OWNERS)

    def opened(self) -> InlineJournal:
        return InlineJournal(Path(self.folder.name), lambda: self.now)

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.journal.close()
            self.runner.close()
            self.folder.cleanup()

    def days(self) -> tuple[str, str]:
        """Return the day of the budget (today, or the latest day if that is tomorrow), and the later one it continues.

        That is one which was more than a day ahead; the day keeps it until the next.
        """
        date = datetime.fromtimestamp(self.now).astimezone().date()
        today, tomorrow = date.isoformat(), (date + timedelta(days=1)).isoformat()
        if self.latest in {today, tomorrow}:
            return self.latest, self.continued
        return today, self.latest if self.latest > tomorrow else ""

    def spending(self, days: tuple[str, str]) -> tuple[int, int, int, int]:
        today = [row for row in self.rows.values() if row.day in days and row.state in {"intent", *CHARGED}]
        open_jobs = sum(row.state in {*UNFINISHED, "unknown"} for row in self.rows.values())
        return (
            sum(row.spent for row in today),
            sum(row.reserved for row in today),
            open_jobs,
            sum(row.unpriced for row in today),
        )

    def over(self, price: int | None, cap: Caps) -> bool:
        spent, reserved, open_jobs, _ = self.spending(self.days())
        if cap.open_jobs is not None and open_jobs >= cap.open_jobs:
            return True
        if price is None:
            capped = cap.per_video is not None or cap.per_day is not None
            return cap.asked is not None or (capped and not cap.allow_unpriced)
        singly = [limit for limit in (cap.asked, cap.per_video) if limit is not None]
        return any(price > limit for limit in singly) or (
            cap.per_day is not None and spent + reserved + price > cap.per_day
        )

    # -- what happens ---------------------------------------------------------------------------------------------

    @rule(
        target=jobs,
        request=st.sampled_from("abc"),
        key=st.sampled_from([None, None, "k1", "k2"]),
        price=prices,
        cap=caps,
        again=st.booleans(),
        owner=st.sampled_from(OWNERS),
    )
    def admit(self, request: str, key: str | None, price: int | None, cap: Caps, again: bool, owner: str) -> str:
        job_id = f"j{len(self.rows):03}"
        new = NewJob(job_id, "v", "v/m", {"prompt": request}, request, owner, price, None, "account", None, key, again)
        self.latest, self.continued = self.days()  # remembered whatever becomes of the job
        owned = key in self.keys and self.rows[self.keys[key][0]].state not in FREE
        same = self.rows[self.keys[key][0]] if key and owned else None
        if key and same is not None and self.keys[key][1] != request:
            with pytest.raises(KeyReused):
                self.runner.run(self.journal.admit(new, cap))
            return same.id
        if same is None and not again:
            alike = [r for r in self.rows.values() if r.hash == request and r.state in {*UNFINISHED, "unknown"}]
            same = max(alike, key=lambda row: row.created_at, default=None)
        if same is not None:
            admission = self.runner.run(self.journal.admit(new, cap))
            assert admission.duplicate
            assert self.rows[admission.job.id].created_at == same.created_at
            if key and not owned:
                self.keys[key] = admission.job.id, request
            return admission.job.id
        if self.over(price, cap):
            with pytest.raises(OverBudget):
                self.runner.run(self.journal.admit(new, cap))
            return next(iter(self.rows), job_id)
        assert not self.runner.run(self.journal.admit(new, cap)).duplicate
        reserved, unpriced = price or 0, price is None
        self.rows[job_id] = Row(
            job_id, "submitting", request, owner, self.latest, self.now, reserved, unpriced, self.now
        )
        if key:
            self.keys[key] = job_id, request
        return job_id

    @rule(job=jobs, to=st.sampled_from(sorted(STEPS)), owner=st.sampled_from(OWNERS), cost=st.integers(0, 6))
    def move(self, job: str, to: str, owner: str, cost: int) -> None:
        row = self.rows.get(job)
        changes: dict[str, Any] = {"owner": owner} if to == "submitting" else {}
        if to in TERMINAL:
            changes |= {"reserved": 0} | ({} if to == "rejected" else {"spent": cost})
        moved = self.runner.run(self.journal.move(job, to, when=STEPS[to], **changes))
        if row is None or row.state not in STEPS[to]:
            assert moved is None
            return
        assert moved is not None
        row.state = to
        row.owner = changes.get("owner", row.owner)
        row.reserved, row.spent = changes.get("reserved", row.reserved), changes.get("spent", row.spent)
        row.updated_at = self.now
        if to in TERMINAL:
            row.lease_owner = None

    @rule(job=jobs, task=st.sampled_from(["t1", "t2", "t3", "t4"]))
    def accept(self, job: str, task: str) -> None:
        row, held = self.rows.get(job), self.runner.run(self.journal.get(job))
        if row is None or held is None:
            return
        accepted = self.runner.run(self.journal.accept(held, task))
        if row.task_id is not None:
            assert (accepted is not None) is (row.task_id == task)
            return
        if any(other.task_id == task for other in self.rows.values()):
            row.state = "unknown"
        else:
            row.state, row.task_id = "submitted", task
        row.updated_at = self.now

    @rule(job=jobs, cap=caps)
    def readmit(self, job: str, cap: Caps) -> None:
        row = self.rows.get(job)
        self.latest, self.continued = self.days()
        if row is None or row.state != "unknown":
            assert self.runner.run(self.journal.readmit(job, cap)) is None
            return
        row.state = "rejected"  # so that it does not count itself
        over = self.over(None if row.unpriced else row.reserved, cap)
        row.state = "unknown"
        if over:
            with pytest.raises(OverBudget):
                self.runner.run(self.journal.readmit(job, cap))
            return
        assert self.runner.run(self.journal.readmit(job, cap))
        row.day = self.latest

    @rule(age=st.sampled_from([0, 60, 86_400]))
    def purge(self, age: int) -> None:
        old = [
            row
            for row in self.rows.values()
            if row.state in TERMINAL and row.updated_at < self.now - age and not row.purged
        ]
        for row in old:
            row.purged, row.hash = True, ""
        assert self.runner.run(self.journal.purge(self.now - age)) == len(old)

    @rule(owner=st.sampled_from(OWNERS))
    def die(self, owner: str) -> None:
        self.living.discard(owner)

    @rule(owner=st.sampled_from(OWNERS))
    def live(self, owner: str) -> None:
        self.living.add(owner)

    @rule()
    def recover(self) -> None:
        settled = {job.id: job.state for job in self.runner.run(self.journal.recover(self.living.__contains__))}
        expected: dict[str, str] = {}
        for row in self.rows.values():
            if row.lease_owner not in self.living:
                row.lease_owner = None
            if row.owner in self.living or row.state not in {"intent", "submitting"}:
                continue
            row.state = expected[row.id] = "abandoned" if row.state == "intent" else "unknown"
            row.updated_at = self.now
            if row.state == "abandoned":
                row.reserved = 0
                row.lease_owner = None
        assert settled == expected

    @rule(
        job=jobs,
        owner=st.sampled_from(OWNERS),
        what=st.sampled_from([(60, OPEN), (1800, ("succeeded",))]),
    )
    def claim(self, job: str, owner: str, what: tuple[float, tuple[str, ...]]) -> None:
        row, (seconds, when) = self.rows.get(job), what
        had = self.runner.run(self.journal.claim(job, owner, seconds, when=when))
        if row is None or row.state not in when:
            assert not had
            return
        bogus = row.lease_until > self.now + 10 * seconds
        assert had is (row.lease_owner in {None, owner} or row.lease_until < self.now or bogus)
        if had:
            row.lease_owner, row.lease_until = owner, self.now + seconds

    @rule(job=jobs)
    def save(self, job: str) -> None:
        noted = self.runner.run(self.journal.note(job, path="video.mp4", save_error=None))
        assert (noted is None) is (job not in self.rows)
        if job in self.rows:
            self.rows[job].lease_owner = None
            self.rows[job].updated_at = self.now

    @rule(seconds=st.sampled_from([1, 59, 61, 599, 601, 86_400, -30, -86_400]))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def reopen(self) -> None:
        self.journal.close()
        self.journal = self.opened()

    @rule(job=consumes(jobs))
    def forget(self, job: str) -> None:
        """Let other jobs be chosen more often."""

    # -- what always holds ------------------------------------------------------------------------------------------

    @invariant()
    def both_have_the_same_jobs(self) -> None:
        if not hasattr(self, "journal"):
            return
        found = self.runner.run(self.journal.page((), 50, None)).jobs
        newest_first = sorted(self.rows.values(), key=lambda row: (row.created_at, row.id), reverse=True)[:50]
        assert [job.id for job in found] == [row.id for row in newest_first]
        for job, row in zip(found, newest_first, strict=True):
            assert (job.state, job.owner, job.day) == (row.state, row.owner, row.day)
            assert (job.reserved, job.spent, job.unpriced) == (row.reserved, row.spent, row.unpriced)
            assert (job.task_id, job.request_hash) == (row.task_id, row.hash)

    @rule()
    def spend(self) -> None:
        days = self.days()
        seen = self.runner.run(self.journal.spending())
        assert seen.day == days[0]
        assert (seen.spent, seen.reserved, seen.open_jobs, seen.unpriced) == self.spending(days)

    @rule(state=st.sampled_from(STATES))
    def list_states(self, state: str) -> None:
        found = self.runner.run(self.journal.in_states((state,)))
        assert {job.id for job in found} == {row.id for row in self.rows.values() if row.state == state}

    @rule(size=st.integers(1, 4))
    def turn_pages(self, size: int) -> None:
        seen: list[str] = []
        cursor: str | None = None
        while True:
            page = self.runner.run(self.journal.page((), size, cursor))
            seen += [job.id for job in page.jobs]
            cursor = page.next_cursor
            if cursor is None:
                break
        newest_first = sorted(self.rows.values(), key=lambda row: (row.created_at, row.id), reverse=True)
        assert seen == [row.id for row in newest_first]


TestJournal = JournalMachine.TestCase
DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
TestJournal.settings = settings(max_examples=1000 if DEEP else 25, stateful_step_count=30)
