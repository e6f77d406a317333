"""A journal of an older format is brought to the newest with all that it holds; one of a newer format is left alone."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from seedance_mcp.errors import JournalError
from seedance_mcp.jobs.journal.budget import Caps
from seedance_mcp.jobs.journal.migrations import VERSION
from seedance_mcp.jobs.journal.model import Job, NewJob
from seedance_mcp.jobs.journal.sqlite import SqliteJournal

pytestmark = pytest.mark.anyio


def new(name: str) -> NewJob:
    return NewJob(name, "ope", "ope/seedance-2-0", {"prompt": "rain"}, f"hash of {name}", "nobody", 1_000_000, None)


async def one(folder: Path, name: str) -> Job:
    journal = SqliteJournal(folder)
    try:
        job = await journal.get(name)
    finally:
        journal.close()
    assert job is not None
    return job


async def test_a_journal_of_the_first_format_keeps_its_jobs_and_learns_what_is_new(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path)
    await journal.admit(new("a"), Caps())
    before = await journal.get("a")
    journal.close()
    with closing(sqlite3.connect(journal.path)) as db:  # as the first version left it
        db.execute("ALTER TABLE jobs DROP COLUMN delivered")
        db.execute("PRAGMA user_version=1")
        db.commit()

    assert await one(tmp_path, "a") == before
    journal = SqliteJournal(tmp_path)
    found = {"width": 1280, "height": 720, "seconds": 5.0, "audio": True}
    await journal.note("a", delivered=found)
    assert (await journal.admit(new("b"), Caps())).job.delivered is None
    journal.close()
    assert (await one(tmp_path, "a")).delivered == found
    with closing(sqlite3.connect(journal.path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)


async def test_a_journal_of_a_newer_format_is_not_touched(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path)
    journal.close()
    with closing(sqlite3.connect(journal.path)) as db:
        db.execute(f"PRAGMA user_version={VERSION + 1}")
    before = journal.path.read_bytes()
    with pytest.raises(JournalError, match="was written by a newer seedance-mcp") as caught:
        SqliteJournal(tmp_path)
    assert "Upgrade seedance-mcp" in caught.value.next_step
    assert journal.path.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed there")
async def test_a_journal_that_was_removed_meanwhile_takes_nothing_and_says_so(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path)
    journal.path.unlink()
    with pytest.raises(JournalError, match="was removed or replaced while this server ran"):
        await journal.admit(new("a"), Caps())
    SqliteJournal(tmp_path).close()
    with pytest.raises(JournalError, match="was removed or replaced while this server ran"):
        await journal.admit(new("a"), Caps())
    journal.close()
