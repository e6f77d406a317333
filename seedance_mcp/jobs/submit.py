"""The only code that spends money: one admitted job, one POST, one durable outcome.

| observed                                               | outcome   | next                                        |
|--------------------------------------------------------|-----------|---------------------------------------------|
| the HTTP trace shows that the POST never began         | not sent  | up to 3 further attempts, then rejected     |
| an answer with the id of a task, whatever else it says | accepted  |                                             |
| 400-404, 413, 415, 422 in the vendor's own error       | rejected  | no retry                                    |
|   envelope; such a body code inside 2xx or a 4xx       |           |                                             |
| 421, 425, 429, likewise                                | rejected  | up to 2 further attempts after Retry-After, |
|                                                        |           |   if that is at most 30 s                   |
| any other status, in HTTP or in the body; timeout,     | ambiguous | `unknown`; never sent again, except with an |
|   reset, no whole answer, no id in it                  |           |   idempotency key to a vendor that has them |

The more ambiguous of HTTP status and body code wins: a body code 429 inside HTTP 500 is ambiguous.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio

from seedance_mcp.errors import Code, JournalError, UnexpectedAnswer
from seedance_mcp.jobs.final_cost import charged_usd
from seedance_mcp.jobs.journal.model import STOPPED
from seedance_mcp.vendors.upstream import classify
from seedance_mcp.vendors.vendor import Accepted, find_task_id
from seedance_mcp.web import NotSent, OutcomeUnknown

if TYPE_CHECKING:
    from seedance_mcp.catalog.request import VideoRequest
    from seedance_mcp.jobs.journal.model import Job, Journal
    from seedance_mcp.jobs.timing import Timing
    from seedance_mcp.vendors.vendor import Answer, Call, Refusal, Vendor
    from seedance_mcp.web import Web

log = logging.getLogger(__name__)

REJECTING = {400, 401, 402, 403, 404, 413, 415, 422}
ASKING_TO_WAIT = {421, 425, 429}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a POST: accepted, refused, or (with the reason) ambiguous."""

    accepted: Accepted | None = None
    refusal: Refusal | None = None
    ambiguous: str = ""
    asks_to_wait: bool = False
    retry_after: float | None = None

    @property
    def text(self) -> str:
        """What the vendor said, or why that is not known."""
        if self.accepted is not None:
            return f"the vendor accepted it as its task {self.accepted.task_id}"
        return self.refusal.message if self.refusal else self.ambiguous


