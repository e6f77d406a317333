"""The journal in one SQLite file, shared by every server of one user.

TRUNCATE journalling rather than WAL: SQLite up to 3.51.2 can corrupt a WAL file written by several connections, and
TRUNCATE still commits over a thousand times a second. BEGIN IMMEDIATE rather than BEGIN: a transaction that begins as
a reader and then writes fails under contention. One connection in one worker thread, because a shielded thread loses
nothing when the call that waits for it is cancelled.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import anyio
from anyio import to_thread

from seedance_mcp.errors import Code, JournalError, KeyReused
from seedance_mcp.jobs.journal import budget
from seedance_mcp.jobs.journal.budget import Caps, Spending
from seedance_mcp.jobs.journal.migrations import migrate
from seedance_mcp.jobs.journal.model import CHARGED, STOPPED, TERMINAL, UNFINISHED, Admission, Job, NewJob, Page, Total

DUPLICATE_WINDOW = 600
"""Seconds in which the same request counts as the same job, while the first is running or unknown."""

_COLUMNS = tuple(f.name for f in fields(Job))
_JSON = {"request", "price", "delivered"}

P = ParamSpec("P")
T = TypeVar("T")


class SqliteJournal:
    """A `Journal` in the file `journal.sqlite3` of a folder."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        """Open or create the file; `clock` returns the time in Unix seconds.

        Raises:
            JournalError: it cannot be opened, is damaged, or was written by a newer version.
        """
        self.path = folder / "journal.sqlite3"
        self._clock = clock
        self._one_at_a_time = anyio.CapacityLimiter(1)
        self._in_use = threading.Lock()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise _broken(self.path, error) from error

    def _prepare(self) -> None:
        try:
            self._db.row_factory = sqlite3.Row
            for pragma in ("journal_mode=TRUNCATE", "synchronous=FULL", "fullfsync=ON"):
                self._db.execute(f"PRAGMA {pragma}")
            self._migrate()
        except BaseException:
            self._db.close()
            raise

    def _migrate(self) -> None:
        with self._writing() as db:
            migrate(db, self.path)

    def close(self) -> None:
        """Close the file after the running transaction: closing it earlier would crash the process."""
        with self._in_use:
            self._db.close()

    @contextlib.contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # some errors end it by themselves; others, even of a COMMIT, leave it open
                self._db.execute("ROLLBACK")
            raise

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a transaction to its end in the worker thread, even if the caller is cancelled."""
        done: list[T] = []

        def in_thread() -> None:
            with self._in_use:
                done.append(work(*args, **kwargs))

        try:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(in_thread, limiter=self._one_at_a_time)
        except (sqlite3.Error, UnicodeError, OverflowError) as error:
            raise _broken(self.path, error) from error
        return done[0]

    async def admit(self, new: NewJob, caps: Caps) -> Admission:
        return await self._run(self._admit, new, caps)

    def _admit(self, new: NewJob, caps: Caps) -> Admission:
        now = self._clock()
        with self._writing() as db:
            if earlier := _same_request(db, new, now):
                return Admission(earlier, duplicate=True)
            day = _today(db, now)
            budget.admit(new.reserve, caps, _spending(db, day), new.model)
            values: dict[str, Any] = {
                "id": new.id, "state": "intent", "vendor": new.vendor, "model": new.model,
                "request": json.dumps(new.request, ensure_ascii=False), "request_hash": new.request_hash,
                "created_at": now, "updated_at": now, "owner": new.owner, "day": day, "request_key": new.request_key,
                "price": json.dumps(new.price) if new.price else None, "reserved": new.reserve or 0,
                "unpriced": int(new.reserve is None),
            }  # fmt: skip
            marks = ", ".join("?" * len(values))
            db.execute(f"INSERT INTO jobs ({', '.join(values)}) VALUES ({marks})", tuple(values.values()))
            return Admission(_one(db, new.id))

    async def move(self, job_id: str, state: str, *, when: Sequence[str], **changes: Any) -> Job | None:
        return await self._run(self._change, job_id, {"state": state, **changes}, tuple(when))

    async def note(self, job_id: str, **changes: Any) -> Job | None:
        return await self._run(self._change, job_id, changes, ())

    def _change(self, job_id: str, changes: dict[str, Any], when: tuple[str, ...]) -> Job | None:
        changes = {"updated_at": self._clock(), **changes}
        if unknown := changes.keys() - set(_COLUMNS):
            raise TypeError(f"a job has no {min(unknown)}")
        sets = ", ".join(f"{name} = ?" for name in changes)
        if changes.get("state") in TERMINAL or "save_error" in changes:  # the last poll or the download has ended
            sets += ", lease_owner = NULL"
        condition = f" AND state IN ({', '.join('?' * len(when))})" if when else ""
        with self._writing() as db:
            values = [json.dumps(v) if name in _JSON and v else v for name, v in changes.items()]
            done = db.execute(f"UPDATE jobs SET {sets} WHERE id = ?{condition}", (*values, job_id, *when))
            return _one(db, job_id) if done.rowcount else None

    async def get(self, job_id: str) -> Job | None:
        rows = await self._run(self._select, "WHERE id = ?", (job_id,))
        return rows[0] if rows else None

    async def page(self, states: Sequence[str], limit: int, cursor: str | None) -> Page:
        where, values = "WHERE 1", list[Any]()
        if states:
            where += f" AND state IN ({', '.join('?' * len(states))})"
            values += states
        if cursor:
            where += " AND (created_at, id) < (SELECT created_at, id FROM jobs WHERE id = ?)"
            values.append(cursor)
        rows = await self._run(self._select, f"{where} ORDER BY created_at DESC, id DESC LIMIT ?", (*values, limit + 1))
        return Page(rows[:limit], rows[limit - 1].id if len(rows) > limit else None)

    async def in_states(self, states: Sequence[str]) -> Sequence[Job]:
        marks = ", ".join("?" * len(states))
        return await self._run(self._select, f"WHERE state IN ({marks}) ORDER BY created_at", tuple(states))

    def _select(self, rest: str, values: tuple[Any, ...]) -> list[Job]:
        return [_job(row) for row in self._db.execute(f"SELECT {', '.join(_COLUMNS)} FROM jobs {rest}", values)]

    async def recover(self, alive: Callable[[str], bool]) -> Sequence[Job]:
        return await self._run(self._recover, alive)

    def _recover(self, alive: Callable[[str], bool]) -> list[Job]:
        self._release_leases(alive)
        left = self._select("WHERE state IN ('intent', 'submitting')", ())
        dead = {owner for owner in {job.owner for job in left} if not alive(owner)}
        settled: list[Job] = []
        for job in left:
            if job.owner not in dead:
                continue
            changes = (
                {"state": "abandoned", "reserved": 0, "request_key": None}
                if job.state == "intent"
                else {"state": "unknown", "error_code": Code.UNKNOWN_OUTCOME, "error_message": STOPPED}
            )
            if moved := self._change(job.id, changes, (job.state,)):
                settled.append(moved)
        return settled

    def _release_leases(self, alive: Callable[[str], bool]) -> None:
        """End the leases of dead processes, so that other processes need not wait for them."""
        lease_owners = self._db.execute(
            "SELECT DISTINCT lease_owner FROM jobs WHERE lease_owner IS NOT NULL"
        ).fetchall()
        for dead in [row for row in lease_owners if not alive(row["lease_owner"])]:
            with self._writing() as db:
                db.execute("UPDATE jobs SET lease_owner = NULL WHERE lease_owner = ?", tuple(dead))

    async def claim(self, job_id: str, owner: str, seconds: float, *, when: Sequence[str]) -> bool:
        return await self._run(self._claim, job_id, owner, seconds, when)

    def _claim(self, job_id: str, owner: str, seconds: float, when: Sequence[str]) -> bool:
        now = self._clock()
        with self._writing() as db:
            if not seconds:
                # Not in other states: a poll that ends late must not release what is the lease of a download by now.
                statement = "UPDATE jobs SET lease_owner = NULL WHERE id = ? AND lease_owner = ?"
                done = db.execute(f"{statement} AND state IN ({_quoted(when)})", (job_id, owner))
                return done.rowcount == 1
            # A lease that ends later than any lease can was made before the clock was set back.
            done = db.execute(
                f"UPDATE jobs SET lease_owner = ?, lease_until = ? WHERE id = ? AND state IN ({_quoted(when)}) AND "
                "(lease_owner IS NULL OR lease_owner = ? OR lease_until < ? OR lease_until > ?)",
                (owner, now + seconds, job_id, owner, now, now + 10 * seconds),
            )
            return done.rowcount == 1

    async def durations(self, model: str) -> Sequence[float]:
        return await self._run(self._durations, model)

    def _durations(self, model: str) -> list[float]:
        rows = self._db.execute(
            "SELECT finished_at - submitted_at FROM jobs WHERE model = ? AND state = 'succeeded' AND "
            "finished_at > submitted_at ORDER BY finished_at DESC LIMIT 50",
            (model,),
        )
        return [row[0] for row in rows]

    async def totals(self, days: int) -> Sequence[Total]:
        return await self._run(self._totals, days)

    def _totals(self, days: int) -> list[Total]:
        rows = self._db.execute(
            f"SELECT day, model, count(*), sum(spent), sum(reserved), sum(unpriced) FROM jobs "
            f"WHERE state IN ({_quoted(CHARGED)}) AND day IN (SELECT DISTINCT day FROM jobs ORDER BY day DESC LIMIT ?) "
            "GROUP BY day, model ORDER BY day DESC, sum(spent) DESC",
            (days,),
        )
        return [Total(*row) for row in rows]

    async def purge(self, before: float) -> int:
        return await self._run(self._purge, before)

    def _purge(self, before: float) -> int:
        with self._writing() as db:
            return db.execute(
                "UPDATE jobs SET request = '{}', request_hash = '', request_key = NULL, url = NULL, "
                f"error_message = NULL WHERE state IN ({_quoted(TERMINAL)}) AND updated_at < ? AND request != '{{}}'",
                (before,),
            ).rowcount

    async def spending(self) -> Spending:
        return await self._run(self._read_spending)

    def _read_spending(self) -> Spending:
        with self._writing() as db:
            return _spending(db, _today(db, self._clock()))


