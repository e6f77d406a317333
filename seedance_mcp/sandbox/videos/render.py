"""The films that the sandbox hands over: real H.264 in MP4, of the size, length and sound that were asked for.

A sun crosses the sky over a moving sea, with a clock and a bar that show the running time; where a first frame was
handed over, the film begins with it. Frames are written as bytes, row by row, so that PyAV (the extra `media`) is all
that is needed; without it a small film that ships with the package stands in. To write that one anew:
`python -m seedance_mcp.sandbox.videos.render`.
"""

# PyAV types its packets only in part.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import math
import tempfile
from array import array
from collections import OrderedDict
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

from seedance_mcp.catalog.sizes import SIZES
from seedance_mcp.sandbox.videos import first_frame
from seedance_mcp.sandbox.videos.scene import Scene

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.video.stream import VideoStream

FALLBACK = "fallback.mp4"
LONGEST = 60
"""Seconds. aigptimage states no upper end for a duration; the sandbox keeps its films to a minute."""
_SAMPLE_RATE = 48_000
_AAC_FRAME = 1024
_KEPT = 24
"""Films that are remembered."""
_MOST_PIXELS = 2206 * 946 * 15 * 24
"""What is drawn in about three seconds: 15 s of the widest 1080p."""


@dataclass(frozen=True, slots=True)
class Video:
    """What a film is like: its size in pixels, its length in seconds, and whether it has sound."""

    width: int
    height: int
    seconds: int
    audio: bool
    opening: bytes = field(default=b"", repr=False)
    """The picture that it begins with, as a file."""

    @property
    def frame_rate(self) -> int:
        """Seedance makes 24 frames a second; large films get fewer, so that nobody waits for a stand-in."""
        pixels = self.width * self.height * self.seconds
        return next((rate for rate in (24, 12, 8) if pixels * rate <= _MOST_PIXELS), 6)


def video_kind() -> Literal["made", "fallback"]:
    """Say whether films are made to measure, or (without PyAV and its encoders) a ready-made one stands in."""
    try:
        from av import codecs_available  # noqa: PLC0415  (an extra, and slow to load)
    except ImportError:
        return "fallback"
    return "made" if codecs_available >= {"libx264", "aac"} else "fallback"


def size(resolution: str | None, aspect_ratio: str | None) -> tuple[int, int]:
    """Return the pixels of a resolution and ratio: Seedance's own table, beyond it as many pixels as 16:9 has.

    What neither the caller nor the vendor fixes (`adaptive`, or nothing) becomes 720p and 16:9.
    """
    resolution = resolution or "720p"
    ratio = aspect_ratio if aspect_ratio and ":" in aspect_ratio else "16:9"
    if known := SIZES.get((resolution, ratio)):
        width, height = known.split("x")
        return int(width), int(height)
    lines = {"2k": 1440, "4k": 2160}.get(resolution, 720)
    wide, high = (int(part) for part in ratio.split(":"))
    pixels = lines * lines * 16 / 9
    return _even(math.sqrt(pixels * wide / high)), _even(math.sqrt(pixels * high / wide))


def _even(number: float) -> int:
    return 2 * round(number / 2)


_made: OrderedDict[Video, bytes] = OrderedDict()
_one_at_a_time: RunVar[anyio.CapacityLimiter] = RunVar("seedance_mcp.sandbox.videos.render")


async def fetch(video: Video) -> bytes:
    """Return the film as a file, made in a worker thread when it is asked for first."""
    if video_kind() == "fallback":
        return _fallback()
    try:
        limiter = _one_at_a_time.get()
    except LookupError:
        _one_at_a_time.set(limiter := anyio.CapacityLimiter(1))
    async with limiter:
        if video not in _made:
            _made[video] = await anyio.to_thread.run_sync(make, video)
        _made.move_to_end(video)
        while len(_made) > _KEPT:
            _made.popitem(last=False)
        return _made[video]


@cache
def _fallback() -> bytes:
    return files("seedance_mcp.sandbox").joinpath(FALLBACK).read_bytes()


def make(video: Video, crf: int = 26) -> bytes:
    """Draw and encode a film. Needs PyAV; a 5 s film in 720p takes well under a second."""
    import av  # noqa: PLC0415  (an extra)

    with tempfile.TemporaryDirectory(prefix="seedance-sandbox-") as folder:
        path = Path(folder) / "film.mp4"  # a real file, because +faststart reads what it has written
        with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            stream = container.add_stream("libx264", rate=video.frame_rate)
            stream.width, stream.height, stream.pix_fmt = video.width, video.height, "yuv420p"
            stream.options = {"preset": "ultrafast", "crf": str(crf), "g": str(video.frame_rate * 2)}
            audio = container.add_stream("aac", rate=_SAMPLE_RATE, layout="mono") if video.audio else None
            _write_frames(container, stream, video)
            if audio:
                _write_audio(container, audio, video.seconds)
        return path.read_bytes()


def _write_frames(container: OutputContainer, stream: VideoStream, video: Video) -> None:
    from av import VideoFrame  # noqa: PLC0415  (an extra)

    luma, colour, _ = (plane.line_size for plane in VideoFrame(video.width, video.height, "yuv420p").planes)
    scene = Scene(video.width, video.height, video.seconds, (luma, colour))
    first = first_frame.planes(video.opening, video.width, video.height, scene.strides) if video.opening else None
    for number in range(video.seconds * video.frame_rate):
        frame, time = VideoFrame(video.width, video.height, "yuv420p"), number / video.frame_rate
        shown = scene.planes(time)
        shown = first_frame.covered(first, shown, scene.strides, time) if first else shown
        for plane, image in zip(frame.planes, shown, strict=True):
            plane.update(image)
        frame.pts, frame.time_base = number, Fraction(1, video.frame_rate)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _write_audio(container: OutputContainer, stream: AudioStream, seconds: int) -> None:
    from av import AudioFrame  # noqa: PLC0415  (an extra)

    # A soft chord of whole frequencies repeats every second, so one second is all that has to be computed.
    step = 2 * math.pi / _SAMPLE_RATE
    second = array("f")
    for i in range(_SAMPLE_RATE):
        swell = 0.5 - 0.5 * math.cos(step * i)
        second.append(0.07 * sum(math.sin(step * i * hertz) for hertz in (220, 277, 330)) * (0.6 + 0.4 * swell))
    samples = second * (seconds + 1)
    for start in range(0, seconds * _SAMPLE_RATE, _AAC_FRAME):
        count = min(_AAC_FRAME, seconds * _SAMPLE_RATE - start)
        frame = AudioFrame("fltp", "mono", count, align=1)
        frame.planes[0].update(samples[start : start + count].tobytes())
        frame.sample_rate, frame.pts, frame.time_base = _SAMPLE_RATE, start, Fraction(1, _SAMPLE_RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def write_fallback(path: Path) -> int:
    """Write the film that stands in where PyAV is missing, and return its size in bytes."""
    video = make(Video(320, 180, 2, audio=True), crf=30)
    path.write_bytes(video)
    return len(video)


if __name__ == "__main__":
    write_fallback(Path(__file__).with_name(FALLBACK))
