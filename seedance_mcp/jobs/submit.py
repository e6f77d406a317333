"""The only code that spends money: one admitted job, one POST, one durable outcome.

| observed                                               | outcome   | next                                        |
|--------------------------------------------------------|-----------|---------------------------------------------|
| the HTTP trace shows that the POST never began         | not sent  | up to 3 further attempts, then rejected     |
| a 4xx, or a body code inside HTTP 200, in the vendor's | rejected  | no retry                                    |
|   own error envelope                                   |           |                                             |
| 421, 425, 429                                          | rejected  | up to 2 further attempts after Retry-After, |
|                                                        |           |   if that is at most 30 s                   |
| 408, 409, 5xx, 3xx, timeout, reset, no whole answer,   | ambiguous | `unknown`; never sent again, except with an |
|   no task id in it                                     |           |   idempotency key to a vendor that has them |
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio

from seedance_mcp.errors import Code, JournalError, UnexpectedAnswer
from seedance_mcp.jobs.final_cost import charged_usd
from seedance_mcp.jobs.journal.model import STOPPED
from seedance_mcp.vendors.upstream import classify
from seedance_mcp.web import NotSent, OutcomeUnknown

if TYPE_CHECKING:
    from seedance_mcp.catalog.price import Prices
    from seedance_mcp.catalog.request import VideoRequest
    from seedance_mcp.jobs.journal.model import Job, Journal
    from seedance_mcp.jobs.timing import Timing
    from seedance_mcp.vendors.vendor import Accepted, Answer, Call, Refusal, Vendor
    from seedance_mcp.web import Web

log = logging.getLogger(__name__)

REJECTING = {400, 401, 402, 403, 404, 413, 415, 422}
ASKING_TO_WAIT = {421, 425, 429}
_PASSING = {Code.RATE_LIMITED, Code.BUSY, Code.VENDOR_DOWN, Code.NO_CREDIT, Code.AUTH}
"""Refusals that say nothing about the request itself."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a POST: accepted, refused, or (with the reason) ambiguous."""

    accepted: Accepted | None = None
    refusal: Refusal | None = None
    ambiguous: str = ""
    retry_after: float | None = None

    @property
    def text(self) -> str:
        """The vendor's message, or why the outcome is ambiguous."""
        return self.refusal.message if self.refusal else self.ambiguous


