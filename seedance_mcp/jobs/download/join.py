"""Joins the saved videos of jobs to one in the folder for videos. Nothing is sent, and nothing is paid."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from seedance_mcp.errors import InvalidRequest, MissingExtra, SaveError, UnknownJob
from seedance_mcp.jobs.download.folder import VideoFolder
from seedance_mcp.jobs.download.preview import no_video
from seedance_mcp.jobs.download.transfer import named
from seedance_mcp.jobs.journal.model import new_id
from seedance_mcp.media.joiner import LONGEST_VIDEO
from seedance_mcp.uploads import local_files
from seedance_mcp.uploads.local_files import LocalFile, UnusableFile
from seedance_mcp.uploads.routes import allowed_roots

if TYPE_CHECKING:
    from seedance_mcp.jobs.journal.model import Job
    from seedance_mcp.media.inspector import Inspector
    from seedance_mcp.media.joiner import Joined, Joiner, Shots
    from seedance_mcp.settings import Settings

_SPARE = 64 * 1024**2
"""Bytes of the disk that are left free."""

OnJoined = Callable[[float, float], Awaitable[None]]
"""Gets the seconds of the joined video that are done, and those in all."""


@dataclass(frozen=True, slots=True)
class JoinedVideo:
    """A joined video on disk: its path, its size in bytes, and how it was made."""

    path: Path
    size: int
    made: Joined


@dataclass(frozen=True, slots=True)
class Joining:
    """What is to be joined: jobs in order, an audio file in place of their audio, a cross-fade in seconds."""

    job_ids: Sequence[str]
    audio: str | None = None
    crossfade: float = 0.0


async def join_videos(
    joining: Joining,
    settings: Settings,
    check: Callable[[str], Awaitable[Job]],
    joiner: Joiner,
    on_done: OnJoined,
) -> JoinedVideo:
    """Join the saved videos of jobs; `check` returns a job as it is now.

    Raises:
        InvalidRequest: lists every problem of the jobs and of the audio file.
        MissingExtra, UnreadableMedia: nothing can be decoded here, or not this.
        SaveError: the result could not be saved.
    """
    if joiner.inspector.unavailable:
        raise MissingExtra(f"Videos cannot be joined: {joiner.inspector.unavailable}.", next_step=_INSTALL)
    jobs, problems = await _jobs(joining.job_ids, check)
    track, audio_problem = await _track(joining.audio, settings, joiner.inspector)
    shots = None if problems else await _shots(joining, jobs, joiner, problems)
    if audio_problem:
        problems.append(audio_problem)
    if shots is None or problems:
        raise _refusal(problems)

    async def done(seconds: float) -> None:
        await on_done(seconds, shots.seconds)

    day = time.time()
    asked = [joining.job_ids, track.sha256 if track else "", joining.crossfade]
    digest = hashlib.sha256(json.dumps(asked).encode()).hexdigest()
    count = f"{len(joining.job_ids)}-shots"
    names = [named(day, jobs[0].prompt, count, digest[:length]) for length in (6, 16)]
    try:
        async with _new_file(settings.output_dir, sum(job.size or 0 for job in jobs)) as new:
            with contextlib.ExitStack() as stack:
                replacing = (stack.enter_context(local_files.reopened(track)), track.info.ending) if track else None
                made = await joiner.join(shots, new.file, crossfade=joining.crossfade, track=replacing, on_done=done)
            path, size = await to_thread.run_sync(new.publish, names)
    except UnusableFile as error:
        raise _refusal([f"audio_file {error}"]) from None
    except OSError as error:
        raise SaveError(
            f"The joined video could not be saved in {settings.output_dir} ({error.strerror or error}).",
            next_step="Tell the user; the folder must be writable and have room. The videos themselves are unchanged.",
        ) from None
    return JoinedVideo(path, size, made)


_INSTALL = "Install seedance-mcp[media]."


def _refusal(problems: Sequence[str]) -> InvalidRequest:
    count = len(problems)
    lines = [f"These videos cannot be joined, {count} problem{'s' if count > 1 else ''}:"]
    lines += [f"- {problem}" for problem in problems[:_SHOWN]]
    lines += [f"- and {count - _SHOWN} more"] if count > _SHOWN else []
    return InvalidRequest("\n".join([*lines, "Nothing was changed or paid."]), next_step=_CORRECT)


_SHOWN = 10
_CORRECT = "Correct these and call join_videos again; it costs nothing."


async def _jobs(ids: Sequence[str], check: Callable[[str], Awaitable[Job]]) -> tuple[list[Job], list[str]]:
    """Return the jobs, and what is wrong with them."""
    found: dict[str, Job] = {}
    problems: list[str] = []
    for job_id in dict.fromkeys(ids):
        try:
            job = found[job_id] = await check(job_id)
        except UnknownJob as error:
            problems.append(f"{error.sentence} {error.next_step}")
            continue
        if not job.path or not await to_thread.run_sync(_is_file, job.path):
            missing = no_video(job)
            problems.append(f"{missing.sentence} {missing.next_step}")
    return ([] if problems else [found[job_id] for job_id in ids]), problems


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


async def _shots(joining: Joining, jobs: Sequence[Job], joiner: Joiner, problems: list[str]) -> Shots:
    """Return the videos of jobs as they can be joined; what is wrong with them is added to `problems`."""
    paths = [Path(job.path or "") for job in jobs]
    shots = await joiner.examine(paths, joining.crossfade, keep_audio=joining.audio is None)
    sentences = [f"The video of job {jobs[place].id} {problem}. {_OTHER}" for place, problem in shots.problems.items()]
    problems += dict.fromkeys(sentences)
    if shots.seconds > LONGEST_VIDEO:
        problems.append(f"Together they have {shots.seconds:.0f} s; the limit is {LONGEST_VIDEO} s. Name fewer jobs.")
    return shots


_OTHER = "Leave it out, or name another job."


async def _track(audio: str | None, settings: Settings, inspector: Inspector) -> tuple[LocalFile | None, str]:
    """Return the audio file that replaces the audio of the shots, or what is wrong with it."""
    if audio is None:
        return None, ""
    if not local_files.is_local(audio):
        return None, "audio_file is a URL: give the path of a local file."
    try:
        file = await to_thread.run_sync(local_files.find, audio, allowed_roots(settings))
        if file.info.kind == "audio":
            return await local_files.inspect(file, inspector), ""
    except UnusableFile as error:
        return None, f"audio_file {error}. Give another file, or leave audio_file out to keep the audio of the videos."
    return None, f"audio_file ({file.name}) is not an audio file but {file.info.kind}: give another file."


# -- the file -----------------------------------------------------------------------------------------------------


class _NewFile:
    """A new hidden file in the folder for videos, until it gets its name. Its name is one that downloads tidy up."""

    def __init__(self, path: Path, needed: int) -> None:
        self._folder = VideoFolder(path)
        try:
            _check_room(self._folder, needed)
            self._name = f".{new_id()}.join.part"
            self.file = self._folder.open(self._name, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        except BaseException:
            self._folder.close()
            raise

    def publish(self, names: Sequence[str]) -> tuple[Path, int]:
        """Give it the first of these names that is free, or already has exactly this video; return path and size.

        Raises:
            OSError: all of them are taken, or the disk is full or broken.
        """
        os.fsync(self.file)
        size, digest = os.fstat(self.file).st_size, self._digest(self._name)
        for name in names:
            try:
                self._folder.publish(self._name, name, self.file)
            except FileExistsError:
                if self._digest(name) != digest:
                    continue
            return self._folder.path / name, size
        raise OSError(f"other files are named {' and '.join(names)}")

    def _digest(self, name: str) -> bytes:
        try:
            with os.fdopen(self._folder.open(name, os.O_RDONLY), "rb") as file:
                return hashlib.file_digest(file, "sha256").digest()
        except OSError:  # a link, or a folder
            return b""

    def close(self) -> None:
        """Close it, and remove its hidden name."""
        os.close(self.file)
        self._folder.remove(self._name)
        self._folder.close()


def _check_room(folder: VideoFolder, needed: int) -> None:
    if needed + _SPARE > folder.free():
        raise OSError(f"there is no room for {needed / 1e6:.0f} MB")


@contextlib.asynccontextmanager
async def _new_file(folder: Path, needed: int) -> AsyncGenerator[_NewFile]:
    new = await to_thread.run_sync(_NewFile, folder, needed)
    try:
        yield new
    finally:
        new.close()
