"""Service, journal and a vendor together: whatever happens in whatever order, nothing is lost or paid twice.

The vendor counts its charges. After each step they are compared with what the journal says, by the promises of
docs/reliability.md. Servers run in virtual time, each in an event loop of its own, on one journal; what a killed one
still does reaches neither the disk nor the vendor.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Coroutine
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import anyio
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from seedance_mcp.catalog.order import Order
from seedance_mcp.errors import SeedanceError
from seedance_mcp.jobs.journal.model import FREE, UNFINISHED
from seedance_mcp.jobs.journal.process_lock import ProcessLock
from seedance_mcp.jobs.service import JobService
from seedance_mcp.jobs.timing import Timing
from seedance_mcp.vendors import Vendor
from seedance_mcp.vendors.vendor import Answer, Call
from seedance_mcp.web import NotSent, OutcomeUnknown, SentFile, Web
from tests.jobs.services import (
    DISK_FULL,
    MINI,
    InlineJournal,
    accepted,
    account,
    middle,
    refused,
    status,
    vendor_settings,
    with_key,
)
from tests.jobs.virtual_time import EPOCH, VirtualLoop
from tests.quick_folder import quick_folder

T = TypeVar("T")

KEYED: dict[str, Any] = {
    "model": "aigptimage/seedance-2.0-reference-to-video",
    "duration": 4,
    "resolution": "480p",
}
"""A request to the vendor with an idempotency key: 160 credits, here $0.16."""
PRICES = {"seedanceapi": 570_000, "aigptimage": 160_000}
WORTH = '{"aigptimage": {"usd_per_unit": 0.001}}'
KEYS = {"one": "key-of-the-first-account", "two": "key-of-the-second-account"}
HOUR, DAY = 3_600, 86_400

POSTS = (
    "accepts",
    "accepts and reports nothing",
    "accepts and reports 0",
    "accepts and charges more",
    "accepts, and the answer is lost",
    "accepts and answers late",
    "accepts and hangs",
    "accepts with HTTP 500",
    "accepts with HTTP 400 and the id",
    "accepts with HTTP 429 and the id",
    "accepts and answers with another id",
    "accepts with a code 500 in HTTP 400",
    "refuses",
    "refuses late",
    "asks to wait",
    "fails with HTTP 500",
    "loses the request",
    "cannot be reached",
    "hangs",
)
POLLS = ("running", "charges more", "succeeded", "succeeded for less", "failed", "knows no such task", "error", "lost")
attempts: ContextVar[Attempt | None] = ContextVar("attempts", default=None)


@dataclass
class Attempt:
    """One call of create."""

    post: str
    request_key: str | None
    posts: int = 0
    job_id: str | None = None


@dataclass
class Charge:
    """What the vendor charged for one accepted POST, in micro-USD."""

    job_id: str
    account: str
    vendor: str
    task_id: str
    request_key: str | None
    amount: int
    known: int
    """What it has told us of that."""
    state: str = "running"
    lost: bool = False
    """Whether the record of the job was lost with a restored journal, or a person's word was wrong."""


@dataclass
class Model:
    """The vendor, the clock, and what they know."""

    folder: Path
    time: float = 0.0
    skew: float = 0.0
    loop: VirtualLoop | None = None
    charges: list[Charge] = field(default_factory=list[Charge])
    poll: str = "running"
    repeat: str = "accepts"
    in_flight: set[str] = field(default_factory=set[str])
    """The jobs of POSTs that are not answered yet."""
    mapped: dict[str, Attempt] = field(default_factory=dict[str, Attempt])
    problems: list[str] = field(default_factory=list[str])

    def clock(self) -> float:
        return EPOCH + self.skew + (self.loop.now if self.loop else self.time)

    def rows(self) -> dict[str, dict[str, Any]]:
        with contextlib.closing(sqlite3.connect(self.folder / "state" / "journal.sqlite3")) as db:
            db.row_factory = sqlite3.Row
            return {row["id"]: dict(row) for row in db.execute("SELECT * FROM jobs")}

    def days(self) -> tuple[str, str | None]:
        """Return the day of the budget, and the later one whose spending it counts because a clock was days ahead."""
        with contextlib.closing(sqlite3.connect(self.folder / "state" / "journal.sqlite3")) as db:
            day, continued = db.execute("SELECT day, continued FROM budget_day").fetchone()
            return day, continued

    def charged(self, job_id: str) -> list[Charge]:
        return [c for c in self.charges if c.job_id == job_id]


