"""`seedance-mcp join`: the saved videos of several jobs as one file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedance_mcp.cli import output
from seedance_mcp.cli.create import absolute
from seedance_mcp.cli.jobs import find_job
from seedance_mcp.cli.progress_bars import Bars
from seedance_mcp.errors import InvalidRequest, UnknownJob
from seedance_mcp.media.joiner import FEWEST_SHOTS, MOST_SHOTS
from seedance_mcp.runtime import open_service

if TYPE_CHECKING:
    import argparse

    from seedance_mcp.jobs.service import JobService
    from seedance_mcp.settings import Settings


async def join(settings: Settings, options: argparse.Namespace) -> int:
    """Join videos and print the path of the result; returns the exit code."""
    if not FEWEST_SHOTS <= len(options.jobs) <= MOST_SHOTS:
        raise InvalidRequest(f"{len(options.jobs)} jobs: name {FEWEST_SHOTS} to {MOST_SHOTS}.", next_step="")
    async with open_service(settings, autosave=False) as service:
        ids = [await _id(service, text) for text in options.jobs]
        audio = None if options.audio is None else absolute(options.audio)
        with Bars() as bars:

            async def show(done: float, total: float) -> None:
                bars.joining(done, total)

            joined = await service.join(ids, audio, options.crossfade, show)
    made = joined.made
    encoded = {"video": made.video, "audio": made.audio}
    if options.json:
        fields = {"path": str(joined.path), "seconds": made.seconds, "width": made.width, "height": made.height}
        mark = {"sandbox": True} if settings.sandbox else {}
        output.print_json(mark | fields | {"audio": made.has_audio, "size_bytes": joined.size, "encoded": encoded})
        return 0
    print(joined.path)
    whole = f"{made.seconds:.1f} s, {made.width}x{made.height}, {'audio' if made.has_audio else 'no audio'}"
    why = "; ".join(f"{what} encoded anew, because: {why}" for what, why in encoded.items() if why)
    output.remark(f"{whole}; {why or 'nothing was encoded anew'}. Nothing was paid.")
    return 0


async def _id(service: JobService, text: str) -> str:
    """Return the whole id of a job; one that is not known is reported with all other problems."""
    try:
        return (await find_job(service, text)).id
    except UnknownJob as error:
        if "could be any of" in error.sentence:
            raise
        return text
