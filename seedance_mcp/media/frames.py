"""Takes frames from a video. Only the child process imports this; needs the extra `media`."""

# PyAV's types are incomplete.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import av
from PIL import Image, ImageDraw, ImageFont, JpegImagePlugin

from seedance_mcp.media.masked import no_other_file

WIDEST = 1000
"""Pixels of the longer side of a preview."""
LARGEST = 150_000
"""Bytes of a preview: about 1,300 tokens of an assistant's context."""
DECODERS = "h264,hevc,av1,libdav1d,vp9,mpeg4"
THREADS = 2
"""More would need more memory, a few frames each."""
_REORDERED = 0.5
"""Seconds between the decoding of a frame and its showing, at most."""
BUFFER = 1024**2
_JPEG = JpegImagePlugin.JpegImageFile.format

# Load what opening, drawing and saving load when they are first needed: then no file can be opened any more.
import_module("av.subtitles.stream")
Image.preinit()
ImageFont.load_default(12)


def preview(
    file: Any, seconds: float, count: int, at: float | None, *, side: int, most: int
) -> tuple[dict[str, Any], list[bytes]]:
    """Return the times of the frames, and as JPEG images the frames and the last frame in full size.

    Args:
        file: An mp4 or mov.
        seconds: How long it is said to last.
        count: How many frames to show, at equal intervals.
        at: The time of the one frame to show instead, in seconds.
        side: The most pixels of its width or height.
        most: The most frames to decode.
    """
    times = [seconds * (i + 0.5) / count for i in range(count)] if at is None else [max(0.0, min(at, seconds))]
    options = {"protocol_whitelist": "", "codec_whitelist": DECODERS, "max_pixels": str(side * side)}
    with av.open(file, format="mov", options=options, buffer_size=BUFFER, io_open=no_other_file) as container:
        frames = _Frames(container, side, most)
        shown, images = frames.ahead, list[Image.Image]()
        if shown is None:
            return {"problem": "it has no frames"}, []
        columns = 1 if at is not None else min(3 if shown.width >= shown.height else 6, count)
        for time in times:
            images.append(_labelled(_scaled(frames.at(time), columns, len(times)), time))
        last = io.BytesIO()
        frames.at(math.inf).to_image().save(last, _JPEG, quality=95)
    return {"times": [round(time, 2) for time in times]}, [_jpeg(_tiled(images, columns)), last.getvalue()]


class _Frames:
    """The frames of a video at ascending times; what no frame depends on is skipped."""

    def __init__(self, container: Any, side: int, most: int) -> None:
        self._container, self._stream = container, container.streams.video[0]
        self._side, self._left = side, most
        self._stream.thread_type, self._stream.codec_context.thread_count = "AUTO", THREADS
        self._stream.codec_context.options = {"max_pixels": str(side * side)}
        self._frames = container.decode(self._stream)
        self.ahead = self._shown = self._next()
        """The first frame that was not shown yet; None at the end."""

    def _next(self) -> Any:
        frame = next(self._frames, None)
        self._left -= frame is not None
        if self._left < 0 or (frame is not None and max(frame.width, frame.height) > self._side):
            raise ValueError("too many frames, or too large ones")
        return frame

    def at(self, time: float) -> Any:
        """Return the frame that a player shows at a time."""
        self._skip_to_key_frame(time)
        while self.ahead is not None and (self.ahead.time is None or self.ahead.time <= time):
            self._shown, self.ahead = self.ahead, self._next()
        return self._shown

    def _skip_to_key_frame(self, time: float) -> None:
        """Go on from the last key frame before a time, if that is further on."""
        latest = 2**62 if time == math.inf else int((time - _REORDERED) / self._stream.time_base)
        index = self._stream.index_entries.search_timestamp(latest, backward=True)
        if index < 0 or self.ahead is None or self.ahead.pts is None:
            return
        place = self._stream.index_entries[index].timestamp
        if place > self.ahead.pts:
            self._container.seek(place, stream=self._stream, backward=True)
            self._frames = self._container.decode(self._stream)
            self.ahead = self._next()
            self._shown = self._shown if self.ahead is None else self.ahead


def _scaled(frame: Any, columns: int, count: int) -> Image.Image:
    """Return a frame in the size that it has on a sheet of so many columns and frames."""
    rows = -(-count // columns)
    scale = min(WIDEST / (frame.width * columns), WIDEST / (frame.height * rows), 1.0)
    size = max(1, int(frame.width * scale)), max(1, int(frame.height * scale))
    return frame.to_image(width=size[0], height=size[1], interpolation="AREA")


def _tiled(images: Sequence[Image.Image], columns: int) -> Image.Image:
    width, height = images[0].size
    sheet = Image.new("RGB", (width * columns, height * -(-len(images) // columns)))
    for index, image in enumerate(images):
        sheet.paste(image, (index % columns * width, index // columns * height))
    return sheet


def _labelled(image: Image.Image, time: float) -> Image.Image:
    """Write the time in the lower left corner, light on dark."""
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(max(12, image.height // 14))
    label = f"{time:.1f} s"
    left, top, right, bottom = draw.textbbox((0, 0), label, font=font)
    width, height = right - left + 12, bottom - top + 8
    draw.rectangle((0, image.height - height, width, image.height), fill=(0, 0, 0))
    draw.text((6 - left, image.height - height + 4 - top), label, fill=(255, 255, 255), font=font)
    return image


def _jpeg(image: Image.Image) -> bytes:
    """Encode as JPEG in the best quality that fits into LARGEST bytes."""
    encoded = b""
    for quality in (85, 70, 55, 40, 25, 10):
        buffer = io.BytesIO()
        image.save(buffer, _JPEG, quality=quality, optimize=True)
        encoded = buffer.getvalue()
        if len(encoded) <= LARGEST:
            break
    return encoded
