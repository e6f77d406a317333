"""What was handed over already, so that equal content is handed over once: a small file in the state folder.

Beside the links it holds what is under a vendor's review, by the vendor's id, so that somebody can ask how it is.

SQLite of its own, neither JSON nor a table of the journal: several servers write at the same moment, and losing one
another's rows (a JSON file that is replaced) would cost uploads; and unlike the journal nothing here must be kept. The
file can be deleted at any time, and one that cannot be used only means that everything is uploaded again.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import anyio
from anyio import to_thread

if TYPE_CHECKING:
    from seedance_mcp.settings import Settings
    from seedance_mcp.vendors.vendor import Vendor

log = logging.getLogger(__name__)

T = TypeVar("T")

ASSET_LASTS = 30 * 86_400.0
"""Seconds for which an asset, or its review, is asked about; how long a vendor keeps one is not documented."""

# A table of its own for reviews: a server of an earlier version may write to the same file.
_TABLES = """
CREATE TABLE IF NOT EXISTS links (
    stand_in TEXT, destination TEXT, address TEXT NOT NULL, ticket TEXT NOT NULL, renew_at REAL NOT NULL,
    expires_at REAL NOT NULL, PRIMARY KEY (stand_in, destination)
) STRICT;
CREATE TABLE IF NOT EXISTS reviews (
    ticket TEXT, destination TEXT, name TEXT NOT NULL, model TEXT NOT NULL, purpose TEXT NOT NULL, since REAL NOT NULL,
    expires_at REAL NOT NULL, PRIMARY KEY (ticket, destination)
) STRICT;
"""


def account(settings: Settings, vendor: Vendor) -> str:
    """Name where a vendor keeps files: another key may be another account, which does not see them."""
    key = settings.keys[vendor.slug].get_secret_value()
    return f"{vendor.slug} {settings.base_urls[vendor.slug]} {hashlib.sha256(key.encode()).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class CachedLink:
    """What stands for a file at one destination."""

    address: str
    """What a request is sent with; empty while the vendor still looks at it."""
    ticket: str = ""
    """The vendor's id of the asset, if it is one."""
    renew_at: float = 0.0
    """From then on new requests get a new one: a link must outlive the vendor's work, not only its own making."""
    expires_at: float = 0.0


@dataclass(frozen=True, slots=True)
class ReviewRecord:
    """What a vendor was asked to review."""

    name: str
    """The file's name, without its folder."""
    model: str
    """The model that it was last meant for."""
    purpose: str
    """Which of the model's reviews: `asset` or `person`."""
    since: float
    expires_at: float


class UploadCache:
    """The file `handed-over.sqlite3` of a folder, opened at first use."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "handed-over.sqlite3"
        self._one_at_a_time: anyio.CapacityLimiter | None = None

    async def get(self, placeholder: str, destination: str) -> CachedLink | None:
        """Return what is known and has not expired."""

        def work(db: sqlite3.Connection) -> CachedLink | None:
            row = db.execute(
                "SELECT address, ticket, renew_at, expires_at FROM links "
                "WHERE stand_in = ? AND destination = ? AND expires_at > ?",
                (placeholder, destination, time.time()),
            ).fetchone()
            return CachedLink(*row) if row else None

        return await self._run(work, None)

    async def put(self, placeholder: str, destination: str, link: CachedLink) -> None:
        """Remember a link, and forget those that have expired."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM links WHERE expires_at < ?", (time.time(),))
            values = (placeholder, destination, link.address, link.ticket, link.renew_at, link.expires_at)
            db.execute("INSERT OR REPLACE INTO links VALUES (?, ?, ?, ?, ?, ?)", values)

        await self._run(work, None)

    async def forget(self, placeholder: str, destination: str) -> None:
        """Forget a link that turned out to be of no use."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM links WHERE stand_in = ? AND destination = ?", (placeholder, destination))

        await self._run(work, None)

    async def submitted(self, ticket: str, destination: str) -> ReviewRecord | None:
        """Return what is under review, or was of late, by the vendor's id of it."""

        def work(db: sqlite3.Connection) -> ReviewRecord | None:
            row = db.execute(
                "SELECT name, model, purpose, since, expires_at FROM reviews "
                "WHERE ticket = ? AND destination = ? AND expires_at > ?",
                (ticket, destination, time.time()),
            ).fetchone()
            return ReviewRecord(*row) if row else None

        return await self._run(work, None)

    async def submit(self, ticket: str, destination: str, what: ReviewRecord) -> None:
        """Remember what is under review. When it was submitted stays as it was first said."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM reviews WHERE expires_at < ?", (time.time(),))
            db.execute(
                "INSERT INTO reviews VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (ticket, destination) DO UPDATE SET "
                "name = excluded.name, model = excluded.model, purpose = excluded.purpose",
                (ticket, destination, what.name, what.model, what.purpose, what.since, what.expires_at),
            )

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
            db.executescript(_TABLES)
            return work(db)
