"""What was asked of a vendor, and what was measured of the video that came, each as one line of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seedance_mcp.catalog.request import FRAMES, REFERENCES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seedance_mcp.jobs.journal.model import Job


def requested(job: Job) -> str:
    """Return what was sent, defaults included, such as "5 s, 720p, 9:16, audio, seed 7, first_frame"; no prompt."""
    return ", ".join(_sent(job.request))


def _sent(request: dict[str, Any]) -> Iterator[str]:
    if "duration" in request:
        yield f"{request['duration']:g} s"
    for name in ("resolution", "aspect_ratio"):
        if name in request:
            yield str(request[name])
    if "generate_audio" in request:
        yield "audio" if request["generate_audio"] else "no audio"
    if "seed" in request:
        yield f"seed {request['seed']}"
    yield from (name for name in FRAMES if name in request)
    yield from (f"{len(request[name])} {name}" for name in REFERENCES if name in request)
    for name in ("web_search", "watermark", "public"):
        if request.get(name):
            yield name
    if request.get("safety_filter") is False:
        yield "no safety_filter"


def measured(job: Job) -> str:
    """Return what the saved video is, such as "5.0 s, 720x1280, audio"; empty where it was not measured."""
    found = job.delivered or {}
    if not {"width", "height", "seconds", "audio"} <= found.keys():
        return ""
    audio = "audio" if found["audio"] else "no audio"
    return f"{found['seconds']:.1f} s, {found['width']}x{found['height']}, {audio}"


def is_broken(job: Job) -> bool:
    """Whether the saved copy cannot be decoded."""
    return bool(job.path) and "unreadable" in (job.delivered or {})
