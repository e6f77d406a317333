"""How a video begins with its first frame: the image is held for a moment, then the scene covers it from the top.

Only one decoder is used, chosen by the file's first bytes, on bytes in memory.
"""

# PyAV types its packets only in part.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.video.plane import VideoPlane

_HOLD_SECONDS, _COVER_SECONDS = 0.5, 1.0
"""How long the image is shown alone, and how long the scene then takes to cover it."""
_DECODERS = {b"\xff\xd8\xff": "jpeg_pipe", b"\x89PNG\r\n": "png_pipe", b"RIFF": "webp_pipe", b"BM": "bmp_pipe"}

Planes = tuple[bytes, bytes, bytes]
"""Y, U and V of one frame in yuv420p."""


def planes(content: bytes, width: int, height: int, strides: tuple[int, int]) -> Planes | None:
    """Return an image scaled to the size of a video; None if it cannot be decoded. Needs PyAV.

    `strides` are the row lengths, in bytes, of the Y plane and of the two colour planes.
    """
    import av  # noqa: PLC0415  (an extra)

    decoder = next((name for start, name in _DECODERS.items() if content.startswith(start)), None)
    if decoder is None:
        return None
    try:
        with av.open(io.BytesIO(content), "r", format=decoder, options={"protocol_whitelist": ""}) as container:
            frame = next(container.decode(container.streams.video[0]))
            # A JPEG uses all 256 levels, a video only those from 16 to 235.
            sized = frame.reformat(width, height, format="yuv420p", dst_color_range="MPEG")
    except Exception:  # noqa: BLE001  (FFmpeg has many errors, and the video can do without the image)
        return None
    luma, blue, red = sized.planes
    return _with_stride(luma, strides[0]), _with_stride(blue, strides[1]), _with_stride(red, strides[1])


def _with_stride(plane: VideoPlane, stride: int) -> bytes:
    """Return the bytes of a plane with rows of this length; a decoder may have padded them differently."""
    content, own = bytes(plane), plane.line_size
    if own == stride:
        return content
    return b"".join(content[row : row + min(own, stride)].ljust(stride) for row in range(0, own * plane.height, own))


def covered(image: Planes, scene: Planes, strides: tuple[int, int], time: float) -> Planes:
    """Return the planes of the frame `time` seconds into the video."""
    share = min(1.0, max(0.0, (time - _HOLD_SECONDS) / _COVER_SECONDS))

    def mixed(plane: int) -> bytes:
        stride = strides[min(plane, 1)]
        cut = int(len(scene[plane]) // stride * share) * stride
        return scene[plane][:cut] + image[plane][cut:]

    return mixed(0), mixed(1), mixed(2)
