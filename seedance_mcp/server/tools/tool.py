"""What a tool is: what is shown of it, what a call of it brings along, and how its arguments are held against rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seedance_mcp.catalog.check import find_problems
from seedance_mcp.errors import InvalidRequest

if TYPE_CHECKING:
    from seedance_mcp.catalog import Row, Schema
    from seedance_mcp.jobs.service import JobService
    from seedance_mcp.server.tools.confirm import Ask
    from seedance_mcp.server.tools.preview_video import Shown
    from seedance_mcp.views import Fields

Report = Callable[[float, float | None, str], Awaitable[None]]
"""Tells the caller how far a call is: (done, of, in words)."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool: its arguments, and the ways back to who called."""

    args: Mapping[str, Any]
    report: Report
    ask: Ask


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: what is shown of it, and what it does."""

    name: str
    title: str
    description: str
    input_schema: Schema
    output_schema: Schema | None
    run: Callable[[JobService, Call], Awaitable[Fields | Shown]]
    read_only: bool = True


def rising(report: Report) -> Report:
    """Return a report that leaves out what would go back, as a download does that begins anew: clients take it ill."""
    highest = -1.0

    async def report_if_higher(done: float, of: float | None, description: str) -> None:
        nonlocal highest
        if done > highest:
            highest = done
            await report(done, of, description)

    return report_if_higher


def check_args(rows: Mapping[str, Row], call: Call, tool: str) -> None:
    """Hold the arguments of a call against a tool's rows.

    Raises:
        InvalidRequest: with all that is wrong.
    """
    if problems := find_problems(rows, call.args, tool):
        raise InvalidRequest(f"{tool}: " + "; ".join(p.sentence() for p in problems) + ".", next_step="")
