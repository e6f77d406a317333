"""Joining videos: what is copied, what is encoded, and that it is bounded and leaves nothing running."""

# PyAV's types are incomplete.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import anyio
import av
import pytest

from seedance_mcp.errors import UnreadableMedia
from seedance_mcp.media.inspector import Inspector
from seedance_mcp.media.joiner import Joined, Joiner, JoinLimits
from seedance_mcp.sandbox.videos.render import Video, make
from tests.media.bombs import BOMBS
from tests.processes import children, ended, until
from tests.uploads.samples import audio

pytestmark = pytest.mark.anyio

ENDLESS = BOMBS["20,000 frames of 4096x4096 pixels"]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="child processes are listed in /proc")


def shot(
    seconds: float, level: int, *, rate: int = 24, preset: str = "medium", size: tuple[int, int] = (320, 180)
) -> bytes:
    """Return a silent H.264 video of one grey, with frames that are decoded in another order than they are shown."""
    made = io.BytesIO()
    with av.open(made, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt, stream.options = "yuv420p", {"preset": preset, "bf": "2", "threads": "1"}
        for number in range(round(seconds * rate)):
            frame = av.VideoFrame(*size, "yuv420p")
            for place, plane in enumerate(frame.planes):
                plane.update(bytes([128 if place else level + number % 5]) * plane.buffer_size)
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return made.getvalue()


def decoded(path: Path) -> list[tuple[float, int]]:
    """Return the time and the grey of each frame."""
    with av.open(str(path)) as container:
        frames = container.decode(container.streams.video[0])
        return [
            (float(f.pts * f.time_base), bytes(f.planes[0])[1000]) for f in frames if f.pts is not None and f.time_base
        ]


def packets(content: bytes) -> list[bytes]:
    with av.open(io.BytesIO(content), "r") as container:
        return [bytes(p) for p in container.demux(container.streams.video[0]) if p.size]


def loudness(path: Path) -> list[int]:
    """Return for each tenth of a second whether there is any audio."""
    with av.open(str(path)) as container:
        return [f.samples for f in container.decode(container.streams.audio[0])]


async def joined(
    folder: Path,
    shots: Sequence[bytes],
    *,
    crossfade: float = 0.0,
    track: bytes | None = None,
    limits: JoinLimits | None = None,
) -> tuple[Joined, Path]:
    paths = [folder / f"{number}.mp4" for number in range(len(shots))]
    for path, content in zip(paths, shots, strict=True):
        path.write_bytes(content)
    joiner, result = Joiner(Inspector(), limits), folder / "result.mp4"
    examined = await joiner.examine(paths, crossfade, keep_audio=track is None)
    assert examined.problems == {}
    with result.open("w+b") as file, anyio.fail_after(60):
        if track is None:
            return await joiner.join(examined, file.fileno(), crossfade=crossfade), result
        (folder / "track.wav").write_bytes(track)
        with (folder / "track.wav").open("rb") as opened:
            music = opened.fileno(), "wav"
            return await joiner.join(examined, file.fileno(), crossfade=crossfade, track=music), result


async def test_packets_of_shots_that_agree_are_copied_with_right_times(tmp_path: Path) -> None:
    shots = [shot(1, 40), shot(2, 90), shot(0.5, 160)]
    made, path = await joined(tmp_path, shots)
    assert made == Joined(320, 180, 3.5, has_audio=False, video="", audio="")
    assert packets(path.read_bytes()) == [packet for content in shots for packet in packets(content)]
    frames = decoded(path)
    assert [time for time, _ in frames] == pytest.approx([number / 24 for number in range(84)], abs=0.001)
    greys = [grey for _, grey in frames]
    assert max(greys[:24]) < min(greys[24:72])
    assert max(greys[24:72]) < min(greys[72:])


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (shot(1, 90, size=(640, 360)), "shot 2 has another size than the first"),
        (shot(1, 90, rate=12), "shot 2 has another frame rate than the first"),
        (shot(1, 90, preset="ultrafast"), "shot 2 has another encoding than the first"),
        (shot(1, 90, size=(240, 180)), "shot 2 has another size than the first"),
    ],
    ids=["size", "rate", "encoding", "shape"],
)
async def test_a_shot_that_differs_is_encoded_like_the_first(tmp_path: Path, other: bytes, why: str) -> None:
    made, path = await joined(tmp_path, [shot(1, 40), other])
    assert made == Joined(320, 180, 2.0, has_audio=False, video=why, audio="")
    frames = decoded(path)
    assert [time for time, _ in frames] == pytest.approx([number / 24 for number in range(48)], abs=0.001)


