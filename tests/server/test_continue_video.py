"""Two shots made one after the other by a server as clients start it: the second begins with what ends the first."""

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
from tests.server.test_stdio import started

pytestmark = pytest.mark.anyio

SHOT = {"model": "jimmyai/seedance2.0-mini", "duration": 4, "resolution": "480p"}
"""A model of a vendor with an upload of its own."""
ALIKE, OTHER = 4.0, 7.0
"""How far two pictures are apart, of 255: the same one written anew, and the beginning and the end of one film."""


async def say(client: Client, tool: str, **arguments: Any) -> ToolAnswer:
    return ToolAnswer(await client.call_tool(tool, arguments))


async def shot(client: Client, prompt: str, **more: Any) -> dict[str, Any]:
    """Make a film, and ask until it has a path."""
    job = (await say(client, "create_video", prompt=f"{prompt}. sandbox: instant", **SHOT, **more)).fields
    with anyio.fail_after(45):
        done: dict[str, Any] = {}
        while "path" not in done:
            done = (await say(client, "check_video", job_id=job["job_id"], wait_seconds=20)).fields
            assert done["state"] not in {"failed", "expired", "unknown"}
    return done


async def glance(client: Client, job_id: str, **how: Any) -> tuple[Image.Image, dict[str, str]]:
    """Look at a film; return the picture, and the lines beside it by their names."""
    said = await say(client, "preview_video", job_id=job_id, **how)
    (content,) = [c for c in said.result.content if isinstance(c, types.ImageContent)]
    assert content.mime_type == "image/jpeg"
    jpeg = base64.b64decode(content.data)
    assert len(jpeg) <= 150_000
    shown = Image.open(io.BytesIO(jpeg))
    assert shown.format == "JPEG"
    assert max(shown.size) <= 1000
    lines = [line.partition(": ") for line in said.text.splitlines()]
    return shown, {name: value for name, _, value in lines if name != "times"} | {
        "times": " ".join(value for name, _, value in lines if name == "times")
    }


def first_frame(video: bytes) -> Image.Image:
    import av

    with av.open(io.BytesIO(video), "r") as container:
        frame: Any = next(container.decode(container.streams.video[0]))
        return frame.to_image()


def resized(image: Any, size: tuple[int, int]) -> Image.Image:
    return image.resize(size)


def apart(one: Image.Image, other: Image.Image) -> float:
    """How far two pictures are apart on average, in a channel of 0 to 255."""
    assert one.size == other.size
    means = ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).mean
    return sum(means) / len(means)


async def record(client: Client, job_id: str) -> dict[str, Any]:
    (content,) = (await client.read_resource(f"seedance://videos/{job_id}")).contents
    assert isinstance(content, types.TextResourceContents)
    return json.loads(content.text)


async def test_a_second_shot_begins_with_the_picture_that_ends_the_first(tmp_path: Path, era: str) -> None:
    async with started(tmp_path, era) as client:
        one = await shot(client, "a fox walks into the wood")
        _, beside = await glance(client, one["job_id"])
        assert len(beside["times"].split()) == 6
        assert beside["path"] == one["path"]
        second, at = await glance(client, one["job_id"], at=2)
        assert float(at["times"]) == 2
        assert second.size == (864, 496)

        end = Path(beside["last_frame"])
        two = await shot(client, "it comes out on the other side", first_frame=str(end))
        sheet, after = await glance(client, two["job_id"])
        assert len(after["times"].split()) == 6
        assert after["path"] == two["path"] != one["path"]
        assert after["last_frame"] != beside["last_frame"]
        told = await record(client, two["job_id"])

    with Image.open(end) as last:
        last.load()
    assert apart(last, first_frame(Path(one["path"]).read_bytes())) > OTHER
    assert apart(last, first_frame(Path(two["path"]).read_bytes())) < ALIKE
    tile = sheet.crop((0, 0, sheet.width // 3, sheet.height // 2))
    assert apart(tile, resized(last, tile.size)) < ALIKE * 2  # the time is written on it
    assert inspect_video(two["path"]).size == f"{last.width}x{last.height}"
    # What stands for the picture in the journal is its content, and neither its name nor its folder.
    assert told["request"]["first_frame"] == f"https://local.invalid/{hashlib.sha256(end.read_bytes()).hexdigest()}.jpg"
    assert end.stem not in json.dumps(told["request"])
    assert (tmp_path / "stderr").read_text() == ""


async def test_a_chain_is_refused_where_the_picture_is_not_there_or_not_allowed(tmp_path: Path, era: str) -> None:
    outside = tmp_path / "elsewhere.jpg"
    Image.new("RGB", (864, 496), "teal").save(outside)
    async with started(tmp_path, era) as client:
        one = await shot(client, "a fox walks into the wood")
        _, beside = await glance(client, one["job_id"])
        end = Path(beside["last_frame"])
        text = end.with_name("text.jpg")
        text.write_text("no picture at all")
        link = end.with_name("link.jpg")
        if sys.platform == "win32":  # where links are a privilege
            link = outside
        else:
            link.symlink_to(outside)

        async def refused(image: Path) -> str:
            said = await say(client, "create_video", prompt="it comes out", first_frame=str(image), **SHOT)
            return said.refusal

        missing = await refused(end.with_name("missing.jpg"))
        elsewhere = await refused(outside)
        nowhere = await refused(outside.with_name("nowhere.jpg"))
        linked = await refused(link)
        broken = await refused(text)
        jobs = (await say(client, "list_videos")).fields["videos"]
    assert "first_frame (missing.jpg) does not exist" in missing
    for words in (elsewhere, nowhere, linked):
        assert f"first_frame is not a file below {end.parent}" in words
        assert "SEEDANCE_MEDIA_ROOTS" in words
    assert "first_frame (text.jpg) is not an image, video or audio file, whatever its name says" in broken
    assert [job["job_id"] for job in jobs] == [one["job_id"]]


async def test_a_shot_that_is_not_finished_has_no_end_to_go_on_from(tmp_path: Path, era: str) -> None:
    async with started(tmp_path, era) as client:
        job = (await say(client, "create_video", prompt="a fox. sandbox: slow 3600", **SHOT)).fields
        said = await say(client, "preview_video", job_id=job["job_id"])
    assert "is not finished" in said.refusal
    assert "Call check_video until it gives a path" in said.refusal


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
def test_the_sandbox_begins_a_film_with_a_picture_of_any_common_format(kind: str) -> None:
    given, encoded = resized(Image.linear_gradient("L").convert("RGB"), (300, 180)), io.BytesIO()
    given.save(encoded, kind)
    video = first_frame(make(Video(300, 180, 1, audio=False, opening=encoded.getvalue())))
    assert apart(video, given) < ALIKE


@pytest.mark.parametrize("content", [b"", b"no picture", b"\xff\xd8\xff nor this", b"RIFF", b"#EXTM3U"])
def test_the_sandbox_makes_its_film_without_a_picture_that_cannot_be_decoded(content: bytes) -> None:
    assert make(Video(320, 180, 1, audio=False, opening=content)) == make(Video(320, 180, 1, audio=False))
