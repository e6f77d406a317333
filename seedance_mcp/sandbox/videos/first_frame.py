"""How a film begins with the picture that was given for it: held for a moment, then the scene comes down over it.

Only the decoder for the format that the first bytes show is used, on bytes in memory.
"""

# PyAV types its packets only in part.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.video.plane import VideoPlane

_HELD, _COMES = 0.5, 1.0
"""Seconds for which the picture stands alone, and in which the scene then covers it."""
_DECODERS = {b"\xff\xd8\xff": "jpeg_pipe", b"\x89PNG\r\n": "png_pipe", b"RIFF": "webp_pipe", b"BM": "bmp_pipe"}

Planes = tuple[bytes, bytes, bytes]
"""Y, U and V of one frame in yuv420p."""


def planes(content: bytes, width: int, height: int, strides: tuple[int, int]) -> Planes | None:
    """Return a picture in the size of a film; None if it is none that can be decoded. Needs PyAV.

    `strides` are the lengths that rows of the Y and of the two colour planes are to have.
    """
    import av  # noqa: PLC0415  (an extra)

    decoder = next((name for start, name in _DECODERS.items() if content.startswith(start)), None)
    if decoder is None:
        return None
    try:
        with av.open(io.BytesIO(content), "r", format=decoder, options={"protocol_whitelist": ""}) as container:
            frame = next(container.decode(container.streams.video[0]))
            # A JPEG uses all 256 levels, a film those from 16 to 235.
            sized = frame.reformat(width, height, format="yuv420p", dst_color_range="MPEG")
    except Exception:  # noqa: BLE001  (FFmpeg has many ways of saying no, and a film can do without)
        return None
    luma, blue, red = sized.planes
    return _laid(luma, strides[0]), _laid(blue, strides[1]), _laid(red, strides[1])


def _laid(plane: VideoPlane, stride: int) -> bytes:
    """Return a plane with rows of this length; a decoder may have laid them out with more room between."""
    content, own = bytes(plane), plane.line_size
    if own == stride:
        return content
    return b"".join(content[row : row + min(own, stride)].ljust(stride) for row in range(0, own * plane.height, own))


def covered(image: Planes, scene: Planes, strides: tuple[int, int], time: float) -> Planes:
    """Return what is seen so many seconds into the film."""
    share = min(1.0, max(0.0, (time - _HELD) / _COMES))

    def seen(plane: int) -> bytes:
        stride = strides[min(plane, 1)]
        cut = int(len(scene[plane]) // stride * share) * stride
        return scene[plane][:cut] + image[plane][cut:]

    return seen(0), seen(1), seen(2)
