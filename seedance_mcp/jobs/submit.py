"""The only code that spends money: one admitted job, one POST, one durable outcome (`seedance_mcp.jobs.outcome`).

Each submission runs in a task of its own: neither a caller that gives up nor a client that hangs up interrupts it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import anyio

from seedance_mcp.errors import Code, JournalError, Stopping
from seedance_mcp.jobs.final_cost import report
from seedance_mcp.jobs.journal.model import STOPPED, with_latest
from seedance_mcp.jobs.outcome import Outcome, read_outcome
from seedance_mcp.vendors.upstream import classify
from seedance_mcp.web import NotSent, OutcomeUnknown

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from seedance_mcp.catalog.request import VideoRequest
    from seedance_mcp.jobs.accounts import Accounts
    from seedance_mcp.jobs.journal.model import Job, Journal
    from seedance_mcp.jobs.timing import Timing
    from seedance_mcp.vendors.vendor import Accepted, Answer, Call, Vendor
    from seedance_mcp.web import Web

log = logging.getLogger(__name__)

CANCELLED = "The call was cancelled before anything was sent."

_LAST_WRITE = 0.25
"""Seconds for writing "unknown" to the journal, once the grace of a stop is over."""


@dataclass(slots=True)
class _Submission:
    """A submission that is under way."""

    job: Job
    call: Call
    vendor: Vendor
    first: bool
    """Whether this is the job's first POST, and not a repeat with its idempotency key."""
    done: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope = field(default_factory=lambda: anyio.CancelScope(shield=True))
    withdrawn: bool = False
    """Whether its caller has given up. A job whose first POST has not begun is then abandoned."""
    submitted: Job | None = None
    error: Exception | None = None


class _OtherTaskError(JournalError):
    """The vendor accepted a job as one task, and the journal has another."""


