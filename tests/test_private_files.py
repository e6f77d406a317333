"""The state folder and the journal: links, other users' and open ones are refused or closed, and doctor says so."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from seedance_mcp.errors import JournalError
from seedance_mcp.private_files import NotPrivate, make_private_file, make_private_folder
from seedance_mcp.runtime import open_service
from seedance_mcp.settings import load
from seedance_mcp.uploads.cache import CachedLink, UploadCache

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform == "win32", reason="folders are private there")]
ROOT = pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give a file to another user")


async def opened(folder: Path) -> None:
    """Open the journal of a server whose state is in a folder, and close it again."""
    async with open_service(load({"SEEDANCE_STATE_DIR": str(folder)})):
        pass


async def refusal(folder: Path) -> str:
    """Return why the server cannot be used."""
    with pytest.raises(JournalError) as caught:
        await opened(folder)
    return str(caught.value)


async def test_a_state_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "state").symlink_to("real")
    assert f"{tmp_path / 'state'} is a link: set SEEDANCE_STATE_DIR" in await refusal(tmp_path / "state")
    assert not any((tmp_path / "real").iterdir())


async def test_a_state_folder_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o770)
    assert f"run `chmod go-w {tmp_path / 'state'}`" in await refusal(tmp_path / "state")
    (tmp_path / "state").chmod(0o750)
    await opened(tmp_path / "state")


@ROOT
@pytest.mark.parametrize("name", ["", "journal.sqlite3", "owners"])
async def test_a_state_folder_or_a_part_of_it_that_is_another_users_is_refused(tmp_path: Path, name: str) -> None:
    await opened(tmp_path / "state")
    os.chown(tmp_path / "state" / name, 12345, 12345)
    assert "belongs to another user" in await refusal(tmp_path / "state")


@pytest.mark.parametrize("name", ["journal.sqlite3", "owners"])
async def test_a_link_in_the_state_folder_is_not_followed(tmp_path: Path, name: str) -> None:
    await opened(tmp_path / "state")
    (tmp_path / "state" / name).rename(tmp_path / "away")
    before = (tmp_path / "away").stat()
    (tmp_path / "state" / name).symlink_to(tmp_path / "away")
    assert "is a link" in await refusal(tmp_path / "state")
    assert (tmp_path / "away").stat().st_mtime_ns == before.st_mtime_ns


async def test_a_journal_that_others_can_open_is_closed_to_them(tmp_path: Path) -> None:
    await opened(tmp_path / "state")
    journal = tmp_path / "state" / "journal.sqlite3"
    journal.chmod(0o644)
    await opened(tmp_path / "state")
    assert journal.stat().st_mode & 0o777 == 0o600


async def test_an_upload_cache_that_is_a_link_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "elsewhere").touch()
    (tmp_path / "state" / "uploads.sqlite3").symlink_to(tmp_path / "elsewhere")
    cache = UploadCache(tmp_path / "state")
    await cache.put_link("a", "b", CachedLink("https://example.com/a.png", expires_at=2e9))
    assert await cache.get_link("a", "b") is None
    assert (tmp_path / "elsewhere").read_bytes() == b""


def test_a_file_in_the_place_of_the_folder_and_a_folder_in_that_of_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotPrivate, match="is not a folder"):
        make_private_folder(tmp_path / "file")
    with pytest.raises(NotPrivate, match="is a link or not a file"):
        make_private_file(tmp_path)
