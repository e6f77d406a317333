"""Remembers uploads, so that equal content is uploaded once, and the reviews that vendors were asked for.

A small SQLite file in the state folder. It is not JSON, because several servers may write at the same moment, and a
lost row costs an upload. It is not part of the journal, because nothing in it has to be kept: the file can be deleted
at any time, and if it cannot be used, files are uploaded again.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import sqlite3
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import anyio
from anyio import to_thread

from seedance_mcp.private_files import make_private_file, make_private_folder

if TYPE_CHECKING:
    from seedance_mcp.settings import Settings
    from seedance_mcp.vendors.vendor import Vendor

log = logging.getLogger(__name__)

T = TypeVar("T")

ASSET_LIFETIME = 30 * 86_400.0
"""Seconds for which an asset or its review is remembered; no vendor documents how long it keeps one."""

_TABLES = """
CREATE TABLE IF NOT EXISTS links (
    placeholder TEXT, destination TEXT, address TEXT NOT NULL, asset_id TEXT NOT NULL, renew_at REAL NOT NULL,
    expires_at REAL NOT NULL, PRIMARY KEY (placeholder, destination)
) STRICT;
CREATE TABLE IF NOT EXISTS reviews (
    asset_id TEXT, destination TEXT, name TEXT NOT NULL, model TEXT NOT NULL, purpose TEXT NOT NULL,
    submitted_at REAL NOT NULL, expires_at REAL NOT NULL, PRIMARY KEY (asset_id, destination)
) STRICT;
"""


def account(settings: Settings, vendor: Vendor) -> str:
    """Return the name of a vendor account as a destination; another key may be another account with other files."""
    key = settings.keys[vendor.slug].get_secret_value()
    return f"{vendor.slug} {settings.base_urls[vendor.slug]} {hashlib.sha256(key.encode()).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class CachedLink:
    """The URL by which a request refers to an uploaded file, at one destination. Times are Unix seconds."""

    address: str
    """Empty while the vendor's review of an asset is pending."""
    asset_id: str = ""
    """The vendor's id of the asset, if it is one."""
    renew_at: float = 0.0
    """New requests no longer use the link after this time: it has to stay valid while the vendor works."""
    expires_at: float = 0.0


@dataclass(frozen=True, slots=True)
class ReviewRecord:
    """A file that a vendor was asked to review. Times are Unix seconds."""

    name: str
    """The file's name, without its folder."""
    model: str
    """The model of the latest request that named the file."""
    purpose: str
    """Which of the model's reviews: `asset` or `person`."""
    submitted_at: float
    expires_at: float


class UploadCache:
    """The file `uploads.sqlite3` of a folder. Each operation opens it and closes it again."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "uploads.sqlite3"
        self._one_at_a_time: anyio.CapacityLimiter | None = None

    async def get_link(self, placeholder: str, destination: str) -> CachedLink | None:
        """Return the link to a file, unless it has expired."""

        def work(db: sqlite3.Connection) -> CachedLink | None:
            row = db.execute(
                "SELECT address, asset_id, renew_at, expires_at FROM links "
                "WHERE placeholder = ? AND destination = ? AND expires_at > ?",
                (placeholder, destination, time.time()),
            ).fetchone()
            return CachedLink(*row) if row else None

        return await self._run(work, None)

    async def put_link(self, placeholder: str, destination: str, link: CachedLink) -> None:
        """Remember a link, and delete expired ones."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM links WHERE expires_at < ?", (time.time(),))
            db.execute(
                "INSERT OR REPLACE INTO links VALUES (?, ?, ?, ?, ?, ?)", (placeholder, destination, *astuple(link))
            )

        await self._run(work, None)

    async def forget_link(self, placeholder: str, destination: str) -> None:
        """Delete a link that cannot be used."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM links WHERE placeholder = ? AND destination = ?", (placeholder, destination))

        await self._run(work, None)

    async def get_review(self, asset_id: str, destination: str) -> ReviewRecord | None:
        """Return the record of a review, pending or decided, unless it has expired."""

        def work(db: sqlite3.Connection) -> ReviewRecord | None:
            row = db.execute(
                "SELECT name, model, purpose, submitted_at, expires_at FROM reviews "
                "WHERE asset_id = ? AND destination = ? AND expires_at > ?",
                (asset_id, destination, time.time()),
            ).fetchone()
            return ReviewRecord(*row) if row else None

        return await self._run(work, None)

    async def put_review(self, asset_id: str, destination: str, record: ReviewRecord) -> None:
        """Remember a review, and delete expired ones. A repeated call does not change the time of submission."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM reviews WHERE expires_at < ?", (time.time(),))
            db.execute(
                "INSERT INTO reviews VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (asset_id, destination) DO UPDATE SET "
                "name = excluded.name, model = excluded.model, purpose = excluded.purpose",
                (asset_id, destination, *astuple(record)),
            )

        await self._run(work, None)

    async def _run(self, work: Callable[[sqlite3.Connection], T], default: T) -> T:
        if self._one_at_a_time is None:
            self._one_at_a_time = anyio.CapacityLimiter(1)
        try:
            return await to_thread.run_sync(self._transact, work, limiter=self._one_at_a_time)
        except (sqlite3.Error, OSError) as error:
            log.warning("%s cannot be used (%s), so files are uploaded again", self._path, error)
            return default

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        make_private_folder(self._path.parent)
        make_private_file(self._path)
        with contextlib.closing(sqlite3.connect(self._path, timeout=10)) as db, db:
            db.executescript(_TABLES)
            return work(db)