class VendorWeb(Web):
    """A network that consists of the model's vendor."""

    def __init__(self, server: Server) -> None:
        super().__init__(server.service_settings)
        self.server, self.model = server, server.model

    async def prepare(self) -> None:
        """Open no clients."""

    async def post_once(self, vendor: Vendor, call: Call) -> Answer:
        if not self.server.alive:
            raise OutcomeUnknown("the process is dead")
        key = call.headers.get("X-Request-ID", "")
        job_id = key or self._job_of_attempt()
        self.model.in_flight.add(job_id)
        attempt = attempts.get()
        first = attempt if attempt is not None and self.model.mapped.setdefault(job_id, attempt) is attempt else None
        repeated = bool(key and self.model.charged(job_id)) or first is None
        try:
            behaviour = self.model.repeat if repeated or first is None else first.post
            if first is not None:
                first.posts += 1
            return await self._answered(vendor, job_id, behaviour)
        finally:
            self.model.in_flight.discard(job_id)

    def _job_of_attempt(self) -> str:
        attempt = attempts.get()
        assert attempt is not None, "a job without an idempotency key was sent again"
        if attempt.job_id is None:
            rows = self.model.rows().values()
            new = [
                row["id"]
                for row in rows
                if row["state"] == "submitting"
                and row["owner"] == self.server.lock.id
                and row["id"] not in self.model.mapped
            ]
            assert len(new) == 1, f"a POST without a durable row: {new}"
            attempt.job_id = str(new[0])
        return attempt.job_id

    def _charge(self, vendor: Vendor, job_id: str, factor: int = 1) -> Charge:
        """Accept a task; a repeat with the same idempotency key and account is the first task."""
        earlier = [c for c in self.model.charged(job_id) if c.account == self.server.account]
        if vendor.idempotency_header and earlier:
            return earlier[0]
        amount = PRICES[vendor.slug] * factor
        attempt = self.model.mapped.get(job_id)
        charge = Charge(
            job_id,
            self.server.account,
            vendor.slug,
            f"task-{len(self.model.charges)}",
            attempt.request_key if attempt else None,
            amount,
            min(amount, PRICES[vendor.slug]),
        )
        self.model.charges.append(charge)
        return charge

    async def _answered(self, vendor: Vendor, job_id: str, behaviour: str) -> Answer:  # noqa: C901, PLR0911, PLR0912  (one case for each behaviour)
        keyed = vendor.idempotency_header is not None

        def yes(task_id: str, reported: float | None = None) -> Answer:
            return with_key(task_id) if keyed else accepted(task_id, reported)

        def no(http_status: int, code: int | None = None) -> Answer:
            return Answer(http_status, {"code": code or http_status, "message": "no", "msg": "no", "data": None})

        match behaviour:
            case "refuses":
                return no(400)
            case "refuses late":
                await anyio.sleep(25)
                return no(402)
            case "asks to wait":
                return refused(429) if not keyed else no(429)
            case "fails with HTTP 500":
                return no(500)
            case "loses the request":
                raise OutcomeUnknown("connection lost")
            case "cannot be reached":
                raise NotSent("connection refused")
            case "hangs":
                await anyio.sleep_forever()
            case _:
                pass
        charge = self._charge(vendor, job_id, 2 if behaviour == "accepts and charges more" and not keyed else 1)
        match behaviour:
            case "accepts and reports 0":
                return yes(charge.task_id, 0)
            case "accepts and charges more":
                return yes(charge.task_id, charge.amount / 10_000)
            case "accepts, and the answer is lost":
                raise OutcomeUnknown("connection lost")
            case "accepts and answers late":
                await anyio.sleep(25)
            case "accepts and hangs":
                await anyio.sleep_forever()
            case "accepts with HTTP 500":
                return no(500)
            case "accepts with a code 500 in HTTP 400":
                return no(400, 500)
            case "accepts with HTTP 400 and the id" | "accepts with HTTP 429 and the id":
                answer = no(400 if "400" in behaviour else 429)
                answer.body["data"] = {"task_id": charge.task_id, "taskId": charge.task_id}
                return answer
            case "accepts and answers with another id":
                account = (charge.vendor, charge.account)
                others = [c for c in self.model.charges if (c.vendor, c.account) == account and c is not charge]
                if others:
                    charge.known = 0  # what it says from now on is about the other task
                return yes(others[0].task_id if others else charge.task_id)
            case "accepts":
                return yes(charge.task_id, PRICES[vendor.slug] / 10_000)
            case _:
                pass
        return yes(charge.task_id)

    async def call(self, vendor: Vendor, call: Call, file: SentFile | None = None) -> Answer:
        if not self.server.alive:
            raise OutcomeUnknown("the process is dead")
        task_id = call.query.get("task_id") or call.query.get("taskId") or ""
        account = (vendor.slug, self.server.account)
        found = [c for c in self.model.charges if c.task_id == task_id and (c.vendor, c.account) == account]
        if not found:
            self.model.problems += [f"{task_id} was polled with another account"] * any(
                c.task_id == task_id for c in self.model.charges
            )
        if not found or self.model.poll == "knows no such task":
            return Answer(404, {"code": 404, "message": "task not found", "msg": "task not found"})
        if self.model.poll in {"error", "lost"}:
            return Answer(502)
        return self._status(vendor, found[0])

    def _status(self, vendor: Vendor, charge: Charge) -> Answer:
        poll = self.model.poll
        reports = vendor.idempotency_header is None
        if charge.state == "running":
            if poll == "charges more" and reports:
                charge.amount += PRICES[vendor.slug]
            elif poll in {"succeeded", "succeeded for less", "failed"}:
                charge.state = "failed" if poll == "failed" else "succeeded"
                if poll == "succeeded for less" and reports:
                    charge.amount = PRICES[vendor.slug] // 2
                    charge.known = 0  # it is about to be told
                if charge.state == "failed" and reports:
                    charge.amount = charge.known = 0  # documented as free
        if not reports:
            words = {"running": "generating", "succeeded": "success", "failed": "fail"}
            body = {"state": words[charge.state], "taskId": charge.task_id, "failMsg": "oh"}
            return Answer(200, {"code": 200, "msg": "success", "data": body})
        words = {"running": "IN_PROGRESS", "succeeded": "SUCCESS", "failed": "FAILED"}
        return status(words[charge.state], charge.amount / 10_000, task_id=charge.task_id)


