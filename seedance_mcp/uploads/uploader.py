"""Uploads a request's files before it is paid for: to the vendor or to the user's bucket, once per content.

An upload is free and may fail, so it precedes the journal entry and the payment. It runs beside the call that needs it:
if the client gives up, or the upload takes longer than a call may, it continues, and the next call of the same request
finds the result in the upload cache.
"""

from __future__ import annotations

import base64
import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread

from seedance_mcp.catalog.files import MB
from seedance_mcp.catalog.request import FRAMES, REFERENCES
from seedance_mcp.errors import (
    Code,
    InternalError,
    InvalidRequest,
    SeedanceError,
    Stopping,
    UnexpectedAnswer,
    UploadPending,
    VendorRefused,
)
from seedance_mcp.sanitize import clean
from seedance_mcp.uploads import bucket, local_files
from seedance_mcp.uploads.cache import ASSET_LIFETIME, CachedLink, UploadCache, account
from seedance_mcp.uploads.inputs import PendingUpload, is_placeholder
from seedance_mcp.uploads.local_files import UnusableFile
from seedance_mcp.uploads.reviews import SCHEME, Reviews, call_vendor
from seedance_mcp.uploads.timing import UploadTiming
from seedance_mcp.web import SentFile

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from seedance_mcp.catalog.request import VideoRequest
    from seedance_mcp.settings import Settings
    from seedance_mcp.uploads.bucket import Bucket
    from seedance_mcp.uploads.local_files import LocalFile
    from seedance_mcp.vendors.vendor import Asset, Review, Upload, Vendor
    from seedance_mcp.web import Web

log = logging.getLogger(__name__)

_CONCURRENT_UPLOADS = 3
_DAY = 86_400.0


@dataclass(slots=True)
class _Task:
    """One upload that is under way, with the review of the file where the route needs one."""

    name: str
    done: anyio.Event = field(default_factory=anyio.Event)
    under_review: bool = False
    asset_id: str = ""
    """The vendor's id of the asset, once its review is pending."""
    address: str = ""
    """The result: the URL by which a request refers to the file."""
    error: SeedanceError | None = None


