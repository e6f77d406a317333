"""check_video for a file that a vendor still reviews: create_video has refused it for now, and named the review."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio

from seedance_mcp.uploads.reviews import SCHEME
from seedance_mcp.uploads.timing import UploadTiming

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
    ends = time.monotonic() + call.args.get("wait_seconds", 0)
    standing = await service.review(name)
    while standing.state == "reviewing" and (left := ends - time.monotonic()) > 0:
        elapsed = _elapsed(standing)
        await call.report(elapsed, None, f"reviewing, {elapsed:.0f} s")
        await anyio.sleep(min(left, UploadTiming().fresh))
        standing = await service.review(name)
    fields: Fields = {
        "job_id": name,
        "state": standing.state,
        "model": standing.record.model,
        "elapsed_seconds": round(_elapsed(standing)),
    }
    if standing.state == "reviewing":
        fields["check_again_in"] = 2 if service.settings.sandbox else _AGAIN_IN
    return fields | {"cost": {"usd": 0.0}, "note": _note(standing), "next_step": _NEXT[standing.state]}


def _elapsed(standing: ReviewStatus) -> float:
    return max(0.0, time.time() - standing.record.submitted_at)


def _note(standing: ReviewStatus) -> str:
    what = standing.record.name + (", submitted as a real person" if standing.record.purpose == "person" else "")
    if standing.state == "gone":
        return f"{standing.vendor} no longer knows {what}."
    return f"{standing.vendor} says of {what}: {standing.vendor_status or 'nothing yet'}."
