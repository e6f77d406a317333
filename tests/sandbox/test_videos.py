"""Videos are as requested, play anywhere, render quickly, and can be downloaded in parts."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from seedance_mcp.catalog.sizes import SIZES
from seedance_mcp.sandbox import video_kind
from seedance_mcp.sandbox.videos.render import size
from tests.sandbox.sandbox_client import SandboxClient, inspect_video, sandbox_client

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("slug", "fields", "width", "height", "seconds", "audio"),
    [
        (
            "ope",
            {"resolution": "480p", "aspect_ratio": "21:9", "duration": 4, "generate_audio": True},
            992,
            432,
            4,
            True,
        ),
        ("ope", {"resolution": "720p", "aspect_ratio": "3:4", "generate_audio": False}, 834, 1112, 5, False),
        ("ope", {"resolution": "1080p", "aspect_ratio": "21:9", "duration": 4}, 2206, 946, 4, True),
        ("seedanceapi", {"resolution": "480p", "aspect_ratio": "9:16"}, 496, 864, 5, True),
        ("jimmyai", {"resolution": "480p", "aspect_ratio": "adaptive"}, 864, 496, 5, True),
        ("12ai", {"aspect_ratio": "1:1"}, 640, 640, 5, True),
        ("aigptimage", {"aspect_ratio": "16:9", "duration": 1}, 1280, 720, 1, False),
        ("aigptimage", {"resolution": "480p", "generate_audio": True}, 864, 496, 5, True),
    ],
)
async def test_a_video_has_the_requested_size_duration_and_audio(
    slug: str, fields: dict[str, Any], width: int, height: int, seconds: int, audio: bool
) -> None:
    async with sandbox_client(slug) as client:
        task_id = (await client.create(**fields)).task_id
        info = inspect_video((await client.download(task_id)).content)
    assert (info.width, info.height, info.audio) == (width, height, audio)
    assert info.seconds == pytest.approx(seconds, abs=0.1)
    assert (info.codec, info.pixel_format, info.starts_fast) == ("h264", "yuv420p", True)


async def test_a_model_named_4k_generates_4k() -> None:
    async with sandbox_client("jimmyai") as client:
        task_id = (await client.create("sd2_mx_4k", duration=4)).task_id
        video = client.sandbox.tasks[task_id].video
    assert (video.width, video.height) == (3840, 2160)


def test_every_size_is_even_because_the_pixel_format_requires_it() -> None:
    ratios = {ratio for _, ratio in SIZES}
    for resolution in ("480p", "720p", "1080p", "2k", "4k"):
        for ratio in ratios | {"adaptive"}:
            width, height = size(resolution, ratio)
            assert width % 2 == height % 2 == 0
    assert size(None, None) == (1280, 720)
    assert size("2k", "16:9") == (2560, 1440)
    assert size("4k", "9:16") == (2160, 3840)


async def test_the_same_request_returns_the_same_file() -> None:
    async with sandbox_client("ope") as client:
        first = await client.download((await client.create(duration=4, resolution="480p")).task_id)
        second = await client.download((await client.create(duration=4, resolution="480p")).task_id)
    assert first.headers["etag"] == second.headers["etag"]
    assert first.content == second.content


async def _whole_video(client: SandboxClient) -> tuple[str, bytes, str]:
    task_id = (await client.create(duration=4, resolution="480p")).task_id
    whole = await client.download(task_id)
    assert whole.headers["accept-ranges"] == "bytes"
    assert int(whole.headers["content-length"]) == len(whole.content)
    return task_id, whole.content, whole.headers["etag"]


async def test_a_video_can_be_downloaded_in_parts() -> None:
    async with sandbox_client("ope") as client:
        task_id, whole, etag = await _whole_video(client)
        end = len(whole)
        for byte_range, first, last in [
            ("bytes=0-99", 0, 99),
            ("bytes=100-", 100, end - 1),
            ("bytes=-50", end - 50, end - 1),
            (f"bytes=10-{end * 2}", 10, end - 1),
            ("bytes=0-", 0, end - 1),
        ]:
            part = await client.download(task_id, range=byte_range, if_range=etag)
            assert part.status_code == 206, byte_range
            assert part.headers["content-range"] == f"bytes {first}-{last}/{end}"
            assert part.content == whole[first : last + 1]


async def test_a_range_beyond_the_end_cannot_be_satisfied() -> None:
    async with sandbox_client("ope") as client:
        task_id, whole, _ = await _whole_video(client)
        for byte_range in (f"bytes={len(whole)}-", "bytes=-0"):
            part = await client.download(task_id, range=byte_range)
            assert part.status_code == 416
            assert part.headers["content-range"] == f"bytes */{len(whole)}"
            assert part.content == b""


async def test_a_range_of_another_video_or_form_returns_the_whole_video() -> None:
    async with sandbox_client("ope") as client:
        task_id, whole, etag = await _whole_video(client)
        for byte_range, validator in [
            ("bytes=5-", '"other"'),
            ("bytes=5-", f"W/{etag}"),
            ("bytes=", etag),
            ("lines=1-2", etag),
        ]:
            part = await client.download(task_id, range=byte_range, if_range=validator)
            assert part.status_code == 200
            assert part.content == whole
        for byte_range in ("bytes=0-1,5-6", "bytes=9-5", "bytes=-"):
            assert (await client.download(task_id, range=byte_range)).status_code == 200


async def test_a_head_request_returns_the_length_without_a_body() -> None:
    async with sandbox_client("12ai") as client:
        task_id = (await client.create(prompt="sandbox: cut-video", duration=4)).task_id
        url = (await client.poll(task_id)).url
        assert url is not None
        head = await client.http.head(url)
    assert int(head.headers["content-length"]) > 10_000
    assert head.content == b""


async def test_without_pyav_the_fallback_video_is_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    assert video_kind() == "made"
    monkeypatch.setitem(sys.modules, "av", None)
    assert video_kind() == "fallback"
    async with sandbox_client("12ai") as client:
        video = await client.download((await client.create(duration=4)).task_id)
    monkeypatch.undo()
    assert len(video.content) < 40_000
    info = inspect_video(video.content)
    assert (info.width, info.height, info.codec, info.audio) == (320, 180, "h264", True)
    assert info.seconds == pytest.approx(2, abs=0.1)
    assert info.starts_fast
