"""The answers of create_video: a quote, a new job, or several variants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedance_mcp.catalog.price import dollars
from seedance_mcp.jobs.journal.model import FREE
from seedance_mcp.sanitize import clean
from seedance_mcp.views.cost import Fields, cost
from seedance_mcp.views.cost import note as charge_note
from seedance_mcp.views.text import iso, known

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seedance_mcp.catalog import Advice
    from seedance_mcp.jobs.journal.model import Admission, Job
    from seedance_mcp.jobs.quote import Quote
    from seedance_mcp.vendors import Vendor


def _texts(advice: Sequence[Advice]) -> list[str]:
    return [a.text for a in advice]


def quoted(quote: Quote, url: str, cheapest: str = "") -> Fields:
    """Answer a dry run: the price, the exact request that would be sent to `url`, and what would cost the least."""
    call = quote.call
    return known(
        {
            "state": "quoted",
            "model": quote.model.id,
            "chosen": quote.chosen,
            "cost": quote.total.as_json(),
            "cheapest": cheapest,
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
    micros = quote.total.usd_micros
    most = "" if micros is None else f" and max_cost {dollars(micros).removeprefix('$')}"
    again = f"call create_video again without dry_run, with model {quote.model.id}{most}."
    return f"Nothing was sent. To make exactly this once the user agrees, {again}"


_PLACEHOLDERS = 'Local files are not uploaded yet; URLs with "local" in them are placeholders for them.'


def created(quote: Quote, admission: Admission, max_wait: int) -> Fields:
    """Answer create_video; `max_wait` is how many seconds one check may take."""
    job = admission.job
    step = f"Call check_video with job_id {job.id} and wait_seconds {max_wait} until it is finished."
    if job.state == "unknown":
        step = settle(job, quote.vendor)
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
    return known(
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


def settle(job: Job, vendor: Vendor | None) -> str:
    """Say how an unknown outcome becomes known: by asking again where the vendor can be asked, or by a person."""
    first = "Do NOT call create_video again: the video may be running and billed."
    settle = f"`seedance-mcp videos resolve {job.id}"
    where = vendor.website if vendor is not None and vendor.website else "the vendor's site"
    person = (
        f"ask the user to look for it at {where} (sent {iso(job.created_at)}), then to run {settle} --task-id "
        f"TASK_ID` with the id that it has there, or {settle} --not-charged` if it is not there and may be made again."
    )
    can_ask = vendor is not None and bool(vendor.idempotency_header or vendor.listing)
    if can_ask and job.task_id is None:
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


# -- variants -----------------------------------------------------------------------------------------------------


def created_all(quote: Quote, admissions: Sequence[Admission], max_wait: int) -> Fields:
    """Answer create_video with the variants that were created, or may have been; at least one was.

    `max_wait` is how many seconds one check may take.
    """
    if len(admissions) == 1:
        return created(quote, admissions[0], max_wait)
    every = [admission.job for admission in admissions]
    jobs = [job for job in every if job.state not in FREE] or every
    unknown = next((job for job in jobs if job.state == "unknown"), None)
    step = f"Call check_video with each of job_ids, and wait_seconds {max_wait}, until it is finished."
    if unknown is not None:
        step = f"Job {unknown.id}: {settle(unknown, quote.vendor)} The other jobs: call check_video."
    is_new = not any(admission.duplicate for admission in admissions)
    return known(
        {
            "job_ids": [job.id for job in jobs],
            "state": "unknown" if unknown is not None else jobs[0].state,
            "model": jobs[0].model,
            "cost": _cost_of_all(quote, jobs, is_new=is_new),
            "chosen": quote.chosen if is_new else None,
            "size": quote.request.size if is_new else None,
            "assumed": dict(quote.request.assumed) if is_new else None,
            "advice": _texts(quote.advice) if is_new else None,
            "note": " ".join([*_what_happened(quote, admissions), *filter(None, map(charge_note, jobs))]),
            "next_step": step,
        }
    )


def _cost_of_all(quote: Quote, jobs: Sequence[Job], *, is_new: bool) -> Fields:
    """Return what the jobs cost together: as it was quoted, if they are new and no vendor reports anything else."""
    costs = [cost(job) for job in jobs]
    together = quote.price.times(len(jobs)).as_json() if is_new else {}
    if is_new and not any("charged_usd" in each or "charged_amount" in each for each in costs):
        return together
    summed = together | _summed(costs)
    return summed if summed.keys() & _AMOUNTS else {"unknown": "check_video gives the price of each"}


_AMOUNTS = {"usd", "amount", "charged_amount"}


def _summed(costs: Sequence[Fields]) -> Fields:
    """Return the sums of what all costs state in one unit."""
    if len({each.get("unit") for each in costs}) > 1:
        costs = [{name: value for name, value in each.items() if name == "usd"} for each in costs]
    common = set[str].intersection(*(set(each) for each in costs)) - {"basis"}
    summed: Fields = {}
    for name in sorted(common):
        first = costs[0][name]
        is_number = isinstance(first, int | float) and not isinstance(first, bool)
        summed[name] = round(sum(each[name] for each in costs), 6) if is_number else first
    return summed


def _what_happened(quote: Quote, admissions: Sequence[Admission]) -> list[str]:
    """Say which of the variants are not new, were refused, or were not sent."""
    wanted, jobs = len(admissions), [admission.job for admission in admissions]
    earlier = [admission.job.id for admission in admissions if admission.duplicate]
    refused = next((job for job in jobs if job.state == "rejected"), None)
    lost = next((job for job in jobs if job.state == "unknown"), None)
    unsent = sum(job.state == "abandoned" for job in jobs)
    sentences: list[str] = []
    if earlier:
        which = "All of them" if len(earlier) == wanted else ", ".join(earlier)
        sentences.append(f"{which} were there before: nothing new was paid for these; allow_duplicate pays again.")
    if refused is not None:
        reason = (clean(refused.error_message or "") or "no reason given").rstrip(".")
        sentences.append(f"{quote.vendor.name} refused job {refused.id}: {reason}. Nothing was charged for it.")
    if lost is not None:
        reason = clean(lost.error_message or "no answer")
        kept = "; its price stays reserved" if lost.reserved else ""
        sentences.append(f"The vendor's answer about job {lost.id} was lost ({reason}){kept}.")
    if unsent:
        sentences.append(
            f"{unsent} of the {wanted} {'was' if unsent == 1 else 'were'} therefore not sent. Tell the user."
        )
    return sentences
