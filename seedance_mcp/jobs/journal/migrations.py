"""The tables of the SQLite journal, format by format. Migrations only go forward."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from seedance_mcp.errors import JournalError
from seedance_mcp.jobs.journal.day import local_zone

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

_FIRST = """
CREATE TABLE jobs (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, vendor TEXT NOT NULL, model TEXT NOT NULL, request TEXT NOT NULL,
    request_hash TEXT NOT NULL, created_at REAL NOT NULL, updated_at REAL NOT NULL, owner TEXT NOT NULL,
    day TEXT NOT NULL, task_id TEXT, request_key TEXT, price TEXT, reserved INTEGER NOT NULL DEFAULT 0,
    spent INTEGER NOT NULL DEFAULT 0, unpriced INTEGER NOT NULL DEFAULT 0, submitted_at REAL, finished_at REAL,
    looked_at REAL, looks INTEGER NOT NULL DEFAULT 0, word TEXT, progress REAL, error_code TEXT, error_words TEXT,
    url TEXT, path TEXT, size INTEGER, sha256 TEXT, save_error TEXT, looker TEXT, looker_until REAL
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state);
CREATE INDEX jobs_by_day ON jobs (day);
CREATE INDEX jobs_by_hash ON jobs (request_hash, created_at);
CREATE INDEX jobs_by_looker ON jobs (looker) WHERE looker IS NOT NULL;
CREATE UNIQUE INDEX jobs_by_key ON jobs (request_key) WHERE request_key IS NOT NULL;
CREATE TABLE latest_day (day TEXT NOT NULL) STRICT;
"""

_THIRD = """
DROP INDEX jobs_by_looker;
ALTER TABLE jobs RENAME COLUMN looked_at TO polled_at;
ALTER TABLE jobs RENAME COLUMN looks TO polls;
ALTER TABLE jobs RENAME COLUMN word TO vendor_status;
ALTER TABLE jobs RENAME COLUMN error_words TO error_message;
ALTER TABLE jobs RENAME COLUMN looker TO lease_owner;
ALTER TABLE jobs RENAME COLUMN looker_until TO lease_until;
CREATE INDEX jobs_by_lease ON jobs (lease_owner) WHERE lease_owner IS NOT NULL;
UPDATE jobs SET delivered = replace(delivered, '"sound":', '"audio":') WHERE delivered IS NOT NULL;
"""

_FOURTH = """
ALTER TABLE jobs ADD COLUMN account TEXT;
ALTER TABLE jobs ADD COLUMN unit_usd TEXT;
CREATE INDEX jobs_by_task ON jobs (task_id) WHERE task_id IS NOT NULL;
CREATE TABLE request_keys (
    key TEXT PRIMARY KEY, job TEXT NOT NULL, request_hash TEXT NOT NULL, created_at REAL NOT NULL
) STRICT;
CREATE INDEX request_keys_by_job ON request_keys (job);
INSERT INTO request_keys SELECT hash_of_key(request_key), id, request_hash, created_at FROM jobs
    WHERE request_key IS NOT NULL AND state NOT IN ('rejected', 'abandoned');
DROP INDEX jobs_by_key;
ALTER TABLE jobs DROP COLUMN request_key;
CREATE TABLE budget_day (day TEXT NOT NULL, zone TEXT NOT NULL) STRICT;
INSERT INTO budget_day SELECT day, local_zone() FROM latest_day;
DROP TABLE latest_day;
"""
"""Accounts, the worth of units, request keys that outlive what users delete, and one time zone for the budget."""

_FIFTH = """
ALTER TABLE jobs ADD COLUMN missing_since REAL;
ALTER TABLE jobs ADD COLUMN by_hand INTEGER NOT NULL DEFAULT 0;
ALTER TABLE budget_day ADD COLUMN continued TEXT;
ALTER TABLE jobs ADD COLUMN asked_hash TEXT;
ALTER TABLE jobs ADD COLUMN cap INTEGER;
ALTER TABLE jobs ADD COLUMN charged TEXT;
ALTER TABLE jobs ADD COLUMN settled_by TEXT;
ALTER TABLE request_keys ADD COLUMN asked_hash TEXT;
CREATE INDEX jobs_by_asked ON jobs (asked_hash) WHERE asked_hash IS NOT NULL;
"""
"""Tasks that their vendor does not know, jobs that a person settled, days that continue one of a wrong clock; what the
caller asked for, what was allowed, and what the vendor charged in its own unit."""

_SIXTH = "ALTER TABLE jobs ADD COLUMN last_frame_url TEXT"
_STEPS = (_FIRST, "ALTER TABLE jobs ADD COLUMN delivered TEXT", _THIRD, _FOURTH, _FIFTH, _SIXTH)
"""The steps from each format to the next; a released step is never changed."""
VERSION = len(_STEPS)

_INDEXES = """
CREATE INDEX IF NOT EXISTS jobs_by_creation ON jobs (created_at, id);
CREATE INDEX IF NOT EXISTS jobs_by_state_and_creation ON jobs (state, created_at, id);
CREATE INDEX IF NOT EXISTS jobs_by_cost ON jobs (day, state, spent, reserved, unpriced);
CREATE INDEX IF NOT EXISTS jobs_by_duration ON jobs (model, finished_at, submitted_at) WHERE state = 'succeeded';
CREATE INDEX IF NOT EXISTS jobs_by_end_of_id ON jobs (substr(id, -4), id);
"""
"""Indexes that only make queries fast. They belong to no format: every version can use a journal with or without."""


def hash_of_key(request_key: str) -> str:
    """Return what the journal stores of a request_key, which may hold what users write."""
    return hashlib.sha256(request_key.encode()).hexdigest()


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Migrate a journal to the newest format, within the open transaction.

    Raises:
        JournalError: it was written by a newer version.
    """
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise JournalError(
            f"The journal {path} was written by a newer seedance-mcp (format {version}, this one knows {VERSION}).",
            next_step="Ask the user to upgrade seedance-mcp, or to set SEEDANCE_STATE_DIR to another folder.",
        )
    if version < VERSION:
        _migrate(db, version)
    _run(db, _INDEXES)


def _migrate(db: sqlite3.Connection, version: int) -> None:
    db.create_function("hash_of_key", 1, hash_of_key, deterministic=True)
    db.create_function("local_zone", 0, local_zone)
    for step in _STEPS[version:]:
        _run(db, step)
    db.execute(f"PRAGMA user_version={VERSION}")


def _run(db: sqlite3.Connection, statements: str) -> None:
    for statement in filter(str.strip, statements.split(";\n")):
        db.execute(statement)
