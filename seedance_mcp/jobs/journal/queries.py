"""What the SQLite journal knows about several jobs at once, read within the open transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedance_mcp.jobs.journal.budget import Spending
from seedance_mcp.jobs.journal.day import BudgetDay, local_zone
from seedance_mcp.jobs.journal.model import CHARGED, UNFINISHED
from seedance_mcp.jobs.journal.rows import quoted

if TYPE_CHECKING:
    import sqlite3

    from seedance_mcp.jobs.journal.model import Job


def latest_day(db: sqlite3.Connection) -> tuple[BudgetDay | None, str]:
    """Return the day that the journal remembers, and its time zone."""
    row = db.execute("SELECT day, zone, continued FROM budget_day").fetchone()
    return (BudgetDay(row["day"], row["continued"]), row["zone"]) if row else (None, local_zone())


def spending_of(db: sqlite3.Connection, day: BudgetDay) -> Spending:
    """Add up a day, with the one that it continues."""
    spent, reserved, unpriced = db.execute(
        f"SELECT coalesce(sum(spent), 0), coalesce(sum(reserved), 0), coalesce(sum(unpriced), 0) FROM jobs "
        f"WHERE day IN (?, ?) AND state IN ({quoted(('intent', *CHARGED))})",
        (day.day, day.continued),
    ).fetchone()
    states = quoted((*UNFINISHED, "unknown"))
    (open_jobs,) = db.execute(f"SELECT count(*) FROM jobs WHERE state IN ({states})").fetchone()
    return Spending(day.day, spent, reserved, open_jobs, unpriced)


OF_A_TASK = (
    "vendor_status", "progress", "polled_at", "missing_since", "finished_at", "error_code", "error_message", "url",
    "path", "size", "sha256", "save_error", "delivered",
)  # fmt: skip
"""The columns that say something about a job's task, and nothing once the job is another task."""


def job_of_task(db: sqlite3.Connection, job: Job, task_id: str) -> str | None:
    """Return the id of another job of the account that already is this task."""
    row = db.execute(
        "SELECT id FROM jobs WHERE task_id = ? AND coalesce(account, ?) IS ? AND id != ?",
        (task_id, job.account, job.account, job.id),
    ).fetchone()
    return row["id"] if row is not None else None
