"""An assistant looks at its film as one small picture, and takes its end as the beginning of the next."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import mcp_types as types
import pytest
from PIL import Image

from tests.server.mcp_client import PRICED, ToolAnswer, connected

pytestmark = pytest.mark.anyio


def image(said: ToolAnswer) -> Image.Image:
    (content,) = [c for c in said.result.content if isinstance(c, types.ImageContent)]
    assert content.mime_type == "image/jpeg"
    encoded = base64.b64decode(content.data)
    assert len(encoded) <= 150_000
    return Image.open(io.BytesIO(encoded))


async def test_a_film_is_shown_as_frames_with_their_times(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        job = await session.create(**PRICED)
        video = await session.finish(job["job_id"])
        said = await session.call("preview_video", job_id=job["job_id"])
    sheet = image(said)
    assert max(sheet.size) <= 1000
    assert said.result.structured_content is None
    assert f"path: {video['path']}" in said.text
    assert said.text.count("times: ") == 6


async def test_the_number_of_frames_and_a_single_frame_can_be_asked_for(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        job = await session.create(**PRICED)
        await session.finish(job["job_id"])
        two = await session.call("preview_video", job_id=job["job_id"], frames=2)
        one = await session.call("preview_video", job_id=job["job_id"], at=1.5)
        late = await session.call("preview_video", job_id=job["job_id"], at=99)
    assert two.text.count("times: ") == 2
    assert "times: 1.5" in one.text
    assert image(one).size == (864, 496)
    assert "times: 4" in late.text


async def test_the_last_frame_is_left_as_a_picture_in_full_size(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        job = await session.create(**PRICED)
        await session.finish(job["job_id"])
        said = await session.call("preview_video", job_id=job["job_id"])
    (path,) = [line.removeprefix("last_frame: ") for line in said.text.splitlines() if line.startswith("last_frame")]
    with Image.open(path) as last:
        assert (last.format, last.size) == ("JPEG", (864, 496))


async def test_what_cannot_be_shown_is_said(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        job = await session.create("sandbox: slow 60", **PRICED)
        assert "is not finished" in (await session.call("preview_video", job_id=job["job_id"])).refusal
        assert "no job" in (await session.call("preview_video", job_id="nobody")).refusal
        problem = (await session.call("preview_video", job_id=job["job_id"], frames=99, zoom=2)).refusal
    assert "frames 99 must be 1–12; nearest: 12" in problem
    assert "zoom is not a parameter" in problem


async def test_a_film_that_is_gone_or_broken_is_said(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        job = await session.create(**PRICED)
        path = Path((await session.finish(job["job_id"]))["path"])
        path.write_bytes(b"no film at all")
        assert "cannot be decoded" in (await session.call("preview_video", job_id=job["job_id"])).refusal
        path.unlink()
        assert "has no saved film" in (await session.call("preview_video", job_id=job["job_id"])).refusal


async def test_without_the_extra_the_tool_is_absent(tmp_path: Path, era: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seedance_mcp.media.frames.available", lambda: False)
    async with connected(tmp_path, era) as session:
        assert "preview_video" not in [tool.name for tool in (await session.client.list_tools()).tools]
