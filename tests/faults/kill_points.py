"""The points at which a server can be killed, reached by wrapping the product from outside: it has no hooks for this.

`x.before`, `x.in` and `x.after` are before a transaction, in it just before its COMMIT, and after it; `x.commit` is a
random moment during the COMMIT itself.
"""

from __future__ import annotations

import functools
import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import httpx2
from httpcore2._backends.auto import AutoBackend

from seedance_mcp.jobs import submit
from seedance_mcp.jobs.download.partial_file import PartialFile
from seedance_mcp.jobs.journal.model import TERMINAL, Job
from seedance_mcp.jobs.journal.process_lock import ProcessLock
from seedance_mcp.jobs.journal.sqlite import SqliteJournal
from seedance_mcp.jobs.journal.sqlite_file import SqliteFile
from seedance_mcp.jobs.reconcile import Reconciler
from seedance_mcp.vendors.vendor import Answer, Call, Vendor
from seedance_mcp.web import SentFile, Web

_TRANSACTIONS = ("submitting", "submitted", "rejected", "unknown", "running", "ended", "lease", "saved")
JOURNAL = tuple(f"{name}.{moment}" for name in _TRANSACTIONS for moment in ("before", "in", "commit", "after"))
POST = (
    "post.before",
    "post.connected",
    "post.begun",
    "post.head",
    "post.body",
    "post.answer_head",
    "post.answer_body",
    "post.read",
)
REPLY = ("reply.before", "reply.after")
POLL = ("poll.before", "poll.answered")
DOWNLOAD = (
    "download.opened",
    "download.block",
    "download.complete",
    "download.synced",
    "download.linked",
    "download.published",
    "download.closed",
)
LOCK = ("lock.created", "lock.held")
MIGRATION = ("migrate.before", "migrate.statement", "migrate.in", "migrate.commit", "migrate.after")
RECOVERY = (
    "recover.before",
    "recover.owner_checked",
    "recover.in",
    "recover.commit",
    "recover.change.before",
    "recover.change.in",
    "recover.change.commit",
    "recover.change.after",
    "recover.after",
)
RECONCILIATION = (
    "reconcile.before",
    "readmit.before",
    "readmit.in",
    "readmit.commit",
    "readmit.after",
    "reconcile.post.body",
    "reconcile.submitted.before",
    "reconcile.submitted.in",
    "reconcile.submitted.after",
)
POINTS = (*JOURNAL, *POST, *REPLY, *POLL, *DOWNLOAD, *LOCK, *MIGRATION, *RECOVERY, *RECONCILIATION)

_EVENTS = {
    "connection.connect_tcp.complete": "post.connected",
    "http11.send_request_headers.started": "post.begun",
    "http11.send_request_headers.complete": "post.head",
    "http11.send_request_body.complete": "post.body",
    "http11.receive_response_headers.complete": "post.answer_head",
    "http11.receive_response_body.complete": "post.answer_body",
}


class Killer:
    """Ends this process when a point is reached for the n-th time; `end` says how."""

    def __init__(self, point: str | None = None, nth: int = 1, delay: float = 0.0) -> None:
        """`delay` is how many seconds into a COMMIT a `.commit` point kills."""
        self.point, self._left, self._delay = point, nth, delay
        self.reconciling = False
        self.end: Callable[[], None] = _kill

    def _due(self, point: str) -> bool:
        if point != self.point:
            return False
        self._left -= 1
        return self._left == 0

    def reach(self, point: str) -> None:
        """Take note that a point is reached, and end the process if it is its turn."""
        if self._due(point):
            self.end()

    def reach_soon(self, point: str) -> None:
        """Take note that the step which a point names begins: the process dies somewhere in it, or shortly after."""
        if self._due(point):
            threading.Thread(target=self._kill_later, daemon=True).start()

    def _kill_later(self) -> None:
        time.sleep(self._delay)
        self.end()


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def patch(owner: object, name: str, value: object) -> None:
    """Replace a function or a method for the rest of this process.

    Raises:
        AttributeError: there is none of this name, so the replacement would do nothing.
        TypeError: it is not a function: delays and limits are constructor arguments of the product.
    """
    if not callable(getattr(owner, name)):
        raise TypeError(f"{name} of {owner!r} is not a function")
    setattr(owner, name, value)


