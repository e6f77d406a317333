"""What a job finally cost: the charge that the vendor reports, otherwise the quote."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Any

from seedance_mcp.catalog.price import MICROS

if TYPE_CHECKING:
    from seedance_mcp.catalog import Model
    from seedance_mcp.jobs.journal.model import Job
    from seedance_mcp.vendors.vendor import Snapshot


def charged_usd(job: Job, charged: Decimal | None) -> int | None:
    """Convert a charge in the vendor's own unit to micro-USD, at the worth of the quote; None if either is unknown."""
    if charged is None or job.unit_usd is None:
        return None
    return int((charged * Decimal(job.unit_usd) * MICROS).to_integral_value(ROUND_CEILING))


def charge_of(job: Job, found: Snapshot) -> Decimal | None:
    """Return what a task was charged in the vendor's own unit, from its tokens where the vendor counts those.

    The price of a token is that of the quote.
    """
    quoted = job.price or {}
    if found.charged is not None or found.tokens is None or not (quoted.get("tokens") and quoted.get("amount")):
        return found.charged
    return Decimal(str(quoted["amount"])) * found.tokens / quoted["tokens"]


def raised(job: Job, charged: Decimal | None) -> dict[str, Any]:
    """Return the changes that a charge reported before the end makes.

    It may still rise, so the reservation never falls before the job is settled.
    """
    reported = charged_usd(job, charged)
    return {"reserved": reported, "unpriced": 0} if reported is not None and reported > job.reserved else {}


def settlement(job: Job, model: Model | None, state: str, charged: Decimal | None) -> dict[str, Any]:
    """Return the changes that settle a finished job.

    The reservation of a failed job counts as spent, unless the vendor documents or reports that failures are free.
    """
    reported = charged_usd(job, charged)
    if reported is not None:
        return {"spent": reported, "reserved": 0, "unpriced": 0}
    free = state != "succeeded" and model is not None and model.billing.failure_is_free
    return {"spent": 0 if free else job.reserved, "reserved": 0}
