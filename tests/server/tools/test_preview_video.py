"""preview_video: a video as one small image, and its last frame as the start of the next video."""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path

import mcp_types as types
import pytest
from PIL import Image

from seedance_mcp.media.inspector import Inspector
from tests.server.mcp_client import PRICED, ToolAnswer, connected

pytestmark = pytest.mark.anyio


def image(answer: ToolAnswer) -> Image.Image:
    """Return the image of an answer, which must be a small JPEG."""
    (content,) = [c for c in answer.result.content if isinstance(c, types.ImageContent)]
    assert content.mime_type == "image/jpeg"
    jpeg = base64.b64decode(content.data)
    assert len(jpeg) <= 150_000
    return Image.open(io.BytesIO(jpeg))


def last_frame(answer: ToolAnswer) -> Path:
    """Return the path of the last frame that an answer names."""
    (path,) = [line.removeprefix("last_frame: ") for line in answer.text.splitlines() if line.startswith("last_frame")]
    return Path(path)


async def test_a_video_is_shown_as_frames_with_their_times(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        video = await session.video(**PRICED)
        answer = await session.call("preview_video", job_id=video["job_id"])
    assert max(image(answer).size) <= 1000
    assert f"path: {video['path']}" in answer.text
    fields = answer.fields
    assert (fields["path"], len(fields["times"])) == (video["path"], 6)
    assert f"times: {', '.join(map(str, fields['times']))}" in answer.text
    assert Path(fields["last_frame"]).is_file()
    assert "next_step: To continue from here, give last_frame as first_frame" in answer.text


@pytest.mark.parametrize("name", ["claude-code", "codex-mcp-client"])
async def test_a_client_that_shows_fields_instead_of_images_gets_no_fields(tmp_path: Path, era: str, name: str) -> None:
    client = {"client_info": types.Implementation(name=name, version="1")}
    async with connected(tmp_path, era, client=client) as session:
        video = await session.video(**PRICED)
        answer = await session.call("preview_video", job_id=video["job_id"])
    assert max(image(answer).size) <= 1000
    assert answer.result.structured_content is None


async def test_the_caller_can_choose_the_number_of_frames_or_a_single_frame(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        job_id = (await session.video(**PRICED))["job_id"]
        two = await session.call("preview_video", job_id=job_id, frames=2)
        one = await session.call("preview_video", job_id=job_id, at=1.5)
        after_the_end = await session.call("preview_video", job_id=job_id, at=99)
    assert len(two.fields["times"]) == 2
    assert one.fields["times"] == [1.5]
    assert image(one).size == (864, 496)
    assert after_the_end.fields["times"][0] >= 4


async def test_the_last_frame_is_saved_as_an_image_in_full_size(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        video = await session.video(**PRICED)
        answer = await session.call("preview_video", job_id=video["job_id"])
    with Image.open(last_frame(answer)) as last:
        assert (last.format, last.size) == ("JPEG", (864, 496))


async def test_a_job_without_a_video_and_invalid_arguments_are_refused(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        job = await session.create("sandbox: slow 60", **PRICED)
        assert "is not finished" in (await session.call("preview_video", job_id=job["job_id"])).refusal
        assert "There is no job" in (await session.call("preview_video", job_id="nosuchjob")).refusal
        problems = (await session.call("preview_video", job_id=job["job_id"], frames=99, zoom=2)).refusal
    assert "frames 99 must be 1–12; nearest: 12" in problems
    assert "zoom is not a parameter" in problems


async def test_a_broken_or_deleted_video_is_refused(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        video = await session.video(**PRICED)
        path = Path(video["path"])
        path.write_bytes(b"not a video at all")
        assert "cannot be decoded" in (await session.call("preview_video", job_id=video["job_id"])).refusal
        path.unlink()
        refusal = (await session.call("preview_video", job_id=video["job_id"])).refusal
        assert f"no longer at {path}. Call check_video, which downloads it again" in refusal
        again = (await session.call("check_video", job_id=video["job_id"], wait_seconds=30)).fields
        assert again["path"] == str(path)
        assert path.stat().st_size > 1000
        assert session.charge_count == 1


async def test_without_the_media_extra_the_tool_is_absent(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, app={"inspector": Inspector(unavailable="there is no decoder")}) as session:
        assert "preview_video" not in [tool.name for tool in (await session.client.list_tools()).tools]


async def test_the_last_frame_never_replaces_another_file(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        video = await session.video(**PRICED)
        taken = tmp_path / "videos" / "last-frames" / f"{Path(video['path']).stem}.jpg"
        taken.parent.mkdir()
        taken.write_bytes(b"mine")
        paths = {last_frame(await session.call("preview_video", job_id=video["job_id"])) for _ in range(2)}
        assert taken.read_bytes() == b"mine"
        (path,) = paths
        assert {*taken.parent.iterdir()} == {taken, path}
        taken.unlink()
        assert last_frame(await session.call("preview_video", job_id=video["job_id"])) in {taken, path}


@pytest.mark.skipif(sys.platform == "win32", reason="links need privileges on Windows")
async def test_a_folder_of_last_frames_that_is_a_link_is_neither_written_nor_read(tmp_path: Path, era: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    async with connected(tmp_path, era) as session:
        video = await session.video(**PRICED)
        (tmp_path / "videos" / "last-frames").symlink_to(elsewhere)
        refusal = (await session.call("preview_video", job_id=video["job_id"])).refusal
        assert "The last frame could not be saved in" in refusal
        assert list(elsewhere.iterdir()) == []
        Image.new("RGB", (640, 360)).save(elsewhere / "secret.png")
        for path in (tmp_path / "videos" / "last-frames" / "secret.png", elsewhere / "secret.png"):
            assert "local files are not allowed" in await session.refused(**PRICED, first_frame=str(path))


@pytest.mark.skipif(sys.platform == "win32", reason="links need privileges on Windows")
async def test_a_link_in_the_place_of_a_last_frame_is_not_followed(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        video = await session.video(**PRICED)
        link = tmp_path / "videos" / "last-frames" / f"{Path(video['path']).stem}.jpg"
        link.parent.mkdir()
        link.symlink_to(tmp_path / "target")
        path = last_frame(await session.call("preview_video", job_id=video["job_id"]))
    assert path != link
    assert not path.is_symlink()
    assert not (tmp_path / "target").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="links need privileges on Windows")
async def test_a_link_in_the_place_of_a_saved_video_is_not_followed(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        video = await session.video(**PRICED)
        path = Path(video["path"])
        path.rename(tmp_path / "away.mp4")
        path.symlink_to(tmp_path / "away.mp4")
        assert "has its video no longer at" in (await session.call("preview_video", job_id=video["job_id"])).refusal
