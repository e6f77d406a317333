"""Which job a call already has: by its request_key, or because the same call is running or unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedance_mcp.errors import KeyReused
from seedance_mcp.jobs.journal.migrations import hash_of_key
from seedance_mcp.jobs.journal.model import FREE, UNFINISHED
from seedance_mcp.jobs.journal.rows import find_job, get_job, quoted

if TYPE_CHECKING:
    import sqlite3

    from seedance_mcp.jobs.journal.model import Job, NewJob


def job_of_key(db: sqlite3.Connection, new: NewJob) -> Job | None:
    """Return the job that a request_key belongs to; None if it is free, for nothing was charged for its job.

    Raises:
        KeyReused: it belongs to another call.
    """
    if not new.request_key:
        return None
    statement = "SELECT job, request_hash, asked_hash FROM request_keys WHERE key = ?"
    row = db.execute(statement, (hash_of_key(new.request_key),)).fetchone()
    job = find_job(db, row["job"]) if row else None
    if row is None or (job is not None and job.state in FREE):
        return None
    same = row["request_hash"] == new.request_hash or (row["asked_hash"] and row["asked_hash"] == new.asked_hash)
    if job is None or not same:
        raise KeyReused(f"The request_key {new.request_key[:60]!r} was used for another request (job {row['job']}).")
    return job


def job_of_call(db: sqlite3.Connection, new: NewJob) -> Job | None:
    """Return the running or unknown job of an equal call, or of an equal request, however old it is.

    An equal call may have become another request, because a price list arrived or other vendors are configured.
    """
    if new.allow_duplicate:
        return None
    states = quoted((*UNFINISHED, "unknown"))
    same = f"(request_hash = ? OR asked_hash = ?) AND state IN ({states})"
    statement = f"SELECT id FROM jobs WHERE {same} ORDER BY created_at DESC LIMIT 1"  # noqa: S608  (our own states)
    row = db.execute(statement, (new.request_hash, new.asked_hash)).fetchone()
    return get_job(db, row["id"]) if row is not None else None
