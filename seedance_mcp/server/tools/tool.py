"""What a tool is: what clients see of it, what a call of it carries, and how its arguments are checked."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from seedance_mcp.catalog import Source, schema
from seedance_mcp.catalog.check import find_problems, sentences
from seedance_mcp.errors import InvalidRequest

if TYPE_CHECKING:
    import mcp_types as types

    from seedance_mcp.catalog import Row, Schema
    from seedance_mcp.jobs.service import JobService
    from seedance_mcp.views import Fields

OURS = Source("OURS", "tools")
"""The source of rows that come from us, not from a vendor."""

_BETWEEN_REPORTS = 1.0
"""Seconds between two reports of one call."""

Report = Callable[[float, float | None, str], Awaitable[None]]
"""Reports the progress of a call: (seconds so far, seconds in all, message)."""


@dataclass(frozen=True, slots=True)
class Question:
    """Whether the user agrees to one payment."""

    text: str
    fingerprint: str
    """Of the request that would be sent."""
    usd_micros: int | None
    """The amount that the text names; None where it says that the amount is unknown."""

    def covers(self, other: Question) -> bool:
        """Whether its answer also answers another question: about the same request, at the same or a lower price."""
        if self.fingerprint != other.fingerprint:
            return False
        if self.usd_micros is None or other.usd_micros is None:
            return self.usd_micros is other.usd_micros
        return other.usd_micros <= self.usd_micros


Ask = Callable[[Question], Awaitable[bool | None]]
"""Asks the user: yes, no, or None where the client cannot ask.

Raises `NeedsInput` where the answer can only come with a second call.
"""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool: its arguments, and the ways back to the caller."""

    args: Mapping[str, Any]
    report: Report
    ask: Ask
    patience: float = math.inf
    """Seconds after which the client is known to give up."""


@dataclass(frozen=True, slots=True)
class RichAnswer:
    """An answer that is more than fields."""

    fields: Fields
    content: tuple[types.ContentBlock, ...] = ()
    """What is shown before the text of the fields, such as an image."""
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Further fields that only a program reads: they are not repeated as text."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: what clients see of it, and what it does."""

    name: str
    title: str
    description: str
    input_schema: Schema
    output_schema: Schema | None
    run: Callable[[JobService, Call], Awaitable[Fields | RichAnswer]]
    read_only: bool = False
    """Whether it neither writes, nor downloads, nor pays."""
    starts_job: bool = False
    """Whether a call is answered with a task, where the client declares that it takes tasks."""
    destructive: bool = False
    """Whether it gives up what was asked for before."""
    repeatable: bool = True
    """Whether calling it again with the same arguments does no harm."""


def steady(report: Report, clock: Callable[[], float] = time.monotonic) -> Report:
    """Return a report that sends only values that increase, as clients demand, and at most one a second."""
    highest, sent_at = -1.0, -math.inf

    async def report_if_due(done: float, total: float | None, message: str) -> None:
        nonlocal highest, sent_at
        now = clock()
        if done > highest and now - sent_at >= _BETWEEN_REPORTS:
            highest, sent_at = done, now
            await report(done, total, message)

    return report_if_due


def check_args(rows: Mapping[str, Row], call: Call, tool: str) -> None:
    """Check the arguments of a call against a tool's rows.

    Raises:
        InvalidRequest: lists every problem.
    """
    if problems := find_problems(rows, call.args, tool):
        raise InvalidRequest(f"{tool}: " + "; ".join(sentences(problems)) + ".", next_step="")


# -- schemas ------------------------------------------------------------------------------------------------------

STRING: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
OBJECT: Schema = {"type": "object"}
STRINGS: Schema = {"type": "array", "items": STRING}
OBJECTS: Schema = {"type": "array", "items": OBJECT}


def inputs(rows: Mapping[str, Row], descriptions: Mapping[str, str], *, no_choices: frozenset[str]) -> Schema:
    """Return an input schema from rows.

    `no_choices` are the fields whose values are not listed, because they are in the conversation or in the refusal
    of a wrong value: every token of tools/list is paid for in each conversation.
    """
    properties = {name: schema.tool_property(row, descriptions.get(name, "")) for name, row in rows.items()}
    for name in no_choices & properties.keys():
        properties[name].pop("enum", None)
    for keyword in ("minimum", "maximum"):  # a refusal names them, and the nearest value
        for each in properties.values():
            each.pop(keyword, None)
    required = [name for name, row in rows.items() if row.required]
    root: Schema = {"type": "object", "properties": properties}
    return root | ({"required": required} if required else {})


def outputs(properties: Mapping[str, Schema], *required: str) -> Schema:
    """Return an output schema."""
    return {"type": "object", "properties": dict(properties), "required": list(required), "additionalProperties": False}
