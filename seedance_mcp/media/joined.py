"""Joins videos, the shots, into one mp4. Only the child process imports this; needs the extra `media`.

Video and audio are copied packet by packet where all shots agree in them, and are encoded anew where they do not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import av

from seedance_mcp.media.joined_audio import AudioFile, CopiedAudio, MixedAudio
from seedance_mcp.media.joined_video import CopiedVideo, EncodedVideo
from seedance_mcp.media.shot import Shot, Unjoinable, open_shot

_BETWEEN_REPORTS = 0.5
"""Seconds between two reports of how far it is."""
_ENCODERS = {"libx264", "aac"}
_USUAL_RATE = Fraction(24)
"""Frames per second where the first shot does not say how many it has."""


def join(request: Mapping[str, Any], report: Callable[[float], None]) -> dict[str, Any]:
    """Join shots as a request says; return why video and audio were encoded: an empty text where they were copied.

    `shots` and, where there is one, `track` (audio instead of that of the shots) say which open files to read and what
    to hide of them, `output` is the open file to write, `crossfade` the seconds in which one shot becomes the next.
    """
    try:
        return _join(request, _seldom(report))
    except Unjoinable as error:
        return {"problem": str(error)}


def _join(request: Mapping[str, Any], report: Callable[[float], None]) -> dict[str, Any]:
    limits = request["limits"]
    shots = [open_shot(shot, limits["side"], limits["samples"]) for shot in request["shots"]]
    fade = Fraction(request["crossfade"]).limit_denominator(1000)
    with (
        open(request["output"], "r+b", buffering=0, closefd=False) as file,
        av.open(file, "w", format="mp4") as container,
    ):
        new_video = "the cross-fade" if fade else _difference(shots, _OF_VIDEO, "video")
        if new_video or (request.get("track") or fade):
            _require_encoders()
        rate = _rate(shots[0])
        video = EncodedVideo(container, shots[0], rate, fade) if new_video else CopiedVideo(container, shots[0])
        times = video.times(shots)
        new_audio, audio = _audio(container, shots, request, fade=bool(fade))
        for number, shot in enumerate(shots):
            begin, end = times[number]
            following = times[number + 1][0] if number + 1 < len(shots) else end
            video.add(shot, begin, report, last=shot is shots[-1])
            if audio is not None:
                audio.add(shot, begin, end, following)
        video.finish()
        if audio is not None:
            audio.finish()
    return {"video": new_video, "audio": new_audio}


def _audio(
    container: Any, shots: Sequence[Shot], request: Mapping[str, Any], *, fade: bool
) -> tuple[str, CopiedAudio | MixedAudio | AudioFile | None]:
    """Return what writes the audio, if there is any, and why it is encoded."""
    if track := request.get("track"):
        return "the audio file", AudioFile(container, track)
    if not any(shot.audio for shot in shots):
        return "", None
    silent = next((number for number, shot in enumerate(shots, 1) if not shot.audio), None)
    why = "the cross-fade" if fade else f"shot {silent} is silent" if silent else _difference(shots, _OF_AUDIO, "audio")
    if not why:
        return "", CopiedAudio(container, shots[0])
    _require_encoders()
    return why, MixedAudio(container)


def _rate(shot: Shot) -> Fraction:
    rate = shot.video.average_rate
    return Fraction(rate) if rate and 1 <= rate <= 120 else _USUAL_RATE  # noqa: PLR2004  (frames per second)


_OF_VIDEO: Mapping[str, Callable[[Any], Any]] = {
    "size": lambda stream: (stream.width, stream.height),
    "codec": lambda stream: stream.codec_context.name,
    "frame rate": lambda stream: round(float(stream.average_rate or 0), 1),
    "pixel format": lambda stream: stream.codec_context.pix_fmt,
    "encoding": lambda stream: (stream.codec_context.extradata, stream.codec_context.profile),
}
_OF_AUDIO: Mapping[str, Callable[[Any], Any]] = {
    "codec": lambda stream: stream.codec_context.name,
    "sample rate": lambda stream: stream.codec_context.sample_rate,
    "number of channels": lambda stream: stream.codec_context.layout.name,
    "encoding": lambda stream: (stream.codec_context.extradata, stream.codec_context.profile),
}


def _difference(shots: Sequence[Shot], of: Mapping[str, Callable[[Any], Any]], kind: str) -> str:
    """Return in what a shot differs from the first so that it cannot be copied behind it."""
    first = shots[0]
    for number, shot in enumerate(shots[1:], 2):
        for what, value in of.items():
            if value(getattr(shot, kind)) != value(getattr(first, kind)):
                return f"shot {number} has another {what} than the first"
        if kind == "video" and (shot.delay != first.delay or not shot.begins_whole):
            return f"shot {number} has its frames in another order than the first"
    return ""


def _require_encoders() -> None:
    if not av.codecs_available >= _ENCODERS:
        raise Unjoinable("the installed PyAV has no encoder for H.264 and AAC")


def _seldom(report: Callable[[float], None]) -> Callable[[float], None]:
    due = 0.0

    def report_if_due(seconds: float) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + _BETWEEN_REPORTS
            report(seconds)

    return report_if_due
