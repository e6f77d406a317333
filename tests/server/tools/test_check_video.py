"""check_video: waiting, progress reports, and what the answer says about running and finished jobs."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import anyio
import pytest

from seedance_mcp.jobs.download.timing import DownloadTiming
from seedance_mcp.jobs.timing import Timing
from seedance_mcp.sandbox import Sandbox
from tests.server.mcp_client import PRICED, connected, inspect_video, with_keys
from tests.server.transports import HalfwayTransport

pytestmark = pytest.mark.anyio

SLOW = "a fox. sandbox: slow 3600"


class Progress:
    """A client's record of the progress reports of its calls."""

    def __init__(self) -> None:
        self.reports: list[tuple[float, float | None, str | None]] = []
        self._arrived = anyio.Event()

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        self.reports.append((progress, total, message))
        self._arrived.set()
        self._arrived = anyio.Event()

    async def wait_for(self, text: str) -> None:
        """Return when a report with this text has arrived."""
        with anyio.fail_after(20):
            while not any(text in (message or "") for _, _, message in self.reports):
                await self._arrived.wait()

    def assert_plausible(self) -> None:
        """Every report must be higher than the one before, and at most its total where that is known."""
        done = [progress for progress, _, _ in self.reports]
        assert done
        assert done == sorted(set(done))
        assert all(progress >= 0 and (total is None or progress <= total) for progress, total, _ in self.reports)


# -- waiting ------------------------------------------------------------------------------------------------------


async def test_a_check_waits_no_longer_than_the_operator_allows(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, sandbox=Sandbox(), SEEDANCE_MAX_WAIT="1") as session:
        listed = {tool.name: tool for tool in (await session.client.list_tools()).tools}
        job = await session.create(SLOW, **PRICED)
        with anyio.fail_after(20):
            checked = await session.call("check_video", job_id=job["job_id"], wait_seconds=50)
    assert listed["check_video"].input_schema["properties"]["wait_seconds"]["description"].startswith("0-1")
    assert "wait_seconds 1 " in job["next_step"]
    assert checked.fields["state"] in {"submitted", "queued", "running"}


async def test_waiting_returns_as_soon_as_the_video_is_saved(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, sandbox=Sandbox(pace=0.2)) as session:
        job = await session.create(**PRICED)
        with anyio.fail_after(20):  # well before the 50 s are over
            done = (await session.call("check_video", job_id=job["job_id"], wait_seconds=50)).fields
    assert done["state"] == "succeeded"
    assert inspect_video(done["path"]).codec == "h264"


