"""The outcome of each submission, written into the journal; what it cannot take yet is written when it can."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio

from seedance_mcp.errors import Code, JournalError
from seedance_mcp.jobs.final_cost import report
from seedance_mcp.jobs.journal.model import with_latest
from seedance_mcp.jobs.outcome import Outcome

if TYPE_CHECKING:
    from seedance_mcp.jobs.journal.model import Job, Journal
    from seedance_mcp.vendors.vendor import Accepted, Vendor

log = logging.getLogger(__name__)

CANCELLED = "The call was cancelled before anything was sent."


@dataclass(frozen=True, slots=True)
class Sent:
    """A job whose POST has an outcome."""

    job: Job
    vendor: Vendor
    first: bool
    """Whether this was the job's first POST, and not a repeat with its idempotency key."""


class _OtherTaskError(JournalError):
    """The vendor accepted a job as one task, and the journal has another."""


class Recorder:
    """Writes the outcomes of one process's submissions into a journal."""

    def __init__(self, journal: Journal, pauses: Sequence[float], clock: Callable[[], float]) -> None:
        """`pauses` are the seconds before each further attempt to write."""
        self._journal, self._pauses, self._now = journal, pauses, clock
        self._not_sent: set[str] = set()
        self._unrecorded: dict[str, tuple[Sent, Outcome]] = {}

    def never_sent(self, job_id: str) -> None:
        """Remember a job that was never sent and that the journal does not show as abandoned yet."""
        self._not_sent.add(job_id)

    async def abandon(self, job: Job) -> Job:
        """Write down that a job was cancelled before it was sent."""
        log.info("job %s was cancelled before it was sent", job.id)
        return (
            await self._journal.move(
                job.id, "abandoned", when=("submitting",), reserved=0, finished_at=self._now(), error_message=CANCELLED
            )
            or job
        )

    async def catch_up(self, on_written: Callable[[Job], Awaitable[None]]) -> None:
        """Write down what the journal could not take when it happened; `on_written` gets each job with an outcome.

        Raises:
            JournalError: it still cannot.
        """
        for sent, outcome in list(self._unrecorded.values()):
            with suppress(_OtherTaskError):  # which is logged
                await on_written(await self._write(sent, outcome))
            self._unrecorded.pop(sent.job.id, None)
        for job_id in list(self._not_sent):
            await self._journal.move(
                job_id, "abandoned", when=("intent", "submitting"), reserved=0, finished_at=self._now()
            )
            self._not_sent.discard(job_id)

    async def record(self, sent: Sent, outcome: Outcome, *, pause: Callable[[float], Awaitable[bool]]) -> Job:
        """Write down an outcome; `pause` waits, and returns whether the server is stopping, so that this must end.

        Raises:
            JournalError: it cannot be written; the error says what it is, and `catch_up` tries again.
        """
        if not sent.first and outcome.accepted is None:
            outcome = Outcome(ambiguous=outcome.text)
        job, pauses = sent.job, iter(self._pauses)
        while True:
            try:
                return await self._write(sent, outcome)
            except _OtherTaskError:
                raise
            except JournalError as error:  # a full disk may get space again, and a lock may be released
                # The log is a record of it at once, for this process may be killed before the journal is.
                log.error("job %s: %s. %s", job.id, outcome.text, error.sentence)  # noqa: TRY400  (no stack needed)
                seconds = next(pauses, None)
                if seconds is None or await pause(seconds):
                    self._unrecorded[job.id] = sent, outcome
                    raise _unwritten(job, outcome, error) from error

    async def _write(self, sent: Sent, outcome: Outcome) -> Job:
        job = sent.job
        if outcome.accepted is not None:
            return await self._write_accepted(job, sent.vendor, outcome.accepted)
        if outcome.refusal is None:
            log.warning("job %s has an unknown outcome: %s", job.id, outcome.ambiguous)
            message = outcome.ambiguous if sent.first else with_latest(job.error_message, outcome.ambiguous)
            return await self.unknown(job, message)
        log.info("job %s rejected: %s", job.id, outcome.refusal.code)
        written = await self._journal.move(
            job.id,
            "rejected",
            # Another process may have taken this one for dead; only the first POST can end that.
            when=("submitting", "unknown") if sent.first else ("submitting",),
            reserved=0,
            finished_at=self._now(),
            error_code=outcome.refusal.code,
            error_message=outcome.refusal.message,
        )
        return written or await self._journal.get(job.id) or job

    async def unknown(self, job: Job, message: str) -> Job:
        """Write down that a job may have been sent, even if the caller is being cancelled; return it as it is then."""
        known = {"error_code": Code.UNKNOWN_OUTCOME, "error_message": message}
        lost = replace(job, state="unknown", **known)
        written: Job | None = None
        with anyio.CancelScope(shield=True):
            written = await self._journal.move(job.id, "unknown", when=("submitting", "unknown"), **known)
            written = written or await self._journal.keep(lost)
        return written or lost

    async def _write_accepted(self, job: Job, vendor: Vendor, accepted: Accepted) -> Job:
        changes = report(job, vendor, accepted.charged)
        written = await self._journal.accept(job, accepted.task_id, submitted_at=self._now(), **changes)
        if written is None:
            current = await self._journal.get(job.id)
            task = current.task_id if current else None
            message = (
                f"The vendor accepted job {job.id} as its task {accepted.task_id}, but the journal has task {task}."
            )
            log.error("%s", message)
            raise _OtherTaskError(
                message,
                next_step="Do NOT call create_video again. Ask the user to look for both tasks at the vendor's site.",
            )
        if written.state == "unknown":
            log.error("job %s: %s", job.id, written.error_message)
        return written


def _unwritten(job: Job, outcome: Outcome, error: JournalError) -> JournalError:
    """Report an outcome that cannot be recorded: this error and the log are then its only record."""
    next_step = (
        f"Do NOT call create_video again. Once the journal can be written, check_video with job_id {job.id} writes "
        f"this down; if this server ends before, the user can settle it with `seedance-mcp videos resolve {job.id}`."
    )
    return JournalError(f"Job {job.id} was sent: {outcome.text}. {error.sentence}", next_step=next_step)
