"""Which local files may be used: those below the roots, by their content, and no others by any trick."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from seedance_mcp.uploads import local_files
from seedance_mcp.uploads.local_files import UnusableFile, find, is_local
from tests.uploads.samples import audio, image, video
from tests.uploads.sessions import MINI, with_photos

pytestmark = pytest.mark.anyio


async def refused(tmp_path: Path, photos: Path | None, path: object, model: str = MINI, **more: Any) -> str:
    """Call create_video with a file as first frame; return the refusal. Nothing may have reached a vendor."""
    async with with_photos(tmp_path, SEEDANCE_MEDIA_ROOTS=str(photos or "")) as session:
        refusal = await session.refused(model=model, **(more or {"first_frame": str(path)}))
        assert session.sandbox.tasks == {}
        assert not any(session.sandbox.stored.values())
        journal = (tmp_path / "state" / "sandbox" / "journal.sqlite3").read_bytes()
    assert b"local.invalid" not in journal
    return refusal


async def test_without_roots_the_refusal_of_a_file_names_the_setting_that_allows_it(
    tmp_path: Path, photos: Path
) -> None:
    refusal = await refused(tmp_path, None, photos / "fox.png")
    assert "first_frame is not a URL, and local files are not allowed" in refusal
    assert "SEEDANCE_MEDIA_ROOTS" in refusal


@pytest.mark.parametrize(
    "path",
    [
        "{secret}",
        "file://{secret}",
        "{photos}/../private/secret.png",
        "file://{photos}/../private/secret.png",
        "file://{photos}/%2e%2e/private/secret.png",
        "../private/secret.png",
        "{photos}/./../private/./secret.png",
        "{photos}//..//private//secret.png",
        "{photos}/link.png",
        "link.png",
        "{photos}/folder-link/secret.png",
        "{photos}/chain.png",
        "{photos}-evil/secret.png",
        "/etc/passwd",
        "/etc/hostname",
        "/proc/self/environ",
        "/dev/stdin",
        "{photos}",
        "{photos}/",
        ".",
        "..",
        "~",
        "~root/secret.png",
        "/no/such/file.png",
        "{photos}/../no-such.png",
    ],
)
async def test_every_path_outside_the_roots_gets_the_same_refusal(
    tmp_path: Path, photos: Path, secret: Path, path: str
) -> None:
    (photos / "link.png").symlink_to(secret)
    (photos / "folder-link").symlink_to(secret.parent)
    (photos / "chain.png").symlink_to(photos / "link.png")
    evil = tmp_path / "photos-evil"
    evil.mkdir()
    (evil / "secret.png").write_bytes(image("black"))
    refusal = await refused(tmp_path, photos, path.format(secret=secret, photos=photos))
    assert f"- first_frame is not a file below {photos}; ask the user to allow its folder" in refusal


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("file://elsewhere/{photos}/fox.png", "is a file URL that names another machine"),
        ("file:fox.png", "is not a file URL with an absolute path"),
        ("file:///fox.png?x=1", "is not a file URL with an absolute path"),
        ("file:///%00", "is not a file URL with an absolute path"),
        ("fox\0.png", "contains a NUL character, which no path may contain"),
        ("{photos}/" + "x" * 300, "has a name that is too long"),
        ("{photos}/missing.png", "(missing.png) does not exist"),
        ("{photos}/fox.png/inner.png", "is below a file"),
        ("{photos}/loop", "is not a file below"),
    ],
)
async def test_a_path_that_cannot_be_a_file_is_refused_with_the_reason(
    tmp_path: Path, photos: Path, path: str, reason: str
) -> None:
    (photos / "loop").symlink_to(photos / "loop")
    refusal = await refused(tmp_path, photos, path.format(photos=photos))
    assert reason in refusal or (path.endswith("loop") and "is a link" in refusal)


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.write(image())
        file.truncate(local_files.LARGEST + 1)


UNUSABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "passwd.png": (lambda p: p.write_bytes(Path("/etc/passwd").read_bytes()), "is not an image, video or audio file"),
    "half.png": (lambda p: p.write_bytes(image()[:60] + b"root:x:0:0"), "begins like a png file but cannot be decoded"),
    "empty.png": (lambda p: p.touch(), "is empty"),
    "folder.png": (lambda p: p.mkdir(), "is a folder"),
    "fifo.png": (_fifo, "is not a regular file"),
    "huge.png": (_huge, "is 200 MB; the limit is 200 MB"),
    "song.png": (lambda p: p.write_bytes(audio()), "is an audio file (wav), not an image"),
    "video.png": (lambda p: p.write_bytes(video()), "is a video (mp4), not an image"),
    "page.svg": (
        lambda p: p.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>"),
        "is not an image, video or audio file",
    ),
    "list.mp4": (lambda p: p.write_text("#EXTM3U\nfile:///etc/passwd\n"), "is not an image, video or audio file"),
    "scan.png": (lambda p: p.write_bytes(image(form="TIFF")), "its upload does not accept tiff"),
}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no FIFOs")
@pytest.mark.parametrize("name", UNUSABLE)
async def test_a_file_that_is_not_an_image_is_refused_despite_its_name(tmp_path: Path, photos: Path, name: str) -> None:
    make, reason = UNUSABLE[name]
    make(photos / name)
    refusal = await refused(tmp_path, photos, photos / name)
    assert f"first_frame ({name}) " in refusal
    assert reason in refusal


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no sockets in folders")
async def test_a_socket_is_refused(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos)  # restored afterwards; the name of a socket must be short
    _socket(photos / "s.png")
    assert "is not a regular file" in await refused(tmp_path, photos, photos / "s.png")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
def test_a_device_is_not_read() -> None:
    with pytest.raises(UnusableFile, match="is not a regular file"):
        find("/dev/zero", [Path("/dev")])


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root can read every file")
async def test_an_unreadable_file_is_refused(tmp_path: Path, photos: Path) -> None:
    (photos / "fox.png").chmod(0)
    assert "cannot be read: permission denied" in await refused(tmp_path, photos, photos / "fox.png")


def test_a_read_error_is_reported_without_the_path(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(handle: int, count: int) -> bytes:
        raise PermissionError(13, "no", "/some/where")

    monkeypatch.setattr(local_files.os, "read", broken)
    with pytest.raises(UnusableFile) as caught:
        find(str(photos / "fox.png"), [photos])
    assert str(caught.value) == "(fox.png) cannot be read: permission denied"


@pytest.mark.parametrize("model", ["jimmyai/seedance2.0-md", "jimmyai/seedance2.0-fast-md"])
async def test_a_gif_is_refused_where_the_vendor_refuses_gifs(tmp_path: Path, photos: Path, model: str) -> None:
    (photos / "moving.png").write_bytes(image(form="GIF"))
    refusal = await refused(tmp_path, photos, None, model, reference_images=[str(photos / "moving.png")])
    assert (
        "- reference_images item 1 must be a URL beginning with https://, reachable from the internet, not gif"
        in refusal
    )


async def test_every_problem_is_reported_at_once(tmp_path: Path, photos: Path, secret: Path) -> None:
    (photos / "song.wav").write_bytes(audio())
    refusal = await refused(
        tmp_path, photos, None, MINI, duration=99, first_frame=str(secret), last_frame=str(photos / "song.wav"),
        reference_images=["missing.png", "ftp://example.com/a.png"],
    )  # fmt: skip
    for part in (
        "6 problems",
        "- duration 99 must be 4–15 s",
        "- first_frame is not a file below",
        "- last_frame (song.wav) is an audio file (wav), not an image",
        "- reference_images item 1 is not a file below",
        "- reference_images item 2 must be a URL beginning with https://",
        "- reference_images cannot be combined with first_frame or last_frame",
    ):
        assert part in refusal


# -- races ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("swapped", ["file", "folder"])
def test_a_link_swapped_in_after_the_check_is_not_followed(
    photos: Path, secret: Path, monkeypatch: pytest.MonkeyPatch, swapped: str
) -> None:
    inner = photos / "inner"
    inner.mkdir()
    (inner / "secret.png").write_bytes(image())
    resolve: Any = vars(local_files)["_resolve"]

    def then_swap(path: str, roots: list[Path]) -> tuple[str, str]:
        found = resolve(path, roots)
        if swapped == "file":
            (inner / "secret.png").unlink()
            (inner / "secret.png").symlink_to(secret)
        else:
            inner.rename(photos / "away")
            inner.symlink_to(secret.parent)
        return found

    monkeypatch.setattr(local_files, "_resolve", then_swap)
    with pytest.raises(UnusableFile, match="changed while it was being opened"):
        find(str(inner / "secret.png"), [photos])


@pytest.mark.skipif(sys.platform == "win32", reason="links need privileges on Windows")
def test_a_file_that_is_swapped_repeatedly_never_leads_outside(photos: Path, secret: Path) -> None:
    """Swap a file for a link again and again while it is being opened: the other file is never read."""
    inside, outside = photos / "x.png", secret
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            new = photos / ".new"
            new.symlink_to(outside)
            new.replace(inside)
            new.write_bytes(image())
            new.replace(inside)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        ends, found = time.monotonic() + 1.0, set[str]()
        while time.monotonic() < ends:
            try:
                found.add(find(str(inside), [photos]).sha256)
            except UnusableFile:
                continue
    finally:
        stop.set()
        thread.join()
    assert found <= {find(str(photos / "fox.png"), [photos]).sha256}


def test_a_file_that_changes_after_the_check_is_not_uploaded(photos: Path) -> None:
    file = find("fox.png", [photos])
    assert b"".join(local_files.blocks(file)) == image()
    (photos / "fox.png").write_bytes(image("blue"))
    with pytest.raises(UnusableFile, match="changed after it was checked"):
        next(local_files.blocks(file))
    (photos / "fox.png").unlink()
    with pytest.raises(UnusableFile, match="changed after it was checked"):
        next(local_files.blocks(file))


LARGE = image() + bytes(5 * 1024 * 1024)


def test_a_large_file_is_read_in_small_blocks(photos: Path) -> None:
    (photos / "large.png").write_bytes(LARGE)
    blocks = list(local_files.blocks(find("large.png", [photos])))
    assert b"".join(blocks) == LARGE
    assert max(map(len, blocks)) <= 1024 * 1024


@pytest.mark.parametrize(
    "later", [LARGE[:-1] + b"x", LARGE[:-1], LARGE + bytes(9_000_000)], ids=["other", "shorter", "longer"]
)
def test_a_file_that_changes_while_it_is_read_is_never_read_to_its_end(photos: Path, later: bytes) -> None:
    (photos / "large.png").write_bytes(LARGE)
    blocks = local_files.blocks(find("large.png", [photos]))
    read = [next(blocks)]
    with (photos / "large.png").open("r+b") as open_file:
        open_file.write(later)
        open_file.truncate(len(later))
    with pytest.raises(UnusableFile, match="changed after it was checked"):
        read.extend(blocks)
    assert sum(map(len, read)) < len(LARGE)


# -- allowed files --------------------------------------------------------------------------------------------------


def _spellings(photos: Path) -> Iterator[str]:
    yield str(photos / "fox.png")
    yield f"file://{photos}/fox.png"
    yield f"FILE://{photos}/fox.png"
    yield f"file://localhost{photos}/fox.png"
    yield f"file:{photos}/fox.png"
    yield f"file://{quote(str(photos))}/f%6fx.png"
    yield "fox.png"
    yield "./fox.png"
    yield f"{photos}/../{photos.name}/fox.png"
    yield f"{photos}/alias.png"


def test_a_file_can_be_named_in_many_ways(photos: Path) -> None:
    (photos / "alias.png").symlink_to("fox.png")
    assert len({find(path, [photos]).sha256 for path in _spellings(photos)}) == 1


def test_a_relative_path_is_tried_in_each_root_and_a_root_may_be_a_link(tmp_path: Path, photos: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    link = tmp_path / "link"
    link.symlink_to(photos)
    assert find("fox.png", [other, link]).root == str(photos)
    assert find(str(link / "fox.png"), [other, link]).path == str(photos / "fox.png")


def test_a_tilde_is_the_home_folder(tmp_path: Path, photos: Path) -> None:
    assert find("~/photos/fox.png", [photos]).name == "fox.png"  # HOME is tmp_path


@pytest.mark.parametrize(
    ("text", "is_file"),
    [
        ("fox.png", True), ("/a/b.png", True), ("C:\\a.png", True), ("C:/a.png", True), ("~/a.png", True),
        ("\\\\server\\a.png", True), ("file:///a.png", True), ("./a:b.png", True), ("ü:x", True),
        ("https://example.com/a.png", False), ("HTTP://x", False), ("asset://a", False), ("data:image/png,x", False),
        ("ftp://x", False), ("javascript:alert(1)", False), ("local.invalid:x", False),
    ],
)  # fmt: skip
def test_a_path_is_distinguished_from_a_url(text: str, is_file: bool) -> None:
    assert is_local(text) is is_file


def test_a_name_is_shown_without_unprintable_characters_and_shortened() -> None:
    assert local_files.shown("/a/b\u202egnp.\x1bexe") == "b?gnp.?exe"
    assert len(local_files.shown("/a/" + "x" * 200)) == 60
