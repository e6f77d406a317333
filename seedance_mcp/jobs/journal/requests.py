"""Which job a request is already: the one of its request_key, or an unfinished one of an identical request."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

from seedance_mcp.errors import KeyReused
from seedance_mcp.jobs.journal.migrations import hash_of_key
from seedance_mcp.jobs.journal.model import FREE, UNFINISHED
from seedance_mcp.jobs.journal.rows import find_job, get_job

if TYPE_CHECKING:
    from seedance_mcp.jobs.journal.model import Job, NewJob


def job_of_key(db: sqlite3.Connection, new: NewJob) -> Job | None:
    """Return the job that a request_key belongs to; None if it is free, for nothing was charged for its job.

    Raises:
        KeyReused: it belongs to another request.
    """
    if not new.request_key:
        return None
    statement = "SELECT job, request_hash FROM request_keys WHERE key = ?"
    row = db.execute(statement, (hash_of_key(new.request_key),)).fetchone()
    job = find_job(db, row["job"]) if row else None
    if row is None or (job is not None and job.state in FREE):
        return None
    if job is None or row["request_hash"] not in new.hashes:
        raise KeyReused(f"The request_key {new.request_key[:60]!r} was used for another request (job {row['job']}).")
    return job


def same_request(db: sqlite3.Connection, new: NewJob) -> Job | None:
    """Return the running or unknown job of an identical request, however old it is."""
    if new.allow_duplicate:
        return None
    statement = (
        "SELECT id FROM jobs WHERE request_hash IN (SELECT value FROM json_each(?)) "
        "AND state IN (SELECT value FROM json_each(?)) ORDER BY created_at DESC LIMIT 1"
    )
    row = db.execute(statement, (json.dumps(sorted(new.hashes)), json.dumps((*UNFINISHED, "unknown")))).fetchone()
    return get_job(db, row["id"]) if row is not None else None
