"""What an inspector finds out about files, through a child process where a decoder is needed."""

from __future__ import annotations

import tempfile
import zlib
from pathlib import Path

import pytest

from seedance_mcp.errors import MissingExtra, UnreadableMedia
from seedance_mcp.media.inspector import Inspector, Probed, Undecodable, VideoInfo
from seedance_mcp.media.sniff import MIME, MediaKind
from seedance_mcp.sandbox.videos.render import Video, make
from tests.media.whole_files import FILES
from tests.uploads.samples import audio, image, video

pytestmark = pytest.mark.anyio


async def probe(data: bytes, kind: MediaKind, ending: str, inspector: Inspector | None = None) -> Probed:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        return await (inspector or Inspector()).probe(file.fileno(), kind, ending)


@pytest.mark.parametrize("ending", FILES)
async def test_the_size_and_the_duration_of_a_file_are_found_out(ending: str) -> None:
    kind = MIME[ending][0]
    probed = await probe(FILES[ending], kind, ending)
    assert probed.pixels == {"image": (640, 360), "video": (1280, 720), "audio": None}[kind]
    assert probed.seconds is None if kind == "image" else probed.seconds == pytest.approx(2, abs=0.15)


@pytest.mark.parametrize("fragments", ["empty_moov+default_base_moof+frag_keyframe", "frag_keyframe", ""])
async def test_the_duration_of_a_fragmented_video_is_that_of_its_fragments(fragments: str) -> None:
    assert (await probe(video(options=f"movflags={fragments}"), "video", "mp4")).seconds == pytest.approx(2, abs=0.15)


@pytest.mark.parametrize(
    ("ending", "content"),
    [
        ("png", image()[:40] + b"root:x:0:0:root:/root:/bin/bash\n"),
        ("png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        ("jpg", b"\xff\xd8\xff\xe0root:x:0:0"),
        ("mp4", b"\0\0\0\x18ftypisom\0\0\0\0isommp42root:x:0:0"),
        ("mp4", video()[:-1000]),
        ("wav", b"RIFF\0\0\0\0WAVEroot:x:0:0"),
    ],
)
async def test_a_file_with_only_a_valid_beginning_cannot_be_decoded(ending: str, content: bytes) -> None:
    with pytest.raises(Undecodable):
        await probe(content, MIME[ending][0], ending)


async def test_a_container_with_only_audio_is_not_a_video() -> None:
    with pytest.raises(Undecodable, match="no video stream"):
        await probe(audio(form="mp4", codec="aac"), "video", "mp4")


async def test_an_image_of_a_billion_pixels_is_not_decoded() -> None:
    data = bytearray(image())
    data[16:24] = (40_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    with pytest.raises(Undecodable, match="too many pixels"):
        await probe(bytes(data), "image", "png")


async def test_a_video_in_another_container_is_not_inspected() -> None:
    assert await probe(video(form="matroska"), "video", "mkv") == Probed()


async def test_without_decoders_only_box_tables_are_read(tmp_path: Path) -> None:
    none = Inspector(unavailable="the moon is full")
    assert await probe(image(), "image", "png", none) == Probed()
    assert (await probe(video(), "video", "mp4", none)).pixels == (1280, 720)
    path = tmp_path / "a.mp4"
    path.write_bytes(video())
    assert (await none.video_info(path)).width == 1280
    with pytest.raises(MissingExtra, match="the moon is full"):
        await none.preview(path)


async def test_the_facts_of_a_video_are_those_of_its_first_video_track(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(make(Video(320, 180, 2, audio=True)))
    assert await Inspector().video_info(path) == VideoInfo(320, 180, 2.0, audio=True)
    path.write_bytes(audio(form="mp4", codec="aac"))
    with pytest.raises(UnreadableMedia, match="no video stream"):
        await Inspector().video_info(path)


async def test_a_link_in_the_place_of_a_video_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real.mp4").write_bytes(make(Video(320, 180, 1, audio=False)))
    (tmp_path / "a.mp4").symlink_to("real.mp4")
    for inspect in (Inspector().video_info, Inspector().preview):
        with pytest.raises(OSError, match="symbolic links"):
            await inspect(tmp_path / "a.mp4")


async def test_boxes_that_the_table_does_not_need_are_not_shown_to_a_decoder(tmp_path: Path) -> None:
    plain = make(Video(320, 180, 1, audio=True))
    moov = plain.index(b"moov") - 4
    length = int.from_bytes(plain[moov : moov + 4], "big")
    hidden = b"\0\0\0\x20udta" + b"\0\0\0\x18stsz" + bytes(4) + (1).to_bytes(4, "big") + b"\x7f\xff\xff\xff" + bytes(4)
    end = moov + length
    content = plain[:moov] + (length + 32).to_bytes(4, "big") + plain[moov + 4 : end] + hidden + plain[end:]
    path = tmp_path / "a.mp4"
    path.write_bytes(_moved(content, 32))
    shown = await Inspector().preview(path, frames=2)
    path.write_bytes(plain)
    assert shown == await Inspector().preview(path, frames=2)


def _moved(content: bytes, by: int) -> bytes:
    """Correct the places of the chunks of a video whose table of contents was made longer."""
    data, at = bytearray(content), 0
    while (at := data.find(b"stco", at + 1)) > 0:
        for entry in range(int.from_bytes(data[at + 8 : at + 12], "big")):
            place = at + 12 + 4 * entry
            data[place : place + 4] = (int.from_bytes(data[place : place + 4], "big") + by).to_bytes(4, "big")
    return bytes(data)
