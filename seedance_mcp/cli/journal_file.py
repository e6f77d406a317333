"""A journal's file, read without changing it: how many jobs it has, and whether it can be used."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seedance_mcp.errors import Code
from seedance_mcp.jobs.journal.migrations import VERSION

if TYPE_CHECKING:
    from pathlib import Path


def count_jobs(path: Path) -> int:
    """Return the number of jobs in a journal; 0 if there is none, or it cannot be read."""
    try:
        return sum(inspect(path)["jobs"].values()) if path.exists() else 0
    except sqlite3.Error:
        return 0


def inspect(path: Path) -> dict[str, Any]:
    """Return a journal's format (`version`), the result of SQLite's own check, and its jobs by state.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as db:
        return {
            "version": db.execute("PRAGMA user_version").fetchone()[0],
            "check": db.execute("PRAGMA quick_check").fetchone()[0],
            "jobs": dict(db.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall()),
        }


@dataclass(frozen=True, slots=True)
class Refused:
    """A job that its vendor refused as invalid, although our rows allowed it."""

    id: str
    model: str
    request: dict[str, Any]
    message: str


_MOST = 10


def refused_as_invalid(path: Path, since: float) -> list[Refused]:
    """Return the newest jobs of a journal that their vendors refused as invalid since a time in Unix seconds.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as db:
        if db.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            return []  # it may have other columns
        rows = db.execute(
            "SELECT id, model, request, error_message FROM jobs WHERE state = 'rejected' AND error_code = ? "
            "AND created_at >= ? ORDER BY created_at DESC LIMIT ?",
            (Code.INVALID_REQUEST, since, _MOST),
        ).fetchall()
    return [Refused(job, model, json.loads(request), message or "") for job, model, request, message in rows]
