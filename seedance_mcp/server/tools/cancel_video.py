"""cancel_video: cancel a job that its vendor has not begun. Shown only where some configured vendor can do that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedance_mcp import views
from seedance_mcp.catalog import Row, Text
from seedance_mcp.server.tools import check_video
from seedance_mcp.server.tools.tool import OURS, Call, Tool, check_args, inputs, outputs

if TYPE_CHECKING:
    from seedance_mcp.jobs.service import JobService
    from seedance_mcp.views import Fields

_ROWS: dict[str, Row] = {"job_id": Text(OURS, required=True)}


def tool() -> Tool:
    """Return the tool."""
    return Tool(
        "cancel_video",
        "Cancel video",
        "Cancel a queued job",
        inputs(_ROWS, {}, no_choices=frozenset()),
        outputs(check_video.FIELDS, "job_id", "state", "model", "elapsed_seconds", "cost", "next_step"),
        cancel_video,
        destructive=True,
    )


async def cancel_video(service: JobService, call: Call) -> Fields:
    """Cancel a job, and answer with its state."""
    check_args(_ROWS, call, "cancel_video")
    job = await service.cancel(call.args["job_id"])
    again_in = await service.check_again_in(job)
    return views.checked(job, service.settings.vendor(job.vendor), autosave=service.autosave, again_in=again_in)
