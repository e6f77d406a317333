"""The only code that spends money: one admitted job, one POST, one outcome for `seedance_mcp.jobs.recorder`.

Each submission runs in a task of its own: neither a caller that gives up nor a client that hangs up interrupts it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import anyio
from anyio import lowlevel

from seedance_mcp.errors import Code, JournalError, Stopping
from seedance_mcp.jobs.journal.model import STOPPED, Admission
from seedance_mcp.jobs.outcome import Outcome, read_outcome
from seedance_mcp.jobs.recorder import Recorder, Sent
from seedance_mcp.vendors.refusals import classify
from seedance_mcp.web import NotSent, OutcomeUnknown

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from seedance_mcp.catalog.request import VideoRequest
    from seedance_mcp.jobs.accounts import Accounts
    from seedance_mcp.jobs.journal.budget import Caps
    from seedance_mcp.jobs.journal.model import Job, Journal, NewJob
    from seedance_mcp.jobs.timing import Timing
    from seedance_mcp.vendors.vendor import Answer, Call, Vendor
    from seedance_mcp.web import Web

log = logging.getLogger(__name__)

_LAST_WRITE = 0.25
"""Seconds for writing "unknown" to the journal, once the grace of a stop is over."""


@dataclass(slots=True)
class _Submission:
    """A submission that is under way."""

    job_id: str
    call: Call
    vendor: Vendor
    begin: Callable[[], Awaitable[tuple[Job, bool]]]
    """Moves the job to `submitting`; returns it as it is then, and whether its POST is to be sent."""
    first: bool
    """Whether this is the job's first POST, and not a repeat with its idempotency key."""
    done: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope = field(default_factory=lambda: anyio.CancelScope(shield=True))
    withdrawn: bool = False
    """Whether its caller has given up. A job whose first POST has not begun is then abandoned."""
    submitted: Job | None = None
    error: Exception | None = None


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
        self._timing, self._jitter = timing.submit, timing.jitter
        self._group: TaskGroup | None = None
        self._under_way: dict[str, _Submission] = {}
        self._stopping = anyio.Event()
        self._recorder = Recorder(journal, timing.submit.write_pauses, timing.clock)

    def open(self, group: TaskGroup) -> None:
        """Run submissions in tasks of a group from now on."""
        self._group = group

    async def create(self, new: NewJob, caps: Caps, request: VideoRequest, vendor: Vendor) -> Admission:
        """Admit a job, send it, and write down what became of it. Returns it in its new state, or its duplicate.

        One transaction reserves the money and makes the job `submitting`, and is durable before the POST begins.
        Where this call is cancelled before that, the job is abandoned and nothing is sent; after that, the submission
        goes on.

        Raises:
            OverBudget, KeyReused: see `Journal.admit`.
            Stopping: the server stops before the outcome is known.
            JournalError: the job cannot be admitted, or the outcome not be written down; the error says what it is.
        """

        async def admit() -> tuple[Job, bool]:
            admission = await self._journal.admit(new, caps)
            return admission.job, not admission.duplicate

        job = await self._submit(new.id, request, vendor, admit, first=True)
        return Admission(job, duplicate=job.id != new.id)

    async def repeat(self, job: Job, request: VideoRequest, vendor: Vendor) -> Job:
        """Send a job whose outcome is unknown again, and write down what became of it. Returns it in its new state.

        Only to a vendor with an idempotency key and with the account of the job, where the repeat returns the first
        task. If the repeat is refused, that says nothing about the first POST, so the job stays unknown.

        Raises:
            Stopping, JournalError: as for `create`.
        """
        if not (vendor.idempotency_header and self._accounts.payer(job) is vendor):
            raise ValueError(f"sending {job.id} to {vendor.slug} again could pay twice")

        async def move() -> tuple[Job, bool]:
            account = self._accounts.id(vendor.slug)
            moved = await self._journal.move(
                job.id, "submitting", when=("unknown",), owner=self._owner, account=account
            )
            return moved or await self._journal.get(job.id) or job, moved is not None  # else it was settled elsewhere

        return await self._submit(job.id, request, vendor, move, first=False)

    async def _submit(
        self,
        job_id: str,
        request: VideoRequest,
        vendor: Vendor,
        begin: Callable[[], Awaitable[tuple[Job, bool]]],
        *,
        first: bool,
    ) -> Job:
        """Run a submission in a task of its own, and wait for its end."""
        if self._group is None or self._stopping.is_set():
            raise Stopping("The server is stopping.")
        call = vendor.build_submit(request)
        if vendor.idempotency_header:
            call = replace(call, headers={**call.headers, vendor.idempotency_header: job_id})
        submission = self._under_way[job_id] = _Submission(job_id, call, vendor, begin, first)
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
                f"The server is stopping, and job {job_id} may be running and billed.",
                next_step=f"Do NOT call create_video again; call check_video with job_id {job_id}.",
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
                job, to_send = await self._begin(submission)
                if to_send:
                    outcome = await self._send(submission, job)
                    job = await self._record(submission, job, outcome)
                submission.submitted = job
                submission.done.set()  # the answer does not wait for what follows
                if to_send or not submission.first:  # not the job of which this would be a duplicate
                    await self._report(job)
        except Exception as error:  # noqa: BLE001  (raised again in the caller, who waits for it)
            submission.error = error
        finally:
            self._under_way.pop(submission.job_id, None)
            submission.done.set()

    async def _begin(self, submission: _Submission) -> tuple[Job, bool]:
        try:
            began = await submission.begin()
        except JournalError:
            if submission.first:  # whatever the journal has of it now
                self._recorder.never_sent(submission.job_id)
            raise
        await lowlevel.cancel_shielded_checkpoint()  # a caller who gave up meanwhile comes first
        return began

    async def _record(self, submission: _Submission, job: Job, outcome: Outcome | None) -> Job:
        if outcome is None:
            return await self._recorder.abandon(job)
        sent = Sent(job, submission.vendor, submission.first)
        return await self._recorder.record(sent, outcome, pause=self._stops_within)

    async def _report(self, job: Job) -> None:
        """Report a job whose outcome is known and written down: what fails from here on is not its failure."""
        try:
            await self._on_submitted(job)
        except Exception:
            log.exception("job %s is %s, and is tracked later", job.id, job.state)  # housekeeping adopts it

    async def catch_up(self) -> None:
        """Write down what the journal could not take when it happened: jobs that were never sent, and outcomes.

        Raises:
            JournalError: it still cannot.
        """
        await self._recorder.catch_up(self._report)

    # -- the POST -------------------------------------------------------------------------------------------------

    async def _send(self, submission: _Submission, job: Job) -> Outcome | None:
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
                await self._recorder.unknown(job, STOPPED)
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
