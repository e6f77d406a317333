"""What a job finally cost: the charge that the vendor reports, otherwise the quote."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Any

from seedance_mcp.catalog.price import MICROS, UnitPrice

if TYPE_CHECKING:
    from seedance_mcp.catalog import Model
    from seedance_mcp.catalog.price import Prices
    from seedance_mcp.jobs.journal.model import Job


def charged_usd(model: Model, charged: Decimal | None, prices: Prices) -> int | None:
    """Convert a charge in the vendor's unit to micro-USD; None if the charge or the unit's value is unknown."""
    if charged is None:
        return None
    own = prices.get(model.id, UnitPrice())
    worth = own.usd_per_unit or prices.get(model.vendor, UnitPrice()).usd_per_unit or model.billing.usd_per_unit
    if model.billing.unit == "USD":
        worth = Decimal(1)
    return None if worth is None else int((charged * worth * MICROS).to_integral_value(ROUND_CEILING))


def settlement(job: Job, model: Model | None, state: str, charged: Decimal | None, prices: Prices) -> dict[str, Any]:
    """Return the changes that settle a finished job.

    The reservation of a failed job counts as spent, unless the vendor documents or reports that failures are free.
    """
    reported = charged_usd(model, charged, prices) if model else None
    if reported is not None:
        return {"spent": reported, "reserved": 0, "unpriced": 0}
    free = state != "succeeded" and model is not None and model.billing.failure_is_free
    return {"spent": 0 if free else job.reserved, "reserved": 0}
