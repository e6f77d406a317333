"""Determines a file's format from its first bytes. The name does not count: anyone can call /etc/passwd "fox.png"."""

# The numbers are those of the formats' specifications.
# ruff: noqa: PLR2004

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

MediaKind = Literal["image", "video", "audio"]

HEAD = 4096
"""Bytes from the start of a file that are enough to determine its format."""

MIME: dict[str, tuple[MediaKind, str]] = {
    "jpg": ("image", "image/jpeg"),
    "png": ("image", "image/png"),
    "gif": ("image", "image/gif"),
    "webp": ("image", "image/webp"),
    "bmp": ("image", "image/bmp"),
    "tiff": ("image", "image/tiff"),
    "heic": ("image", "image/heic"),
    "avif": ("image", "image/avif"),
    "mp4": ("video", "video/mp4"),
    "m4v": ("video", "video/x-m4v"),
    "mov": ("video", "video/quicktime"),
    "webm": ("video", "video/webm"),
    "mkv": ("video", "video/x-matroska"),
    "avi": ("video", "video/x-msvideo"),
    "flv": ("video", "video/x-flv"),
    "mp3": ("audio", "audio/mpeg"),
    "wav": ("audio", "audio/wav"),
    "m4a": ("audio", "audio/mp4"),
    "aac": ("audio", "audio/aac"),
    "flac": ("audio", "audio/flac"),
    "ogg": ("audio", "audio/ogg"),
}
"""Kind and MIME type of each format, by file extension. SVG is left out on purpose: it can contain scripts."""

_BRANDS = {
    "heic": "heic", "heix": "heic", "hevc": "heic", "heim": "heic", "heis": "heic", "mif1": "heic", "msf1": "heic",
    "avif": "avif", "avis": "avif", "qt  ": "mov", "M4A ": "m4a", "M4B ": "m4a", "M4V ": "m4v", "M4VH": "m4v",
}  # fmt: skip
_BMP_HEADERS = {12, 40, 52, 56, 64, 108, 124}


def _ftyp(head: bytes) -> str:
    """ISO base media: the brand decides; an unknown brand is MP4."""
    if head[4:8] != b"ftyp" or not 16 <= int.from_bytes(head[:4], "big") <= HEAD:
        return ""
    brand = head[8:12].decode("latin-1")
    if brand in {"mif1", "msf1"} and b"avif" in head[16 : int.from_bytes(head[:4], "big")]:
        return "avif"
    return _BRANDS.get(brand, "mp4")


def _old_mov(head: bytes) -> str:
    """QuickTime from before `ftyp` existed."""
    return "mov" if head[4:8] in {b"moov", b"mdat", b"wide"} and int.from_bytes(head[:4], "big") >= 8 else ""


def _riff(head: bytes) -> str:
    return {b"WEBP": "webp", b"WAVE": "wav", b"AVI ": "avi"}.get(head[8:12], "") if head[:4] == b"RIFF" else ""


def _ebml(head: bytes) -> str:
    if head[:4] != b"\x1a\x45\xdf\xa3":
        return ""
    return "webm" if b"\x42\x82\x84webm" in head[:64] else "mkv" if b"matroska" in head[:64] else ""


def _bmp(head: bytes) -> str:
    """The two letters are not enough: the header after them must have one of the known sizes."""
    fits = head[:2] == b"BM" and head[6:10] == bytes(4) and int.from_bytes(head[14:18], "little") in _BMP_HEADERS
    return "bmp" if fits else ""


def _mp3(head: bytes) -> str:
    """An ID3 tag, or a frame whose version, layer, bit rate and sampling rate all exist."""
    if head[:3] == b"ID3":
        return "mp3" if len(head) > 10 and head[3] in {2, 3, 4} and all(b < 0x80 for b in head[6:10]) else ""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return ""
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bit_rate, sampling = head[2] >> 4, head[2] >> 2 & 3
    return "mp3" if version != 1 and layer == 1 and bit_rate not in {0, 15} and sampling != 3 else ""


def _adts(head: bytes) -> str:
    fits = len(head) > 6 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0 and head[2] >> 2 & 15 < 13
    return "aac" if fits else ""


_SIGNATURES = (
    (re.compile(rb"\xff\xd8\xff[\xc0-\xfe]"), "jpg"),
    (re.compile(rb"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), "png"),
    (re.compile(rb"GIF8[79]a"), "gif"),
    (re.compile(rb"II\*\x00|MM\x00\*"), "tiff"),
    (re.compile(rb"FLV\x01"), "flv"),
    (re.compile(rb"fLaC"), "flac"),
    (re.compile(rb"OggS\x00"), "ogg"),
)
_DETECTORS: tuple[Callable[[bytes], str], ...] = (_ftyp, _riff, _ebml, _bmp, _adts, _mp3, _old_mov)


def sniff(head: bytes) -> str | None:
    """Return the format of a file that begins with these bytes, as its file extension, or None if it is unknown."""
    for signature, ending in _SIGNATURES:
        if signature.match(head):
            return ending
    return next((ending for detect in _DETECTORS if (ending := detect(head[:HEAD]))), None)
