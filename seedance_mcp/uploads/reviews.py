"""Polls a vendor's reviews of files, for the uploader that waits for them and for callers who ask for their status.

Both poll through one object, so that the vendor is not asked twice. The submitted reviews are in the upload cache, so
that another server, or the same one after a restart, can poll them too; only the vendor knows whether it has decided.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import anyio

from seedance_mcp.errors import Code, UnknownJob, VendorRefused, VendorUnreachable
from seedance_mcp.sanitize import clean
from seedance_mcp.uploads.cache import ASSET_LIFETIME, ReviewRecord, account

if TYPE_CHECKING:
    from seedance_mcp.settings import Settings
    from seedance_mcp.uploads.cache import UploadCache
    from seedance_mcp.uploads.timing import UploadTiming
    from seedance_mcp.vendors.vendor import Answer, Asset, Call, Review, Vendor
    from seedance_mcp.web import SentFile, Web

SCHEME = "asset://"
"""The beginning of a review's name; the vendor's id of the asset follows."""
_GONE = {Code.NOT_FOUND, Code.INVALID_REQUEST}

State = Literal["reviewing", "usable", "refused", "gone"]
_STATES: dict[str, State] = {"pending": "reviewing", "usable": "usable", "failed": "refused"}


@dataclass(frozen=True, slots=True)
class ReviewStatus:
    """The status of a review."""

    vendor: str
    """The vendor's name."""
    record: ReviewRecord
    state: State
    """`gone` if the vendor no longer knows the asset."""
    vendor_status: str
    """The status as the vendor names it; empty while it has not reported one."""


@dataclass(slots=True)
class _LastPoll:
    """What this process knows about one review."""

    asset: Asset | None = None
    polled_at: float = float("-inf")
    """On the monotonic clock."""
    trackers: int = 0
    lock: anyio.Lock = field(default_factory=anyio.Lock)


class Reviews:
    """The reviews that this process has submitted or was asked about."""

    def __init__(self, settings: Settings, web: Web, cache: UploadCache, timing: UploadTiming) -> None:
        self._settings, self._web, self._cache, self._timing = settings, web, cache, timing
        self._last_polls: defaultdict[tuple[str, str], _LastPoll] = defaultdict(_LastPoll)

    async def start(self, vendor: Vendor, asset: Asset, name: str, model: str, purpose: str) -> None:
        """Remember that the review of a file was submitted."""
        now = time.time()
        destination = account(self._settings, vendor)
        # This is not a poll: some answers to a submission do not state the status yet.
        self._last_polls[asset.id, destination].asset = asset
        await self._cache.put_review(
            asset.id, destination, ReviewRecord(name, model, purpose, now, now + ASSET_LIFETIME)
        )

    async def poll(self, vendor: Vendor, review: Review, asset_id: str, name: str) -> Asset:
        """Ask the vendor for the status of a review.

        Raises:
            VendorRefused, VendorUnreachable, UnexpectedAnswer: the vendor does not report it.
        """
        failure = f"could not report the status of its review of {name}"
        answer = await call_vendor(self._web, vendor, review.build_status(asset_id), failure)
        last = self._last_polls[asset_id, account(self._settings, vendor)]
        last.asset, last.polled_at = review.parse_status(answer), time.monotonic()
        return last.asset

    @contextmanager
    def tracked(self, vendor: Vendor, asset_id: str) -> Generator[None]:
        """Declare that the block polls a review regularly, so that `status` need not."""
        last = self._last_polls[asset_id, account(self._settings, vendor)]
        last.trackers += 1
        try:
            yield
        finally:
            last.trackers -= 1

    async def status(self, name: str) -> ReviewStatus:
        """Return the status of a review; poll it unless it is tracked or was polled within `UploadTiming.fresh`.

        Raises:
            UnknownJob: no configured account has submitted such a review.
            VendorRefused, VendorUnreachable, UnexpectedAnswer: the vendor does not report the status.
        """
        asset_id = name.removeprefix(SCHEME)
        vendor, record, review = await self._find(asset_id)
        last = self._last_polls[asset_id, account(self._settings, vendor)]
        try:
            with anyio.move_on_after(self._timing.poll_bound):
                async with last.lock:
                    if not last.trackers and time.monotonic() - last.polled_at > self._timing.fresh:
                        await self.poll(vendor, review, asset_id, record.name)
        except VendorRefused as error:
            if error.code not in _GONE:
                raise
            return ReviewStatus(vendor.name, record, "gone", "")
        if last.asset is None:
            raise VendorUnreachable(f"{vendor.name} did not report the status of its review of {record.name} in time.")
        state = _STATES[last.asset.state] if last.asset.id else "gone"
        return ReviewStatus(vendor.name, record, state, clean(last.asset.vendor_status))

    async def wait(
        self, name: str, seconds: float, on_progress: Callable[[ReviewStatus], Awaitable[None]] | None = None
    ) -> ReviewStatus:
        """Return the status of a review, after waiting for the vendor's decision for at most `seconds`.

        Raises:
            UnknownJob, VendorRefused, VendorUnreachable, UnexpectedAnswer: as `status` does.
        """
        ends = time.monotonic() + seconds
        status = await self.status(name)
        while status.state == "reviewing" and (left := ends - time.monotonic()) > 0:
            if on_progress is not None:
                await on_progress(status)
            await anyio.sleep(min(left, self._timing.fresh))
            status = await self.status(name)
        return status

    async def _find(self, asset_id: str) -> tuple[Vendor, ReviewRecord, Review]:
        for vendor in self._settings.vendors:
            if vendor.upload is None:
                continue
            record = await self._cache.get_review(asset_id, account(self._settings, vendor))
            model = next((m for m in vendor.models if m.id == record.model), None) if record else None
            if record and model and (review := vendor.upload.reviews(model).get(record.purpose)):
                return vendor, record, review
        raise UnknownJob(
            f"There is no known review of {SCHEME}{clean(asset_id)[:60]}.",
            next_step="Call create_video with the file: if its review is pending, the answer names the review.",
        )


async def call_vendor(web: Web, vendor: Vendor, call: Call, failure: str, file: SentFile | None = None) -> Answer:
    """Send a free call; `failure` is what the vendor did ("did not accept fox.png") if it refuses.

    Raises:
        VendorRefused: with `failure` and the vendor's message.
        VendorUnreachable: there was no complete answer.
    """
    answer = await web.call(vendor, call, file)
    if refusal := vendor.parse_error(answer):
        raise VendorRefused(
            f"{vendor.name} {failure}: {clean(refusal.message) or 'no reason given'}. Nothing was sent and nothing is "
            "charged.",
            code=refusal.code,
        )
    return answer
