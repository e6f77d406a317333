"""A journal's file, read without changing it: how many jobs it has, and whether it can be used."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

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
