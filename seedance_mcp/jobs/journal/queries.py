"""What the SQLite journal knows about several jobs at once, read within the open transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from seedance_mcp.catalog.price import MICROS
from seedance_mcp.errors import InvalidRequest
from seedance_mcp.jobs.journal.budget import Spending
from seedance_mcp.jobs.journal.day import BudgetDay, local_zone
from seedance_mcp.jobs.journal.model import CHARGED, UNFINISHED
from seedance_mcp.jobs.journal.rows import quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from seedance_mcp.jobs.journal.model import Job


LATEST_DAY = "SELECT day, zone, continued FROM budget_day"


IDS_WITH_END = (
    "SELECT id FROM jobs WHERE id >= ?1 AND id < ?1 || char(1114111) UNION "
    "SELECT id FROM jobs WHERE substr(id, -4) = substr(?1, -4) AND substr(id, -length(?1)) = ?1 ORDER BY id LIMIT ?2"
)
"""The ids that begin or end with a text of at least 4 characters, found by the indexes on both ends of an id."""


def latest_day(rows: Sequence[sqlite3.Row]) -> tuple[BudgetDay | None, str]:
    """Return the day that the journal remembers, and its time zone, from the rows of `LATEST_DAY`."""
    return (BudgetDay(rows[0]["day"], rows[0]["continued"]), rows[0]["zone"]) if rows else (None, local_zone())


def spending_of(db: sqlite3.Connection, day: BudgetDay, *, without: str = "") -> Spending:
    """Add up a day, with the one that it continues, `without` one job."""
    spent, reserved, unpriced = db.execute(
        f"SELECT coalesce(sum(spent), 0), coalesce(sum(reserved), 0), coalesce(sum(unpriced), 0) FROM jobs "
        f"WHERE day IN (?, ?) AND id != ? AND state IN ({quoted(('intent', *CHARGED))})",
        (day.day, day.continued, without),
    ).fetchone()
    states = quoted((*UNFINISHED, "unknown"))
    statement = f"SELECT count(*) FROM jobs WHERE id != ? AND state IN ({states})"
    (open_jobs,) = db.execute(statement, (without,)).fetchone()
    return Spending(day.day, spent, reserved, open_jobs, unpriced)


_OF_A_TASK = (
    "vendor_status", "progress", "polled_at", "missing_since", "finished_at", "error_code", "error_message", "url",
    "last_frame_url", "path", "size", "sha256", "save_error", "delivered",
)  # fmt: skip
"""The columns that say something about a job's task, and nothing once the job is another task."""


def job_of_task(db: sqlite3.Connection, job: Job, task_id: str) -> str | None:
    """Return the id of another job of the account that already is this task."""
    row = db.execute(
        "SELECT id FROM jobs WHERE task_id = ? AND vendor = ? AND coalesce(account, ?) IS ? AND id != ?",
        (task_id, job.vendor, job.account, job.account, job.id),
    ).fetchone()
    return row["id"] if row is not None else None


def settlement_by_hand(
    db: sqlite3.Connection, job: Job, task_id: str | None, changes: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the changes by which a job becomes the task, or (None) was not charged; see `Journal.settle`.

    Raises:
        InvalidRequest: another job of the account already has the task.
    """
    cleared = dict.fromkeys(_OF_A_TASK) | {"spent": 0, "reserved": 0, "by_hand": True}
    if task_id is None:
        return {"state": "rejected", "task_id": None} | cleared | dict(changes)
    if other := job_of_task(db, replace(job, account=changes.get("account", job.account)), task_id):
        raise InvalidRequest(f"Task {task_id} is job {other}.", next_step="Give the id of this job's own task.")
    quoted_usd = (job.price or {}).get("usd")
    reserved = max(job.reserved, round((quoted_usd or 0) * MICROS))
    cleared |= {"reserved": reserved, "unpriced": quoted_usd is None and not reserved}
    return {"state": "submitted", "task_id": task_id} | cleared | dict(changes)
