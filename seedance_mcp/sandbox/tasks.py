"""The tasks a sandboxed vendor has taken, and what it billed for them. Time passes only when somebody looks."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from seedance_mcp.catalog.request import VideoRequest
from seedance_mcp.sandbox.behaviour import Directives
from seedance_mcp.sandbox.videos.render import LONGEST, Video, size

QUEUED_SECONDS = 0.4
TOTAL_SECONDS = 2.5
"""How long a task waits, and how long it takes altogether, at pace 1."""

State = Literal["queued", "running", "odd", "succeeded", "failed"]
"""Where a task is; `odd` is the running state with a word that the vendor does not document."""


@dataclass(frozen=True, slots=True)
class Charge:
    """One thing a vendor billed: the task and, where the vendor says it, the amount in its own unit."""

    slug: str
    task_id: str
    model: str
    prompt: str
    amount: Decimal | None = None


@dataclass(slots=True)
class Task:
    """One job that was taken."""

    id: str
    slug: str
    request: VideoRequest
    """What was asked for, read back from the wire; unset fields have the vendor's defaults."""
    body: Mapping[str, Any]
    """What came over the wire."""
    directives: Directives
    started: float
    """On the sandbox's monotonic clock."""
    created_at: float
    """Unix seconds."""
    seconds: float
    amount: Decimal | None
    """What was billed, in the vendor's unit."""
    ignored: tuple[str, ...] = ()
    """Names in the body that the vendor's page does not know."""
    opening: bytes = field(default=b"", repr=False)
    """The first frame, where it was handed over to the vendor; a link to elsewhere is never followed."""
    polls: int = 0
    links: int = 0
    downloads: int = 0

    def state(self, now: float) -> State:
        """Where the task is at a moment of the sandbox's clock."""
        age = now - self.started
        if age >= self.seconds:
            return "failed" if "fail" in self.directives else "succeeded"
        if age < self.seconds * QUEUED_SECONDS / TOTAL_SECONDS:
            return "queued"
        return "odd" if "odd-state" in self.directives else "running"

    def percent(self, now: float) -> int:
        """How far the task is, from 1 to 99."""
        return max(1, min(99, int(100 * (now - self.started) / self.seconds))) if self.seconds else 99

    @property
    def completed_at(self) -> float:
        """Unix seconds at which it is or will be over."""
        return self.created_at + self.seconds

    @property
    def video(self) -> Video:
        """The film that was asked for. Models without a switch for it make sound."""
        request = self.request
        silent = "generate_audio" in request.model.rows and not request.generate_audio
        width, height = size(request.resolution, request.aspect_ratio)
        seconds = min(request.duration or 5, LONGEST)
        if "other-video" in self.directives:
            return Video(width // 4 * 2, height // 4 * 2, max(1, seconds // 2), audio=False)
        return Video(width, height, seconds, not silent, self.opening)


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task at the moment of a look: what a vendor's answer is made from."""

    task: Task
    state: State
    percent: int
    url: str | None = None
    """Where the film is, once there is one."""


def new_id(style: str) -> str:
    """Make an id in a vendor's style: {stamp} is the time in UTC+8, {5} five random letters or digits."""
    stamp = datetime.now(UTC) + timedelta(hours=8)
    letters = "abcdefghijkmnpqrstuvwxyz0123456789"
    text = style.replace("{stamp}", f"{stamp:%Y%m%d%H%M%S}")
    head, _, tail = text.partition("{")
    return head + "".join(secrets.choice(letters) for _ in range(int(tail.rstrip("}"))))
