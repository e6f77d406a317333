"""check_video: the state of a job (or of a vendor's review of a file), waiting for its end if asked to."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from seedance_mcp import views
from seedance_mcp.catalog import Row, Text, Whole
from seedance_mcp.server.tools.tool import NUMBER, OBJECT, OURS, STRING, Call, Tool, check_args, inputs, outputs
from seedance_mcp.setting_table import LONGEST_WAIT
from seedance_mcp.uploads.reviews import SCHEME

if TYPE_CHECKING:
    from seedance_mcp.catalog import Schema
    from seedance_mcp.jobs.service import JobService, Progress
    from seedance_mcp.settings import Settings
    from seedance_mcp.uploads.reviews import ReviewStatus, State
    from seedance_mcp.views import Fields

_ROWS: dict[str, Row] = {
    "job_id": Text(OURS, required=True),
    "wait_seconds": Whole(0, LONGEST_WAIT, OURS, default=0, unit="s"),
}

FIELDS: dict[str, Schema] = {
    "job_id": STRING, "state": STRING, "model": STRING, "elapsed_seconds": NUMBER, "check_again_in": NUMBER,
    "progress": NUMBER, "path": STRING, "url": STRING, "last_frame_url": STRING, "expires_at": STRING,
    "size_bytes": NUMBER, "requested": STRING, "measured": STRING,
    "cost": OBJECT, "error": OBJECT, "note": STRING, "next_step": STRING,
}  # fmt: skip
"""What is answered about a job."""


def tool(settings: Settings) -> Tool:
    """Return the tool; its description states the longest wait that is in force."""
    return Tool(
        "check_video",
        "Check video",
        "A job's state and video",
        inputs(_ROWS, {"wait_seconds": f"0-{settings.max_wait}"}, no_choices=frozenset()),
        outputs(FIELDS, "job_id", "state", "model", "elapsed_seconds", "next_step"),
        check_video,
    )


async def check_video(service: JobService, call: Call) -> Fields:
    """Answer with a job's state, waiting for its end if asked to."""
    check_args(_ROWS, call, "check_video")
    if call.args["job_id"].startswith(SCHEME):
        return await _check_review(service, call)

    async def report(progress: Progress) -> None:
        await call.report(*_progress(progress))

    job = await service.wait(call.args["job_id"], _seconds(service, call), report)
    again_in = await service.check_again_in(job)
    return views.checked(job, service.settings.vendor(job.vendor), autosave=service.autosave, again_in=again_in)


def _seconds(service: JobService, call: Call) -> float:
    """Return how long a call waits; one that asks for more than SEEDANCE_MAX_WAIT, or its client, allows gets that."""
    return min(call.args.get("wait_seconds", 0), service.settings.max_wait, call.patience)


def _progress(progress: Progress) -> tuple[float, float | None, str]:
    """Describe how far a job is, in seconds; a job that takes longer than usual is always about to end."""
    elapsed = progress.elapsed
    return elapsed, max(progress.expected, elapsed), _doing(progress)


def _doing(progress: Progress) -> str:
    if progress.received is None:
        return f"{progress.job.state}, {progress.elapsed:.0f} s"
    of = f" of {progress.total / 1e6:.1f}" if progress.total else ""
    return f"downloading, {progress.received / 1e6:.1f}{of} MB"


# -- reviews ------------------------------------------------------------------------------------------------------

_REVIEW_AGAIN_IN = 30
"""Seconds after which checking again is worth its tokens; no vendor says how long a review takes."""
_REVIEW_NEXT_STEP: dict[State, str] = {
    "reviewing": "Call check_video again; once it is usable, call create_video again with the same arguments.",
    "usable": "Call create_video again with the same arguments.",
    "refused": "Use another file.",
    "gone": "Call create_video again with the same arguments: the file is submitted for review again.",
}


async def _check_review(service: JobService, call: Call) -> Fields:
    """Answer with the status of a review; create_video named it when it could not use the file yet."""
    name = call.args["job_id"]

    async def report(review: ReviewStatus) -> None:
        elapsed = _review_elapsed(review)
        await call.report(elapsed, None, f"reviewing, {elapsed:.0f} s")

    review = await service.wait_for_review(name, _seconds(service, call), report)
    fields: Fields = {
        "job_id": name,
        "state": review.state,
        "model": review.record.model,
        "elapsed_seconds": round(_review_elapsed(review)),
    }
    if review.state == "reviewing":
        fields["check_again_in"] = 2 if service.settings.sandbox else _REVIEW_AGAIN_IN
    return fields | {"cost": {"usd": 0.0}, "note": _review_note(review), "next_step": _REVIEW_NEXT_STEP[review.state]}


def _review_elapsed(review: ReviewStatus) -> float:
    return max(0.0, time.time() - review.record.submitted_at)


def _review_note(review: ReviewStatus) -> str:
    what = review.record.name + (", submitted as a real person" if review.record.purpose == "person" else "")
    if review.state == "gone":
        return f"{review.vendor} no longer knows {what}."
    return f"{review.vendor} reports for {what}: {review.vendor_status or 'nothing yet'}."
