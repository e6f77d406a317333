"""Downloads finished videos in the background, each by one server, and inspects what was delivered."""

from __future__ import annotations

import logging
import os
import stat
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
    SettingError,
    UnexpectedAnswer,
    UnreadableMedia,
    VendorUnreachable,
)
from seedance_mcp.jobs.download.folder import VideoFolder
from seedance_mcp.jobs.download.limits import LARGEST_VIDEO
from seedance_mcp.jobs.download.timing import DEFAULT
from seedance_mcp.jobs.download.transfer import download_video
from seedance_mcp.vendors.vendor import read_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from anyio.abc import TaskGroup

    from seedance_mcp.jobs.download.partial_file import SavedVideo
    from seedance_mcp.jobs.download.timing import DownloadTiming
    from seedance_mcp.jobs.download.transfer import OnProgress
    from seedance_mcp.jobs.journal.model import Job, Journal
    from seedance_mcp.media.inspector import Inspector
    from seedance_mcp.vendors.vendor import Vendor
    from seedance_mcp.web import Web

log = logging.getLogger(__name__)

_FAILED = "The video could not be saved; the server's log says why."


class Downloader:
    """Downloads the videos of one journal's jobs into one folder."""

    def __init__(  # noqa: PLR0913  (the parts that it puts together)
        self,
        journal: Journal,
        web: Web,
        vendors: Mapping[str, Vendor],
        owner: str,
        *,
        folder: Path,
        autosave: bool,
        inspector: Inspector | None = None,
        on_change: Callable[[str], None],
        timing: DownloadTiming = DEFAULT,
        largest: int = LARGEST_VIDEO,
    ) -> None:
        """`autosave` says whether `start` does anything; `on_change` gets the id of each job that `start` tried.

        Without an `inspector`, it is not recorded what was delivered. `largest` is the most bytes of one video.
        """
        self.autosave, self._inspector = autosave, inspector
        self._journal, self._web, self._vendors, self._owner = journal, web, vendors, owner
        self._folder, self._on_change, self._timing, self._largest = folder, on_change, timing, largest
        self._limit = anyio.CapacityLimiter(timing.concurrent)
        self._group: TaskGroup | None = None
        self._active: dict[str, tuple[int, int | None]] = {}

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Run the downloads that `start` begins, until cancelled."""
        async with anyio.create_task_group() as group:
            self._group = group
            task_status.started()
            try:
                await anyio.sleep_forever()
            finally:
                self._group = None  # what still runs while the server stops starts no more downloads

    def start(self, job: Job) -> None:
        """Download the video of a succeeded job in the background, unless that is under way, done or switched off.

        A video that has been saved and is no longer there is downloaded again.
        """
        wanted = self.autosave and job.state == "succeeded" and not _is_saved(job)
        if wanted and job.id not in self._active and self._group:
            self._active[job.id] = (0, None)
            self._group.start_soon(self._download_in_background, job)

    async def check_folder(self) -> None:
        """Write to the folder before money is spent on a video that is to be saved there.

        Raises:
            SettingError: the folder cannot be written to.
        """
        if not self.autosave:
            return
        try:
            await to_thread.run_sync(_try_to_write, self._folder)
        except OSError as error:
            raise SettingError(
                f"The folder for videos, {self._folder}, cannot be written to ({error.strerror or error}), so nothing "
                "was sent.",
                next_step="Ask the user to correct that, or to choose another folder with SEEDANCE_OUTPUT_DIR.",
            ) from None

    def progress(self, job_id: str) -> tuple[int, int | None] | None:
        """Return the bytes so far and, where known, in all; None if no background download is under way."""
        return self._active.get(job_id)

    async def _download_in_background(self, job: Job) -> None:
        try:
            with anyio.move_on_after(self._timing.lease):
                while not (job := await self.download(job)).path:  # noqa: ASYNC110  (another server downloads it)
                    await anyio.sleep(self._timing.poll_other_server)
        except SeedanceError as error:
            log.warning("job %s: %s", job.id, error.sentence)
        except Exception:
            log.exception("downloading the video of job %s failed", job.id)  # the other downloads must go on
        finally:
            self._active.pop(job.id, None)
            self._on_change(job.id)

    async def download(self, job: Job, on_progress: OnProgress | None = None) -> Job:
        """Download the video of a succeeded job, unless another server is doing so; return the job as it is then.

        Raises:
            SaveError: the video could not be saved; the journal has the reason too.
            JournalError: the journal cannot be used.
        """
        async with self._limit:
            return await self._download_if_free(job, on_progress)

    async def _download_if_free(self, job: Job, on_progress: OnProgress | None) -> Job:
        claimed = await self._journal.claim(job.id, self._owner, self._timing.lease, when=("succeeded",))
        job = await self._journal.get(job.id) or job
        if not claimed:
            return job
        try:
            if await to_thread.run_sync(_is_saved, job):
                return job  # it was saved after the caller had read the job
            if job.path:  # it was saved, and is gone
                job = await self._journal.note(job.id, path=None) or job
            return await self._download_and_record(job, on_progress)
        finally:
            with anyio.CancelScope(shield=True), suppress(SeedanceError):
                await self._journal.claim(job.id, self._owner, 0, when=("succeeded",))

    async def _download_and_record(self, job: Job, on_progress: OnProgress | None) -> Job:
        def report(received: int, total: int | None) -> None:
            if job.id in self._active:
                self._active[job.id] = (received, total)
            if on_progress:
                on_progress(received, total)

        try:
            video = await self._transfer(job, self._vendors.get(job.vendor), report)
        except SaveError as error:
            with suppress(SeedanceError):
                await self._journal.note(job.id, save_error=error.sentence)
            raise
        except Exception:
            with suppress(SeedanceError):
                await self._journal.note(job.id, save_error=_FAILED)
            raise
        saved = {"path": str(video.path), "size": video.size, "sha256": video.sha256}
        job = await self._journal.note(job.id, save_error=None, **saved) or job
        return await self._journal.note(job.id, delivered=await self._inspect(video.path)) or job

    async def _inspect(self, video: Path) -> dict[str, Any] | None:
        """Return what was delivered (width, height, seconds, audio), or why it is unreadable; None if unknown."""
        if self._inspector is None:
            return None
        try:
            return asdict(await self._inspector.video_info(video))
        except UnreadableMedia as error:
            return {"unreadable": error.sentence}
        except Exception:
            log.exception("inspecting %s failed", video.name)  # it is saved all the same
            return None

    async def _transfer(self, job: Job, vendor: Vendor | None, on_progress: OnProgress) -> SavedVideo:
        if vendor is None:
            raise SaveError(f"No API key for {job.vendor} is set here, so its video cannot be downloaded.")
        if job.url is None and vendor.build_download is None:
            job = await self._with_fresh_link(job, vendor)
        try:
            return await download_video(job, vendor, self._web, self._folder, on_progress, self._timing, self._largest)
        except LinkExpired:
            job = await self._with_fresh_link(job, vendor)
            return await download_video(job, vendor, self._web, self._folder, on_progress, self._timing, self._largest)

    async def _with_fresh_link(self, job: Job, vendor: Vendor) -> Job:
        """Poll the finished task once more: its vendor may give a new link."""
        try:
            snapshot = read_snapshot(vendor, await self._web.call(vendor, vendor.build_status(job.task_id or "")))
        except (VendorUnreachable, UnexpectedAnswer) as error:
            raise SaveError(f"The video's link no longer works, and {error.sentence}") from None
        links = {"url": snapshot.url, "last_frame_url": snapshot.last_frame_url}
        return await self._journal.note(job.id, **links) or job


def _is_saved(job: Job) -> bool:
    """Whether the video is where it was saved; a link in its place is another file."""
    try:
        return bool(job.path) and stat.S_ISREG(os.lstat(job.path or "").st_mode)
    except OSError:
        return False


def _try_to_write(folder: Path) -> None:
    home = VideoFolder(folder)
    try:
        home.try_to_write()
    finally:
        home.close()
