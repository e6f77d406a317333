"""The pixel size and duration of an image, video or audio file. Both are unknown without the extra `media`.

Only the decoder for the sniffed format runs, on bytes in memory. FFmpeg's own format detection could take a text for a
playlist that opens other files, and a file name could make a decoder read the disk; so it gets neither.
"""

# PyAV's types are incomplete.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seedance_mcp.media.sniff import MediaKind

_DEMUXERS = {"mp4": "mov", "m4v": "mov", "mov": "mov", "m4a": "mov", "webm": "matroska", "mkv": "matroska"}
"""FFmpeg's demuxer for a format, where it is not named like the file extension."""
_NO_DURATION = {"aac", "mp3"}
"""Formats whose files do not state a duration: the one that FFmpeg reports is estimated from the bit rate."""
_PILLOW = {"jpg": "JPEG", "png": "PNG", "gif": "GIF", "webp": "WEBP", "bmp": "BMP", "tiff": "TIFF", "avif": "AVIF"}


_ORIENTATION, _ON_ITS_SIDE = 0x0112, {5, 6, 7, 8}
"""The EXIF tag by which cameras say how to turn a photo, and its values for a quarter turn."""


class Undecodable(Exception):
    """The content does not match the format that its first bytes announce."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What was found; None is unknown."""

    pixels: tuple[int, int] | None = None
    """Width and height."""
    seconds: float | None = None


def probe(data: bytes, kind: MediaKind, ending: str) -> Probed:
    """Return the pixel size and duration of a file whose format `sniff` has determined.

    Raises:
        Undecodable: the file is damaged, or not of that kind.
    """
    if kind == "image":
        return Probed(pixels=_image_size(data, ending)) if ending in _PILLOW else Probed()
    return _probe_stream(data, kind, ending)


def _image_size(data: bytes, ending: str) -> tuple[int, int] | None:
    try:
        from PIL import Image  # noqa: PLC0415  (only present with the extra)
    except ImportError:
        return None
    try:
        with Image.open(io.BytesIO(data), formats=[_PILLOW[ending]]) as image:
            # No camera writes PNG, whose reader would decode the image to look.
            turned = ending != "png" and image.getexif().get(_ORIENTATION) in _ON_ITS_SIDE
            size = image.size[::-1] if turned else image.size
            image.verify()
    except Exception as error:  # noqa: BLE001  (Pillow's readers raise many kinds)
        raise Undecodable(type(error).__name__) from None
    return size


def _probe_stream(data: bytes, kind: MediaKind, ending: str) -> Probed:
    try:
        import av  # noqa: PLC0415  (only present with the extra)
    except ImportError:
        return Probed()
    try:
        with av.open(
            io.BytesIO(data), format=_DEMUXERS.get(ending, ending), options={"protocol_whitelist": ""}
        ) as container:
            streams: Any = container.streams.video if kind == "video" else container.streams.audio
            if streams:
                stream = streams[0]
                pixels = (int(stream.width), int(stream.height)) if kind == "video" else None
                return Probed(pixels, _seconds(container, stream, stated=ending not in _NO_DURATION))
    except Exception as error:  # noqa: BLE001  (PyAV raises many kinds)
        raise Undecodable(type(error).__name__) from None
    raise Undecodable(f"there is no {kind} stream in it")


def _seconds(container: Any, stream: Any, *, stated: bool) -> float | None:
    """Return the duration that the file states, or else (as in a streamed recording) the end of its last packet."""
    if stated and container.duration:
        return float(container.duration) / 1_000_000
    if stated and stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    ends = [float((p.pts + (p.duration or 0)) * p.time_base) for p in container.demux(stream) if p.pts is not None]
    return max(ends, default=0.0) or None
