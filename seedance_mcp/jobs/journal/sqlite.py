"""The journal in one SQLite file, shared by every server of one user."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from seedance_mcp.errors import Code
from seedance_mcp.jobs.journal import budget
from seedance_mcp.jobs.journal.budget import Caps, Spending
from seedance_mcp.jobs.journal.day import BudgetDay, budget_day
from seedance_mcp.jobs.journal.duplicates import job_of_call, job_of_key
from seedance_mcp.jobs.journal.migrations import hash_of_key, migrate
from seedance_mcp.jobs.journal.model import (
    CHARGED,
    SETTLED_BY_HAND,
    STOPPED,
    TERMINAL,
    Admission,
    Job,
    NewJob,
    Page,
    Total,
)
from seedance_mcp.jobs.journal.queries import (
    IDS_WITH_END,
    LATEST_DAY,
    job_of_task,
    latest_day,
    settlement_by_hand,
    spending_of,
)
from seedance_mcp.jobs.journal.rows import COLUMNS, find_job, get_job, insert, quoted, read_job, stored
from seedance_mcp.jobs.journal.sqlite_file import SqliteFile, broken


class SqliteJournal:
    """A `Journal` in the file `journal.sqlite3` of a folder."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        """Open or create the file; `clock` returns the time in Unix seconds.

        Raises:
            JournalError: it cannot be opened, is damaged, or was written by a newer version.
        """
        self.path = folder / "journal.sqlite3"
        self._clock = clock
        try:
            self._file = SqliteFile(self.path)
            try:
                with self._file.transaction() as db:
                    migrate(db, self.path)
            except BaseException:
                self._file.close()
                raise
        except (OSError, sqlite3.Error) as error:
            raise broken(self.path, error) from error

    def close(self) -> None:
        """Close the file once the running transaction has ended."""
        self._file.close()

    def hurry(self, seconds: float) -> None:
        self._file.hurry(seconds)

    # -- admitting ------------------------------------------------------------------------------------------------

    async def admit(self, new: NewJob, caps: Caps) -> Admission:
        return await self._file.run(self._admit, new, caps)

    def _admit(self, new: NewJob, caps: Caps) -> Admission:
        now = self._clock()
        day = self._begin_day(now)
        with self._file.transaction() as db:
            by_key = job_of_key(db, new)
            earlier = by_key or job_of_call(db, new)
            if earlier is None:
                budget.admit(new.reserve, caps, spending_of(db, day), new.model)
                values = {f.name: f.default for f in fields(Job)} | {
                    "id": new.id, "state": "submitting", "vendor": new.vendor, "model": new.model,
                    "request": new.request, "request_hash": new.request_hash, "created_at": now, "updated_at": now,
                    "owner": new.owner, "day": day.day, "account": new.account, "price": new.price,
                    "unit_usd": new.unit_usd, "reserved": new.reserve or 0, "unpriced": new.reserve is None,
                    "asked_hash": new.asked_hash, "cap": new.cap,
                }  # fmt: skip
                insert(db, values)
            if new.request_key and by_key is None:
                job_id = earlier.id if earlier else new.id
                row = (hash_of_key(new.request_key), job_id, new.request_hash, now, new.asked_hash)
                db.execute("INSERT OR REPLACE INTO request_keys VALUES (?, ?, ?, ?, ?)", row)
            return Admission(earlier, duplicate=True) if earlier else Admission(get_job(db, new.id))

    async def readmit(self, job_id: str, caps: Caps) -> Job | None:
        return await self._file.run(self._readmit, job_id, caps)

    def _readmit(self, job_id: str, caps: Caps) -> Job | None:
        day = self._begin_day(self._clock())
        with self._file.transaction() as db:
            job = find_job(db, job_id)
            if job is None or job.state != "unknown":
                return None
            others = spending_of(db, day, without=job_id)
            budget.admit(None if job.unpriced else job.reserved, caps, others, job.model)
            db.execute("UPDATE jobs SET day = ? WHERE id = ?", (day.day, job_id))
            return get_job(db, job_id)

    # -- moving ---------------------------------------------------------------------------------------------------

    async def move(
        self, job_id: str, state: str, *, when: Sequence[str], task: str | None = None, **changes: Any
    ) -> Job | None:
        return await self._file.run(self._change, job_id, {"state": state, **changes}, tuple(when), task)

    async def note(self, job_id: str, **changes: Any) -> Job | None:
        return await self._file.run(self._change, job_id, changes, ())

    def _change(
        self, job_id: str, changes: dict[str, Any], when: tuple[str, ...], task: str | None = None
    ) -> Job | None:
        with self._file.transaction() as db:
            current = find_job(db, job_id) if task is not None else None
            if current is not None and current.task_id != task:
                return None
            return self._changed(db, job_id, changes, when)

    def _changed(
        self, db: sqlite3.Connection, job_id: str, changes: dict[str, Any], when: tuple[str, ...]
    ) -> Job | None:
        changes = {"updated_at": self._clock(), **changes}
        if unknown := changes.keys() - set(COLUMNS):
            raise TypeError(f"a job has no {min(unknown)}")
        sets = ", ".join(f"{name} = ?" for name in changes)
        if changes.get("state") in TERMINAL or "save_error" in changes:  # polled or downloaded to the end
            sets += ", lease_owner = NULL"
        condition = f" AND state IN ({', '.join('?' * len(when))})" if when else ""
        values = [stored(name, value) for name, value in changes.items()]
        done = db.execute(f"UPDATE jobs SET {sets} WHERE id = ?{condition}", (*values, job_id, *when))
        if not done.rowcount:
            return None
        return get_job(db, job_id)

    async def accept(self, job: Job, task_id: str, **changes: Any) -> Job | None:
        return await self._file.run(self._accept, job, task_id, changes)

    def _accept(self, job: Job, task_id: str, changes: dict[str, Any]) -> Job | None:
        with self._file.transaction() as db:
            current = _kept(db, job)
            if current.task_id is not None:
                return current if current.task_id == task_id else None
            other = job_of_task(db, job, task_id)
            reserved = {"reserved": current.reserved or job.reserved}
            if other is not None:
                message = f"The vendor answered with the id of another task, {task_id}, which is job {other}."
                code = Code.UNKNOWN_OUTCOME
                unknown = {"state": "unknown", "error_code": code, "error_message": message, "finished_at": None}
                return self._changed(db, job.id, unknown | reserved, ())
            cleared = {"error_code": None, "error_message": None, "finished_at": None}
            return self._changed(
                db, job.id, cleared | reserved | changes | {"state": "submitted", "task_id": task_id}, ()
            )

    async def settle(self, job_id: str, task_id: str | None, **changes: Any) -> Job | None:
        return await self._file.run(self._settle, job_id, task_id, changes)

    def _settle(self, job_id: str, task_id: str | None, changes: dict[str, Any]) -> Job | None:
        with self._file.transaction() as db:
            job = find_job(db, job_id)
            if job is None or not (job.state in SETTLED_BY_HAND or (job.by_hand and job.terminal)):
                return None
            return self._changed(db, job_id, settlement_by_hand(db, job, task_id, changes), ())

    async def keep(self, job: Job) -> Job:
        return await self._file.run(self._keep, job)

    def _keep(self, job: Job) -> Job:
        with self._file.transaction() as db:
            return _kept(db, job)

    # -- reading --------------------------------------------------------------------------------------------------

    async def get(self, job_id: str) -> Job | None:
        rows = await self._file.run(self._select, "WHERE id = ?", (job_id,))
        return rows[0] if rows else None

    async def ids_with_end(self, text: str, limit: int) -> Sequence[str]:
        return [row["id"] for row in await self._file.run(self._file.read, IDS_WITH_END, (text, limit))]

    async def page(self, states: Sequence[str], limit: int, cursor: str | None) -> Page:
        where, values = "WHERE 1", list[Any]()
        if states:
            where += f" AND state IN ({', '.join('?' * len(states))})"
            values += states
        if cursor:
            where += " AND (created_at, id) < (SELECT created_at, id FROM jobs WHERE id = ?)"
            values.append(cursor)
        rest = f"{where} ORDER BY created_at DESC, id DESC LIMIT ?"
        rows = await self._file.run(self._select, rest, (*values, limit + 1))
        return Page(rows[:limit], rows[limit - 1].id if len(rows) > limit else None)

    async def in_states(self, states: Sequence[str]) -> Sequence[Job]:
        marks = ", ".join("?" * len(states))
        return await self._file.run(self._select, f"WHERE state IN ({marks}) ORDER BY created_at, rowid", tuple(states))

    def _select(self, rest: str, values: tuple[Any, ...]) -> list[Job]:
        return [read_job(row) for row in self._file.read(f"SELECT {', '.join(COLUMNS)} FROM jobs {rest}", values)]

    async def durations(self, model: str) -> Sequence[float]:
        statement = (
            "SELECT finished_at - submitted_at FROM jobs WHERE model = ? AND state = 'succeeded' AND "
            "finished_at > submitted_at ORDER BY finished_at DESC LIMIT 50"
        )
        return [row[0] for row in await self._file.run(self._file.read, statement, (model,))]

    async def totals(self, days: int) -> Sequence[Total]:
        statement = (
            f"SELECT day, model, count(*), sum(spent), sum(reserved), sum(unpriced) FROM jobs "
            f"WHERE state IN ({quoted(CHARGED)}) AND day IN (SELECT DISTINCT day FROM jobs ORDER BY day DESC LIMIT ?) "
            "GROUP BY day, model ORDER BY day DESC, sum(spent) DESC"
        )
        return [Total(*row) for row in await self._file.run(self._file.read, statement, (days,))]

    async def spending(self) -> Spending:
        return await self._file.run(self._read_spending)

    def _read_spending(self) -> Spending:
        with self._file.transaction() as db:  # several queries, which must be about the same moment
            latest, zone = latest_day(db.execute(LATEST_DAY).fetchall())
            return spending_of(db, budget_day(self._clock(), zone, latest))

    # -- housekeeping ---------------------------------------------------------------------------------------------

    async def recover(self, alive: Callable[[str], bool]) -> Sequence[Job]:
        return await self._file.run(self._recover, alive)

    def _recover(self, alive: Callable[[str], bool]) -> list[Job]:
        self._release_leases(alive)
        left = self._select("WHERE state IN ('intent', 'submitting')", ())
        dead = {owner for owner in {job.owner for job in left} if not alive(owner)}
        settled: list[Job] = []
        for job in left:
            if job.owner not in dead:
                continue
            changes = (
                {"state": "abandoned", "reserved": 0}
                if job.state == "intent"
                else {
                    "state": "unknown",
                    "error_code": Code.UNKNOWN_OUTCOME,
                    "error_message": job.error_message or STOPPED,
                }
            )
            if moved := self._change(job.id, changes, (job.state,)):
                settled.append(moved)
        return settled

    def _release_leases(self, alive: Callable[[str], bool]) -> None:
        """End the leases of dead processes, so that nobody waits for them."""
        owners = self._file.read("SELECT DISTINCT lease_owner FROM jobs WHERE lease_owner IS NOT NULL")
        for dead in [row for row in owners if not alive(row["lease_owner"])]:
            with self._file.transaction() as db:
                db.execute("UPDATE jobs SET lease_owner = NULL WHERE lease_owner = ?", tuple(dead))

    async def claim(self, job_id: str, owner: str, seconds: float, *, when: Sequence[str]) -> bool:
        return await self._file.run(self._claim, job_id, owner, seconds, when)

    def _claim(self, job_id: str, owner: str, seconds: float, when: Sequence[str]) -> bool:
        now = self._clock()
        with self._file.transaction() as db:
            if not seconds:
                # Not in other states: a poll that ends late must not release what is the lease of a download by now.
                states = quoted(when)
                done = db.execute(
                    f"UPDATE jobs SET lease_owner = NULL WHERE id = ? AND lease_owner = ? AND state IN ({states})",
                    (job_id, owner),
                )
                return done.rowcount == 1
            # A lease that ends later than any lease can was made before the clock was set back.
            done = db.execute(
                f"UPDATE jobs SET lease_owner = ?, lease_until = ? WHERE id = ? AND state IN ({quoted(when)}) AND "
                "(lease_owner IS NULL OR lease_owner = ? OR lease_until < ? OR lease_until > ?)",
                (owner, now + seconds, job_id, owner, now, now + 10 * seconds),
            )
            return done.rowcount == 1

    async def purge(self, before: float) -> int:
        return await self._file.run(self._purge, before)

    def _purge(self, before: float) -> int:
        with self._file.transaction() as db:
            return db.execute(
                "UPDATE jobs SET request = '{}', request_hash = '', asked_hash = NULL, url = NULL, "
                "error_message = NULL "
                f"WHERE state IN ({quoted(TERMINAL)}) AND updated_at < ? AND request != '{{}}'",
                (before,),
            ).rowcount

    def _begin_day(self, now: float) -> BudgetDay:
        """Return the day of the budget, and remember it even where a cap then refuses the job."""
        latest, zone = latest_day(self._file.read(LATEST_DAY))
        day = budget_day(now, zone, latest)
        if day == latest:
            return day
        with self._file.transaction() as db:  # by now another process may have begun it
            latest, zone = latest_day(db.execute(LATEST_DAY).fetchall())
            day = budget_day(now, zone, latest)
            db.execute("DELETE FROM budget_day")
            db.execute("INSERT INTO budget_day VALUES (?, ?, ?)", (day.day, zone, day.continued))
            return day


def _kept(db: sqlite3.Connection, job: Job) -> Job:
    """Return the job that the journal has, after writing this one if a backup without it was restored."""
    if found := find_job(db, job.id):
        return found
    insert(db, {name: getattr(job, name) for name in COLUMNS})
    return job
