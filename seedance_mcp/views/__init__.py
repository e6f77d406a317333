"""Jobs and quotes as fields, for the tools and the command line. Kept short, because every token costs.

Some clients show a model only the fields and others only the text, so both are complete. Unknown values are left out,
never null.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from seedance_mcp.catalog.delivered import differences
from seedance_mcp.catalog.price import MICROS, dollars
from seedance_mcp.errors import NEXT_STEP, Code
from seedance_mcp.sanitize import LONGEST_LINK, clean
from seedance_mcp.views.cost import Fields, brief_cost, cost, cost_text
from seedance_mcp.views.cost import note as charge_note
from seedance_mcp.views.made import is_broken, measured, requested
from seedance_mcp.views.text import to_text

if TYPE_CHECKING:
    from seedance_mcp.catalog import Advice
    from seedance_mcp.jobs.journal.budget import Spending
    from seedance_mcp.jobs.journal.model import Admission, Job, Page
    from seedance_mcp.jobs.quote import Quote
    from seedance_mcp.vendors import Vendor

__all__ = [
    "Fields",
    "checked",
    "cost",
    "cost_text",
    "created",
    "expires_at",
    "listed",
    "quoted",
    "record",
    "to_text",
    "video",
]


def _known(fields: Mapping[str, Any]) -> Fields:
    """Drop what is unknown or empty."""
    return {key: value for key, value in fields.items() if value is not None and value not in ("", (), [], {})}


def _texts(advice: Sequence[Advice]) -> list[str]:
    return [a.text for a in advice]


# -- create_video -------------------------------------------------------------------------------------------------


def quoted(quote: Quote, url: str) -> Fields:
    """Answer a dry run: the price, and the exact request that would be sent to `url`."""
    call = quote.call
    return _known(
        {
            "state": "quoted",
            "model": quote.model.id,
            "chosen": quote.chosen,
            "cost": quote.price.as_json(),
            "size": quote.request.size,
            "assumed": dict(quote.request.assumed),
            "advice": _texts(quote.advice),
            "request": {"method": call.method, "url": url, "body": call.body},
            "note": _PLACEHOLDERS if quote.uploads else None,
            "next_step": _buy(quote),
        }
    )


def _buy(quote: Quote) -> str:
    """Say which call makes exactly what was shown: neither another model nor a higher price."""
    micros = quote.price.usd_micros
    most = "" if micros is None else f" and max_cost {dollars(micros).removeprefix('$')}"
    exactly = f"To make exactly this, call create_video again without dry_run, with model {quote.model.id}{most}."
    return f"Nothing was sent. {exactly}"


_PLACEHOLDERS = 'Local files are not uploaded yet; URLs with "local" in them are placeholders for them.'


def created(quote: Quote, admission: Admission, max_wait: int) -> Fields:
    """Answer create_video; `max_wait` is how many seconds one check may take."""
    job = admission.job
    step = f"Call check_video with job_id {job.id} and wait_seconds {max_wait} until it is finished."
    if job.state == "unknown":
        step = _settle(job, quote.vendor)
    elif job.terminal:
        step = f"Call check_video with job_id {job.id} for its video, or the reason why there is none."
    own: Fields = {}
    if not admission.duplicate:  # an earlier job may have another model and other defaults
        own = {
            "chosen": quote.chosen,
            "size": quote.request.size,
            "assumed": dict(quote.request.assumed),
            "advice": _texts(quote.advice),
        }
    spent = cost(job)
    reported = "charged_usd" in spent or "charged_amount" in spent
    notes = [_created_note(job, duplicate=admission.duplicate), charge_note(job)]
    return _known(
        {
            "job_id": job.id,
            "state": job.state,
            "model": job.model,
            "cost": spent if admission.duplicate else quote.price.as_json() | (spent if reported else {}),
            **own,
            "duplicate_of": job.id if admission.duplicate else None,
            "note": " ".join(filter(None, notes)),
            "next_step": step,
        }
    )


def _settle(job: Job, vendor: Vendor | None) -> str:
    """Say how an unknown outcome becomes known: by asking again where the vendor can be asked, or by a person."""
    first = "Do NOT call create_video again: the video may be running and billed."
    settle = f"`seedance-mcp videos resolve {job.id}"
    where = vendor.website if vendor is not None and vendor.website else "the vendor's site"
    person = (
        f"ask the user to look for it at {where}, then to run {settle} --task-id TASK_ID` if it is there, "
        f"or {settle} --not-charged` if it is not."
    )
    if vendor is not None and vendor.idempotency_header is not None and job.task_id is None:
        return f"{first} check_video asks the vendor again; if it stays unknown, {person}"
    return f"{first} Checking again will not change this: {person}"


def _created_note(job: Job, *, duplicate: bool) -> str | None:
    if duplicate and job.state == "unknown":
        return "The same request is already this job, and its outcome is unknown: it may be running and billed."
    if duplicate and job.terminal:
        return "This request_key was used before: this is its job, and nothing new was paid."
    if duplicate:
        return "The same request is already running as this job, so nothing is charged; allow_duplicate pays again."
    if job.state == "unknown":
        reserved = "; the price stays reserved" if job.reserved else ""
        return f"The vendor's answer was lost ({clean(job.error_message or 'no answer')}){reserved}."
    return None


# -- check_video --------------------------------------------------------------------------------------------------


def checked(job: Job, vendor: Vendor | None, *, autosave: bool, again_in: int | None) -> Fields:
    """Answer check_video; `vendor` is the job's, where it is configured."""
    failed = job.state in {"failed", "rejected", "cancelled", "expired"}
    return _known(
        {
            "job_id": job.id,
            "state": job.state,
            "model": job.model,
            "elapsed_seconds": round(job.elapsed(time.time())),
            "check_again_in": again_in,
            "progress": job.progress if job.open else None,
            "path": job.path,
            "url": link(job),
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
    return None if expires is None else _iso(expires)


def video(job: Job, vendor: Vendor | None) -> Fields:
    """Return what list_videos leaves out about a job's video, for readers who pay no tokens for it."""
    return _known(
        {"url": link(job), "expires_at": _expires_at(job, vendor), "size_bytes": job.size, "sha256": job.sha256}
    )


_LINK = re.compile(r"https?://[!-~]+", re.IGNORECASE)


def link(job: Job) -> str | None:
    """Return the link to a video if it is a plain URL of at most 1,000 characters, which is safe to show."""
    url = job.url or ""
    return url if len(url) <= LONGEST_LINK and _LINK.fullmatch(url) else None


def _error(job: Job) -> Fields:
    return _known({"code": job.error_code, "vendor_message": clean(job.error_message or "")})


def _next_step(job: Job, vendor: Vendor | None, *, autosave: bool) -> str:
    key_only = vendor is not None and bool(vendor.build_download)
    if job.state == "unknown":
        return _settle(job, vendor)
    if job.state == "abandoned" or (job.state == "rejected" and not job.error_code):
        why = "Nothing was sent" if job.state == "abandoned" else "The user said so"
        return f"{why}, so nothing is charged: call create_video again."
    if job.terminal and job.state != "succeeded":
        return NEXT_STEP[Code(job.error_code) if job.error_code else Code.GENERATION_FAILED]
    if job.path or (job.url and not autosave):
        return _where(job)
    if job.terminal and key_only and not autosave:
        return (
            "Only the vendor's API key downloads this video: ask the user to set SEEDANCE_SAVE=auto, then check again."
        )
    return NEXT_STEP[Code.NOT_SAVED] if job.save_error else "Call check_video again."


def _where(job: Job) -> str:
    if is_broken(job):
        return "Tell the user that the saved copy cannot be decoded, and pass on the url; do not create it again."
    return "Tell the user where the video is." + (" Pass the note on." if _note(job) else "")


# -- list_videos --------------------------------------------------------------------------------------------------


def listed(page: Page, spending: Spending, budget: int | None) -> Fields:
    """Answer list_videos; `budget` is the daily budget in micro-USD."""
    videos = [
        _known(
            {
                "job_id": job.id,
                "state": job.state,
                "model": job.model,
                "cost": brief_cost(job),
                "created_at": _iso(job.created_at),
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
    return {"videos": videos} | _known({"next_cursor": page.next_cursor, "spent_today": _known(money)})


def _shorten(prompt: str) -> str:
    visible = clean(prompt)
    return visible if len(visible) <= 60 else visible[:59] + "…"  # noqa: PLR2004  (60 characters recall a prompt)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
