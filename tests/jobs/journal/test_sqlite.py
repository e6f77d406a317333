"""The SQLite file: durable transactions, duplicates, days, leases, and clear errors."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import pytest

from seedance_mcp.errors import JournalError, KeyReused, OverBudget
from seedance_mcp.jobs.journal.budget import Caps
from seedance_mcp.jobs.journal.model import OPEN, STATES, STOPPED, TERMINAL, Job, Total
from seedance_mcp.jobs.journal.rows import insert
from seedance_mcp.jobs.journal.sqlite import SqliteJournal
from tests.jobs.services import MINI, OWNER, WITH_KEY, new_job

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 3, 10, 12).astimezone().timestamp()
DAY = 86_400


class Clock:
    """A wall clock that only moves when a test sets `now`."""

    now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Generator[SqliteJournal]:
    opened = SqliteJournal(tmp_path, clock)
    yield opened
    opened.close()


async def admit(journal: SqliteJournal, job_id: str, caps: Caps | None = None, **changes: Any) -> Job:
    return (await journal.admit(new_job(job_id, **changes), caps or Caps())).job


async def put(journal: SqliteJournal, job_id: str, state: str, **changes: Any) -> Job:
    """Write a job in any state; `changes` are columns."""
    await admit(journal, job_id)
    job = await journal.move(job_id, state, when=("submitting",), **changes)
    assert job
    return job


# -- admission ----------------------------------------------------------------------------------------------------


async def test_an_admitted_job_has_everything_that_was_asked(journal: SqliteJournal) -> None:
    new = new_job("a", request_key="key", price={"usd": 0.57, "basis": "雪"})
    admission = await journal.admit(new, Caps())
    assert not admission.duplicate
    job = admission.job
    assert (job.id, job.state, job.vendor, job.model, job.owner) == ("a", "submitting", new.vendor, new.model, OWNER)
    assert (job.request, job.request_hash, job.price) == (new.request, "hash of a", {"usd": 0.57, "basis": "雪"})
    assert (job.account, job.unit_usd) == (new.account, "0.01")
    assert (job.created_at, job.updated_at, job.day) == (NOON, NOON, "2026-03-10")
    assert (job.reserved, job.spent, job.unpriced, job.polls) == (570_000, 0, False, 0)
    assert await journal.get("a") == job
    assert await journal.get("b") is None


async def test_a_job_without_a_price_reserves_nothing_and_counts_as_unpriced(journal: SqliteJournal) -> None:
    job = await admit(journal, "a", reserve=None)
    assert (job.reserved, job.unpriced, job.price, job.cost) == (0, True, None, None)
    free = await admit(journal, "b", reserve=0)
    assert (free.reserved, free.unpriced, free.cost) == (0, False, 0)
    spending = await journal.spending()
    assert (spending.reserved, spending.unpriced, spending.open_jobs) == (0, 1, 2)


async def test_a_refused_job_leaves_nothing_behind(journal: SqliteJournal) -> None:
    with pytest.raises(OverBudget):
        await admit(journal, "a", Caps(per_video=1))
    assert await journal.get("a") is None
    assert (await journal.spending()).open_jobs == 0


@pytest.mark.parametrize(
    ("seconds", "state", "duplicate"),
    [
        (0, "submitting", True),
        (599.9, "submitted", True),
        (600, "submitted", True),
        (365 * DAY, "submitted", True),
        (365 * DAY, "unknown", True),
        *[(1, state, state not in TERMINAL) for state in STATES],
    ],
)
async def test_the_same_request_is_the_same_job_however_old_while_the_first_is_not_over(
    journal: SqliteJournal, clock: Clock, seconds: float, state: str, duplicate: bool
) -> None:
    await admit(journal, "a", request_hash="same")
    await journal.move("a", state, when=("submitting",))
    clock.now += seconds
    admission = await journal.admit(new_job("b", request_hash="same"), Caps(open_jobs=0 if duplicate else None))
    assert (admission.duplicate, admission.job.id) == (duplicate, "a" if duplicate else "b")


async def test_the_latest_of_several_equal_jobs_is_the_duplicate(journal: SqliteJournal, clock: Clock) -> None:
    for name in ("a", "b", "c"):
        clock.now += 1
        await admit(journal, name, request_hash="same", allow_duplicate=True)
    assert (await admit(journal, "d", request_hash="same")).id == "c"


async def test_a_request_key_is_one_request_however_old_and_in_whatever_state(
    journal: SqliteJournal, clock: Clock
) -> None:
    await admit(journal, "a", request_hash="same", request_key="key")
    await journal.move("a", "failed", when=("submitting",))
    clock.now += 365 * DAY
    again = await journal.admit(new_job("b", request_hash="same", request_key="key", allow_duplicate=True), Caps())
    assert (again.duplicate, again.job.id) == (True, "a")
    with pytest.raises(KeyReused, match=r"The request_key 'key' was used for another request \(job a\)\."):
        await admit(journal, "c", request_key="key")
    assert await journal.get("c") is None


# -- changes ------------------------------------------------------------------------------------------------------


async def test_a_job_moves_only_from_the_states_that_are_named(journal: SqliteJournal, clock: Clock) -> None:
    await admit(journal, "a")
    clock.now += 1
    assert await journal.move("a", "running", when=("submitted", "unknown"), task_id="t") is None
    assert (left := await journal.get("a"))
    assert (left.state, left.task_id, left.updated_at) == ("submitting", None, NOON)
    moved = await journal.move("a", "submitted", when=("submitting", "unknown"))
    assert moved
    assert (moved.state, moved.updated_at) == ("submitted", NOON + 1)
    assert await journal.move("nothing", "submitting", when=("submitting",)) is None


async def test_a_note_changes_no_state_and_one_job_only(journal: SqliteJournal, clock: Clock) -> None:
    before = [await admit(journal, name) for name in ("a", "b")]
    clock.now += 1
    noted = await journal.note("a", path="/1.mp4", delivered={"audio": True}, unpriced=True, updated_at=5.0)
    assert noted == replace(before[0], path="/1.mp4", delivered={"audio": True}, unpriced=True, updated_at=5.0)
    assert await journal.get("b") == before[1]
    assert await journal.note("nothing", path="/1.mp4") is None
    cleared = await journal.note("a", path=None, delivered=None)
    assert cleared
    assert (cleared.path, cleared.delivered) == (None, None)


async def test_a_column_that_is_not_there_is_a_bug_of_the_caller(journal: SqliteJournal) -> None:
    await admit(journal, "a")
    with pytest.raises(TypeError, match="a job has no nonsense"):
        await journal.note("a", nonsense=1)


async def test_a_transaction_that_began_ends_even_if_its_caller_is_cancelled(
    journal: SqliteJournal, tmp_path: Path
) -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await journal.admit(new_job("a"), Caps())
    with closing(SqliteJournal(tmp_path)) as other:
        assert await other.get("a")


# -- lists --------------------------------------------------------------------------------------------------------


async def test_pages_are_newest_first_and_follow_each_other(journal: SqliteJournal, clock: Clock) -> None:
    for number, name in enumerate("abcde"):
        clock.now = NOON + number // 2  # some at the same moment: then by id
        await put(journal, name, "succeeded" if name in "bd" else "running")
    seen: list[str] = []
    cursor, sizes = None, list[int]()
    while True:
        page = await journal.page((), 2, cursor)
        sizes.append(len(page.jobs))
        seen += [job.id for job in page.jobs]
        if (cursor := page.next_cursor) is None:
            break
        assert cursor == page.jobs[-1].id
    assert (seen, sizes) == (["e", "d", "c", "b", "a"], [2, 2, 1])
    full = await journal.page((), 5, None)
    assert (len(full.jobs), full.next_cursor) == (5, None)
    assert [job.id for job in (await journal.page(("succeeded", "failed"), 5, None)).jobs] == ["d", "b"]
    assert [job.id for job in (await journal.page(("running",), 5, "d")).jobs] == ["c", "a"]


async def test_jobs_in_states_are_oldest_first(journal: SqliteJournal, clock: Clock) -> None:
    for name, state in (("b", "queued"), ("a", "running"), ("c", "succeeded")):
        clock.now += 1
        await put(journal, name, state)
    assert [job.id for job in await journal.in_states(OPEN)] == ["b", "a"]
    assert await journal.in_states(("failed",)) == []


async def test_durations_are_of_succeeded_jobs_of_the_model_the_latest_fifty(journal: SqliteJournal) -> None:
    for number in range(60):
        await put(journal, f"a{number}", "succeeded", submitted_at=NOON, finished_at=NOON + number + 1)
    await put(journal, "failed", "failed", submitted_at=NOON, finished_at=NOON + 1000)
    await put(journal, "backwards", "succeeded", submitted_at=NOON, finished_at=NOON)
    assert await journal.durations(MINI["model"]) == [float(seconds) for seconds in range(60, 10, -1)]
    assert await journal.durations(WITH_KEY["model"]) == []


async def test_totals_are_by_day_and_model_of_what_may_have_been_charged(journal: SqliteJournal, clock: Clock) -> None:
    await put(journal, "a", "succeeded", spent=5, reserved=0)
    await put(journal, "b", "unknown", reserved=7, unpriced=1)
    await put(journal, "free", "rejected", reserved=0, spent=0)
    await put(journal, "intent", "intent")
    await admit(journal, "other", model=WITH_KEY["model"])
    await journal.move("other", "running", when=("submitting",), spent=9, reserved=0)
    clock.now += DAY
    await put(journal, "c", "submitting", reserved=11)
    later, earlier = (
        Total("2026-03-11", MINI["model"], 1, 0, 11, 0),
        [Total("2026-03-10", WITH_KEY["model"], 1, 9, 0, 0), Total("2026-03-10", MINI["model"], 2, 5, 7, 1)],
    )
    assert await journal.totals(1) == [later]
    assert await journal.totals(2) == [later, *earlier]


async def test_spending_is_that_of_the_day_and_open_jobs_are_those_of_all_days(
    journal: SqliteJournal, clock: Clock
) -> None:
    for state in STATES:
        await put(journal, state, state, spent=1, reserved=10)
    today = await journal.spending()
    assert (today.day, today.spent, today.reserved) == ("2026-03-10", 10, 100)  # not rejected, not abandoned
    assert today.open_jobs == 6
    clock.now += DAY
    tomorrow = await journal.spending()
    assert (tomorrow.day, tomorrow.spent, tomorrow.reserved, tomorrow.open_jobs) == ("2026-03-11", 0, 0, 6)


async def test_setting_the_clock_back_opens_no_second_budget(journal: SqliteJournal, clock: Clock) -> None:
    await put(journal, "a", "succeeded", spent=5)
    clock.now -= DAY
    assert (await journal.spending()).spent == 5
    assert (await admit(journal, "b")).day == "2026-03-10"
    clock.now += 2 * DAY
    assert (await journal.spending()).day == "2026-03-11"


async def test_a_clock_that_was_days_ahead_is_not_obeyed_and_what_it_spent_still_counts(
    journal: SqliteJournal, clock: Clock
) -> None:
    clock.now += 365 * DAY
    await put(journal, "a", "succeeded", spent=5)
    clock.now = NOON
    assert (await admit(journal, "b")).day == "2026-03-10"
    assert ((spending := await journal.spending()).day, spending.spent) == ("2026-03-10", 5)
    clock.now += DAY
    assert ((spending := await journal.spending()).day, spending.spent) == ("2026-03-11", 0)


async def test_a_clock_that_was_years_ahead_holds_up_the_budget_for_one_day_only(
    journal: SqliteJournal, clock: Clock
) -> None:
    clock.now += 3650 * DAY
    await put(journal, "a", "succeeded", spent=5)
    clock.now = NOON
    with pytest.raises(OverBudget):
        await admit(journal, "b", Caps(per_day=5), reserve=1)
    clock.now += DAY
    assert (await admit(journal, "b", Caps(per_day=5), reserve=1)).day == "2026-03-11"


async def test_reading_does_not_move_the_day(journal: SqliteJournal, clock: Clock) -> None:
    await admit(journal, "a")
    clock.now += 1 * DAY
    assert (await journal.spending()).day == "2026-03-11"
    clock.now -= 1 * DAY
    assert (await journal.spending()).day == "2026-03-10"
    assert (await admit(journal, "b")).day == "2026-03-10"


# -- purging ------------------------------------------------------------------------------------------------------


async def test_a_purge_deletes_texts_of_ended_jobs_and_keeps_what_they_cost(
    journal: SqliteJournal, clock: Clock
) -> None:
    for state in STATES:
        await put(journal, state, state, spent=5, url="https://x", error_message="no", path="/1.mp4", sha256="ab")
    before = {state: await journal.get(state) for state in STATES}
    assert await journal.purge(NOON) == 0
    clock.now += 1
    assert await journal.purge(NOON + 0.5) == len(TERMINAL)
    assert await journal.purge(NOON + 0.5) == 0
    for state in STATES:
        job, old = await journal.get(state), before[state]
        assert job
        assert old
        texts: dict[str, Any] = {
            "request": {},
            "request_hash": "",
            "url": None,
            "error_message": None,
        }
        assert job == (replace(old, **texts) if state in TERMINAL else old)
    assert (await journal.spending()).spent == 5 * 10


# -- leases and dead processes ------------------------------------------------------------------------------------


async def test_a_lease_belongs_to_one_owner_until_it_ends(journal: SqliteJournal, clock: Clock) -> None:
    await put(journal, "a", "running")

    async def claim(owner: str, seconds: float) -> bool:
        return await journal.claim("a", owner, seconds, when=OPEN)

    assert await claim("one", 60)
    assert not await claim("other", 60)
    assert not await claim("other", 0)  # what another owner has cannot be given back
    assert await claim("one", 60)
    clock.now += 60
    assert not await claim("other", 60)
    clock.now += 0.1
    assert await claim("other", 60)
    assert not await claim("one", 0)
    assert await claim("other", 0)
    assert await claim("one", 60)


async def test_a_lease_from_before_the_clock_was_set_back_does_not_hold(journal: SqliteJournal, clock: Clock) -> None:
    await put(journal, "a", "running")
    clock.now += 540
    assert await journal.claim("a", "one", 60, when=OPEN)
    clock.now -= 540
    assert not await journal.claim("a", "other", 60, when=OPEN)  # it could be a lease of ten minutes
    clock.now -= 1
    assert await journal.claim("a", "other", 60, when=OPEN)


@pytest.mark.parametrize(("state", "when", "granted"), [("running", OPEN, True), ("running", ("succeeded",), False)])
async def test_a_lease_is_granted_only_in_the_states_that_are_named(
    journal: SqliteJournal, state: str, when: tuple[str, ...], granted: bool
) -> None:
    await put(journal, "a", state)
    assert await journal.claim("a", "one", 60, when=when) is granted
    assert not await journal.claim("nothing", "one", 60, when=when)


@pytest.mark.parametrize(
    ("change", "over"),
    [({"save_error": None}, True), ({"save_error": "disk full"}, True), ({"path": "/1.mp4"}, False)],
)
async def test_a_lease_ends_when_the_work_is_over(journal: SqliteJournal, change: dict[str, Any], over: bool) -> None:
    await put(journal, "a", "succeeded")
    assert await journal.claim("a", "one", 60, when=("succeeded",))
    await journal.note("a", **change)
    assert await journal.claim("a", "other", 60, when=("succeeded",)) is over


async def test_a_lease_ends_with_the_job_and_not_with_another_state(journal: SqliteJournal) -> None:
    await put(journal, "a", "submitted")
    assert await journal.claim("a", "one", 60, when=OPEN)
    await journal.move("a", "running", when=OPEN)
    assert not await journal.claim("a", "other", 60, when=OPEN)
    await journal.move("a", "succeeded", when=OPEN)
    assert await journal.claim("a", "other", 60, when=("succeeded",))


async def test_what_dead_processes_left_is_settled_and_what_living_ones_have_is_not(journal: SqliteJournal) -> None:
    for owner in ("dead", "living"):
        for state in STATES:
            await admit(journal, f"{owner} {state}", owner=owner, request_key=f"key of {owner} {state}")
            await journal.move(f"{owner} {state}", state, when=("submitting",))
        assert await journal.claim(f"{owner} running", owner, 60, when=OPEN)
    before = {job.id: job for job in await journal.in_states(STATES)}
    settled = {job.id: job for job in await journal.recover(lambda owner: owner == "living")}
    assert settled.keys() == {"dead intent", "dead submitting"}
    abandoned, unknown = settled["dead intent"], settled["dead submitting"]
    assert (abandoned.state, abandoned.reserved) == ("abandoned", 0)
    assert (unknown.state, unknown.reserved) == ("unknown", 570_000)
    assert (unknown.error_code, unknown.error_message) == ("unknown_outcome", STOPPED)
    assert {job.id: job for job in await journal.in_states(STATES)} == before | settled
    assert await journal.claim("dead running", "other", 60, when=OPEN)
    assert not await journal.claim("living running", "other", 60, when=OPEN)
    assert await journal.recover(lambda owner: owner == "living") == []


# -- the file -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
async def test_nobody_else_can_read_a_journal(tmp_path: Path) -> None:
    with closing(SqliteJournal(tmp_path / "a" / "state")) as journal:
        assert journal.path.parent.stat().st_mode & 0o777 == 0o700
        assert journal.path.stat().st_mode & 0o777 == 0o600


async def test_every_commit_reaches_the_disk(journal: SqliteJournal) -> None:
    db = journal._file._db  # pyright: ignore[reportPrivateUsage]  (each connection has its own settings)

    def pragma(name: str) -> Any:
        return db.execute(f"PRAGMA {name}").fetchone()[0]

    assert [pragma(name) for name in ("journal_mode", "synchronous", "fullfsync")] == ["truncate", 2, 1]


async def test_a_journal_waits_until_another_process_has_written(journal: SqliteJournal) -> None:
    done = anyio.Event()

    async def write() -> None:
        await admit(journal, "a")
        done.set()

    with closing(sqlite3.connect(journal.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with anyio.fail_after(25):
            async with anyio.create_task_group() as group:
                group.start_soon(write)
                with anyio.move_on_after(0.2):
                    await done.wait()
                assert not done.is_set()
                other.execute("COMMIT")
    assert await journal.get("a")


async def test_closing_waits_for_the_transaction_that_is_under_way(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path)
    began, go_on = threading.Event(), threading.Event()

    def alive(owner: str) -> bool:
        began.set()
        return go_on.wait(20)

    await admit(journal, "a")
    closing_thread = threading.Thread(target=journal.close)
    async with anyio.create_task_group() as group:
        group.start_soon(journal.recover, alive)
        assert await anyio.to_thread.run_sync(began.wait, 20)
        closing_thread.start()
        closing_thread.join(0.1)
        assert closing_thread.is_alive()
        go_on.set()
    closing_thread.join(20)
    assert not closing_thread.is_alive()


BROKEN: dict[str, Callable[[Path], object]] = {
    "not a database": lambda folder: (folder / "journal.sqlite3").write_text("in the way " * 100),
    "a folder in its place": lambda folder: (folder / "journal.sqlite3").mkdir(),
    "other tables": lambda folder: _other_tables(folder / "journal.sqlite3"),
}


def _other_tables(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE jobs (id)")


@pytest.mark.parametrize("how", BROKEN)
async def test_a_file_that_is_not_a_journal_is_an_error_with_its_path(tmp_path: Path, how: str) -> None:
    BROKEN[how](tmp_path)
    with pytest.raises(JournalError, match=r"The journal .*journal\.sqlite3 cannot be used \("):
        SqliteJournal(tmp_path)


async def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="cannot be used"):
        SqliteJournal(tmp_path / "file" / "state")


async def test_text_that_cannot_be_stored_is_an_error_and_changes_nothing(journal: SqliteJournal) -> None:
    with pytest.raises(JournalError, match="cannot be used"):
        await admit(journal, "a", request={"prompt": "\ud800"})
    assert await journal.get("a") is None
    with pytest.raises(JournalError):
        await admit(journal, "b", reserve=2**70)
    assert (await admit(journal, "c")).state == "submitting"  # the journal still works


async def test_a_job_id_is_used_once(journal: SqliteJournal) -> None:
    await admit(journal, "a")
    with pytest.raises(JournalError, match="UNIQUE"):
        await admit(journal, "a", request_hash="another")
    assert (await admit(journal, "b")).id == "b"


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed there")
async def test_a_journal_that_was_removed_meanwhile_takes_nothing_and_says_so(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path)
    journal.path.unlink()
    for _ in range(2):
        with pytest.raises(JournalError, match="was removed or replaced while this server was running") as caught:
            await admit(journal, "a")
        assert caught.value.next_step.startswith("Put it back and restart the server")
        SqliteJournal(tmp_path).close()  # the second time, another file is in its place
    journal.close()


async def test_requests_are_stored_as_readable_json(journal: SqliteJournal) -> None:
    await admit(journal, "a", request={"prompt": "雪 'ö' \""})
    with closing(sqlite3.connect(journal.path)) as db:
        (text,) = db.execute("SELECT request FROM jobs").fetchone()
    assert "雪" in text
    assert json.loads(text) == {"prompt": "雪 'ö' \""}


# -- late truths, and caps of a repeat ------------------------------------------------------------------------------


async def test_the_same_task_is_accepted_once_and_another_never_replaces_it(journal: SqliteJournal) -> None:
    job = await put(journal, "a", "submitting")
    accepted = await journal.accept(job, "t1", submitted_at=NOON)
    assert accepted
    assert (accepted.state, accepted.task_id, accepted.submitted_at) == ("submitted", "t1", NOON)
    assert await journal.accept(job, "t1") == accepted
    assert await journal.accept(job, "t2") is None
    assert await journal.get("a") == accepted


@pytest.mark.parametrize("state", ["unknown", "rejected", "abandoned"])
async def test_a_job_that_was_given_up_is_submitted_once_its_task_is_known(journal: SqliteJournal, state: str) -> None:
    job = await put(journal, "a", "submitting")
    await journal.move("a", state, when=("submitting",), reserved=0, finished_at=NOON, error_message="given up")
    accepted = await journal.accept(job, "t1")
    assert accepted
    assert (accepted.state, accepted.reserved, accepted.finished_at) == ("submitted", 570_000, None)
    assert accepted.error_message is None


async def test_the_same_task_id_of_another_account_is_another_task(journal: SqliteJournal) -> None:
    one = await put(journal, "a", "submitting")
    other = await put(journal, "b", "submitting", account="another")
    third = await put(journal, "c", "submitting")
    await journal.accept(one, "t1")
    assert (found := await journal.accept(other, "t1"))
    assert found.state == "submitted"
    assert (found := await journal.accept(third, "t1"))
    assert (found.state, found.task_id) == ("unknown", None)


async def test_the_same_task_id_at_another_vendor_is_another_task_even_without_an_account(
    journal: SqliteJournal,
) -> None:
    older = await put(journal, "a", "submitting")
    await journal.accept(older, "7")
    await journal.note("a", account=None)  # as in a journal of an older version
    await admit(journal, "b", model=WITH_KEY["model"])
    newer = await journal.move("b", "submitting", when=("submitting",))
    assert newer
    assert (found := await journal.accept(newer, "7"))
    assert (found.state, found.task_id) == ("submitted", "7")


async def test_a_key_that_was_freed_belongs_to_its_job_again_if_the_vendor_took_it_after_all(
    journal: SqliteJournal,
) -> None:
    job = (await journal.admit(new_job("a", request_hash="same", request_key="key"), Caps())).job
    await journal.move("a", "rejected", when=("submitting",), reserved=0)  # by hand, say
    await journal.accept(job, "t1")
    await journal.move("a", "succeeded", when=("submitted",), reserved=0, spent=570_000)
    again = await journal.admit(new_job("b", request_hash="same", request_key="key"), Caps())
    assert (again.duplicate, again.job.id) == (True, "a")


async def test_a_key_that_was_freed_and_used_again_belongs_to_the_second_job(journal: SqliteJournal) -> None:
    await admit(journal, "a", request_hash="one", request_key="key")
    await journal.move("a", "rejected", when=("submitting",), reserved=0)
    await admit(journal, "b", request_hash="two", request_key="key")
    first = await journal.get("a")
    assert first
    await journal.accept(first, "t1")
    again = await journal.admit(new_job("c", request_hash="two", request_key="key"), Caps())
    assert (again.duplicate, again.job.id) == (True, "b")


async def test_what_is_known_about_an_unknown_job_outlives_a_repeat_that_was_killed(journal: SqliteJournal) -> None:
    await put(journal, "a", "submitting", error_message="the answer has no task id: {}")
    (left,) = await journal.recover(lambda _: False)
    assert (left.state, left.error_message) == ("unknown", "the answer has no task id: {}")


async def test_a_repeat_counts_for_today_and_only_under_the_caps_in_force(journal: SqliteJournal, clock: Clock) -> None:
    await put(journal, "a", "unknown")
    assert (await journal.readmit("a", Caps(per_day=570_000, per_video=570_000, open_jobs=1))) is not None
    clock.now += DAY
    for cap in (Caps(per_day=569_999), Caps(per_video=569_999), Caps(open_jobs=0)):
        with pytest.raises(OverBudget):
            await journal.readmit("a", cap)
    left = await journal.get("a")
    assert left
    assert (left.state, left.day, left.reserved) == ("unknown", "2026-03-10", 570_000)
    again = await journal.readmit("a", Caps(per_day=570_000))
    assert again
    assert (again.state, again.day) == ("unknown", "2026-03-11")
    assert (await journal.spending()).reserved == 570_000
    await journal.move("a", "rejected", when=("unknown",))
    assert await journal.readmit("a", Caps()) is None
    assert await journal.readmit("gone", Caps()) is None


async def test_a_request_key_outlives_a_purge_and_belongs_to_duplicates_too(
    journal: SqliteJournal, clock: Clock
) -> None:
    await admit(journal, "a", request_hash="same", request_key="k1")
    duplicate = await journal.admit(new_job("b", request_hash="same", request_key="k2"), Caps())
    assert duplicate.duplicate
    await journal.move("a", "succeeded", when=("submitting",), reserved=0)
    clock.now += 1
    assert await journal.purge(clock.now) == 1
    for key in ("k1", "k2"):
        again = await journal.admit(new_job("c", request_hash="same", request_key=key), Caps())
        assert (again.duplicate, again.job.id) == (True, "a")
        with pytest.raises(KeyReused):
            await admit(journal, "d", request_key=key)
    assert b"k1" not in journal.path.read_bytes()


@pytest.mark.parametrize("state", STATES)
async def test_a_request_key_is_freed_only_where_nothing_was_charged(journal: SqliteJournal, state: str) -> None:
    await admit(journal, "a", request_hash="same", request_key="key")
    await journal.move("a", state, when=("submitting",))
    again = await journal.admit(new_job("b", request_hash="same", request_key="key", allow_duplicate=True), Caps())
    assert again.duplicate is (state not in {"rejected", "abandoned"})


async def test_a_stop_ends_the_wait_for_another_process(journal: SqliteJournal) -> None:
    with closing(sqlite3.connect(journal.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        journal.hurry(0)
        with anyio.fail_after(10), pytest.raises(JournalError, match="locked"):
            await admit(journal, "a")


# -- many jobs, and long texts ------------------------------------------------------------------------------------


async def test_no_query_reads_the_whole_table(journal: SqliteJournal) -> None:
    queries: list[str] = []
    db = journal._file._db  # pyright: ignore[reportPrivateUsage]  (no other way to see the statements)
    db.set_trace_callback(queries.append)
    for cursor in (None, "job-1"):
        await journal.page((), 20, cursor)
        await journal.page(("succeeded",), 50, cursor)
    await journal.durations(MINI["model"])
    await journal.spending()
    await journal.in_states(OPEN)
    await journal.recover(lambda _: True)
    await journal.get("job-1")
    await journal.ids_with_end("job-", 20)
    await admit(journal, "job-1")
    db.set_trace_callback(None)
    selects = [query for query in queries if query.startswith("SELECT") and " FROM jobs" in query]
    assert len(selects) > 8
    for query in selects:
        plan = [row["detail"] for row in db.execute(f"EXPLAIN QUERY PLAN {query}")]
        assert all("USING" in step for step in plan if "jobs" in step), (query, plan)
        if "LIMIT" in query:  # the others sort only what they return
            assert not any("TEMP B-TREE" in step for step in plan), (query, plan)


async def test_ids_are_found_by_either_end_without_reading_other_jobs(journal: SqliteJournal) -> None:
    job = await admit(journal, "model0000000")
    with closing(sqlite3.connect(journal.path)) as db:
        for number in range(5000):
            insert(db, asdict(replace(job, id=f"{number:05}abc{number % 7:04}")))
        db.commit()
    assert await journal.ids_with_end("00042abc", 20) == ["00042abc0000"]
    assert await journal.ids_with_end("321abc0002", 20) == ["04321abc0002"]
    assert await journal.ids_with_end("1abc0002", 3) == ["00051abc0002", "00121abc0002", "00191abc0002"]
    assert await journal.ids_with_end("0000", 4) == [f"{number:05}abc{number % 7:04}" for number in (0, 1, 2, 3)]
    assert await journal.ids_with_end("model0000000", 20) == ["model0000000"]
    for text in ("zzzz", "%%%%", "____", "Mode", "model0000000x", "xmodel0000000"):
        assert await journal.ids_with_end(text, 20) == []
    opened = journal._file._db  # pyright: ignore[reportPrivateUsage]  (no other way to see what is read)
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    opened.set_progress_handler(count, 1)
    await journal.ids_with_end("04321abc", 20)
    assert 0 < steps < 200  # instructions of SQLite: reading 5,000 rows takes many for each
    opened.set_progress_handler(None, 0)


async def test_what_vendors_say_is_kept_to_a_bounded_length(journal: SqliteJournal) -> None:
    job = await put(journal, "job-1", "failed", error_message="x" * 10_000, vendor_status="y" * 10_000)
    assert (len(job.error_message or ""), len(job.vendor_status or "")) == (2000, 2000)
    noted = await journal.note("job-1", save_error="z" * 10_000, url="https://" + "u" * 10_000)
    assert noted is not None
    assert (len(noted.save_error or ""), len(noted.url or "")) == (2000, 8000)
