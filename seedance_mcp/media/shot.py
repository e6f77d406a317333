"""One of the videos that are joined: its packets, its frames and its audio. Only the child process imports this."""

# PyAV's types are incomplete.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import av.audio.resampler

from seedance_mcp.media.frames import BUFFER, DECODERS, THREADS
from seedance_mcp.media.masked import Masked, no_other_file

SAMPLE_RATE, CHANNELS = 48_000, 2


class Unjoinable(Exception):
    """The shots cannot be made into one video; the message says why."""


@dataclass(slots=True)
class Shot:
    """An open video."""

    container: Any
    video: Any
    audio: Any
    """None where it is silent."""
    begins: Fraction
    """The time of its first frame in its own file, in seconds."""
    seconds: Fraction
    delay: Fraction
    """By how many seconds its first frame is decoded before it is shown."""
    begins_whole: bool
    """Whether its first frame needs no other one."""
    side: int
    samples: int

    def packets(self, stream: Any) -> Iterator[Any]:
        """Yield the packets of one of its streams from the beginning."""
        self.container.seek(0)
        for packet in self.container.demux(stream):
            if packet.size and packet.dts is not None and packet.pts is not None:
                yield packet

    def frames(self) -> Iterator[tuple[Fraction, Any]]:
        """Yield its frames, each with its time since the first."""
        self.container.seek(0)
        left = self.samples
        for frame in self.container.decode(self.video):
            left -= 1
            if left < 0 or max(frame.width, frame.height) > self.side:
                raise Unjoinable("it has too many frames, or too large ones")
            if frame.pts is not None:
                yield frame.pts * frame.time_base - self.begins, frame

    def audio_samples(self, count: int) -> array[float]:
        """Return so many samples of its audio from the time of its first frame, for two channels in turn.

        What is missing at its end is silent.
        """
        found = array("f")
        if self.audio is not None:
            self.container.seek(0)
            for piece in resampled(self.container, self.audio, self.begins):
                found += piece
                if len(found) >= count * CHANNELS:
                    break
        del found[count * CHANNELS :]
        found.frombytes(bytes(4 * (count * CHANNELS - len(found))))
        return found


def open_shot(spec: Mapping[str, Any], side: int, samples: int) -> Shot:
    """Open a video of which only its first video and audio tracks are shown.

    `side` is the most pixels of its width and height, `samples` the most frames.
    """
    options = {"protocol_whitelist": "", "codec_whitelist": f"{DECODERS},aac", "max_pixels": str(side * side)}
    file = Masked(spec["file"], spec["hide"])
    file.seek(0)  # the place is shared with the process that opened it
    container: Any = av.open(file, format="mov", options=options, buffer_size=BUFFER, io_open=no_other_file)
    video = container.streams.video[0]
    video.thread_type, video.codec_context.thread_count = "AUTO", THREADS
    video.codec_context.options = {"max_pixels": str(side * side)}
    audio = container.streams.audio[0] if container.streams.audio else None
    base = Fraction(video.time_base)
    first = next((p for p in container.demux(video) if p.size and p.dts is not None and p.pts is not None), None)
    if first is None or not video.duration:
        raise Unjoinable("one of them has no frames")
    begins = (video.start_time or 0) * base
    delay = (first.pts - first.dts) * base
    return Shot(container, video, audio, begins, video.duration * base, delay, bool(first.is_keyframe), side, samples)


def resampled(container: Any, stream: Any, begins: Fraction) -> Iterator[array[float]]:
    """Yield the samples of an audio stream in pieces, at SAMPLE_RATE and for CHANNELS in turn.

    They begin at the time `begins`: what comes before is left out, and a later beginning is filled with silence.
    """
    resampler = av.audio.resampler.AudioResampler(format="flt", layout="stereo", rate=SAMPLE_RATE)
    skip: int | None = None
    for decoded in _then_none(container.decode(stream)):
        if skip is None and decoded is not None:
            late = round(((decoded.pts or 0) * Fraction(decoded.time_base) - begins) * SAMPLE_RATE)
            skip = max(0, -late) * CHANNELS
            if late > 0:
                yield _silence(late)
        for frame in resampler.resample(decoded):
            piece = array("f")
            piece.frombytes(bytes(frame.planes[0])[: 4 * CHANNELS * frame.samples])
            left_out = min(skip or 0, len(piece))
            skip = (skip or 0) - left_out
            yield piece[left_out:]


def _then_none(frames: Iterator[Any]) -> Iterator[Any]:
    """Yield frames, then None, which makes a resampler give what it holds back."""
    yield from frames
    yield None


def _silence(count: int) -> array[float]:
    silence = array("f")
    silence.frombytes(bytes(4 * CHANNELS * min(count, SAMPLE_RATE)))
    return silence
