"""Takes frames from a video. Only the child process imports this; needs the extra `media`."""

# PyAV's types are incomplete.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import av
from PIL import Image, ImageDraw, ImageFont, JpegImagePlugin

WIDEST = 1000
"""Pixels of the longer side of a preview."""
LARGEST = 150_000
"""Bytes of a preview: about 1,300 tokens of an assistant's context."""
_DECODERS = "h264,hevc,av1,libdav1d,vp9,mpeg4"
_THREADS = 4
_BUFFER = 1024**2
_JPEG = JpegImagePlugin.JpegImageFile.format

# Load what opening, drawing and saving load when they are first needed: then no file can be opened any more.
import_module("av.subtitles.stream")
Image.preinit()
ImageFont.load_default(12)


def no_other_file(url: str, *_: object) -> Any:
    """Refuse to open what a file refers to."""
    raise PermissionError(url[:80])


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
    wanted = [seconds * (i + 0.5) / count for i in range(count)] if at is None else [max(0.0, min(at, seconds))]
    times, images, shown = [round(time, 2) for time in wanted], list[Image.Image](), None
    columns = 1
    options = {"protocol_whitelist": "", "codec_whitelist": _DECODERS, "max_pixels": str(side * side)}
    with av.open(file, format="mov", options=options, buffer_size=_BUFFER, io_open=no_other_file) as container:
        stream: Any = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "AUTO", min(_THREADS, os.cpu_count() or 1)
        stream.codec_context.options = {"max_pixels": str(side * side)}
        for number, frame in enumerate(container.decode(stream), 1):
            if number > most or max(frame.width, frame.height) > side:
                return {"problem": f"it has more than {most} frames or {side}x{side} pixels"}, []
            while wanted and shown is not None and frame.time is not None and frame.time > wanted[0]:
                images.append(_labelled(_scaled(shown, columns, len(times)), wanted.pop(0)))
            if shown is None and at is None:
                columns = min(3 if frame.width >= frame.height else 6, count)
            shown = frame
        if shown is None:
            return {"problem": "it has no frames"}, []
        images += [_labelled(_scaled(shown, columns, len(times)), time) for time in wanted]
        last = io.BytesIO()
        shown.to_image().save(last, _JPEG, quality=95)
    return {"times": times}, [_jpeg(_tiled(images, columns)), last.getvalue()]


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
