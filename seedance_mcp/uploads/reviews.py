"""A vendor's review of a file: asked about by whoever hands the file over, and by whoever wants to know how it is.

Both ask through one object, so that the vendor is not asked twice. What is under review stands in `links`, so another
server, or the same one after a restart, can tell as well; whether the vendor has decided is known to the vendor alone.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import anyio

from seedance_mcp.errors import Code, UnknownJob, VendorRefused, VendorUnreachable
from seedance_mcp.sanitize import clean
from seedance_mcp.uploads.cache import ASSET_LASTS, ReviewRecord, account

if TYPE_CHECKING:
    from seedance_mcp.settings import Settings
    from seedance_mcp.uploads.cache import UploadCache
    from seedance_mcp.vendors.vendor import Answer, Asset, Call, Review, Vendor
    from seedance_mcp.web import SentFile, Web

SCHEME = "asset://"
"""What the name of a review begins with; the vendor's id follows."""
FRESH = 2.0
"""Seconds for which a look is good enough for whoever only wants to know."""
_POLL_BOUND = 8.0
_GONE = {Code.NOT_FOUND, Code.INVALID_REQUEST}

State = Literal["reviewing", "usable", "refused", "gone"]
_STATES: dict[str, State] = {"pending": "reviewing", "usable": "usable", "failed": "refused"}


@dataclass(frozen=True, slots=True)
class ReviewStatus:
    """How a review is."""

    vendor: str
    what: ReviewRecord
    state: State
    """`gone` if the vendor no longer knows what it was asked to review."""
    vendor_status: str
    """The vendor's own word for it."""


@dataclass(slots=True)
class _Seen:
    """What is known of one review in this process."""

    asset: Asset | None = None
    at: float = float("-inf")
    trackers: int = 0
    asking: anyio.Lock = field(default_factory=anyio.Lock)


class Reviews:
    """The reviews that this process has to do with."""

    def __init__(self, settings: Settings, web: Web, cache: UploadCache) -> None:
        self._settings, self._web, self._cache = settings, web, cache
        self._seen: defaultdict[tuple[str, str], _Seen] = defaultdict(_Seen)

    async def start(self, vendor: Vendor, asset: Asset, name: str, model: str, purpose: str) -> None:
        """Remember that a file is under review."""
        now = time.time()
        what = ReviewRecord(name, model, purpose, now, now + ASSET_LASTS)
        at = account(self._settings, vendor)
        self._seen[asset.id, at].asset = asset  # which is not a look: some say nothing of the state yet
        await self._cache.submit(asset.id, at, what)

    async def poll(self, vendor: Vendor, review: Review, ticket: str, name: str) -> Asset:
        """Ask the vendor how a review is.

        Raises:
            VendorRefused, VendorUnreachable, UnexpectedAnswer: it does not say.
        """
        answer = await ask(self._web, vendor, review.build_status(ticket), f"could not say how its review of {name} is")
        seen = self._seen[ticket, account(self._settings, vendor)]
        seen.asset, seen.at = review.parse_status(answer), time.monotonic()
        return seen.asset

    @contextmanager
    def tracked(self, vendor: Vendor, ticket: str) -> Generator[None]:
        """Ask about a review again and again while the block runs, so that nobody else has to."""
        seen = self._seen[ticket, account(self._settings, vendor)]
        seen.trackers += 1
        try:
            yield
        finally:
            seen.trackers -= 1

    async def status(self, name: str) -> ReviewStatus:
        """Return how a review is; the vendor is asked if nobody follows it and the last look is older than 2 s.

        Raises:
            UnknownJob: no such review is known to the keys that are set.
            VendorRefused, VendorUnreachable, UnexpectedAnswer: the vendor does not say.
        """
        ticket = name.removeprefix(SCHEME)
        vendor, what, review = await self._find(ticket)
        seen = self._seen[ticket, account(self._settings, vendor)]
        try:
            with anyio.move_on_after(_POLL_BOUND):
                async with seen.asking:
                    if not seen.trackers and time.monotonic() - seen.at > FRESH:
                        await self.poll(vendor, review, ticket, what.name)
        except VendorRefused as error:
            if error.code not in _GONE:
                raise
            return ReviewStatus(vendor.name, what, "gone", "")
        if seen.asset is None:
            raise VendorUnreachable(f"{vendor.name} did not say in time how its review of {what.name} is.")
        state = _STATES[seen.asset.state] if seen.asset.id else "gone"
        return ReviewStatus(vendor.name, what, state, clean(seen.asset.vendor_status))

    async def _find(self, ticket: str) -> tuple[Vendor, ReviewRecord, Review]:
        for vendor in self._settings.vendors:
            what = await self._cache.submitted(ticket, account(self._settings, vendor)) if vendor.upload else None
            model = next((m for m in vendor.models if m.id == what.model), None) if what else None
            if vendor.upload and what and model and (review := vendor.upload.reviews(model).get(what.purpose)):
                return vendor, what, review
        raise UnknownJob(
            f"No review of {SCHEME}{clean(ticket)[:60]} is known here.",
            next_step="Call create_video with the file: it names the review if there is still one to wait for.",
        )


async def ask(web: Web, vendor: Vendor, call: Call, failed: str, file: SentFile | None = None) -> Answer:
    """Send a call that is free; `failed` says what the vendor did if its answer is a no."""
    answer = await web.call(vendor, call, file)
    if refusal := vendor.parse_error(answer):
        raise VendorRefused(
            f"{vendor.name} {failed}: {clean(refusal.message) or 'no reason given'}. Nothing was sent and nothing is "
            "charged.",
            code=refusal.code,
        )
    return answer
