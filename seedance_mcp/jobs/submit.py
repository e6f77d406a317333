"""The only code that spends money: one admitted job, one POST, one durable outcome.

| seen                                                   | outcome   | then                                        |
|--------------------------------------------------------|-----------|---------------------------------------------|
| the HTTP trace shows that the POST was never begun     | not sent  | tried again ≤ 3 times, then rejected        |
| a 4xx, or a body code inside HTTP 200, in the vendor's | rejected  | no retry                                    |
|   own error envelope                                   |           |                                             |
| 421, 425, 429                                          | rejected  | Retry-After ≤ 30 s waited out, ≤ 2 times    |
| 408, 409, 5xx, 3xx, time-out, reset, no whole answer,  | ambiguous | `unknown`; never sent again, except to a    |
|   no id in it                                          |           | vendor with an idempotency key, with it     |
"""

from __future__ import annotations

import logging
import random
import time
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
    from seedance_mcp.vendors.vendor import Accepted, Answer, Call, Refusal, Vendor
    from seedance_mcp.web import Web

log = logging.getLogger(__name__)

NOT_SENT_TRIES = 4
BUSY_TRIES = 3
WRITING_PAUSES = (0.5, 1, 2, 4)
"""Seconds before each further try to write an outcome down."""
LONGEST_RETRY_AFTER = 30.0
REJECTING = {400, 401, 402, 403, 404, 413, 415, 422}
ASKING_TO_WAIT = {421, 425, 429}
_PASSING = {Code.RATE_LIMITED, Code.BUSY, Code.VENDOR_DOWN, Code.NO_CREDIT, Code.AUTH}


@dataclass(frozen=True, slots=True)
class _Outcome:
    accepted: Accepted | None = None
    refusal: Refusal | None = None
    ambiguous: str = ""
    retry_after: float | None = None


async def submit(
    job: Job, request: VideoRequest, vendor: Vendor, web: Web, journal: Journal, prices: Prices, owner: str
) -> Job:
    """Send an admitted job and write down what became of it. Returns the job in its new state.

    A job whose outcome is unknown is sent again only to a vendor with an idempotency key, which makes the repeat
    return the first task. What such a repeat is refused says nothing of the first, so the job then stays unknown.
    """
    if job.state == "unknown" and not vendor.idempotency_header:
        raise ValueError(f"{vendor.slug} has no idempotency key: sending {job.id} again could pay twice")
    call = vendor.build_submit(request)
    if vendor.idempotency_header:
        call = replace(call, headers={**call.headers, vendor.idempotency_header: job.id})
    moved = await journal.move(job.id, "submitting", when=(job.state,), owner=owner)
    if moved is None:  # another process has settled it meanwhile
        return await journal.get(job.id) or job
    try:
        outcome = await _send(vendor, call, web)
    except BaseException:  # cancelled at shutdown, most likely: the request may be on its way
        code = Code.UNKNOWN_OUTCOME
        await journal.move(job.id, "unknown", when=("submitting",), error_code=code, error_message=STOPPED)
        raise
    if job.state == "unknown" and outcome.accepted is None:
        outcome = _Outcome(ambiguous=outcome.ambiguous or (outcome.refusal.message if outcome.refusal else ""))
    for pause in WRITING_PAUSES:
        try:
            return await _write(job, outcome, journal, prices, request) or moved
        except JournalError as error:  # a full disk may have room again, a stopped process may go on
            log.warning("job %s: %s", job.id, error.sentence)
            await anyio.sleep(pause)
    try:
        return await _write(job, outcome, journal, prices, request) or moved
    except JournalError as error:
        raise _unwritten(job, outcome, error) from error


