"""The video of several shots in sequence, copied or encoded. Only the child process imports this."""

# PyAV's types are incomplete.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import av
from PIL import Image

from seedance_mcp.media.shot import Shot, Unjoinable

_FORMAT = "yuv420p"
_BLACK = (16, 128, 128)
"""Y, U and V."""
_OPTIONS = {"preset": "veryfast", "crf": "18", "rc-lookahead": "10", "threads": "2"}
"""Hardly distinguishable from what was encoded, in bounded memory."""

Times = list[tuple[Fraction, Fraction]]
"""When each shot begins and ends in the joined video, in seconds."""
Report = Callable[[float], None]


class CopiedVideo:
    """Writes the packets of shots that agree, with the times that they have in the joined video."""

    def __init__(self, container: Any, first: Shot) -> None:
        self._container = container
        self._stream = container.add_stream_from_template(first.video)
        self._base = Fraction(first.video.time_base)
        self._latest: int | None = None

    def times(self, shots: Sequence[Shot]) -> Times:
        """Return when each shot begins and ends."""
        times: Times = []
        for shot in shots:
            begin = times[-1][1] if times else Fraction(0)
            times.append((begin, begin + shot.seconds))
        return times

    def add(self, shot: Shot, begin: Fraction, report: Report, *, last: bool) -> None:  # noqa: ARG002  (as of the other class)
        """Write a shot that begins at a time."""
        shift = round((begin - shot.begins) / self._base)
        for packet in shot.packets(shot.video):
            shown, decoded = packet.pts * packet.time_base, packet.dts * packet.time_base
            packet.duration = round((packet.duration or 0) * packet.time_base / self._base)
            packet.time_base = self._base
            packet.dts = max(
                round(decoded / self._base) + shift, -(2**62) if self._latest is None else self._latest + 1
            )
            packet.pts = max(round(shown / self._base) + shift, packet.dts)
            packet.stream, self._latest = self._stream, packet.dts
            report(float(packet.dts * self._base))
            self._container.mux(packet)

    def finish(self) -> None:
        """Write what is held back."""


class EncodedVideo:
    """Encodes the frames of shots in the size and at the rate of the first; one can fade into the next."""

    def __init__(self, container: Any, first: Shot, rate: Fraction, fade: Fraction) -> None:
        self._container, self._rate, self._fade = container, rate, round(fade * rate)
        self._size = first.video.width & ~1, first.video.height & ~1
        self._stream = container.add_stream("libx264", rate=rate)
        self._stream.width, self._stream.height = self._size
        self._stream.pix_fmt, self._stream.options = _FORMAT, dict(_OPTIONS)
        self._written = 0
        self._tail: list[Any] = []

    def _count(self, shot: Shot) -> int:
        return max(1, round(shot.seconds * self._rate))

    def times(self, shots: Sequence[Shot]) -> Times:
        """Return when each shot begins and ends; those that fade into each other overlap."""
        times, first = Times(), 0
        for number, shot in enumerate(shots):
            count = self._count(shot)
            if self._fade and count < self._fade * (1 if number in {0, len(shots) - 1} else 2):
                raise Unjoinable("a shot is too short for the cross-fade")
            times.append((first / self._rate, (first + count) / self._rate))
            first += count - self._fade
        return times

    def add(self, shot: Shot, begin: Fraction, report: Report, *, last: bool) -> None:  # noqa: ARG002  (as of the other class)
        """Encode a shot, except for the frames at its end that fade into the next."""
        frames, tail = self._frames(shot), self._tail
        for index, before in enumerate(tail):
            self._encode(_blended(before, next(frames), (index + 1) / (len(tail) + 1)), report)
        waiting = deque[Any]()
        for frame in frames:
            waiting.append(frame)
            if last or len(waiting) > self._fade:
                self._encode(waiting.popleft(), report)
        self._tail = list(waiting)

    def _encode(self, frame: Any, report: Report) -> None:
        frame.pts, frame.time_base = self._written, 1 / self._rate
        frame.pict_type = 0  # the encoder decides, whatever the frame was
        self._written += 1
        report(float(self._written / self._rate))
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Write what is held back."""
        self._container.mux(self._stream.encode(None))

    def _frames(self, shot: Shot) -> Iterator[Any]:
        """Yield a shot's frames at the constant rate."""
        found = shot.frames()
        ahead = next(found, None)
        if ahead is None:
            raise Unjoinable("one of them has no frames")
        shown = self._fitted(ahead[1])
        for number in range(self._count(shot)):
            # A frame counts from half a frame before its time, because times are rounded.
            while ahead is not None and ahead[0] * self._rate < number + Fraction(1, 2):
                shown, ahead = ahead[1], next(found, None)
                if ahead is None or ahead[0] * self._rate >= number + Fraction(1, 2):
                    shown = self._fitted(shown)
            yield shown

    def _fitted(self, frame: Any) -> Any:
        """Return a frame in the joined video's size, with black bars where its shape is another."""
        width, height = self._size
        scale = min(width / frame.width, height / frame.height)
        inner = min(width, 2 * round(frame.width * scale / 2)), min(height, 2 * round(frame.height * scale / 2))
        scaled = frame.reformat(*inner, format=_FORMAT, interpolation="BICUBIC")
        if inner == self._size:
            return scaled
        left, top = (width - inner[0]) // 4 * 2, (height - inner[1]) // 4 * 2
        planes: list[Image.Image] = []
        for number, image in enumerate(_planes(scaled)):
            part = 2 if number else 1
            plane = Image.new("L", (width // part, height // part), _BLACK[number])
            plane.paste(image, (left // part, top // part))
            planes.append(plane)
        return _frame(planes)


def _planes(frame: Any) -> list[Image.Image]:
    """Return the planes of a frame as images."""
    images: list[Image.Image] = []
    for plane in frame.planes:
        rows = Image.frombytes("L", (plane.line_size, plane.height), bytes(plane))
        images.append(rows.crop((0, 0, plane.width, plane.height)))
    return images


def _frame(planes: Sequence[Image.Image]) -> Any:
    """Return a frame with these planes."""
    frame = av.VideoFrame(planes[0].width, planes[0].height, _FORMAT)
    for plane, image in zip(frame.planes, planes, strict=True):
        rows = Image.new("L", (plane.line_size, plane.height))
        rows.paste(image, (0, 0))
        plane.update(rows.tobytes())
    return frame


def _blended(before: Any, after: Any, share: float) -> Any:
    """Return a mixture of two frames of one size, with this share of the second."""
    pairs = zip(_planes(before), _planes(after), strict=True)
    return _frame([Image.blend(one, other, share) for one, other in pairs])
