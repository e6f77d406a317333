"""Unknown jobs of a vendor with an idempotency key are asked about again; those of other vendors never are."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from seedance_mcp.catalog.request import VideoRequest
from seedance_mcp.errors import JournalError, OverBudget
from seedance_mcp.jobs.accounts import Accounts
from seedance_mcp.jobs.find_task import TaskFinder
from seedance_mcp.jobs.journal.budget import Caps
from seedance_mcp.jobs.journal.model import STATES, Job
from seedance_mcp.jobs.reconcile import Reconciler
from seedance_mcp.vendors import Vendor
from seedance_mcp.web import OutcomeUnknown, Web
from tests.jobs.services import (
    MINI,
    VIRTUAL_TIMING,
    WITH_KEY,
    InlineJournal,
    account,
    create,
    request,
    scripted_service,
    unknown_job,
    vendor_settings,
    with_key,
)
from tests.jobs.virtual_time import VIRTUAL, now, wall_clock

pytestmark = pytest.mark.anyio

LOST = OutcomeUnknown("connection lost")


@pytest.fixture
def anyio_backend() -> Any:
    return VIRTUAL


@dataclass
class Vendors:
    """What a reconciler submits, and when."""

    journal: InlineJournal
    reconciler: Reconciler = field(init=False)
    submitted: list[tuple[float, str, VideoRequest]] = field(default_factory=list[tuple[float, str, VideoRequest]])
    answer: Callable[[Job], Any] = field(default=lambda job: job)
    sent: Callable[[VideoRequest], VideoRequest | None] = field(default=lambda request: request)
    caps: Caps = field(default_factory=Caps)

    async def submit(self, job: Job, request: VideoRequest, vendor: Vendor) -> Job:
        assert vendor.slug == job.vendor
        self.submitted.append((now(), job.id, request))
        await anyio.sleep(1)
        return self.answer(job)

    async def as_sent(self, request: VideoRequest, vendor: Vendor) -> VideoRequest | None:
        return self.sent(request)

    async def found(self, job: Job) -> None:
        raise AssertionError(job.id)

    @property
    def times(self) -> list[float]:
        return [at for at, *_ in self.submitted]


@asynccontextmanager
async def vendors(folder: Path) -> AsyncGenerator[Vendors]:
    journal = InlineJournal(folder)
    scene = Vendors(journal)
    accounts = Accounts(vendor_settings(folder))
    settings = vendor_settings(folder)
    finder = TaskFinder(journal, Web(settings), wall_clock, scene.found)  # no vendor here lists its tasks
    scene.reconciler = Reconciler(
        journal, accounts, scene.submit, scene.as_sent, lambda: scene.caps, finder, VIRTUAL_TIMING
    )
    try:
        yield scene
    finally:
        journal.close()


async def lost(scene: Vendors, model: str = WITH_KEY["model"], age: float = 60) -> Job:
    """Return an unknown job that was created so many seconds ago."""
    job = await unknown_job(scene.journal, f"job-{now()}-{age}", model=model)
    return replace(job, created_at=wall_clock() - age, updated_at=wall_clock() - age)


async def test_only_unknown_jobs_of_a_vendor_with_an_idempotency_key_can_be_reconciled(tmp_path: Path) -> None:
    async with vendors(tmp_path) as scene:
        job = await lost(scene)
        assert [state for state in STATES if scene.reconciler.can(replace(job, state=state))] == ["unknown"]
        assert not scene.reconciler.can(await lost(scene, MINI["model"], age=61))
        assert not scene.reconciler.can(replace(job, vendor="gone"))


async def test_an_idempotency_key_is_trusted_for_an_hour(tmp_path: Path) -> None:
    async with vendors(tmp_path) as scene:
        assert scene.reconciler.can(await lost(scene, age=3599.9))
        old = await lost(scene, age=3600)
        assert not scene.reconciler.can(old)
        assert await scene.reconciler.reconcile(old) == old
        assert scene.submitted == []


async def test_the_request_is_sent_as_it_was_the_first_time(tmp_path: Path) -> None:
    async with vendors(tmp_path) as scene:
        job = await lost(scene)
        real = request(WITH_KEY["model"], prompt="with the real links")
        scene.sent = lambda journalled: real if journalled == request(WITH_KEY["model"]) else None
        scene.answer = lambda job: replace(job, state="submitted")
        assert (await scene.reconciler.reconcile(job)).state == "submitted"
        assert scene.submitted == [(0, job.id, real)]


async def test_a_request_that_cannot_be_repeated_exactly_is_not_repeated(tmp_path: Path) -> None:
    async with vendors(tmp_path) as scene:
        job = await lost(scene)
        for changed in (replace(job, model="aigptimage/gone"), replace(job, request={"prompt": "a fox", "gone": 1})):
            assert await scene.reconciler.reconcile(changed) == changed
        scene.sent = lambda _: None
        assert await scene.reconciler.reconcile(job) == job
        assert scene.submitted == []


@pytest.mark.parametrize(("age", "times"), [(1.9, []), (2.0, [0]), (60.0, [0])])
async def test_a_job_that_changed_a_moment_ago_is_left_alone(tmp_path: Path, age: float, times: list[float]) -> None:
    async with vendors(tmp_path) as scene:
        await scene.reconciler.reconcile(await lost(scene, age=age))
        assert scene.times == times


async def test_a_job_is_asked_about_once_at_a_time(tmp_path: Path) -> None:
    async with vendors(tmp_path) as scene:
        job = await lost(scene)
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(scene.reconciler.reconcile, job)
        assert scene.times == [0]
        await scene.reconciler.reconcile(job)
        assert scene.times == [0, 1]


async def test_a_job_can_be_asked_about_again_after_a_failure(tmp_path: Path) -> None:
    async with vendors(tmp_path) as scene:
        job = await lost(scene)
        scene.answer = lambda _: (_ for _ in ()).throw(JournalError("The journal cannot be used."))
        for _ in range(2):
            with pytest.raises(JournalError):
                await scene.reconciler.reconcile(job)
        assert scene.times == [0, 1]


async def test_the_vendor_is_asked_three_times_with_growing_pauses(tmp_path: Path) -> None:
    async with vendors(tmp_path) as scene:
        job = await unknown_job(scene.journal, model=WITH_KEY["model"])
        await scene.reconciler.keep_trying(job)
        assert scene.times == [2.5, 13.5, 74.5]  # 2.5, 10 and 60 s after the attempt before, which took a second


async def test_a_failed_attempt_does_not_end_the_series(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with vendors(tmp_path) as scene:
        job = await unknown_job(scene.journal, model=WITH_KEY["model"])
        scene.answer = lambda _: (_ for _ in ()).throw(JournalError("The journal cannot be used."))
        await scene.reconciler.keep_trying(job)
        assert len(scene.times) == 3
        assert caplog.text.count("job job-1: journal: The journal cannot be used.") == 3


async def test_a_job_that_was_settled_or_is_gone_is_not_asked_about(tmp_path: Path) -> None:
    async with vendors(tmp_path) as scene:
        job = await unknown_job(scene.journal, model=WITH_KEY["model"])
        await scene.reconciler.keep_trying(replace(job, id="gone"))
        await scene.journal.move(job.id, "rejected", when=("unknown",))
        await scene.reconciler.keep_trying(job)
        assert scene.submitted == []
        assert now() == 5


async def test_a_service_finds_out_by_itself_what_became_of_a_lost_answer(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, [LOST, LOST, with_key("task-7")]) as scene:
        job = await create(scene.service, **WITH_KEY)
        assert job.state == "unknown"
        with anyio.fail_after(60), scene.service.subscribe() as changes:
            while (job := await scene.service.get(job.id)).state == "unknown":
                await changes.receive()
        assert (job.state, job.task_id) == ("submitted", "task-7")
        assert scene.web.post_times == [0, 2.5, 12.5]
        assert {sent.call.headers["X-Request-ID"] for sent in scene.web.posts} == {job.id}


async def test_a_check_asks_the_vendor_about_an_unknown_job_at_once(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, [LOST, with_key("task-7")]) as scene:
        job = await create(scene.service, **WITH_KEY)
        assert (await scene.service.check(job.id)).state == "unknown"  # it has just been tried
        await anyio.sleep(2)
        assert (await scene.service.check(job.id)).state == "submitted"
        assert scene.web.post_times == [0, 2]


async def test_no_service_sends_a_lost_job_again_without_an_idempotency_key(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, [LOST]) as scene:
        job = await create(scene.service)
        for _ in range(100):
            await anyio.sleep(60)
            assert (await scene.service.check(job.id)).state == "unknown"
        assert scene.web.post_times == [0]


@pytest.mark.parametrize("other", [account("aigptimage", "another"), None])
async def test_a_job_of_another_account_is_never_sent_with_this_one(tmp_path: Path, other: str | None) -> None:
    async with vendors(tmp_path) as scene:
        job = replace(await lost(scene), account=other)
        assert not scene.reconciler.can(job)
        assert await scene.reconciler.reconcile(job) == job
        assert scene.submitted == []


async def test_a_key_from_the_future_is_not_trusted(tmp_path: Path) -> None:
    async with vendors(tmp_path) as scene:
        assert not scene.reconciler.can(await lost(scene, age=-1))


async def test_a_repeat_must_be_within_the_caps_in_force(tmp_path: Path) -> None:
    async with vendors(tmp_path) as scene:
        job = await lost(scene)
        scene.caps = Caps(per_day=0)
        with pytest.raises(OverBudget):
            await scene.reconciler.reconcile(job)
        assert scene.submitted == []
        scene.caps = Caps(per_day=570_000)
        await scene.reconciler.reconcile(job)
        assert scene.times == [0]


async def test_every_unknown_job_is_found_out_by_the_next_server_whichever_created_it(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, [with_key("task-7")]) as scene:
        await unknown_job(scene.journal, model=WITH_KEY["model"])
        await anyio.sleep(60)
        job = await scene.service.get("job-1")
        assert (job.state, job.task_id) == ("submitted", "task-7")


async def test_a_check_with_no_budget_buys_nothing_and_says_so(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, [with_key("task-7")], SEEDANCE_DAILY_BUDGET="0") as scene:
        await unknown_job(scene.journal, model=WITH_KEY["model"])
        await anyio.sleep(10)
        job = await scene.service.check("job-1")
        assert (job.state, job.reserved) == ("unknown", 570_000)
        assert str(job.error_message).startswith("connection lost; since then: This video may cost")
        again = await scene.service.check("job-1")
        assert again.error_message == job.error_message
        assert scene.web.posts == []
