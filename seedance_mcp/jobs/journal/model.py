"""What every journal stores and promises, independent of its database.

    submitting ──▶ submitted ──▶ queued / running ──▶ succeeded | failed | cancelled | expired
      │ refused, or provably not sent: rejected (reservation released)
      │ cancelled before anything was sent: abandoned (reservation released)
      └▶ unknown (ambiguous, or its process died): reservation KEPT
            └▶ submitted, when the outcome becomes known

A job is `submitting` before its POST begins. In a journal of an older version it can also be `intent`: then nothing was
sent, and it is abandoned.

Each step is durable before the next one begins, so the journal shows how far a killed process got.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Any, Protocol

from seedance_mcp.catalog.price import MICROS

if TYPE_CHECKING:
    from seedance_mcp.jobs.journal.budget import Caps, Spending

OPEN = ("submitted", "queued", "running")
"""The vendor is working on the job, so it is polled."""
UNFINISHED = ("intent", "submitting", *OPEN)
SETTLED_BY_HAND = (*OPEN, "unknown")
"""States in which a person may say what became of a job."""
TERMINAL = ("succeeded", "failed", "cancelled", "expired", "rejected", "abandoned")
STATES = (*UNFINISHED, "unknown", *TERMINAL)
STOPPED = "The server stopped while it was submitting the job."
SINCE = "; since then: "
CHARGED = ("submitting", *OPEN, "unknown", "succeeded", "failed", "cancelled", "expired")
"""States in which money is, or may have been, spent."""
FREE = ("rejected", "abandoned")
"""States in which nothing was charged, for certain: the request_key may be used again."""


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the journal. Times are Unix seconds; money is whole micro-USD."""

    id: str
    state: str
    vendor: str
    model: str
    request: dict[str, Any]
    """The checked request under our own field names, with defaults."""
    request_hash: str
    created_at: float
    updated_at: float
    owner: str
    day: str
    account: str | None = None
    """A hash of the API key and the address it was submitted with; None in journals of older versions."""
    task_id: str | None = None
    missing_since: float | None = None
    """Since when the vendor has said, without a break, that it does not know the task."""
    by_hand: bool = False
    """Whether a person settled it (`seedance-mcp videos resolve`), and may therefore correct it."""
    price: dict[str, Any] | None = None
    """The quote as it was given: amount, unit, basis."""
    unit_usd: str | None = None
    """What one unit of the vendor was worth in USD when it was quoted, as a decimal number."""
    reserved: int = 0
    spent: int = 0
    unpriced: bool = False
    submitted_at: float | None = None
    finished_at: float | None = None
    polled_at: float | None = None
    polls: int = 0
    vendor_status: str | None = None
    progress: float | None = None
    error_code: str | None = None
    error_message: str | None = None
    url: str | None = None
    path: str | None = None
    size: int | None = None
    sha256: str | None = None
    save_error: str | None = None
    delivered: dict[str, Any] | None = None
    """Properties of the saved video: width, height, seconds, audio; or `unreadable` with the reason."""
    asked_hash: str | None = None
    """A hash of what the caller asked for; None in journals of older versions."""
    cap: int | None = None
    """The most that the user or the caller allowed for this video, in micro-USD."""
    charged: dict[str, Any] | None = None
    """The charge that the vendor reported: `amount` as a decimal number in text, and `unit`."""
    settled_by: str | None = None
    """How a finished job's cost is known: `reported` or `documented` by the vendor, or `assumed`."""

    def elapsed(self, now: float) -> float:
        """Return the seconds from submission (or creation) to the end, or to `now` while it is running."""
        return max(0.0, (self.finished_at or now) - (self.submitted_at or self.created_at))

    @property
    def prompt(self) -> str:
        return str(self.request.get("prompt", ""))

    @property
    def open(self) -> bool:
        """Whether the vendor is still working on it."""
        return self.state in OPEN

    @property
    def terminal(self) -> bool:
        return self.state in TERMINAL

    @property
    def quoted(self) -> int | None:
        """Micro-USD that were quoted; None where no price in USD was known."""
        usd = (self.price or {}).get("usd")
        return None if usd is None else round(usd * MICROS)

    @property
    def charged_usd(self) -> int | None:
        """Micro-USD that the vendor reported as charged; None if it reported nothing, or the worth is unknown."""
        return None if self.charged is None else self.usd_of(Decimal(self.charged["amount"]))

    def usd_of(self, charged: Decimal) -> int | None:
        """Convert a charge in the vendor's unit to micro-USD, at the worth of the quote; None if that is unknown."""
        if self.unit_usd is None:
            return None
        return int((charged * Decimal(self.unit_usd) * MICROS).to_integral_value(ROUND_CEILING))

    @property
    def cost(self) -> int | None:
        """Micro-USD spent, or reserved while it is not settled; None where no price in USD is known."""
        if self.unpriced and not self.spent:
            return None
        return self.spent or self.reserved


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be admitted."""

    id: str
    vendor: str
    model: str
    request: dict[str, Any]
    request_hash: str
    owner: str
    reserve: int | None
    """The most it can cost, in micro-USD; None where that is unknown."""
    price: dict[str, Any] | None
    account: str
    unit_usd: str | None = None
    request_key: str | None = None
    allow_duplicate: bool = False
    asked_hash: str | None = None
    cap: int | None = None


@dataclass(frozen=True, slots=True)
class Admission:
    """A new job, or (`duplicate`) the existing job of the same request."""

    job: Job
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Some jobs, newest first, and the cursor of the next page."""

    jobs: Sequence[Job]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """What one model cost on one day, in micro-USD."""

    day: str
    model: str
    jobs: int
    spent: int
    reserved: int
    unpriced: int


