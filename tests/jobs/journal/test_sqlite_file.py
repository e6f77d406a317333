"""Work of several callers is committed at once; no caller is told of anything that is not durable."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from seedance_mcp.errors import JournalError, OverBudget
from seedance_mcp.jobs.journal.sqlite_file import SqliteFile

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Table:
    """A file with a table of numbers, and what its connection was told to do."""

    def __init__(self, path: Path) -> None:
        self.file = SqliteFile(path / "file.sqlite3")
        with self.file.transaction() as db:
            db.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY) STRICT")
        self.statements: list[str] = []
        db.set_trace_callback(self.statements.append)
        self.errors: dict[int, Exception] = {}
        self.seen: dict[int, list[int]] = {}

    def insert(self, number: int) -> list[int]:
        with self.file.transaction() as db:
            db.execute("INSERT INTO numbers VALUES (?)", (number,))
        return self.numbers(db)

    def refused(self, number: int) -> list[int]:
        with self.file.transaction() as db:
            db.execute("INSERT INTO numbers VALUES (?)", (number,))
            raise OverBudget("too much")

    def lost(self, number: int) -> list[int]:
        with self.file.transaction() as db:
            db.execute("INSERT INTO numbers VALUES (?)", (number,))
            db.execute("ROLLBACK")  # as SQLite does by itself after some errors
            raise sqlite3.OperationalError("disk I/O error")

    @staticmethod
    def numbers(db: sqlite3.Connection) -> list[int]:
        return [row[0] for row in db.execute("SELECT number FROM numbers ORDER BY number")]

    def durable(self) -> list[int]:
        with closing(sqlite3.connect(self.file.path)) as db:
            return self.numbers(db)

    async def run(self, number: int, do: str = "insert") -> None:
        try:
            self.seen[number] = await self.file.run(getattr(self, do), number)
        except (JournalError, OverBudget) as error:
            self.errors[number] = error
        else:
            assert number in self.durable(), "a caller went on before its work was durable"


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    made = Table(tmp_path)
    yield made
    made.file.close()


async def at_once(table: Table, *works: tuple[int, str]) -> None:
    """Let works wait for the thread at the same time."""
    go = threading.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(table.file.run, lambda: go.wait(10))
        await anyio.wait_all_tasks_blocked()
        for number, do in works:
            group.start_soon(table.run, number, do)
        await anyio.wait_all_tasks_blocked()
        go.set()


async def test_work_that_waits_is_committed_at_once(table: Table) -> None:
    await at_once(table, *((number, "insert") for number in range(50)))
    assert table.durable() == list(range(50))
    assert table.statements.count("COMMIT") == 1
    assert [table.seen[number][-1] for number in range(50)] == list(range(50))  # one after the other


async def test_work_that_comes_alone_is_a_transaction_of_its_own(table: Table) -> None:
    for number in range(3):
        await table.run(number)
    assert table.statements.count("COMMIT") == 3
    assert not [statement for statement in table.statements if "SAVEPOINT" in statement]


async def test_very_much_work_is_committed_in_several_turns(table: Table) -> None:
    await at_once(table, *((number, "insert") for number in range(250)))
    assert len(table.durable()) == 250
    assert table.statements.count("COMMIT") == 3


async def test_refused_work_undoes_its_own_only(table: Table) -> None:
    await at_once(table, (1, "insert"), (2, "refused"), (3, "insert"))
    assert table.durable() == [1, 3]
    assert {number: type(error) for number, error in table.errors.items()} == {2: OverBudget}


async def test_a_commit_that_fails_is_reported_to_all_whose_work_was_in_it(table: Table) -> None:
    table.file.hurry(0.02)
    with closing(sqlite3.connect(table.file.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM numbers").fetchall()
        await at_once(table, (1, "insert"), (2, "refused"), (3, "insert"))
        assert {number: type(error) for number, error in table.errors.items()} == {
            1: JournalError, 2: OverBudget, 3: JournalError,
        }  # fmt: skip
    assert table.durable() == []
    await at_once(table, (4, "insert"), (5, "insert"))
    assert table.durable() == [4, 5]


async def test_what_a_lost_transaction_takes_along_is_reported(table: Table) -> None:
    await at_once(table, (1, "insert"), (2, "lost"), (3, "insert"))
    assert table.durable() == [3]
    assert {number: type(error) for number, error in table.errors.items()} == {1: JournalError, 2: JournalError}


async def test_the_work_of_a_caller_who_gives_up_is_done(table: Table) -> None:
    go = threading.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(table.file.run, lambda: go.wait(10))
        await anyio.wait_all_tasks_blocked()
        async with anyio.create_task_group() as callers:
            for number in range(3):
                callers.start_soon(table.run, number)
            await anyio.wait_all_tasks_blocked()
            callers.cancel_scope.cancel()
            go.set()
    assert table.durable() == [0, 1, 2]
