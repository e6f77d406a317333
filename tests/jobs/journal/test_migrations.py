"""A journal of an older format is brought to the newest with all that it holds; one of a newer format is left alone."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from contextlib import closing
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from seedance_mcp.errors import JournalError, KeyReused
from seedance_mcp.jobs.journal.budget import Caps
from seedance_mcp.jobs.journal.day import local_zone
from seedance_mcp.jobs.journal.migrations import VERSION
from seedance_mcp.jobs.journal.model import Job
from seedance_mcp.jobs.journal.sqlite import SqliteJournal
from tests.jobs.services import new_job

pytestmark = pytest.mark.anyio

FORMAT_1 = """
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
PRAGMA user_version = 1;
"""
"""The first format, as it was released; a copy, for the history of a format never changes."""
FORMAT_2 = FORMAT_1 + "ALTER TABLE jobs ADD COLUMN delivered TEXT; PRAGMA user_version = 2;"
FORMAT_3 = (
    FORMAT_2
    + """
DROP INDEX jobs_by_looker;
ALTER TABLE jobs RENAME COLUMN looked_at TO polled_at;
ALTER TABLE jobs RENAME COLUMN looks TO polls;
ALTER TABLE jobs RENAME COLUMN word TO vendor_status;
ALTER TABLE jobs RENAME COLUMN error_words TO error_message;
ALTER TABLE jobs RENAME COLUMN looker TO lease_owner;
ALTER TABLE jobs RENAME COLUMN looker_until TO lease_until;
CREATE INDEX jobs_by_lease ON jobs (lease_owner) WHERE lease_owner IS NOT NULL;
PRAGMA user_version = 3;
"""
)
FORMAT_4 = (
    FORMAT_3
    + """
ALTER TABLE jobs ADD COLUMN account TEXT;
ALTER TABLE jobs ADD COLUMN unit_usd TEXT;
CREATE INDEX jobs_by_task ON jobs (task_id) WHERE task_id IS NOT NULL;
CREATE TABLE request_keys (
    key TEXT PRIMARY KEY, job TEXT NOT NULL, request_hash TEXT NOT NULL, created_at REAL NOT NULL
) STRICT;
CREATE INDEX request_keys_by_job ON request_keys (job);
DROP INDEX jobs_by_key;
ALTER TABLE jobs DROP COLUMN request_key;
CREATE TABLE budget_day (day TEXT NOT NULL, zone TEXT NOT NULL) STRICT;
DROP TABLE latest_day;
PRAGMA user_version = 4;
"""
)
FORMAT_5 = (
    FORMAT_4
    + """
