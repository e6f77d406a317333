"""Jobs as rows of the table `jobs`, and back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from seedance_mcp.jobs.journal.model import Job

COLUMNS = tuple(f.name for f in fields(Job))
JSON = {"request", "price", "charged", "delivered"}
"""The columns that hold JSON."""
LONGEST = {"vendor_status": 2000, "error_message": 2000, "save_error": 2000, "url": 8000, "last_frame_url": 8000}
"""The most characters of what vendors say, by column. A cut link ends in a line break: it is not a URL any more."""


def quoted(states: Sequence[str]) -> str:
    """Return our own names of states as a list in SQL."""
    return ", ".join(f"'{state}'" for state in states)


def insert(db: sqlite3.Connection, values: dict[str, Any]) -> None:
    """Insert a row with the values of a job, by column."""
    marks = ", ".join("?" * len(values))
    row = tuple(stored(name, value) for name, value in values.items())
    db.execute(f"INSERT INTO jobs ({', '.join(values)}) VALUES ({marks})", row)


def stored(name: str, value: Any) -> Any:
    """Return a value of a job as its column stores it."""
    if name in JSON:
        return json.dumps(value, ensure_ascii=False) if value is not None else None
    if name in LONGEST and isinstance(value, str):
        return value if len(value) <= LONGEST[name] else f"{value[: LONGEST[name] - 1]}\n"
    return int(value) if isinstance(value, bool) else value


def find_job(db: sqlite3.Connection, job_id: str) -> Job | None:
    """Return a job within the open transaction, or None."""
    row = db.execute(f"SELECT {', '.join(COLUMNS)} FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return read_job(row) if row is not None else None


def get_job(db: sqlite3.Connection, job_id: str) -> Job:
    """Return a job that is known to be there."""
    job = find_job(db, job_id)
    if job is None:
        raise LookupError(job_id)
    return job


def read_job(row: sqlite3.Row) -> Job:
    """Return the job that a row holds."""
    values: dict[str, Any] = {n: json.loads(row[n]) if n in JSON and row[n] else row[n] for n in COLUMNS}
    values |= {name: bool(values[name]) for name in ("unpriced", "by_hand")}
    return Job(**values)
