"""Jobs and quotes as fields, for the tools and the command line. Kept short, because every token costs.

Some clients show a model only the fields and others only the text, so both are complete. Unknown values are left out,
never null.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from seedance_mcp.catalog.delivered import differences
from seedance_mcp.catalog.price import MICROS
from seedance_mcp.errors import NEXT_STEP, Code
from seedance_mcp.sanitize import LONGEST_LINK, clean
from seedance_mcp.views import drift
from seedance_mcp.views.cost import Fields, brief_cost, cost, cost_text
from seedance_mcp.views.cost import note as charge_note
from seedance_mcp.views.created import created, created_all, quoted, settle
from seedance_mcp.views.made import is_broken, measured, requested
from seedance_mcp.views.text import iso, known, to_text

if TYPE_CHECKING:
    from seedance_mcp.jobs.journal.budget import Spending
    from seedance_mcp.jobs.journal.model import Job, Page
    from seedance_mcp.vendors import Vendor

__all__ = [
    "Fields",
    "checked",
    "cost",
    "cost_text",
    "created",
    "created_all",
    "expires_at",
    "listed",
    "quoted",
    "record",
    "to_text",
    "video",
]


# -- check_video --------------------------------------------------------------------------------------------------


def checked(job: Job, vendor: Vendor | None, *, autosave: bool, again_in: int | None) -> Fields:
    """Answer check_video; `vendor` is the job's, where it is configured."""
    failed = job.state in {"failed", "rejected", "cancelled", "expired"}
    return known(
        {
            "job_id": job.id,
            "state": job.state,
            "model": job.model,
            "elapsed_seconds": round(job.elapsed(time.time())),
            "check_again_in": again_in,
            "progress": job.progress if job.open else None,
            "path": job.path,
            "url": link(job),
            "last_frame_url": plain_link(job.last_frame_url),
            "expires_at": _expires_at(job, vendor),
            "size_bytes": job.size,
            "requested": None if job.open else requested(job),
            "measured": measured(job),
            "cost": cost(job),
            "error": _error(job) if failed or job.state == "unknown" else None,
            "note": _note(job),
            "next_step": _next_step(job, vendor, autosave=autosave),
        }
    )


def record(job: Job) -> Fields:
    """Return all that is known about a job, without a next step."""
    fields = checked(job, None, autosave=True, again_in=None)
    del fields["next_step"]
    return fields


def _note(job: Job) -> str:
    if job.open:
        own = clean(job.error_message or "")
    elif drift.may_have_changed(job.state, job.error_code):
        own = drift.explain(job.vendor, job.request)
    elif job.path:
        own = " ".join(differences(job.request, job.delivered or {}))
    else:
        hidden = f"{_HIDDEN_LINK} {job.id}`." if job.url and not link(job) else ""
        own = clean(job.save_error) if job.save_error else hidden
    return " ".join(filter(None, (own, charge_note(job))))


_HIDDEN_LINK = "The vendor's link is too long or too odd to be shown; the user can run `seedance-mcp videos save"


def expires_at(job: Job, vendor: Vendor | None) -> float | None:
    """Return when the link to a finished video expires, in Unix seconds, where the vendor documents it."""
    if job.state != "succeeded" or job.finished_at is None or vendor is None or vendor.link_days is None:
        return None
    return job.finished_at + vendor.link_days * 86_400


def _expires_at(job: Job, vendor: Vendor | None) -> str | None:
    expires = expires_at(job, vendor)
    return None if expires is None else iso(expires)


def video(job: Job, vendor: Vendor | None) -> Fields:
    """Return what list_videos leaves out about a job's video, for readers who pay no tokens for it."""
    return known(
        {"url": link(job), "expires_at": _expires_at(job, vendor), "size_bytes": job.size, "sha256": job.sha256}
    )


_LINK = re.compile(r"https?://[!-~]+", re.IGNORECASE)


def link(job: Job) -> str | None:
    """Return the link to a video, if it is safe to show."""
    return plain_link(job.url)


def plain_link(url: str | None) -> str | None:
    """Return a vendor's link if it is a plain URL of at most 1,000 characters, which is safe to show."""
    return url if url and len(url) <= LONGEST_LINK and _LINK.fullmatch(url) else None


def _error(job: Job) -> Fields:
    return known({"code": job.error_code, "vendor_message": clean(job.error_message or "")})


def _next_step(job: Job, vendor: Vendor | None, *, autosave: bool) -> str:
    key_only = vendor is not None and bool(vendor.build_download)
    if job.state == "unknown":
        return settle(job, vendor)
    if job.state == "abandoned" or (job.state == "rejected" and not job.error_code):
        why = "Nothing was sent" if job.state == "abandoned" else "The user said so"
        return f"{why}, so nothing is charged: call create_video again."
    if job.terminal and job.state != "succeeded":
        if job.state == "cancelled" and not job.error_code:
            step = "It was cancelled and will not be made; create_video starts it anew."
        else:
            step = NEXT_STEP[Code(job.error_code) if job.error_code else Code.GENERATION_FAILED]
        return step
    if job.path or (job.url and not autosave):
        return _where(job)
    if job.terminal and key_only and not autosave:
        return (
            "Only the vendor's API key downloads this video: ask the user to set SEEDANCE_SAVE=auto, then check again."
        )
    return NEXT_STEP[Code.NOT_SAVED] if job.save_error else _WAIT


_WAIT = "Call check_video again, or tell the user that it is not finished yet."


def _where(job: Job) -> str:
    if is_broken(job):
        return "Tell the user that the saved copy cannot be decoded, and pass on the url; do not create it again."
    return "Tell the user where the video is." + (" Pass the note on." if _note(job) else "")


# -- list_videos --------------------------------------------------------------------------------------------------


def listed(page: Page, spending: Spending, budget: int | None) -> Fields:
    """Answer list_videos; `budget` is the daily budget in micro-USD."""
    videos = [
        known(
            {
                "job_id": job.id,
                "state": job.state,
                "model": job.model,
                "cost": brief_cost(job),
                "created_at": iso(job.created_at),
                "prompt": _shorten(job.prompt),
                "requested": requested(job),
                "path": job.path,
                "url": None if job.path and not is_broken(job) else link(job),
                "note": _note(job) if job.terminal else charge_note(job),
            }
        )
        for job in page.jobs
    ]
    left = None if budget is None else spending.left(budget) / MICROS
    money = {"usd": spending.spent / MICROS, "reserved": spending.reserved / MICROS, "left": left}
    money["unpriced_jobs"] = spending.unpriced or None
    return {"videos": videos} | known({"next_cursor": page.next_cursor, "spent_today": known(money)})


def _shorten(prompt: str) -> str:
    visible = clean(prompt)
    return visible if len(visible) <= 60 else visible[:59] + "…"  # noqa: PLR2004  (60 characters recall a prompt)
