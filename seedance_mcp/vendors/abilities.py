"""What some vendors can do and others cannot: files within requests, cancelling, and lists of an account's tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seedance_mcp.catalog import Model, Source
    from seedance_mcp.catalog.files import FileKind
    from seedance_mcp.vendors.exchange import Answer, Call, TaskState


@dataclass(frozen=True, slots=True, kw_only=True)
class Inline:
    """How a request may contain files themselves, as data: URLs."""

    kinds: frozenset[FileKind]
    most_mb: float
    """For all files of a request together."""
    source: Source


@dataclass(frozen=True, slots=True)
class Listed:
    """One task in a vendor's list of the account's tasks."""

    task_id: str
    created_at: float | None = None
    """Unix seconds."""
    model: str = ""
    """The name that the vendor's API has for the model."""
    mark: str = ""
    """The mark that the vendor echoes, if it was submitted with one."""
    shape: Mapping[str, object] = field(default_factory=dict[str, object])
    """The fields of its request, by our names, as far as the vendor lists them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """How to find the task of a job whose POST was not answered, in a list of the account's tasks. The call is free."""

    build: Callable[[Model, int], Call]
    """The call for a page (from 1) of the list of a model's tasks, the newest first."""
    parse: Callable[[Answer], list[Listed]]
    marked: Callable[[Call, str], Call]
    """Put a mark, made from a job's id, into a submit; the vendor echoes it in its list."""
    mark: Callable[[str], str]
    """Return the mark of a job's id, as `Listed.mark` has it. Different jobs may rarely share one."""
    own_field: str
    """The option that carries the mark; a request that sets it itself carries none."""
    days: float
    """How long the vendor lists a task, in days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """How to cancel a task that the vendor has not begun. The call is free."""

    build: Callable[[str], Call]
    states: frozenset[TaskState] = frozenset({"queued"})
    """In which states the vendor cancels. In any other, the call may do something else, so it is not sent."""
