"""A file in which a sandbox keeps what its vendors have accepted: tasks and uploaded files outlive the process.

Real vendors know a task whatever becomes of the program that created it, so the embedded ones must too. Several
processes may share the file. It holds no API keys.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from seedance_mcp.sandbox.behaviour import Directives
from seedance_mcp.sandbox.fakes import known_fakes
from seedance_mcp.sandbox.fakes.fake import StoredFile
from seedance_mcp.sandbox.tasks import Task
from seedance_mcp.sandbox.validation import Rejected, check_job

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

_TABLES = (
    """CREATE TABLE IF NOT EXISTS tasks (
    id TEXT PRIMARY KEY, slug TEXT NOT NULL, request TEXT NOT NULL, body TEXT NOT NULL, created_at REAL NOT NULL,
    seconds REAL NOT NULL, amount TEXT, refundable INTEGER NOT NULL, first_frame BLOB NOT NULL
)""",
    "CREATE INDEX IF NOT EXISTS tasks_by_request ON tasks (request)",
    """CREATE TABLE IF NOT EXISTS files (
    number INTEGER PRIMARY KEY AUTOINCREMENT, slug TEXT NOT NULL, id TEXT NOT NULL, stored_at REAL NOT NULL,
    name TEXT NOT NULL, content BLOB NOT NULL, mime TEXT NOT NULL, kind TEXT NOT NULL, url TEXT NOT NULL,
    ready_at REAL NOT NULL
)""",
)
_TASK = "SELECT id, slug, body, created_at, seconds, amount, refundable, first_frame FROM tasks "
_NEW_FILES = (
    "SELECT number, slug, id, name, content, mime, kind, url, ready_at FROM files WHERE number > ? ORDER BY number"
)
_DAY = 86_400
_TASK_DAYS, _FILE_DAYS = 30, 7
"""Days after which a task and an uploaded file are forgotten."""
_PATIENCE = 10.0
"""Seconds to wait for another process that is writing."""


class Store:
    """The file. If it cannot be used, the sandbox goes on in memory, and the log says so."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path, self._clock = path, clock
        self._newest_file = 0

    def add(self, task: Task, body: str, request: str) -> None:
        """Keep a task with its body as it was sent; `request` is the fingerprint of its idempotency key, or empty."""
        row = (
            task.id, task.slug, request, body, task.created_at, task.seconds,
            None if task.amount is None else str(task.amount), task.refundable, task.first_frame,
        )  # fmt: skip
        self._run("INSERT OR IGNORE INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        self._run("DELETE FROM tasks WHERE created_at < ?", (time.time() - _TASK_DAYS * _DAY,))

    def remove(self, task_id: str) -> None:
        """Forget a task that was cancelled or erased."""
        self._run("DELETE FROM tasks WHERE id = ?", (task_id,))

    def task(self, task_id: str) -> Task | None:
        """Return a task by its id."""
        return self._restored(self._run(_TASK + "WHERE id = ?", (task_id,)))

    def task_of_request(self, request: str) -> Task | None:
        """Return the task of a request that was sent before with the same idempotency key."""
        return self._restored(self._run(_TASK + "WHERE request = ?", (request,)))

    def _restored(self, rows: Sequence[Any]) -> Task | None:
        """Return a stored task as it was accepted; None if its vendor would no longer accept it."""
        if not rows:
            return None
        task_id, slug, text, created_at, seconds, amount, refundable, first_frame = rows[0]
        try:
            body = json.loads(text)
            job, ignored = check_job(known_fakes()[slug], body)
        except (Rejected, KeyError):
            return None
        return Task(
            id=task_id,
            slug=slug,
            request=job,
            body=body,
            directives=Directives.read(text),
            started=self._clock() - (time.time() - created_at),
            created_at=created_at,
            seconds=seconds,
            amount=None if amount is None else Decimal(amount),
            refundable=bool(refundable),
            ignored=ignored,
            first_frame=first_frame,
        )

    def add_file(self, slug: str, file_id: str, file: StoredFile) -> None:
        """Keep an uploaded file, or an asset that was made from one."""
        ready_at = time.time() + file.ready_at - self._clock()
        row = (slug, file_id, time.time(), file.name, file.content, file.mime, file.kind, file.url, ready_at)
        self._run("INSERT INTO files VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        self._run("DELETE FROM files WHERE stored_at < ?", (time.time() - _FILE_DAYS * _DAY,))

    def new_files(self) -> Iterator[tuple[str, str, StoredFile]]:
        """Yield the slug, the id and the content of each file that this method has not returned yet."""
        for number, slug, file_id, *rest, ready_at in self._run(_NEW_FILES, (self._newest_file,)):
            self._newest_file = number
            yield slug, file_id, replace(StoredFile(*rest), ready_at=self._clock() + ready_at - time.time())

    def _run(self, statement: str, values: Sequence[Any]) -> list[Any]:
        """Run one statement; without a usable file, it has no rows."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileExistsError):
                os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))  # it holds prompts
            with closing(sqlite3.connect(self._path, timeout=_PATIENCE)) as db, db:
                db.execute("PRAGMA synchronous=OFF")  # a killed process loses nothing by it, and power cuts may
                for table in _TABLES:
                    db.execute(table)
                return db.execute(statement, values).fetchall()
        except (sqlite3.Error, OSError) as error:
            log.warning("the sandbox cannot keep its tasks in %s (%s)", self._path, error)
            return []


def fingerprint(*parts: str) -> str:
    """Return a hash that identifies a request by its vendor, API key and idempotency key."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
