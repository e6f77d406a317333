"""The paid POST: sent once, repeated only where that cannot pay twice, and its outcome always written down."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest

from seedance_mcp.errors import JournalError, Stopping
from seedance_mcp.jobs.accounts import Accounts
from seedance_mcp.jobs.journal.budget import Caps
from seedance_mcp.jobs.journal.model import STATES, STOPPED, Admission, Job, NewJob
from seedance_mcp.jobs.outcome import read_outcome
from seedance_mcp.jobs.submit import Submitter
from seedance_mcp.vendors.vendor import Answer
from seedance_mcp.web import NotSent, OutcomeUnknown
from tests.exception_groups import single_error
from tests.jobs.services import (
    DISK_FULL,
    MINI,
    OWNER,
    VIRTUAL_TIMING,
    WITH_KEY,
    InlineJournal,
    ScriptedWeb,
    Step,
    accepted,
    account,
    create,
    never,
    new_job,
    refused,
    request,
    scripted_service,
    succeeded,
    unknown_job,
    vendor_of,
    vendor_settings,
    with_key,
)
from tests.jobs.virtual_time import VIRTUAL, now, wall_clock

pytestmark = pytest.mark.anyio

NO_ROUTE = NotSent("connection refused or no such host")
LOST = OutcomeUnknown("connection lost")
JIMMY = "jimmyai/seedance2.0-mini"


@pytest.fixture
def anyio_backend() -> Any:
    return VIRTUAL


@dataclass(frozen=True)
class Post:
    """A submitter over one vendor that follows a script."""

    submitter: Submitter
    web: ScriptedWeb
    journal: InlineJournal
    submitted: list[Job]
    """The jobs that were reported as submitted."""

    async def repeat(self, job: Job, model: str = MINI["model"]) -> Job:
        return await self.submitter.repeat(job, request(model), vendor_of(model))

    async def one(self, **changes: Any) -> Job:
        """Create one job."""
        model = changes.get("model", MINI["model"])
        job_id: str = changes.pop("job_id", "job-1")
        new = new_job(job_id, **changes)
        return (await self.submitter.create(new, Caps(), request(model), vendor_of(model))).job


@asynccontextmanager
async def posting(folder: Path, posts: Iterable[Step]) -> AsyncGenerator[Post]:
    settings = vendor_settings(folder, SEEDANCE_JIMMYAI_API_KEY="key")
    web, journal = ScriptedWeb(settings, posts), InlineJournal(folder)
    submitted: list[Job] = []

    async def on_submitted(job: Job) -> None:
        submitted.append(job)

    submitter = Submitter(journal, web, Accounts(settings), OWNER, on_submitted=on_submitted, timing=VIRTUAL_TIMING)
    try:
        async with anyio.create_task_group() as group:
            submitter.open(group)
            yield Post(submitter, web, journal, submitted)
            group.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise single_error(group) from None
    finally:
        journal.close()


# -- what the answer means ----------------------------------------------------------------------------------------


async def test_an_accepted_job_has_its_task_and_the_time_of_its_submission(tmp_path: Path) -> None:
    async with posting(tmp_path, [accepted("task-7")]) as post:
        job = await post.one()
        assert (job.state, job.task_id, job.owner) == ("submitted", "task-7", OWNER)
        assert job.submitted_at == wall_clock()
        assert (job.reserved, job.spent, job.error_code, job.error_message) == (570_000, 0, None, None)
        assert await post.journal.get(job.id) == job
        assert len(post.web.posts) == 1


@pytest.mark.parametrize("http_status", [400, 401, 402, 403, 404, 413, 415, 422])
async def test_a_refusal_in_the_vendors_own_envelope_is_final_and_free(tmp_path: Path, http_status: int) -> None:
    async with posting(tmp_path, [refused(http_status, "no, because")]) as post:
        job = await post.one()
        assert (job.state, job.reserved, job.spent) == ("rejected", 0, 0)
        assert (job.error_message, job.finished_at) == ("no, because", wall_clock())
        assert job.error_code
        assert len(post.web.posts) == 1


@pytest.mark.parametrize("http_status", [408, 409, 500, 502, 503, 504, 599])
async def test_an_error_that_may_follow_a_charge_leaves_the_outcome_unknown(tmp_path: Path, http_status: int) -> None:
    async with posting(tmp_path, [refused(http_status, "we are not sure")]) as post:
        job = await post.one()
        assert (job.state, job.reserved, job.finished_at) == ("unknown", 570_000, None)
        assert (job.error_code, job.error_message) == ("unknown_outcome", f"HTTP {http_status}: we are not sure")
        assert len(post.web.posts) == 1


@pytest.mark.parametrize("http_status", [199, 300, 302, 400, 404, 418, 500])
async def test_an_error_without_the_vendors_envelope_leaves_the_outcome_unknown(
    tmp_path: Path, http_status: int
) -> None:
    async with posting(tmp_path, [Answer(http_status, text="<h1>Oh!</h1>")]) as post:
        job = await post.one()
        assert job.state == "unknown"
        assert f"HTTP {http_status}" in str(job.error_message)
        assert str(job.error_message).endswith(": <h1>Oh!</h1>")
        assert len(post.web.posts) == 1


@pytest.mark.parametrize("http_status", [200, 201, 299])
async def test_an_answer_without_a_task_leaves_the_outcome_unknown(tmp_path: Path, http_status: int) -> None:
    body: dict[str, Any] = {"code": 200, "message": "success", "data": {}}
    async with posting(tmp_path, [Answer(http_status, body, text="{...}"), Answer(http_status)]) as post:
        job = await post.one()
        assert (job.state, job.error_message) == ("unknown", "the answer has no usable task id: {...}")
        job = await post.one(job_id="job-2")
        assert (job.state, job.error_message) == ("unknown", "the answer has no usable task id: it is empty")


async def test_a_refusal_inside_http_200_is_a_refusal(tmp_path: Path) -> None:
    async with posting(tmp_path, [Answer(200, {"code": 402, "message": "INSUFFICIENT_CREDITS"})]) as post:
        job = await post.one()
        assert (job.state, job.error_code, job.reserved) == ("rejected", "no_credit", 0)


@pytest.mark.parametrize(
    ("status", "code", "refused"),
    [(400, "408", False), (402, "503", False), (500, "402", False), (400, "402", True), (402, "no_credit", True)],
)
@pytest.mark.parametrize("model", ["ope/seedance-2-0-fast", "12ai/seedance-2-official"])
def test_a_code_in_text_that_a_gateway_passes_on_counts_as_a_status(
    model: str, status: int, code: str, refused: bool
) -> None:
    answer = Answer(status, {"error": {"message": "it failed", "type": "api_error", "code": code}})
    assert bool(read_outcome(vendor_of(model), answer).refusal) is refused


@pytest.mark.parametrize(
    ("code", "message", "state"),
    [
        (400, "the upstream timed out", "unknown"),
        (400, "request timeout", "unknown"),
        ("ERR", "请求超时", "unknown"),
        (404, "Connection reset by peer", "unknown"),
        (400, "the prompt is too long", "rejected"),
        (99, "", "rejected"),
        ("ERR", "", "rejected"),
        (500, "", "unknown"),
        ("502", "bad gateway", "unknown"),
        (30007, "PROVIDER_MODERATION_ERROR", "unknown"),
        (77777, "the prompt is too long", "unknown"),
        (-2, "", "unknown"),
    ],
)
async def test_a_body_code_that_jimmyai_does_not_document_is_a_refusal_only_below_500_and_without_a_timeout(
    tmp_path: Path, code: int | str, message: str, state: str
) -> None:
    answer = Answer(200, {"code": code, "msg": message, "data": None})
    assert bool(read_outcome(vendor_of(JIMMY), answer).refusal) is (state == "rejected")
    async with posting(tmp_path, [answer]) as post:
        job = await post.one(model=JIMMY)
        assert (job.state, job.reserved) == (state, 570_000 if state == "unknown" else 0)


@pytest.mark.parametrize("message", ["active task limit exceeded", "活跃任务数超限", "请求冲突", ""])
@pytest.mark.parametrize("http_status", [409, 200])
async def test_the_409_that_aigptimage_documents_means_busy_in_any_language(
    tmp_path: Path, http_status: int, message: str
) -> None:
    busy = Answer(http_status, {"code": 409, "msg": message, "data": None})
    async with posting(tmp_path, [busy]) as post:
        job = await post.one(model=WITH_KEY["model"])
        assert (job.state, job.error_code, job.reserved) == ("rejected", "busy", 0)
        assert len(post.web.posts) == 3


async def test_a_409_that_is_not_aigptimages_own_leaves_the_outcome_unknown(tmp_path: Path) -> None:
    async with posting(tmp_path, [Answer(409, text="<h1>conflict</h1>")]) as post:
        job = await post.one(model=WITH_KEY["model"])
        assert (job.state, job.reserved) == ("unknown", 570_000)
        assert len(post.web.posts) == 1


async def test_a_lost_answer_leaves_the_outcome_unknown_and_the_money_reserved(tmp_path: Path) -> None:
    async with posting(tmp_path, [LOST]) as post:
        job = await post.one(request_key="key")
        assert (job.state, job.reserved, job.error_code) == ("unknown", 570_000, "unknown_outcome")
        assert job.error_message == "connection lost"
        again = await post.journal.admit(new_job("job-2", request_hash=job.request_hash, request_key="key"), Caps())
        assert (again.duplicate, again.job.id) == (True, job.id)
        assert len(post.web.posts) == 1


@pytest.mark.parametrize("http_status", [401, 402, 403, 429, 400, 422])
async def test_a_refusal_frees_the_request_key_because_nothing_was_charged(tmp_path: Path, http_status: int) -> None:
    async with posting(tmp_path, [refused(http_status)]) as post:
        job = await post.one(request_key="key")
        assert job.state == "rejected"
        again = await post.journal.admit(new_job("job-2", request_key="key"), Caps())
        assert (again.duplicate, again.job.id) == (False, "job-2")


# -- a reported charge ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("charged", "unpriced", "priced"),
    [(100.0, 1_000_000, 1_000_000), (57.0, 570_000, 570_000), (3.0, 30_000, 570_000), (0.0, 0, 570_000)],
)
async def test_a_charge_that_the_answer_reports_raises_the_reservation_and_never_lowers_it(
    tmp_path: Path, charged: float, unpriced: int, priced: int
) -> None:
    async with posting(tmp_path, [accepted(charged=charged), accepted("task-2", charged)]) as post:
        job = await post.one(reserve=None)
        assert (job.reserved, job.unpriced) == (unpriced, charged == 0)  # what is 0 at first may still rise
        assert (await post.one(job_id="job-2")).reserved == priced


async def test_without_a_reported_charge_the_reservation_stays(tmp_path: Path) -> None:
    async with posting(tmp_path, [accepted(), accepted("task-2")]) as post:
        assert ((job := await post.one()).reserved, job.unpriced) == (570_000, False)
        assert ((job := await post.one(job_id="job-2", reserve=None)).reserved, job.unpriced) == (0, True)


async def test_the_worth_of_a_unit_at_the_time_of_the_quote_counts_in_the_reservation(tmp_path: Path) -> None:
    async with posting(tmp_path, [accepted(charged=100), accepted("task-2", 100)]) as post:
        assert (await post.one(unit_usd="1")).reserved == 100_000_000
        assert (await post.one(job_id="job-2", unit_usd=None)).reserved == 570_000


# -- retries ------------------------------------------------------------------------------------------------------


async def test_a_post_that_never_left_is_tried_four_times_with_growing_pauses_and_then_rejected(tmp_path: Path) -> None:
    async with posting(tmp_path, [NO_ROUTE]) as post:
        job = await post.one()
        assert post.web.post_times == [0, 0.5, 1.5, 3.5]  # half of 1, 2 and 4 s: chance is in the middle here
        assert (job.state, job.error_code, job.reserved) == ("rejected", "vendor_down", 0)
        assert job.error_message == "seedanceapi.org could not be reached: connection refused or no such host."


async def test_a_post_that_left_at_last_is_sent_once(tmp_path: Path) -> None:
    async with posting(tmp_path, [NO_ROUTE, NO_ROUTE, accepted()]) as post:
        assert (await post.one()).state == "submitted"
        assert post.web.post_times == [0, 0.5, 1.5]


async def test_after_a_post_that_left_nothing_is_sent_again(tmp_path: Path) -> None:
    async with posting(tmp_path, [NO_ROUTE, LOST, accepted()]) as post:
        assert (await post.one()).state == "unknown"
        assert len(post.web.posts) == 2


@pytest.mark.parametrize("http_status", [421, 425, 429])
async def test_a_vendor_that_asks_to_wait_is_asked_twice_more(tmp_path: Path, http_status: int) -> None:
    async with posting(tmp_path, [refused(http_status)]) as post:
        job = await post.one()
        assert post.web.post_times == [0, 1.25, 2.5]  # between half a second and two
        assert (job.state, job.reserved) == ("rejected", 0)


@pytest.mark.parametrize(
    ("retry_after", "times"),
    [
        (None, [0, 1.25, 2.5]),
        (0.0, [0, 1.25, 2.5]),
        (5.0, [0, 5, 10]),
        (30.0, [0, 30, 60]),
        (30.1, [0]),
        (31.0, [0]),
        (3600.0, [0]),
    ],
)
async def test_retry_after_is_waited_out_up_to_30_seconds(
    tmp_path: Path, retry_after: float | None, times: list[float]
) -> None:
    async with posting(tmp_path, [refused(429, retry_after=retry_after)]) as post:
        job = await post.one()
        assert post.web.post_times == times
        assert (job.state, job.error_code) == ("rejected", "rate_limited")


@pytest.mark.parametrize(("retry_after", "times"), [(None, [0, 1.25]), (5.0, [0, 5])])
async def test_retry_after_counts_without_the_vendors_envelope_too(
    tmp_path: Path, retry_after: float | None, times: list[float]
) -> None:
    async with posting(tmp_path, [Answer(429, None, retry_after), accepted()]) as post:
        assert (await post.one()).state == "submitted"
        assert post.web.post_times == times


async def test_a_vendor_that_asks_to_wait_without_an_envelope_has_refused(tmp_path: Path) -> None:
    async with posting(tmp_path, [Answer(425)]) as post:
        job = await post.one()
        assert (job.state, job.error_code) == ("rejected", "rate_limited")
        assert job.error_message == "seedanceapi.org answered HTTP 425."


async def test_retry_after_is_not_waited_out_where_the_refusal_is_final(tmp_path: Path) -> None:
    async with posting(tmp_path, [refused(400, retry_after=5.0), refused(503, retry_after=5.0)]) as post:
        assert (await post.one()).state == "rejected"
        assert (await post.one(job_id="job-2")).state == "unknown"
        assert post.web.post_times == [0, 0]


async def test_each_kind_of_retry_is_counted_by_itself(tmp_path: Path) -> None:
    steps = [refused(429), NO_ROUTE, refused(429), NO_ROUTE, NO_ROUTE, accepted()]
    async with posting(tmp_path, steps) as post:
        assert (await post.one()).state == "submitted"
        assert post.web.post_times == [0, 1.25, 1.75, 3, 4, 6]


# -- a second POST ------------------------------------------------------------------------------------------------


async def test_an_unknown_job_is_never_sent_to_a_vendor_without_an_idempotency_key(tmp_path: Path) -> None:
    async with posting(tmp_path, [accepted()]) as post:
        job = await unknown_job(post.journal)
        with pytest.raises(ValueError, match="sending job-1 to seedanceapi again could pay twice"):
            await post.repeat(job)
        assert post.web.posts == []
        assert await post.journal.get(job.id) == job


async def test_the_repeat_carries_the_key_of_the_first_post(tmp_path: Path) -> None:
    async with posting(tmp_path, [LOST, with_key("task-7")]) as post:
        lost = await post.one(model=WITH_KEY["model"])
        assert lost.state == "unknown"
        found = await post.repeat(lost, WITH_KEY["model"])
        assert (found.state, found.task_id, found.error_code, found.error_message) == (
            "submitted",
            "task-7",
            None,
            None,
        )
        assert [sent.call.headers for sent in post.web.posts] == [{"X-Request-ID": "job-1"}] * 2
        assert post.web.posts[0].call == post.web.posts[1].call


async def test_a_vendor_without_an_idempotency_key_gets_no_header_for_one(tmp_path: Path) -> None:
    async with posting(tmp_path, [accepted()]) as post:
        await post.one()
        assert dict(post.web.posts[0].call.headers) == {}


REPEATS: dict[str, tuple[Step, str]] = {
    "refused": (Answer(400, {"code": 400, "msg": "no", "data": None}), "no"),
    "asked to wait": (Answer(429, {"code": 429, "msg": "later", "data": None}, 31.0), "later"),
    "lost again": (LOST, "connection lost"),
    "not sent": (NO_ROUTE, "AI GPT Image could not be reached: connection refused or no such host."),
    "an error": (Answer(500, {"code": 500, "msg": "oh", "data": None}), "HTTP 500: oh"),
}


@pytest.mark.parametrize("repeat", REPEATS)
async def test_a_repeat_that_fails_says_nothing_about_the_first_post(tmp_path: Path, repeat: str) -> None:
    step, message = REPEATS[repeat]
    async with posting(tmp_path, [step]) as post:
        lost = await unknown_job(post.journal, model=WITH_KEY["model"])
        job = await post.repeat(lost, WITH_KEY["model"])
        assert (job.state, job.reserved, job.finished_at) == ("unknown", 570_000, None)
        # The first message is what a person needs in order to settle it.
        assert (job.error_code, job.error_message) == ("unknown_outcome", f"connection lost; since then: {message}")
        again = await post.repeat(job, WITH_KEY["model"])
        assert again.error_message == job.error_message


async def test_a_job_that_another_process_has_settled_meanwhile_is_not_sent(tmp_path: Path) -> None:
    async with posting(tmp_path, [with_key()]) as post:
        lost = await unknown_job(post.journal, model=WITH_KEY["model"])
        settled = await post.journal.move(lost.id, "submitted", when=("unknown",), task_id="task-9")
        assert await post.repeat(lost, WITH_KEY["model"]) == settled
        assert post.web.posts == []


# -- stopping and failing -----------------------------------------------------------------------------------------


async def test_a_submission_outlives_its_caller_and_is_unknown_if_a_stop_ends_it(tmp_path: Path) -> None:
    async with posting(tmp_path, [never]) as post:
        with anyio.move_on_after(20) as scope:
            await post.one()
            raise AssertionError("a cancelled caller got an answer")
        assert scope.cancelled_caught
        assert [job.state for job in await post.journal.in_states(STATES)] == ["submitting"]
        await post.submitter.stop(1.3)
        assert now() == pytest.approx(21.3)
        job = await post.journal.get("job-1")
        assert job
        assert (job.state, job.reserved) == ("unknown", 570_000)
        assert (job.error_code, job.error_message) == ("unknown_outcome", STOPPED)


async def test_a_submission_that_fails_unexpectedly_is_unknown_and_says_how(tmp_path: Path) -> None:
    async with posting(tmp_path, [ZeroDivisionError("a bug")]) as post:
        with pytest.raises(ZeroDivisionError, match="a bug"):
            await post.one()
        job = await post.journal.get("job-1")
        assert job
        assert (job.state, job.reserved, job.error_message) == ("unknown", 570_000, STOPPED)


async def test_an_answer_that_breaks_the_parser_leaves_the_outcome_unknown_and_is_kept(tmp_path: Path) -> None:
    class Unreadable(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            raise ZeroDivisionError("a bug in a parser")

    async with posting(tmp_path, [Answer(200, Unreadable(), text="the id is 7")]) as post:
        job = await post.one()
        assert (job.state, job.reserved) == ("unknown", 570_000)
        assert job.error_message == "the answer could not be parsed: the id is 7"


async def test_a_failure_after_the_outcome_is_written_down_is_not_one_of_the_submission(tmp_path: Path) -> None:
    settings = vendor_settings(tmp_path)
    journal = InlineJournal(tmp_path)

    async def fails(_: Job) -> None:
        raise DISK_FULL

    web = ScriptedWeb(settings, [accepted("task-7")])
    submitter = Submitter(journal, web, Accounts(settings), OWNER, on_submitted=fails, timing=VIRTUAL_TIMING)
    async with anyio.create_task_group() as group:
        submitter.open(group)
        job = (await submitter.create(new_job("job-1"), Caps(), request(), vendor_of(MINI["model"]))).job
        assert (job.state, job.task_id) == ("submitted", "task-7")
    journal.close()


async def test_an_answer_that_arrives_after_the_job_was_called_unknown_still_counts(tmp_path: Path) -> None:
    async with posting(tmp_path, []) as post:

        async def recovered_meanwhile() -> Answer:
            await post.journal.recover(lambda _: False)
            return accepted("task-7")

        post.web.script.append(recovered_meanwhile)
        job = await post.one()
        assert (job.state, job.task_id, job.error_code) == ("submitted", "task-7", None)


async def test_a_refusal_does_not_end_a_job_that_was_settled_meanwhile(tmp_path: Path) -> None:
    async with posting(tmp_path, []) as post:

        async def resolved_meanwhile() -> Answer:
            await post.journal.move("job-1", "submitted", when=("submitting",), task_id="task-9")
            return refused(400)

        post.web.script.append(resolved_meanwhile)
        await post.one()
        job = await post.journal.get("job-1")
        assert job
        assert (job.state, job.task_id, job.reserved) == ("submitted", "task-9", 570_000)


# -- an outcome that cannot be written ----------------------------------------------------------------------------


@pytest.mark.parametrize(("failures", "seconds"), [(0, 0), (1, 0.5), (2, 1.5), (3, 3.5), (4, 7.5)])
async def test_an_outcome_that_cannot_be_written_is_tried_again_with_growing_pauses(
    tmp_path: Path, failures: int, seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    async with posting(tmp_path, [accepted("task-7")]) as post:
        post.journal.failures += [DISK_FULL] * failures
        job = await post.one()
        assert (job.state, job.task_id, now()) == ("submitted", "task-7", pytest.approx(seconds))
        written = "job job-1: the vendor accepted it as its task task-7. The journal cannot be used (disk full)."
        assert caplog.text.count(written) == failures  # from the first failure on, the log has it
        assert len(post.web.posts) == 1


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (accepted("task-7"), "the vendor accepted it as its task task-7."),
        (refused(400, "no, because"), "no, because."),
        (LOST, "connection lost."),
    ],
)
async def test_an_outcome_that_can_never_be_written_is_an_error_that_says_what_it_is(
    tmp_path: Path, step: Step, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with posting(tmp_path, [step]) as post:
        post.journal.failures += [DISK_FULL] * 5
        with pytest.raises(JournalError) as caught:
            await post.one()
        assert now() == pytest.approx(7.5)
        assert caught.value.sentence == f"Job job-1 was sent: {message} The journal cannot be used (disk full)."
        assert "Do NOT call create_video again" in caught.value.next_step
        assert "`seedance-mcp videos resolve job-1`" in caught.value.next_step
        errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
        assert errors == [f"job job-1: {message} The journal cannot be used (disk full)."] * 5
        assert post.journal.failures == []
        assert len(post.web.posts) == 1
        left = await post.journal.get("job-1")
        assert left
        assert (left.state, left.reserved) == ("submitting", 570_000)


@pytest.mark.parametrize(
    ("step", "state", "task_id"),
    [(accepted("task-7"), "submitted", "task-7"), (refused(400), "rejected", None), (LOST, "unknown", None)],
)
async def test_an_outcome_is_written_down_once_the_journal_can_be_written_again(
    tmp_path: Path, step: Step, state: str, task_id: str | None
) -> None:
    async with posting(tmp_path, [step]) as post:
        post.journal.failures += [DISK_FULL] * 6
        with pytest.raises(JournalError, match="disk full"):
            await post.one()
        with pytest.raises(JournalError, match="disk full"):
            await post.submitter.catch_up()  # it is still full
        await post.submitter.catch_up()
        job = await post.journal.get("job-1")
        assert job
        assert (job.state, job.task_id) == (state, task_id)
        assert [reported.id for reported in post.submitted] == ["job-1"]
        await post.submitter.catch_up()
        assert len(post.submitted) == len(post.web.posts) == 1


async def test_an_outcome_that_contradicts_the_journal_is_said_once_and_not_tried_again(tmp_path: Path) -> None:
    async with posting(tmp_path, [accepted("task-7")]) as post:
        post.journal.failures += [DISK_FULL] * 5
        with pytest.raises(JournalError, match="disk full"):
            await post.one()
        await post.journal.move("job-1", "submitted", when=("submitting",), task_id="task-9")
        await post.submitter.catch_up()
        job = await post.journal.get("job-1")
        assert job
        assert job.task_id == "task-9"


async def test_a_caller_gets_the_task_of_a_job_that_cannot_be_written_down(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, [accepted("task-7")], [succeeded()]) as scene:
        scene.journal.failures += [DISK_FULL] * 5
        with pytest.raises(JournalError, match="as its task task-7"):
            await create(scene.service)
        (left,) = await scene.service.in_states(("submitting",))
        assert left.reserved == 570_000


# -- HTTP status, body code and id ---------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [200, 400, 429, 500])
@pytest.mark.parametrize("http_status", [200, 400, 408, 429, 500])
async def test_an_answer_with_the_id_of_a_task_is_an_acceptance_and_never_repeated(
    tmp_path: Path, http_status: int, code: int
) -> None:
    body = {"code": code, "message": "oh", "data": {"task_id": "task-7"}}
    async with posting(tmp_path, [Answer(http_status, body)]) as post:
        job = await post.one()
        assert (job.state, job.task_id, job.reserved) == ("submitted", "task-7", 570_000)
        assert len(post.web.posts) == 1


@pytest.mark.parametrize("body", [{"data": {"id": 77}}, {"data": {"id": "77"}}, {"data": {"task_id": 77}}])
async def test_an_id_may_be_a_whole_number_and_may_be_in_data_id(tmp_path: Path, body: dict[str, Any]) -> None:
    async with posting(tmp_path, [Answer(200, {"code": 200, "message": "success", **body})]) as post:
        job = await post.one()
        assert (job.state, job.task_id) == ("submitted", "77")


@pytest.mark.parametrize(
    ("http_status", "code", "state", "posts"),
    [
        (200, 400, "rejected", 1),
        (200, 429, "rejected", 3),
        (200, 500, "unknown", 1),
        (200, 408, "unknown", 1),
        (400, 429, "rejected", 3),
        (429, 400, "rejected", 3),
        (400, 500, "unknown", 1),
        (429, 500, "unknown", 1),
        (500, 400, "unknown", 1),
        (500, 429, "unknown", 1),
        (502, 402, "unknown", 1),
        (302, 400, "unknown", 1),
        (409, 400, "unknown", 1),
    ],
)
async def test_the_more_ambiguous_of_http_status_and_body_code_wins(
    tmp_path: Path, http_status: int, code: int, state: str, posts: int
) -> None:
    async with posting(tmp_path, [Answer(http_status, {"code": code, "message": "oh", "data": None})]) as post:
        job = await post.one()
        assert (job.state, job.reserved) == (state, 570_000 if state == "unknown" else 0)
        assert len(post.web.posts) == posts


# -- a late answer -------------------------------------------------------------------------------------------------


async def test_the_id_of_a_task_that_another_job_of_the_account_has_makes_the_second_unknown(tmp_path: Path) -> None:
    async with posting(tmp_path, [accepted("task-7")]) as post:
        await post.one()
        second = await post.one(job_id="job-2")
        assert (second.state, second.task_id, second.reserved) == ("unknown", None, 570_000)
        assert "which is job job-1" in str(second.error_message)


async def test_an_answer_for_a_row_that_is_gone_writes_it_again(tmp_path: Path) -> None:
    async with posting(tmp_path, []) as post:

        async def restored_meanwhile() -> Answer:
            with closing(sqlite3.connect(post.journal.path)) as db:
                db.execute("DELETE FROM jobs")
                db.commit()
            return accepted("task-7")

        post.web.script.append(restored_meanwhile)
        job = await post.one()
        assert (job.state, job.task_id, job.reserved, job.owner) == ("submitted", "task-7", 570_000, OWNER)
        assert await post.journal.get("job-1") == job


async def test_an_unknown_outcome_of_a_row_that_is_gone_writes_it_again(tmp_path: Path) -> None:
    async with posting(tmp_path, []) as post:

        async def restored_meanwhile() -> Answer:
            with closing(sqlite3.connect(post.journal.path)) as db:
                db.execute("DELETE FROM jobs")
                db.commit()
            raise LOST

        post.web.script.append(restored_meanwhile)
        job = await post.one()
        assert (job.state, job.reserved, job.error_message) == ("unknown", 570_000, "connection lost")
        assert await post.journal.get("job-1") == job


async def test_an_acceptance_wins_over_a_resolution_as_not_charged(tmp_path: Path) -> None:
    async with posting(tmp_path, []) as post:

        async def given_up_meanwhile() -> Answer:
            await post.journal.move("job-1", "rejected", when=("submitting",), reserved=0, finished_at=1.0)
            return accepted("task-7")

        post.web.script.append(given_up_meanwhile)
        job = await post.one()
        assert (job.state, job.task_id, job.reserved) == ("submitted", "task-7", 570_000)
        assert (job.finished_at, job.error_code, job.error_message) == (None, None, None)


async def test_an_id_that_comes_after_another_was_given_by_hand_is_said_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with posting(tmp_path, []) as post:

        async def resolved_meanwhile() -> Answer:
            await post.journal.move("job-1", "submitted", when=("submitting",), task_id="task-9")
            return accepted("task-7")

        post.web.script.append(resolved_meanwhile)
        with pytest.raises(JournalError, match="as its task task-7, but the journal has task task-9"):
            await post.one()
        assert now() == 0  # another attempt would not help
        assert "task-7" in caplog.text
        job = await post.journal.get("job-1")
        assert job
        assert (job.state, job.task_id) == ("submitted", "task-9")


async def test_a_refusal_of_the_first_post_ends_a_job_that_was_called_unknown_meanwhile(tmp_path: Path) -> None:
    async with posting(tmp_path, []) as post:

        async def recovered_meanwhile() -> Answer:
            await post.journal.recover(lambda _: False)
            return refused(400, "no")

        post.web.script.append(recovered_meanwhile)
        job = await post.one()
        assert (job.state, job.reserved, job.error_message) == ("rejected", 0, "no")


# -- stopping, and a journal that is locked --------------------------------------------------------------------------


async def rejected_by_a_stop(post: Post, over_at: float) -> None:
    """Cancel the call that submits a job after 0.2 s, and stop; the job is rejected, and all is over at this time."""
    with anyio.move_on_after(0.2):
        await post.one()
    await post.submitter.stop(1.3)
    assert now() == pytest.approx(over_at)
    job = await post.journal.get("job-1")
    assert job
    assert (job.state, job.reserved, len(post.web.posts)) == ("rejected", 0, 1)


@pytest.mark.parametrize("step", [NO_ROUTE, refused(429, "later", retry_after=20.0)])
async def test_a_stop_in_a_pause_between_attempts_rejects_the_job_at_once(tmp_path: Path, step: Step) -> None:
    async with posting(tmp_path, [step]) as post:
        await rejected_by_a_stop(post, 0.2)


async def test_a_stop_before_the_request_begins_rejects_the_job(tmp_path: Path) -> None:
    async with posting(tmp_path, []) as post:

        async def no_connection_yet() -> Answer:
            try:
                await anyio.sleep_forever()
            finally:
                raise NotSent("no connection in time")

        post.web.script.append(no_connection_yet)
        await rejected_by_a_stop(post, 1.5)


async def test_a_job_whose_journal_was_locked_until_the_stop_is_over_is_not_sent(tmp_path: Path) -> None:
    async with posting(tmp_path, [accepted()]) as post:
        post.journal.delay = 2.0
        with anyio.move_on_after(0.2):
            await post.one()
        await post.submitter.stop(1.3)
        await anyio.sleep(5)
        job = await post.journal.get("job-1")
        assert job
        assert (job.state, job.reserved, post.web.posts) == ("rejected", 0, [])


async def test_a_vendor_that_cannot_be_reached_for_a_minute_is_not_tried_again(tmp_path: Path) -> None:
    async with posting(tmp_path, []) as post:

        async def slow() -> Answer:
            await anyio.sleep(61)
            raise NO_ROUTE

        post.web.script.append(slow)
        job = await post.one()
        assert (job.state, now(), len(post.web.posts)) == ("rejected", 61, 1)


async def test_nothing_is_sent_once_a_stop_has_begun(tmp_path: Path) -> None:
    async with posting(tmp_path, [accepted()]) as post:
        await post.submitter.stop(1.3)
        with pytest.raises(Stopping, match="The server is stopping"):
            await post.one()
        assert post.web.posts == []


async def test_a_job_whose_admission_failed_after_its_commit_is_abandoned_at_the_next_chance(tmp_path: Path) -> None:
    async with posting(tmp_path, [accepted()]) as post:
        post.journal.early_failures += [DISK_FULL, DISK_FULL]
        with pytest.raises(JournalError, match="disk full"):
            await post.one(request_key="key")
        with pytest.raises(JournalError, match="disk full"):
            await post.submitter.catch_up()  # still locked
        job = await post.journal.get("job-1")
        assert job
        assert (job.state, job.reserved) == ("submitting", 570_000)
        await post.submitter.catch_up()
        job = await post.journal.get("job-1")
        assert job
        assert (job.state, job.reserved, job.finished_at) == ("abandoned", 0, wall_clock())
        assert post.web.posts == []
        again = await post.journal.admit(new_job("job-2", request_key="key"), Caps())
        assert not again.duplicate


# -- accounts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", [account("aigptimage", "another"), None])
async def test_an_unknown_job_of_another_account_is_never_sent_again(tmp_path: Path, other: str | None) -> None:
    async with posting(tmp_path, [with_key()]) as post:
        lost = await unknown_job(post.journal, model=WITH_KEY["model"])
        noted = await post.journal.note(lost.id, account=other)
        assert noted
        with pytest.raises(ValueError, match="could pay twice"):
            await post.repeat(noted, WITH_KEY["model"])
        assert post.web.posts == []


# -- a call that is cancelled -------------------------------------------------------------------------------------


async def test_a_call_that_is_cancelled_before_its_post_begins_abandons_the_job(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, [NO_ROUTE, accepted("task-7")]) as scene:
        with anyio.move_on_after(0.01) as scope:  # within the pause after the first attempt, which never left
            await create(scene.service)
        assert scope.cancelled_caught
        await anyio.sleep(20)
        (job,) = (await scene.service.page()).jobs
        assert (job.state, job.reserved) == ("abandoned", 0)
        assert job.error_message == "The call was cancelled before anything was sent."
        assert len(scene.web.posts) == 1
        assert (await scene.service.spending()).open_jobs == 0


async def test_a_call_that_is_cancelled_while_its_job_is_admitted_sends_nothing(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, [accepted("task-7")]) as scene:
        admit = scene.journal.admit

        async with anyio.create_task_group() as group:

            async def admit_and_cancel(new: NewJob, caps: Caps) -> Admission:
                admission = await admit(new, caps)
                group.cancel_scope.cancel()
                return admission

            scene.journal.admit = admit_and_cancel  # pyright: ignore[reportAttributeAccessIssue]  (the seam of this test)
            group.start_soon(create, scene.service)
        await anyio.sleep(20)
        (job,) = (await scene.service.page()).jobs
        assert (job.state, job.reserved) == ("abandoned", 0)
        assert scene.web.posts == []


async def test_a_call_that_is_cancelled_after_a_refusal_that_asks_to_wait_goes_on(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, [refused(429), accepted("task-7")]) as scene:
        with anyio.move_on_after(0.01):
            await create(scene.service)
        await anyio.sleep(20)
        (job,) = (await scene.service.page()).jobs
        assert (job.task_id, len(scene.web.posts)) == ("task-7", 2)


# -- ids ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task_id", ["", ".", "..", "x" * 513], ids=["empty", "dot", "dots", "long"])
async def test_an_id_that_cannot_be_polled_leaves_the_outcome_unknown(tmp_path: Path, task_id: str) -> None:
    async with scripted_service(tmp_path, [accepted(task_id)]) as scene:
        job = await create(scene.service)
        assert job.state == "unknown"
        assert str(job.error_message).startswith("the answer has no usable task id")
        assert job.reserved > 0


async def test_the_longest_id_is_polled(tmp_path: Path) -> None:
    async with scripted_service(tmp_path, [accepted("x" * 512)]) as scene:
        assert (await create(scene.service)).task_id == "x" * 512
