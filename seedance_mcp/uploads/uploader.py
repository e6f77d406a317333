"""Hand a request's files over before it is paid for: to the vendor's own upload or the user's bucket, once per content.

Handing over costs nothing and may fail, so it is done before anything is written down or spent. It runs beside the
call that asked for it: a client that gives up, or an upload that takes longer than a call may, leaves it going, and the
same request finds its result in `links` the next time.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread

from seedance_mcp.catalog.request import FRAMES, REFERENCES
from seedance_mcp.errors import (
    Code,
    InvalidRequest,
    JournalError,
    SeedanceError,
    UnexpectedAnswer,
    UploadPending,
    VendorRefused,
)
from seedance_mcp.sanitize import clean
from seedance_mcp.uploads import bucket, local_files
from seedance_mcp.uploads.cache import ASSET_LASTS, CachedLink, UploadCache, account
from seedance_mcp.uploads.inputs import PendingUpload, is_placeholder
from seedance_mcp.uploads.local_files import UnusableFile
from seedance_mcp.uploads.reviews import SCHEME, Reviews, ask
from seedance_mcp.web import SentFile

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from seedance_mcp.catalog.request import VideoRequest
    from seedance_mcp.settings import Settings
    from seedance_mcp.uploads.bucket import Bucket
    from seedance_mcp.vendors.vendor import Asset, Review, Upload, Vendor
    from seedance_mcp.web import Web

log = logging.getLogger(__name__)

PATIENCE = 40.0
"""Seconds that a call waits for its files; some clients give a whole call no more than 60."""
LONGEST_REVIEW = 600.0
"""Seconds for which a vendor is asked whether it has looked at an asset, before the next call has to ask again."""
_PAUSES = (0.5, 1.0, 2.0, 4.0)
_AT_ONCE = 3
_DAY = 86_400.0


@dataclass(slots=True)
class _Load:
    """One parcel while it is handed over."""

    name: str
    done: anyio.Event = field(default_factory=anyio.Event)
    reviewed: bool = False
    ticket: str = ""
    """The vendor's id of what it reviews, once it has one."""
    address: str = ""
    error: SeedanceError | None = None


