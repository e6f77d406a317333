"""What one process does about videos: it creates, waits, tracks, recovers, and stops in order."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from seedance_mcp.errors import InvalidRequest, JournalError, OverBudget, SaveError, Stopping, UnknownJob
from seedance_mcp.jobs.journal.model import OPEN, Job
from seedance_mcp.jobs.journal.process_lock import ProcessLock
from seedance_mcp.jobs.service import JobService, Progress
from seedance_mcp.vendors.vendor import Answer
from seedance_mcp.web import OutcomeUnknown
from tests.jobs.services import (
    MINI,
    VIRTUAL_TIMING,
    WITH_KEY,
    InlineJournal,
    accepted,
    admitted,
    create,
    intent,
    never,
    quote,
    refused,
    running_job,
    scripted_service,
    status,
    succeeded,
    unknown_job,
    with_key,
)
from tests.jobs.virtual_time import EPOCH, VIRTUAL, now, wall_clock

pytestmark = pytest.mark.anyio

RUNNING = status("IN_PROGRESS")
LOST = OutcomeUnknown("connection lost")
DAY = 86_400


@pytest.fixture
def anyio_backend() -> Any:
    return VIRTUAL


async def later(seconds: float, answer: Answer) -> Answer:
    await anyio.sleep(seconds)
    return answer


@asynccontextmanager
async def journal_of(folder: Path) -> AsyncGenerator[InlineJournal]:
    """Open the journal of a service that is not running."""
    journal = InlineJournal(folder / "state")
    try:
        yield journal
    finally:
        journal.close()


# -- paying -------------------------------------------------------------------------------------------------------


async def test_a_job_is_in_the_journal_before_it_is_sent(tmp_path: Path) -> None:
    async with scripted_service(tmp_path) as scene:
        states: list[str] = []

        async def read_journal() -> Answer:
            states.extend(job.state for job in (await scene.service.page()).jobs)
            return accepted("task-7")

        scene.web.script[:] = [read_journal]
        job = await create(scene.service, "a fox", request_key="key")
        assert states == ["submitting"]
        assert (job.vendor, job.model, job.task_id) == ("seedanceapi", MINI["model"], "task-7")
        assert (job.prompt, job.request["duration"]) == ("a fox", 4)
        assert job.price is not None
        assert (job.price["usd"], job.price["unit"], job.reserved, job.unpriced) == (0.57, "credits", 570_000, False)
        assert (job.created_at, job.submitted_at, job.day) == (EPOCH, EPOCH, job.day)


async def test_the_same_request_again_is_the_same_job_and_is_not_sent(tmp_path: Path) -> None:
    async with scripted_service(tmp_path) as scene:
        first = await scene.service.create(await quote(scene.service))
        again = await scene.service.create(await quote(scene.service))
        assert (first.duplicate, again.duplicate, again.job.id) == (False, True, first.job.id)
        await create(scene.service, allow_duplicate=True)
        await create(scene.service, "a hare")
        assert len(scene.web.posts) == 3


async def test_the_callers_max_cost_is_a_cap_and_a_cost_exactly_at_it_passes(tmp_path: Path) -> None:
    async with scripted_service(tmp_path) as scene:
        for check in (scene.service.check_caps, scene.service.create):
            with pytest.raises(OverBudget, match=r"may cost \$0.57, and max_cost is \$0.569"):
                await check(await quote(scene.service, max_cost=0.569))
        assert (await scene.service.page()).jobs == []
        await scene.service.check_caps(await quote(scene.service, max_cost=0.57))
        assert (await create(scene.service, max_cost=0.57)).state == "submitted"


async def test_checking_the_caps_counts_what_is_spent_and_reserves_nothing(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, SEEDANCE_DAILY_BUDGET="1") as scene:
        for _ in range(3):
            await scene.service.check_caps(await quote(scene.service))
        await create(scene.service)
        with pytest.raises(OverBudget, match=r"of the daily budget of \$1.00, \$0.00 is spent and \$0.57 reserved"):
            await scene.service.check_caps(await quote(scene.service, "a hare"))


async def test_a_caller_who_gives_up_does_not_cancel_the_submission(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, [lambda: later(20, accepted("task-7"))]) as scene:
        with anyio.move_on_after(3) as scope:
            await create(scene.service)
        assert scope.cancelled_caught
        (job,) = (await scene.service.page()).jobs
        assert job.state == "submitting"
        await anyio.sleep(20)
        assert (await scene.service.get(job.id)).task_id == "task-7"
        assert len(scene.web.posts) == 1


async def test_a_submission_that_fails_unexpectedly_fails_its_caller_and_nothing_else(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, [ZeroDivisionError("a bug"), accepted()]) as scene:
        with pytest.raises(ZeroDivisionError):
            await create(scene.service)
        assert (await create(scene.service, "a hare")).state == "submitted"


async def test_a_job_that_cannot_be_tracked_is_submitted_all_the_same(tmp_path: Path) -> None:
    async with scripted_service(tmp_path) as scene:
        scene.journal.broken_durations = True
        job = await create(scene.service)
        assert (job.state, job.task_id) == ("submitted", "task-1")


async def test_a_new_job_is_polled_without_being_asked_for(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, polls=[RUNNING, succeeded()]) as scene:
        job = await create(scene.service)
        await anyio.sleep(60)
        assert scene.web.poll_times == [47.5, 52.5]
        assert (await scene.service.get(job.id)).state == "succeeded"


async def test_the_setting_of_the_interval_replaces_the_schedule(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, SEEDANCE_POLL_INTERVAL="7") as scene:
        await create(scene.service)
        await anyio.sleep(22)
        assert scene.web.poll_times == [7, 14, 21]


# -- stopping -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "state"), [(0.4, "submitted"), (1.2, "submitted"), (1.4, "unknown")])
async def test_a_stop_lets_submissions_finish_for_1_3_seconds(tmp_path: Path, seconds: float, state: str) -> None:
    async with scripted_service(tmp_path, [lambda: later(seconds, accepted("task-7"))]) as scene:
        with anyio.move_on_after(0.001):  # the client has gone
            await create(scene.service)
    assert now() == pytest.approx(min(seconds, 1.301), abs=0.002)
    async with journal_of(tmp_path) as journal:
        (job,) = (await journal.page((), 10, None)).jobs
        assert (job.state, job.reserved) == (state, 570_000)


async def test_a_stop_by_cancellation_waits_for_submissions_too(tmp_path: Path) -> None:
    with anyio.move_on_after(0.1):
        async with scripted_service(tmp_path, [lambda: later(0.4, accepted("task-7"))]) as scene:
            with anyio.move_on_after(0.001):
                await create(scene.service)
            await anyio.sleep_forever()
    assert now() == pytest.approx(0.4)
    async with journal_of(tmp_path) as journal:
        assert [(job.state, job.task_id) for job in (await journal.page((), 10, None)).jobs] == [
            ("submitted", "task-7")
        ]


async def test_a_caller_of_a_stopping_service_is_warned_against_calling_again(tmp_path: Path) -> None:
    errors: list[Stopping] = []

    async def call(service: JobService) -> None:
        try:
            await create(service)
        except Stopping as error:
            errors.append(error)

    async with anyio.create_task_group() as group, scripted_service(tmp_path, [never]) as scene:
        group.start_soon(call, scene.service)
        await anyio.sleep(1)
    (error,) = errors
    async with journal_of(tmp_path) as journal:
        (job,) = (await journal.page((), 10, None)).jobs
        assert (job.state, job.reserved) == ("unknown", 570_000)
    assert error.sentence == f"The server is stopping, and job {job.id} may be running and billed."
    assert error.next_step == f"Do NOT call create_video again; call check_video with job_id {job.id}."


async def test_a_service_that_does_not_run_sends_nothing(tmp_path: Path) -> None:
    async with scripted_service(tmp_path) as scene:
        lock = ProcessLock(tmp_path / "owners")
        idle = JobService(scene.service.settings, scene.web, scene.journal, lock, autosave=False, timing=VIRTUAL_TIMING)
        with pytest.raises(Stopping, match=r"^stopping: The server is stopping\."):
            await idle.create(await quote(scene.service))
        assert scene.web.posts == []
        await idle.recover()
        assert (await scene.journal.page((), 10, None)).jobs == []
        lock.release()


# -- finding jobs -------------------------------------------------------------------------------------------------


async def test_a_job_is_found_by_its_id_or_by_an_end_of_it(tmp_path: Path) -> None:
    async with scripted_service(tmp_path) as scene:
        for name in ("abcd2345wxyz", "abce2345wxyy"):
            await admitted(scene.journal, name)
        for text in ("abcd2345wxyz", " ABCD2345WXYZ ", "abcd", "wxyz", "2345wxyz"):
            assert (await scene.service.find(text)).id == "abcd2345wxyz"
        with pytest.raises(UnknownJob, match=r"'abc' is too short for an id: at least 4 characters are needed\. Call"):
            await scene.service.find("abc")
        with pytest.raises(UnknownJob, match=r"There is no job 'zzzz'\. Call list_videos"):
            await scene.service.find("zzzz")
        await admitted(scene.journal, "abcd9999wxyz")
        with pytest.raises(
            UnknownJob, match=r"'wxyz' could be any of abcd2345wxyz, abcd9999wxyz\. Give more of the id"
        ):
            await scene.service.find("wxyz")
        for number in range(10):
            await admitted(scene.journal, f"abcf222{number}wxyz")
        with pytest.raises(UnknownJob, match=r"any of abcd2345wxyz, .*, abcf2227wxyz and others\. Give more of the id"):
            await scene.service.find("wxyz")


async def test_a_job_that_is_not_there_is_an_error_everywhere(tmp_path: Path) -> None:
    async with scripted_service(tmp_path) as scene:
        for call in (scene.service.get, scene.service.check, functools.partial(scene.service.wait, timeout=1)):
            with pytest.raises(UnknownJob, match=f"There is no job '{'nothing'.ljust(40, '!')}'\\. Call list_videos"):
                await call("nothing".ljust(99, "!"))
        with pytest.raises(UnknownJob):
            await scene.service.resolve("nothing", None)


# -- checking and waiting -----------------------------------------------------------------------------------------


async def test_a_check_polls_unless_the_last_poll_is_at_most_two_seconds_old(tmp_path: Path) -> None:
    async with scripted_service(tmp_path) as scene:
        job = await create(scene.service)
        await scene.service.check(job.id)
        assert scene.web.poll_times == [0]
        await anyio.sleep(2)
        await scene.service.check(job.id)
        assert scene.web.poll_times == [0]
        await anyio.sleep(0.1)
        assert (await scene.service.check(job.id)).polls == 2
        assert scene.web.poll_times == [0, 2.1]


async def test_a_check_waits_at_most_15_seconds_for_the_vendor(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, polls=[never]) as scene:
        job = await create(scene.service)
        assert (await scene.service.check(job.id)).state == "submitted"
        assert now() == 15


async def test_a_check_of_a_finished_job_sends_nothing(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, polls=[succeeded()]) as scene:
        job = await create(scene.service)
        await scene.service.check(job.id)
        await anyio.sleep(100)
        assert (await scene.service.check(job.id)).state == "succeeded"
        assert scene.web.poll_times == [0]


async def test_a_check_tracks_a_job_from_then_on(tmp_path: Path) -> None:
    timing = replace(VIRTUAL_TIMING, housekeeping=1e9)
    async with scripted_service(tmp_path, timing=timing, SEEDANCE_POLL_INTERVAL="10") as scene:
        await running_job(scene.journal)
        await anyio.sleep(100)
        assert scene.web.polls == []
        await scene.service.check("job-1")
        await anyio.sleep(25)
        assert scene.web.poll_times == [100, 110, 120]


async def test_a_wait_ends_with_the_job(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, polls=[RUNNING, RUNNING, succeeded()]) as scene:
        job = await create(scene.service)
        assert (await scene.service.wait(job.id, 50)).state == "running"
        assert now() == 50
        assert (await scene.service.wait(job.id, 50)).state == "succeeded"
        assert now() == 50


async def test_a_wait_reports_progress_every_five_seconds_and_at_each_poll(tmp_path: Path) -> None:
    reports: list[tuple[float, Progress]] = []

    async def report(progress: Progress) -> None:
        reports.append((now(), progress))

    async with scripted_service(tmp_path, polls=[RUNNING, succeeded()]) as scene:
        job = await create(scene.service)
        done = await scene.service.wait(job.id, 60, report)
        assert (done.state, now()) == ("succeeded", 47.5)
    assert [at for at, _ in reports] == [*range(0, 50, 5)]
    assert [progress.elapsed for _, progress in reports] == [*range(0, 50, 5)]
    assert {progress.expected for _, progress in reports} == {95.0}
    assert {(progress.received, progress.total) for _, progress in reports} == {(None, None)}
    assert {progress.job.id for _, progress in reports} == {job.id}


async def test_a_wait_for_a_job_that_is_final_sends_nothing_and_reports_nothing(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, [refused(400)]) as scene:
        job = await create(scene.service)

        async def report(progress: Progress) -> None:
            raise AssertionError(progress)

        assert (await scene.service.wait(job.id, 50, report)).state == "rejected"
        assert now() == 0


@pytest.mark.parametrize(
    ("state", "final"),
    [("intent", False), ("submitting", False), *[(state, False) for state in OPEN], ("unknown", True)]
    + [(state, True) for state in ("succeeded", "failed", "cancelled", "expired", "rejected", "abandoned")],
)
async def test_a_job_is_final_once_nothing_changes_it_by_itself(tmp_path: Path, state: str, final: bool) -> None:
    async with scripted_service(tmp_path) as scene:
        job = replace(await admitted(scene.journal), state=state)
        assert scene.service.is_final(job) is final
        assert (await scene.service.check_again_in(job) is None) is final


async def test_an_assistant_should_check_again_when_the_video_should_be_finished(tmp_path: Path) -> None:
    async with scripted_service(tmp_path) as scene:
        job = await create(scene.service)
        pauses: list[int | None] = []
        for _ in range(5):
            pauses.append(await scene.service.check_again_in(job))
            await anyio.sleep(30)
        assert pauses == [50, 50, 35, 5, 5]


async def test_the_durations_of_a_model_set_what_is_expected_of_it(tmp_path: Path) -> None:
    async with scripted_service(tmp_path) as scene:
        for number in range(5):
            await running_job(scene.journal, f"job-{number}")
            await scene.journal.move(f"job-{number}", "succeeded", when=OPEN, finished_at=wall_clock() + 20)
        assert await scene.service.expected_seconds(MINI["model"]) == 20
        assert await scene.service.expected_seconds(WITH_KEY["model"]) == 95
        assert await scene.service.check_again_in(await create(scene.service)) == 20


async def test_in_the_sandbox_an_assistant_checks_again_after_two_seconds(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, SEEDANCE_SANDBOX="1") as scene:
        assert await scene.service.check_again_in(await create(scene.service)) == 2


async def test_every_change_is_published_to_subscribers(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, polls=[RUNNING, succeeded()]) as scene:
        with scene.service.subscribe() as changes:
            job = await create(scene.service)
            assert await changes.receive() == job.id
            for at in (47.5, 52.5):
                assert await changes.receive() == job.id
                assert now() == at


# -- settling by hand ---------------------------------------------------------------------------------------------


async def test_a_person_can_say_which_task_an_unknown_job_is(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, [LOST], [succeeded()]) as scene:
        lost = await create(scene.service)
        await anyio.sleep(100)
        with scene.service.subscribe() as changes:
            settled = await scene.service.resolve(lost.id, "task-7")
            assert changes.receive_nowait() == lost.id
        assert (settled.state, settled.task_id, settled.submitted_at) == ("submitted", "task-7", lost.created_at)
        assert (settled.error_code, settled.error_message, settled.reserved) == (None, None, 570_000)
        await anyio.sleep(10)
        done = await scene.service.get(lost.id)
        assert (done.state, done.spent, done.reserved) == ("succeeded", 570_000, 0)


async def test_a_job_is_never_settled_as_the_task_of_another(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, [accepted("task-7"), LOST]) as scene:
        first = await create(scene.service)
        lost = await create(scene.service, "a hare")
        with pytest.raises(InvalidRequest, match=f"Task task-7 is job {first.id}"):
            await scene.service.resolve(lost.id, " task-7\n")
        assert await scene.service.get(lost.id) == lost  # what is known about it stays
        assert (await scene.service.resolve(lost.id, " task-8\n")).task_id == "task-8"


@pytest.mark.parametrize("task_id", ["", "  ", "task\x007"])
async def test_a_job_is_not_settled_as_no_task_at_all(tmp_path: Path, task_id: str) -> None:
    async with scripted_service(tmp_path, [LOST]) as scene:
        lost = await create(scene.service)
        with pytest.raises(InvalidRequest, match="the id of a task"):
            await scene.service.resolve(lost.id, task_id)
        assert await scene.service.get(lost.id) == lost


async def test_the_same_task_id_at_another_vendor_may_be_given(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, [accepted("7"), LOST]) as scene:
        await create(scene.service)
        lost = await create(scene.service, **WITH_KEY)
        assert (await scene.service.resolve(lost.id, "7")).state == "submitted"


async def test_a_person_can_say_that_an_unknown_job_was_not_charged(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, [LOST]) as scene:
        lost = await create(scene.service)
        settled = await scene.service.resolve(lost.id, None)
        assert (settled.state, settled.reserved, settled.spent) == ("rejected", 0, 0)
        assert (settled.error_code, settled.error_message) == (None, "Settled by hand: not charged.")
        assert settled.finished_at == wall_clock()
        await anyio.sleep(1000)
        assert scene.web.polls == []


@pytest.mark.parametrize("task_id", ["task-9", None])
async def test_a_job_that_is_over_cannot_be_settled_by_hand(tmp_path: Path, task_id: str | None) -> None:
    async with scripted_service(tmp_path, polls=[succeeded()]) as scene:
        job = await create(scene.service)
        await anyio.sleep(100)
        job = await scene.service.get(job.id)
        with pytest.raises(InvalidRequest, match=f"Job {job.id} is succeeded, so there is nothing to settle"):
            await scene.service.resolve(job.id, task_id)
        assert await scene.service.get(job.id) == job


async def test_a_job_that_is_being_submitted_is_not_settled_by_hand(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, [never]) as scene, anyio.create_task_group() as group:
        group.start_soon(create, scene.service)
        await anyio.sleep(1)
        (job,) = await scene.service.in_states(("submitting",))
        with pytest.raises(InvalidRequest, match="being submitted") as refusal:
            await scene.service.resolve(job.id, None)
        assert "in a few minutes" in refusal.value.next_step
        group.cancel_scope.cancel()


async def test_a_job_that_the_vendor_does_not_finish_can_be_settled_by_hand(tmp_path: Path) -> None:
    async with scripted_service(tmp_path) as scene:
        job = await create(scene.service)
        settled = await scene.service.resolve(job.id, None)
        assert (settled.state, settled.reserved, settled.spent, settled.task_id) == ("rejected", 0, 0, None)
        polls = len(scene.web.polls)
        await anyio.sleep(1000)
        assert len(scene.web.polls) <= polls + 1


async def test_a_mistyped_task_id_can_be_corrected_even_once_the_wrong_video_is_there(tmp_path: Path) -> None:
    polls = [status("SUCCESS", 12, "https://cdn.example.com/wrong.mp4"), status("IN_PROGRESS"), succeeded()]
    async with scripted_service(tmp_path, [LOST], polls) as scene:
        lost = await create(scene.service)
        await scene.service.resolve(lost.id, "mistyped")
        await anyio.sleep(100)
        wrong = await scene.service.get(lost.id)
        assert (wrong.state, wrong.spent, wrong.url) == ("succeeded", 120_000, "https://cdn.example.com/wrong.mp4")
        right = await scene.service.resolve(lost.id, "right")
        assert (right.state, right.task_id, right.url, right.finished_at) == ("submitted", "right", None, None)
        assert (right.spent, right.reserved, right.unpriced) == (0, 570_000, False)
        await anyio.sleep(300)
        done = await scene.service.get(lost.id)
        assert (done.state, done.url) == ("succeeded", "https://cdn.example.com/1.mp4")


async def test_not_charged_can_be_taken_back(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, [LOST], [succeeded()]) as scene:
        lost = await create(scene.service)
        await scene.service.resolve(lost.id, None)
        again = await scene.service.resolve(lost.id, "task-7")
        assert (again.state, again.reserved, again.error_message) == ("submitted", 570_000, None)


async def test_the_task_of_another_job_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, [accepted("task-1"), LOST]) as scene:
        other = await create(scene.service)
        lost = await create(scene.service, "a bear")
        with pytest.raises(InvalidRequest, match=f"Task task-1 is job {other.id}"):
            await scene.service.resolve(lost.id, "task-1")
        assert await scene.service.get(lost.id) == lost


async def test_an_answer_about_the_mistyped_task_does_not_end_the_job_of_the_right_one(tmp_path: Path) -> None:
    answered = anyio.Event()

    async def slowly() -> Answer:
        await answered.wait()
        return status("FAILED", 0, task_id="mistyped")

    async with scripted_service(tmp_path, [LOST], [slowly, status("IN_PROGRESS")]) as scene:
        lost = await create(scene.service)
        await scene.service.resolve(lost.id, "mistyped")
        await anyio.sleep(60)
        await scene.service.resolve(lost.id, "right")
        answered.set()
        await anyio.sleep(60)
        job = await scene.service.get(lost.id)
        assert (job.state, job.task_id, job.reserved) == ("running", "right", 570_000)


# -- jobs of another account --------------------------------------------------------------------------------------


async def test_a_video_of_another_account_is_not_downloaded_with_this_key(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, polls=[succeeded()]) as scene:
        job = await create(scene.service)
        job = await scene.service.wait(job.id, 200)
        assert job.state == "succeeded"
    async with scripted_service(tmp_path, SEEDANCE_SEEDANCEAPI_API_KEY="another", autosave=True) as scene:
        await anyio.sleep(100)
        with pytest.raises(SaveError, match="submitted with another API key or base URL") as caught:
            await scene.service.download(job)
        assert caught.value.next_step == "Set the API key that it was submitted with."
        assert (await scene.service.wait(job.id, 10)).save_error is None
        assert scene.web.polls == []


# -- housekeeping -------------------------------------------------------------------------------------------------


async def test_a_service_recovers_at_its_start_and_every_half_a_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with journal_of(tmp_path) as journal:
        await admitted(journal, "sending")
        await intent(journal, "intended")
    async with scripted_service(tmp_path) as scene:
        sending, intended = await scene.service.get("sending"), await scene.service.get("intended")
        assert (sending.state, sending.reserved) == ("unknown", 570_000)
        assert (intended.state, intended.reserved) == ("abandoned", 0)
        assert "job sending was left by a stopped server: now unknown" in caplog.text
        await intent(scene.journal, "later")
        await anyio.sleep(29)
        assert (await scene.service.get("later")).state == "intent"
        await anyio.sleep(1.5)
        assert (await scene.service.get("later")).state == "abandoned"
        assert scene.web.posts == []


async def test_what_a_dead_server_left_is_asked_about_where_that_is_free(tmp_path: Path) -> None:
    async with journal_of(tmp_path) as journal:
        await admitted(journal, "sending", model=WITH_KEY["model"])
    async with scripted_service(tmp_path, [with_key("task-7")]) as scene:
        await anyio.sleep(3)
        assert (await scene.service.get("sending")).task_id == "task-7"
        assert scene.web.post_times == [2.5]


async def test_every_call_about_a_job_settles_what_dead_servers_left(tmp_path: Path) -> None:
    async with scripted_service(tmp_path) as scene:
        for number, call in enumerate(
            (
                lambda: create(scene.service),
                lambda: scene.service.check("running"),
                lambda: scene.service.resolve("lost", "task-9"),
            )
        ):
            if not number:
                await running_job(scene.journal, "running")
                await unknown_job(scene.journal, "lost")
            await admitted(scene.journal, f"left-{number}")
            await call()
            assert (await scene.service.get(f"left-{number}")).state == "unknown"


async def test_a_live_job_of_this_process_is_not_recovered(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, [lambda: later(100, accepted())]) as scene:
        async with anyio.create_task_group() as group:
            group.start_soon(create, scene.service)
            await anyio.sleep(95)
            assert [job.state for job in (await scene.service.page()).jobs] == ["submitting"]
        assert [job.state for job in (await scene.service.page()).jobs] == ["submitted"]


async def test_the_jobs_of_a_stopped_server_are_polled_by_the_next(tmp_path: Path) -> None:
    async with journal_of(tmp_path) as journal:
        await running_job(journal)
        await running_job(journal, "job-2", model="jimmyai/seedance2.0-mini")
    async with scripted_service(tmp_path, polls=[succeeded()]) as scene:
        await anyio.sleep(60)
        assert (await scene.service.get("job-1")).state == "succeeded"
        left = await scene.service.get("job-2")  # its vendor has no key here; another server may have it
        assert (left.state, left.error_message) == ("submitted", None)


async def test_jobs_of_other_servers_are_taken_up_within_half_a_minute(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, SEEDANCE_POLL_INTERVAL="10") as scene:
        await anyio.sleep(1)
        await running_job(scene.journal)
        await anyio.sleep(45)
        assert scene.web.poll_times == [40]


async def test_the_texts_of_old_jobs_are_deleted_after_the_retention_period(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, polls=[succeeded()], SEEDANCE_RETENTION_DAYS="2") as scene:
        job = await create(scene.service)
        await scene.service.check(job.id)
        await anyio.sleep(2 * DAY - 60)
        assert (await scene.service.get(job.id)).prompt == "a fox"
        await anyio.sleep(120)
        old = await scene.service.get(job.id)
        assert (old.prompt, old.url, old.spent) == ("", None, 570_000)


async def test_without_a_retention_period_nothing_is_deleted(tmp_path: Path) -> None:
    timing = replace(VIRTUAL_TIMING, housekeeping=DAY)
    async with scripted_service(tmp_path, polls=[succeeded()], timing=timing) as scene:
        job = await create(scene.service)
        await scene.service.check(job.id)
        await anyio.sleep(1000 * DAY)
        assert (await scene.service.get(job.id)).prompt == "a fox"
        assert await scene.service.purge(1001) == 0
        assert await scene.service.purge(999) == 1
        assert (await scene.service.get(job.id)).prompt == ""


class Troubled(InlineJournal):
    """A journal that cannot recover for a while."""

    trouble: list[Exception]

    async def recover(self, alive: Any) -> Any:
        if self.trouble:
            raise self.trouble.pop(0)
        return await super().recover(alive)


async def test_trouble_with_the_housekeeping_is_logged_and_does_not_end_the_service(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with scripted_service(tmp_path, SEEDANCE_POLL_INTERVAL="10") as scene:
        scene.journal.__class__ = Troubled
        assert isinstance(scene.journal, Troubled)
        scene.journal.trouble = [JournalError("The journal cannot be used."), ZeroDivisionError("a bug")]
        await anyio.sleep(61)
        assert scene.journal.trouble == []
        assert "The journal cannot be used." in caplog.text
        assert "housekeeping failed" in caplog.text
        assert "a bug" in caplog.text
        await admitted(scene.journal, "left")
        await running_job(scene.journal)
        await anyio.sleep(45)
        assert (await scene.service.get("left")).state == "unknown"
        assert scene.web.polls


async def test_an_error_of_the_caller_leaves_the_service_as_it_is(tmp_path: Path) -> None:
    for error in (JournalError("The journal cannot be used."), UnknownJob("There is no job.")):
        with pytest.raises(type(error)) as caught:
            async with scripted_service(tmp_path):
                raise error
        assert caught.value is error


# -- the journal ---------------------------------------------------------------------------------------------------


async def test_jobs_spending_and_totals_come_from_the_journal(tmp_path: Path) -> None:
    posts = [accepted(f"task-{number}") for number in range(3)]
    async with scripted_service(tmp_path, posts, [succeeded(charged=100)]) as scene:
        jobs: list[Job] = []
        for number in range(3):
            jobs.append(await create(scene.service, f"fox {number}"))
            await anyio.sleep(1)
        await scene.service.check(jobs[0].id)
        page = await scene.service.page(limit=2)
        assert [job.id for job in page.jobs] == [jobs[2].id, jobs[1].id]
        rest = await scene.service.page(limit=2, cursor=page.next_cursor)
        assert ([job.id for job in rest.jobs], rest.next_cursor) == ([jobs[0].id], None)
        assert [job.id for job in (await scene.service.page(("succeeded",))).jobs] == [jobs[0].id]
        assert [job.id for job in await scene.service.in_states(("submitted",))] == [jobs[1].id, jobs[2].id]
        spending = await scene.service.spending()
        assert (spending.spent, spending.reserved, spending.open_jobs) == (1_000_000, 1_140_000, 2)
        (total,) = await scene.service.totals(1)
        assert (total.model, total.jobs, total.spent, total.reserved) == (MINI["model"], 3, 1_000_000, 1_140_000)


async def test_the_url_of_a_quote_is_the_vendors(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, [accepted(f"task-{n}") for n in range(5)]) as scene:
        assert scene.service.url(await quote(scene.service)) == "https://seedanceapi.org/v2/generate"
