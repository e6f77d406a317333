"""list_videos: a page of jobs, newest first, and what the current day has cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedance_mcp import views
from seedance_mcp.catalog import OneOf, Row, Text, Whole
from seedance_mcp.jobs.journal.model import STATES
from seedance_mcp.server.bounds import is_small
from seedance_mcp.server.tools.tool import OBJECT, OBJECTS, OURS, STRING, Call, Tool, check_args, inputs, outputs

if TYPE_CHECKING:
    from seedance_mcp.jobs.service import JobService
    from seedance_mcp.views import Fields

_MOST, _PAGE = 50, 10
_ROWS: dict[str, Row] = {
    "state": OneOf(STATES, OURS),
    "limit": Whole(1, _MOST, OURS, default=_PAGE),
    "cursor": Text(OURS),
}


def tool() -> Tool:
    """Return the tool."""
    return Tool(
        "list_videos",
        "List videos",
        "Jobs and today's cost",
        inputs(_ROWS, {}, no_choices=frozenset({"state"})),
        outputs({"videos": OBJECTS, "next_cursor": STRING, "spent_today": OBJECT}, "videos"),
        list_videos,
        read_only=True,
    )


async def list_videos(service: JobService, call: Call) -> Fields:
    """Answer with a page of jobs and what the current day has cost."""
    check_args(_ROWS, call, "list_videos")
    state = call.args.get("state")
    page = await service.page((state,) if state else (), call.args.get("limit", _PAGE), call.args.get("cursor"))
    fields = views.listed(page, await service.spending(), service.settings.daily_budget)
    while not is_small(fields) and len(fields["videos"]) > 1:
        fields["videos"].pop()
        fields["next_cursor"] = fields["videos"][-1]["job_id"]
    return fields