class Uploader:
    """Hands files over, each content once for each destination."""

    def __init__(self, settings: Settings, web: Web) -> None:
        self._settings, self._web = settings, web
        self._cache = UploadCache(settings.state_dir)
        self.reviews = Reviews(settings, web, self._cache)
        self._loads: dict[tuple[str, str], _Load] = {}
        self._limit: anyio.CapacityLimiter | None = None

    async def upload_all(
        self, request: VideoRequest, uploads: Mapping[str, PendingUpload], vendor: Vendor, group: TaskGroup | None
    ) -> VideoRequest:
        """Return the request with the real URLs of its files.

        Raises:
            InvalidRequest, VendorRefused, VendorUnreachable, SettingError: a file cannot be handed over.
            StillOnItsWay: not yet; the work goes on.
        """
        if group is None:
            raise JournalError("The studio is not open.")
        loads = {
            placeholder: self._started(placeholder, pending, vendor, group) for placeholder, pending in uploads.items()
        }
        with anyio.move_on_after(PATIENCE):
            for load in loads.values():
                await load.done.wait()
        for load in loads.values():
            if load.error is not None:
                raise load.error
        late = [load for load in loads.values() if not load.address]
        if late:
            raise _not_yet(late, vendor)
        return with_urls(request, {placeholder: load.address for placeholder, load in loads.items()})

    async def as_sent(self, request: VideoRequest, vendor: Vendor) -> VideoRequest | None:
        """Return an earlier request with the URLs it was sent with, or None where they are no longer known."""
        found: dict[str, str] = {}
        for value in filter(is_placeholder, _addresses(request)):
            link = await self._cache.get(value, account(self._settings, vendor))
            link = link or await self._cache.get(value, self._settings.upload_url)
            if link is None or not link.address:
                return None
            found[value] = link.address
        return with_urls(request, found) if found else request

    # -- one parcel ---------------------------------------------------------------------------------------------------

    def _started(self, placeholder: str, pending: PendingUpload, vendor: Vendor, group: TaskGroup) -> _Load:
        """Return the handing over of a parcel that is under way already, or begin it."""
        key = (placeholder, account(self._settings, vendor))
        if key not in self._loads:
            load = self._loads[key] = _Load(pending.file.name)
            group.start_soon(self._run, load, key, pending, vendor)
        return self._loads[key]

    async def _run(self, load: _Load, key: tuple[str, str], pending: PendingUpload, vendor: Vendor) -> None:
        try:
            if pending.route.review is None:
                load.address = await self._link(key[0], pending, vendor)
            else:
                load.address = await self._asset(load, key, pending, vendor, pending.route.review)
        except SeedanceError as error:
            load.error = error
        except Exception:
            log.exception("%s could not be handed over", load.name)
            load.error = UnexpectedAnswer(f"{load.name} could not be handed over; the server's log says why.")
        finally:
            self._loads.pop(key, None)
            load.done.set()

    async def _link(self, placeholder: str, pending: PendingUpload, vendor: Vendor) -> str:
        """Return a link to a file, from the cache or by uploading it."""
        store = pending.route.bucket
        destination = store.url if store else account(self._settings, vendor)
        as_sent = await self._cache.get(placeholder, destination)
        if as_sent is not None and time.time() < as_sent.renew_at:
            return as_sent.address
        if self._limit is None:
            self._limit = anyio.CapacityLimiter(_AT_ONCE)
        async with self._limit:
            address, lasts = await self._upload(pending, store, vendor)
        now = time.time()
        await self._cache.put(placeholder, destination, CachedLink(address, "", now + lasts * 2 / 3, now + lasts))
        return address

    async def _upload(self, pending: PendingUpload, store: Bucket | None, vendor: Vendor) -> tuple[str, float]:
        file = pending.file
        try:
            data = await to_thread.run_sync(local_files.content, file)
        except UnusableFile as error:
            raise InvalidRequest(f"{error} Nothing was sent.", next_step="Call create_video again.") from None
        if store is not None:
            return await store.put(file, data), bucket.LASTS
        upload = _upload_of(vendor)
        # The name says what is in it and nothing of where it came from.
        sent = SentFile(f"{file.sha256[:16]}.{file.facts.ending}", data, file.facts.mime)
        address = upload.parse_link(await ask(self._web, vendor, upload.call, f"did not take {file.name}", sent))
        if not address.startswith("https://"):
            raise UnexpectedAnswer(f"{vendor.name} gave a link to {file.name} that is not https.")
        return address, upload.days * _DAY

    # -- assets -------------------------------------------------------------------------------------------------------

    async def _asset(
        self, load: _Load, key: tuple[str, str], pending: PendingUpload, vendor: Vendor, review: Review
    ) -> str:
        """Return what stands for an asset once the vendor has looked at it."""
        name = pending.file.name
        as_sent = await self._cache.get(*key)
        load.reviewed = True
        asset = None
        if as_sent is not None:
            with contextlib.suppress(VendorRefused):  # it no longer knows the asset
                asset = await self.reviews.poll(vendor, review, as_sent.ticket, name)
        if asset is None or asset.state == "failed":
            facts = pending.file.facts
            load.reviewed = False
            link = await self._link(f"https://local.invalid/{pending.file.sha256}.{facts.ending}", pending, vendor)
            load.reviewed = True
            call = review.build_submit(link, facts.kind, pending.file.sha256[:16])
            asset = review.parse_submit(await ask(self._web, vendor, call, f"did not take {name}"))
            await self._remember(key, asset)
        if asset.state == "pending":
            await self.reviews.start(vendor, asset, name, pending.model, pending.route.purpose)
            load.ticket = asset.id
            asset = await self._decided(load, asset, vendor, review)
        if asset.state == "failed":
            await self._cache.forget(*key)
            raise VendorRefused(
                f"{vendor.name} has reviewed {name} and refused it ({clean(asset.vendor_status) or 'no reason given'}). "
                "Nothing was sent and nothing is charged.",
                code=Code.CONTENT_POLICY,
                next_step="Use another file.",
            )
        if asset.state == "pending":
            return ""
        await self._remember(key, asset)
        return asset.address

    async def _decided(self, load: _Load, asset: Asset, vendor: Vendor, review: Review) -> Asset:
        """Wait for a review's end, though not for ever."""
        ends = time.monotonic() + LONGEST_REVIEW
        pauses = iter(_PAUSES)
        with self.reviews.tracked(vendor, load.ticket):
            while asset.state == "pending" and time.monotonic() < ends:
                asset = await self.reviews.poll(vendor, review, load.ticket, load.name)
                if asset.state == "pending":
                    await anyio.sleep(next(pauses, _PAUSES[-1]))
        return asset

    async def _remember(self, key: tuple[str, str], asset: Asset) -> None:
        if asset.state == "failed":
            return
        ends = time.time() + ASSET_LASTS
        await self._cache.put(*key, CachedLink(asset.address if asset.state == "usable" else "", asset.id, ends, ends))


def _not_yet(late: Sequence[_Load], vendor: Vendor) -> UploadPending:
    """Say what is not handed over yet, and how to learn when it is."""
    reviewed = ", ".join(load.name for load in late if load.reviewed)
    uploaded = ", ".join(load.name for load in late if not load.reviewed)
    said = [f"{vendor.name} has not finished its review of {reviewed}."] if reviewed else []
    said += [f"Still being uploaded: {uploaded}."] if uploaded else []
    tickets = [f"{SCHEME}{load.ticket}" + (f" ({load.name})" if len(late) > 1 else "") for load in late if load.ticket]
    step = "It goes on in the background: call create_video again with the same arguments in a minute."
    if tickets:
        step = (
            f"check_video with job_id {' or '.join(tickets)} says how the review is (wait_seconds 50 waits for it); "
            "then call create_video again with the same arguments."
        )
    return UploadPending(" ".join([*said, "Nothing was sent and nothing is charged."]), next_step=step)


def _upload_of(vendor: Vendor) -> Upload:
    if vendor.upload is None:
        raise ValueError(f"{vendor.slug} has no upload")
    return vendor.upload


def _addresses(request: VideoRequest) -> list[str]:
    single = [getattr(request, name) for name in FRAMES]
    return [a for a in (*single, *(a for name in REFERENCES for a in getattr(request, name))) if a]


def with_urls(request: VideoRequest, found: Mapping[str, str]) -> VideoRequest:
    """Return a request with other URLs in the place of some."""
    changes: dict[str, Any] = {
        name: found.get(value, value) for name in FRAMES if (value := getattr(request, name)) is not None
    }
    changes |= {name: tuple(found.get(v, v) for v in getattr(request, name)) for name in REFERENCES}
    return replace(request, **changes)
