"""What a job finally cost: the charge that the vendor reports, otherwise the quote."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seedance_mcp.catalog import Model
    from seedance_mcp.jobs.journal.model import Job
    from seedance_mcp.vendors.vendor import Snapshot, Vendor


def charged_usd(job: Job, charged: Decimal | None) -> int | None:
    """Convert a charge in the vendor's own unit to micro-USD, at the worth of the quote; None if either is unknown."""
    return None if charged is None or charged.is_nan() else job.usd_of(charged)


def charge_of(job: Job, found: Snapshot) -> Decimal | None:
    """Return what a task was charged in the vendor's own unit, from its tokens where the vendor counts those.

    The price of a token is that of the quote.
    """
    quoted = job.price or {}
    if found.charged is not None or found.tokens is None or not (quoted.get("tokens") and quoted.get("amount")):
        return found.charged
    return Decimal(str(quoted["amount"])) * found.tokens / quoted["tokens"]


def report(job: Job, vendor: Vendor, charged: Decimal | None) -> dict[str, Any]:
    """Return the changes that a charge makes which a vendor reports before the job has ended.

    What is reported early may still rise, so it raises the reservation and never lowers it.
    """
    if charged is None or charged.is_nan():
        return {}
    reported = charged_usd(job, charged)
    raised = reported is not None and reported > job.reserved
    return _kept(job, vendor.model(job.model), charged) | ({"reserved": reported, "unpriced": 0} if raised else {})


def settlement(job: Job, model: Model | None, state: str, charged: Decimal | None) -> dict[str, Any]:
    """Return the changes that settle a finished job.

    The reservation of a failed job counts as spent, unless the vendor documents or reports that failures are free.
    What it has charged before is a report to the contrary, until it reports that this was given back; so is a charge
    that cannot be read.
    """
    reported = charged_usd(job, charged)
    kept = {} if charged is None or charged.is_nan() else _kept(job, model, charged) | {"settled_by": "reported"}
    if reported is not None:
        return kept | {"spent": reported, "reserved": 0, "unpriced": 0}
    if charged == 0:
        return kept | {"spent": 0, "reserved": 0, "unpriced": 0}
    documented = model is not None and model.billing.failure_is_free and not _was_charged(job)
    free = state != "succeeded" and charged is None and documented
    settled_by = {"settled_by": "documented" if free else "assumed"}
    settled = {"spent": 0, "reserved": 0, "unpriced": 0} if free else {"spent": job.reserved, "reserved": 0}
    return settled | settled_by | kept


def _was_charged(job: Job) -> bool:
    return job.charged is not None and Decimal(job.charged["amount"]) != 0


def _kept(job: Job, model: Model | None, charged: Decimal) -> dict[str, Any]:
    """Return the charge in the vendor's own unit, which is kept even where its worth in USD is unknown."""
    unit = model.billing.unit if model is not None else (job.price or {}).get("unit", "units")
    return {"charged": {"amount": str(charged), "unit": unit}}
