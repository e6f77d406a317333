"""create_video: quote, confirm, pay once, and answer with the job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedance_mcp import views
from seedance_mcp.catalog import schema
from seedance_mcp.catalog.order import Order
from seedance_mcp.errors import NEXT_STEP, Code, OverBudget, VendorRefused
from seedance_mcp.sanitize import clean
from seedance_mcp.server.tools import check_video
from seedance_mcp.server.tools.confirm import confirm
from seedance_mcp.server.tools.tool import OBJECT, STRING, STRINGS, Call, Tool, outputs

if TYPE_CHECKING:
    from seedance_mcp.jobs.journal.model import Job
    from seedance_mcp.jobs.quote import Quote
    from seedance_mcp.jobs.service import JobService
    from seedance_mcp.settings import Settings
    from seedance_mcp.views import Fields


def tool(settings: Settings) -> Tool:
    """Return the tool; its input schema has what some configured model takes."""
    return Tool(
        "create_video",
        "Create video",
        "Start a paid video; then check_video. No model: cheapest known price"
        + (". Media: URLs or paths" if settings.media_roots else ""),
        schema.merged_schema(settings.models, [v.slug for v in settings.vendors if not settings.takes_files(v)]),
        outputs(
            # As a task, its result is the video.
            check_video.FIELDS
            | {
                "chosen": STRING, "size": STRING, "assumed": OBJECT, "advice": STRINGS, "duplicate_of": STRING,
                "request": OBJECT,
            },
            "state", "model", "next_step",
        ),
        create_video,
        starts_job=True,
        repeatable=False,
    )  # fmt: skip


async def create_video(service: JobService, call: Call) -> Fields:
    """Quote, confirm, pay once, and answer with the job."""
    order = Order.parse(call.args)
    quote = await service.quote(order)
    try:
        if order.dry_run:
            await service.check_caps(quote)
            return views.quoted(quote, service.url(quote))
        quote = await confirm(quote, lambda: service.quote(order), service.settings, call.ask)
        agreed = service.settings.confirm_above is not None  # then the user was asked about an unknown price
        admission = await service.create(quote, agreed=agreed)
    except OverBudget as error:
        raise await _with_offers(service, quote, error) from None
    if admission.job.state == "rejected":
        raise await _refused(service, quote, admission.job)
    return views.created(quote, admission, service.settings.max_wait)


async def _with_offers(service: JobService, quote: Quote, error: OverBudget) -> OverBudget:
    """Return why a cap refuses an order together with what it would allow, which is the user's to decide."""
    if quote.order.model is None and quote.price.usd_micros is None:
        amount = f" It costs {quote.price.brief()}." if quote.price.amount is not None else ""
        return OverBudget(
            f"{error.sentence}{amount} Why this model: {quote.chosen}. Nothing was sent.", next_step=error.next_step
        )
    offers = "; ".join(offer.text() for offer in await service.offers(quote.order))
    within = f" Within it: {offers}." if offers else ""
    step = f"Ask the user before changing it. {error.next_step}" if offers else error.next_step
    return OverBudget(f"{error.sentence}{within} Nothing was sent.", next_step=step)


async def _refused(service: JobService, quote: Quote, job: Job) -> VendorRefused:
    code = Code(job.error_code or Code.INVALID_REQUEST)
    reason = (clean(job.error_message or "") or "no reason given").rstrip(".")
    step = _review_step(quote) if code is Code.REAL_PERSON else None
    if code in _ELSEWHERE and (other := await _elsewhere(service, quote)):
        step = f"{NEXT_STEP[code]} Or ask the user whether to use {other}."
    return VendorRefused(
        f"{quote.vendor.name} refused job {job.id}: {reason}. Nothing was charged.", code=code, next_step=step
    )


_ELSEWHERE = {Code.AUTH, Code.NO_CREDIT, Code.RATE_LIMITED, Code.BUSY, Code.VENDOR_DOWN}
"""Refusals that are about the account or the vendor, so that another vendor may accept the same request."""


async def _elsewhere(service: JobService, quote: Quote) -> str | None:
    """Return the model of another configured vendor that would be chosen for the same request, with its price."""
    quotes = [q for q in await service.quotes(quote.order) if q.vendor is not quote.vendor]
    return f"{quotes[0].model.id} ({_priced(quotes[0])})" if quotes else None


def _priced(quote: Quote) -> str:
    return quote.price.brief() if quote.price.amount is not None else "price unknown"


def _review_step(quote: Quote) -> str | None:
    """Say how to use an image of a real person, where the vendor reviews such images for this model."""
    upload = quote.vendor.upload
    if upload is None or "person" not in upload.reviews(quote.model):
        return None
    return (
        f"{quote.vendor.name} accepts images of real persons after a review of its own. With the person's consent, "
        "give each as a path that ends in #person (ask the user to allow its folder in SEEDANCE_MEDIA_ROOTS); "
        "otherwise use other images."
    )
