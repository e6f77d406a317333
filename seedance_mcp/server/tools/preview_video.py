"""preview_video: the assistant sees its work as one small image, instead of a video in the conversation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from seedance_mcp.catalog import Number, Row, Text, Whole
from seedance_mcp.errors import NoSavedVideo
from seedance_mcp.media import frames
from seedance_mcp.server.tools.tool import OURS, Call, ImageAnswer, Tool, check_args, inputs

if TYPE_CHECKING:
    from seedance_mcp.jobs.service import JobService
    from seedance_mcp.views import Fields

_ROWS: dict[str, Row] = {
    "job_id": Text(OURS, required=True),
    "at": Number(0, None, OURS, unit="s"),
    "frames": Whole(1, frames.MOST_FRAMES, OURS, default=6),
}


def tool() -> Tool:
    """Return the tool."""
    return Tool(
        "preview_video",
        "Preview video",
        "Show 6 frames, or the frame at a given second",
        inputs(_ROWS, {}, no_choices=frozenset()),
        None,
        preview_video,
    )


async def preview_video(service: JobService, call: Call) -> ImageAnswer:
    """Show frames of a saved video, and save its last frame as an image for the next shot.

    Raises:
        NoSavedVideo: the video is not on disk (yet).
    """
    check_args(_ROWS, call, "preview_video")
    job = await service.check(call.args["job_id"])
    if job.path is None or not Path(job.path).is_file():  # noqa: ASYNC240  (a single check of a local file)
        problem = "has no saved video" if job.terminal else "is not finished"
        raise NoSavedVideo(f"Job {job.id} {problem}.", next_step="Call check_video until it gives a path.")
    video = Path(job.path)
    at = call.args.get("at")
    if at is None:
        preview = await to_thread.run_sync(frames.contact_sheet, video, int(call.args.get("frames", 6)))
    else:
        preview = await to_thread.run_sync(frames.frame_at, video, float(at))
    folder = service.settings.frames_dir
    folder.mkdir(parents=True, exist_ok=True)
    last = await to_thread.run_sync(frames.last_frame, video, folder / f"{video.stem}.jpg")
    fields: Fields = {
        "job_id": job.id,
        "path": job.path,
        "times": list(preview.times),
        "last_frame": str(last),
        "next_step": "To continue from here, give last_frame as first_frame of the next create_video.",
    }
    return ImageAnswer(fields, preview.jpeg)
