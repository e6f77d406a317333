"""Several servers of one user on one journal: each job is looked at by one of them, and whoever is asked may look."""

from __future__ import annotations

import functools
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from seedance_mcp.jobs.download.transfer import OnProgress
from seedance_mcp.jobs.journal.model import Job
from seedance_mcp.jobs.service import JobService
from seedance_mcp.runtime import open_service
from seedance_mcp.sandbox import Sandbox
from seedance_mcp.sandbox.serve import serve
from seedance_mcp.settings import load

pytestmark = pytest.mark.anyio
REQUEST = {"model": "seedanceapi/seedance-2-mini", "duration": 4, "resolution": "480p"}


@asynccontextmanager
async def two_servers(tmp_path: Path, interval: str) -> AsyncGenerator[tuple[Sandbox, JobService, JobService]]:
    sandbox = Sandbox()
    async with anyio.create_task_group() as group:
        port = await group.start(functools.partial(serve, 0, sandbox=sandbox))
        settings = load(
            {
                "SEEDANCE_SEEDANCEAPI_API_KEY": "sandbox",
                "SEEDANCE_SEEDANCEAPI_BASE_URL": sandbox.base_url("seedanceapi", f"http://127.0.0.1:{port}"),
                "SEEDANCE_STATE_DIR": str(tmp_path / "state"),
                "SEEDANCE_OUTPUT_DIR": str(tmp_path / "videos"),
                "SEEDANCE_POLL_INTERVAL": interval,
            }
        )
        async with open_service(settings) as one, open_service(settings) as other:
            yield sandbox, one, other
        group.cancel_scope.cancel()


async def test_a_server_that_is_asked_looks_even_while_another_follows_the_job(tmp_path: Path) -> None:
    with anyio.fail_after(30):
        async with two_servers(tmp_path, "3600") as (sandbox, one, other):
            args = {**REQUEST, "prompt": "sandbox: instant"}
            made = await one.create(one.quote(args), args)
            assert (await other.check(made.job.id)).state == "succeeded"
            (task,) = sandbox.tasks.values()
            assert task.polls == 1


async def test_both_follow_a_job_and_one_of_them_looks(tmp_path: Path) -> None:
    with anyio.fail_after(30):
        async with two_servers(tmp_path, "0.2") as (sandbox, one, other):
            args = {**REQUEST, "prompt": "a fox in the snow"}
            began = time.monotonic()
            made = await one.create(one.quote(args), args)
            await other.poller.track(await other.job(made.job.id))
            while not one.is_final(job := await one.job(made.job.id)) or job.path is None:
                await one.events.wait(made.job.id, 0.5)
            took = time.monotonic() - began
    (task,) = sandbox.tasks.values()
    assert task.polls <= 1.5 * took / 0.2 + 2
    assert task.downloads == 1


async def test_a_film_whose_end_was_seen_by_who_saves_nothing_is_saved_by_the_server_that_follows_it(
    tmp_path: Path,
) -> None:
    with anyio.fail_after(30):
        async with two_servers(tmp_path, "0.5") as (_, one, __), open_service(one.settings, saving=False) as looker:
            args = {**REQUEST, "prompt": "sandbox: instant"}
            made = await one.create(one.quote(args), args)
            while (await looker.job(made.job.id)).state != "succeeded":
                await looker.poller.poll(made.job.id)
            while (await one.job(made.job.id)).path is None:
                await one.events.wait(made.job.id, 0.5)


async def test_who_waits_for_a_film_that_another_server_saves_waits_until_it_is_there(tmp_path: Path) -> None:
    with anyio.fail_after(30):
        async with two_servers(tmp_path, "3600") as (_, one, other):
            args = {**REQUEST, "prompt": "sandbox: instant"}
            begun, go_on = anyio.Event(), anyio.Event()
            bring = one.downloader.download

            async def slowly(job: Job, on_progress: OnProgress | None = None) -> Job:
                await one.journal.claim(job.id, "one", 60, when=("succeeded",))
                begun.set()
                await go_on.wait()
                await one.journal.claim(job.id, "one", 0, when=("succeeded",))
                return await bring(job, on_progress)

            one.downloader.download = slowly
            made = await one.create(one.quote(args), args)
            await one.poller.poll(made.job.id)
            await begun.wait()
            job = await other.check(made.job.id)
            assert job.state == "succeeded"
            assert not other.is_final(job)
            go_on.set()
            while not other.is_final(job := await other.job(made.job.id)):
                await other.events.wait(job.id, 0.5)
            assert job.path


async def test_a_claim_that_is_another_servers_by_now_is_not_given_back(tmp_path: Path) -> None:
    with anyio.fail_after(30):
        async with two_servers(tmp_path, "3600") as (_, one, __):
            args = {**REQUEST, "prompt": "a fox"}
            job = (await one.create(one.quote(args), args)).job
            claim = functools.partial(one.journal.claim, job.id, when=("submitted",))
            assert await claim("a", 60)
            assert not await claim("b", 0)
            assert not await claim("b", 60)
            assert await claim("a", 0)
            assert await claim("b", 60)


async def test_a_film_that_a_dead_server_did_not_save_is_saved_by_the_next_without_being_asked(tmp_path: Path) -> None:
    with anyio.fail_after(30):
        async with two_servers(tmp_path, "3600") as (_, one, other):
            args = {**REQUEST, "prompt": "sandbox: instant"}
            one.downloader.start = lambda job: None  # it ends before it saves
            made = await one.create(one.quote(args), args)
            await one.poller.poll(made.job.id)
            assert (await one.job(made.job.id)).path is None
            async with open_service(other.settings) as third:
                while (await third.job(made.job.id)).path is None:
                    await third.events.wait(made.job.id, 0.2)
