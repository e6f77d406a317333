"""The audio of several shots in sequence: copied, mixed, or a audio file. Only the child process imports this."""

# PyAV's types are incomplete.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import av

from seedance_mcp.media.audio import DECODERS
from seedance_mcp.media.masked import Masked, no_other_file
from seedance_mcp.media.shot import CHANNELS, SAMPLE_RATE, Shot, Unjoinable, resampled

_BIT_RATE = 192_000
_FADE_OUT = SAMPLE_RATE // 2
"""Samples in which a audio file ends that is longer than the video."""


class CopiedAudio:
    """Writes the packets of shots that agree, with the times that they have in the joined video."""

    def __init__(self, container: Any, first: Shot) -> None:
        self._container = container
        self._stream = container.add_stream_from_template(first.audio)
        self._base = Fraction(first.audio.time_base)
        self._latest: int | None = None

    def add(self, shot: Shot, begin: Fraction, end: Fraction, following: Fraction) -> None:  # noqa: ARG002  (as of the others)
        """Write the audio of a shot between these times."""
        for packet in shot.packets(shot.audio):
            time = packet.pts * packet.time_base - shot.begins
            length = (packet.duration or 0) * packet.time_base
            if (time < 0 and begin) or time + length / 2 > end - begin:
                continue  # the encoder's run-up, and what goes on after the last frame
            at = round((begin + time) / self._base)
            at = at if self._latest is None else max(at, self._latest + 1)
            packet.duration = round(length / self._base)
            packet.time_base = self._base
            packet.pts = packet.dts = self._latest = at
            packet.stream = self._stream
            self._container.mux(packet)

    def finish(self) -> None:
        """Write what is held back."""


class _EncodedAudio:
    def __init__(self, container: Any) -> None:
        self._container = container
        self._stream = container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
        self._stream.bit_rate = _BIT_RATE
        self._written = 0

    def _write(self, samples: array[float]) -> None:
        for start in range(0, len(samples), SAMPLE_RATE * CHANNELS):
            piece = samples[start : start + SAMPLE_RATE * CHANNELS]
            count = len(piece) // CHANNELS
            frame = av.AudioFrame("flt", "stereo", count, align=1)
            frame.planes[0].update(piece.tobytes())
            frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, self._written, Fraction(1, SAMPLE_RATE)
            self._written += count
            self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Write what is held back."""
        self._container.mux(self._stream.encode(None))


class MixedAudio(_EncodedAudio):
    """Encodes the audio of shots; one can fade into the next, and silent ones are silent."""

    def __init__(self, container: Any) -> None:
        super().__init__(container)
        self._tail = array("f")

    def add(self, shot: Shot, begin: Fraction, end: Fraction, following: Fraction) -> None:
        """Write the audio of a shot from one time to another, except for what fades into the next from `following`."""
        samples = shot.audio_samples(_at(end) - _at(begin))
        tail, count = self._tail, len(self._tail)
        for i in range(count):
            share = i / count
            samples[i] = tail[i] * (1 - share) + samples[i] * share
        kept = (_at(following) - _at(begin)) * CHANNELS
        self._tail = samples[kept:]
        self._write(samples[:kept])


class AudioFile(_EncodedAudio):
    """Encodes an audio file in place of the audio of the shots, as long as the video lasts."""

    def __init__(self, container: Any, spec: Mapping[str, Any]) -> None:
        super().__init__(container)
        file = Masked(spec["file"], spec["hide"])
        file.seek(0)
        options = {"protocol_whitelist": "", "codec_whitelist": DECODERS}
        opened: Any = av.open(file, format=spec["format"], options=options, io_open=no_other_file)
        if not opened.streams.audio:
            raise Unjoinable("there is no audio in the audio file")
        stream = opened.streams.audio[0]
        self._pieces: Iterator[array[float]] = resampled(opened, stream, (stream.start_time or 0) * stream.time_base)
        self._ready, self._held = array("f"), array("f")

    def add(self, shot: Shot, begin: Fraction, end: Fraction, following: Fraction) -> None:  # noqa: ARG002  (as of the others)
        """Write the audio until the next shot begins, except for the last moment, which may fade out."""
        wanted = _at(following) * CHANNELS - self._written * CHANNELS - len(self._held)
        self._fill(wanted)
        self._held += self._ready[:wanted]
        del self._ready[:wanted]
        done = max(0, len(self._held) - _FADE_OUT * CHANNELS)
        self._write(self._held[:done])
        del self._held[:done]

    def finish(self) -> None:
        """Write what is held back; a track that would go on fades out."""
        self._fill(1)
        count = len(self._held)
        for i in range(count if self._ready else 0):
            self._held[i] *= 1 - i / count
        self._write(self._held)
        super().finish()

    def _fill(self, count: int) -> None:
        while len(self._ready) < count and (piece := next(self._pieces, None)) is not None:
            self._ready += piece


def _at(time: Fraction) -> int:
    """Return the number of the sample at a time."""
    return round(time * SAMPLE_RATE)