def _unwritten(job: Job, outcome: _Outcome, error: JournalError) -> JournalError:
    """Say what cannot be written down, for then this is the only place where it stands."""
    if outcome.accepted is not None:
        message = f"The vendor took job {job.id} as its task {outcome.accepted.task_id}."
    else:
        message = f"Job {job.id} was sent; {outcome.refusal.message if outcome.refusal else outcome.ambiguous}."
    log.error("%s %s", message, error.sentence)
    next_step = (
        "Do NOT call create_video again. When the journal can be written and this server was restarted, the user can "
        f"settle it with `seedance-mcp videos resolve {job.id}`."
    )
    return JournalError(f"{message} {error.sentence}", next_step=next_step)


async def _send(vendor: Vendor, call: Call, web: Web) -> _Outcome:
    unsent, busy = 0, 0
    while True:
        try:
            answer = await web.post_once(vendor, call)
        except NotSent as error:
            unsent += 1
            if unsent == NOT_SENT_TRIES:
                message = f"{vendor.name} could not be reached: {error}."
                return _Outcome(refusal=classify(503, "", message, Code.VENDOR_DOWN))
            await anyio.sleep(random.uniform(0, min(8.0, 0.5 * 2**unsent)))  # noqa: S311  (jitter, no secret)
            continue
        except OutcomeUnknown as error:
            return _Outcome(ambiguous=str(error))
        outcome = read(vendor, answer)
        busy += 1
        asked = outcome.refusal is not None and outcome.refusal.status in ASKING_TO_WAIT
        if not asked or busy == BUSY_TRIES or (wait := outcome.retry_after or 0.0) > LONGEST_RETRY_AFTER:
            return outcome
        await anyio.sleep(wait or random.uniform(0.5, 2.0))  # noqa: S311


def read(vendor: Vendor, answer: Answer) -> _Outcome:
    """Tell accepted from rejected from ambiguous, by the table above."""
    refusal = vendor.parse_error(answer)
    if refusal is not None:
        status = refusal.status
        if status in REJECTING or (status in ASKING_TO_WAIT):
            return _Outcome(refusal=refusal, retry_after=answer.retry_after)
        return _Outcome(ambiguous=f"HTTP {status}: {refusal.message}")
    if answer.status in ASKING_TO_WAIT:
        message = f"{vendor.name} answered HTTP {answer.status}."
        return _Outcome(refusal=classify(answer.status, "", message, Code.RATE_LIMITED), retry_after=answer.retry_after)
    if not 200 <= answer.status < 300:  # noqa: PLR2004
        return _Outcome(ambiguous=f"HTTP {answer.status} without the vendor's own error message")
    try:
        return _Outcome(accepted=vendor.parse_submit(answer))
    except UnexpectedAnswer:
        return _Outcome(ambiguous="the answer holds no job id")


async def _write(job: Job, outcome: _Outcome, journal: Journal, prices: Prices, request: VideoRequest) -> Job | None:
    if outcome.accepted is not None:
        now = time.time()
        reported = charged_usd(request.model, outcome.accepted.charged, prices)
        # What the vendor says it has charged may be more than was quoted; the reservation follows the truth.
        changes = {} if reported is None else {"reserved": reported, "unpriced": 0}
        return await journal.move(
            job.id,
            "submitted",
            when=("submitting", "unknown"),
            task_id=outcome.accepted.task_id,
            submitted_at=now,
            error_code=None,
            error_message=None,
            **changes,
        )
    if outcome.refusal is not None:
        log.info("job %s rejected: %s", job.id, outcome.refusal.code)
        # A no that says nothing of the request leaves its request_key free for the next try.
        freed = {"request_key": None} if outcome.refusal.code in _PASSING else {}
        return await journal.move(
            job.id,
            "rejected",
            when=("submitting",),
            reserved=0,
            finished_at=time.time(),
            error_code=outcome.refusal.code,
            error_message=outcome.refusal.message,
            **freed,
        )
    log.warning("job %s has an unknown outcome: %s", job.id, outcome.ambiguous)
    return await journal.move(
        job.id, "unknown", when=("submitting",), error_code=Code.UNKNOWN_OUTCOME, error_message=outcome.ambiguous
    )
