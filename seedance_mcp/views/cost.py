"""What a job costs, as fields and as text: what was quoted, what is reserved, and what the vendor charged."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from seedance_mcp.catalog.price import MICROS, dollars
from seedance_mcp.jobs.journal.model import FREE

if TYPE_CHECKING:
    from seedance_mcp.jobs.journal.model import Job

Fields = dict[str, Any]


def cost(job: Job) -> Fields:
    """Return what a job cost, or what is reserved for it; nothing where nothing was sent or the vendor refused it."""
    if job.state in FREE:
        return {}
    charged = _charge(job)
    if job.cost is None:
        return {k: v for k, v in (job.price or {}).items() if not charged or k in {"basis", "unknown"}} | charged
    settled = job.terminal and not job.spent and not job.reserved
    usd: Fields = {"usd": 0.0 if settled else job.cost / MICROS} | ({"reserved": True} if job.reserved else {})
    caution = None if job.charged is not None or settled else (job.price or {}).get("caution")
    return usd | ({"caution": caution} if caution else {}) | charged


def _charge(job: Job) -> Fields:
    """Return the charge that the vendor reported, in USD where its worth is known, if it is not what was quoted."""
    if job.charged is None:
        return {}
    usd, amount = job.charged_usd, float(job.charged["amount"])
    quote = job.price or {}
    quoted = quote.get("amount") if quote.get("unit") == job.charged["unit"] else None
    if usd is not None:
        over = job.quoted is not None and usd > job.quoted
        return {"charged_usd": usd / MICROS, "quoted_usd": (job.quoted or 0) / MICROS} if over else {}
    fields: Fields = {"charged_amount": amount, "unit": job.charged["unit"]}
    return fields | ({"quoted_amount": quoted} if quoted is not None and amount > quoted else {})


def note(job: Job) -> str:
    """Return what the user has to know about the charge: more than was quoted, above a cap, or whether a failure costs.

    Empty where there is nothing to say.
    """
    sentences = [_over(job), _failure(job) if job.state in {"failed", "cancelled", "expired"} else ""]
    return " ".join(filter(None, sentences))


def _over(job: Job) -> str:
    charge, text = _charge(job), ""
    reports = "charged" if job.terminal else "reports a charge of"
    if "charged_usd" in charge:
        text = f"Tell the user: the vendor {reports} {_dollars(charge['charged_usd'])}, "
        text += f"and {_dollars(charge['quoted_usd'])} was quoted."
    elif "quoted_amount" in charge:
        text = f"Tell the user: the vendor {reports} {charge['charged_amount']:g} {charge['unit']}, "
        text += f"and {charge['quoted_amount']:g} was quoted."
    usd = job.charged_usd
    if usd is not None and job.cap is not None and usd > job.cap:
        text = f"{text or 'Tell the user:'} The charge is above the cap of {dollars(job.cap)} for one video."
    return text


def _failure(job: Job) -> str:
    if job.settled_by == "reported" and job.charged is not None:
        if not Decimal(job.charged["amount"]):
            return "The vendor did not charge for it."
        usd = job.charged_usd
        amount = dollars(usd) if usd is not None else f"{float(job.charged['amount']):g} {job.charged['unit']}"
        return f"The vendor charged {amount} for it."
    if job.settled_by == "documented":
        return "Not charged: the vendor does not charge for failures."
    counted = f" {dollars(job.spent)} counts as spent." if job.spent else ""
    return f"The vendor does not say whether it charged for it.{counted}"


_BRIEF = {"usd", "amount", "unit", "reserved", "charged_usd", "quoted_usd", "charged_amount", "quoted_amount"}


def brief_cost(job: Job) -> Fields:
    """Return what a job cost without explanations, for lists; a price that nobody knows is said to be unknown."""
    if job.state in FREE:
        return {}
    return {k: v for k, v in cost(job).items() if k in _BRIEF} or {"unknown": "no published price"}


def cost_text(job: Job) -> str:
    """Return what a job cost as a few words of text; empty where it cost nothing because nothing was made."""
    fields = brief_cost(job)
    return money({k: v for k, v in fields.items() if k in _BRIEF}) if fields else ""


def money(value: Mapping[str, Any]) -> str:
    """Return the `cost` object of an answer as text."""
    if "charged_usd" in value:
        text = f"{_dollars(value['charged_usd'])} charged, {_dollars(value['quoted_usd'])} quoted"
    elif "usd" in value:
        text = _dollars(value["usd"]) + (" reserved" if value.get("reserved") else "")
    elif "charged_amount" in value:
        text = f"{value['charged_amount']:g} {value['unit']} charged"
        text += f", {value['quoted_amount']:g} quoted" if "quoted_amount" in value else ""
    elif "amount" in value:
        text = f"{value['amount']:g} {value['unit']}"
    else:
        text = "unknown"
    extra = [str(value[k]) for k in ("basis", "unknown", "caution") if k in value]
    return text + (f" ({'; '.join(extra)})" if extra else "")


def _dollars(usd: float) -> str:
    return dollars(round(usd * MICROS))
