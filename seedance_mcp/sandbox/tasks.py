"""The tasks that a sandboxed vendor has accepted, and what it charged. A task's state is computed when it is polled."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from seedance_mcp.catalog.request import VideoRequest
from seedance_mcp.sandbox.behaviour import Directives
from seedance_mcp.sandbox.videos.render import MAX_SECONDS, Video, size

QUEUED_SECONDS = 0.4
TOTAL_SECONDS = 2.5
"""How long a task is queued, and how long it takes altogether, at pace 1."""

State = Literal["queued", "running", "odd", "succeeded", "failed", "cancelled"]
"""The state of a task; `odd` is running under a status that the vendor does not document."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What a vendor charged for one task, in its own unit; None if it publishes no price."""

    slug: str
    task_id: str
    model: str
    prompt: str
    amount: Decimal | None = None


@dataclass(slots=True)
class Task:
    """One accepted job."""

    id: str
    slug: str
    request: VideoRequest
    """The request, read back from the body; unset fields have the vendor's defaults."""
    body: Mapping[str, Any]
    """The JSON body as it was sent."""
    directives: Directives
    started: float
    """On the sandbox's monotonic clock."""
    created_at: float
    """Unix seconds."""
    seconds: float
    amount: Decimal | None
    """What the vendor charged, in its own unit; None if it does not say."""
    refundable: bool = True
    """Whether a failed task is free where the vendor says so; an explicitly set charge stays."""
    ignored: tuple[str, ...] = ()
    """Names in the body that the vendor's page does not document."""
    first_frame: bytes = field(default=b"", repr=False)
    """The first frame, if it was uploaded to the vendor; links to other places are never followed."""
    cancelled: bool = False
    polls: int = 0
    links: int = 0
    downloads: int = 0

    def state(self, now: float) -> State:
        """Return the state at a moment of the sandbox's clock."""
        if self.cancelled:
            return "cancelled"
        age = now - self.started
        if age >= self.seconds:
            return "failed" if "fail" in self.directives else "succeeded"
        if age < self.seconds * QUEUED_SECONDS / TOTAL_SECONDS:
            return "queued"
        return "odd" if "odd-state" in self.directives else "running"

    def percent(self, now: float) -> int:
        """Return the progress, from 1 to 99."""
        return max(1, min(99, int(100 * (now - self.started) / self.seconds))) if self.seconds else 99

    @property
    def completed_at(self) -> float:
        """Unix seconds at which the task ends."""
        return self.created_at + self.seconds

    @property
    def video(self) -> Video:
        """The requested video, in whole seconds. A model without a switch for audio always generates it."""
        request = self.request
        silent = "generate_audio" in request.model.rows and not request.generate_audio
        width, height = size(request.resolution, request.aspect_ratio)
        frames: int = request.options.get("frames", 0)
        asked = frames // 24 or (request.duration if request.duration and request.duration > 0 else 5)
        seconds = round(min(asked, MAX_SECONDS))
        if "other-video" in self.directives:
            return Video(width // 4 * 2, height // 4 * 2, max(1, seconds // 2), audio=False)
        return Video(width, height, seconds, not silent, self.first_frame)


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task at the moment of a poll: what a status answer is made from."""

    task: Task
    state: State
    percent: int
    url: str | None = None
    """The link to the finished video, if the vendor gives one."""


def new_id(style: str) -> str:
    """Return an id in a vendor's style: {stamp} is the time in UTC+8, {5} five random letters or digits."""
    stamp = datetime.now(UTC) + timedelta(hours=8)
    letters = "abcdefghijkmnpqrstuvwxyz0123456789"
    text = style.replace("{stamp}", f"{stamp:%Y%m%d%H%M%S}")
    head, _, tail = text.partition("{")
    return head + "".join(secrets.choice(letters) for _ in range(int(tail.rstrip("}"))))
