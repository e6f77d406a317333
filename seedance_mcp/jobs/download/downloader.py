"""Films that are done are brought to disk in the background, each by one server, and held against what was paid for."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread

from seedance_mcp.errors import (
    LinkExpired,
    SaveError,
    SeedanceError,
    UnexpectedAnswer,
    UnreadableMedia,
    VendorUnreachable,
)
from seedance_mcp.jobs.download.transfer import LONGEST, save
from seedance_mcp.media import frames
from seedance_mcp.vendors.vendor import read_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from anyio.abc import TaskGroup

    from seedance_mcp.jobs.download.partial_file import SavedVideo
    from seedance_mcp.jobs.download.transfer import Progress
    from seedance_mcp.jobs.journal.model import Job, Journal
    from seedance_mcp.vendors.vendor import Vendor
    from seedance_mcp.web import Web

log = logging.getLogger(__name__)

AT_ONCE = 3
"""Films that one process saves at the same time."""
ELSEWHERE = 1.0
"""Seconds between looks for a film that another server is saving."""
_CLAIM = 3 * LONGEST
"""Seconds: a link may turn out to be expired when most of the time for a download is over."""
_FAILED = "The film could not be saved; the server's log says why."


class Downloader:
    """Saves the films of one journal's jobs into one folder."""

    def __init__(
        self,
        journal: Journal,
        web: Web,
        vendors: Mapping[str, Vendor],
        owner: str,
        *,
        folder: Path,
        autosave: bool,
        on_change: Callable[[str], None],
    ) -> None:
        """`unasked` says whether films are saved as soon as they are done; `told` hears of each that was tried."""
        self._journal, self._web, self._vendors, self._owner = journal, web, vendors, owner
        self._folder, self._autosave, self._on_change = folder, autosave, on_change
        self._limit = anyio.CapacityLimiter(AT_ONCE)
        self._group: TaskGroup | None = None
        self.active: dict[str, tuple[int, int | None]] = {}
        """The films under way: the bytes so far, and in all where that is known."""

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Save films as they are handed over, until cancelled."""
        async with anyio.create_task_group() as self._group:
            task_status.started()
            await anyio.sleep_forever()

    def start(self, job: Job) -> None:
        """Begin to save the film of a succeeded job, unless that is under way, done or switched off."""
        if self._autosave and job.state == "succeeded" and not job.path and job.id not in self.active and self._group:
            self.active[job.id] = (0, None)
            self._group.start_soon(self._download, job)

    async def _download(self, job: Job) -> None:
        try:
            with anyio.move_on_after(_CLAIM):
                # Another process is saving it, and what it does can only be read in the journal.
                while not (job := await self.save(job)).path:  # noqa: ASYNC110
                    await anyio.sleep(ELSEWHERE)
        except SeedanceError as error:
            log.warning("job %s: %s", job.id, error.sentence)
        except Exception:
            log.exception("saving job %s failed", job.id)  # one film's trouble must not end the saving of all
        finally:
            self.active.pop(job.id, None)
            self._on_change(job.id)

    async def save(self, job: Job, progress: Progress | None = None) -> Job:
        """Save the film of a succeeded job, in turn, unless another server is at it; return the job as it is then.

        Raises:
            SaveError: the film could not be saved, which the journal then says too.
            JournalError: the journal cannot be used.
        """
        async with self._limit:
            return await self._save(job, progress)

    async def _save(self, job: Job, progress: Progress | None) -> Job:
        claimed = await self._journal.claim(job.id, self._owner, _CLAIM, when=("succeeded",))
        job = await self._journal.get(job.id) or job
        if not claimed:
            return job
        try:
            if job.path and await to_thread.run_sync(os.path.lexists, job.path):
                return job  # it was saved while the caller still read of it as unsaved
            return await self._fetch_and_record(job, progress)
        finally:
            with anyio.CancelScope(shield=True), suppress(SeedanceError):
                await self._journal.claim(job.id, self._owner, 0, when=("succeeded",))

    async def _fetch_and_record(self, job: Job, progress: Progress | None) -> Job:
        def tell(received: int, total: int | None) -> None:
            if job.id in self.active:
                self.active[job.id] = (received, total)
            if progress:
                progress(received, total)

        try:
            video = await self._fetch(job, self._vendors.get(job.vendor), tell)
        except SaveError as error:
            with suppress(SeedanceError):
                await self._journal.note(job.id, save_error=error.sentence)
            raise
        except Exception:
            with suppress(SeedanceError):
                await self._journal.note(job.id, save_error=_FAILED)
            raise
        known = {"path": str(video.path), "size": video.size, "sha256": video.sha256}
        job = await self._journal.note(job.id, save_error=None, **known) or job
        delivered = await to_thread.run_sync(_facts, video.path)
        return await self._journal.note(job.id, delivered=delivered) or job

    async def _fetch(self, job: Job, vendor: Vendor | None, progress: Progress) -> SavedVideo:
        if vendor is None:
            raise SaveError(f"{job.vendor} has no key any more, so its film cannot be fetched.")
        if job.url is None and vendor.build_download is None:
            job = await self._with_fresh_link(job, vendor)
        try:
            return await save(job, vendor, self._web, self._folder, progress)
        except LinkExpired:
            return await save(await self._with_fresh_link(job, vendor), vendor, self._web, self._folder, progress)

    async def _with_fresh_link(self, job: Job, vendor: Vendor) -> Job:
        """Look again for a link that works; a finished task is still shown by its vendor."""
        try:
            snapshot = read_snapshot(vendor, await self._web.call(vendor, vendor.build_status(job.task_id or "")))
        except (VendorUnreachable, UnexpectedAnswer) as error:
            raise SaveError(f"The film's link no longer works, and {error.sentence}") from None
        return await self._journal.note(job.id, url=snapshot.url) or job


def _facts(video: Path) -> dict[str, Any] | None:
    """Return what a film turned out to be, as far as the extra `media` is there to find out."""
    if not frames.available():
        return None
    try:
        return asdict(frames.facts(video))
    except UnreadableMedia as error:
        return {"unreadable": error.sentence}
    except Exception:
        log.exception("looking into %s failed", video.name)  # it is saved all the same
        return None
