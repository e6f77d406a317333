"""check_video: waiting, progress, and what is told of a job on its way and at its end."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import anyio
import pytest

from seedance_mcp.jobs.download import downloader
from seedance_mcp.sandbox import Sandbox
from tests.server.mcp_client import PRICED, seen, connected

pytestmark = pytest.mark.anyio


async def test_waiting_returns_as_soon_as_the_film_is_there(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, sandbox=Sandbox(pace=0.2)) as session:
        begun = await session.create(**PRICED)
        with anyio.fail_after(20):  # it was allowed to take 50
            done = (await session.call("check_video", job_id=begun["job_id"], wait_seconds=50)).fields
    assert done["state"] == "succeeded"
    assert seen(done["path"]).codec == "h264"


async def test_who_waits_is_told_how_far_it_is(tmp_path: Path, era: str) -> None:
    told: list[tuple[float, float | None, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))

    async with connected(tmp_path, era, sandbox=Sandbox(pace=0.4)) as session:
        begun = await session.create(**PRICED)
        await session.client.call_tool(
            "check_video", {"job_id": begun["job_id"], "wait_seconds": 40}, progress_callback=hear
        )
    assert told
    assert [progress for progress, _, _ in told] == sorted(progress for progress, _, _ in told)
    assert all(total is not None and progress <= total for progress, total, _ in told)
    assert told[0][2] is not None
    assert told[0][2].split(",")[0] in {"submitted", "queued", "running"}


async def test_who_waits_for_the_film_is_told_its_bytes(
    tmp_path: Path, era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[float, float | None, str | None]] = []
    bytes_told = anyio.Event()
    real = downloader.save

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))
        if "MB" in (message or ""):
            bytes_told.set()

    async def slowly(job: Any, vendor: Any, web: Any, folder: Path, progress: Any) -> Any:
        progress(3_000_000, 12_000_000)
        with anyio.fail_after(20):
            await bytes_told.wait()
        progress(0, 12_000_000)  # it begins anew
        return await real(job, vendor, web, folder, progress)

    monkeypatch.setattr(downloader, "save", slowly)
    async with connected(tmp_path, era) as session:
        begun = await session.create(**PRICED)
        await session.client.call_tool(
            "check_video", {"job_id": begun["job_id"], "wait_seconds": 40}, progress_callback=hear
        )
    assert (3_000_000, 12_000_000, "saving, 3.0 of 12.0 MB") in told
    assert [progress for progress, _, _ in told] == sorted(progress for progress, _, _ in told)


async def test_without_waiting_a_running_job_is_told_in_a_few_words(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        begun = await session.create("a fox. sandbox: slow 3600", **PRICED)
        now = (await session.call("check_video", job_id=begun["job_id"])).fields
    assert now["state"] in {"queued", "running"}
    assert now.keys() <= {
        "job_id", "state", "model", "elapsed_seconds", "check_again_in", "progress", "cost", "next_step",
    }  # fmt: skip
    assert now["cost"]["reserved"] is True


async def test_a_wait_that_is_over_leaves_the_job_running(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        begun = await session.create("a fox. sandbox: slow 3600", **PRICED)
        now = (await session.call("check_video", job_id=begun["job_id"], wait_seconds=1)).fields
        assert now["state"] in {"queued", "running"}
        assert now["check_again_in"] > 0
        assert session.paid == 1


@pytest.mark.parametrize("wait", [-1, 51, "10", 1.5])
async def test_a_wait_beyond_its_bounds_is_refused(tmp_path: Path, era: str, wait: object) -> None:
    async with connected(tmp_path, era) as session:
        begun = await session.create(**PRICED)
        said = (await session.call("check_video", job_id=begun["job_id"], wait_seconds=wait)).refusal
    assert said.startswith("invalid_request: check_video: wait_seconds ")


@pytest.mark.parametrize("arguments", [{}, {"job_id": ""}, {"job_id": None}])
async def test_which_job_has_to_be_said(tmp_path: Path, era: str, arguments: dict[str, object]) -> None:
    async with connected(tmp_path, era) as session:
        said = (await session.call("check_video", **arguments)).refusal
    assert "job_id is required" in said


async def test_a_job_that_is_not_there_is_said_to_be_unknown(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        said = (await session.call("check_video", job_id="nosuchjob", wait_seconds=50)).refusal
    assert said == "unknown_job: There is no job 'nosuchjob'. Call list_videos for the jobs there are."


async def test_many_who_wait_make_one_look(tmp_path: Path, era: str) -> None:
    states: list[str] = []
    async with connected(tmp_path, era, sandbox=Sandbox(pace=0.4)) as session:
        begun = await session.create(**PRICED)

        async def wait() -> None:
            states.append((await session.call("check_video", job_id=begun["job_id"], wait_seconds=40)).fields["state"])

        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(wait)
        (task,) = session.sandbox.tasks.values()
    assert states == ["succeeded"] * 10
    assert task.polls < 10


async def test_the_cost_is_reserved_while_it_runs_and_spent_when_it_is_done(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, sandbox=Sandbox(pace=0.4)) as session:
        begun = await session.create(**PRICED)
        listed = (await session.call("list_videos")).fields
        assert listed["spent_today"] == {"usd": 0.0, "reserved": begun["cost"]["usd"]}
        done = await session.end(begun["job_id"])
        assert done["cost"] == {"usd": begun["cost"]["usd"]}
        listed = (await session.call("list_videos")).fields
        assert listed["spent_today"] == {"usd": begun["cost"]["usd"], "reserved": 0.0}


async def test_with_saving_switched_off_the_link_is_the_answer(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, SEEDANCE_SAVE="off") as session:
        done = await session.video(**PRICED)
        assert "path" not in done
        assert done["url"].startswith("http://sandbox.localhost/films/")
        assert done["next_step"] == "Tell the user where the film is."
        keyed = await session.video(model="ope/seedance-2-0", duration=4, resolution="480p")
    assert keyed["state"] == "succeeded"
    assert keyed.keys().isdisjoint({"path", "url"})
    assert "SEEDANCE_SAVE=auto" in keyed["next_step"]
    assert not (tmp_path / "videos").exists()


async def test_a_folder_that_cannot_be_written_is_a_note_and_the_next_check_tries_again(
    tmp_path: Path, era: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "videos").write_text("in the way")
    async with connected(tmp_path, era) as session:
        with caplog.at_level(logging.CRITICAL):
            done = await session.video(**PRICED)
        assert done["state"] == "succeeded"
        assert str(tmp_path / "videos") in done["note"]
        assert done["url"]
        assert done["next_step"].startswith("Call check_video")
        (tmp_path / "videos").unlink()
        done = await session.end(done["job_id"])
    assert seen(done["path"]).codec == "h264"
    assert "note" not in done


async def test_a_server_that_cannot_look_leaves_it_to_the_one_that_can(tmp_path: Path, era: str) -> None:
    """Two servers of one user may have different keys; here, the second one's vendors do not know the task."""
    async with connected(tmp_path, era) as one:
        begun = await one.create("a fox. sandbox: slow 1", **PRICED)
        async with connected(tmp_path, era) as two:
            seen_there = (await two.call("check_video", job_id=begun["job_id"])).fields
            assert "could not report the status of the job" in seen_there["note"]
            with anyio.fail_after(20):
                assert (await one.end(begun["job_id"]))["state"] == "succeeded"
