"""From a path to a video: what is uploaded, how often, and what is remembered about it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, cast

import anyio
import httpx2
import pytest

from seedance_mcp.catalog.order import Order
from seedance_mcp.sandbox import Sandbox
from seedance_mcp.sandbox.transport import SandboxTransport
from tests.server.mcp_client import ToolAnswer
from tests.uploads.samples import image
from tests.uploads.sessions import (
    FULL,
    LATEST,
    MINI,
    cache_file,
    create_once_uploaded,
    over_http,
    served_jimmyai,
    upload_cache,
    upload_timing,
    uploads,
    with_photos,
)

pytestmark = pytest.mark.anyio


async def test_a_video_can_begin_with_a_local_image(tmp_path: Path, photos: Path, era: str) -> None:
    async with with_photos(tmp_path, era) as session:
        done = await session.video(model=MINI, first_frame=str(photos / "fox.png"))
        (task,) = session.sandbox.tasks.values()
        ((url, content),) = uploads(session).items()
    assert done["state"] == "succeeded"
    assert task.body["first_image"] == url
    assert content == image()
    # Neither the name nor the folder is sent.
    assert not any(word in url for word in ("fox", "photos"))


async def test_files_are_uploaded_over_real_http(tmp_path: Path, photos: Path) -> None:
    async with (
        served_jimmyai() as (sandbox, environment),
        over_http(tmp_path, LATEST, sandbox, environment) as session,
    ):
        done = await session.video(model=FULL, first_frame="fox.png")
        assert done["state"] == "succeeded"
        assert list(uploads(session).values()) == [image()]
        (task,) = sandbox.tasks.values()
        assert task.body["first_image"].startswith("asset://asset_")


async def test_files_and_urls_in_one_request_keep_their_order(tmp_path: Path, photos: Path) -> None:
    (photos / "blue.png").write_bytes(image("blue"))
    async with with_photos(tmp_path) as session:
        web = "https://example.com/x.png"
        await session.create(model=MINI, reference_images=["blue.png", web, "fox.png", "blue.png"])
        (task,) = session.sandbox.tasks.values()
        stored = uploads(session)
    first, second, third, fourth = task.body["images"]
    assert (stored[first], second, stored[third], fourth) == (image("blue"), web, image(), first)
    assert len(stored) == 2


# -- as few uploads as possible -------------------------------------------------------------------------------------


async def test_a_dry_run_uploads_nothing_and_explains_the_placeholders(tmp_path: Path, photos: Path, era: str) -> None:
    async with with_photos(tmp_path, era) as session:
        answer = await session.call("create_video", prompt="x", model=MINI, first_frame="fox.png", dry_run=True)
        assert uploads(session) == {}
    body = answer.fields["request"]["body"]
    assert body["first_image"].startswith("https://local.invalid/")
    assert body["first_image"].endswith(".png")
    assert "not uploaded yet" in answer.fields["note"]
    assert "fox" not in answer.text


async def test_equal_content_is_uploaded_once_under_any_name(tmp_path: Path, photos: Path) -> None:
    (photos / "same.jpeg").write_bytes(image())
    async with with_photos(tmp_path) as session:
        await session.create("one", model=MINI, first_frame="fox.png")
        await session.create("two", model=MINI, reference_images=["same.jpeg"])
        bodies = [task.body for task in session.sandbox.tasks.values()]
        assert len(uploads(session)) == 1
    async with with_photos(tmp_path, sandbox=session.sandbox) as session:  # another server with the same state folder
        await session.create("three", model="jimmyai/seedance2.0-std", last_frame="fox.png")
        assert len(uploads(session)) == 1
        bodies = [task.body for task in session.sandbox.tasks.values()]
    assert bodies[0]["first_image"] == bodies[1]["images"][0] == bodies[2]["last_image"]


async def test_simultaneous_requests_share_one_upload(tmp_path: Path, photos: Path) -> None:
    async with with_photos(tmp_path) as session, anyio.create_task_group() as group:
        for name in ("one", "two", "three"):
            group.start_soon(lambda name=name: session.create(name, model=MINI, first_frame="fox.png"))
    assert len(session.sandbox.tasks) == 3
    assert len(uploads(session)) == 1


async def test_a_link_that_is_about_to_expire_is_renewed(tmp_path: Path, photos: Path) -> None:
    async with with_photos(tmp_path) as session:
        await session.create("one", model=MINI, first_frame="fox.png")
        with upload_cache(tmp_path) as db:
            renew_at, expires_at = db.execute("SELECT renew_at, expires_at FROM links").fetchone()
            assert renew_at - time.time() == pytest.approx(2 * 86_400, abs=60)
            assert expires_at - time.time() == pytest.approx(3 * 86_400, abs=60)
            db.execute("UPDATE links SET renew_at = ?", (time.time() - 1,))
        await session.create("two", model=MINI, first_frame="fox.png")
        assert len(uploads(session)) == 2
        first, second = (task.body["first_image"] for task in session.sandbox.tasks.values())
    assert first != second


async def test_another_key_or_base_url_is_another_destination(tmp_path: Path, photos: Path) -> None:
    async with with_photos(tmp_path) as session:
        await session.create("one", model=MINI, first_frame="fox.png")
    with upload_cache(tmp_path) as db:
        (destination,) = db.execute("SELECT destination FROM links").fetchone()
        db.execute("UPDATE links SET destination = ?", (destination[:-1] + "x",))
    async with with_photos(tmp_path, sandbox=session.sandbox) as session:
        await session.create("two", model=MINI, first_frame="fox.png")
        assert len(uploads(session)) == 2


async def test_the_cache_is_readable_by_its_owner_only_and_contains_no_key(tmp_path: Path, photos: Path) -> None:
    async with with_photos(tmp_path) as session:
        await session.create(model=MINI, first_frame="fox.png")
    file = cache_file(tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600
    content = file.read_bytes()
    assert b"jimmyai https://www.jimmyai.cn " in content
    assert session.settings.keys["jimmyai"].get_secret_value().encode() not in content
    assert b"fox" not in content
    assert str(photos).encode() not in content


async def test_a_damaged_cache_only_costs_uploads(tmp_path: Path, photos: Path) -> None:
    async with with_photos(tmp_path) as session:
        await session.app.service()  # it makes the folder
        cache_file(tmp_path).write_bytes(b"not a database" * 100)
        await session.create("one", model=MINI, first_frame="fox.png")
        await session.create("two", model=MINI, first_frame="fox.png")
        assert len(uploads(session)) == 2


# -- one request, one job -------------------------------------------------------------------------------------------


async def test_equal_content_is_the_same_request(tmp_path: Path, photos: Path, era: str) -> None:
    (photos / "copy.png").write_bytes(image())
    (photos / "other.png").write_bytes(image("blue"))
    async with with_photos(tmp_path, era) as session:
        first = await session.create("sandbox: slow 60", model=MINI, first_frame="fox.png", request_key="k")
        again = await session.create("sandbox: slow 60", model=MINI, first_frame=str(photos / "copy.png"))
        other = await session.create("sandbox: slow 60", model=MINI, first_frame="other.png")
        reused = await session.refused("sandbox: slow 60", model=MINI, first_frame="other.png", request_key="k")
        assert session.charge_count == 2
    assert again["duplicate_of"] == first["job_id"]
    assert "duplicate_of" not in other
    assert reused.startswith("key_reused: ")


async def test_the_journal_contains_neither_paths_nor_links(tmp_path: Path, photos: Path) -> None:
    async with with_photos(tmp_path) as session:
        created = await session.create(model=MINI, first_frame=f"file://{photos}/fox.png")
        job = await (await session.app.service()).get(created["job_id"])
    assert job.request["first_frame"].startswith("https://local.invalid/")
    journal = (tmp_path / "state" / "sandbox" / "journal.sqlite3").read_bytes()
    assert b"fox.png" not in journal
    assert str(photos).encode() not in journal
    assert b"files.jimmyai.example" not in journal


# -- failures -------------------------------------------------------------------------------------------------------


def failing(monkeypatch: pytest.MonkeyPatch, answer: httpx2.Response | Exception, times: int = 99) -> list[str]:
    """Give the first uploads this answer; return the paths of all requests."""
    paths: list[str] = []
    original = SandboxTransport.handle_async_request

    async def handle(self: SandboxTransport, request: httpx2.Request) -> httpx2.Response:
        paths.append(request.url.path)
        if request.url.path.endswith("/files/upload") and sum(p.endswith("/upload") for p in paths) <= times:
            if isinstance(answer, Exception):
                raise answer
            return answer
        return await original(self, request)

    monkeypatch.setattr(SandboxTransport, "handle_async_request", handle)
    return paths


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        (httpx2.ConnectError("secret://x"), "vendor_down: Jimmy AI could not be reached (connection refused"),
        (httpx2.ReadTimeout("x"), "vendor_down: Jimmy AI could not be reached (no answer in time)"),
        (httpx2.Response(502, text="<html>"), "unexpected_answer: The vendor's answer (HTTP 502)"),
        (httpx2.Response(200, json={"code": 20000, "data": {"url": "/relative"}}), "unexpected_answer: "),
        (httpx2.Response(200, json={"code": 20000, "data": {"url": "http://x/y"}}), "to fox.png that does not begin"),
        (httpx2.Response(200, json={"code": 20002, "msg": "bad\u202efile"}), "did not accept fox.png: bad file."),
        (httpx2.Response(200, json={"code": 20001, "msg": "auth failure"}), "auth: Jimmy AI did not accept fox.png"),
    ],
)  # fmt: skip
async def test_a_failed_upload_costs_nothing(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, answer: Any, refusal: str
) -> None:
    async with with_photos(tmp_path) as session:
        paths = failing(monkeypatch, answer)
        assert refusal in await session.refused(model=MINI, first_frame="fox.png")
        assert session.sandbox.tasks == {}
        assert not any(path.endswith("/seedance/videos") for path in paths)
        assert (await session.call("list_videos")).fields["videos"] == []


async def test_after_a_failure_the_next_call_uploads_again(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with with_photos(tmp_path) as session:
        failing(monkeypatch, httpx2.ConnectError("no"), times=1)
        await session.refused(model=MINI, first_frame="fox.png")
        await session.create(model=MINI, first_frame="fox.png")
        assert len(uploads(session)) == 1


async def test_a_request_over_budget_uploads_nothing(tmp_path: Path, photos: Path) -> None:
    async with with_photos(tmp_path, SEEDANCE_MAX_COST="1") as session:
        refusal = await session.refused(model=MINI, first_frame="fox.png")
        assert refusal.startswith("price_unknown: ")
        assert uploads(session) == {}


async def test_a_file_that_changes_after_the_quote_is_not_uploaded(tmp_path: Path, photos: Path) -> None:
    async with with_photos(tmp_path) as session:
        service = await session.app.service()
        quote = await service.quote(Order.parse({"prompt": "x", "model": MINI, "first_frame": "fox.png"}))
        (photos / "fox.png").write_bytes(image("blue"))
        with pytest.raises(Exception, match=r"fox\.png was changed after it was checked"):
            await service.create(quote)
        assert uploads(session) == {}
        assert session.sandbox.tasks == {}


async def test_a_file_that_changes_while_it_is_sent_is_refused(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos / "fox.png").write_bytes(image() + bytes(3 * 1024 * 1024))
    original, received = SandboxTransport.handle_async_request, bytearray()

    async def changing(self: SandboxTransport, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/files/upload"):
            async for piece in cast("httpx2.AsyncByteStream", request.stream):
                received.extend(piece)
                (photos / "fox.png").write_bytes(image("blue"))
        return await original(self, request)

    monkeypatch.setattr(SandboxTransport, "handle_async_request", changing)
    async with with_photos(tmp_path) as session:
        refusal = await session.refused(model=MINI, first_frame="fox.png")
        assert session.sandbox.tasks == {}
    assert "fox.png was changed after it was checked, so it was not uploaded. Nothing was sent." in refusal
    assert len(received) < 3 * 1024 * 1024


async def test_an_upload_that_outlasts_a_call_continues_without_it(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_continue = anyio.Event()
    original = SandboxTransport.handle_async_request

    async def slow(self: SandboxTransport, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/files/upload"):
            await may_continue.wait()
        return await original(self, request)

    monkeypatch.setattr(SandboxTransport, "handle_async_request", slow)
    async with with_photos(tmp_path, timing=upload_timing(patience=0.05)) as session:
        refusal = await session.refused(model=MINI, first_frame="fox.png")
        assert refusal.startswith("busy: Still uploading: fox.png. Nothing was sent and nothing is charged.")
        assert "call create_video again with the same arguments" in refusal
        assert session.sandbox.tasks == {}
        may_continue.set()
        await create_once_uploaded(session, model=MINI, first_frame="fox.png")
        assert len(uploads(session)) == 1
        assert session.charge_count == 1


async def test_an_upload_that_fails_unexpectedly_is_an_internal_error(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, ZeroDivisionError("secret"))
    async with with_photos(tmp_path) as session:
        refusal = await session.refused(model=MINI, first_frame="fox.png")
        assert session.sandbox.tasks == {}
    assert refusal.startswith("internal: The upload of fox.png failed unexpectedly. Nothing was sent.")
    assert "secret" not in refusal


async def test_a_server_that_stops_during_an_upload_creates_no_job(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = anyio.Event()

    async def never(self: SandboxTransport, request: httpx2.Request) -> httpx2.Response:
        started.set()
        await anyio.sleep_forever()
        raise AssertionError

    monkeypatch.setattr(SandboxTransport, "handle_async_request", never)
    answers: list[ToolAnswer] = []
    async with with_photos(tmp_path) as session, anyio.create_task_group() as group:

        async def call() -> None:
            answers.append(await session.call("create_video", prompt="x", model=MINI, first_frame="fox.png"))

        group.start_soon(call)
        await started.wait()
        await session.app.stop()
        group.cancel_scope.cancel()
    assert session.sandbox.tasks == {}


# -- the sandbox ----------------------------------------------------------------------------------------------------


async def test_the_sandbox_accepts_the_documented_formats_and_charges_nothing(tmp_path: Path, photos: Path) -> None:
    sandbox = Sandbox(pace=0)
    url = sandbox.base_url("jimmyai", "http://sandbox.test") + "/api/open-api/v1/files/upload"
    key = {"authorization": "Bearer sk"}
    async with httpx2.AsyncClient(transport=SandboxTransport(sandbox)) as client:
        accepted = await client.post(url, headers=key, files={"file": ("photo.jpg", b"x", "image/jpeg")})
        script = await client.post(url, headers=key, files={"file": ("run.sh", b"x", "text/plain")})
        empty = await client.post(url, headers=key, files={"file": ("photo.jpg", b"", "image/jpeg")})
        misnamed = await client.post(url, headers=key, files={"data": ("photo.jpg", b"x", "image/jpeg")})
        keyless = await client.post(url, files={"file": ("photo.jpg", b"x", "image/jpeg")})
    answer = accepted.json()
    assert answer["code"] == 20000
    assert {k: answer["data"][k] for k in ("filename", "size", "mime_type")} == {
        "filename": "photo.jpg", "size": 1, "mime_type": "image/jpeg"
    }  # fmt: skip
    assert answer["data"]["url"].startswith("https://files.jimmyai.example/uploads/")
    assert [r.json()["code"] for r in (script, empty, misnamed, keyless)] == [20002, 20002, 20002, 20001]
    assert sandbox.charges == []