class Submitter:
    """Submits jobs of one journal as one owner."""

    def __init__(
        self, journal: Journal, web: Web, account_of: Callable[[str], str], owner: str, timing: Timing
    ) -> None:
        """`account_of` returns the id of the account that is configured for a vendor."""
        self._journal, self._web, self._account_of, self._owner = journal, web, account_of, owner
        self._timing, self._now, self._jitter = timing.submit, timing.clock, timing.jitter
        self._stopping = anyio.Event()
        self._not_sent: set[str] = set()

    def stop(self) -> None:
        """End the pauses between attempts: what was not accepted by now is rejected."""
        self._stopping.set()

    async def submit(self, job: Job, request: VideoRequest, vendor: Vendor) -> Job:
        """Send an admitted job, record the outcome, and return the job in its new state.

        A job whose outcome is unknown is sent again only to a vendor with an idempotency key, where the repeat
        returns the first task. If such a repeat is refused, that says nothing about the first POST, so the job stays
        unknown.

        Raises:
            JournalError: the outcome cannot be recorded; the sentence says what it is.
        """
        first = job.state != "unknown"
        if not first and not vendor.idempotency_header:
            raise ValueError(f"{vendor.slug} has no idempotency key: sending {job.id} again could pay twice")
        if not first and job.account != self._account_of(vendor.slug):
            raise ValueError(f"job {job.id} belongs to another account: sending it again could pay twice")
        call = vendor.build_submit(request)
        if vendor.idempotency_header:
            call = replace(call, headers={**call.headers, vendor.idempotency_header: job.id})
        account = self._account_of(vendor.slug)
        try:
            moved = await self._journal.move(
                job.id, "submitting", when=(job.state,), owner=self._owner, account=account
            )
        except JournalError:
            if first:
                self._not_sent.add(job.id)
            raise
        if moved is None:  # another process has settled it meanwhile
            return await self._journal.get(job.id) or job
        try:
            outcome = await self._send(vendor, call)
        except BaseException:  # cancelled at shutdown, most likely: the request may be on its way
            await self._note_unknown(job.id)
            raise
        if not first and outcome.accepted is None:
            outcome = Outcome(ambiguous=outcome.text)
        return await self._write_down(moved, outcome, first=first)

    async def _note_unknown(self, job_id: str) -> None:
        code = Code.UNKNOWN_OUTCOME
        with anyio.CancelScope(shield=True):
            await self._journal.move(job_id, "unknown", when=("submitting",), error_code=code, error_message=STOPPED)

    async def abandon_unsent(self) -> None:
        """Abandon the jobs that this process admitted and then could not move on, because the journal was locked."""
        for job_id in list(self._not_sent):
            await self._journal.move(
                job_id, "abandoned", when=("intent", "submitting"), reserved=0, finished_at=self._now()
            )
            self._not_sent.discard(job_id)

    # -- sending --------------------------------------------------------------------------------------------------

    async def _send(self, vendor: Vendor, call: Call) -> Outcome:
        unsent, busy = iter(self._timing.unsent_pauses), iter(self._timing.busy_pauses)
        while True:
            try:
                answer = await self._web.post_once(vendor, call)
            except NotSent as error:
                longest = next(unsent, None)
                if longest is None or await self._stops_within(self._jitter(0, longest)):
                    message = f"{vendor.name} could not be reached: {error}."
                    return Outcome(refusal=classify(503, "", message, Code.VENDOR_DOWN))
                continue
            except OutcomeUnknown as error:
                return Outcome(ambiguous=str(error))
            outcome = read_outcome(vendor, answer)
            wait = outcome.retry_after or 0.0
            if not outcome.asks_to_wait or wait > self._timing.longest_retry_after:
                return outcome
            longest = next(busy, None)
            if longest is None or await self._stops_within(wait or self._jitter(longest / 4, longest)):
                return outcome

    async def _stops_within(self, seconds: float) -> bool:
        """Wait; return early, and True, if the server is stopping."""
        with anyio.move_on_after(seconds):
            await self._stopping.wait()
        return self._stopping.is_set()

    # -- writing --------------------------------------------------------------------------------------------------

    async def _write_down(self, job: Job, outcome: Outcome, *, first: bool) -> Job:
        pauses = iter(self._timing.write_pauses)
        while True:
            try:
                return await self._write(job, outcome, first=first)
            except JournalError as error:  # a full disk may get room again, a stopped process may go on
                # The log is at once a record of it, for this process may be killed before the journal is.
                log.error("job %s: %s. %s", job.id, outcome.text, error.sentence)  # noqa: TRY400  (no stack needed)
                pause = next(pauses, None)
                if pause is None or await self._stops_within(pause):
                    raise _unwritten(job, outcome, error) from error

    async def _write(self, job: Job, outcome: Outcome, *, first: bool) -> Job:
        if outcome.accepted is not None:
            return await self._write_accepted(job, outcome.accepted)
        if outcome.refusal is not None:
            log.info("job %s rejected: %s", job.id, outcome.refusal.code)
            written = await self._journal.move(
                job.id,
                "rejected",
                # Another process may have taken this one for dead; only the first POST can end that.
                when=("submitting", "unknown") if first else ("submitting",),
                reserved=0,
                finished_at=self._now(),
                error_code=outcome.refusal.code,
                error_message=outcome.refusal.message,
            )
        else:
            log.warning("job %s has an unknown outcome: %s", job.id, outcome.ambiguous)
            code = Code.UNKNOWN_OUTCOME
            written = await self._journal.move(
                job.id,
                "unknown",
                when=("submitting", "unknown"),
                error_code=code,
                error_message=outcome.ambiguous,
            )
        return written or await self._journal.get(job.id) or job

    async def _write_accepted(self, job: Job, accepted: Accepted) -> Job:
        reported = charged_usd(job, accepted.charged)
        # What the vendor reports early may rise, so the reservation never falls before the job is settled.
        raised = reported is not None and reported > job.reserved
        changes = {"reserved": reported, "unpriced": 0} if raised else {}
        written = await self._journal.accept(job, accepted.task_id, submitted_at=self._now(), **changes)
        if written is None:
            current = await self._journal.get(job.id)
            task = current.task_id if current else None
            message = (
                f"The vendor accepted job {job.id} as its task {accepted.task_id}, but the journal has task {task}."
            )
            log.error("%s", message)
            raise JournalError(
                message,
                next_step="Do NOT call create_video again. Ask the user to look for both tasks at the vendor's site.",
            )
        if written.state == "unknown":
            log.error("job %s: %s", job.id, written.error_message)
        return written


def read_outcome(vendor: Vendor, answer: Answer) -> Outcome:
    """Tell accepted from rejected from ambiguous, by the table above."""
    if accepted := _accepted(vendor, answer):
        return Outcome(accepted=accepted)
    refusal = vendor.parse_error(answer)
    statuses = {answer.status} - set(range(200, 300))
    if refusal is not None:
        statuses.add(refusal.status)
    if ambiguous := sorted(statuses - REJECTING - ASKING_TO_WAIT):
        said = refusal.message if refusal is not None else answer.text or "no message"
        return Outcome(ambiguous=f"HTTP {ambiguous[-1]}: {said}")
    asks_to_wait = bool(statuses & ASKING_TO_WAIT)
    if refusal is None and asks_to_wait:
        message = f"{vendor.name} answered HTTP {answer.status}."
        refusal = classify(answer.status, "", message, Code.RATE_LIMITED)
    if refusal is not None:
        return Outcome(refusal=refusal, asks_to_wait=asks_to_wait, retry_after=answer.retry_after)
    if answer.status >= 300:  # noqa: PLR2004  (HTTP statuses are plainest as numbers)
        return Outcome(ambiguous=f"HTTP {answer.status} without the vendor's own error message: {answer.text}")
    return Outcome(ambiguous=f"the answer has no task id: {answer.text or 'it is empty'}")


def _accepted(vendor: Vendor, answer: Answer) -> Accepted | None:
    """Return what an answer says about a new task, if it has the id of one."""
    try:
        return vendor.parse_submit(answer)
    except UnexpectedAnswer:
        task_id = find_task_id(answer.body)
        return None if task_id is None else Accepted(task_id)


def _unwritten(job: Job, outcome: Outcome, error: JournalError) -> JournalError:
    """Report an outcome that cannot be written down: then this error and the log are the only record of it."""
    next_step = (
        "Do NOT call create_video again. Once the journal can be written and this server was restarted, the user can "
        f"settle it with `seedance-mcp videos resolve {job.id}`."
    )
    return JournalError(f"Job {job.id} was sent: {outcome.text}. {error.sentence}", next_step=next_step)
