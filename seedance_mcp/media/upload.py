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

from seedance_mcp.catalog.request import PICTURES, REFERENCES
from seedance_mcp.errors import Code, InvalidRequest, JournalError, SeedanceError, UnexpectedAnswer, VendorRefused
from seedance_mcp.media import bucket, local
from seedance_mcp.media.inputs import Parcel, stands_in
from seedance_mcp.media.links import ASSET_LASTS, Link, Links, account
from seedance_mcp.media.local import NotUsable
from seedance_mcp.media.reviews import SCHEME, Reviews, ask
from seedance_mcp.redaction import clean
from seedance_mcp.web import SentFile

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from seedance_mcp.catalog.request import VideoRequest
    from seedance_mcp.media.bucket import Bucket
    from seedance_mcp.settings import Settings
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


class StillOnItsWay(SeedanceError):
    """A file is still being uploaded or reviewed. Nothing was sent and nothing is charged."""

    code = Code.BUSY


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


class Porter:
    """Hands files over, each content once for each destination."""

    def __init__(self, settings: Settings, web: Web) -> None:
        self._settings, self._web = settings, web
        self._links = Links(settings.state_dir)
        self.reviews = Reviews(settings, web, self._links)
        self._loads: dict[tuple[str, str], _Load] = {}
        self._limit: anyio.CapacityLimiter | None = None

    async def hand_over(
        self, request: VideoRequest, parcels: Mapping[str, Parcel], vendor: Vendor, group: TaskGroup | None
    ) -> VideoRequest:
        """Return the request with the real URLs of its files.

        Raises:
            InvalidRequest, VendorRefused, VendorUnreachable, SettingError: a file cannot be handed over.
            StillOnItsWay: not yet; the work goes on.
        """
        if group is None:
            raise JournalError("The studio is not open.")
        loads = {stand_in: self._started(stand_in, parcel, vendor, group) for stand_in, parcel in parcels.items()}
        with anyio.move_on_after(PATIENCE):
            for load in loads.values():
                await load.done.wait()
        for load in loads.values():
            if load.error is not None:
                raise load.error
        late = [load for load in loads.values() if not load.address]
        if late:
            raise _not_yet(late, vendor)
        return exchanged(request, {stand_in: load.address for stand_in, load in loads.items()})

    async def known(self, request: VideoRequest, vendor: Vendor) -> VideoRequest | None:
        """Return an earlier request with the URLs it was sent with, or None where they are no longer known."""
        found: dict[str, str] = {}
        for value in filter(stands_in, _addresses(request)):
            link = await self._links.get(value, account(self._settings, vendor))
            link = link or await self._links.get(value, self._settings.upload_url)
            if link is None or not link.address:
                return None
            found[value] = link.address
        return exchanged(request, found) if found else request

    # -- one parcel ---------------------------------------------------------------------------------------------------

    def _started(self, stand_in: str, parcel: Parcel, vendor: Vendor, group: TaskGroup) -> _Load:
        """Return the handing over of a parcel that is under way already, or begin it."""
        key = (stand_in, account(self._settings, vendor))
        if key not in self._loads:
            load = self._loads[key] = _Load(parcel.file.name)
            group.start_soon(self._carry, load, key, parcel, vendor)
        return self._loads[key]

    async def _carry(self, load: _Load, key: tuple[str, str], parcel: Parcel, vendor: Vendor) -> None:
        try:
            if parcel.route.review is None:
                load.address = await self._link(key[0], parcel, vendor)
            else:
                load.address = await self._asset(load, key, parcel, vendor, parcel.route.review)
        except SeedanceError as error:
            load.error = error
        except Exception:
            log.exception("%s could not be handed over", load.name)
            load.error = UnexpectedAnswer(f"{load.name} could not be handed over; the server's log says why.")
        finally:
            self._loads.pop(key, None)
            load.done.set()

    async def _link(self, stand_in: str, parcel: Parcel, vendor: Vendor) -> str:
        """Return a link to a file, from the cache or by uploading it."""
        store = parcel.route.bucket
        destination = store.url if store else account(self._settings, vendor)
        known = await self._links.get(stand_in, destination)
        if known is not None and time.time() < known.renew_at:
            return known.address
        if self._limit is None:
            self._limit = anyio.CapacityLimiter(_AT_ONCE)
        async with self._limit:
            address, lasts = await self._upload(parcel, store, vendor)
        now = time.time()
        await self._links.put(stand_in, destination, Link(address, "", now + lasts * 2 / 3, now + lasts))
        return address

    async def _upload(self, parcel: Parcel, store: Bucket | None, vendor: Vendor) -> tuple[str, float]:
        file = parcel.file
        try:
            data = await to_thread.run_sync(local.content, file)
        except NotUsable as error:
            raise InvalidRequest(f"{error} Nothing was sent.", next_step="Call create_video again.") from None
        if store is not None:
            return await store.put(file, data), bucket.LASTS
        upload = _upload_of(vendor)
        # The name says what is in it and nothing of where it came from.
        sent = SentFile(f"{file.sha256[:16]}.{file.facts.ending}", data, file.facts.mime)
        address = upload.link(await ask(self._web, vendor, upload.call, f"did not take {file.name}", sent))
        if not address.startswith("https://"):
            raise UnexpectedAnswer(f"{vendor.name} gave a link to {file.name} that is not https.")
        return address, upload.days * _DAY

    # -- assets -------------------------------------------------------------------------------------------------------

    async def _asset(self, load: _Load, key: tuple[str, str], parcel: Parcel, vendor: Vendor, review: Review) -> str:
        """Return what stands for an asset once the vendor has looked at it."""
        name = parcel.file.name
        known = await self._links.get(*key)
        load.reviewed = True
        asset = None
        if known is not None:
            with contextlib.suppress(VendorRefused):  # it no longer knows the asset
                asset = await self.reviews.look(vendor, review, known.ticket, name)
        if asset is None or asset.state == "failed":
            facts = parcel.file.facts
            load.reviewed = False
            link = await self._link(f"https://local.invalid/{parcel.file.sha256}.{facts.ending}", parcel, vendor)
            load.reviewed = True
            call = review.submit(link, facts.kind, parcel.file.sha256[:16])
            asset = review.submitted(await ask(self._web, vendor, call, f"did not take {name}"))
            await self._remember(key, asset)
        if asset.state == "pending":
            await self.reviews.begun(vendor, asset, name, parcel.model, parcel.route.purpose)
            load.ticket = asset.id
            asset = await self._decided(load, asset, vendor, review)
        if asset.state == "failed":
            await self._links.forget(*key)
            raise VendorRefused(
                f"{vendor.name} has reviewed {name} and refused it ({clean(asset.words) or 'no reason given'}). "
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
        with self.reviews.followed(vendor, load.ticket):
            while asset.state == "pending" and time.monotonic() < ends:
                asset = await self.reviews.look(vendor, review, load.ticket, load.name)
                if asset.state == "pending":
                    await anyio.sleep(next(pauses, _PAUSES[-1]))
        return asset

    async def _remember(self, key: tuple[str, str], asset: Asset) -> None:
        if asset.state == "failed":
            return
        ends = time.time() + ASSET_LASTS
        await self._links.put(*key, Link(asset.address if asset.state == "usable" else "", asset.id, ends, ends))


def _not_yet(late: Sequence[_Load], vendor: Vendor) -> StillOnItsWay:
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
    return StillOnItsWay(" ".join([*said, "Nothing was sent and nothing is charged."]), next_step=step)


def _upload_of(vendor: Vendor) -> Upload:
    if vendor.upload is None:
        raise ValueError(f"{vendor.slug} has no upload")
    return vendor.upload


def _addresses(request: VideoRequest) -> list[str]:
    single = [getattr(request, name) for name in PICTURES]
    return [a for a in (*single, *(a for name in REFERENCES for a in getattr(request, name))) if a]


def exchanged(request: VideoRequest, found: Mapping[str, str]) -> VideoRequest:
    """Return a request with other URLs in the place of some."""
    changes: dict[str, Any] = {
        name: found.get(value, value) for name in PICTURES if (value := getattr(request, name)) is not None
    }
    changes |= {name: tuple(found.get(v, v) for v in getattr(request, name)) for name in REFERENCES}
    return replace(request, **changes)
