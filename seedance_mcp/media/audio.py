"""The duration of an audio file. Only the child process imports this; needs the extra `media`.

Only the demuxer for the sniffed format runs: FFmpeg's own detection could take a text for a playlist.
"""

# PyAV's types are incomplete.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from importlib import import_module
from typing import Any

import av

from seedance_mcp.media.masked import no_other_file

FORMATS = frozenset({"mp3", "wav", "aac", "flac", "ogg"})
_NO_DURATION = frozenset({"aac", "mp3"})
"""Formats whose files do not state a duration: the one that FFmpeg reports is estimated from the bit rate."""
DECODERS = "mp3float,mp3,aac,flac,vorbis,libvorbis,opus,libopus,pcm_s16le,pcm_s24le,pcm_s32le,pcm_u8,pcm_f32le"

import_module("av.subtitles.stream")  # opening loads it when it is first needed: then no file can be opened any more


def inspect_audio(file: Any, ending: str) -> dict[str, Any]:
    """Return the duration in seconds; nothing for a format that has no demuxer here."""
    if ending not in FORMATS:
        return {}
    options = {"protocol_whitelist": "", "codec_whitelist": DECODERS}
    with av.open(file, format=ending, options=options, io_open=no_other_file) as container:
        if not container.streams.audio:
            return {"problem": "there is no audio stream in it"}
        return {"seconds": _seconds(container, container.streams.audio[0], stated=ending not in _NO_DURATION)}


def _seconds(container: Any, stream: Any, *, stated: bool) -> float | None:
    """Return the duration that the file states, or else (as in a streamed recording) the end of its last packet."""
    if stated and container.duration:
        return float(container.duration) / 1_000_000
    if stated and stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    last = 0.0
    for packet in container.demux(stream):
        if packet.pts is not None:
            last = max(last, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return last or None
