"""What an assistant is told: each answer as fields, and the same in words. Kept short, for every token is paid for.

Some clients show a model only the fields and some only the words, so both are complete. Values that are not known are
left out, never null.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from seedance_mcp.catalog.delivered import differences
from seedance_mcp.catalog.price import MICROS, dollars
from seedance_mcp.errors import NEXT_STEP, Code
from seedance_mcp.sanitize import clean

if TYPE_CHECKING:
    from seedance_mcp.catalog import Advice
    from seedance_mcp.jobs.journal.budget import Spending
    from seedance_mcp.jobs.journal.model import Job, Page
    from seedance_mcp.jobs.quote import Quote
    from seedance_mcp.jobs.service import Created
    from seedance_mcp.vendors import Vendor

Fields = dict[str, Any]


def _only(fields: Mapping[str, Any]) -> Fields:
    """Drop what is not known."""
    return {key: value for key, value in fields.items() if value is not None and value not in ("", (), [], {})}


def _say(advice: Sequence[Advice]) -> list[str]:
    return [a.text for a in advice]


def quoted(quote: Quote, url: str) -> Fields:
    """Answer a dry run: the verdict, the price, and the exact request that would be sent."""
    call = quote.call
    return _only(
        {
            "state": "quoted",
            "model": quote.request.model.id,
            "chosen": quote.chosen,
            "cost": quote.price.as_json(),
            "size": quote.request.size,
            "assumed": dict(quote.request.assumed),
            "advice": _say(quote.checked.advice),
            "request": {"method": call.method, "url": url, "body": call.body},
            "note": _STANDING_IN if quote.uploads else None,
            "next_step": "Nothing was sent. Call create_video without dry_run to make it.",
        }
    )


_STANDING_IN = "Local files are not handed over yet; a URL with «local» in it stands for each."


def created(made: Created) -> Fields:
    """Answer create_video."""
    job, quote = made.job, made.quote
    step = f"Call check_video with job_id {job.id} and wait_seconds 50 until it is done."
    if job.state == "unknown":
        step = NEXT_STEP[Code.UNKNOWN_OUTCOME]
    elif job.terminal:
        step = f"Call check_video with job_id {job.id} for its film or why there is none."
    return _only(
        {
            "job_id": job.id,
            "state": job.state,
            "model": job.model,
            "chosen": quote.chosen,
            "cost": quote.price.as_json(),
            "size": quote.request.size,
            "assumed": dict(quote.request.assumed),
            "advice": _say(quote.checked.advice),
            "duplicate_of": job.id if made.duplicate else None,
            "note": _note(job, duplicate=made.duplicate),
            "next_step": step,
        }
    )


def _note(job: Job, *, duplicate: bool) -> str | None:
    if duplicate and job.state == "unknown":
        return "The same request is this job already, and how it ended is not known: it may be running and billed."
    if duplicate and job.terminal:
        return "This request_key was used before: this is its job, and nothing new was paid."
    if duplicate:
        return (
            "The same request is already under way as this job, so nothing new was paid. allow_duplicate makes another."
        )
    if job.state == "unknown":
        return f"The vendor's answer was lost ({clean(job.error_message or 'no answer')}); the price stays reserved."
    return None


def checked(job: Job, vendor: Vendor | None, *, saving: bool, again_in: int | None) -> Fields:
    """Answer check_video; `vendor` is the job's, where it is configured."""
    now = job.finished_at or time.time()
    failed = job.state in {"failed", "rejected", "cancelled", "expired"}
    return _only(
        {
            "job_id": job.id,
            "state": job.state,
            "model": job.model,
            "elapsed_seconds": round(now - (job.submitted_at or job.created_at)),
            "check_again_in": again_in,
            "progress": job.progress if job.open else None,
            "path": job.path,
            "url": _link(job),
            "expires_at": _ends(job, vendor),
            "size_bytes": job.size,
            "duration": job.request.get("duration") if job.state == "succeeded" else None,
            "resolution": job.request.get("resolution") if job.state == "succeeded" else None,
            "cost": cost(job),
            "error": _error(job) if failed or job.state == "unknown" else None,
            "note": _remark(job),
            "next_step": _next(job, saving=saving, keyed=vendor is not None and vendor.build_download is not None),
        }
    )


def record(job: Job) -> Fields:
    """Say all that is known of a job, to who looks it up and has nothing to do next."""
    fields = checked(job, None, saving=True, again_in=None)
    del fields["next_step"]
    return fields


def _remark(job: Job) -> str | None:
    if job.open:
        return clean(job.error_message or "")
    return " ".join(differences(job.request, job.delivered or {})) if job.path else job.save_error


def expires_at(job: Job, vendor: Vendor | None) -> float | None:
    """Return when the link to a finished film ends, where its vendor says how long it lasts."""
    if job.state != "succeeded" or job.finished_at is None or vendor is None or vendor.link_days is None:
        return None
    return job.finished_at + vendor.link_days * 86_400