class Submitter:
    """Submits jobs of one journal as one owner."""

    def __init__(
        self,
        journal: Journal,
        web: Web,
        accounts: Accounts,
        owner: str,
        *,
        on_submitted: Callable[[Job], Awaitable[None]],
        timing: Timing,
    ) -> None:
        """`on_submitted` is called with each job in its new state."""
        self._journal, self._web, self._accounts, self._owner = journal, web, accounts, owner
        self._on_submitted = on_submitted
        self._timing, self._now, self._jitter = timing.submit, timing.clock, timing.jitter
        self._group: TaskGroup | None = None
        self._under_way: dict[str, _Submission] = {}
        self._stopping = anyio.Event()
        self._not_sent: set[str] = set()
        self._unrecorded: dict[str, tuple[_Submission, Outcome]] = {}

    def open(self, group: TaskGroup) -> None:
        """Run submissions in tasks of a group from now on."""
        self._group = group

    async def submit(self, job: Job, request: VideoRequest, vendor: Vendor) -> Job:
        """Send an admitted job and write down what became of it. Returns the job in its new state.

        Where this call is cancelled before the POST begins, the job is abandoned and nothing is sent; after that, the
        submission goes on. A job whose outcome is unknown is sent again only to a
        vendor with an idempotency key and with the account of the job, where the repeat returns the first task. If
        such a repeat is refused, that says nothing about the first POST, so the job stays unknown.

        Raises:
            Stopping: the server stops before the outcome is known.
            JournalError: the outcome cannot be written down; the error says what it is.
        """
        first = job.state != "unknown"
        if not first and not (vendor.idempotency_header and self._accounts.payer(job) is vendor):
            raise ValueError(f"sending {job.id} to {vendor.slug} again could pay twice")
        if self._group is None or self._stopping.is_set():
            if first:
                self._not_sent.add(job.id)
            raise Stopping("The server is stopping.")
        call = vendor.build_submit(request)
        if vendor.idempotency_header:
            call = replace(call, headers={**call.headers, vendor.idempotency_header: job.id})
        call = vendor.listing.marked(call, job.id) if vendor.listing else call
        submission = self._under_way[job.id] = _Submission(job, call, vendor, first)
        self._group.start_soon(self._run, submission)
        try:
            await submission.done.wait()
        except anyio.get_cancelled_exc_class():
            submission.withdrawn = True
            raise
        if submission.error is not None:
            raise submission.error
        if submission.submitted is None:
            raise Stopping(
                f"The server is stopping, and job {job.id} may be running and billed.",
                next_step=f"Do NOT call create_video again; call check_video with job_id {job.id}.",
            )
        return submission.submitted

    async def stop(self, grace: float) -> None:
        """Let submissions finish for so many seconds; what is not answered then is unknown, and written down so.

        Pauses between attempts end at once: what was not accepted by now is rejected.
        """
        self._stopping.set()
        with anyio.CancelScope(shield=True):
            await self._wait(grace)
            for submission in self._under_way.values():
                submission.scope.cancel()
            await self._wait(_LAST_WRITE)
        self._group = None

    async def _wait(self, seconds: float) -> None:
        with anyio.move_on_after(seconds):
            for submission in list(self._under_way.values()):
                await submission.done.wait()

    async def _run(self, submission: _Submission) -> None:
        try:
            with submission.scope:
                submission.submitted = await self._begin(submission)
                if submission.submitted is None:
                    outcome = await self._send(submission)
                    submission.submitted = await (
                        self._abandon(submission) if outcome is None else self._record(submission, outcome)
                    )
                await self._report(submission.submitted)
        except Exception as error:  # noqa: BLE001  (raised again in the caller, who waits for it)
            submission.error = error
        finally:
            self._under_way.pop(submission.job.id, None)
            submission.done.set()

    async def _report(self, job: Job) -> None:
        """Report a job whose outcome is known and written down: what fails from here on is not its failure."""
        try:
            await self._on_submitted(job)
        except Exception:
            log.exception("job %s is %s, and is tracked later", job.id, job.state)  # housekeeping adopts it

    # -- before the POST ------------------------------------------------------------------------------------------

    async def _begin(self, submission: _Submission) -> Job | None:
        """Move the job to `submitting`; return it as it is where another process has settled it meanwhile."""
        job = submission.job
        account = self._accounts.id(submission.vendor.slug)
        try:
            moved = await self._journal.move(
                job.id, "submitting", when=(job.state,), owner=self._owner, account=account
            )
        except JournalError:
            if submission.first:
                self._not_sent.add(job.id)
            raise
        if moved is None:
            return await self._journal.get(job.id) or job
        submission.job = moved
        return None

    async def _abandon(self, submission: _Submission) -> Job:
        job = submission.job
        log.info("job %s was cancelled before it was sent", job.id)
        return (
            await self._journal.move(
                job.id, "abandoned", when=("submitting",), reserved=0, finished_at=self._now(), error_message=CANCELLED
            )
            or job
        )

    async def catch_up(self) -> None:
        """Write down what the journal could not take when it happened: jobs that were never sent, and outcomes.

        Raises:
            JournalError: it still cannot.
        """
        for submission, outcome in list(self._unrecorded.values()):
            with suppress(_OtherTaskError):  # which is logged
                await self._report(await self._write(submission, outcome))
            self._unrecorded.pop(submission.job.id, None)
        for job_id in list(self._not_sent):
            await self._journal.move(
                job_id, "abandoned", when=("intent", "submitting"), reserved=0, finished_at=self._now()
            )
            self._not_sent.discard(job_id)

    # -- the POST -------------------------------------------------------------------------------------------------

    async def _send(self, submission: _Submission) -> Outcome | None:
        """Send the POST and return what became of it; None if it was withdrawn before it began."""
        vendor, begun = submission.vendor, False
        unsent, busy = iter(self._timing.unsent_pauses), iter(self._timing.busy_pauses)
        started = anyio.current_time()
        while True:
            if submission.scope.cancel_called and not begun:
                return _not_sent(vendor, "the server is stopping")
            if submission.withdrawn and submission.first and not begun:
                return None
            try:
                answer = await self._web.post_once(vendor, submission.call)
            except NotSent as error:
                late = anyio.current_time() - started > self._timing.unsent_for
                longest = None if late else next(unsent, None)
                if longest is None or await self._stops_within(self._jitter(0, longest)):
                    return _not_sent(vendor, str(error))
                continue
            except OutcomeUnknown as error:
                return Outcome(ambiguous=str(error))
            except BaseException:  # most likely cancelled at shutdown: the request may have been sent
                await self._write_unknown(submission.job, STOPPED)
                raise
            begun = True
            outcome = _read(vendor, answer)
            wait = outcome.retry_after or 0.0
            if not outcome.asks_to_wait or wait > self._timing.longest_retry_after:
                return outcome
            longest = next(busy, None)
            if longest is None or await self._stops_within(wait or self._jitter(longest / 4, longest)):
                return outcome

    async def _stops_within(self, seconds: float) -> bool:
        """Wait; return early, and True, if the server is stopping."""
        if self._stopping.is_set():  # the submission may be cancelled by now, and could not wait
            return True
        with anyio.move_on_after(seconds):
            await self._stopping.wait()
        return self._stopping.is_set()

    # -- after the POST -------------------------------------------------------------------------------------------

    async def _record(self, submission: _Submission, outcome: Outcome) -> Job:
        if not submission.first and outcome.accepted is None:
            outcome = Outcome(ambiguous=outcome.text)
        job, pauses = submission.job, iter(self._timing.write_pauses)
        while True:
            try:
                return await self._write(submission, outcome)
            except _OtherTaskError:
                raise
            except JournalError as error:  # a full disk may get space again, and a lock may be released
                # The log is a record of it at once, for this process may be killed before the journal is.
                log.error("job %s: %s. %s", job.id, outcome.text, error.sentence)  # noqa: TRY400  (no stack needed)
                pause = next(pauses, None)
                if pause is None or await self._stops_within(pause):
                    self._unrecorded[job.id] = submission, outcome
                    raise _unwritten(job, outcome, error) from error

    async def _write(self, submission: _Submission, outcome: Outcome) -> Job:
        job = submission.job
        if outcome.accepted is not None:
            return await self._write_accepted(job, submission.vendor, outcome.accepted)
        if outcome.refusal is None:
            log.warning("job %s has an unknown outcome: %s", job.id, outcome.ambiguous)
            message = outcome.ambiguous if submission.first else with_latest(job.error_message, outcome.ambiguous)
            return await self._write_unknown(job, message)
        log.info("job %s rejected: %s", job.id, outcome.refusal.code)
        written = await self._journal.move(
            job.id,
            "rejected",
            # Another process may have taken this one for dead; only the first POST can end that.
            when=("submitting", "unknown") if submission.first else ("submitting",),
            reserved=0,
            finished_at=self._now(),
            error_code=outcome.refusal.code,
            error_message=outcome.refusal.message,
        )
        return written or await self._journal.get(job.id) or job

    async def _write_unknown(self, job: Job, message: str) -> Job:
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


def _not_sent(vendor: Vendor, why: str) -> Outcome:
    """Return the outcome of a request that never left this machine."""
    return Outcome(refusal=classify(503, "", f"{vendor.name} could not be reached: {why}.", Code.VENDOR_DOWN))


def _read(vendor: Vendor, answer: Answer) -> Outcome:
    """Classify an answer; one that breaks the parser has an unknown outcome too."""
    try:
        return read_outcome(vendor, answer)
    except Exception:
        log.exception("the answer of %s could not be parsed", vendor.name)
        return Outcome(ambiguous=f"the answer could not be parsed: {answer.text or 'it is empty'}")
