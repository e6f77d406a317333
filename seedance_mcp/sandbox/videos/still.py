"""A plain image in place of a video's last frame: a PNG of the video's size, in the colour of the sandbox's sea."""

from __future__ import annotations

import struct
import zlib

_SEA = b"\x1b\x4b\x6b"


def png(width: int, height: int) -> bytes:
    """Return a PNG file of one colour."""
    rows = zlib.compress((b"\0" + _SEA * width) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
