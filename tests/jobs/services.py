"""Job services for tests: over a sandbox, or in virtual time over a vendor that answers as the test wants."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import anyio
from anyio import lowlevel

from seedance_mcp.catalog.check import check
from seedance_mcp.catalog.order import Order
from seedance_mcp.catalog.request import VideoRequest
from seedance_mcp.errors import JournalError
from seedance_mcp.jobs.journal.budget import Caps
from seedance_mcp.jobs.journal.model import Admission, Job, NewJob
from seedance_mcp.jobs.journal.process_lock import ProcessLock
from seedance_mcp.jobs.journal.sqlite import SqliteJournal
from seedance_mcp.jobs.journal.sqlite_file import SqliteFile
from seedance_mcp.jobs.quote import Quote
from seedance_mcp.jobs.service import JobService
from seedance_mcp.jobs.timing import Timing
from seedance_mcp.runtime import open_service, sandbox_web
from seedance_mcp.sandbox import Sandbox
from seedance_mcp.settings import Settings, load
from seedance_mcp.vendors import Vendor, known_vendors
from seedance_mcp.vendors.vendor import Answer, Call
from seedance_mcp.web import SentFile, Web
from tests.exception_groups import single_error
from tests.jobs.virtual_time import now, wall_clock

P = ParamSpec("P")
T = TypeVar("T")

MINI: dict[str, Any] = {"model": "seedanceapi/seedance-2-mini", "duration": 4, "resolution": "480p"}
"""A request whose price is known: 57 credits, which are $0.57."""
WITH_KEY: dict[str, Any] = {"model": "aigptimage/seedance-2.0-text-to-video", "duration": 4, "resolution": "480p"}
"""A request to the vendor that has an idempotency key."""
JIMMY: dict[str, Any] = {"model": "jimmyai/seedance2.0-mini", "duration": 4, "resolution": "480p"}
"""1.2 coins by the sandbox's price list, which are $0.168 where a coin is worth $0.14."""
JIMMY_UNLISTED: dict[str, Any] = {"model": "jimmyai/seedance2.0-of-sp", "duration": 5, "resolution": "720p"}
"""A request to a model that the price list does not have."""
OWNER = "owner"


def middle(low: float, high: float) -> float:
    """Return a random number that always is the expected one."""
    return (low + high) / 2


VIRTUAL_TIMING = Timing(clock=wall_clock, jitter=middle)


# -- orders -------------------------------------------------------------------------------------------------------


async def quote(service: JobService, prompt: str = "a fox", **arguments: Any) -> Quote:
    return await service.quote(Order.parse({"prompt": prompt, **MINI, **arguments}))


async def create(service: JobService, prompt: str = "a fox", **arguments: Any) -> Job:
    """Create a video, as create_video does; without other arguments, one of MINI."""
    return (await service.create(await quote(service, prompt, **arguments))).job


async def finish(service: JobService, job_id: str) -> Job:
    """Wait until a job is final, with a bound."""
    with anyio.fail_after(30):
        while not service.is_final(job := await service.wait(job_id, 10)):
            pass
    return job


# -- over a sandbox -----------------------------------------------------------------------------------------------


def sandbox_settings(folder: Path, **environment: str) -> Settings:
    """Return the settings of a sandbox server that stores everything in a folder."""
    folders = {"SEEDANCE_STATE_DIR": str(folder / "state"), "SEEDANCE_OUTPUT_DIR": str(folder / "videos")}
    return load({"SEEDANCE_SANDBOX": "1", **folders, **environment})


@asynccontextmanager
async def sandbox_service(
    folder: Path,
    sandbox: Sandbox | None = None,
    *,
    web: Web | None = None,
    autosave: bool = False,
    timing: Timing | None = None,
    **environment: str,
) -> AsyncGenerator[JobService]:
    """Run a service over a sandbox in this process; its jobs are finished at the first poll, and nothing polls unasked.

    `environment` are further settings; `web` replaces the network that consists of the sandbox.
    """
    settings = sandbox_settings(folder, **{"SEEDANCE_POLL_INTERVAL": "3600", **environment})
    web = web or sandbox_web(settings, sandbox or Sandbox(pace=0))
    try:
        async with open_service(settings, web=web, autosave=autosave, timing=timing) as service:
            with anyio.fail_after(60):
                yield service
    except BaseExceptionGroup as group:
        raise single_error(group) from None


# -- in virtual time ----------------------------------------------------------------------------------------------


