"""Two videos in sequence, made by a server process: the second begins with the last frame of the first."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp.client import Client
from PIL import Image, ImageChops, ImageStat

from seedance_mcp.sandbox.videos.render import Video, make
from tests.server.mcp_client import ToolAnswer, inspect_video
from tests.server.stdio_client import call, started

pytestmark = pytest.mark.anyio

REQUEST = {"model": "jimmyai/seedance2.0-mini", "duration": 4, "resolution": "480p"}
"""A model of a vendor that takes uploads itself."""
SAME, OTHER = 4.0, 7.0
"""Mean differences of two images, of 255: at most for one image encoded twice, at least for a video's first and last
frame."""


async def create(client: Client, prompt: str, **more: Any) -> dict[str, Any]:
    """Create a video, and check it until it has a path."""
    job = await call(client, "create_video", prompt=f"{prompt}. sandbox: instant", **REQUEST, **more)
    with anyio.fail_after(45):
        done: dict[str, Any] = {}
        while "path" not in done:
            done = await call(client, "check_video", job_id=job["job_id"], wait_seconds=20)
            assert done["state"] not in {"failed", "expired", "unknown"}
    return done


async def preview(client: Client, job_id: str, **arguments: Any) -> tuple[Image.Image, dict[str, str]]:
    """Preview a video; return the image, and the lines of text by their names."""
    answer = ToolAnswer(await client.call_tool("preview_video", {"job_id": job_id, **arguments}))
    (content,) = [c for c in answer.result.content if isinstance(c, types.ImageContent)]
    assert content.mime_type == "image/jpeg"
    jpeg = base64.b64decode(content.data)
    assert len(jpeg) <= 150_000
    image = Image.open(io.BytesIO(jpeg))
    assert image.format == "JPEG"
    assert max(image.size) <= 1000
    lines = [line.partition(": ") for line in answer.text.splitlines()]
    return image, {name: value for name, _, value in lines}


def first_frame(video: bytes) -> Image.Image:
    import av

    with av.open(io.BytesIO(video), "r") as container:
        frame: Any = next(container.decode(container.streams.video[0]))
        return frame.to_image()


def resized(image: Any, size: tuple[int, int]) -> Image.Image:
    return image.resize(size)


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return the mean difference of two images, in a channel of 0 to 255."""
    assert one.size == other.size
    means = ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).mean
    return sum(means) / len(means)


async def record(client: Client, job_id: str) -> dict[str, Any]:
    (content,) = (await client.read_resource(f"seedance://videos/{job_id}")).contents
    assert isinstance(content, types.TextResourceContents)
    return json.loads(content.text)


async def test_a_second_video_begins_with_the_last_frame_of_the_first(tmp_path: Path, era: str) -> None:
    async with started(tmp_path, era) as client:
        one = await create(client, "a fox walks into the wood")
        _, lines = await preview(client, one["job_id"])
        assert len(lines["times"].split()) == 6
        assert lines["path"] == one["path"]
        frame, frame_lines = await preview(client, one["job_id"], at=2)
        assert float(frame_lines["times"]) == 2
        assert frame.size == (864, 496)

        last_frame = Path(lines["last_frame"])
        two = await create(client, "it comes out on the other side", first_frame=str(last_frame))
        sheet, lines_of_two = await preview(client, two["job_id"])
        assert len(lines_of_two["times"].split()) == 6
        assert lines_of_two["path"] == two["path"] != one["path"]
        assert lines_of_two["last_frame"] != lines["last_frame"]
        recorded = await record(client, two["job_id"])

    with Image.open(last_frame) as last:
        last.load()
    assert difference(last, first_frame(Path(one["path"]).read_bytes())) > OTHER
    assert difference(last, first_frame(Path(two["path"]).read_bytes())) < SAME
    tile = sheet.crop((0, 0, sheet.width // 3, sheet.height // 2))
    assert difference(tile, resized(last, tile.size)) < SAME * 2  # the time is written on it
    assert inspect_video(two["path"]).size == f"{last.width}x{last.height}"
    # The journal has a placeholder made of the image's content, and neither its name nor its folder.
    digest = hashlib.sha256(last_frame.read_bytes()).hexdigest()
    assert recorded["request"]["first_frame"] == f"https://local.invalid/{digest}.jpg"
    assert last_frame.stem not in json.dumps(recorded["request"])
    assert (tmp_path / "stderr").read_text() == ""


async def test_a_first_frame_that_is_missing_or_not_allowed_or_not_an_image_is_refused(
    tmp_path: Path, era: str
) -> None:
    outside = tmp_path / "elsewhere.jpg"
    Image.new("RGB", (864, 496), "teal").save(outside)
    async with started(tmp_path, era) as client:
        one = await create(client, "a fox walks into the wood")
        _, lines = await preview(client, one["job_id"])
        frames = Path(lines["last_frame"]).parent
        text = frames / "text.jpg"
        text.write_text("not an image at all")
        link = frames / "link.jpg"
        if sys.platform == "win32":  # where creating a link needs a privilege
            link = outside
        else:
            link.symlink_to(outside)

        async def refused(image: Path) -> str:
            arguments = {"prompt": "it comes out", "first_frame": str(image), **REQUEST}
            return ToolAnswer(await client.call_tool("create_video", arguments)).refusal

        missing = await refused(frames / "missing.jpg")
        not_allowed = [await refused(outside), await refused(outside.with_name("nowhere.jpg")), await refused(link)]
        broken = await refused(text)
        jobs = (await call(client, "list_videos"))["videos"]
    assert "first_frame (missing.jpg) does not exist" in missing
    for refusal in not_allowed:
        assert f"first_frame is not a file below {frames}" in refusal
        assert "SEEDANCE_MEDIA_ROOTS" in refusal
    assert "first_frame (text.jpg) is not an image, video or audio file, whatever its name says" in broken
    assert [job["job_id"] for job in jobs] == [one["job_id"]]


async def test_an_unfinished_video_has_no_last_frame_to_continue_from(tmp_path: Path, era: str) -> None:
    async with started(tmp_path, era) as client:
        job = await call(client, "create_video", prompt="a fox. sandbox: slow 3600", **REQUEST)
        answer = ToolAnswer(await client.call_tool("preview_video", {"job_id": job["job_id"]}))
    assert "is not finished" in answer.refusal
    assert "Call check_video until it gives a path" in answer.refusal


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
def test_the_sandbox_begins_a_video_with_an_image_of_any_common_format(kind: str) -> None:
    image, encoded = resized(Image.linear_gradient("L").convert("RGB"), (300, 180)), io.BytesIO()
    image.save(encoded, kind)
    video = first_frame(make(Video(300, 180, 1, audio=False, first_frame=encoded.getvalue())))
    assert difference(video, image) < SAME


@pytest.mark.parametrize("content", [b"", b"not an image", b"\xff\xd8\xff nor this", b"RIFF", b"#EXTM3U"])
def test_the_sandbox_ignores_an_image_that_cannot_be_decoded(content: bytes) -> None:
    assert make(Video(320, 180, 1, audio=False, first_frame=content)) == make(Video(320, 180, 1, audio=False))
