"""The progress of downloads, as a terminal shows it. Tests of `videos save` check the lines that appear elsewhere."""

from __future__ import annotations

import os
import re

import anyio
import pytest
from anyio import to_thread

from tests.cli.command import POSIX, Result, read_all
from tests.cli.vendors_over_http import Vendors, saved_paths

pytestmark = pytest.mark.anyio


@POSIX
async def test_on_a_terminal_each_download_has_a_bar(vendors: Vendors) -> None:
    jobs = await vendors.create_videos("video one", "video two")
    vendors.env |= {"TERM": "xterm", "COLUMNS": "120"}
    ours, theirs = os.openpty()
    shown = bytearray()

    def read() -> None:
        try:
            while block := os.read(ours, 4096):
                shown.extend(block)
        except OSError:  # the command has ended
            pass

    try:
        async with anyio.create_task_group() as group, vendors.started("save", stderr=theirs) as process:
            os.close(theirs)
            group.start_soon(to_thread.run_sync, read)
            assert len(saved_paths(Result(0, await read_all(process.stdout), ""))) == 2
            assert await process.wait() == 0
    finally:
        os.close(ours)
    for job in jobs:
        assert re.search(rf"{job} .*━.*3\.1/3\.1 MB", shown.decode())