ALTER TABLE jobs ADD COLUMN missing_since REAL;
ALTER TABLE jobs ADD COLUMN by_hand INTEGER NOT NULL DEFAULT 0;
ALTER TABLE budget_day ADD COLUMN continued TEXT;
ALTER TABLE jobs ADD COLUMN asked_hash TEXT;
ALTER TABLE jobs ADD COLUMN cap INTEGER;
ALTER TABLE jobs ADD COLUMN charged TEXT;
ALTER TABLE jobs ADD COLUMN settled_by TEXT;
ALTER TABLE request_keys ADD COLUMN asked_hash TEXT;
CREATE INDEX jobs_by_asked ON jobs (asked_hash) WHERE asked_hash IS NOT NULL;
PRAGMA user_version = 5;
"""
)
FORMATS = {1: FORMAT_1, 2: FORMAT_2, 3: FORMAT_3, 4: FORMAT_4, 5: FORMAT_5}
RENAMED = {
    "looked_at": "polled_at",
    "looks": "polls",
    "word": "vendor_status",
    "error_words": "error_message",
    "looker": "lease_owner",
    "looker_until": "lease_until",
}
"""The columns that have other names since format 3."""

OLD_ROW: dict[str, Any] = {
    "id": "old",
    "state": "running",
    "vendor": "ope",
    "model": "ope/seedance-2-0",
    "request": '{"prompt": "rain, \\"sound\\": on", "duration": 5}',
    "request_hash": "hash of old",
    "created_at": 1000.5,
    "updated_at": 2000.5,
    "owner": "owner of old",
    "day": "2026-03-10",
    "task_id": "task of old",
    "request_key": "key of old",
    "price": '{"usd": 1.25, "basis": "by the second"}',
    "reserved": 1_250_000,
    "spent": 17,
    "unpriced": 1,
    "submitted_at": 1001.5,
    "finished_at": 1002.5,
    "looked_at": 1003.5,
    "looks": 7,
    "word": "PROCESSING",
    "progress": 42.5,
    "error_code": "vendor_down",
    "error_words": "the vendor was down",
    "url": "https://example.com/1.mp4",
    "path": "/videos/1.mp4",
    "size": 123,
    "sha256": "ab" * 32,
    "save_error": "the disk was full",
    "looker": "another server",
    "looker_until": 5000.5,
}
"""A row in which every column has a value of its own."""
NEW_ROW = Job(
    id="old",
    state="running",
    vendor="ope",
    model="ope/seedance-2-0",
    request={"prompt": 'rain, "sound": on', "duration": 5},
    request_hash="hash of old",
    created_at=1000.5,
    updated_at=2000.5,
    owner="owner of old",
    day="2026-03-10",
    task_id="task of old",
    price={"usd": 1.25, "basis": "by the second"},
    reserved=1_250_000,
    spent=17,
    unpriced=True,
    submitted_at=1001.5,
    finished_at=1002.5,
    polled_at=1003.5,
    polls=7,
    vendor_status="PROCESSING",
    progress=42.5,
    error_code="vendor_down",
    error_message="the vendor was down",
    url="https://example.com/1.mp4",
    path="/videos/1.mp4",
    size=123,
    sha256="ab" * 32,
    save_error="the disk was full",
)
DELIVERED = {"width": 1280, "height": 720, "seconds": 5.0, "sound": True}


def write_old_journal(folder: Path, version: int) -> Path:
    """Write a journal as an older version left it: one full row, one with the defaults, and the latest day."""
    path = folder / "journal.sqlite3"
    delivered = DELIVERED if version == 2 else {"audio" if k == "sound" else k: v for k, v in DELIVERED.items()}
    full = OLD_ROW | ({"delivered": json.dumps(delivered)} if version > 1 else {})
    if version > 2:
        full = {RENAMED.get(name, name): value for name, value in full.items()}
    required = ("id", "state", "vendor", "model", "request", "request_hash", "created_at", "updated_at", "owner", "day")
    bare = {name: OLD_ROW[name] for name in required} | {"id": "bare"}
    with closing(sqlite3.connect(path)) as db:
        db.executescript(FORMATS[version])
        if version > 3:
            key = hashlib.sha256(full.pop("request_key").encode()).hexdigest()
            db.execute(
                "INSERT INTO request_keys (key, job, request_hash, created_at) VALUES (?, 'old', 'hash of old', ?)",
                (key, 1000.5),
            )
        for row in (full, bare):
            marks = ", ".join("?" * len(row))
            db.execute(f"INSERT INTO jobs ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))  # noqa: S608  (our own names)
        if version > 3:
            db.execute("INSERT INTO budget_day (day, zone) VALUES ('2099-12-31', ?)", (local_zone(),))
        else:
            db.execute("INSERT INTO latest_day VALUES ('2099-12-31')")
        db.commit()
    return path


def structure(path: Path) -> tuple[dict[str, list[tuple[Any, ...]]], set[str], int]:
    """Return the columns of each table (without their order), the indexes, and the format."""
    with closing(sqlite3.connect(path)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        columns = {table: sorted(row[1:] for row in db.execute(f"PRAGMA table_info({table})")) for table in tables}
        indexes = {sql for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL")}
        return columns, indexes, db.execute("PRAGMA user_version").fetchone()[0]


@pytest.mark.parametrize("version", FORMATS)
async def test_a_journal_of_an_older_format_keeps_every_column_of_its_jobs(tmp_path: Path, version: int) -> None:
    assert all(value is not None for value in OLD_ROW.values())
    new, left_out = 10, 3  # columns since format 1; the two of a lease, and the request_key
    assert len(OLD_ROW) == len(fields(Job)) - new + left_out
    path = write_old_journal(tmp_path, version)
    with closing(SqliteJournal(tmp_path)) as journal:
        job = await journal.get("old")
        assert job
        assert job.delivered == (
            None if version == 1 else {"audio": True, "width": 1280, "height": 720, "seconds": 5.0}
        )
        assert {f.name: getattr(job, f.name) for f in fields(Job)} == {
            f.name: getattr(NEW_ROW, f.name) for f in fields(Job)
        } | {"delivered": job.delivered}
        bare = await journal.get("bare")
        assert bare
        assert (bare.reserved, bare.spent, bare.unpriced, bare.polls, bare.task_id) == (0, 0, False, 0, None)
    with closing(sqlite3.connect(path)) as db:
        lease = db.execute("SELECT lease_owner, lease_until FROM jobs WHERE id = 'old'").fetchone()
        assert lease == ("another server", 5000.5)


@pytest.mark.parametrize("version", FORMATS)
async def test_a_migrated_journal_has_the_structure_of_a_new_one(tmp_path: Path, version: int) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    path = write_old_journal(tmp_path / "old", version)
    SqliteJournal(tmp_path / "old").close()
    SqliteJournal(tmp_path / "new").close()
    migrated, new = structure(path), structure(tmp_path / "new" / "journal.sqlite3")
    assert migrated == new
    assert migrated[2] == VERSION


@pytest.mark.parametrize("version", FORMATS)
async def test_a_migrated_journal_takes_new_jobs_and_keeps_its_day(tmp_path: Path, version: int) -> None:
    write_old_journal(tmp_path, version)
    eve = datetime(2099, 12, 30, 12).astimezone().timestamp()
    with closing(SqliteJournal(tmp_path, lambda: eve)) as journal:
        assert (await journal.admit(new_job("new"), Caps())).job.day == "2099-12-31"
        noted = await journal.note("new", delivered={"audio": False})
    with closing(SqliteJournal(tmp_path)) as journal:
        assert await journal.get("new") == noted
        assert [job.id for job in await journal.in_states(("running",))] == ["old", "bare"]


@pytest.mark.parametrize("version", FORMATS)
async def test_a_request_key_of_an_older_format_still_belongs_to_its_job(tmp_path: Path, version: int) -> None:
    write_old_journal(tmp_path, version)
    with closing(SqliteJournal(tmp_path)) as journal:
        again = await journal.admit(new_job("new", request_hash="hash of old", request_key="key of old"), Caps())
        assert (again.duplicate, again.job.id) == (True, "old")
        with pytest.raises(KeyReused):
            await journal.admit(new_job("other", request_key="key of old"), Caps())


@pytest.mark.parametrize("version", FORMATS)
async def test_a_job_of_an_older_format_has_no_account_and_until_it_is_noted(tmp_path: Path, version: int) -> None:
    write_old_journal(tmp_path, version)
    with closing(SqliteJournal(tmp_path)) as journal:
        old = await journal.get("old")
        assert old
        assert (old.account, old.unit_usd) == (None, None)
        noted = await journal.note("old", account="account")
        assert noted
        assert noted.account == "account"


async def test_opening_a_journal_of_todays_format_changes_nothing(tmp_path: Path) -> None:
    with closing(SqliteJournal(tmp_path)) as journal:
        await journal.admit(new_job("a"), Caps())
    before = journal.path.read_bytes()
    SqliteJournal(tmp_path).close()
    assert journal.path.read_bytes() == before


async def test_a_journal_of_a_newer_format_is_refused_and_not_touched(tmp_path: Path) -> None:
    with closing(SqliteJournal(tmp_path)) as journal:
        await journal.admit(new_job("a"), Caps())
    with closing(sqlite3.connect(journal.path)) as db:
        db.execute(f"PRAGMA user_version={VERSION + 1}")
    before = journal.path.read_bytes()
    with pytest.raises(JournalError) as caught:
        SqliteJournal(tmp_path)
    assert caught.value.sentence == (
        f"The journal {journal.path} was written by a newer seedance-mcp (format {VERSION + 1}, this one knows "
        f"{VERSION})."
    )
    assert (
        caught.value.next_step
        == "Ask the user to upgrade seedance-mcp, or to set SEEDANCE_STATE_DIR to another folder."
    )
    assert journal.path.read_bytes() == before


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux lists the open files")
async def test_a_journal_that_is_refused_is_not_left_open(tmp_path: Path) -> None:
    SqliteJournal(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "journal.sqlite3")) as db:
        db.execute(f"PRAGMA user_version={VERSION + 1}")
    with pytest.raises(JournalError):
        SqliteJournal(tmp_path)
    assert str(tmp_path / "journal.sqlite3") not in {os.path.realpath(fd) for fd in Path("/proc/self/fd").iterdir()}


async def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = write_old_journal(tmp_path, 2)
    with closing(sqlite3.connect(path)) as db:
        db.execute("ALTER TABLE jobs ADD COLUMN lease_owner TEXT")  # in the way of a later statement
    before = structure(path)
    with pytest.raises(JournalError, match="cannot be used"):
        SqliteJournal(tmp_path)
    assert structure(path) == before