def dial(port: int) -> None:
    """Let every connection of this process reach another port than the one that it asks for."""
    connect = cast("Callable[..., Awaitable[Any]]", AutoBackend.connect_tcp)

    async def connecting(self: AutoBackend, **how: Any) -> Any:
        return await connect(self, **{**how, "port": port})

    patch(AutoBackend, "connect_tcp", connecting)


def private(owner: object, name: str) -> Any:
    """Return an attribute that has no public equivalent."""
    return getattr(owner, name)


def install(killer: Killer) -> None:
    """Wrap the product so that the killer learns of each point that is reached."""
    _wrap_journal(killer)
    _wrap_post(killer)
    _wrap_polls(killer)
    _wrap_downloads(killer)
    _wrap_lock(killer)
    _wrap_reconciler(killer)


# -- the journal --------------------------------------------------------------------------------------------------


def _transaction(changes: Mapping[str, Any]) -> str:
    state = changes.get("state")
    if state is None:
        return "saved" if "path" in changes else "note"
    if state in {"queued", "running"}:
        return "running"
    return "ended" if state in TERMINAL and state not in {"rejected", "abandoned"} else str(state)


class _Statements:
    """A connection that reaches a point before each statement."""

    def __init__(self, db: sqlite3.Connection, killer: Killer) -> None:
        self._db, self._killer = db, killer

    def execute(self, *args: Any) -> sqlite3.Cursor:
        self._killer.reach("migrate.statement")
        return self._db.execute(*args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


def _wrap_journal(killer: Killer) -> None:
    label = threading.local()
    inner_transaction = SqliteFile.transaction

    @contextmanager
    def transaction(self: SqliteFile) -> Generator[sqlite3.Connection]:
        name = getattr(label, "name", "")
        if name == "migrate":  # not earlier, for the file exists by now
            killer.reach("migrate.before")
        with inner_transaction(self) as db:
            yield cast(sqlite3.Connection, _Statements(db, killer)) if name == "migrate" else db
            killer.reach(f"{name}.in")
            killer.reach_soon(f"{name}.commit")

    patch(SqliteFile, "transaction", transaction)
    committed = _wrap_shared_transactions(killer)

    def wrap(method: str, name: Callable[..., str]) -> None:
        inner = getattr(SqliteJournal, method)

        @functools.wraps(inner)
        def outer(self: SqliteJournal, *args: Any) -> Any:
            before = getattr(label, "name", "")
            label.name = name(before, *args)
            try:
                if label.name != "migrate":
                    killer.reach(f"{label.name}.before")
                result = inner(self, *args)
                if private(private(self, "_file"), "_together"):
                    committed.append(f"{label.name}.after")
                else:
                    killer.reach(f"{label.name}.after")
            finally:
                label.name = before
            return result

        patch(SqliteJournal, method, outer)

    def of_change(outside: str, _: str, changes: Mapping[str, Any], when: Sequence[str], *__: object) -> str:
        if outside == "recover":
            return "recover.change"
        name = _transaction(changes)
        return f"reconcile.{name}" if "unknown" in when and killer.reconciling else name

    wrap("_admit", lambda *_: "submitting")
    wrap("_change", of_change)
    wrap("_readmit", lambda *_: "readmit")
    wrap("_accept", lambda *_: "reconcile.submitted" if killer.reconciling else "submitted")
    wrap("_claim", lambda *_: "lease")
    wrap("__init__", lambda *_: "migrate")
    wrap("_recover", lambda *_: "recover")


def _wrap_shared_transactions(killer: Killer) -> list[str]:
    """Return the points to reach once the transaction that several pieces of work share is committed."""
    run_all = cast("Callable[[SqliteFile, object], None]", private(SqliteFile, "_run_all"))
    points: list[str] = []

    def running(self: SqliteFile, works: object) -> None:
        run_all(self, works)
        while points:
            killer.reach(points.pop(0))

    patch(SqliteFile, "_run_all", running)
    return points


# -- HTTP ---------------------------------------------------------------------------------------------------------


def _wrap_post(killer: Killer) -> None:
    send = httpx2.AsyncClient.send
    post_once = Web.post_once
    read_outcome = submit.read_outcome

    async def sending(self: httpx2.AsyncClient, request: httpx2.Request, **how: Any) -> httpx2.Response:
        trace = cast("Callable[[str, Mapping[str, Any]], Awaitable[None]] | None", request.extensions.get("trace"))
        if trace is not None:

            async def both(event: str, info: Mapping[str, Any]) -> None:
                await trace(event, info)
                killer.reach(_EVENTS.get(event, event))
                if killer.reconciling:
                    killer.reach("reconcile." + _EVENTS.get(event, event))

            request.extensions["trace"] = both
        return await send(self, request, **how)

    async def posting(self: Web, vendor: Vendor, call: Call) -> Answer:
        killer.reach("post.before")
        return await post_once(self, vendor, call)

    def reading(vendor: Vendor, answer: Answer) -> submit.Outcome:
        outcome = read_outcome(vendor, answer)
        killer.reach("post.read")
        return outcome

    patch(httpx2.AsyncClient, "send", sending)
    patch(Web, "post_once", posting)
    patch(submit, "read_outcome", reading)


def _wrap_polls(killer: Killer) -> None:
    call_vendor = Web.call

    async def calling(self: Web, vendor: Vendor, call: Call, file: SentFile | None = None) -> Answer:
        killer.reach("poll.before")
        answer = await call_vendor(self, vendor, call, file)
        killer.reach("poll.answered")
        return answer

    patch(Web, "call", calling)


# -- files --------------------------------------------------------------------------------------------------------


def _wrap_downloads(killer: Killer) -> None:
    def after(method: str, point: str) -> None:
        inner = getattr(PartialFile, method)

        @functools.wraps(inner)
        def outer(self: object, *args: Any, **how: Any) -> Any:
            result = inner(self, *args, **how)
            killer.reach(point)
            return result

        patch(PartialFile, method, outer)

    after("__init__", "download.opened")
    after("append", "download.block")
    after("publish", "download.published")
    after("close", "download.closed")
    fsync, link = os.fsync, os.link

    def syncing(handle: int) -> None:
        killer.reach("download.complete")
        fsync(handle)
        killer.reach("download.synced")

    def linking(*args: Any, **how: Any) -> None:
        link(*args, **how)
        killer.reach("download.linked")

    patch(os, "fsync", syncing)
    patch(os, "link", linking)
    if link in os.supports_follow_symlinks:
        os.supports_follow_symlinks.add(linking)  # the product asks there what `os.link` can do


def _wrap_lock(killer: Killer) -> None:
    open_file, alive, create = os.open, ProcessLock.alive, ProcessLock.__init__

    def opening(path: Any, flags: int, *args: Any, **how: Any) -> int:
        handle = open_file(path, flags, *args, **how)
        if flags & os.O_EXCL and isinstance(path, Path) and path.parent.name == "owners":
            killer.reach("lock.created")
        return handle

    def creating(self: ProcessLock, folder: Path) -> None:
        create(self, folder)
        killer.reach("lock.held")

    def checking(self: ProcessLock, owner_id: str) -> bool:
        lives = alive(self, owner_id)
        if not lives:
            killer.reach("recover.owner_checked")
        return lives

    patch(os, "open", opening)
    patch(ProcessLock, "__init__", creating)
    patch(ProcessLock, "alive", checking)


def _wrap_reconciler(killer: Killer) -> None:
    reconcile = Reconciler.reconcile

    async def reconciling(self: Reconciler, job: Job) -> Job:
        if self.can(job):
            killer.reconciling = True
            killer.reach("reconcile.before")
        return await reconcile(self, job)

    patch(Reconciler, "reconcile", reconciling)


def commit_delay(rng: random.Random) -> float:
    """Draw a moment in a COMMIT, which takes about half a millisecond."""
    return rng.uniform(0, 0.0008)
