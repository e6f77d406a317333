"""The sandbox's videos: real H.264 in MP4, with the requested size, length and audio.

A sun crosses the sky over a moving sea, with a clock and a bar that show the elapsed time; an uploaded first frame
opens the video. Frames are written as bytes, row by row, and need only PyAV (the extra `media`); without it, every
video is the fallback video, a small file in the package. `python -m seedance_mcp.sandbox.videos.render` renders that
file again.
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
MAX_SECONDS = 60
"""aigptimage documents no longest duration; the sandbox's videos end after a minute."""
_SAMPLE_RATE = 48_000
_AAC_FRAME = 1024
_CACHE_SIZE = 24
"""Videos that stay in memory."""
_MAX_PIXELS = 2206 * 946 * 15 * 24
"""The pixels of 15 s of the widest 1080p, which take about three seconds to render."""


@dataclass(frozen=True, slots=True)
class Video:
    """What a video is like: its size in pixels, its length, and whether it has audio."""

    width: int
    height: int
    seconds: int
    audio: bool
    first_frame: bytes = field(default=b"", repr=False)
    """The image that it begins with, as a file."""

    @property
    def frame_rate(self) -> int:
        """Frames per second: 24 as Seedance has, fewer in large videos so that they render quickly."""
        pixels = self.width * self.height * self.seconds
        return next((rate for rate in (24, 12, 8) if pixels * rate <= _MAX_PIXELS), 6)


def video_kind() -> Literal["made", "fallback"]:
    """Return whether videos are made as requested, or (without PyAV and its encoders) the fallback video is used."""
    try:
        from av import codecs_available  # noqa: PLC0415  (an extra, and slow to load)
    except ImportError:
        return "fallback"
    return "made" if codecs_available >= {"libx264", "aac"} else "fallback"


def size(resolution: str | None, aspect_ratio: str | None) -> tuple[int, int]:
    """Return width and height in pixels: from Seedance's own table, otherwise with the same number of pixels as 16:9.

    A resolution or ratio that neither the caller nor the vendor fixes (`adaptive`, or nothing) becomes 720p or 16:9.
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


_cache: OrderedDict[Video, bytes] = OrderedDict()
_limiter: RunVar[anyio.CapacityLimiter] = RunVar("seedance_mcp.sandbox.videos.render")


async def video_file(video: Video) -> bytes:
    """Return the video as a file, rendered in a worker thread the first time."""
    if video_kind() == "fallback":
        return _fallback()
    try:
        limiter = _limiter.get()
    except LookupError:
        _limiter.set(limiter := anyio.CapacityLimiter(1))
    async with limiter:
        if video not in _cache:
            _cache[video] = await anyio.to_thread.run_sync(make, video)
        _cache.move_to_end(video)
        while len(_cache) > _CACHE_SIZE:
            _cache.popitem(last=False)
        return _cache[video]


@cache
def _fallback() -> bytes:
    return files("seedance_mcp.sandbox.videos").joinpath(FALLBACK).read_bytes()


def make(video: Video, crf: int = 26) -> bytes:
    """Render and encode a video. Needs PyAV; 5 s in 720p take well under a second."""
    import av  # noqa: PLC0415  (an extra)

    with tempfile.TemporaryDirectory(prefix="seedance-sandbox-") as folder:
        path = Path(folder) / "video.mp4"  # a real file, because +faststart reads back what it wrote
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
    opening = (
        first_frame.planes(video.first_frame, video.width, video.height, scene.strides) if video.first_frame else None
    )
    for number in range(video.seconds * video.frame_rate):
        frame, time = VideoFrame(video.width, video.height, "yuv420p"), number / video.frame_rate
        shown = scene.planes(time)
        shown = first_frame.covered(opening, shown, scene.strides, time) if opening else shown
        for plane, content in zip(frame.planes, shown, strict=True):
            plane.update(content)
        frame.pts, frame.time_base = number, Fraction(1, video.frame_rate)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _write_audio(container: OutputContainer, stream: AudioStream, seconds: int) -> None:
    from av import AudioFrame  # noqa: PLC0415  (an extra)

    # A chord of whole frequencies repeats every second, so one second is enough.
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
    """Render the fallback video, and return its size in bytes."""
    content = make(Video(320, 180, 2, audio=True), crf=30)
    path.write_bytes(content)
    return len(content)


if __name__ == "__main__":
    write_fallback(Path(__file__).with_name(FALLBACK))