class Uploader:
    """Uploads files, each content once per destination."""

    def __init__(self, settings: Settings, web: Web, timing: UploadTiming | None = None) -> None:
        self._settings, self._web, self._timing = settings, web, timing or UploadTiming()
        self._cache = UploadCache(settings.state_dir)
        self.reviews = Reviews(settings, web, self._cache, self._timing)
        self._tasks: dict[tuple[str, str], _Task] = {}
        self._limiter: anyio.CapacityLimiter | None = None

    async def upload_all(
        self, request: VideoRequest, uploads: Mapping[str, PendingUpload], vendor: Vendor, group: TaskGroup | None
    ) -> VideoRequest:
        """Return the request with the real URLs of its files in place of the placeholders.

        Args:
            request: A checked request.
            uploads: Its files, by placeholder.
            vendor: The vendor of the model.
            group: Runs the uploads, which outlive this call; None if the server is not running.

        Raises:
            InvalidRequest, VendorRefused, VendorUnreachable, UnexpectedAnswer: a file cannot be uploaded.
            SettingError, MissingExtra: the bucket cannot be used.
            UploadPending: an upload or a review takes longer than this call may; it continues.
            Stopping: the server is shutting down.
        """
        if group is None:
            raise Stopping("The server is shutting down, so the files were not uploaded. Nothing was sent.")
        _check_inline(uploads, vendor)
        tasks = {
            placeholder: self._start(placeholder, pending, vendor, group) for placeholder, pending in uploads.items()
        }
        with anyio.move_on_after(self._timing.patience):
            for task in tasks.values():
                await task.done.wait()
        for task in tasks.values():
            if task.error is not None:
                raise task.error
        unfinished = [task for task in tasks.values() if not task.address]
        if unfinished:
            raise _still_pending(unfinished, vendor)
        return with_urls(request, {placeholder: task.address for placeholder, task in tasks.items()})

    async def as_sent(self, request: VideoRequest, vendor: Vendor) -> VideoRequest | None:
        """Return an earlier request with the URLs that were sent with it, or None if one is no longer known."""
        found: dict[str, str] = {}
        for value in filter(is_placeholder, _urls(request)):
            link = await self._cache.get_link(value, account(self._settings, vendor))
            link = link or await self._cache.get_link(value, self._settings.upload_url)
            if link is None or not link.address:
                return None
            found[value] = link.address
        return with_urls(request, found) if found else request

    # -- one upload --------------------------------------------------------------------------------------------------

    def _start(self, placeholder: str, pending: PendingUpload, vendor: Vendor, group: TaskGroup) -> _Task:
        """Return the task that uploads a file, and start it unless it is under way already."""
        key = (placeholder, account(self._settings, vendor))
        if key not in self._tasks:
            task = self._tasks[key] = _Task(pending.file.name)
            group.start_soon(self._run, task, key, pending, vendor)
        return self._tasks[key]

    async def _run(self, task: _Task, key: tuple[str, str], pending: PendingUpload, vendor: Vendor) -> None:
        try:
            if pending.route.review is None:
                task.address = await self._link(key[0], pending, vendor)
            else:
                task.address = await self._asset(task, key, pending, vendor, pending.route.review)
        except SeedanceError as error:
            task.error = error
        except Exception:
            log.exception("the upload of %s failed unexpectedly", task.name)
            task.error = InternalError(f"The upload of {task.name} failed unexpectedly. Nothing was sent.")
        finally:
            self._tasks.pop(key, None)
            task.done.set()

    async def _link(self, placeholder: str, pending: PendingUpload, vendor: Vendor) -> str:
        """Return a link to a file, from the cache or by uploading it; an inline file is its own link."""
        if pending.route.inline:
            try:
                return await to_thread.run_sync(_data_url, pending.file)
            except UnusableFile as error:
                raise _changed(error) from None
        store = pending.route.bucket
        destination = store.url if store else account(self._settings, vendor)
        cached = await self._cache.get_link(placeholder, destination)
        if cached is not None and time.time() < cached.renew_at:
            return cached.address
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(_CONCURRENT_UPLOADS)
        async with self._limiter:
            address, lifetime = await self._upload(pending, store, vendor)
        now = time.time()
        link = CachedLink(address, "", now + lifetime * 2 / 3, now + lifetime)
        await self._cache.put_link(placeholder, destination, link)
        return address

    async def _upload(self, pending: PendingUpload, store: Bucket | None, vendor: Vendor) -> tuple[str, float]:
        """Upload a file; return the link and its lifetime in seconds."""
        file = pending.file
        try:
            if store is not None:
                return await store.put(file), bucket.LINK_LIFETIME
            upload = _upload_of(vendor)
            # The name is made from the content: neither the file's name nor its folder leaves this machine.
            name = f"{file.sha256[:16]}.{file.info.ending}"
            sent = SentFile(name, file.info.size, partial(local_files.blocks, file), file.info.mime)
            answer = await call_vendor(self._web, vendor, upload.call, f"did not accept {file.name}", sent)
        except UnusableFile as error:
            raise _changed(error) from None
        address = upload.parse_link(answer)
        if not address.startswith("https://"):
            raise UnexpectedAnswer(f"{vendor.name} returned a link to {file.name} that does not begin with https://.")
        return address, upload.days * _DAY

    # -- assets ------------------------------------------------------------------------------------------------------

    async def _asset(
        self, task: _Task, key: tuple[str, str], pending: PendingUpload, vendor: Vendor, review: Review
    ) -> str:
        """Return the URL of an asset that the vendor has approved, or "" if its review is still pending."""
        name = pending.file.name
        cached = await self._cache.get_link(*key)
        task.under_review = True
        asset = None
        if cached is not None:
            with contextlib.suppress(VendorRefused):  # the vendor no longer knows the asset
                asset = await self.reviews.poll(vendor, review, cached.asset_id, name)
        if asset is None or asset.state == "failed":
            info = pending.file.info
            task.under_review = False
            link = await self._link(f"https://local.invalid/{pending.file.sha256}.{info.ending}", pending, vendor)
            task.under_review = True
            call = review.build_submit(link, info.kind, pending.file.sha256[:16])
            asset = review.parse_submit(await call_vendor(self._web, vendor, call, f"did not accept {name}"))
            await self._remember(key, asset)
        if asset.state == "pending":
            await self.reviews.start(vendor, asset, name, pending.model, pending.route.purpose)
            task.asset_id = asset.id
            asset = await self._wait_for_review(task, asset, vendor, review)
        if asset.state == "failed":
            await self._cache.forget_link(*key)
            reason = clean(asset.vendor_status) or "no reason given"
            raise VendorRefused(
                f"{vendor.name} reviewed {name} and refused it ({reason}). Nothing was sent and nothing is charged.",
                code=Code.CONTENT_POLICY,
                next_step="Use another file.",
            )
        if asset.state == "pending":
            return ""
        await self._remember(key, asset)
        return asset.address

    async def _wait_for_review(self, task: _Task, asset: Asset, vendor: Vendor, review: Review) -> Asset:
        """Poll a review until the vendor has decided or `UploadTiming.longest_review` has passed."""
        ends = time.monotonic() + self._timing.longest_review
        pauses = iter(self._timing.review_pauses)
        with self.reviews.tracked(vendor, task.asset_id):
            while asset.state == "pending" and time.monotonic() < ends:
                asset = await self.reviews.poll(vendor, review, task.asset_id, task.name)
                if asset.state == "pending":
                    await anyio.sleep(next(pauses, self._timing.review_pauses[-1]))
        return asset

    async def _remember(self, key: tuple[str, str], asset: Asset) -> None:
        if asset.state == "failed":
            return
        ends = time.time() + ASSET_LIFETIME
        address = asset.address if asset.state == "usable" else ""
        await self._cache.put_link(*key, CachedLink(address, asset.id, ends, ends))