def _ends(job: Job, vendor: Vendor | None) -> str | None:
    ends = expires_at(job, vendor)
    return None if ends is None else _when(ends)


def video(job: Job, vendor: Vendor | None) -> Fields:
    """Say of a job's film what list_videos leaves out, for those who pay no tokens for it."""
    return _only({"url": _link(job), "expires_at": _ends(job, vendor), "size_bytes": job.size, "sha256": job.sha256})


_LINK = re.compile(r"https?://[!-~]{1,4000}", re.IGNORECASE)


def _link(job: Job) -> str | None:
    """Return a film's link, where what the vendor gave is one that a person can be shown."""
    return job.url if _LINK.fullmatch(job.url or "") else None


def _error(job: Job) -> Fields:
    return _only({"code": job.error_code, "vendor_message": clean(job.error_message or "")})


def _next(job: Job, *, saving: bool, keyed: bool) -> str:
    if job.state == "unknown":
        return (
            "Do NOT create it again: it may be running and billed. The user can look at the vendor's site and settle "
            f"it with `seedance-mcp videos resolve {job.id}`."
        )
    if job.state == "abandoned" or (job.state == "rejected" and not job.error_code):
        return "Nothing was sent and nothing is charged: call create_video again."
    if job.terminal and job.state != "succeeded":
        return NEXT_STEP[Code(job.error_code) if job.error_code else Code.GENERATION_FAILED]
    if job.path or (job.url and not saving):
        return "Tell the user where the film is." + (" Pass the note on." if _remark(job) else "")
    if job.terminal and keyed and not saving:
        return "Only the vendor's key fetches this film: ask the user to set SEEDANCE_SAVE=auto, then check again."
    return NEXT_STEP[Code.NOT_SAVED] if job.save_error else "Call check_video again."


def cost(job: Job) -> Fields:
    """Say what a job cost: settled, or still reserved."""
    if job.cost is None:
        return dict(job.price or {})
    if job.state in {"rejected", "abandoned"} or (job.terminal and not job.spent and not job.reserved):
        return {"usd": 0.0}
    return {"usd": job.cost / MICROS} | ({"reserved": True} if job.reserved else {})


_BRIEF_COST = {"usd", "amount", "unit", "reserved"}


def cost_text(job: Job) -> str:
    """Say what a job cost in a word or two."""
    return _money({k: v for k, v in cost(job).items() if k in _BRIEF_COST})


def listed(page: Page, spending: Spending, budget: int | None) -> Fields:
    """Answer list_videos."""
    videos = [
        _only(
            {
                "job_id": job.id,
                "state": job.state,
                "model": job.model,
                "cost": {k: v for k, v in cost(job).items() if k in _BRIEF_COST} or {"unknown": "no published price"},
                "created_at": _when(job.created_at),
                "prompt": _short(job.prompt),
                "path": job.path,
                "url": None if job.path else _link(job),
            }
        )
        for job in page.jobs
    ]
    left = None if budget is None else spending.left(budget) / MICROS
    money = {"usd": spending.spent / MICROS, "reserved": spending.reserved / MICROS, "left": left}
    money["unpriced_jobs"] = spending.unpriced or None
    return {"videos": videos} | _only({"next_cursor": page.next_cursor, "spent_today": _only(money)})


def to_text(fields: Mapping[str, Any]) -> str:
    """Say an answer's fields as lines of text."""
    return "\n".join(_lines(fields, ""))


def _lines(fields: Mapping[str, Any], indent: str) -> list[str]:
    lines: list[str] = []
    for key, value in fields.items():
        if key == "cost":
            lines.append(f"{indent}cost: {_money(value)}")
        elif key in {"models", "takes"}:
            lines += [f"{name}: {said}" for name, said in cast("Mapping[str, str]", value).items()]
        elif isinstance(value, Mapping):
            flat = ", ".join(f"{k} {v}" for k, v in value.items())  # pyright: ignore[reportUnknownVariableType]
            lines.append(f"{indent}{key}: {flat}")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            items = cast("list[Mapping[str, Any]]", value)
            lines += [f"{indent}- " + "; ".join(x.strip() for x in _lines(item, "")) for item in items]
        elif isinstance(value, list):
            lines += [f"{indent}{key}: {item}" for item in value]  # pyright: ignore[reportUnknownVariableType]
        else:
            lines.append(f"{indent}{key}: {value}")
    return lines


def _money(value: Mapping[str, Any]) -> str:
    if "usd" in value:
        said = dollars(round(value["usd"] * MICROS)) + (" reserved" if value.get("reserved") else "")
    elif "amount" in value:
        said = f"{value['amount']:g} {value['unit']}"
    else:
        said = "unknown"
    extra = [str(value[k]) for k in ("basis", "unknown", "caution") if k in value]
    return said + (f" ({'; '.join(extra)})" if extra else "")


def _short(prompt: str) -> str:
    seen = clean(prompt)
    return seen if len(seen) <= 60 else seen[:59] + "…"  # noqa: PLR2004


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
