"""What was handed over already, so that equal content is handed over once: a small file in the state folder.

SQLite of its own, neither JSON nor a table of the journal: several servers write at the same moment, and losing one
another's rows (a JSON file that is replaced) would cost uploads; and unlike the journal nothing here must be kept. The
file can be deleted at any time, and one that cannot be used only means that everything is uploaded again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import anyio
from anyio import to_thread

log = logging.getLogger(__name__)

T = TypeVar("T")

_TABLE = """
CREATE TABLE IF NOT EXISTS links (
    stand_in TEXT, destination TEXT, address TEXT NOT NULL, ticket TEXT NOT NULL, renew_at REAL NOT NULL,
    expires_at REAL NOT NULL, PRIMARY KEY (stand_in, destination)
) STRICT
"""


@dataclass(frozen=True, slots=True)
class Link:
    """What stands for a file at one destination."""

    address: str
    """What a request is sent with; empty while the vendor still looks at it."""
    ticket: str = ""
    """The vendor's id of the asset, if it is one."""
    renew_at: float = 0.0
    """From then on new requests get a new one: a link must outlive the vendor's work, not only its own making."""
    expires_at: float = 0.0


class Links:
    """The file `handed-over.sqlite3` of a folder, opened at first use."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "handed-over.sqlite3"
        self._one_at_a_time: anyio.CapacityLimiter | None = None

    async def get(self, stand_in: str, destination: str) -> Link | None:
        """Return what is known and has not expired."""

        def work(db: sqlite3.Connection) -> Link | None:
            row = db.execute(
                "SELECT address, ticket, renew_at, expires_at FROM links "
                "WHERE stand_in = ? AND destination = ? AND expires_at > ?",
                (stand_in, destination, time.time()),
            ).fetchone()
            return Link(*row) if row else None

        return await self._run(work, None)

    async def put(self, stand_in: str, destination: str, link: Link) -> None:
        """Remember a link, and forget those that have expired."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM links WHERE expires_at < ?", (time.time(),))
            values = (stand_in, destination, link.address, link.ticket, link.renew_at, link.expires_at)
            db.execute("INSERT OR REPLACE INTO links VALUES (?, ?, ?, ?, ?, ?)", values)

        await self._run(work, None)

    async def forget(self, stand_in: str, destination: str) -> None:
        """Forget a link that turned out to be of no use."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM links WHERE stand_in = ? AND destination = ?", (stand_in, destination))

        await self._run(work, None)

    async def _run(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        if self._one_at_a_time is None:
            self._one_at_a_time = anyio.CapacityLimiter(1)
        try:
            return await to_thread.run_sync(self._do, work, limiter=self._one_at_a_time)
        except (sqlite3.Error, OSError) as error:
            log.warning("%s cannot be used (%s), so files are handed over again", self._path, error)
            return otherwise

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with contextlib.closing(sqlite3.connect(self._path, timeout=10)) as db, db:
            db.execute(_TABLE)
            return work(db)
