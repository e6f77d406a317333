"""check_video for a file that a vendor still reviews: create_video has refused it for now, and named the review."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from seedance_mcp.uploads.reviews import SCHEME

if TYPE_CHECKING:
    from seedance_mcp.jobs.service import JobService
    from seedance_mcp.server.tools.tool import Call
    from seedance_mcp.uploads.reviews import ReviewStatus, State
    from seedance_mcp.views import Fields

_AGAIN_IN = 30
"""Seconds after which asking again is worth its tokens; no vendor says how long it takes."""
_NEXT: dict[State, str] = {
    "reviewing": "Call check_video again; once it is usable, call create_video again with the same arguments.",
    "usable": "Call create_video again with the same arguments.",
    "refused": "Use another file.",
    "gone": "Call create_video again with the same arguments: the file is submitted anew.",
}


def named(job_id: str) -> bool:
    """Whether it names a review and not a job."""
    return job_id.startswith(SCHEME)


async def check_review(service: JobService, call: Call) -> Fields:
    """Answer with the state of a review, waiting for its end if asked to."""
    name = call.args["job_id"]

    async def report(status: ReviewStatus) -> None:
        elapsed = _elapsed(status)
        await call.report(elapsed, None, f"reviewing, {elapsed:.0f} s")

    status = await service.wait_for_review(name, call.args.get("wait_seconds", 0), report)
    fields: Fields = {
        "job_id": name,
        "state": status.state,
        "model": status.record.model,
        "elapsed_seconds": round(_elapsed(status)),
    }
    if status.state == "reviewing":
        fields["check_again_in"] = 2 if service.settings.sandbox else _AGAIN_IN
    return fields | {"cost": {"usd": 0.0}, "note": _note(status), "next_step": _NEXT[status.state]}


def _elapsed(status: ReviewStatus) -> float:
    return max(0.0, time.time() - status.record.submitted_at)


def _note(status: ReviewStatus) -> str:
    what = status.record.name + (", submitted as a real person" if status.record.purpose == "person" else "")
    if status.state == "gone":
        return f"{status.vendor} no longer knows {what}."
    return f"{status.vendor} says of {what}: {status.vendor_status or 'nothing yet'}."
