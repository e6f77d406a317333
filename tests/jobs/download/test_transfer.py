"""A video is downloaded completely, checked, under a name of its own, or not at all."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from seedance_mcp.errors import LinkExpired, SaveError
from seedance_mcp.jobs.download.partial_file import PartialFile
from seedance_mcp.jobs.download.timing import DownloadTiming
from seedance_mcp.jobs.download.transfer import download_video, file_name
from seedance_mcp.vendors import known_vendors
from seedance_mcp.web import Web
from tests.http_host import Answer, Reply, Request, hosting, settings_for
from tests.jobs.download.samples import (
    DAY,
    HEAD,
    MB,
    OTHER,
    VIDEO,
    VIDEO_TYPE,
    always,
    first_then,
    honest,
    is_exactly,
    part,
    save,
    succeeded_job,
)

pytestmark = pytest.mark.anyio

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX has these permissions")
TAG = '"one"'
QUICK = DownloadTiming(retry_pause=0.001)


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


async def refusal(folder: Path, answer: Answer, kind: type[SaveError] = SaveError) -> str:
    """Try to download a video; return why that failed. It leaves nothing behind."""
    before = files(folder)
    with pytest.raises(kind) as caught:
        await save(folder, answer)
    assert files(folder) == before
    return caught.value.sentence


async def test_a_video_is_named_after_its_day_its_prompt_and_its_job(tmp_path: Path) -> None:
    video, host = await save(tmp_path, always())
    assert is_exactly(video, VIDEO)
    day = time.strftime("%Y-%m-%d", time.localtime(DAY))
    assert video.path == tmp_path / "videos" / f"{day}-neon-street-2345.mp4"
    assert [path.name for path in (tmp_path / "videos").iterdir()] == [video.path.name]
    (request,) = host.requests
    assert request.headers["accept-encoding"] == "identity"
    assert "range" not in request.headers


@pytest.mark.parametrize(
    "kind",
    ["video/mp4", "Video/MP4; codecs=avc1", "application/octet-stream", "application/mp4", "application/x-download"],
)
async def test_several_media_types_are_accepted_for_a_video(tmp_path: Path, kind: str) -> None:
    video, _ = await save(tmp_path, always(content_type=kind))
    assert is_exactly(video, VIDEO)


async def test_a_video_of_unstated_length_is_downloaded_to_its_end(tmp_path: Path) -> None:
    video, _ = await save(tmp_path, always(length=None))
    assert is_exactly(video, VIDEO)


async def test_progress_is_reported(tmp_path: Path) -> None:
    reports: list[tuple[int, int | None]] = []

    def report(received: int, total: int | None) -> None:
        reports.append((received, total))

    async with hosting(always()) as host:
        web = Web(settings_for(tmp_path, "12ai", host.origin))
        job = succeeded_job(url=f"{host.origin}/v")
        await download_video(job, known_vendors()["12ai"], web, tmp_path / "videos", report)
        await web.aclose()
    assert reports[-1] == (len(VIDEO), len(VIDEO))
    assert reports == sorted(reports)


# -- permissions --------------------------------------------------------------------------------------------------


@POSIX
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
async def test_a_video_is_private_to_the_user_from_its_first_byte_on(tmp_path: Path, umask: int) -> None:
    modes: set[int] = set()

    def report(_: int, __: int | None) -> None:
        modes.update(stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "videos").iterdir())

    before = os.umask(umask)
    try:
        async with hosting(always()) as host:
            web = Web(settings_for(tmp_path, "12ai", host.origin))
            job = succeeded_job(url=f"{host.origin}/v")
            video = await download_video(job, known_vendors()["12ai"], web, tmp_path / "videos", report)
            await web.aclose()
    finally:
        os.umask(before)
    assert modes == {0o600}
    assert stat.S_IMODE(video.path.stat().st_mode) == 0o600
    assert video.path.stat().st_nlink == 1


@POSIX
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o755), (0o027, 0o750), (0o077, 0o700)])
async def test_a_new_folder_gets_the_permissions_that_the_user_gives_to_folders(
    tmp_path: Path, umask: int, mode: int
) -> None:
    before = os.umask(umask)
    try:
        await save(tmp_path, always())
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "videos").stat().st_mode) == mode


@POSIX
@pytest.mark.parametrize("mode", [0o700, 0o755, 0o770])
async def test_an_existing_folder_keeps_its_permissions(tmp_path: Path, mode: int) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos").chmod(mode)
    await save(tmp_path, always())
    assert stat.S_IMODE((tmp_path / "videos").stat().st_mode) == mode


# -- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_an_expired_link_is_recognised(tmp_path: Path, status: int) -> None:
    reason = await refusal(tmp_path, always(status=status), LinkExpired)
    assert reason == f"The video's link no longer works (HTTP {status})."


async def test_a_job_without_a_link_has_nothing_to_download(tmp_path: Path) -> None:
    web = Web(settings_for(tmp_path, "12ai"))
    with pytest.raises(SaveError, match="has not given a link"):
        await download_video(succeeded_job(), known_vendors()["12ai"], web, tmp_path / "videos")
    await web.aclose()


# -- resuming -----------------------------------------------------------------------------------------------------

CUT = Reply(VIDEO, headers=VIDEO_TYPE | {"etag": TAG}, cut=5 * MB // 2)
UNSTATED = replace(CUT, length=None)
"""As above, from a host that states no length, so that only the boxes of the mp4 show what is missing."""


def begin(request: Request) -> int:
    """Return the first byte that a request asks for."""
    return int(request.headers.get("range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))


@pytest.mark.parametrize("first", [CUT, UNSTATED], ids=["stated length", "unstated length"])
async def test_an_interrupted_video_is_resumed_to_exactly_its_bytes(tmp_path: Path, first: Reply) -> None:
    video, host = await save(tmp_path, first_then(first, honest(VIDEO, TAG)))
    assert is_exactly(video, VIDEO)
    one, two = host.requests
    assert "range" not in one.headers
    assert re.fullmatch(r"bytes=[1-9]\d*-", two.headers["range"])
    assert two.headers["if-range"] == TAG


async def test_a_host_that_breaks_off_again_and_again_is_asked_as_long_as_more_arrives(tmp_path: Path) -> None:
    def answer(request: Request) -> Reply:
        reply = honest(VIDEO, TAG)(request)
        return replace(reply, cut=500_000) if len(reply.body) > 500_000 else reply

    video, host = await save(tmp_path, answer)
    assert is_exactly(video, VIDEO)
    assert len(host.requests) == -(-len(VIDEO) // 500_000)


@pytest.mark.parametrize("stated", [True, False], ids=["stated size", "size *"])
async def test_a_part_of_another_version_is_discarded_and_the_video_restarted(tmp_path: Path, stated: bool) -> None:
    def answer(request: Request) -> Reply:
        if "range" in request.headers:
            return part(OTHER, begin(request), '"two"', total=stated)  # although If-Range names version one
        return Reply(OTHER, headers=VIDEO_TYPE | {"etag": '"two"'})

    for first in (CUT, UNSTATED):
        folder = tmp_path / str(first.length)
        video, host = await save(folder, first_then(first, answer), timing=QUICK)
        assert is_exactly(video, OTHER)
        assert ["range" in request.headers for request in host.requests] == [False, True, False]


async def test_a_part_without_a_stated_total_resumes_a_video_of_unstated_length(tmp_path: Path) -> None:
    rest = first_then(UNSTATED, lambda request: part(VIDEO, begin(request), TAG, total=False))
    video, host = await save(tmp_path, rest, timing=QUICK)
    assert is_exactly(video, VIDEO)
    assert len(host.requests) == 2


def chunked(reply: Reply) -> Reply:
    """Return the same answer in one chunk, so that it states its own end but no length."""
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(reply.body), reply.body)
    return replace(reply, body=body, headers={**reply.headers, "transfer-encoding": "chunked"}, length=None)


@pytest.mark.parametrize("in_chunks", [False, True], ids=["with a length", "chunked"])
async def test_a_part_without_a_stated_total_is_not_taken_for_the_end_of_the_video(
    tmp_path: Path, in_chunks: bool
) -> None:
    def answer(request: Request) -> Reply:
        reply = part(VIDEO, begin(request), TAG, begin(request) + 500_000, total=False)
        return chunked(reply) if in_chunks else reply

    for name, first in (("resumed", UNSTATED), ("from the start", answer(Request("GET", "/", {})))):
        video, host = await save(tmp_path / name, first_then(first, answer), timing=QUICK)
        assert is_exactly(video, VIDEO)
        assert len(host.requests) >= 3


async def test_a_part_without_a_stated_total_does_not_resume_a_video_whose_size_was_stated(tmp_path: Path) -> None:
    def answer(request: Request) -> Reply:
        if "range" in request.headers:
            return part(VIDEO, begin(request), TAG, total=False)
        return Reply(VIDEO, headers=VIDEO_TYPE | {"etag": TAG})

    video, host = await save(tmp_path, first_then(CUT, answer), timing=QUICK)
    assert is_exactly(video, VIDEO)
    assert ["range" in request.headers for request in host.requests] == [False, True, False]


# -- names --------------------------------------------------------------------------------------------------------


async def test_without_hard_links_no_file_is_overwritten_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(source: object, target: object, **_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    first, _ = await save(tmp_path, always())
    second, _ = await save(tmp_path, always(OTHER))
    assert is_exactly(first, VIDEO)
    assert is_exactly(second, OTHER)


PROMPTS = [
    "一只狐狸在雪地里奔跑",
    "狐狸 " * 300,
    "🦊❄️🎬",
    "e\u0301" * 200,
    "ẞtraße İstanbul",
    "\ud83d\udc00".encode("utf-16", "surrogatepass").decode("utf-16"),
]


@pytest.mark.parametrize("prompt", PROMPTS, ids=lambda prompt: ascii(prompt)[:30])
async def test_a_prompt_in_any_script_gives_a_name_that_every_system_accepts(tmp_path: Path, prompt: str) -> None:
    video, _ = await save(tmp_path, always(HEAD), prompt)
    assert [path.name for path in (tmp_path / "videos").iterdir()] == [video.path.name]
    name = video.path.name
    assert re.fullmatch(r"\d{4}-\d\d-\d\d(-[^\W_]+)*-2345\.mp4", name)
    assert len(name.encode()) <= 150
    assert name == name.casefold()


def test_a_prompt_in_any_script_gives_a_recognisable_name() -> None:
    def words(prompt: str) -> str:
        return file_name(succeeded_job(prompt))[11:-9]

    assert words("A slow dolly shot through a neon-lit street") == "a-slow-dolly-shot-through"
    assert words("一只狐狸在雪地里") == "一只狐狸在雪地里"
    assert words("Straße im Regen") == "strasse-im-regen"
    assert words("Лиса в снегу") == "лиса-в-снегу"


# -- disks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
async def test_a_disk_that_fails_during_the_download_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(self: object, block: bytes) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(PartialFile, "append", full)
    reason = await refusal(tmp_path, always())
    assert reason == f"The video could not be written to {tmp_path / 'videos'} ({os.strerror(number)})."


async def test_a_file_in_place_of_the_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "videos").write_text("in the way")
    assert (await refusal(tmp_path, always())).startswith(f"The video could not be written to {tmp_path / 'videos'} (")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir(mode=0o500)
    reason = await refusal(tmp_path, always())
    assert reason == f"The video could not be written to {tmp_path / 'videos'} (Permission denied)."


async def test_a_folder_that_cannot_be_created_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", forbidden)
    reason = await refusal(tmp_path, always())
    assert reason == f"The video could not be written to {tmp_path / 'videos'} (Permission denied)."
