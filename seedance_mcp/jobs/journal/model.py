"""The record of every paid job: what a journal stores and promises, whatever it is kept in.

    intent ──▶ submitting ──▶ submitted ──▶ queued / running ──▶ succeeded | failed | cancelled | expired
      │             │ refused, or provably not sent: rejected (reservation released)
      │             └▶ unknown (ambiguous, or its process died): reservation KEPT
      │                   └▶ submitted, whenever the truth arrives
      └▶ abandoned (its process died before anything was sent)

Each step is durable before the next begins, so that whatever one killed process leaves behind says how far it got.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from seedance_mcp.jobs.journal.budget import Caps, Spending

OPEN = ("submitted", "queued", "running")
"""At the vendor, to be looked at."""
UNFINISHED = ("intent", "submitting", *OPEN)
TERMINAL = ("succeeded", "failed", "cancelled", "expired", "rejected", "abandoned")
STATES = (*UNFINISHED, "unknown", *TERMINAL)
STOPPED = "The server stopped while it was submitting."
CHARGED = ("submitting", *OPEN, "unknown", "succeeded", "failed", "cancelled", "expired")
"""States in which money is, or may have been, spent."""


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the journal. Times are Unix seconds; money is whole micro-dollars."""

    id: str
    state: str
    vendor: str
    model: str
    request: dict[str, Any]
    """The checked request by neutral field names, defaults included."""
    request_hash: str
    created_at: float
    updated_at: float
    owner: str
    day: str
    task_id: str | None = None
    request_key: str | None = None
    price: dict[str, Any] | None = None
    """The quote as it was given: amount, unit, basis."""
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
    """What the saved film turned out to be: width, height, seconds, sound; or why it cannot be opened."""

    @property
    def prompt(self) -> str:
        return str(self.request.get("prompt", ""))

    @property
    def open(self) -> bool:
        """Whether the vendor still works on it, so that looking makes sense."""
        return self.state in OPEN

    @property
    def terminal(self) -> bool:
        return self.state in TERMINAL

    @property
    def cost(self) -> int | None:
        """Micro-dollars spent, or reserved while that is not settled; None where no price in USD is known."""
        if self.unpriced and not self.spent:
            return None
        return self.spent or self.reserved


@dataclass(frozen=True, slots=True)
class NewJob:
    """What admission is asked for."""

    id: str
    vendor: str
    model: str
    request: dict[str, Any]
    request_hash: str
    owner: str
    reserve: int | None
    """The most it can cost, in micro-dollars; None where that is unknown."""
    price: dict[str, Any] | None
    request_key: str | None = None
    allow_duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Admission:
    """Either a fresh intent, or the job that the same request already made."""

    job: Job
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Some jobs, newest first, and where the next page begins."""

    jobs: Sequence[Job]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """What one model cost on one day, in micro-dollars."""

    day: str
    model: str
    jobs: int
    spent: int
    reserved: int
    unpriced: int


class Journal(Protocol):
    """What every kind of journal does. Each method is one transaction, and is not cut short by cancellation."""

    async def admit(self, new: NewJob, caps: Caps) -> Admission:
        """Reserve the money and write the intent, or return the job that this request already is.

        Raises:
            OverBudget: a cap would be passed.
            KeyReused: the request_key belongs to another request.
            JournalError: the journal cannot be written, so nothing may be spent.
        """
        ...

    async def move(self, job_id: str, state: str, *, when: Sequence[str], **changes: Any) -> Job | None:
        """Move a job that is in one of the states `when`; None if it is in another by now."""
        ...

    async def note(self, job_id: str, **changes: Any) -> Job | None:
        """Change what is known of a job without moving it."""
        ...

    async def get(self, job_id: str) -> Job | None:
        """Return one job."""
        ...

    async def page(self, states: Sequence[str], limit: int, cursor: str | None) -> Page:
        """Return jobs newest first; no states means all."""
        ...

    async def in_states(self, states: Sequence[str]) -> Sequence[Job]:
        """Return every job in these states, oldest first."""
        ...

    async def recover(self, alive: Any) -> Sequence[Job]:
        """Settle what dead processes left: intent becomes abandoned, submitting becomes unknown."""
        ...

    async def claim(self, job_id: str, owner: str, seconds: float, *, when: Sequence[str]) -> bool:
        """Take the right to look at a job, or to save its film, for so long, or until that is done.

        With 0 seconds it is given back, if it is still this owner's.
        False while another process has it, and where the job is in none of the states `when`.
        """
        ...

    async def durations(self, model: str) -> Sequence[float]:
        """Return how long the last succeeded jobs of a model took, in seconds."""
        ...

    async def totals(self, days: int) -> Sequence[Total]:
        """Return what the last days cost, by day and model, newest first."""
        ...

    async def wipe(self, before: float) -> int:
        """Wipe what users wrote (prompts, links, vendor message) from jobs that ended before a time; costs stay."""
        ...

    async def spending(self) -> Spending:
        """Return what today has cost so far."""
        ...


_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


def new_id() -> str:
    """Return a job id: 12 characters that nobody confuses when reading them aloud (59 bits)."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(12))
