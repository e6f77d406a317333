"""An unknown job at a vendor that lists its tasks settles itself, without an idempotency key, and never wrongly."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from seedance_mcp.jobs.journal.model import Job
from seedance_mcp.jobs.service import JobService
from seedance_mcp.jobs.timing import ReconcileTiming, Timing
from seedance_mcp.sandbox import Sandbox
from tests.jobs.services import create, sandbox_service

pytestmark = pytest.mark.anyio

ARK: dict[str, Any] = {"model": "byteplus/2.0-mini", "duration": 4, "resolution": "480p"}
LOST = "a fox. sandbox: lose-answer"
QUICK = Timing(reconcile=ReconcileTiming(pauses=(0.05, 0.1, 0.2), fresh=0.0))
NEVER = Timing(reconcile=ReconcileTiming(pauses=(), fresh=0.0))


@asynccontextmanager
async def service(folder: Path, sandbox: Sandbox, timing: Timing = NEVER) -> AsyncGenerator[JobService]:
    async with sandbox_service(folder, sandbox, timing=timing) as opened:
        yield opened


async def settled(opened: JobService, job: Job) -> Job:
    with anyio.fail_after(20):
        while (job := await opened.check(job.id)).state == "unknown":
            await anyio.lowlevel.checkpoint()
    return job


async def test_a_lost_answer_is_settled_without_a_key_and_paid_once(tmp_path: Path) -> None:
    sandbox = Sandbox(pace=0)
    async with service(tmp_path, sandbox, QUICK) as opened:
        job = await create(opened, LOST, **ARK)
        assert job.state == "unknown"
        found = await settled(opened, job)
    assert found.task_id == sandbox.charges[0].task_id
    assert len(sandbox.charges) == 1


async def test_each_of_several_lost_jobs_gets_its_own_task(tmp_path: Path) -> None:
    sandbox = Sandbox(pace=0)
    async with service(tmp_path, sandbox) as opened:
        jobs = [await create(opened, f"{number}. {LOST}", **ARK) for number in range(4)]
        found = {job.id: (await opened.check(job.id)).task_id for job in jobs}
    by_prompt = {task.request.prompt: task.id for task in sandbox.tasks.values()}
    assert found == {job.id: by_prompt[job.prompt] for job in jobs}


async def test_a_job_that_never_arrived_stays_unknown(tmp_path: Path) -> None:
    sandbox = Sandbox(pace=0)
    async with service(tmp_path, sandbox) as opened:
        await create(opened, "another", **ARK)
        job = await create(opened, "a fox. sandbox: lose-request", **ARK)
        job = await opened.check(job.id)
    assert (job.state, job.task_id) == ("unknown", None)
    assert job.error_message == "BytePlus ModelArk lists no task that could be this job."
    assert job.reserved > 0


async def test_without_a_mark_only_a_single_task_is_taken(tmp_path: Path) -> None:
    own = ARK | {"options": {"execution_expires_after": 3600}}
    sandbox = Sandbox(pace=0)
    async with service(tmp_path / "one", sandbox) as opened:
        job = await create(opened, LOST, **own)
        assert (await opened.check(job.id)).task_id == sandbox.charges[0].task_id
    sandbox = Sandbox(pace=0)
    async with service(tmp_path / "two", sandbox) as opened:
        jobs = [await create(opened, f"{number}. {LOST}", **own) for number in range(2)]
        checked = [await opened.check(job.id) for job in jobs]
    assert [job.state for job in checked] == ["unknown", "unknown"]
    for job in checked:
        assert job.error_message
        assert job.error_message.startswith("BytePlus ModelArk lists several tasks that could be this job: cgt-")


@pytest.mark.parametrize("other", [{"resolution": "720p"}, {"duration": 5}, {"generate_audio": False}])
async def test_a_task_of_another_shape_is_not_taken(tmp_path: Path, other: dict[str, Any]) -> None:
    unmarked = ARK | {"options": {"execution_expires_after": 3600}}
    sandbox = Sandbox(pace=0)
    async with service(tmp_path, sandbox) as opened:
        job = await create(opened, LOST, **unmarked)
        (task,) = sandbox.tasks.values()
        true_request = task.request
        task.request = replace(true_request, **other)
        assert (await opened.check(job.id)).state == "unknown"
        task.request = true_request
        assert (await opened.check(job.id)).task_id == task.id


async def test_where_the_vendor_chooses_a_task_may_have_any_shape(tmp_path: Path) -> None:
    asked = ARK | {"duration": -1, "aspect_ratio": "adaptive"}
    sandbox = Sandbox(pace=0)
    async with service(tmp_path, sandbox) as opened:
        job = await create(opened, LOST, **asked)
        assert (await opened.check(job.id)).task_id == sandbox.charges[0].task_id


async def test_a_task_of_another_time_or_model_is_not_taken(tmp_path: Path) -> None:
    sandbox = Sandbox(pace=0)
    async with service(tmp_path, sandbox) as opened:
        job = await create(opened, LOST, **ARK)
        (task,) = sandbox.tasks.values()
        true_time = task.created_at
        task.created_at = true_time - 3600
        assert (await opened.check(job.id)).state == "unknown"
        task.created_at, true_request = true_time, task.request
        task.request = replace(true_request, model=replace(true_request.model, sent_as="another"))
        assert (await opened.check(job.id)).state == "unknown"
        task.request = true_request
        assert (await opened.check(job.id)).state != "unknown"
