"""How a film begins with the picture that was given for it: held for a moment, then the scene comes down over it.

Only the decoder for the format that the first bytes show is used, on bytes in memory.
"""

# PyAV types its packets only in part.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import io

_HELD, _COMES = 0.5, 1.0
"""Seconds for which the picture stands alone, and in which the scene then covers it."""
_DECODERS = {b"\xff\xd8\xff": "jpeg_pipe", b"\x89PNG\r\n": "png_pipe", b"RIFF": "webp_pipe", b"BM": "bmp_pipe"}

Planes = tuple[bytes, bytes, bytes]
"""Y, U and V of one frame in yuv420p."""


def planes(content: bytes, width: int, height: int) -> Planes | None:
    """Return a picture in the size of a film; None if it is none that can be decoded. Needs PyAV."""
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
    luma, blue, red = (bytes(plane) for plane in sized.planes)
    return luma, blue, red


def covered(picture: Planes, scene: Planes, strides: tuple[int, int], time: float) -> Planes:
    """Return what is seen so many seconds into the film; `strides` are the row lengths of the Y and the colours."""
    share = min(1.0, max(0.0, (time - _HELD) / _COMES))

    def seen(plane: int) -> bytes:
        stride = strides[min(plane, 1)]
        cut = int(len(scene[plane]) // stride * share) * stride
        return scene[plane][:cut] + picture[plane][cut:]

    return seen(0), seen(1), seen(2)
