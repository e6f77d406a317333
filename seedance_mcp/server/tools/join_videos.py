"""join_videos: the saved videos of several jobs as one file. Nothing is sent to a vendor, and nothing is paid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from seedance_mcp.catalog import Number, Row, Source, Text
from seedance_mcp.media.joiner import FEWEST_SHOTS, LONGEST_FADE, MOST_SHOTS
from seedance_mcp.server.tools.tool import (
    NUMBER,
    OBJECT,
    OURS,
    STRING,
    STRINGS,
    Call,
    Tool,
    check_args,
    inputs,
    outputs,
)

if TYPE_CHECKING:
    from seedance_mcp.catalog import Schema
    from seedance_mcp.jobs.service import JobService
    from seedance_mcp.views import Fields


@dataclass(frozen=True, slots=True)
class JobIds:
    """A list of job ids."""

    source: Source
    required: bool = False

    default = None

    def problem(self, value: object) -> str | None:
        if not isinstance(value, list):
            return f"must be {self.allowed()}"
        ids = cast("list[object]", value)
        fits = FEWEST_SHOTS <= len(ids) <= MOST_SHOTS and all(isinstance(item, str) for item in ids)
        return None if fits else f"must be {self.allowed()}"

    def allowed(self) -> str:
        return f"a list of {FEWEST_SHOTS}–{MOST_SHOTS} job ids"

    def nearest(self, value: object) -> None:
        """Return None: nobody else knows which jobs are meant."""

    def schema(self) -> Schema:
        return {"type": "array", "items": STRING, "minItems": FEWEST_SHOTS}

    def merged(self, other: JobIds) -> JobIds:  # noqa: ARG002  (no two tools have one)
        return self


_ROWS: dict[str, Row] = {
    "job_ids": JobIds(OURS, required=True),
    "audio_file": Text(OURS),
    "crossfade_seconds": Number(0, LONGEST_FADE, OURS, unit="s"),
}


def tool() -> Tool:
    """Return the tool."""
    return Tool(
        "join_videos",
        "Join videos",
        "Join saved videos",
        inputs(_ROWS, {}, no_choices=frozenset()),
        outputs(
            {
                "path": STRING, "seconds": NUMBER, "size": STRING, "size_bytes": NUMBER, "shots": NUMBER,
                "encoded": STRINGS, "cost": OBJECT, "next_step": STRING,
            },
            "path", "seconds", "size", "cost", "next_step",
        ),
        join_videos,
    )  # fmt: skip


async def join_videos(service: JobService, call: Call) -> Fields:
    """Join videos, and answer with the file."""
    check_args(_ROWS, call, "join_videos")
    ids: list[str] = call.args["job_ids"]

    async def report(done: float, total: float) -> None:
        await call.report(done, max(done, total), f"joining, {done:.0f} of {total:.0f} s")

    fade = float(call.args.get("crossfade_seconds", 0))
    joined = await service.join(ids, call.args.get("audio_file"), fade, report)
    made = joined.made
    encoded: dict[str, Any] = {"video": made.video, "audio": made.audio}
    fields: Fields = {
        "path": str(joined.path),
        "seconds": round(made.seconds, 2),
        "size": f"{made.width}x{made.height}" + ("" if made.has_audio else ", no audio"),
        "size_bytes": joined.size,
        "shots": len(ids),
        "encoded": [f"{what}, because: {why}" for what, why in encoded.items() if why] or ["nothing: all copied"],
        "cost": {"usd": 0.0},
        "next_step": "Tell the user where the video is. preview_video with this path as job_id shows it.",
    }
    return fields
