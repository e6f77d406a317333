"""One SQLite file, shared by every server of one user: how it is opened, locked, waited for and closed.

TRUNCATE journalling rather than WAL: SQLite up to 3.51.2 can corrupt a WAL file written by several connections, and
TRUNCATE still commits over a thousand times a second. BEGIN IMMEDIATE rather than BEGIN: a transaction that begins as
a reader and then writes fails under contention. One connection in one worker thread, because a shielded thread loses
nothing when the call that waits for it is cancelled.

What waits for the thread at the same time is committed at once, because a commit takes longer than what it makes
durable. No caller goes on before that, and one whose work fails undoes its own only.
"""

from __future__ import annotations

import contextlib
import functools
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import anyio
from anyio import to_thread

from seedance_mcp.errors import JournalError
from seedance_mcp.private_files import make_private_file, make_private_folder

P = ParamSpec("P")
T = TypeVar("T")

_PATIENCE = 30.0
"""Seconds to wait for a lock that another process holds."""
_ATTEMPT = 0.25
"""Seconds of one attempt at it, between which a stop can end the wait."""
_TOGETHER = 100
"""The most pieces of work that are committed at once: they hold the lock for some hundredths of a second."""


class _Work:
    """Something to do in the worker thread, and what came of it."""

    def __init__(self, do: Callable[[], object]) -> None:
        self._do = do
        self.over = False
        self.value: object = None
        self.error: Exception | None = None

    def run(self) -> None:
        self.over = True
        try:
            self.value = self._do()
        except Exception as error:  # noqa: BLE001  (raised again in the caller, who waits for it)
            self.error = error

    def undone(self, error: Exception) -> None:
        """Take note that nothing of it is durable, because of what became of other work."""
        self.error = self.error or error


class SqliteFile:
    """An open SQLite file with transactions that wait for other processes, for a bounded time."""

    def __init__(self, path: Path) -> None:
        """Open or create the file, for its user alone.

        Raises:
            OSError, sqlite3.Error: it cannot be opened.
        """
        self.path = path
        self._turns = anyio.Lock()
        self._thread = anyio.CapacityLimiter(1)
        self._waiting: list[_Work] = []
        self._together = False
        self._in_use = threading.Lock()
        self._give_up_at = math.inf
        make_private_folder(path.parent)
        make_private_file(path)
        self._db = sqlite3.connect(path, timeout=_ATTEMPT, isolation_level=None, check_same_thread=False)
        try:
            self._db.row_factory = sqlite3.Row
            for pragma in ("journal_mode=TRUNCATE", "synchronous=FULL", "fullfsync=ON"):
                self._patiently(f"PRAGMA {pragma}")
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the file once the running transaction has ended: closing it earlier would crash the process."""
        with self._in_use:
            self._db.close()

    def hurry(self, seconds: float) -> None:
        """From now on, wait for other processes no longer than `seconds` in all: the server is stopping."""
        self._give_up_at = time.monotonic() + seconds

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Run a query on its own and return all of its rows."""
        return self._patiently(statement, values).fetchall()

    @contextlib.contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """Write in one transaction; an exception rolls it back."""
        if self._together:
            with self._part_of_transaction():
                yield self._db
            return
        self._patiently("BEGIN IMMEDIATE")
        try:
            yield self._db
            self._patiently("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # some errors end it by themselves; others, even of a COMMIT, leave it open
                self._db.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def _part_of_transaction(self) -> Generator[None]:
        if not self._db.in_transaction:
            self._patiently("BEGIN IMMEDIATE")
        self._db.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK TO part")
                self._db.execute("RELEASE part")
            raise
        self._db.execute("RELEASE part")

    def _patiently(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run a statement, waiting for a lock that another process holds."""
        ends = time.monotonic() + _PATIENCE
        while True:
            try:
                return self._db.execute(statement, values)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                if time.monotonic() >= min(ends, self._give_up_at):
                    raise

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` to its end in the worker thread, even if the caller is cancelled.

        Raises:
            JournalError: the file cannot be read or written.
        """
        mine = _Work(functools.partial(work, *args, **kwargs))
        self._waiting.append(mine)
        with anyio.CancelScope(shield=True):
            async with self._turns:
                if not mine.over:  # then it is the first of those that wait
                    now, self._waiting = self._waiting[:_TOGETHER], self._waiting[_TOGETHER:]
                    await to_thread.run_sync(self._run_all, now, limiter=self._thread)
        if isinstance(mine.error, sqlite3.Error | UnicodeError | OverflowError):
            raise broken(self.path, mine.error) from mine.error
        if mine.error is not None:
            raise mine.error
        return cast("T", mine.value)

    def _run_all(self, works: Sequence[_Work]) -> None:
        """Run work, and commit it in one transaction if there is more than one piece."""
        with self._in_use:
            self._together = len(works) > 1
            try:
                for number, work in enumerate(works):
                    begun = self._db.in_transaction
                    work.run()
                    if begun and work.error and not self._db.in_transaction:  # SQLite has rolled back all of it
                        self._undone(works[:number], work.error)
                if self._db.in_transaction:
                    self._patiently("COMMIT")
            except sqlite3.Error as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                self._undone(works, error)
            finally:
                self._together = False

    def _undone(self, works: Sequence[_Work], error: Exception) -> None:
        for work in works:
            work.undone(error)


def broken(path: Path, error: Exception) -> JournalError:
    """Return the error for a journal that cannot be used."""
    if getattr(error, "sqlite_errorname", "") == "SQLITE_READONLY_DBMOVED":
        return JournalError(
            f"The journal {path} was removed or replaced while this server was running.",
            next_step="Put it back and restart the server: it is the only record of what was paid for.",
        )
    return JournalError(f"The journal {path} cannot be used ({error}).")