class Journal(Protocol):
    """A journal. Each method is one transaction, which cancellation does not interrupt."""

    async def admit(self, new: NewJob, caps: Caps) -> Admission:
        """Reserve the money and write down a job that is being submitted, or return the existing one of the same call.

        Raises:
            OverBudget: a cap would be exceeded.
            KeyReused: the request_key belongs to another call.
            JournalError: the journal cannot be written, so nothing may be spent.
        """
        ...

    async def move(
        self, job_id: str, state: str, *, when: Sequence[str], task: str | None = None, **changes: Any
    ) -> Job | None:
        """Move a job to another state; None if it is no longer in one of the states `when`, or has another `task`."""
        ...

    async def accept(self, job: Job, task_id: str, **changes: Any) -> Job | None:
        """Write down that the vendor has accepted a job as its task, wherever the job is by now.

        A job that was given up meanwhile, or whose row is gone (a restored backup), becomes `submitted` with the
        reservation that `job` has. If another job of the account already has the task, this one becomes `unknown`.
        None if it has another task by now.
        """
        ...

    async def settle(self, job_id: str, task_id: str | None, **changes: Any) -> Job | None:
        """Write down what a person says about a job: it is the vendor's task `task_id`, or was not charged (None).

        Whatever a wrong task id has left in the job is cleared, and its price is reserved again. None if the job is
        being submitted, or is over and was not settled by a person.

        Raises:
            InvalidRequest: another job of the account already has the task.
        """
        ...

    async def keep(self, job: Job) -> Job:
        """Write a job's row as it is given if the journal has none (a restored backup); return the job it has then."""
        ...

    async def readmit(self, job_id: str, caps: Caps) -> Job | None:
        """Check the caps in force before an unknown job is submitted again, and let it count for the current day.

        None if the job is no longer unknown.

        Raises:
            OverBudget: a cap would be exceeded.
        """
        ...

    async def note(self, job_id: str, **changes: Any) -> Job | None:
        """Change a job without changing its state; None if there is no such job."""
        ...

    async def get(self, job_id: str) -> Job | None:
        """Return one job, or None."""
        ...

    async def ids_with_end(self, text: str, limit: int) -> Sequence[str]:
        """Return the ids of at most `limit` jobs that begin or end with a text of at least 4 characters, sorted."""
        ...

    async def page(self, states: Sequence[str], limit: int, cursor: str | None) -> Page:
        """Return jobs, newest first; without states, jobs in any state."""
        ...

    async def in_states(self, states: Sequence[str]) -> Sequence[Job]:
        """Return every job in these states, oldest first."""
        ...

    async def recover(self, alive: Callable[[str], bool]) -> Sequence[Job]:
        """Settle what dead processes left, and return it: intent becomes abandoned, submitting becomes unknown.

        `alive` says whether the process with an owner id is still running.
        """
        ...

    async def claim(self, job_id: str, owner: str, seconds: float, *, when: Sequence[str]) -> bool:
        """Take the lease on a job (the right to poll it, or to download its video) for so many seconds.

        With 0 seconds, the lease is released if this owner still has it.
        False while another process has it, or if the job is in none of the states `when`.
        """
        ...

    async def durations(self, model: str) -> Sequence[float]:
        """Return how long the latest succeeded jobs of a model took, in seconds."""
        ...

    async def totals(self, days: int) -> Sequence[Total]:
        """Return what the latest days cost, by day and model, newest first."""
        ...

    async def purge(self, before: float) -> int:
        """Delete prompts, links and vendor messages of jobs that ended before a time; costs stay. Returns how many."""
        ...

    def hurry(self, seconds: float) -> None:
        """From now on, wait for other processes no longer than `seconds` in all: the server is stopping."""
        ...

    async def spending(self) -> Spending:
        """Return what the current day has cost so far."""
        ...


_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


def new_id() -> str:
    """Return a new job id: 12 characters that are hard to confuse (59 bits)."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(12))


_ID = re.compile(f"[{_ALPHABET}]{{12}}")


def is_job_id(text: str) -> bool:
    """Whether a text has the form of a job id."""
    return _ID.fullmatch(text) is not None


def with_latest(first: str | None, latest: str) -> str:
    """Add the latest message about an unknown job to its first, which a person needs in order to settle it."""
    return latest if not first else first.partition(SINCE)[0].rstrip(".") + SINCE + latest
