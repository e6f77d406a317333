"""Several servers of one user on one journal: one of them polls each job and one downloads its video."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from seedance_mcp.jobs.service import JobService
from seedance_mcp.jobs.waiter import Progress
from seedance_mcp.runtime import sandbox_web
from seedance_mcp.sandbox import Sandbox
from seedance_mcp.sandbox.transport import SandboxTransport
from seedance_mcp.web import Web
from tests.jobs.services import create, finish, sandbox_service, sandbox_settings

if TYPE_CHECKING:
    import httpx2

pytestmark = pytest.mark.anyio

INSTANT = "sandbox: instant"


@asynccontextmanager
async def two_servers(
    folder: Path, sandbox: Sandbox, interval: str = "3600"
) -> AsyncGenerator[tuple[JobService, JobService]]:
    """Run two servers that download videos, with one journal and one sandbox."""
    environment: dict[str, Any] = {"SEEDANCE_POLL_INTERVAL": interval}
    async with (
        sandbox_service(folder, sandbox, autosave=True, **environment) as one,
        sandbox_service(folder, sandbox, autosave=True, **environment) as other,
    ):
        yield one, other


class HeldVideos(SandboxTransport):
    """Holds every download of a video back until a test lets it go on."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.begun, self.go_on = anyio.Event(), anyio.Event()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.startswith("/videos/"):
            self.begun.set()
            await self.go_on.wait()
        return await super().handle_async_request(request)


async def test_a_server_that_is_asked_polls_even_while_another_tracks_the_job(tmp_path: Path) -> None:
    sandbox = Sandbox()
    async with two_servers(tmp_path, sandbox) as (one, other):
        job = await create(one, INSTANT)
        assert (await other.check(job.id)).state == "succeeded"
    (task,) = sandbox.tasks.values()
    assert task.polls == 1


async def test_two_servers_track_a_job_and_one_of_them_polls(tmp_path: Path) -> None:
    sandbox = Sandbox()
    async with two_servers(tmp_path, sandbox, "0.2") as (one, other):
        began = time.monotonic()
        job = await create(one)
        await other.track(await other.get(job.id))
        done = await finish(one, job.id)
        took = time.monotonic() - began
    assert done.path
    (task,) = sandbox.tasks.values()
    assert task.polls <= 1.5 * took / 0.2 + 2
    assert task.downloads == 1


async def test_a_video_whose_end_another_process_saw_is_downloaded_by_the_server_that_tracks_it(
    tmp_path: Path,
) -> None:
    sandbox = Sandbox()
    async with (
        two_servers(tmp_path, sandbox, "0.3") as (one, _),
        sandbox_service(tmp_path, sandbox, autosave=False) as command,
    ):
        job = await create(one, INSTANT)
        while (await command.check(job.id)).state != "succeeded":
            pass
        with one.subscribe() as changes:
            while not (await one.get(job.id)).path:
                await changes.receive()
    (task,) = sandbox.tasks.values()
    assert task.downloads == 1


async def test_a_wait_whose_end_another_process_saw_goes_on_until_the_video_is_saved(tmp_path: Path) -> None:
    sandbox = Sandbox()
    async with (
        sandbox_service(tmp_path, sandbox, autosave=True, SEEDANCE_POLL_INTERVAL="3600") as one,
        sandbox_service(tmp_path, sandbox, autosave=False) as command,
    ):

        async def see_the_end_elsewhere(progress: Progress) -> None:
            while (await command.check(progress.job.id)).open:  # noqa: ASYNC110  (the sandbox has no event)
                await anyio.sleep(0.05)

        job = await create(one, "sandbox: slow 0.2")
        with anyio.fail_after(30):
            done = await one.wait(job.id, 20, see_the_end_elsewhere)
    assert done.path


async def test_a_wait_for_a_video_that_another_server_downloads_ends_when_it_is_there(tmp_path: Path) -> None:
    sandbox = Sandbox()
    transport = HeldVideos(sandbox)
    settings = sandbox_settings(tmp_path)
    origins = {v.slug: sandbox.base_url(v.slug, "http://sandbox.invalid") for v in settings.vendors}
    held = Web(settings, transport, origins)
    async with (
        sandbox_service(tmp_path, web=held, autosave=True) as one,
        sandbox_service(tmp_path, web=sandbox_web(settings, sandbox), autosave=True) as other,
    ):
        job = await create(one, INSTANT)
        await one.check(job.id)
        await transport.begun.wait()
        seen = await other.check(job.id)
        assert seen.state == "succeeded"
        assert not other.is_final(seen)
        assert (await other.wait(job.id, 0.1)).path is None
        transport.go_on.set()
        done = await finish(other, job.id)
        assert done.path
        assert Path(done.path).stat().st_size == done.size
    (task,) = sandbox.tasks.values()
    assert task.downloads == 1


async def test_a_video_that_a_dead_server_did_not_download_is_downloaded_by_the_next_without_being_asked_for(
    tmp_path: Path,
) -> None:
    sandbox = Sandbox()
    async with sandbox_service(tmp_path, sandbox, autosave=False) as dead:
        job = await create(dead, INSTANT)
        assert (await dead.check(job.id)).path is None
    async with sandbox_service(tmp_path, sandbox, autosave=True) as following:
        with following.subscribe() as changes:
            while not (await following.get(job.id)).path:
                await changes.receive()


async def test_a_video_that_ended_more_than_a_day_ago_is_not_downloaded_without_being_asked_for(tmp_path: Path) -> None:
    sandbox = Sandbox()
    async with sandbox_service(tmp_path, sandbox) as dead:
        old, new = await create(dead, f"a fox. {INSTANT}"), await create(dead, f"a hare. {INSTANT}")
        for job in (old, new):
            await dead.check(job.id)
        await dead._journal.note(old.id, finished_at=time.time() - 86_401)  # pyright: ignore[reportPrivateUsage]  (time cannot pass here)
    async with sandbox_service(tmp_path, sandbox, autosave=True) as following:
        assert (await finish(following, new.id)).path
        assert following.is_final(await following.get(old.id))
        assert (await following.get(old.id)).path is None
        assert (await following.download(await following.get(old.id))).path


async def test_a_server_that_downloads_nothing_unasked_leaves_videos_where_they_are(tmp_path: Path) -> None:
    async with sandbox_service(tmp_path, autosave=False) as service:
        job = await finish(service, (await create(service, INSTANT)).id)
        assert (job.state, job.path) == ("succeeded", None)
        received: list[int] = []
        saved = await service.download(job, lambda so_far, _: received.append(so_far))
        assert saved.path
        assert received[-1] == saved.size