async def test_the_job_keeps_running_when_the_wait_is_over(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        job = await session.create(SLOW, **PRICED)
        now = (await session.call("check_video", job_id=job["job_id"], wait_seconds=1)).fields
        assert now["state"] in {"queued", "running"}
        assert now["check_again_in"] > 0
        assert session.charge_count == 1


async def test_many_waiting_callers_share_one_poll(tmp_path: Path, era: str) -> None:
    states: list[str] = []
    async with connected(tmp_path, era, sandbox=Sandbox(pace=0.4)) as session:
        job = await session.create(**PRICED)

        async def wait() -> None:
            states.append((await session.call("check_video", job_id=job["job_id"], wait_seconds=40)).fields["state"])

        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(wait)
        (task,) = session.sandbox.tasks.values()
    assert states == ["succeeded"] * 10
    assert task.polls < 10


# -- progress -----------------------------------------------------------------------------------------------------


async def test_progress_reports_state_and_seconds_while_the_vendor_works(tmp_path: Path, era: str) -> None:
    progress = Progress()
    async with connected(tmp_path, era, sandbox=Sandbox(pace=0.4)) as session:
        job = await session.create(**PRICED)
        await session.client.call_tool(
            "check_video", {"job_id": job["job_id"], "wait_seconds": 40}, progress_callback=progress
        )
    progress.assert_plausible()
    _, total, first = progress.reports[0]
    assert total == 95
    assert first
    state, _, seconds = first.partition(", ")
    assert state in {"submitted", "queued", "running"}
    assert seconds in {"0 s", "1 s"}


async def test_the_total_grows_with_a_job_that_takes_longer_than_usual(tmp_path: Path, era: str) -> None:
    progress, passed = Progress(), 0.0
    timing = Timing(clock=lambda: time.time() + passed)
    async with connected(tmp_path, era, timing=timing) as session:
        job = await session.create(SLOW, **PRICED)
        passed = 500.0
        await session.client.call_tool(
            "check_video", {"job_id": job["job_id"], "wait_seconds": 1}, progress_callback=progress
        )
    progress.assert_plausible()
    done, total, message = progress.reports[0]
    assert 500 <= done < 530
    assert total == done
    assert message == f"running, {done:.0f} s"


async def test_progress_reports_megabytes_while_the_video_is_downloaded(tmp_path: Path, era: str) -> None:
    progress, transport = Progress(), HalfwayTransport(Sandbox(pace=0))
    timing = Timing(downloads=DownloadTiming(block=1024))
    async with connected(tmp_path, era, transport=transport, timing=timing) as session:
        job = await session.create(**PRICED)

        async def check() -> None:
            await session.client.call_tool(
                "check_video", {"job_id": job["job_id"], "wait_seconds": 40}, progress_callback=progress
            )

        async with anyio.create_task_group() as group:
            group.start_soon(check)
            await progress.wait_for(" of ")
            transport.released.set()
        size = (await session.finish(job["job_id"]))["size_bytes"]
    progress.assert_plausible()
    half = f"downloading, {size / 2e6:.1f} of {size / 1e6:.1f} MB"
    assert [total for _, total, message in progress.reports if message == half] == [95]


# -- a running job ------------------------------------------------------------------------------------------------


async def test_the_answer_about_a_running_job_is_short(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        job = await session.create(SLOW, **PRICED)
        now = (await session.call("check_video", job_id=job["job_id"])).fields
    assert now["state"] in {"queued", "running"}
    assert now.keys() <= {
        "job_id", "state", "model", "elapsed_seconds", "check_again_in", "progress", "cost", "next_step",
        "sandbox",
    }  # fmt: skip
    assert now["cost"]["reserved"] is True


@pytest.mark.parametrize(("elapsed", "expected"), [(0, 50), (60, 35), (80, 15), (93, 5), (300, 5)])
async def test_outside_the_sandbox_check_again_in_is_when_the_video_should_be_finished(
    tmp_path: Path, era: str, elapsed: int, expected: int
) -> None:
    """The videos of a model that is new to the journal are expected after 95 s; between 5 and 50 s are suggested."""
    now = 1_000_000_000.0
    async with connected(tmp_path, era, timing=Timing(clock=lambda: now), **with_keys("seedanceapi")) as session:
        job = await session.create(SLOW, **PRICED)
        now += elapsed
        fields = (await session.call("check_video", job_id=job["job_id"])).fields
        assert not session.settings.sandbox
    assert fields["state"] in {"queued", "running"}
    assert fields["check_again_in"] == expected
    assert fields["next_step"] == "Call check_video again, or tell the user that it is not finished yet."


async def test_outside_the_sandbox_check_again_in_learns_from_earlier_videos(tmp_path: Path, era: str) -> None:
    now = 1_000_000_000.0
    async with connected(tmp_path, era, timing=Timing(clock=lambda: now), **with_keys("seedanceapi")) as session:
        for number in range(5):
            job = await session.create(f"fox {number}", **PRICED)
            now += 30
            await session.finish(job["job_id"])
        job = await session.create(SLOW, **PRICED)
        now += 10
        fields = (await session.call("check_video", job_id=job["job_id"])).fields
    assert fields["check_again_in"] == 20


async def test_in_the_sandbox_check_again_in_is_two_seconds(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        job = await session.create(SLOW, **PRICED)
        assert (await session.call("check_video", job_id=job["job_id"])).fields["check_again_in"] == 2


# -- a finished job -----------------------------------------------------------------------------------------------


async def test_outside_the_sandbox_the_end_is_the_same(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, **with_keys("seedanceapi")) as session:
        job = await session.create(**PRICED)
        assert job["next_step"] == (
            f"Call check_video with job_id {job['job_id']} and wait_seconds 50 until it is finished."
        )
        done = await session.finish(job["job_id"])
    assert done["state"] == "succeeded"
    assert done["next_step"] == "Tell the user where the video is."
    assert done.keys().isdisjoint({"check_again_in", "progress", "note"})
    assert inspect_video(done["path"]).codec == "h264"


async def test_the_cost_is_reserved_while_the_job_runs_and_spent_when_it_has_finished(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, sandbox=Sandbox(pace=0.4)) as session:
        job = await session.create(**PRICED)
        listed = (await session.call("list_videos")).fields
        assert listed["spent_today"] == {"usd": 0.0, "reserved": job["cost"]["usd"]}
        done = await session.finish(job["job_id"])
        assert done["cost"] == {"usd": job["cost"]["usd"]}
        listed = (await session.call("list_videos")).fields
        assert listed["spent_today"] == {"usd": job["cost"]["usd"], "reserved": 0.0}


async def test_without_autosave_the_answer_has_the_link(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, SEEDANCE_SAVE="off") as session:
        done = await session.video(**PRICED)
        assert "path" not in done
        assert done["url"].startswith("http://sandbox.invalid/videos/")
        assert done["next_step"] == "Tell the user where the video is."
        without_link = await session.video(model="ope/seedance-2-0", duration=4, resolution="480p")
    assert without_link["state"] == "succeeded"
    assert without_link.keys().isdisjoint({"path", "url"})
    assert without_link["next_step"] == (
        "Only the vendor's API key downloads this video: ask the user to set SEEDANCE_SAVE=auto, then check again."
    )
    assert not (tmp_path / "videos").exists()


async def test_a_folder_that_cannot_be_written_is_a_note_and_the_next_check_tries_again(
    tmp_path: Path, era: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(tmp_path, era) as session:
        job = await session.create("a fox. sandbox: slow 1", **PRICED)
        (tmp_path / "videos").rmdir()
        (tmp_path / "videos").write_text("a file where the folder should be")
        with caplog.at_level(logging.CRITICAL):
            done = await session.finish(job["job_id"])
        assert done["state"] == "succeeded"
        assert str(tmp_path / "videos") in done["note"]
        assert done["url"]
        assert done["next_step"] == "Call check_video to try again; it also gives the URL until that expires."
        (tmp_path / "videos").unlink()
        done = await session.finish(done["job_id"])
    assert inspect_video(done["path"]).codec == "h264"
    assert "note" not in done


async def test_a_folder_that_cannot_be_written_to_is_reported_before_anything_is_paid(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        (tmp_path / "videos").write_text("a file where the folder should be")
        refusal = await session.refused(**PRICED)
        assert refusal.startswith(f"setting: The folder for videos, {tmp_path / 'videos'}, cannot be written to (")
        assert "nothing was sent. Ask the user to correct that" in refusal
        assert await session.nothing_happened()
        (tmp_path / "videos").unlink()
        await session.create(**PRICED)
        assert list((tmp_path / "videos").iterdir()) == []


async def test_a_job_that_was_settled_as_not_charged_may_be_created_again(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        job = await session.create("sandbox: lose-answer", **PRICED)
        assert job["state"] == "unknown"
        await (await session.app.service()).resolve(job["job_id"], None)
        settled = (await session.call("check_video", job_id=job["job_id"])).fields
    assert settled["state"] == "rejected"
    assert settled["next_step"] == "The user said so, so nothing is charged: call create_video again."


# -- several servers ----------------------------------------------------------------------------------------------


async def test_a_server_whose_vendor_does_not_know_the_job_leaves_it_to_the_one_that_created_it(
    tmp_path: Path, era: str
) -> None:
    """Two servers of one user may have different keys; here, each has a sandbox of its own."""
    async with connected(tmp_path, era) as one:
        job = await one.create("a fox. sandbox: slow 1", **PRICED)
        async with connected(tmp_path, era) as two:
            seen_there = (await two.call("check_video", job_id=job["job_id"])).fields
            assert "does not know the task of this job" in seen_there["note"]
            with anyio.fail_after(20):
                assert (await one.finish(job["job_id"]))["state"] == "succeeded"


# -- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wait", [-1, 51, "10", 1.5])
async def test_a_wait_outside_its_limits_is_refused(tmp_path: Path, era: str, wait: object) -> None:
    async with connected(tmp_path, era) as session:
        job = await session.create(**PRICED)
        refusal = (await session.call("check_video", job_id=job["job_id"], wait_seconds=wait)).refusal
    assert refusal.startswith("invalid_request: check_video: wait_seconds ")


@pytest.mark.parametrize("arguments", [{}, {"job_id": ""}, {"job_id": None}])
async def test_the_job_id_is_required(tmp_path: Path, era: str, arguments: dict[str, object]) -> None:
    async with connected(tmp_path, era) as session:
        refusal = (await session.call("check_video", **arguments)).refusal
    assert "job_id is required" in refusal


async def test_an_unknown_job_is_refused_at_once(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        with anyio.fail_after(20):
            refusal = (await session.call("check_video", job_id="nosuchjob", wait_seconds=50)).refusal
    assert refusal == "unknown_job: There is no job 'nosuchjob'. Call list_videos to see the jobs there are."
