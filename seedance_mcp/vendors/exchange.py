"""What goes to a vendor and comes back: calls, answers, and the states of a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

TaskState = Literal["queued", "running", "succeeded", "failed", "cancelled", "expired"]
"""The states of a task. Each module maps its vendor's statuses to these."""


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request to a vendor. The sender adds origin and key."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    file_field: str = ""
    """The form field for a file, where the request is a form instead of JSON; the sender adds the file."""
    public: bool = False
    """Whether the endpoint works without a key; then the sender leaves the key out."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer: its status and its parsed JSON (None if the body is not JSON)."""

    status: int
    body: Any = None
    retry_after: float | None = None
    """Seconds to wait, from the header Retry-After."""
    text: str = ""
    """The beginning of the body, for the record of an answer that cannot be understood."""
