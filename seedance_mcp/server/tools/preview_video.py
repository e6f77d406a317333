"""preview_video: the assistant looks at its work, as one small picture instead of a film in the conversation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from seedance_mcp.catalog import Number, Row, Source, Text, Whole
from seedance_mcp.errors import NoSavedVideo
from seedance_mcp.media import frames
from seedance_mcp.server.tools.tool import Call, check_args

if TYPE_CHECKING:
    from seedance_mcp.jobs.service import JobService
    from seedance_mcp.views import Fields

_OURS = Source("OURS", "preview_video")
ROWS: dict[str, Row] = {
    "job_id": Text(_OURS, required=True),
    "at": Number(0, _OURS, unit="s"),
    "frames": Whole(1, frames.MOST_FRAMES, _OURS, default=6),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer with a picture. It carries no structured content, in whose place some clients show nothing else."""

    fields: Fields
    jpeg: bytes


async def preview_video(service: JobService, call: Call) -> Shown:
    """Show frames of a saved film, and leave its last frame as a picture for the next shot.

    Raises:
        NoFilm: the film is not (yet) on disk.
    """
    check_args(ROWS, call, "preview_video")
    job = await service.check(call.args["job_id"])
    if job.path is None or not Path(job.path).is_file():  # noqa: ASYNC240  (one look at a local file)
        said = "is not finished" if not job.terminal else "has no saved film"
        raise NoSavedVideo(f"Job {job.id} {said}.", next_step="Call check_video until it gives a path.")
    video = Path(job.path)
    at = call.args.get("at")
    if at is None:
        image = await to_thread.run_sync(frames.contact_sheet, video, int(call.args.get("frames", 6)))
    else:
        image = await to_thread.run_sync(frames.frame_at, video, float(at))
    folder = service.settings.frames_dir
    folder.mkdir(parents=True, exist_ok=True)
    last = await to_thread.run_sync(frames.last_frame, video, folder / f"{video.stem}.jpg")
    fields: Fields = {
        "job_id": job.id,
        "path": job.path,
        "times": list(image.times),
        "last_frame": str(last),
        "next_step": "To go on from here, give last_frame as first_frame of the next create_video.",
    }
    return Shown(fields, image.jpeg)
