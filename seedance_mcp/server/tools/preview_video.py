"""preview_video: the assistant sees its work as one small image, instead of a video in the conversation."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import mcp_types as types

from seedance_mcp.catalog import Number, Row, Text, Whole
from seedance_mcp.media.inspector import FRAMES, MOST_FRAMES
from seedance_mcp.server.tools.tool import OURS, Call, RichAnswer, Tool, check_args, inputs

if TYPE_CHECKING:
    from seedance_mcp.jobs.service import JobService
    from seedance_mcp.views import Fields

_LATEST = 10**9
"""A second after the end of any video: a later one, which may be no floating-point number, is the same to us."""

_ROWS: dict[str, Row] = {
    "job_id": Text(OURS, required=True),
    "at": Number(0, None, OURS, unit="s"),
    "frames": Whole(1, MOST_FRAMES, OURS, default=FRAMES),
}


def tool() -> Tool:
    """Return the tool."""
    return Tool(
        "preview_video",
        "Preview video",
        f"{FRAMES} frames or one at a second",
        inputs(_ROWS, {}, no_choices=frozenset()),
        None,
        preview_video,
    )


async def preview_video(service: JobService, call: Call) -> RichAnswer:
    """Show frames of a saved video, and save its last frame as an image for the next shot.

    Raises:
        NoSavedVideo: the video is not on disk (yet).
    """
    check_args(_ROWS, call, "preview_video")
    name, at = call.args["job_id"], call.args.get("at")
    frames, second = int(call.args.get("frames", FRAMES)), None if at is None else float(min(at, _LATEST))
    if name.endswith(".mp4"):  # a joined video, which has no job
        shown, about = await service.preview(name, frames=frames, at=second), {"path": name}
    else:
        job = await service.check(name)
        shown, about = await service.preview(job, frames=frames, at=second), {"job_id": job.id, "path": job.path}
    fields: Fields = {
        **about,
        "times": list(shown.times),
        "last_frame": str(shown.last_frame),
        "next_step": _continue(service),
    }
    jpeg = base64.b64encode(shown.jpeg).decode()
    return RichAnswer(fields, (types.ImageContent(type="image", data=jpeg, mime_type="image/jpeg"),))


def _continue(service: JobService) -> str:
    """Say how the next video begins with the last frame, which is a local file, and which vendors take one."""
    vendors = service.settings.vendors
    able = [vendor.slug for vendor in vendors if service.settings.takes_files(vendor)]
    if not able:
        return "No configured vendor takes a local image, so that no video can continue this one."
    whose = "" if len(able) == len(vendors) else f", with a model of {'/'.join(able)}"
    return f"To continue from here, give last_frame as first_frame of the next create_video{whose}."