class InlineFile(SqliteFile):
    """A file without a worker thread."""

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        with anyio.CancelScope(shield=True):
            await lowlevel.checkpoint()
        return work(*args, **kwargs)


class InlineJournal(SqliteJournal):
    """A journal without a worker thread, whose writes can be made to fail."""

    def __init__(self, folder: Path, clock: Callable[[], float] = wall_clock) -> None:
        super().__init__(folder, clock)
        self._file.close()
        self._file = InlineFile(self.path)
        self.failures: list[Exception] = []
        """Raised by the next writes of what became of a POST, one each."""
        self.early_failures: list[Exception] = []
        """Raised by the next admissions, which are committed, and moves to `abandoned`, one each."""
        self.delay = 0.0
        """Seconds that an admission takes."""
        self.broken_durations = False

    async def admit(self, new: NewJob, caps: Caps) -> Admission:
        admission = await super().admit(new, caps)
        if self.early_failures:  # the error can come after the commit
            raise self.early_failures.pop(0)
        with anyio.CancelScope(shield=True):
            await anyio.sleep(self.delay)
        return admission

    async def move(self, job_id: str, state: str, *, when: Sequence[str], **changes: Any) -> Job | None:
        if self.failures and state in {"rejected", "unknown"}:
            raise self.failures.pop(0)
        if self.early_failures and state == "abandoned":
            raise self.early_failures.pop(0)
        return await super().move(job_id, state, when=when, **changes)

    async def accept(self, job: Job, task_id: str, **changes: Any) -> Job | None:
        if self.failures:
            raise self.failures.pop(0)
        return await super().accept(job, task_id, **changes)

    async def durations(self, model: str) -> Sequence[float]:
        if self.broken_durations:
            raise DISK_FULL
        return await super().durations(model)


Step = Answer | Exception | Callable[[], Awaitable[Answer]]
"""What a vendor does with a request: an answer, a failure, or anything that takes time."""


@dataclass(frozen=True)
class Sent:
    """A request that reached the vendor: when (in seconds since the test began), and what."""

    at: float
    call: Call


class ScriptedWeb(Web):
    """A network on which vendors do the steps of a script; the last step repeats."""

    def __init__(self, settings: Settings, posts: Iterable[Step] = (), polls: Iterable[Step] = ()) -> None:
        super().__init__(settings)
        self.script, self.poll_script = list(posts), list(polls)
        self.posts: list[Sent] = []
        self.polls: list[Sent] = []

    async def prepare(self) -> None:
        """Open no clients, which takes a worker thread."""

    async def post_once(self, vendor: Vendor, call: Call) -> Answer:
        self.posts.append(Sent(now(), call))
        return await _play(self.script)

    async def call(self, vendor: Vendor, call: Call, file: SentFile | None = None) -> Answer:
        self.polls.append(Sent(now(), call))
        return await _play(self.poll_script)

    @property
    def post_times(self) -> list[float]:
        return [round(sent.at, 3) for sent in self.posts]

    @property
    def poll_times(self) -> list[float]:
        return [round(sent.at, 3) for sent in self.polls]


async def _play(script: list[Step]) -> Answer:
    step = script.pop(0) if len(script) > 1 else script[0]
    await lowlevel.checkpoint()
    if isinstance(step, Exception):
        raise step
    return step if isinstance(step, Answer) else await step()


async def never() -> Answer:
    """Take a request and never answer it."""
    await anyio.sleep_forever()
    raise AssertionError


def accepted(task_id: str = "task-1", charged: float | None = None) -> Answer:
    """Return seedanceapi's answer to a POST that it accepts; `charged` is the charge that it reports."""
    return status("IN_PROGRESS", charged, task_id=task_id)


def status(vendor_status: str, charged: float | None = None, url: str | None = None, task_id: str = "task-1") -> Answer:
    """Return seedanceapi's answer to a poll."""
    data = {
        "task_id": task_id,
        "status": vendor_status,
        "consumed_credits": charged,
        "response": [url] if url else None,
    }
    return Answer(200, {"code": 200, "message": "success", "data": data})


def succeeded(charged: float | None = None) -> Answer:
    return status("SUCCESS", charged, "https://cdn.example.com/1.mp4")


def refused(http_status: int, message: str = "refused", retry_after: float | None = None) -> Answer:
    """Return a refusal by seedanceapi."""
    return Answer(http_status, {"code": http_status, "message": message, "data": None}, retry_after)


