"""Each running job is polled when it is due, by one server, and the status that its vendor gives is written down."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from seedance_mcp.jobs.accounts import Accounts
from seedance_mcp.jobs.download.downloader import Downloader
from seedance_mcp.jobs.journal.model import OPEN, Job
from seedance_mcp.jobs.poller import Poller
from seedance_mcp.jobs.timing import PollTiming
from seedance_mcp.vendors.vendor import Answer
from tests.exception_groups import single_error
from tests.jobs.services import (
    DISK_FULL,
    OWNER,
    VIRTUAL_TIMING,
    WITH_KEY,
    InlineJournal,
    ScriptedWeb,
    Step,
    account,
    admitted,
    never,
    refused,
    running_job,
    status,
    succeeded,
    vendor_settings,
)
from tests.jobs.virtual_time import VIRTUAL, now, wall_clock

pytestmark = pytest.mark.anyio

RUNNING = status("IN_PROGRESS")
FIVE = PollTiming(most_per_second=5)
NO_SUCH_TASK = refused(404, "TASK_NOT_FOUND")


@pytest.fixture
def anyio_backend() -> Any:
    return VIRTUAL


class Downloads(Downloader):
    """Records the jobs whose videos it should download."""

    started: list[Job]

    def start(self, job: Job) -> None:
        self.started.append(job)


class Journal(InlineJournal):
    """A journal in which ending a lease takes time."""

    release_seconds = 0.0

    async def claim(self, job_id: str, owner: str, seconds: float, *, when: Sequence[str]) -> bool:
        if not seconds:
            await anyio.sleep(self.release_seconds)
        return await super().claim(job_id, owner, seconds, when=when)


@dataclass
class Scene:
    """One poller over a vendor that follows a script."""

    poller: Poller
    web: ScriptedWeb
    journal: Journal
    downloads: Downloads
    changed: list[str] = field(default_factory=list[str])

    async def job(self, job_id: str = "job-1") -> Job:
        job = await self.journal.get(job_id)
        assert job
        return job

    async def start(self, job_id: str = "job-1", **changes: Any) -> Job:
        """Let the vendor accept a job, and track it."""
        job = await running_job(self.journal, job_id, **changes)
        await self.poller.track(job)
        return job

    async def until(self, seconds: float) -> None:
        """Let the time since the test began go on to so many seconds."""
        await anyio.sleep(seconds - now())


@asynccontextmanager
async def polling(
    folder: Path, polls: Iterable[Step] = (RUNNING,), *, interval: float | None = None, **changes: Any
) -> AsyncGenerator[Scene]:
    """Run a poller; `changes` are those of the timing."""
    journal = Journal(folder)
    settings = vendor_settings(folder)
    web = ScriptedWeb(settings, polls=polls)
    vendors = {vendor.slug: vendor for vendor in settings.vendors}
    downloads = Downloads(journal, web, vendors, OWNER, folder=folder, autosave=True, on_change=lambda _: None)
    downloads.started = []
    changed: list[str] = []
    poller = Poller(
        journal,
        web,
        Accounts(settings),
        OWNER,
        downloader=downloads,
        on_change=changed.append,
        interval=interval,
        timing=replace(VIRTUAL_TIMING, **changes),
    )
    try:
        async with anyio.create_task_group() as group:
            await group.start(poller.run)
            yield Scene(poller, web, journal, downloads, changed)
            group.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise single_error(group) from None
    finally:
        journal.close()


# -- when ---------------------------------------------------------------------------------------------------------


async def test_a_job_is_polled_by_the_schedule_until_it_ends(tmp_path: Path) -> None:
    async with polling(tmp_path, [*[RUNNING] * 33, succeeded()]) as scene:
        await scene.start()
        await scene.until(3600)
        steady = [47.5 + 5 * step for step in range(28)]
        assert scene.web.poll_times[:28] == steady
        assert scene.web.poll_times[28:32] == pytest.approx([193.45, 205.057, 217.360, 230.402], abs=0.002)
        assert len(scene.web.polls) == 34
        assert {sent.call.query["task_id"] for sent in scene.web.polls} == {"task-job-1"}
        assert scene.changed == ["job-1"] * 34
        assert (await scene.job()).polls == 34


async def test_later_than_usual_the_pauses_grow_to_15_seconds(tmp_path: Path) -> None:
    async with polling(tmp_path) as scene:
        await scene.start()
        await scene.until(1000)
        pauses = [round(b - a, 3) for a, b in zip(scene.web.poll_times, scene.web.poll_times[1:], strict=False)]
        assert max(pauses) == 15
        assert pauses[-40:] == [15] * 40


async def test_the_durations_of_earlier_videos_of_the_model_set_the_schedule(tmp_path: Path) -> None:
    async with polling(tmp_path) as scene:
        for number in range(5):
            await running_job(scene.journal, f"earlier-{number}")
            done = {"finished_at": wall_clock() + 20}
            await scene.journal.move(f"earlier-{number}", "succeeded", when=OPEN, **done)
        await scene.start()
        await scene.until(26)
        assert scene.web.poll_times == [10, 15, 20, 25]


async def test_chance_moves_polls_by_up_to_a_fifth(tmp_path: Path) -> None:
    async with polling(tmp_path, jitter=max) as scene:
        await scene.start()
        await scene.until(70)
        assert scene.web.poll_times == [57, 63, 69]


async def test_an_interval_replaces_the_schedule(tmp_path: Path) -> None:
    async with polling(tmp_path, interval=20) as scene:
        await scene.start()
        await scene.until(101)
        assert scene.web.poll_times == [20, 40, 60, 80, 100]


async def test_a_poll_that_a_caller_requests_moves_the_next_one(tmp_path: Path) -> None:
    async with polling(tmp_path, interval=20) as scene:
        await scene.start()
        await scene.until(10)
        await scene.poller.poll("job-1")
        await scene.until(60)
        assert scene.web.poll_times == [10, 30, 50]


async def test_tracking_a_job_twice_polls_it_once(tmp_path: Path) -> None:
    async with polling(tmp_path, interval=20) as scene:
        job = await scene.start()
        await scene.until(5)
        await scene.poller.track(job)
        await scene.until(45)
        assert scene.web.poll_times == [20, 40]


async def test_a_job_that_is_due_earlier_does_not_wait_for_the_others(tmp_path: Path) -> None:
    async with polling(tmp_path) as scene:
        await scene.start("late")
        await scene.until(1)
        early = await running_job(scene.journal, "early")
        early = await scene.journal.note("early", submitted_at=(early.submitted_at or 0) - 40)
        assert early
        await scene.poller.track(early)
        await scene.until(20)
        assert scene.web.poll_times == [8.5, 13.5, 18.5]


@pytest.mark.parametrize("state", ["intent", "submitting", "unknown", "succeeded", "rejected"])
async def test_a_job_that_is_not_at_a_vendor_is_not_polled(tmp_path: Path, state: str) -> None:
    async with polling(tmp_path, interval=1) as scene:
        job = await running_job(scene.journal)
        await scene.poller.track(replace(job, state=state))
        await scene.until(100)
        assert scene.web.polls == []


async def test_nothing_happens_while_there_is_no_job(tmp_path: Path) -> None:
    async with polling(tmp_path, interval=1) as scene:
        await scene.until(1_000_000)
        await scene.start()
        await scene.until(1_000_002.5)
        assert scene.web.poll_times == [1_000_001, 1_000_002]


async def test_a_vendor_gets_five_polls_a_second_at_first_and_each_vendor_by_itself(tmp_path: Path) -> None:
    async with polling(tmp_path, interval=100, poll=FIVE) as scene:
        for number in range(6):
            await scene.start(f"job-{number}")
        await scene.start("other", model=WITH_KEY["model"])
        await scene.until(101.5)
        own = [round(sent.at, 3) for sent in scene.web.polls if "task_id" in sent.call.query]
        assert own == [100, 100.2, 100.4, 100.6, 100.8, 101]
        assert next(sent.at for sent in scene.web.polls if "taskId" in sent.call.query) == 100


async def test_many_open_jobs_are_polled_at_the_rate_that_their_vendor_bears(tmp_path: Path) -> None:
    async with polling(tmp_path, interval=5) as scene:
        scene.web.poll_script[:] = [*[RUNNING] * 400, refused(429, retry_after=7), RUNNING]
        for number in range(100):
            await scene.start(f"job-{number}")
        await scene.until(60)
        times = scene.web.poll_times
        refused_at = times[400]
        per_second = [sum(at - 1 <= time < at for time in times) for at in (6, refused_at, refused_at + 8)]
        assert per_second[0] < per_second[1]
        assert not [time for time in times if refused_at < time < refused_at + 7]
        assert per_second[2] < 0.8 * per_second[1]


async def test_a_job_whose_end_was_seen_elsewhere_before_its_turn_is_not_polled(tmp_path: Path) -> None:
    async with polling(tmp_path, interval=100, poll=FIVE) as scene:
        for number in range(3):
            await scene.start(f"job-{number}")
        await scene.until(100.3)
        await scene.journal.move("job-2", "succeeded", when=OPEN)
        await scene.until(101)
        assert [sent.call.query["task_id"] for sent in scene.web.polls] == ["task-job-0", "task-job-1"]
        assert [job.id for job in scene.downloads.started] == ["job-2"]


async def test_the_turns_of_a_vendor_are_not_saved_up(tmp_path: Path) -> None:
    async with polling(tmp_path, poll=FIVE) as scene:
        for number in range(3):
            await running_job(scene.journal, f"job-{number}")
        for start in (0, 20):
            await scene.until(start)
            async with anyio.create_task_group() as group:
                for number in range(3):
                    group.start_soon(scene.poller.poll, f"job-{number}")
            assert scene.web.poll_times[-3:] == [start, start + 0.2, start + 0.4]


async def test_callers_who_come_at_the_same_time_share_one_poll(tmp_path: Path) -> None:
    done: list[float] = []

    async def slowly() -> Answer:
        await anyio.sleep(3)
        return RUNNING

    async with polling(tmp_path, [slowly]) as scene:
        await running_job(scene.journal)

        async def poll() -> None:
            await scene.poller.poll("job-1")
            done.append(now())

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(poll)
        assert scene.web.poll_times == [0]
        assert done == [3] * 5


async def test_a_job_that_falls_due_during_its_own_poll_is_polled_a_moment_later(tmp_path: Path) -> None:
    async with polling(tmp_path, interval=0.01) as scene:
        scene.journal.release_seconds = 1
        await scene.start()
        await scene.until(3)
        assert scene.web.poll_times == pytest.approx([0.01, 1.02, 2.03], abs=0.11)


# -- the status ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vendor_status", "state"), [("PENDING", "queued"), ("IN_PROGRESS", "running"), ("undocumented-status", "running")]
)
async def test_a_poll_writes_down_the_state_and_the_vendors_own_status(
    tmp_path: Path, vendor_status: str, state: str
) -> None:
    async with polling(tmp_path, [status(vendor_status)]) as scene:
        await scene.start()
        await scene.poller.poll("job-1")
        job = await scene.job()
        assert (job.state, job.vendor_status, job.polls, job.polled_at) == (state, vendor_status, 1, wall_clock())
        assert (job.reserved, job.finished_at) == (570_000, None)
        assert scene.downloads.started == []


async def test_a_charge_that_a_running_job_reports_raises_its_reservation_and_never_lowers_it(tmp_path: Path) -> None:
    polls = [status("IN_PROGRESS", charged) for charged in (0, 100, 57, None)]
    async with polling(tmp_path, polls) as scene:
        await scene.start()
        reserved: list[int] = []
        for _ in polls:
            await scene.poller.poll("job-1")
            reserved.append((await scene.job()).reserved)
        assert reserved == [570_000, 1_000_000, 1_000_000, 1_000_000]


async def test_the_end_of_a_job_is_settled_and_its_video_downloaded(tmp_path: Path) -> None:
    async with polling(tmp_path, [succeeded(charged=100)]) as scene:
        await scene.start()
        await scene.poller.poll("job-1")
        job = await scene.job()
        assert (job.state, job.url, job.finished_at) == ("succeeded", "https://cdn.example.com/1.mp4", wall_clock())
        assert (job.reserved, job.spent) == (0, 1_000_000)
        assert scene.downloads.started == [job]
        await scene.until(10_000)
        assert scene.web.poll_times == [0]


async def test_a_failed_job_has_the_vendors_reason(tmp_path: Path) -> None:
    failed = status("FAILED", charged=0)
    failed.body["data"]["error_message"] = "it may contain sensitive information"
    async with polling(tmp_path, [failed]) as scene:
        await scene.start()
        await scene.poller.poll("job-1")
        job = await scene.job()
        assert (job.state, job.error_code) == ("failed", "content_policy")
        assert (job.error_message, job.spent, job.reserved) == ("it may contain sensitive information", 0, 0)


async def test_a_success_clears_what_earlier_polls_could_not_find_out(tmp_path: Path) -> None:
    async with polling(tmp_path, [refused(500), RUNNING, refused(500), succeeded()], interval=5) as scene:
        await scene.start()
        for moment, failed in ((5.5, True), (6.5, False), (11.5, True), (12.5, False)):
            await scene.until(moment)
            assert ("could not report" in ((await scene.job()).error_message or "")) is failed
        assert (await scene.job()).state == "succeeded"


async def test_a_job_that_ended_elsewhere_is_not_polled_and_its_video_is_downloaded(tmp_path: Path) -> None:
    async with polling(tmp_path, interval=10) as scene:
        await scene.start()
        ended = await scene.journal.move("job-1", "succeeded", when=OPEN)
        await scene.until(100)
        assert scene.web.polls == []
        assert scene.downloads.started == [ended]
        assert scene.changed == ["job-1"]


async def test_a_result_that_comes_after_the_job_was_settled_elsewhere_is_dropped(tmp_path: Path) -> None:
    async with polling(tmp_path, []) as scene:

        async def settled_meanwhile() -> Answer:
            await scene.journal.move("job-1", "failed", when=OPEN, spent=1)
            return succeeded(charged=100)

        scene.web.poll_script.append(settled_meanwhile)
        await scene.start()
        await scene.poller.poll("job-1")
        assert ((job := await scene.job()).state, job.spent) == ("failed", 1)
        assert scene.downloads.started == []


async def test_a_job_whose_vendor_has_no_key_any_more_says_so_and_is_not_polled(tmp_path: Path) -> None:
    async with polling(tmp_path, interval=10) as scene:
        await scene.start(model="jimmyai/seedance2.0-mini")
        await scene.until(100)
        assert scene.web.polls == []
        job = await scene.job()
        assert (job.state, job.error_message) == (
            "submitted",
            "No API key for jimmyai is set here, so the job cannot be polled.",
        )
        assert scene.changed == ["job-1"]


async def test_a_job_without_a_task_is_not_polled(tmp_path: Path) -> None:
    async with polling(tmp_path, interval=10) as scene:
        await scene.start()
        await scene.journal.note("job-1", task_id=None)
        await scene.until(100)
        assert scene.web.polls == []


# -- errors -------------------------------------------------------------------------------------------------------


async def test_after_errors_the_pauses_double_up_to_a_minute_and_the_job_stays_as_it_is(tmp_path: Path) -> None:
    async with polling(tmp_path, [refused(500)], interval=5) as scene:
        await scene.start()
        await scene.until(190)
        assert scene.web.poll_times == [5, 6, 8, 12, 20, 36, 68, 128, 188]
        job = await scene.job()
        assert (job.state, job.polls, job.polled_at) == ("submitted", 9, wall_clock() - 2)
        assert job.error_message == "seedanceapi.org could not report the status of the job: refused."


async def test_a_task_that_the_vendor_does_not_know_for_15_minutes_makes_the_job_unknown(tmp_path: Path) -> None:
    async with polling(tmp_path, [NO_SUCH_TASK], interval=60) as scene:
        await scene.start()
        await scene.until(930)
        waiting = await scene.job()
        assert (waiting.state, waiting.reserved) == ("submitted", 570_000)
        assert "does not know the task" in (waiting.error_message or "")
        await scene.until(2000)
        job = await scene.job()
        assert (job.state, job.reserved, job.error_code) == ("unknown", 570_000, "unknown_outcome")
        assert job.error_message == (
            "seedanceapi.org has said for 15 minutes that it does not know task task-job-1 of this job."
        )
        assert scene.web.poll_times[-1] == 960
        assert scene.changed[-1] == "job-1"


async def test_the_15_minutes_begin_again_once_the_vendor_knows_the_task(tmp_path: Path) -> None:
    polls = [*[NO_SUCH_TASK] * 10, RUNNING, *[NO_SUCH_TASK] * 10, RUNNING]
    async with polling(tmp_path, polls, interval=60) as scene:
        await scene.start()
        await scene.until(1321)
        assert ((job := await scene.job()).state, job.missing_since, job.error_message) == ("running", None, None)


async def test_the_15_minutes_go_on_in_another_process(tmp_path: Path) -> None:
    async with polling(tmp_path, [NO_SUCH_TASK], interval=60) as scene:
        await scene.start()
        await scene.until(61)
    await anyio.sleep(3600)
    async with polling(tmp_path, [NO_SUCH_TASK], interval=60) as scene:
        await scene.poller.poll("job-1")
        assert (await scene.job()).state == "unknown"


async def test_a_task_that_a_vendor_does_not_know_holds_up_no_other_job_of_it(tmp_path: Path) -> None:
    async with polling(tmp_path, [NO_SUCH_TASK, NO_SUCH_TASK, NO_SUCH_TASK, RUNNING], interval=5) as scene:
        await scene.start()
        await scene.until(21)
        assert scene.web.poll_times == [5, 10, 15, 20]


@pytest.mark.parametrize("answer", [Answer(404), Answer(404, {"detail": "no such route"}), refused(404, "no")])
async def test_a_404_that_is_not_the_vendors_documented_one_never_ends_a_job(tmp_path: Path, answer: Answer) -> None:
    async with polling(tmp_path, [answer], interval=60) as scene:
        await scene.start()
        await scene.until(4000)
        assert (await scene.job()).state == "submitted"


async def test_an_answer_without_the_documented_shape_counts_as_an_error(tmp_path: Path) -> None:
    async with polling(tmp_path, [Answer(200, {"data": 7}), Answer(200), RUNNING], interval=5) as scene:
        await scene.start()
        await scene.until(20)
        assert scene.web.poll_times == [5, 6, 8, 13, 18]


async def test_one_success_ends_the_growth_of_the_pauses(tmp_path: Path) -> None:
    async with polling(tmp_path, [*[refused(500)] * 3, RUNNING, refused(500), RUNNING], interval=5) as scene:
        await scene.start()
        await scene.until(25)
        assert scene.web.poll_times == [5, 6, 8, 12, 17, 18, 23]


async def test_a_pause_that_the_vendor_asks_for_is_kept(tmp_path: Path) -> None:
    async with polling(tmp_path, [refused(429, retry_after=33), RUNNING], interval=5) as scene:
        await scene.start()
        await scene.until(40)
        assert scene.web.poll_times == [5, 38]


async def test_a_vendor_in_a_pause_is_not_asked_about_any_job_even_for_a_caller(tmp_path: Path) -> None:
    async with polling(tmp_path, [refused(429, retry_after=33), RUNNING]) as scene:
        for name in ("job-1", "job-2"):
            await running_job(scene.journal, name)
        await scene.poller.poll("job-1")
        await scene.until(10)
        for name in ("job-1", "job-2"):
            await scene.poller.poll(name)
        assert scene.web.poll_times == [0]
        await scene.until(34)
        assert scene.web.poll_times == [0, 33, 33.4]  # and fewer polls a second than before


async def test_the_pause_of_one_vendor_does_not_hold_up_another(tmp_path: Path) -> None:
    async with polling(tmp_path, [refused(429, retry_after=33), RUNNING]) as scene:
        await running_job(scene.journal, "job-1")
        await running_job(scene.journal, "job-2", model=WITH_KEY["model"])
        await scene.poller.poll("job-1")
        await scene.poller.poll("job-2")
        assert scene.web.poll_times == [0, 0]


@pytest.mark.parametrize("problem", [ZeroDivisionError("a bug"), DISK_FULL])
async def test_a_poll_that_fails_unexpectedly_is_logged_and_repeated_after_half_a_minute(
    tmp_path: Path, problem: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async with polling(tmp_path, [problem, RUNNING], interval=5) as scene:
        await scene.start()
        await scene.until(41)
        assert scene.web.poll_times == [5, 35, 40]
        assert (await scene.job()).state == "running"
    assert "job-1" in caplog.text
    assert str(problem) in caplog.text


# -- several servers on one journal -------------------------------------------------------------------------------


async def test_a_job_that_another_server_is_polling_is_left_to_it(tmp_path: Path) -> None:
    async with polling(tmp_path, interval=5) as scene:
        await scene.start()
        assert await scene.journal.claim("job-1", "another", 60, when=OPEN)
        await scene.until(8)
        await scene.poller.poll("job-1")
        await scene.until(60)
        assert scene.web.polls == []
        await scene.until(65)
        assert len(scene.web.polls) == 1  # the lease of the other server is over


async def test_the_lease_ends_with_the_poll(tmp_path: Path) -> None:
    leased: list[bool] = []
    async with polling(tmp_path, []) as scene:

        async def check_lease() -> Answer:
            leased.append(await scene.journal.claim("job-1", "another", 60, when=OPEN))
            return RUNNING

        scene.web.poll_script.append(check_lease)
        await scene.start()
        await scene.poller.poll("job-1")
        assert leased == [False]
        assert await scene.journal.claim("job-1", "another", 60, when=OPEN)


async def test_the_lease_ends_when_the_caller_gives_up(tmp_path: Path) -> None:
    async with polling(tmp_path, [never, RUNNING]) as scene:
        scene.journal.release_seconds = 1
        await running_job(scene.journal)
        with anyio.move_on_after(3):
            await scene.poller.poll("job-1")
        assert now() == 4
        assert await scene.journal.claim("job-1", "another", 1, when=OPEN)
        await scene.until(40)
        assert scene.web.poll_times == [0, 34]  # a poll that was given up is repeated after half a minute


async def test_a_lease_lasts_for_a_minute(tmp_path: Path) -> None:
    async with polling(tmp_path, [never]) as scene:
        await scene.start()
        with anyio.move_on_after(59.9):
            await scene.poller.poll("job-1")
            raise AssertionError
        async with anyio.create_task_group() as group:
            group.start_soon(scene.poller.poll, "job-1")
            began = now()
            await anyio.sleep(59.9)
            assert not await scene.journal.claim("job-1", "another", 60, when=OPEN)
            await scene.until(began + 60.1)
            assert await scene.journal.claim("job-1", "another", 60, when=OPEN)
            group.cancel_scope.cancel()


async def test_a_job_that_another_server_has_just_polled_waits_for_its_next_turn(tmp_path: Path) -> None:
    async with polling(tmp_path, interval=10) as scene:
        await scene.start()
        await scene.until(3)
        await scene.journal.note("job-1", polled_at=wall_clock())
        await scene.until(25)
        assert scene.web.poll_times == [20]  # at 10 s, the last poll was 7 s old


async def test_a_poll_by_another_server_long_ago_does_not_count(tmp_path: Path) -> None:
    async with polling(tmp_path, interval=10) as scene:
        await scene.start()
        await scene.until(1)
        await scene.journal.note("job-1", polled_at=wall_clock())
        await scene.until(15)
        assert scene.web.poll_times == [10]  # at 10 s, the last poll was 9 s old


async def test_a_poll_in_the_future_does_not_count(tmp_path: Path) -> None:
    async with polling(tmp_path, interval=10) as scene:
        await scene.start()
        await scene.journal.note("job-1", polled_at=wall_clock() + 86_400)  # the clock was set back
        await scene.until(15)
        assert scene.web.poll_times == [10]


async def test_a_caller_who_requests_a_poll_gets_one_however_recent_the_last(tmp_path: Path) -> None:
    async with polling(tmp_path, interval=10) as scene:
        await scene.start()
        await scene.journal.note("job-1", polled_at=wall_clock())
        await scene.poller.poll("job-1")
        assert scene.web.poll_times == [0]


async def test_a_job_that_is_not_in_the_journal_any_more_is_forgotten(tmp_path: Path) -> None:
    async with polling(tmp_path, interval=10) as scene:
        await scene.poller.track(replace(await admitted(scene.journal), id="gone", state="running"))
        await scene.until(100)
        assert scene.web.polls == []
        assert scene.changed == ["gone"]


# -- accounts -----------------------------------------------------------------------------------------------------


async def test_a_job_of_another_account_is_never_polled_nor_downloaded(tmp_path: Path) -> None:
    async with polling(tmp_path, [succeeded()], interval=10) as scene:
        await scene.start(account=account("seedanceapi", "another"))
        await scene.until(100)
        assert scene.web.polls == []
        assert (job := await scene.job()).state == "submitted"
        assert "submitted with another API key or base URL of seedanceapi" in str(job.error_message)
        await scene.journal.move("job-1", "succeeded", when=OPEN)
        await scene.poller.poll("job-1")
        assert scene.downloads.started == []


async def test_a_job_of_an_older_journal_is_polled_and_its_account_is_known_from_then_on(tmp_path: Path) -> None:
    async with polling(tmp_path, interval=10) as scene:
        await scene.start(account=None)
        await scene.until(15)
        assert len(scene.web.polls) == 1
        assert (await scene.job()).account == account("seedanceapi")
