"""Shows a saved video as one image, and saves its last frame, from which the next video can continue."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from seedance_mcp.errors import NoSavedVideo, SaveError
from seedance_mcp.jobs.download.folder import VideoFolder

if TYPE_CHECKING:
    from seedance_mcp.jobs.journal.model import Job
    from seedance_mcp.media.inspector import Inspector
    from seedance_mcp.settings import Settings


@dataclass(frozen=True, slots=True)
class Previewed:
    """Frames of a video as one JPEG image, their times in seconds, and the file with its last frame."""

    jpeg: bytes
    times: tuple[float, ...]
    last_frame: Path


async def preview_video(
    job: Job, frames_dir: Path, inspector: Inspector, *, frames: int, at: float | None
) -> Previewed:
    """Show frames of a job's video, and save its last frame in a folder of the one for videos."""
    try:
        if not job.path:
            raise FileNotFoundError
        return await preview_file(Path(job.path), frames_dir, inspector, frames=frames, at=at)
    except OSError:
        raise no_video(job) from None


async def preview_file(
    video: Path, frames_dir: Path, inspector: Inspector, *, frames: int, at: float | None
) -> Previewed:
    """Show frames of a video, and save its last frame.

    Raises:
        OSError: the video cannot be opened, or is a link.
        SaveError, MissingExtra, UnreadableMedia: its last frame cannot be saved; or see `Inspector.preview`.
    """
    shown = await inspector.preview(video, frames, at)
    path = await to_thread.run_sync(
        save_last_frame, frames_dir, video.stem, shown.last_frame, limiter=inspector.threads
    )
    return Previewed(shown.jpeg, shown.times, path)


async def preview_joined(
    name: str, settings: Settings, inspector: Inspector, *, frames: int, at: float | None
) -> Previewed:
    """Show frames of a file in the folder for videos, and save its last frame.

    Raises:
        NoSavedVideo: there is no such file.
        SaveError, MissingExtra, UnreadableMedia: as for `preview_file`.
    """
    folder, path = settings.output_dir, Path(name)
    try:
        if path.parent not in {Path(), folder} or path.suffix != ".mp4" or path.name.startswith("."):
            raise FileNotFoundError
        return await preview_file(folder / path.name, settings.frames_dir, inspector, frames=frames, at=at)
    except OSError:
        raise NoSavedVideo(
            f"There is no video {path.name[:100]!r} in {folder}.", next_step="Give a job_id, or a path of join_videos."
        ) from None


def no_video(job: Job) -> NoSavedVideo:
    """Return why a job has no video to open, and what to do."""
    if job.terminal and job.state != "succeeded":
        return NoSavedVideo(f"Job {job.id} {job.state}, so it has no video.", next_step="Name another job.")
    if job.path:
        return NoSavedVideo(
            f"Job {job.id} has its video no longer at {job.path}.",
            next_step="Call check_video, which downloads it again at no cost while its link works.",
        )
    problem = "has no saved video" if job.terminal else "is not finished"
    return NoSavedVideo(
        f"Job {job.id} {problem}.",
        next_step="Call check_video until it gives a path; where it gives only a url, ask the user to set "
        "SEEDANCE_SAVE=auto.",
    )


def save_last_frame(frames_dir: Path, stem: str, jpeg: bytes) -> Path:
    """Save a frame as `stem`.jpg, or under a longer name where another file has that one; return its path.

    Raises:
        SaveError: it could not be saved, or its folder is a link.
    """
    digest = hashlib.sha256(jpeg).digest()
    names = (f"{stem}.jpg", f"{stem}-{digest.hex()[:12]}.jpg")
    try:
        with (
            contextlib.closing(VideoFolder(frames_dir.parent)) as videos,
            contextlib.closing(videos.inner(frames_dir.name)) as folder,
        ):
            for name in names:
                if _is_at(folder, name, digest):
                    return folder.path / name
            working = f".{secrets.token_hex(8)}.part"
            file = folder.open(working, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            try:
                with os.fdopen(file, "wb", closefd=False) as writer:
                    writer.write(jpeg)
                os.fsync(file)
                for name in names:
                    with contextlib.suppress(FileExistsError):
                        folder.publish(working, name, file)
                        return folder.path / name
            finally:
                os.close(file)
                folder.remove(working)
    except OSError as error:
        raise SaveError(
            f"The last frame could not be saved in {frames_dir} ({error.strerror or error}).",
            next_step="Tell the user; the folder must be a real one, not a link, and writable.",
        ) from None
    raise SaveError(f"{frames_dir} already has other files named {names[0]} and {names[1]}.")


def _is_at(folder: VideoFolder, name: str, digest: bytes) -> bool:
    """Whether a file is this very frame, which an earlier call has saved."""
    try:
        with os.fdopen(folder.open(name, os.O_RDONLY), "rb") as file:
            found = os.fstat(file.fileno())
            return stat.S_ISREG(found.st_mode) and hashlib.file_digest(file, "sha256").digest() == digest
    except OSError:
        return False
