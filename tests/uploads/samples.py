"""Images, videos and audio files, made when a test needs them."""

# PyAV's types are incomplete.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import io
from fractions import Fraction
from functools import cache
from typing import Any, cast

import av
from PIL import Image


@cache
def image(colour: str = "orange", form: str = "PNG", size: tuple[int, int] = (640, 360)) -> bytes:
    """Return an image of one colour."""
    made = io.BytesIO()
    Image.new("RGB", size, colour).save(made, form)
    return made.getvalue()


@cache
def video(
    seconds: float = 2.0,
    form: str = "mp4",
    codec: str = "mpeg4",
    size: tuple[int, int] = (1280, 720),
    options: str = "",
) -> bytes:
    """Return a grey video; `options` is one of the container's, as `name=value`."""
    made = io.BytesIO()
    name, _, value = options.partition("=")
    with av.open(made, "w", format=form, options={name: value} if value else {}) as container:
        stream = cast("Any", container.add_stream(codec, rate=10))
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame(*size, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes([128]) * plane.buffer_size)
        for number in range(round(seconds * 10)):
            frame.pts = number
            frame.time_base = Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return made.getvalue()


@cache
def audio(seconds: float = 2.0, form: str = "wav", codec: str = "pcm_s16le") -> bytes:
    """Return a silent audio file."""
    made = io.BytesIO()
    with av.open(made, "w", format=form) as container:
        stream = cast("Any", container.add_stream(codec, rate=44_100, layout="mono"))
        samples = stream.frame_size or 1024
        for number in range(round(seconds * 44_100 / samples)):
            frame = av.AudioFrame(stream.format.name, "mono", samples)
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.sample_rate, frame.pts, frame.time_base = 44_100, number * samples, Fraction(1, 44_100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return made.getvalue()
