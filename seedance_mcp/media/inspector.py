"""Finds out what a media file is, and takes frames from it, without decoding anything in this process.

An mp4 or mov is described by its box table, which is read here: see `seedance_mcp.media.boxes`. Whatever needs a
decoder happens in a child process with limits on memory, processor time and time: see `seedance_mcp.media.child`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import stat
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import anyio
from anyio import to_thread

from seedance_mcp.errors import MissingExtra, UnreadableMedia
from seedance_mcp.media.boxes import Movie, read_movie
from seedance_mcp.media.child import Undecodable, run_task
from seedance_mcp.media.sniff import MediaKind
from seedance_mcp.media.tables import ImpossibleTable

FRAMES, MOST_FRAMES = 6, 12
"""Frames on one contact sheet: how many unless asked otherwise, and at most."""
LONGEST_SIDE = 4096
"""Pixels of the width and of the height of a video that is decoded."""
MOST_SAMPLES = 20_000
"""Frames of a video that is decoded: 13 minutes of it."""
CODECS = frozenset({"avc1", "avc3", "hvc1", "hev1", "av01", "vp09", "mp4v"})
"""The sample descriptions of the videos that are decoded."""
MOVIES = frozenset({"mp4", "m4v", "mov", "m4a"})
"""The formats, by file extension, whose box table is read; a video in another format is not inspected."""
_OPEN = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC"))
_CHECK_FILE = "Ask the user to open the file in a video player; it may be damaged."


@dataclass(frozen=True, slots=True)
class DecoderLimits:
    """What one decoder may use, and how many may run at once. In seconds and bytes."""

    memory: int = 512 * 1024**2
    processor: int = 30
    wall: float = 20.0
    in_all: float = 25.0
    """For all files of one call."""
    at_once: int = 2


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """The properties of a video, as its file states them."""

    width: int
    height: int
    seconds: float
    audio: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """Frames of a video as one JPEG image, their times in seconds, and its last frame in full size as another JPEG."""

    jpeg: bytes
    times: tuple[float, ...]
    last_frame: bytes


@dataclass(frozen=True, slots=True)
class Probed:
    """What was found out about a file; None is unknown."""

    pixels: tuple[int, int] | None = None
    """Width and height."""
    seconds: float | None = None


def why_unavailable() -> str:
    """Return why nothing can be decoded here; an empty text where it can."""
    if not all(importlib.util.find_spec(name) for name in ("av", "PIL")):
        return 'the extra "media" is not installed'
    if importlib.util.find_spec("resource") is None:
        return "this system has no limits for the memory of a decoder"
    return ""


class Inspector:
    """Inspects files, a few at a time."""

    def __init__(self, limits: DecoderLimits | None = None, unavailable: str | None = None) -> None:
        """`unavailable` says why nothing can be decoded; by default, that is found out."""
        self.limits = limits or DecoderLimits()
        self.unavailable = why_unavailable() if unavailable is None else unavailable
        self._decoders = anyio.CapacityLimiter(self.limits.at_once)
        self.threads = anyio.CapacityLimiter(self.limits.at_once)
        """For reading files, so that no number of slow ones stops the threads that serve the client."""

    async def video_info(self, video: Path) -> VideoInfo:
        """Return the properties of a saved video.

        Raises:
            UnreadableMedia: it is not a video, or is damaged.
            OSError: it cannot be opened, or is a link.
        """
        with opened(video) as file:
            movie = await self._movie(file, video.name)
        if movie.video is None:
            raise UnreadableMedia(f"{video.name} has no video stream.", next_step=_CHECK_FILE)
        shown = movie.video
        return VideoInfo(shown.width, shown.height, shown.seconds or movie.seconds, movie.has_audio())

    async def preview(self, video: Path, frames: int = FRAMES, at: float | None = None) -> Preview:
        """Return frames of a saved video at equal intervals, or the one that a player shows `at` so many seconds.

        A time after the end gives the last frame.

        Raises:
            MissingExtra: nothing can be decoded here.
            UnreadableMedia: it cannot be decoded, or not within the limits.
            OSError: it cannot be opened, or is a link.
        """
        if self.unavailable:
            raise MissingExtra(
                f"Videos cannot be inspected: {self.unavailable}.", next_step="Install seedance-mcp[media]."
            )
        with opened(video) as file:
            movie = await self._movie(file, video.name)
            if problem := too_much(movie):
                raise UnreadableMedia(f"{video.name} {problem}.", next_step=_CHECK_FILE)
            shown = movie.video
            task = {"task": "preview", "hide": movie.hidden(shown), "seconds": shown.seconds if shown else 0}
            try:
                reply, images = await self._decode(file, {**task, "frames": frames, "at": at})
            except Undecodable as error:
                raise UnreadableMedia(f"{video.name} cannot be decoded ({error}).", next_step=_CHECK_FILE) from None
        times = reply.get("times")
        if len(images) != 2 or not isinstance(times, list):  # noqa: PLR2004  (the frames, and the last one)
            raise UnreadableMedia(f"{video.name} cannot be decoded.", next_step=_CHECK_FILE)
        return Preview(images[0], tuple(map(float, cast("list[float]", times))), images[1])

    async def probe(self, file: int, kind: MediaKind, ending: str) -> Probed:
        """Return the pixel size and duration of an open file whose format `sniff` has determined.

        Both are unknown for a video that is neither mp4 nor mov, and where nothing can be decoded.

        Raises:
            Undecodable: it is damaged, or not of that kind.
            OSError: it cannot be read.
        """
        if ending in MOVIES:
            return await to_thread.run_sync(_probe_movie, file, kind, limiter=self.threads, abandon_on_cancel=True)
        if self.unavailable or kind == "video":
            return Probed()
        reply, _ = await self._decode(file, {"task": kind, "ending": ending})
        pixels, seconds = reply.get("pixels"), reply.get("seconds")
        return Probed(
            pixels=(int(pixels[0]), int(pixels[1])) if pixels else None, seconds=float(seconds) if seconds else None
        )

    async def _movie(self, file: int, name: str) -> Movie:
        try:
            return await to_thread.run_sync(read_open, file, limiter=self.threads)
        except ImpossibleTable as error:
            raise UnreadableMedia(f"{name} cannot be decoded: {error}.", next_step=_CHECK_FILE) from None

    async def _decode(self, file: int, task: Mapping[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        """Run a task in a child process; return its answer, and the images that came with it.

        Raises:
            Undecodable: it failed, or needed more than the limits allow.
        """
        limits = {"memory": self.limits.memory, "processor": self.limits.processor, "side": LONGEST_SIDE}
        request = {"file": file, "limits": {**limits, "samples": MOST_SAMPLES}, **task}
        async with self._decoders:
            return await run_task(request, (file,), wall=self.limits.wall)


def read_open(file: int) -> Movie:
    """Read the box table of an open file.

    Raises:
        ImpossibleTable, OSError: see `read_movie`.
    """
    with os.fdopen(file, "rb", closefd=False) as reader:
        return read_movie(reader, os.fstat(file).st_size)


def _probe_movie(file: int, kind: MediaKind) -> Probed:
    try:
        movie = read_open(file)
    except ImpossibleTable as error:
        raise Undecodable(str(error)) from None
    if kind == "audio" and movie.has_audio():
        return Probed(seconds=movie.seconds or None)
    if kind == "video" and (shown := movie.video) is not None:
        return Probed((shown.width, shown.height), movie.seconds or None)
    raise Undecodable(f"there is no {kind} stream in it")


def too_much(movie: Movie) -> str:
    """Return why a movie is not given to a decoder; an empty text if it is."""
    shown = movie.video
    if shown is None:
        return "has no video stream"
    if not 1 <= shown.width <= LONGEST_SIDE or not 1 <= shown.height <= LONGEST_SIDE:
        return f"has {shown.width}x{shown.height} pixels; the limit is {LONGEST_SIDE}x{LONGEST_SIDE}"
    if shown.samples > MOST_SAMPLES:
        return f"has {shown.samples} frames; the limit is {MOST_SAMPLES}"
    return "" if shown.codec in CODECS else "is encoded in a way that is not supported here"


@contextlib.contextmanager
def opened(path: Path) -> Generator[int]:
    """Open a regular file for reading, without following a link, and close it at the end of the block.

    Raises:
        OSError: it cannot be opened, or is a link, a folder or a device.
    """
    file = os.open(path, os.O_RDONLY | _OPEN)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(f"{path.name} is not a regular file")
        yield file
    finally:
        os.close(file)
