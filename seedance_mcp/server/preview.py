"""preview_video: the assistant looks at its work, as one small picture instead of a film in the conversation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from seedance_mcp.catalog import Number, Row, Source, Text, Whole
from seedance_mcp.errors import Code, Refused
from seedance_mcp.media import look
from seedance_mcp.server.tool import Call, fit

if TYPE_CHECKING:
    from seedance_mcp.jobs.studio import Studio
    from seedance_mcp.server.answers import Fields

_OURS = Source("OURS", "preview_video")
ROWS: dict[str, Row] = {
    "job_id": Text(_OURS, required=True),
    "at": Number(0, _OURS, unit="s"),
    "frames": Whole(1, look.MOST_FRAMES, _OURS, default=6),
}


class NoFilm(Refused):
    """There is no file to look at."""

    code = Code.NOT_SAVED


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer with a picture. It carries no structured content, in whose place some clients show nothing else."""

    fields: Fields
    jpeg: bytes


async def preview_video(studio: Studio, call: Call) -> Shown:
    """Show frames of a saved film, and leave its last frame as a picture for the next shot.

    Raises:
        NoFilm: the film is not (yet) on disk.
    """
    fit(ROWS, call, "preview_video")
    job = await studio.check(call.args["job_id"])
    if job.path is None or not Path(job.path).is_file():  # noqa: ASYNC240  (one look at a local file)
        said = "is not finished" if not job.terminal else "has no saved film"
        raise NoFilm(f"Job {job.id} {said}.", next_step="Call check_video until it gives a path.")
    film = Path(job.path)
    at = call.args.get("at")
    if at is None:
        picture = await to_thread.run_sync(look.contact_sheet, film, int(call.args.get("frames", 6)))
    else:
        picture = await to_thread.run_sync(look.frame_at, film, float(at))
    frames = studio.settings.frames_dir
    frames.mkdir(parents=True, exist_ok=True)
    last = await to_thread.run_sync(look.last_frame, film, frames / f"{film.stem}.jpg")
    fields: Fields = {
        "job_id": job.id,
        "path": job.path,
        "times": list(picture.times),
        "last_frame": str(last),
        "next_step": "To go on from here, give last_frame as first_frame of the next create_video.",
    }
    return Shown(fields, picture.jpeg)
