"""The pixels and seconds of a picture, clip or sound. Needs the extra `media`; without it nothing is known of them.

Only the decoder for the format that the first bytes show is used, on bytes in memory: no probing, which would take a
text for a playlist that opens other files, and no name from which anything could be read.
"""

# PyAV types its containers only in part.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seedance_mcp.catalog.files import FileKind

_DEMUXERS = {"mp4": "mov", "m4v": "mov", "mov": "mov", "m4a": "mov", "webm": "matroska", "mkv": "matroska"}
"""Where a demuxer is called otherwise than the ending of its files."""
_UNSTATED = {"aac", "mp3"}
"""Formats without a length of their own: what FFmpeg then says is guessed from the bit rate."""
_PILLOW = {"jpg": "JPEG", "png": "PNG", "gif": "GIF", "webp": "WEBP", "bmp": "BMP", "tiff": "TIFF", "avif": "AVIF"}


class Undecodable(Exception):
    """The content is not what its first bytes say."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What was found out."""

    pixels: tuple[int, int] | None = None
    seconds: float | None = None


def probe(data: bytes, kind: FileKind, ending: str) -> Probed:
    """Return pixels and seconds, as far as the extra `media` is there to find them.

    Raises:
        Undecodable.
    """
    if kind == "image":
        return Probed(pixels=_image_size(data, ending)) if ending in _PILLOW else Probed()
    return _length(data, kind, ending)


def _image_size(data: bytes, ending: str) -> tuple[int, int] | None:
    try:
        from PIL import Image  # noqa: PLC0415  (only there with the extra)
    except ImportError:
        return None
    try:
        with Image.open(io.BytesIO(data), formats=[_PILLOW[ending]]) as image:
            size = image.size
            image.verify()
    except Exception as error:  # noqa: BLE001  (Pillow's readers raise whatever comes)
        raise Undecodable(type(error).__name__) from None
    return size


def _length(data: bytes, kind: FileKind, ending: str) -> Probed:
    try:
        import av  # noqa: PLC0415  (only there with the extra)
    except ImportError:
        return Probed()
    try:
        with av.open(io.BytesIO(data), format=_DEMUXERS.get(ending, ending), options={"protocol_whitelist": ""}) as box:
            streams: Any = box.streams.video if kind == "video" else box.streams.audio
            if streams:
                stream = streams[0]
                pixels = (int(stream.width), int(stream.height)) if kind == "video" else None
                return Probed(pixels, _seconds(box, stream, stated=ending not in _UNSTATED))
    except Exception as error:  # noqa: BLE001  (FFmpeg has many ways of saying no)
        raise Undecodable(type(error).__name__) from None
    raise Undecodable(f"there is no {'picture' if kind == 'video' else 'sound'} in it")


def _seconds(box: Any, stream: Any, *, stated: bool) -> float | None:
    """The length as the file states it; where it states none (a recording that was streamed), that of its packets."""
    if stated and box.duration:
        return float(box.duration) / 1_000_000
    if stated and stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    ends = [float((p.pts + (p.duration or 0)) * p.time_base) for p in box.demux(stream) if p.pts is not None]
    return max(ends, default=0.0) or None
