"""`seedance-mcp videos save`: which videos are downloaded, and why some are not."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.cli.command import POSIX, read_all, read_until
from tests.cli.vendors_over_http import VIDEO, Vendors, saved_paths
from tests.server.mcp_client import PRICED

pytestmark = pytest.mark.anyio


async def test_every_missing_video_is_saved_three_at_a_time(vendors: Vendors) -> None:
    jobs = await vendors.create_videos(*(f"video {number}" for number in ("one", "two", "three", "four", "five")))
    vendors.downloads.wait_for = 3
    result = await vendors.run("save")
    assert result.code == 0
    assert [path.stem[-4:] for path in saved_paths(result)] == [job[-4:] for job in jobs]
    assert vendors.downloads.most_active == 3
    assert all(f"{job}: 3.1 of 3.1 MB\n" in result.err for job in jobs)
    assert {video["path"] for video in (await vendors.listed()).values()} == set(result.out.split())
    again = await vendors.run("save")
    assert (again.code, again.out, again.err) == (0, "", "Every video in the journal is on disk.\n")
    lost, *_ = saved_paths(result)
    lost.unlink()
    assert saved_paths(await vendors.run("save")) == [lost]
    assert len(vendors.downloads.ranges) == 6


async def test_the_videos_of_given_jobs_are_saved_by_either_end_of_their_ids(vendors: Vendors) -> None:
    one, two, three = await vendors.create_videos("video one", "video two", "video three")
    result = await vendors.run("save", one[:5], two[-4:], one, two.upper())
    assert result.code == 0
    assert [path.stem[-4:] for path in saved_paths(result)] == [one[-4:], two[-4:]]
    assert "path" not in (await vendors.listed())[three]
    assert saved_paths(await vendors.run("save", one)) == saved_paths(result)[:1]
    assert len(vendors.downloads.ranges) == 2


async def test_each_video_that_cannot_be_saved_gets_a_sentence_and_the_others_are_saved(vendors: Vendors) -> None:
    (good,) = await vendors.create_videos("video one")
    async with vendors.server() as session:
        page = (await session.video("video two. sandbox: wrong-type", **PRICED))["job_id"]
        failed = (await session.video("video three. sandbox: fail content_policy", **PRICED))["job_id"]
        lost = (await session.create("video four. sandbox: lose-answer", **PRICED))["job_id"]
    result = await vendors.run("save", failed, page, "zzzzz", good, lost, "zzz")
    assert result.code == 1
    assert [path.stem[-4:] for path in saved_paths(result)] == [good[-4:]]
    lines = [line for line in result.err.splitlines() if not line.endswith(" MB")]
    assert len(lines) == 5
    assert "There is no job 'zzzzz'. `seedance-mcp videos` lists the jobs." in lines
    assert any("'zzz' is too short for an id" in line for line in lines)
    again = f"`seedance-mcp videos save {page}` tries again."
    assert f"{page}: The video's link leads to text/html instead of a video. {again}" in lines
    assert any(re.match(rf"{failed}: It ended as failed, so there is no video \(.+\)\.$", line) for line in lines)
    assert any(line.startswith(f"{lost}: ") and f"videos resolve {lost} --not-charged`" in line for line in lines)


async def test_an_expired_link_is_reported_in_a_sentence(vendors: Vendors) -> None:
    (job,) = await vendors.create_videos("video one")
    vendors.downloads.links_expired = True
    result = await vendors.run("save")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"{job}: The video's link no longer works (HTTP 404).")
    assert "Traceback" not in result.err


async def test_a_video_that_another_server_is_downloading_is_left_to_it(vendors: Vendors) -> None:
    (job,) = await vendors.create_videos("video one")
    async with vendors.claimed(job):
        result = await vendors.run("save", job)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"{job}: Another seedance-mcp is downloading it.")
    assert len(saved_paths(await vendors.run("save", job))) == 1


async def test_only_with_wait_it_waits_for_a_running_job(vendors: Vendors) -> None:
    async with vendors.server() as session:
        job = (await session.create("video one. sandbox: slow 3600", **PRICED))["job_id"]
    pattern = (
        rf"{job}: It is (submitted|queued|running), so there is no video yet. `seedance-mcp videos save {job} --wait` "
    )
    named, unnamed = await vendors.run("save", job), await vendors.run("save")
    assert (named.code, named.out, unnamed.code, unnamed.out) == (1, "", 0, "")
    assert re.match(pattern, named.err)
    assert re.match(pattern, unnamed.err)
    async with vendors.started("save", "--wait") as process:
        await read_until(process.stderr, rf"{job}: \w+, waiting for it\.\n")
        (task,) = vendors.sandbox.tasks.values()
        task.seconds = 0.0
        await read_all(process.stderr)
        (path,) = (await read_all(process.stdout)).splitlines()
    assert Path(path).read_bytes() == VIDEO
    assert process.returncode == 0


async def test_a_video_that_was_finished_since_the_last_poll_is_saved_too(vendors: Vendors) -> None:
    async with vendors.server() as session:
        await session.create("video one. sandbox: slow 3600", **PRICED)
    (task,) = vendors.sandbox.tasks.values()
    task.seconds = 0.0
    result = await vendors.run("save")
    assert result.code == 0
    assert len(saved_paths(result)) == 1


async def test_it_does_not_wait_for_a_job_whose_vendor_has_no_key(vendors: Vendors) -> None:
    async with vendors.server() as session:
        job = (await session.create("video one. sandbox: slow 3600", **PRICED))["job_id"]
    result = await vendors.run("save", job, "--wait", SEEDANCE_SEEDANCEAPI_API_KEY="")
    assert result.code == 1
    assert "no API key for seedanceapi is set here" in result.err


@POSIX
async def test_after_ctrl_c_the_same_command_continues_the_download(vendors: Vendors) -> None:
    (job,) = await vendors.create_videos("video one")
    vendors.downloads.paused = True
    async with vendors.started("save") as process:
        await read_until(process.stderr, rf"{job}: \d\.\d of 3\.1 MB\n")
        process.send_signal(signal.SIGINT)
        last = await read_all(process.stderr)
        assert await read_all(process.stdout) == ""
    assert process.returncode == 130
    assert last.splitlines()[-1:] == ["Stopped. What has arrived is kept; the same command continues from there."]
    (partial_file,) = vendors.videos.iterdir()
    assert partial_file.name.endswith(".part")
    received = partial_file.stat().st_size
    assert 0 < received < len(VIDEO)
    vendors.downloads.paused = False
    result = await vendors.run("save")
    assert result.code == 0
    assert len(saved_paths(result)) == 1
    assert vendors.downloads.ranges == ["", f"bytes={received}-"]
    assert list(vendors.videos.iterdir()) == saved_paths(result)