def with_key(task_id: str = "task-1") -> Answer:
    """Return aigptimage's answer to a POST that it accepts."""
    return Answer(200, {"code": 200, "msg": "success", "data": {"taskId": task_id}})


def vendor_settings(folder: Path, **environment: str) -> Settings:
    """Return the settings of a server with keys for seedanceapi and aigptimage."""
    folders = {"SEEDANCE_STATE_DIR": str(folder / "state"), "SEEDANCE_OUTPUT_DIR": str(folder / "videos")}
    keys = {"SEEDANCE_SEEDANCEAPI_API_KEY": "key", "SEEDANCE_AIGPTIMAGE_API_KEY": "key"}
    return load({**folders, **keys, **environment})


@dataclass(frozen=True)
class Scene:
    """A service in virtual time, with the vendor's script and its journal."""

    service: JobService
    web: ScriptedWeb
    journal: InlineJournal


@asynccontextmanager
async def scripted_service(
    folder: Path,
    posts: Iterable[Step] = (),
    polls: Iterable[Step] = (),
    *,
    timing: Timing = VIRTUAL_TIMING,
    autosave: bool = False,
    **environment: str,
) -> AsyncGenerator[Scene]:
    """Run a service in virtual time whose vendors follow a script; without one, they accept jobs that never end."""
    settings = vendor_settings(folder, **environment)
    web = ScriptedWeb(settings, tuple(posts) or (accepted(),), tuple(polls) or (status("IN_PROGRESS"),))
    journal = InlineJournal(settings.state_dir)
    lock = ProcessLock(settings.state_dir / "owners")
    service = JobService(settings, web, journal, lock, autosave=autosave, timing=timing)
    try:
        async with service.running():
            yield Scene(service, web, journal)
    except BaseExceptionGroup as group:
        raise single_error(group) from None
    finally:
        journal.close()
        lock.release()


# -- rows of a journal --------------------------------------------------------------------------------------------


def vendor_of(model: str) -> Vendor:
    return known_vendors()[model.partition("/")[0]]


def request(model: str = MINI["model"], **fields: Any) -> VideoRequest:
    """Return a checked request to a model."""
    found = vendor_of(model).model(model)
    assert found
    checked = check(found, {"prompt": "a fox", **fields})
    assert checked.request, [problem.sentence() for problem in checked.problems]
    return checked.request


@functools.cache
def account(slug: str, key: str = "key") -> str:
    """Return the account of a vendor at its own address, with an API key."""
    return load({f"SEEDANCE_{known_vendors()[slug].env_name}_API_KEY": key}).account(slug)


def new_job(job_id: str, model: str = MINI["model"], *, reserve: int | None = 570_000, **changes: Any) -> NewJob:
    """Return a job that asks for admission."""
    found = vendor_of(model).model(model)
    worth = found.billing.usd_per_unit if found else None
    new = NewJob(
        id=job_id,
        vendor=model.partition("/")[0],
        model=model,
        request=request(model).fields(),
        request_hash=f"hash of {job_id}",
        owner=OWNER,
        reserve=reserve,
        price=None if reserve is None else {"usd": reserve / 1_000_000},
        account=account(model.partition("/")[0]),
        unit_usd=None if worth is None else str(worth),
    )
    return replace(new, **changes)


async def admitted(journal: SqliteJournal, job_id: str = "job-1", **changes: Any) -> Job:
    return (await journal.admit(new_job(job_id, **changes), Caps())).job


async def intent(journal: SqliteJournal, job_id: str = "job-1", **changes: Any) -> Job:
    """Return a job as an older version left it, before anything was sent."""
    await admitted(journal, job_id, **changes)
    job = await journal.move(job_id, "intent", when=("submitting",))
    assert job
    return job


async def running_job(journal: SqliteJournal, job_id: str = "job-1", **changes: Any) -> Job:
    """Return a job that the vendor has accepted just now as the task `task-<id>`."""
    await admitted(journal, job_id, **changes)
    job = await journal.move(
        job_id, "submitted", when=("submitting",), task_id=f"task-{job_id}", submitted_at=wall_clock()
    )
    assert job
    return job


async def unknown_job(journal: SqliteJournal, job_id: str = "job-1", **changes: Any) -> Job:
    """Return a job whose outcome is unknown."""
    await admitted(journal, job_id, **changes)
    job = await journal.move(job_id, "unknown", when=("submitting",), error_message="connection lost")
    assert job
    return job


DISK_FULL = JournalError("The journal cannot be used (disk full).")
