"""Files that would take a decoder much memory or time: refused, or stopped at a limit, with nothing left running."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import anyio
import pytest

from seedance_mcp.errors import UnreadableMedia
from seedance_mcp.media.inspector import DecoderLimits, Inspector
from seedance_mcp.sandbox.videos.render import Video, make
from tests.media.bombs import BOMBS, SIDE_IN_BLOCKS, h264
from tests.processes import children, ended, until

pytestmark = pytest.mark.anyio

ENDLESS = "20,000 frames of 4096x4096 pixels"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="child processes are listed in /proc")


@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_is_refused_in_bounded_memory_and_time(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(BOMBS[name]())
    with anyio.fail_after(10), pytest.raises(UnreadableMedia, match=r"a\.mp4 cannot be decoded"):
        await Inspector(DecoderLimits(wall=1.5)).preview(path)


async def test_a_decoder_that_needs_too_much_memory_is_refused_it(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(h264(SIDE_IN_BLOCKS, 3))
    assert (await Inspector().preview(path, frames=1)).times == (0.06,)
    little = Inspector(DecoderLimits(memory=300 * 1024**2))
    with pytest.raises(UnreadableMedia, match="it needs more than 300 MB of memory"):
        await little.preview(path, frames=1)


async def test_a_decoder_that_needs_too_much_processor_time_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(BOMBS[ENDLESS]())
    with anyio.fail_after(30), pytest.raises(UnreadableMedia, match="cannot be decoded"):
        await Inspector(DecoderLimits(processor=1, wall=60)).preview(path)


@pytest.mark.parametrize(("side", "frames"), [(4097, 3), (320, 20_001)])
async def test_a_video_that_is_too_large_is_not_given_to_a_decoder(tmp_path: Path, side: int, frames: int) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(h264(20, frames, stated=side))
    began = time.monotonic()
    with pytest.raises(UnreadableMedia, match="the limit is"):
        await Inspector(DecoderLimits(at_once=1, wall=0)).preview(path)
    assert time.monotonic() - began < 5


@LINUX
async def test_a_cancelled_preview_leaves_no_process_and_stops_no_other(tmp_path: Path) -> None:
    endless, honest = tmp_path / "a.mp4", tmp_path / "b.mp4"
    endless.write_bytes(BOMBS[ENDLESS]())
    honest.write_bytes(make(Video(320, 180, 1, audio=False)))
    inspector, before, started = Inspector(), children(os.getpid()), set[int]()
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            for _ in range(40):
                group.start_soon(inspector.preview, endless)
            await until(lambda: len(children(os.getpid()) - before) == 2)
            started = children(os.getpid()) - before
            group.cancel_scope.cancel()
        assert all(map(ended, started))
        assert (await inspector.preview(honest, frames=2)).times == (0.25, 0.75)
    assert children(os.getpid()) <= before