def _today(db: sqlite3.Connection, now: float) -> str:
    """Return the local date, but never an earlier one than before: a clock set back must not renew the budget."""
    today = datetime.fromtimestamp(now).astimezone().date().isoformat()
    row = db.execute("SELECT day FROM latest_day").fetchone()
    if row is None:
        db.execute("INSERT INTO latest_day VALUES (?)", (today,))
    elif row[0] < today:
        db.execute("UPDATE latest_day SET day = ?", (today,))
    else:
        today = row[0]
    return today


def _spending(db: sqlite3.Connection, day: str) -> Spending:
    spent, reserved, unpriced = db.execute(
        f"SELECT coalesce(sum(spent), 0), coalesce(sum(reserved), 0), coalesce(sum(unpriced), 0) FROM jobs "
        f"WHERE day = ? AND state IN ({_quoted(('intent', *CHARGED))})",
        (day,),
    ).fetchone()
    states = _quoted((*UNFINISHED, "unknown"))
    (open_jobs,) = db.execute(f"SELECT count(*) FROM jobs WHERE state IN ({states})").fetchone()
    return Spending(day, spent, reserved, open_jobs, unpriced)


def _same_request(db: sqlite3.Connection, new: NewJob, now: float) -> Job | None:
    if new.request_key:
        row = db.execute("SELECT id, request_hash FROM jobs WHERE request_key = ?", (new.request_key,)).fetchone()
        if row is not None:
            if row["request_hash"] != new.request_hash:
                raise KeyReused(f"The request_key {new.request_key!r} was used for another request (job {row['id']}).")
            return _one(db, row["id"])
    if new.allow_duplicate:
        return None
    states = _quoted((*UNFINISHED, "unknown"))
    row = db.execute(
        f"SELECT id FROM jobs WHERE request_hash = ? AND created_at > ? AND state IN ({states}) "
        "ORDER BY created_at DESC LIMIT 1",
        (new.request_hash, now - DUPLICATE_WINDOW),
    ).fetchone()
    return _one(db, row["id"]) if row is not None else None


def _quoted(states: Sequence[str]) -> str:
    return ", ".join(f"'{state}'" for state in states)


def _one(db: sqlite3.Connection, job_id: str) -> Job:
    return _job(db.execute(f"SELECT {', '.join(_COLUMNS)} FROM jobs WHERE id = ?", (job_id,)).fetchone())


def _job(row: sqlite3.Row) -> Job:
    values: dict[str, Any] = {n: json.loads(row[n]) if n in _JSON and row[n] else row[n] for n in _COLUMNS}
    values["unpriced"] = bool(values["unpriced"])
    return Job(**values)


def _broken(path: Path, error: Exception) -> JournalError:
    if getattr(error, "sqlite_errorname", "") == "SQLITE_READONLY_DBMOVED":
        return JournalError(
            f"The journal {path} was removed or replaced while this server was running.",
            next_step="Put it back and restart the server: it is the only record of what was paid for.",
        )
    return JournalError(f"The journal {path} cannot be used ({error}).")
