"""`seedance-mcp videos open`: the video in the system's player."""

from __future__ import annotations

import os
import re
import sys

import pytest

from tests.cli.command import POSIX
from tests.cli.vendors_over_http import Vendors, saved_paths
from tests.server.mcp_client import PRICED

pytestmark = pytest.mark.anyio


def install_player(vendors: Vendors, script: str) -> None:
    """Replace the system's program that opens files with a shell script."""
    programs = vendors.folder / "programs"
    programs.mkdir()
    program = programs / ("open" if sys.platform == "darwin" else "xdg-open")
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    vendors.env |= {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "DISPLAY": ":7"}


@POSIX
async def test_a_video_is_saved_and_opened_in_the_player(vendors: Vendors) -> None:
    one, two = await vendors.create_videos("video one; touch pwned", "video two")
    install_player(vendors, f'printf "%s\\n" "$@" >> {vendors.folder}/args; env > {vendors.folder}/env')
    newest, named = await vendors.run("open"), await vendors.run("open", one[:6])
    assert (newest.code, named.code) == (0, 0)
    (second,), (first,) = saved_paths(newest), saved_paths(named)
    assert (first.stem[-4:], second.stem[-4:]) == (one[-4:], two[-4:])
    assert (vendors.folder / "args").read_text() == f"{second}\n{first}\n"
    assert "SEEDANCE_" not in (vendors.folder / "env").read_text()
    await vendors.run("open", two)
    assert len(vendors.downloads.ranges) == 2


@POSIX
async def test_a_player_that_fails_is_named_and_the_path_is_printed(vendors: Vendors) -> None:
    await vendors.create_videos("video one")
    install_player(vendors, "exit 3")
    result = await vendors.run("open")
    assert result.code == 1
    assert len(saved_paths(result)) == 1
    last = result.err.splitlines(True)[-1]
    assert re.fullmatch(r"seedance-mcp: \S+open could not open it \(exit code 3\).*\n", last)


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="these always have a desktop and a player")
@pytest.mark.parametrize(
    ("display", "reason"), [("", "There is no desktop to show it on"), (":7", "xdg-open is not installed")]
)
async def test_without_a_desktop_or_a_player_the_path_is_printed(vendors: Vendors, display: str, reason: str) -> None:
    await vendors.create_videos("video one")
    result = await vendors.run("open", DISPLAY=display)
    assert result.code == 1
    assert len(saved_paths(result)) == 1
    assert reason in result.err


@POSIX
@pytest.mark.parametrize("found", ["a link", "a program"])
async def test_only_the_file_that_was_saved_is_opened(vendors: Vendors, found: str) -> None:
    await vendors.create_videos("video one")
    install_player(vendors, f"touch {vendors.folder}/opened")
    (video,) = saved_paths(await vendors.run("save"))
    if found == "a link":
        video.rename(vendors.folder / "video.mp4")
        video.symlink_to(vendors.folder / "video.mp4")
    else:
        video.rename(vendors.folder / "video.desktop")
        vendors.update_jobs("UPDATE jobs SET path = ?", str(vendors.folder / "video.desktop"))
    result = await vendors.run("open")
    assert result.code == 1
    assert re.search("is not|is no longer", result.err.splitlines()[-1])
    assert not (vendors.folder / "opened").exists()


@POSIX
async def test_a_video_whose_place_a_folder_has_taken_is_saved_again_and_opened(vendors: Vendors) -> None:
    await vendors.create_videos("video one")
    install_player(vendors, f'echo "$1" > {vendors.folder}/opened')
    (video,) = saved_paths(await vendors.run("save"))
    video.unlink()
    video.mkdir()
    result = await vendors.run("open")
    assert result.code == 0
    assert video.is_dir()
    assert saved_paths(result)[0].stat().st_size > 1000


async def test_a_job_without_a_video_is_not_opened(vendors: Vendors) -> None:
    none = await vendors.run("open")
    assert (none.code, none.out) == (1, "")
    assert "No job has succeeded yet" in none.err
    async with vendors.server() as session:
        failed = (await session.video("video. sandbox: fail content_policy", **PRICED))["job_id"]
    result = await vendors.run("open", failed)
    assert (result.code, result.out) == (1, "")
    assert "It ended as failed, so there is no video" in result.err
