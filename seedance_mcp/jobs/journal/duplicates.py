"""Which job a call already has: by its request_key, or because the same call is running or unknown. If none: a new one.

All of it happens within the transaction in which the caps are checked.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from seedance_mcp.errors import KeyReused
from seedance_mcp.jobs.journal.migrations import hash_of_key
from seedance_mcp.jobs.journal.model import FREE, UNFINISHED, Admission, Job
from seedance_mcp.jobs.journal.rows import find_job, get_job, insert, quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from seedance_mcp.jobs.journal.model import NewJob


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


def earlier_jobs(db: sqlite3.Connection, variants: Sequence[NewJob]) -> list[Job | None]:
    """Return for each variant of a call the job that it already has, or None.

    While a variant is running or unknown, the others that were created with it or later belong to the same call, even
    if they have ended: else a call that is repeated would pay for these a second time.

    Raises:
        KeyReused: their request_key belongs to another call.
    """
    by_key = [job_of_key(db, new) for new in variants]
    by_call = [job_of_call(db, new) for new in variants]
    since = min((job.created_at for job in by_call if job is not None), default=None)
    if since is not None and len(variants) > 1:
        by_call = [job or _ended_since(db, new, since) for new, job in zip(variants, by_call, strict=True)]
    return [keyed or called for keyed, called in zip(by_key, by_call, strict=True)]


def _ended_since(db: sqlite3.Connection, new: NewJob, since: float) -> Job | None:
    """Return the latest job of an equal call that was created since a time, unless nothing was charged for it."""
    same = f"(request_hash = ? OR asked_hash = ?) AND state NOT IN ({quoted(FREE)}) AND created_at >= ?"
    statement = f"SELECT id FROM jobs WHERE {same} ORDER BY created_at DESC"  # noqa: S608  (our own states)
    row = db.execute(statement, (new.request_hash, new.asked_hash, since)).fetchone()
    return get_job(db, row["id"]) if row is not None else None


def job_of_call(db: sqlite3.Connection, new: NewJob) -> Job | None:
    """Return the running or unknown job of an equal call, or of an equal request, however old it is.

    An equal call may have become another request, because a price list arrived or other vendors are configured.
    """
    if new.allow_duplicate:
        return None
    states = quoted((*UNFINISHED, "unknown"))
    same = f"(request_hash = ? OR asked_hash = ?) AND state IN ({states})"
    statement = f"SELECT id FROM jobs WHERE {same} ORDER BY created_at DESC"  # noqa: S608  (our own states)
    row = db.execute(statement, (new.request_hash, new.asked_hash)).fetchone()
    return get_job(db, row["id"]) if row is not None else None


def admitted(db: sqlite3.Connection, new: NewJob, earlier: Job | None, day: str, now: float) -> Admission:
    """Write the intent of a new job, unless its call has an earlier one, and which job its request_key belongs to."""
    if earlier is None:
        values = {f.name: f.default for f in fields(Job)} | {
            "id": new.id, "state": "intent", "vendor": new.vendor, "model": new.model, "request": new.request,
            "request_hash": new.request_hash, "created_at": now, "updated_at": now, "owner": new.owner,
            "day": day, "account": new.account, "price": new.price, "unit_usd": new.unit_usd,
            "reserved": new.reserve or 0, "unpriced": new.reserve is None,
            "asked_hash": new.asked_hash, "cap": new.cap,
        }  # fmt: skip
        insert(db, values)
    if new.request_key and job_of_key(db, new) is None:
        row = (hash_of_key(new.request_key), earlier.id if earlier else new.id, new.request_hash, now, new.asked_hash)
        db.execute("INSERT OR REPLACE INTO request_keys VALUES (?, ?, ?, ?, ?)", row)
    return Admission(earlier, duplicate=True) if earlier else Admission(get_job(db, new.id))
