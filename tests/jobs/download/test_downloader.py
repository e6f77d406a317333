"""Background downloads: each video once, by one server, and its progress while it is under way."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from seedance_mcp.errors import SaveError
from seedance_mcp.jobs.download.downloader import Downloader
from seedance_mcp.jobs.download.timing import DownloadTiming
from seedance_mcp.jobs.journal.budget import Caps
from seedance_mcp.jobs.journal.model import OPEN, Job, NewJob
from seedance_mcp.jobs.journal.sqlite import SqliteJournal
from seedance_mcp.vendors import known_vendors
from seedance_mcp.web import Web
from tests.http_host import Answer, Host, Reply, Request, hosting, settings_for
from tests.jobs.download.samples import VIDEO, always

pytestmark = pytest.mark.anyio

TIMING = DownloadTiming(retry_pause=0.001, poll_other_server=0.01, concurrent=1, block=1024)
SUCCEEDED = ("succeeded",)


class Servers:
    """Downloaders on one journal, as several servers have them, and the jobs in it."""

    def __init__(self, host: Host, journal: SqliteJournal, web: Web, folder: Path) -> None:
        self.host, self.journal, self._web, self._folder = host, journal, web, folder
        self.changed: list[str] = []

    def downloader(self, owner: str, *, autosave: bool = True) -> Downloader:
        return Downloader(
            self.journal,
            self._web,
            {"12ai": known_vendors()["12ai"]},
            owner,
            folder=self._folder,
            autosave=autosave,
            on_change=self.changed.append,
            timing=TIMING,
        )

    async def job(self, job_id: str) -> Job:
        job = await self.journal.get(job_id)
        assert job is not None
        return job

    async def succeeded(self, job_id: str = "abcdefgh2345") -> Job:
        """Return a succeeded job whose video is at the host."""
        new = NewJob(job_id, "12ai", "12ai/seedance-2-official", {"prompt": "rain"}, job_id, "nobody", 10, None, "mine")
        await self.journal.admit(new, Caps())
        await self.journal.move(job_id, "submitted", when=("submitting",), task_id="task-1")
        await self.journal.move(job_id, "succeeded", when=("submitted",), url=f"{self.host.origin}/{job_id}.mp4")
        return await self.job(job_id)


@asynccontextmanager
async def servers(folder: Path, answer: Answer) -> AsyncGenerator[Servers]:
    async with hosting(answer) as host:
        journal, web = SqliteJournal(folder / "state"), Web(settings_for(folder, "12ai", host.origin))
        try:
            yield Servers(host, journal, web, folder / "videos")
        finally:
            await web.aclose()
            journal.close()


async def until(true: Callable[[], bool]) -> None:
    with anyio.fail_after(20):
        while not true():  # noqa: ASYNC110  (bounded, and what it waits for happens in another task)
            await anyio.sleep(0.005)


async def test_a_video_is_downloaded_in_the_background_and_recorded(tmp_path: Path) -> None:
    async with servers(tmp_path, always()) as setup, anyio.create_task_group() as group:
        one, job = setup.downloader("one"), await setup.succeeded()
        await group.start(one.run)
        assert one.progress(job.id) is None
        one.start(job)
        one.start(job)
        assert one.progress(job.id) == (0, None)
        await until(lambda: setup.changed == [job.id])
        assert one.progress(job.id) is None
        saved = await setup.job(job.id)
        assert saved.path is not None
        assert Path(saved.path).read_bytes() == VIDEO
        one.start(saved)
        assert one.progress(job.id) is None
        assert len(setup.host.requests) == 1
        group.cancel_scope.cancel()


async def test_a_downloader_that_has_stopped_starts_no_download(tmp_path: Path) -> None:
    async with servers(tmp_path, always()) as setup:
        one, job = setup.downloader("one"), await setup.succeeded()
        async with anyio.create_task_group() as group:
            await group.start(one.run)
            group.cancel_scope.cancel()
        one.start(job)
        assert one.progress(job.id) is None


async def test_without_autosave_a_video_is_downloaded_on_request_only(tmp_path: Path) -> None:
    async with servers(tmp_path, always()) as setup, anyio.create_task_group() as group:
        one, job = setup.downloader("one", autosave=False), await setup.succeeded()
        await group.start(one.run)
        one.start(job)
        assert one.progress(job.id) is None
        assert (await one.download(job)).path
        group.cancel_scope.cancel()


async def test_the_progress_of_a_background_download_is_its_bytes_and_its_size(tmp_path: Path) -> None:
    endless = Reply(VIDEO, length=10**8, repeat=b"x" * 1024)
    async with servers(tmp_path, lambda _: endless) as setup, anyio.create_task_group() as group:
        one, job = setup.downloader("one"), await setup.succeeded()
        await group.start(one.run)
        one.start(job)
        await until(lambda: one.progress(job.id) != (0, None))
        progress = one.progress(job.id)
        assert progress is not None
        assert progress[0] > 0
        assert progress[1] == 10**8
        group.cancel_scope.cancel()


async def test_at_most_the_given_number_of_videos_is_downloaded_at_a_time(tmp_path: Path) -> None:
    most = 0
    async with servers(tmp_path, always()) as setup:
        one = setup.downloader("one")
        jobs = [await setup.succeeded(name) for name in ("a" * 12, "b" * 12, "c" * 12)]
        running: set[str] = set()

        async def download(job: Job) -> None:
            def report(_: int, __: int | None) -> None:
                nonlocal most
                running.add(job.id)
                most = max(most, len(running))

            assert (await one.download(job, report)).path
            running.discard(job.id)

        async with anyio.create_task_group() as group:
            for job in jobs:
                group.start_soon(download, job)
    assert most == TIMING.concurrent


async def test_two_servers_download_a_video_once(tmp_path: Path) -> None:
    begun, finished = anyio.Event(), anyio.Event()
    async with servers(tmp_path, always()) as setup, anyio.create_task_group() as group:
        one, other, job = setup.downloader("one"), setup.downloader("other"), await setup.succeeded()

        def report(_: int, __: int | None) -> None:
            begun.set()

        async def first() -> None:
            await one.download(job, report)
            finished.set()

        group.start_soon(first)
        await begun.wait()
        assert (await other.download(job)).path is None
        await group.start(other.run)
        other.start(job)
        await finished.wait()
        await until(lambda: setup.changed == [job.id])
        assert (await setup.job(job.id)).path
        assert len(setup.host.requests) == 1
        group.cancel_scope.cancel()


async def test_a_poll_that_ends_late_does_not_release_the_claim_of_a_download(tmp_path: Path) -> None:
    async with servers(tmp_path, always()) as setup:
        job = await setup.succeeded()
        assert await setup.journal.claim(job.id, "one", 60, when=SUCCEEDED)
        assert not await setup.journal.claim(job.id, "one", 0, when=OPEN)  # as a poll does at its end
        assert not await setup.journal.claim(job.id, "other", 60, when=SUCCEEDED)
        assert await setup.journal.claim(job.id, "one", 0, when=SUCCEEDED)
        assert await setup.journal.claim(job.id, "other", 60, when=SUCCEEDED)


async def test_a_failed_download_is_recorded_and_leaves_the_job_to_others(tmp_path: Path) -> None:
    replies = iter([Reply(status=500)])

    def answer(request: Request) -> Reply:
        return next(replies, None) or always()(request)

    async with servers(tmp_path, answer) as setup:
        one, other, job = setup.downloader("one"), setup.downloader("other"), await setup.succeeded()
        with pytest.raises(SaveError, match="The video's host answered HTTP 500"):
            await one.download(job)
        assert (await setup.job(job.id)).save_error == "The video's host answered HTTP 500."
        saved = await other.download(job)
        assert saved.path
        assert saved.save_error is None


async def test_a_cancelled_download_releases_its_claim(tmp_path: Path) -> None:
    async with servers(tmp_path, always()) as setup:
        one, job = setup.downloader("one"), await setup.succeeded()
        with anyio.CancelScope() as scope:
            await one.download(job, lambda _, __: scope.cancel())
        assert scope.cancelled_caught
        assert await setup.journal.claim(job.id, "other", 60, when=SUCCEEDED)