class Server:
    """One process: a service in an event loop of its own."""

    def __init__(self, model: Model, account: str, budget: str) -> None:
        self.model, self.account, self.budget, self.alive = model, account, budget, True
        key = KEYS[account]
        environment = {"SEEDANCE_SEEDANCEAPI_API_KEY": key, "SEEDANCE_AIGPTIMAGE_API_KEY": key}
        if budget:
            environment["SEEDANCE_DAILY_BUDGET"] = budget
        self.service_settings = vendor_settings(
            model.folder, **environment, SEEDANCE_PRICES=WORTH, SEEDANCE_POLL_INTERVAL="20"
        )
        self.journal = InlineJournal(self.service_settings.state_dir, model.clock)
        self.lock = ProcessLock(self.service_settings.state_dir / "owners")
        self.service = JobService(
            self.service_settings,
            VendorWeb(self),
            self.journal,
            self.lock,
            autosave=False,
            timing=Timing(clock=model.clock, jitter=middle),
        )
        self.loop = VirtualLoop()
        self._ended = anyio.Event()
        self._driver = self.loop.create_task(self._serve())
        self.run(anyio.sleep(0.1))

    async def _serve(self) -> None:
        async with self.service.running():
            await self._ended.wait()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        self.loop.now = self.model.time = max(self.loop.now, self.model.time)
        self.model.loop = self.loop
        try:
            return self.loop.run_until_complete(work)
        finally:
            self.model.loop, self.model.time = None, self.loop.now

    async def _end(self, *, cancel: bool) -> None:
        self._ended.set()
        if cancel:
            self._driver.cancel()
        try:
            await self._driver
        except BaseException:
            if not cancel:
                raise

    def stop(self) -> None:
        """End in order."""
        self.run(self._end(cancel=False))
        self.journal.close()
        self.lock.release()
        self.alive = False
        self.loop.close()

    def kill(self) -> None:
        """End like a process that gets SIGKILL: nothing that it still does reaches the disk or the vendor."""
        self.alive = False
        self.journal.close()
        self.run(self._end(cancel=True))
        self.lock.release()
        self.loop.close()


