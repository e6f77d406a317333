"""An assistant looks at its film as one small picture, and takes its end as the beginning of the next."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import mcp_types as types
import pytest
from PIL import Image

from tests.server.talking import PRICED, Said, talking

pytestmark = pytest.mark.anyio


def picture(said: Said) -> Image.Image:
    (content,) = [c for c in said.result.content if isinstance(c, types.ImageContent)]
    assert content.mime_type == "image/jpeg"
    encoded = base64.b64decode(content.data)
    assert len(encoded) <= 150_000
    return Image.open(io.BytesIO(encoded))


async def test_a_film_is_shown_as_frames_with_their_times(tmp_path: Path, era: str) -> None:
    async with talking(tmp_path, era) as talk:
        job = await talk.create(**PRICED)
        film = await talk.end(job["job_id"])
        said = await talk.call("preview_video", job_id=job["job_id"])
    sheet = picture(said)
    assert max(sheet.size) <= 1000
    assert said.result.structured_content is None
    assert f"path: {film['path']}" in said.text
    assert said.text.count("times: ") == 6


async def test_the_number_of_frames_and_a_single_frame_can_be_asked_for(tmp_path: Path, era: str) -> None:
    async with talking(tmp_path, era) as talk:
        job = await talk.create(**PRICED)
        await talk.end(job["job_id"])
        two = await talk.call("preview_video", job_id=job["job_id"], frames=2)
        one = await talk.call("preview_video", job_id=job["job_id"], at=1.5)
        late = await talk.call("preview_video", job_id=job["job_id"], at=99)
    assert two.text.count("times: ") == 2
    assert "times: 1.5" in one.text
    assert picture(one).size == (864, 496)
    assert "times: 4" in late.text


async def test_the_last_frame_is_left_as_a_picture_in_full_size(tmp_path: Path, era: str) -> None:
    async with talking(tmp_path, era) as talk:
        job = await talk.create(**PRICED)
        await talk.end(job["job_id"])
        said = await talk.call("preview_video", job_id=job["job_id"])
    (path,) = [line.removeprefix("last_frame: ") for line in said.text.splitlines() if line.startswith("last_frame")]
    with Image.open(path) as last:
        assert (last.format, last.size) == ("JPEG", (864, 496))


async def test_what_cannot_be_shown_is_said(tmp_path: Path, era: str) -> None:
    async with talking(tmp_path, era) as talk:
        job = await talk.create("sandbox: slow 60", **PRICED)
        assert "is not finished" in (await talk.call("preview_video", job_id=job["job_id"])).refusal
        assert "no job" in (await talk.call("preview_video", job_id="nobody")).refusal
        wrong = (await talk.call("preview_video", job_id=job["job_id"], frames=99, zoom=2)).refusal
    assert "frames 99 must be 1–12; nearest: 12" in wrong
    assert "zoom is not a parameter" in wrong


async def test_a_film_that_is_gone_or_broken_is_said(tmp_path: Path, era: str) -> None:
    async with talking(tmp_path, era) as talk:
        job = await talk.create(**PRICED)
        path = Path((await talk.end(job["job_id"]))["path"])
        path.write_bytes(b"no film at all")
        assert "cannot be decoded" in (await talk.call("preview_video", job_id=job["job_id"])).refusal
        path.unlink()
        assert "has no saved film" in (await talk.call("preview_video", job_id=job["job_id"])).refusal


async def test_without_the_extra_the_tool_is_absent(tmp_path: Path, era: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seedance_mcp.media.look.available", lambda: False)
    async with talking(tmp_path, era) as talk:
        assert "preview_video" not in [tool.name for tool in (await talk.client.list_tools()).tools]