async def test_one_shot_fades_into_the_next(tmp_path: Path) -> None:
    made, path = await joined(tmp_path, [shot(1, 40), shot(1, 200), shot(1, 40)], crossfade=0.25)
    assert (made.seconds, made.video) == (2.5, "the cross-fade")
    greys = [grey for _, grey in decoded(path)]
    assert len(greys) == 60
    fade = greys[18:24]
    assert fade == sorted(fade)
    assert 40 < fade[0] < fade[-1] < 205
    assert greys[10] < 50
    assert greys[30] > 190


async def test_the_audio_of_shots_is_copied_or_mixed_with_silence(tmp_path: Path) -> None:
    loud, silent = make(Video(320, 180, 1, audio=True)), make(Video(320, 180, 1, audio=False))
    copied, path = await joined(tmp_path, [loud, loud])
    assert (copied.video, copied.audio, copied.has_audio) == ("", "", True)
    assert sum(loudness(path)) == pytest.approx(2 * 48_000, abs=2_100)
    mixed, path = await joined(tmp_path, [loud, silent, loud])
    assert (mixed.video, mixed.audio) == ("", "shot 2 is silent")
    assert sum(loudness(path)) == pytest.approx(3 * 48_000, abs=2_100)


@pytest.mark.parametrize(("seconds", "left"), [(1, 1), (30, 2)], ids=["shorter", "longer"])
async def test_an_audio_file_lasts_at_most_as_long_as_the_video(tmp_path: Path, seconds: float, left: float) -> None:
    shots = [make(Video(320, 180, 1, audio=True))] * 2
    made, path = await joined(tmp_path, shots, track=audio(seconds))
    assert (made.video, made.audio, made.seconds) == ("", "the audio file", 2.0)
    assert sum(loudness(path)) == pytest.approx(left * 48_000, abs=2_100)


# -- bounds -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in BOMBS if "20,000" not in name])
async def test_a_bomb_is_not_joined(tmp_path: Path, name: str) -> None:
    bomb, honest = tmp_path / "a.mp4", tmp_path / "b.mp4"
    bomb.write_bytes(BOMBS[name]())
    honest.write_bytes(shot(1, 40, size=(320, 320)))
    joiner = Joiner(Inspector(), JoinLimits(wall=10))
    with anyio.fail_after(20):
        examined = await joiner.examine([bomb, honest], 0.0, keep_audio=True)
        if not examined.problems:
            with (tmp_path / "c.mp4").open("w+b") as file, pytest.raises(UnreadableMedia, match="cannot be joined"):
                await joiner.join(examined, file.fileno(), crossfade=0.1)


async def test_what_takes_too_long_or_becomes_too_large_is_ended(tmp_path: Path) -> None:
    with pytest.raises(UnreadableMedia, match=r"cannot be joined: the result has more than 0 MB"):
        await joined(tmp_path, [shot(1, 40)] * 2, limits=JoinLimits(written=1000))
    with pytest.raises(UnreadableMedia, match="cannot be joined: it takes longer than 1 s"):
        await joined(tmp_path, [ENDLESS(), ENDLESS()], crossfade=0.2, limits=JoinLimits(wall=1))


@LINUX
async def test_joining_that_is_cancelled_leaves_no_process(tmp_path: Path) -> None:
    before = children(os.getpid())
    started = set[int]()
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: joined(tmp_path, [ENDLESS(), ENDLESS()], crossfade=0.2))
            await until(lambda: bool(children(os.getpid()) - before))
            started = children(os.getpid()) - before
            group.cancel_scope.cancel()
        assert started
        await until(lambda: all(map(ended, started)))