def _check_inline(uploads: Mapping[str, PendingUpload], vendor: Vendor) -> None:
    """Refuse more files within one request than the vendor accepts."""
    size = sum(pending.file.info.size for pending in uploads.values() if pending.route.inline)
    if vendor.inline is not None and size > vendor.inline.most_mb * MB:
        raise InvalidRequest(
            f"The local files add up to {size / MB:.1f} MB; a request to {vendor.name} holds at most "
            f"{vendor.inline.most_mb:g} MB of files. Nothing was sent.",
            next_step="Use smaller or fewer files, or give URLs.",
        )


def _changed(error: UnusableFile) -> InvalidRequest:
    return InvalidRequest(f"{error} Nothing was sent.", next_step="Call create_video again.")


def _data_url(file: LocalFile) -> str:
    """Return a file as the URL that contains it.

    Raises:
        UnusableFile: the content has changed since it was checked.
    """
    content = b"".join(local_files.blocks(file))
    return f"data:{file.info.mime};base64,{base64.b64encode(content).decode()}"


def _still_pending(unfinished: Sequence[_Task], vendor: Vendor) -> UploadPending:
    """Return the error that names the unfinished uploads and reviews, and how to learn when they have finished."""
    reviews = ", ".join(task.name for task in unfinished if task.under_review)
    uploads = ", ".join(task.name for task in unfinished if not task.under_review)
    sentences = [f"{vendor.name} has not finished its review of {reviews}."] if reviews else []
    sentences += [f"Still uploading: {uploads}."] if uploads else []
    names = [
        f"{SCHEME}{task.asset_id}" + (f" ({task.name})" if len(unfinished) > 1 else "")
        for task in unfinished
        if task.asset_id
    ]
    step = "This continues in the background: call create_video again with the same arguments in a minute."
    if names:
        step = (
            f"Call check_video with job_id {' or '.join(names)} for the status of the review (wait_seconds waits "
            "for the decision); then call create_video again with the same arguments."
        )
    return UploadPending(" ".join([*sentences, "Nothing was sent and nothing is charged."]), next_step=step)


def _upload_of(vendor: Vendor) -> Upload:
    if vendor.upload is None:
        raise ValueError(f"{vendor.slug} has no upload")
    return vendor.upload


def _urls(request: VideoRequest) -> list[str]:
    single = [getattr(request, name) for name in FRAMES]
    return [url for url in (*single, *(url for name in REFERENCES for url in getattr(request, name))) if url]


def with_urls(request: VideoRequest, urls: Mapping[str, str]) -> VideoRequest:
    """Return a request with some of its URLs replaced."""
    changes: dict[str, Any] = {
        name: urls.get(value, value) for name in FRAMES if (value := getattr(request, name)) is not None
    }
    changes |= {name: tuple(urls.get(v, v) for v in getattr(request, name)) for name in REFERENCES}
    return replace(request, **changes)