class Submitter:
    """Submits jobs of one journal as one owner."""

    def __init__(self, journal: Journal, web: Web, prices: Prices, owner: str, timing: Timing) -> None:
        self._journal, self._web, self._prices, self._owner = journal, web, prices, owner
        self._timing, self._now, self._jitter = timing.submit, timing.clock, timing.jitter

    async def submit(self, job: Job, request: VideoRequest, vendor: Vendor) -> Job:
        """Send an admitted job, record the outcome, and return the job in its new state.

        A job whose outcome is unknown is sent again only to a vendor with an idempotency key, where the repeat
        returns the first task. If such a repeat is refused, that says nothing about the first POST, so the job stays
        unknown.

        Raises:
            JournalError: the outcome cannot be recorded; the sentence says what it is.
        """
        if job.state == "unknown" and not vendor.idempotency_header:
            raise ValueError(f"{vendor.slug} has no idempotency key: sending {job.id} again could pay twice")
        call = vendor.build_submit(request)
        if vendor.idempotency_header:
            call = replace(call, headers={**call.headers, vendor.idempotency_header: job.id})
        moved = await self._journal.move(job.id, "submitting", when=(job.state,), owner=self._owner)
        if moved is None:  # another process has settled it in the meantime
            return await self._journal.get(job.id) or job
        try:
            outcome = await self._send(vendor, call)
        except BaseException:  # most likely cancelled at shutdown: the request may have been sent
            code = Code.UNKNOWN_OUTCOME
            await self._journal.move(job.id, "unknown", when=("submitting",), error_code=code, error_message=STOPPED)
            raise
        if job.state == "unknown" and outcome.accepted is None:
            outcome = Outcome(ambiguous=outcome.text)
        return await self._write_down(job, outcome, request) or moved

    async def _send(self, vendor: Vendor, call: Call) -> Outcome:
        unsent, busy = iter(self._timing.unsent_pauses), iter(self._timing.busy_pauses)
        while True:
            try:
                answer = await self._web.post_once(vendor, call)
            except NotSent as error:
                if (longest := next(unsent, None)) is None:
                    message = f"{vendor.name} could not be reached: {error}."
                    return Outcome(refusal=classify(503, "", message, Code.VENDOR_DOWN))
                await anyio.sleep(self._jitter(0, longest))
                continue
            except OutcomeUnknown as error:
                return Outcome(ambiguous=str(error))
            outcome = read_outcome(vendor, answer)
            asks_to_wait = outcome.refusal is not None and outcome.refusal.status in ASKING_TO_WAIT
            wait = outcome.retry_after or 0.0
            if not asks_to_wait or wait > self._timing.longest_retry_after or (longest := next(busy, None)) is None:
                return outcome
            await anyio.sleep(wait or self._jitter(longest / 4, longest))

    async def _write_down(self, job: Job, outcome: Outcome, request: VideoRequest) -> Job | None:
        for pause in self._timing.write_pauses:
            try:
                return await self._write(job, outcome, request)
            except JournalError as error:  # a full disk may get space again, and a lock may be released
                log.warning("job %s: %s", job.id, error.sentence)
                await anyio.sleep(pause)
        try:
            return await self._write(job, outcome, request)
        except JournalError as error:
            raise _unwritten(job, outcome, error) from error

    async def _write(self, job: Job, outcome: Outcome, request: VideoRequest) -> Job | None:
        if outcome.accepted is not None:
            reported = charged_usd(request.model, outcome.accepted.charged, self._prices)
            # A vendor may report a higher charge than the quote; the reservation is then raised to it.
            changes = {} if reported is None else {"reserved": reported, "unpriced": 0}
            return await self._journal.move(
                job.id,
                "submitted",
                when=("submitting", "unknown"),
                task_id=outcome.accepted.task_id,
                submitted_at=self._now(),
                error_code=None,
                error_message=None,
                **changes,
            )
        if outcome.refusal is not None:
            log.info("job %s rejected: %s", job.id, outcome.refusal.code)
            # A refusal that says nothing about the request leaves its request_key free for the next attempt.
            freed = {"request_key": None} if outcome.refusal.code in _PASSING else {}
            return await self._journal.move(
                job.id,
                "rejected",
                when=("submitting",),
                reserved=0,
                finished_at=self._now(),
                error_code=outcome.refusal.code,
                error_message=outcome.refusal.message,
                **freed,
            )
        log.warning("job %s has an unknown outcome: %s", job.id, outcome.ambiguous)
        code = Code.UNKNOWN_OUTCOME
        return await self._journal.move(
            job.id, "unknown", when=("submitting",), error_code=code, error_message=outcome.ambiguous
        )


def read_outcome(vendor: Vendor, answer: Answer) -> Outcome:
    """Classify a vendor's answer by the table above."""
    refusal = vendor.parse_error(answer)
    if refusal is not None:
        status = refusal.status
        if status in REJECTING or status in ASKING_TO_WAIT:
            return Outcome(refusal=refusal, retry_after=answer.retry_after)
        return Outcome(ambiguous=f"HTTP {status}: {refusal.message}")
    if answer.status in ASKING_TO_WAIT:
        message = f"{vendor.name} answered HTTP {answer.status}."
        return Outcome(refusal=classify(answer.status, "", message, Code.RATE_LIMITED), retry_after=answer.retry_after)
    if not 200 <= answer.status < 300:  # noqa: PLR2004  (HTTP statuses are clearest as numbers)
        return Outcome(ambiguous=f"HTTP {answer.status} without the vendor's own error message")
    try:
        return Outcome(accepted=vendor.parse_submit(answer))
    except UnexpectedAnswer:
        return Outcome(ambiguous="the answer has no job id")


def _unwritten(job: Job, outcome: Outcome, error: JournalError) -> JournalError:
    """Report an outcome that cannot be recorded: this error and the log are then its only record."""
    if outcome.accepted is not None:
        message = f"The vendor accepted job {job.id} as its task {outcome.accepted.task_id}."
    else:
        message = f"Job {job.id} was sent; {outcome.text}."
    log.error("%s %s", message, error.sentence)
    next_step = (
        "Do NOT call create_video again. Once the journal can be written and this server was restarted, the user can "
        f"settle it with `seedance-mcp videos resolve {job.id}`."
    )
    return JournalError(f"{message} {error.sentence}", next_step=next_step)