budgets = st.sampled_from(["", "", "", "9", "2.5", "1.2", "0.6", "0"])
calls = st.fixed_dictionaries(
    {
        "keyed": st.booleans(),
        "prompt": st.sampled_from(["a fox", "a hare", "an owl", "a bee"]),
        "request_key": st.sampled_from([None, None, "k1", "k2", "k3"]),
        "again": st.booleans(),
        "max_cost": st.sampled_from([None, None, None, 0.2, 1]),
        "post": st.sampled_from(POSTS),
        "full": st.sampled_from([0, 0, 0, 0, 1, 7]),
        "locked": st.sampled_from([0, 0, 0, 0, 0, 1]),
        "patience": st.sampled_from([0.5, 300.0]),
    }
)
servers = st.integers(0, 2)


class ServiceMachine(RuleBasedStateMachine):
    @initialize(budget=budgets)
    def open(self, budget: str) -> None:
        self.temporary = tempfile.TemporaryDirectory(dir=quick_folder(), prefix="machine-")
        self.model = Model(Path(self.temporary.name))
        self.servers = [Server(self.model, "one", budget)]
        self.backup: bytes | None = None

    def teardown(self) -> None:
        if not hasattr(self, "servers"):
            return
        try:
            for server in self.servers:
                self._kill(server)
            self.servers = [Server(self.model, "one", "")]
            left = [row for row in self.model.rows().values() if row["state"] in {"intent", "submitting"}]
            assert not left, f"left half done: {left}"
            self.nothing_is_lost_or_paid_twice()
            self.servers[0].stop()
            self.servers = []
            path = self.model.folder / "state" / "journal.sqlite3"
            with contextlib.closing(sqlite3.connect(path)) as db:
                assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert not any(key.encode() in path.read_bytes() for key in KEYS.values())
        finally:
            for server in self.servers:
                if server.alive:
                    server.kill()
            self.temporary.cleanup()

    def server(self, number: int) -> Server:
        return self.servers[number % len(self.servers)]

    # -- what happens ---------------------------------------------------------------------------------------------

    @rule(number=servers, calls=st.lists(calls, min_size=1, max_size=5))
    def create(self, number: int, calls: list[dict[str, Any]]) -> None:
        for call in calls:
            self._create(self.server(number), **call)

    def _create(
        self, server: Server, *, keyed: bool, prompt: str, request_key: str | None, again: bool,
        max_cost: float | None, post: str, full: int, locked: int, patience: float,
    ) -> None:  # fmt: skip
        attempt = Attempt(post, request_key)
        arguments: dict[str, Any] = {"prompt": prompt, **(KEYED if keyed else MINI), "allow_duplicate": again}
        arguments |= {n: v for n, v in (("request_key", request_key), ("max_cost", max_cost)) if v is not None}
        server.run(anyio.sleep(0.1))  # what was due by now happens first
        server.run(server.service.recover())
        before = self.model.rows()
        same = [
            row
            for row in before.values()
            if row["model"] == arguments["model"]
            and f'"{prompt}"' in row["request"]
            and row["state"] in {*UNFINISHED, "unknown"}
        ]
        server.journal.failures[:] = [DISK_FULL] * full
        server.journal.early_failures[:] = [DISK_FULL] * locked

        async def call() -> None:
            attempts.set(attempt)
            with anyio.move_on_after(patience):
                quote = await server.service.quote(Order.parse(arguments))
                admission = await server.service.create(quote)
                for charge in self.model.charged(admission.job.id):
                    if admission.job.state == "submitted" and not admission.duplicate:
                        charge.known = max(charge.known, charge.amount)
                if admission.job.state in FREE and not admission.duplicate:
                    assert not self.model.charged(admission.job.id), "a charged job was refused"

        with contextlib.suppress(SeedanceError):
            server.run(call())
        server.journal.failures.clear()
        server.journal.early_failures.clear()
        new = [row for job_id, row in self.model.rows().items() if job_id not in before]
        assert len(new) <= 1
        if same and not again:
            assert not new, "the same request, while the first is open or unknown"
        if max_cost is not None and max_cost * 1_000_000 < PRICES["aigptimage" if keyed else "seedanceapi"]:
            assert not new, "the caller's cap"
        if new and server.budget:
            days = self.model.days()
            assert new[0]["day"] == days[0]
            spent = sum(r["spent"] + r["reserved"] for r in before.values() if r["day"] in days)
            assert spent + PRICES[new[0]["vendor"]] <= float(server.budget) * 1_000_000, "the budget of a day"

    @rule(number=servers, pick=st.integers(0, 20), poll=st.sampled_from(POLLS), repeat=st.sampled_from(POSTS))
    def check(self, number: int, pick: int, poll: str, repeat: str) -> None:
        rows = [row for row in self.model.rows().values() if row["state"] not in FREE]
        if rows:
            row = rows[pick % len(rows)]
            self.model.poll, self.model.repeat = poll, repeat
            with contextlib.suppress(SeedanceError):
                self.server(number).run(self.server(number).service.check(row["id"]))
                row = self.model.rows()[row["id"]]
                for charge in self.model.charged(row["id"]):
                    if row["polled_at"] and row["vendor_status"] and poll in {"charges more", "succeeded for less"}:
                        self._note_report(row, charge)
            self.model.poll = "running"

    def _note_report(self, row: dict[str, Any], charge: Charge) -> None:
        """Note that a poll whose answer is in the journal has told us of a charge."""
        if charge.task_id == row["task_id"] and row["polled_at"] == self.model.clock():
            charge.known = charge.amount

    @rule(seconds=st.sampled_from([1, 3, 31, 130]), repeat=st.sampled_from(POSTS))
    def wait(self, seconds: int, repeat: str) -> None:
        self.model.repeat = repeat
        for server in self.servers:
            server.run(anyio.sleep(seconds))

    @rule(seconds=st.sampled_from([HOUR, DAY, 5 * DAY, -HOUR, -DAY, -5 * DAY]))
    def set_the_clock(self, seconds: int) -> None:
        self.model.skew += seconds

    @precondition(lambda self: len(self.servers) < 3)
    @rule(account=st.sampled_from(["one", "one", "two"]), budget=budgets)
    def start(self, account: str, budget: str) -> None:
        self.servers.append(Server(self.model, account, budget))
        dead = {row["owner"] for row in self.model.rows().values()} - {server.lock.id for server in self.servers}
        left = [row for row in self.model.rows().values() if row["state"] in {"intent", "submitting"}]
        assert not [row for row in left if row["owner"] in dead], "left half done by a dead process"

    @precondition(lambda self: len(self.servers) > 1)
    @rule(number=servers, kill=st.booleans())
    def end(self, number: int, kill: bool) -> None:
        server = self.servers.pop(number % len(self.servers))
        self._kill(server) if kill else server.stop()

    def _kill(self, server: Server) -> None:
        """Kill a server; with it goes the only record of a POST whose row a restored backup does not have."""
        server.kill()
        rows = self.model.rows()
        for charge in self.model.charges:
            charge.lost = charge.lost or charge.job_id not in rows

    @rule(number=servers, kill=st.booleans(), budget=budgets)
    def restart(self, number: int, kill: bool, budget: str) -> None:
        server = self.servers.pop(number % len(self.servers))
        self._kill(server) if kill else server.stop()
        self.start(server.account, budget)

    @rule(number=servers, pick=st.integers(0, 20))
    def resolve(self, number: int, pick: int) -> None:
        """Settle an unknown job by hand, by what the vendor's site shows."""
        unknown = [
            r for r in self.model.rows().values() if r["state"] == "unknown" and r["id"] not in self.model.in_flight
        ]
        if unknown:
            row = unknown[pick % len(unknown)]
            charged = self.model.charged(row["id"])
            with contextlib.suppress(SeedanceError):
                self.server(number).run(
                    self.server(number).service.resolve(row["id"], charged[0].task_id if charged else None)
                )

    @rule(number=servers, pick=st.integers(0, 20))
    def resolve_as_the_task_of_another(self, number: int, pick: int) -> None:
        rows = self.model.rows().values()
        taken = [row for row in rows if row["task_id"]]
        for row in [row for row in rows if row["state"] == "unknown" and row["id"] not in self.model.in_flight][:1]:
            for other in taken[pick % len(taken) :][:1] if taken else []:
                if (other["vendor"], other["account"]) == (row["vendor"], row["account"]):
                    with contextlib.suppress(SeedanceError):
                        self.server(number).run(self.server(number).service.resolve(row["id"], other["task_id"]))
                    assert self.model.rows()[row["id"]]["state"] != "submitted"

    @rule(number=servers, days=st.sampled_from([0, 1, 3]))
    def purge(self, number: int, days: int) -> None:
        self.server(number).run(self.server(number).service.purge(days))

    @rule()
    def back_up(self) -> None:
        self.backup = (self.model.folder / "state" / "journal.sqlite3").read_bytes()

    @precondition(lambda self: self.backup is not None)
    @rule()
    def restore(self) -> None:
        """Put the backup back into the journal while servers run; what it does not have is lost, unless in flight."""
        old = self.model.folder / "backup.sqlite3"
        old.write_bytes(self.backup or b"")
        path = self.model.folder / "state" / "journal.sqlite3"
        with contextlib.closing(sqlite3.connect(old)) as source, contextlib.closing(sqlite3.connect(path)) as target:
            source.backup(target)
        rows = self.model.rows()
        for charge in self.model.charges:
            if charge.job_id not in rows:
                charge.lost = charge.job_id not in self.model.in_flight
                charge.request_key = None  # a key that was given after the backup is forgotten
            elif charge.job_id in rows:
                charge.known = min(charge.known, PRICES[charge.vendor], charge.amount)

    # -- what always holds ----------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_lost_or_paid_twice(self) -> None:
        if not hasattr(self, "servers"):
            return
        model, rows = self.model, self.model.rows()
        assert model.problems == []
        kept = [c for c in model.charges if not c.lost]
        by_key: dict[str, set[str]] = {}
        for charge in kept:
            both = f"{charge} {rows.get(charge.job_id)}"
            assert [c for c in model.charges if c.job_id == charge.job_id] == [charge], f"paid twice: {both}"
            if charge.request_key:
                by_key.setdefault(charge.request_key, set()).add(charge.job_id)
            if charge.job_id in model.in_flight:
                continue
            row = rows.get(charge.job_id)
            assert row is not None, f"a charge without a row: {both}"
            expected = model_account(charge)
            assert row["account"] == expected, f"another account paid: {both}"
            assert row["state"] not in {"intent", *FREE}, f"called free: {both}"
            if row["state"] != "failed":
                assert row["spent"] + row["reserved"] >= min(charge.known, charge.amount), f"too little: {both}"
        for key, jobs in by_key.items():
            assert len(jobs) <= 1, f"{key} paid for {jobs}"


def model_account(charge: Charge) -> str:
    """Return the account that must be in the row of a charged job."""

    return account(charge.vendor, KEYS[charge.account])


DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
TestService = ServiceMachine.TestCase
TestService.settings = settings(max_examples=3000 if DEEP else 25, stateful_step_count=40 if DEEP else 25)
