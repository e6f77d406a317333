"""Joins videos into one mp4: checks them by their box tables here, and has them joined in a child process with limits.

The child gets the open files, and one to write to; see `seedance_mcp.media.child`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from anyio import to_thread

from seedance_mcp.errors import UnreadableMedia
from seedance_mcp.media.boxes import Movie
from seedance_mcp.media.child import OnDone, Undecodable, run_task
from seedance_mcp.media.inspector import LONGEST_SIDE, MOST_SAMPLES, MOVIES, Inspector, opened, read_open, too_much
from seedance_mcp.media.tables import ImpossibleTable

FEWEST_SHOTS, MOST_SHOTS = 2, 60
LONGEST_FADE = 2.0
"""Seconds of a cross-fade: its frames are in memory."""
LONGEST_VIDEO = 1200
"""Seconds of a joined video."""
_AAC = "mp4a"


@dataclass(frozen=True, slots=True)
class JoinLimits:
    """What joining may use. In bytes and seconds."""

    memory: int = 1536 * 1024**2
    processor: int = 3600
    wall: float = 1200.0
    written: int = 4 * 10**9


@dataclass(frozen=True, slots=True)
class Joined:
    """The video that shots were joined to; `video` and `audio` say why they were encoded anew: "" if copied."""

    width: int
    height: int
    seconds: float
    has_audio: bool
    video: str
    audio: str


@dataclass(frozen=True, slots=True)
class Shots:
    """Videos that can be joined as they are, and what is wrong with them: sentences, by the places of the videos."""

    paths: Sequence[Path]
    movies: Sequence[Movie | None] = ()
    problems: dict[int, str] = field(default_factory=dict[int, str])

    @property
    def seconds(self) -> float:
        """How long they are together."""
        return sum(movie.video.seconds for movie in self.movies if movie and movie.video)


class Joiner:
    """Joins videos, one at a time."""

    def __init__(self, inspector: Inspector, limits: JoinLimits | None = None) -> None:
        self.inspector = inspector
        self.limits = limits or JoinLimits()
        self._at_once = anyio.CapacityLimiter(1)

    async def examine(self, videos: Sequence[Path], crossfade: float, *, keep_audio: bool) -> Shots:
        """Read the box tables of videos, and find what keeps them from being joined."""
        movies: list[Movie | None] = []
        problems = dict[int, str]()
        for place, video in enumerate(videos):
            try:
                movies.append(await to_thread.run_sync(_read, video, abandon_on_cancel=True))
            except ImpossibleTable as error:
                movies.append(None)
                problems[place] = f"cannot be decoded: {error}"
        first = next((movie.video for movie in movies if movie and movie.video), None)
        for place, movie in enumerate(movies):
            if movie is not None and (problem := _problem(movie, keep_audio=keep_audio)):
                problems[place] = problem
            elif movie and movie.video and first:
                if _orientation(movie.video) != _orientation(first):
                    problems[place] = f"is {_shape(movie.video)}, and the first is {_shape(first)}"
                elif movie.video.seconds < crossfade * (1 if place in {0, len(videos) - 1} else 2):
                    problems[place] = f"is too short for a cross-fade of {crossfade:g} s: {movie.video.seconds:.1f} s"
        return Shots(videos, movies, problems)

    async def join(
        self,
        shots: Shots,
        output: int,
        *,
        crossfade: float = 0.0,
        track: tuple[int, str] | None = None,
        on_done: OnDone | None = None,
    ) -> Joined:
        """Join shots without problems into the open file `output`, which is empty.

        `track` is an open audio file, with the extension of its format, in place of the audio of the shots. `on_done`
        gets the seconds that are done.

        Raises:
            UnreadableMedia: they cannot be joined, or not within the limits.
            OSError: a file cannot be opened, or is a link.
        """
        side = {"side": LONGEST_SIDE, "samples": MOST_SAMPLES}
        limits = {"memory": self.limits.memory, "processor": self.limits.processor, "written": self.limits.written}
        request: dict[str, Any] = {"task": "join", "limits": limits | side, "crossfade": crossfade, "output": output}
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(opened(path)) for path in shots.paths]
            request["shots"] = [
                {"file": file, "hide": movie.hidden(movie.video, movie.audio if track is None else None)}
                for file, movie in zip(files, shots.movies, strict=True)
                if movie is not None
            ]
            if track is not None:
                request["track"] = await to_thread.run_sync(_track, *track)
                files.append(track[0])
            try:
                async with self._at_once:
                    reply, _ = await run_task(request, (*files, output), wall=self.limits.wall, on_done=on_done)
                made = await to_thread.run_sync(read_open, output)
            except (Undecodable, ImpossibleTable) as error:
                raise UnreadableMedia(f"The videos cannot be joined: {error}.", next_step=_TRY) from None
        if made.video is None:
            raise UnreadableMedia("The videos cannot be joined: the result is damaged.", next_step=_TRY)
        shown = made.video
        why = (str(reply.get("video", "")), str(reply.get("audio", "")))
        return Joined(shown.width, shown.height, shown.seconds or made.seconds, made.has_audio(), *why)


_TRY = "Joining costs nothing: try fewer videos, or without a cross-fade; the videos themselves are unchanged."


def _read(video: Path) -> Movie:
    with opened(video) as file:
        return read_open(file)


def _track(file: int, ending: str) -> dict[str, Any]:
    """Describe an audio file to the child."""
    if ending not in MOVIES:
        return {"file": file, "hide": [], "format": ending}
    movie = read_open(file)
    return {"file": file, "hide": movie.hidden(movie.audio), "format": "mov"}


def _problem(movie: Movie, *, keep_audio: bool) -> str:
    if problem := too_much(movie):
        return problem
    audio = movie.audio
    if keep_audio and audio is not None and (audio.codec != _AAC or not audio.usual):
        return "has audio in a format that is not supported here; give an audio file in its place"
    return ""


def _orientation(shown: Any) -> int:
    return (shown.width > shown.height) - (shown.width < shown.height)


def _shape(shown: Any) -> str:
    name = {1: "landscape", 0: "square", -1: "portrait"}[_orientation(shown)]
    return f"{shown.width}x{shown.height} ({name})"
