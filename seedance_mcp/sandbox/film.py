"""The films that the sandbox hands over: real H.264 in MP4, of the size, length and sound that were asked for.

A sun crosses the sky over a moving sea, with a clock and a bar that show the running time; where a first frame was
handed over, the film begins with it. Frames are written as bytes, row by row, so that PyAV (the extra `media`) is all
that is needed; without it a small film that ships with the package stands in. To write that one anew:
`python -m seedance_mcp.sandbox.film`.
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
from seedance_mcp.sandbox import opening
from seedance_mcp.sandbox.scene import Scene

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.video.stream import VideoStream

STAND_IN = "standin.mp4"
LONGEST = 60
"""Seconds. aigptimage states no upper end for a duration; the sandbox keeps its films to a minute."""
_SAMPLE_RATE = 48_000
_AAC_FRAME = 1024
_KEPT = 24
"""Films that are remembered."""
_MOST_PIXELS = 2206 * 946 * 15 * 24
"""What is drawn in about three seconds: 15 s of the widest 1080p."""


@dataclass(frozen=True, slots=True)
class Film:
    """What a film is like: its size in pixels, its length in seconds, and whether it has sound."""

    width: int
    height: int
    seconds: int
    sound: bool
    opening: bytes = field(default=b"", repr=False)
    """The picture that it begins with, as a file."""

    @property
    def frame_rate(self) -> int:
        """Seedance makes 24 frames a second; large films get fewer, so that nobody waits for a stand-in."""
        pixels = self.width * self.height * self.seconds
        return next((rate for rate in (24, 12, 8) if pixels * rate <= _MOST_PIXELS), 6)


def film_kind() -> Literal["made", "stand-in"]:
    """Say whether films are made to measure, or (without PyAV and its encoders) a ready-made one stands in."""
    try:
        from av import codecs_available  # noqa: PLC0415  (an extra, and slow to load)
    except ImportError:
        return "stand-in"
    return "made" if codecs_available >= {"libx264", "aac"} else "stand-in"


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


_made: OrderedDict[Film, bytes] = OrderedDict()
_one_at_a_time: RunVar[anyio.CapacityLimiter] = RunVar("seedance_mcp.sandbox.film")


async def fetch(film: Film) -> bytes:
    """Return the film as a file, made in a worker thread when it is asked for first."""
    if film_kind() == "stand-in":
        return _stand_in()
    try:
        limiter = _one_at_a_time.get()
    except LookupError:
        _one_at_a_time.set(limiter := anyio.CapacityLimiter(1))
    async with limiter:
        if film not in _made:
            _made[film] = await anyio.to_thread.run_sync(make, film)
        _made.move_to_end(film)
        while len(_made) > _KEPT:
            _made.popitem(last=False)
        return _made[film]


@cache
def _stand_in() -> bytes:
    return files("seedance_mcp.sandbox").joinpath(STAND_IN).read_bytes()


def make(film: Film, crf: int = 26) -> bytes:
    """Draw and encode a film. Needs PyAV; a 5 s film in 720p takes well under a second."""
    import av  # noqa: PLC0415  (an extra)

    with tempfile.TemporaryDirectory(prefix="seedance-sandbox-") as folder:
        path = Path(folder) / "film.mp4"  # a real file, because +faststart reads what it has written
        with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            video = container.add_stream("libx264", rate=film.frame_rate)
            video.width, video.height, video.pix_fmt = film.width, film.height, "yuv420p"
            video.options = {"preset": "ultrafast", "crf": str(crf), "g": str(film.frame_rate * 2)}
            sound = container.add_stream("aac", rate=_SAMPLE_RATE, layout="mono") if film.sound else None
            _write_pictures(container, video, film)
            if sound:
                _write_sound(container, sound, film.seconds)
        return path.read_bytes()


def _write_pictures(container: OutputContainer, video: VideoStream, film: Film) -> None:
    from av import VideoFrame  # noqa: PLC0415  (an extra)

    luma, colour, _ = (plane.line_size for plane in VideoFrame(film.width, film.height, "yuv420p").planes)
    scene = Scene(film.width, film.height, film.seconds, (luma, colour))
    first = opening.planes(film.opening, film.width, film.height, scene.strides) if film.opening else None
    for number in range(film.seconds * film.frame_rate):
        frame, time = VideoFrame(film.width, film.height, "yuv420p"), number / film.frame_rate
        shown = scene.planes(time)
        shown = opening.covered(first, shown, scene.strides, time) if first else shown
        for plane, picture in zip(frame.planes, shown, strict=True):
            plane.update(picture)
        frame.pts, frame.time_base = number, Fraction(1, film.frame_rate)
        container.mux(video.encode(frame))
    container.mux(video.encode(None))


def _write_sound(container: OutputContainer, stream: AudioStream, seconds: int) -> None:
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


def write_stand_in(path: Path) -> int:
    """Write the film that stands in where PyAV is missing, and return its size in bytes."""
    film = make(Film(320, 180, 2, sound=True), crf=30)
    path.write_bytes(film)
    return len(film)


if __name__ == "__main__":
    write_stand_in(Path(__file__).with_name(STAND_IN))
