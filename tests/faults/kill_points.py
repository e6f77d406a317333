"""The places at which a server can be killed, reached by wrapping the product from outside: it has no hooks for this.

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
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, cast

import httpx2

from seedance_mcp.jobs import submit
from seedance_mcp.jobs.download.partial_file import PartialFile
from seedance_mcp.jobs.journal.model import TERMINAL, Job
from seedance_mcp.jobs.journal.process_lock import ProcessLock
from seedance_mcp.jobs.journal.sqlite import SqliteJournal
from seedance_mcp.jobs.reconcile import Reconciler
from seedance_mcp.vendors.vendor import Answer, Call, Vendor
from seedance_mcp.web import Web

_TRANSACTIONS = ("intent", "submitting", "submitted", "rejected", "unknown", "poll", "settle", "claim", "film")
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
LOOK = ("look.before", "look.answered")
VIDEO = (
    "part.opened",
    "part.block",
    "part.whole",
    "part.synced",
    "part.linked",
    "part.published",
    "part.discarded",
)
OPENING = ("owner.file", "owner.locked")
MIGRATION = ("migrate.before", "migrate.statement", "migrate.in", "migrate.commit", "migrate.after")
RECOVERY = (
    "recover.before",
    "recover.owner_looked_at",
    "recover.in",
    "recover.commit",
    "recover.change.before",
    "recover.change.in",
    "recover.change.commit",
    "recover.change.after",
    "recover.after",
)
HEALING = ("heal.before", "heal.post.body", "heal.submitted.in")
POINTS = (*JOURNAL, *POST, *REPLY, *LOOK, *VIDEO, *OPENING, *MIGRATION, *RECOVERY, *HEALING)

_EVENTS = {
    "connection.connect_tcp.complete": "post.connected",
    "http11.send_request_headers.started": "post.begun",
    "http11.send_request_headers.complete": "post.head",
    "http11.send_request_body.complete": "post.body",
    "http11.receive_response_headers.complete": "post.answer_head",
    "http11.receive_response_body.complete": "post.answer_body",
}


class Killer:
    """Kills this process when the n-th time of a point has come."""

    def __init__(self, point: str | None = None, nth: int = 1, delay: float = 0.0) -> None:
        """`delay` is how many seconds into a COMMIT a `.commit` point kills."""
        self.point, self._left, self._delay = point, nth, delay
        self.healing = False

    def _due(self, point: str) -> bool:
        if point != self.point:
            return False
        self._left -= 1
        return self._left == 0

    def reach(self, point: str) -> None:
        """Say that a point is reached."""
        if self._due(point):
            os.kill(os.getpid(), signal.SIGKILL)

    def reach_soon(self, point: str) -> None:
        """Say that what the point names begins now: the process dies somewhere in it, or shortly after."""
        if self._due(point):
            threading.Thread(target=self._kill_later, daemon=True).start()

    def _kill_later(self) -> None:
        time.sleep(self._delay)
        os.kill(os.getpid(), signal.SIGKILL)


def patch(owner: object, name: str, value: object) -> None:
    """Replace an attribute for the rest of this process."""
    setattr(owner, name, value)


def private(owner: object, name: str) -> Any:
    """Return an attribute that has no public face."""
    return getattr(owner, name)


def install(killer: Killer) -> None:
    """Wrap the product so that it says when it reaches each point."""
    _journal(killer)
    _post(killer)
    _look(killer)
    _video(killer)
    _owner(killer)
    _healing(killer)


# -- the journal --------------------------------------------------------------------------------------------------


def _name_of(changes: Mapping[str, Any]) -> str:
    state = changes.get("state")
    if state is None:
        return "film" if "path" in changes else "note"
    if state in {"queued", "running"}:
        return "poll"
    return "settle" if state in TERMINAL and state not in {"rejected", "abandoned"} else str(state)


class _Statements:
    """A connection that says before each statement that it comes."""

    def __init__(self, db: sqlite3.Connection, killer: Killer) -> None:
        self._db, self._killer = db, killer

    def execute(self, *args: Any) -> sqlite3.Cursor:
        self._killer.reach("migrate.statement")
        return self._db.execute(*args)


def _journal(killer: Killer) -> None:
    label = threading.local()
    writing = cast(
        "Callable[[SqliteJournal], AbstractContextManager[sqlite3.Connection]]", private(SqliteJournal, "_writing")
    )

    @contextmanager
    def _writing(self: SqliteJournal) -> Generator[sqlite3.Connection]:
        name = getattr(label, "name", "")
        with writing(self) as db:
            yield cast(sqlite3.Connection, _Statements(db, killer)) if name == "migrate" else db
            killer.reach(f"{name}.in")
            killer.reach_soon(f"{name}.commit")

    patch(SqliteJournal, "_writing", _writing)

    def wrap(method: str, name: Callable[..., str]) -> None:
        inner = getattr(SqliteJournal, method)

        @functools.wraps(inner)
        def outer(self: SqliteJournal, *args: Any) -> Any:
            before = getattr(label, "name", "")
            label.name = name(before, *args)
            try:
                killer.reach(f"{label.name}.before")
                result = inner(self, *args)
                killer.reach(f"{label.name}.after")
            finally:
                label.name = before
            return result

        patch(SqliteJournal, method, outer)

    def of_change(outside: str, _: str, changes: Mapping[str, Any], when: Sequence[str]) -> str:
        if outside == "recover":
            return "recover.change"
        return "heal." + _name_of(changes) if "unknown" in when and killer.healing else _name_of(changes)

    wrap("_admit", lambda *_: "intent")
    wrap("_change", of_change)
    wrap("_claim", lambda *_: "claim")
    wrap("_migrate", lambda *_: "migrate")
    wrap("_recover", lambda *_: "recover")


# -- the wire -----------------------------------------------------------------------------------------------------


def _post(killer: Killer) -> None:
    send = httpx2.AsyncClient.send
    post_once = Web.post_once

    async def sending(self: httpx2.AsyncClient, request: httpx2.Request, **how: Any) -> httpx2.Response:
        trace = cast("Callable[[str, Mapping[str, Any]], Awaitable[None]] | None", request.extensions.get("trace"))
        if trace is not None:

            async def both(event: str, info: Mapping[str, Any]) -> None:
                await trace(event, info)
                killer.reach(_EVENTS.get(event, event))
                if killer.healing:
                    killer.reach("heal." + _EVENTS.get(event, event))

            request.extensions["trace"] = both
        return await send(self, request, **how)

    async def posting(self: Web, vendor: Vendor, call: Call) -> Answer:
        killer.reach("post.before")
        return await post_once(self, vendor, call)

    read = submit.read

    def reading(vendor: Vendor, answer: Answer) -> Any:
        outcome = read(vendor, answer)
        killer.reach("post.read")
        return outcome

    patch(httpx2.AsyncClient, "send", sending)
    patch(Web, "post_once", posting)
    patch(submit, "read", reading)


def _look(killer: Killer) -> None:
    look = Web.call

    async def looking(self: Web, vendor: Vendor, call: Call) -> Answer:
        killer.reach("look.before")
        answer = await look(self, vendor, call)
        killer.reach("look.answered")
        return answer

    patch(Web, "look", looking)


# -- files --------------------------------------------------------------------------------------------------------


def _video(killer: Killer) -> None:
    def after(method: str, point: str) -> None:
        inner = getattr(PartialFile, method)

        @functools.wraps(inner)
        def outer(self: object, *args: Any, **how: Any) -> Any:
            result = inner(self, *args, **how)
            killer.reach(point)
            return result

        patch(PartialFile, method, outer)

    after("__init__", "part.opened")
    after("append", "part.block")
    after("publish", "part.published")
    after("close", "part.discarded")
    fsync, link = os.fsync, os.link

    def syncing(handle: int) -> None:
        killer.reach("part.whole")
        fsync(handle)
        killer.reach("part.synced")

    def linking(*args: Any, **how: Any) -> None:
        link(*args, **how)
        killer.reach("part.linked")

    patch(os, "fsync", syncing)
    patch(os, "link", linking)


def _owner(killer: Killer) -> None:
    opening, alive, made = os.open, ProcessLock.alive, ProcessLock.__init__

    def open_(path: Any, flags: int, *args: Any, **how: Any) -> int:
        handle = opening(path, flags, *args, **how)
        if flags & os.O_EXCL and isinstance(path, Path) and path.parent.name == "owners":
            killer.reach("owner.file")
        return handle

    def init(self: ProcessLock, folder: Path) -> None:
        made(self, folder)
        killer.reach("owner.locked")

    def looking(self: ProcessLock, owner_id: str) -> bool:
        living = alive(self, owner_id)
        if not living:
            killer.reach("recover.owner_looked_at")
        return living

    patch(os, "open", open_)
    patch(ProcessLock, "__init__", init)
    patch(ProcessLock, "alive", looking)


def _healing(killer: Killer) -> None:
    reconcile = Reconciler.reconcile

    async def healing(self: Reconciler, job: Job) -> Job:
        if self.can(job):
            killer.healing = True
            killer.reach("heal.before")
        return await reconcile(self, job)

    patch(Reconciler, "heal", healing)


def commit_delay(rng: random.Random) -> float:
    """Draw a moment in a COMMIT, which takes about half a millisecond."""
    return rng.uniform(0, 0.0008)
