"""A film is brought to disk whole, checked, under a name of its own, or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from seedance_mcp.errors import LinkExpired, SaveError
from seedance_mcp.jobs.download.transfer import SavedVideo, file_name, save
from seedance_mcp.jobs.journal.model import Job
from seedance_mcp.vendors import known_vendors
from seedance_mcp.web import Web
from tests.http_host import Answer, Asked, Host, Reply, hosting, settings_for

pytestmark = pytest.mark.anyio

MB = 1024 * 1024
HEAD = b"\0\0\0\x10ftypisom\0\0\0\0"
BODY = (8 + 3 * MB).to_bytes(4) + b"mdat"
VIDEO = HEAD + BODY + bytes(range(256)) * (3 * MB // 256)
OTHER = HEAD + BODY + bytes(reversed(range(256))) * (3 * MB // 256)
VIDEO_TYPE = {"content-type": "video/mp4"}
JOB_ID = "abcdefgh2345"
DAY = 86_400.0 * 20_000


def job(prompt: str = "Neon street", url: str | None = None, job_id: str = JOB_ID) -> Job:
    return Job(
        id=job_id, state="succeeded", vendor="12ai", model="12ai/seedance-2-official", request={"prompt": prompt},
        request_hash="", created_at=DAY, updated_at=DAY, owner="", day="", task_id="task-1", url=url,
    )  # fmt: skip


async def saved(folder: Path, answer: Answer, prompt: str = "Neon street") -> tuple[SavedVideo, Host]:
    """Save a film from a host that answers so; return it and the host."""
    async with hosting(answer) as host:
        web = Web(settings_for(folder, "12ai", host.origin))
        try:
            video = await save(job(prompt, f"{host.origin}/film.mp4"), known_vendors()["12ai"], web, folder / "videos")
        finally:
            await web.aclose()
    return video, host


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


async def refusal(folder: Path, answer: Answer, kind: type[SaveError] = SaveError) -> str:
    """Fail to save a film; return why. Nothing is left behind."""
    before = files(folder)
    with pytest.raises(kind) as caught:
        await saved(folder, answer)
    assert files(folder) == before
    return caught.value.sentence


def always(body: bytes = VIDEO, status: int = 200, length: int | None = -1, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: Reply(body, status, VIDEO_TYPE | named, length)


def whole(video: SavedVideo, content: bytes) -> bool:
    return (video.size, video.sha256, video.path.read_bytes()) == (
        len(content), hashlib.sha256(content).hexdigest(), content,
    )  # fmt: skip


async def test_a_film_is_saved_under_the_day_the_prompt_and_the_job(tmp_path: Path) -> None:
    video, host = await saved(tmp_path, always())
    assert whole(video, VIDEO)
    day = time.strftime("%Y-%m-%d", time.localtime(DAY))
    assert video.path == tmp_path / "videos" / f"{day}-neon-street-2345.mp4"
    assert [path.name for path in (tmp_path / "videos").iterdir()] == [video.path.name]
    (asked,) = host.asked
    assert asked.headers["accept-encoding"] == "identity"
    assert "range" not in asked.headers


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
async def test_a_film_is_the_users_alone(tmp_path: Path) -> None:
    video, _ = await saved(tmp_path, always())
    assert video.path.stat().st_mode & 0o777 == 0o600
    assert video.path.stat().st_nlink == 1


@pytest.mark.parametrize("kind", ["video/mp4", "Video/MP4; codecs=avc1", "application/octet-stream", "video/quicktime"])
async def test_a_video_may_be_called_so_in_several_ways(tmp_path: Path, kind: str) -> None:
    video, _ = await saved(tmp_path, always(content_type=kind))
    assert whole(video, VIDEO)


async def test_a_film_whose_length_is_not_said_is_taken_to_its_end(tmp_path: Path) -> None:
    video, _ = await saved(tmp_path, always(length=None))
    assert whole(video, VIDEO)


async def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []

    def tell(received: int, total: int | None) -> None:
        told.append((received, total))

    async with hosting(always()) as host:
        web = Web(settings_for(tmp_path, "12ai", host.origin))
        await save(job(url=f"{host.origin}/f"), known_vendors()["12ai"], web, tmp_path / "videos", tell)
        await web.aclose()
    assert told[-1] == (len(VIDEO), len(VIDEO))
    assert told == sorted(told)


# -- what is not taken --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_a_link_that_no_longer_works_is_known_as_one(tmp_path: Path, status: int) -> None:
    said = await refusal(tmp_path, always(status=status), LinkExpired)
    assert said == f"The film's link no longer works (HTTP {status})."


async def test_without_a_link_there_is_nothing_to_save(tmp_path: Path) -> None:
    web = Web(settings_for(tmp_path, "12ai"))
    with pytest.raises(SaveError, match="gives no link"):
        await save(job(), known_vendors()["12ai"], web, tmp_path / "videos")
    await web.aclose()


# -- going on where it broke off ----------------------------------------------------------------------------------


def interrupted(first: Reply, then: Callable[[Asked], Reply]) -> Answer:
    """Answer so at first and so ever after."""
    answers = iter([first])
    return lambda asked: next(answers, None) or then(asked)


def rest(video: bytes, etag: str) -> Callable[[Asked], Reply]:
    """Answer a Range as RFC 9110 wants it."""

    def answer(asked: Asked) -> Reply:
        start = re.fullmatch(r"bytes=(\d+)-", asked.headers.get("range", ""))
        if start is None or asked.headers.get("if-range") != etag:
            return Reply(video, 200, VIDEO_TYPE | {"etag": etag})
        at = int(start[1])
        head = {"etag": etag, "content-range": f"bytes {at}-{len(video) - 1}/{len(video)}"}
        return Reply(video[at:], 206, VIDEO_TYPE | head)

    return answer


CUT = Reply(VIDEO, headers=VIDEO_TYPE | {"etag": '"one"'}, cut=5 * MB // 2)


async def test_a_film_that_broke_off_is_taken_up_where_it_ended(tmp_path: Path) -> None:
    video, host = await saved(tmp_path, interrupted(CUT, rest(VIDEO, '"one"')))
    assert whole(video, VIDEO)
    first, second = host.asked
    assert "range" not in first.headers
    assert re.fullmatch(r"bytes=[1-9]\d*-", second.headers["range"])
    assert second.headers["if-range"] == '"one"'


async def test_a_host_that_breaks_off_again_and_again_is_asked_as_long_as_more_comes(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Reply:
        reply = rest(VIDEO, '"one"')(asked)
        return replace(reply, cut=500_000) if len(reply.body) > 500_000 else reply

    video, host = await saved(tmp_path, answer)
    assert whole(video, VIDEO)
    assert len(host.asked) == -(-len(VIDEO) // 500_000)


# -- names --------------------------------------------------------------------------------------------------------


async def test_without_hard_links_no_file_is_overwritten_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(source: object, target: object, **_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    first, _ = await saved(tmp_path, always())
    second, _ = await saved(tmp_path, always(OTHER))
    assert whole(first, VIDEO)
    assert whole(second, OTHER)


PROMPTS = [
    "一只狐狸在雪地里奔跑",
    "狐狸 " * 300,
    "🦊❄️🎬",
    "e\u0301" * 200,
    "ẞtraße İstanbul",
    "\ud83d\udc00".encode("utf-16", "surrogatepass").decode("utf-16"),
]


@pytest.mark.parametrize("prompt", PROMPTS, ids=lambda prompt: ascii(prompt)[:30])
async def test_a_prompt_in_any_script_gives_a_name_that_every_system_takes(tmp_path: Path, prompt: str) -> None:
    video, _ = await saved(tmp_path, always(HEAD), prompt)
    assert [path.name for path in (tmp_path / "videos").iterdir()] == [video.path.name]
    name = video.path.name
    assert re.fullmatch(r"\d{4}-\d\d-\d\d(-[^\W_]+)*-2345\.mp4", name)
    assert len(name.encode()) <= 150
    assert name == name.casefold()


def test_a_prompt_in_any_script_gives_a_name_one_can_recognise() -> None:
    def words(prompt: str) -> str:
        return file_name(job(prompt))[11:-9]

    assert words("A slow dolly shot through a neon-lit street") == "a-slow-dolly-shot-through"
    assert words("一只狐狸在雪地里") == "一只狐狸在雪地里"
    assert words("Straße im Regen") == "strasse-im-regen"
    assert words("Лиса в снегу") == "лиса-в-снегу"


# -- disks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
async def test_a_disk_that_fails_in_the_middle_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(self: object, block: bytes) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("seedance_mcp.jobs.download.partial_file.Part.append", full)
    said = await refusal(tmp_path, always())
    assert said == f"The film could not be written to {tmp_path / 'films'} ({os.strerror(number)})."


async def test_a_file_in_the_place_of_the_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "videos").write_text("in the way")
    assert (await refusal(tmp_path, always())).startswith(f"The film could not be written to {tmp_path / 'films'} (")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_may_not_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir(mode=0o500)
    said = await refusal(tmp_path, always())
    assert said == f"The film could not be written to {tmp_path / 'films'} (Permission denied)."


async def test_a_folder_that_may_not_be_made_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", forbidden)
    said = await refusal(tmp_path, always())
    assert said == f"The film could not be written to {tmp_path / 'films'} (Permission denied)."
