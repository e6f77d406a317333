"""From a path to a film: what is uploaded, how often, and what is kept of it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from seedance_mcp.sandbox import Sandbox
from seedance_mcp.sandbox.serve import serve
from seedance_mcp.sandbox.transport import SandboxTransport
from seedance_mcp.server.app import App
from seedance_mcp.settings import load
from seedance_mcp.uploads import uploader
from tests.server.mcp_client import Session, ToolAnswer, connected
from tests.uploads.samples import image

pytestmark = pytest.mark.anyio

MINI = "jimmyai/seedance2.0-mini"


@asynccontextmanager
async def with_photos(tmp_path: Path, era: str = "2026-07-28", **more: Any) -> AsyncGenerator[Session]:
    async with connected(tmp_path, era, SEEDANCE_MEDIA_ROOTS=str(tmp_path / "photos"), **more) as session:
        yield session


def uploads(session: Session) -> dict[str, bytes]:
    """Return what the vendor keeps, by URL."""
    return {url: kept.content for url, kept in session.sandbox.stored["jimmyai"].items() if url.startswith("https://")}


def handed_over(tmp_path: Path) -> sqlite3.Connection:
    return sqlite3.connect(tmp_path / "state" / "sandbox" / "handed-over.sqlite3", isolation_level=None)


async def test_a_film_begins_with_a_picture_of_this_machine(tmp_path: Path, photos: Path, era: str) -> None:
    async with with_photos(tmp_path, era) as session:
        done = await session.video(model=MINI, first_frame=str(photos / "fox.png"))
        (task,) = session.sandbox.tasks.values()
        ((url, content),) = uploads(session).items()
    assert done["state"] == "succeeded"
    assert task.body["first_image"] == url
    assert content == image()
    # Neither the name nor the folder leaves this machine.
    assert not any(word in url for word in ("fox", "photos"))


async def test_files_work_over_real_http(tmp_path: Path, photos: Path) -> None:
    sandbox = Sandbox(pace=0)
    async with anyio.create_task_group() as group:
        port: int = await group.start(partial(serve, 0, sandbox=sandbox))
        environment = {
            "SEEDANCE_JIMMYAI_API_KEY": "sk-test-123456",
            "SEEDANCE_JIMMYAI_BASE_URL": sandbox.base_url("jimmyai", f"http://127.0.0.1:{port}"),
            "SEEDANCE_STATE_DIR": str(tmp_path / "state"),
            "SEEDANCE_OUTPUT_DIR": str(tmp_path / "videos"),
            "SEEDANCE_MEDIA_ROOTS": str(photos),
            "SEEDANCE_POLL_INTERVAL": "0.1",
        }
        settings = load(environment)
        app = App(settings)
        async with upload_client(app) as client:
            session = Session(client, sandbox, settings, app)
            done = await session.video(model="jimmyai/sd2_mx_720p", first_frame="fox.png")
            assert done["state"] == "succeeded"
            assert list(uploads(session).values()) == [image()]
            (task,) = sandbox.tasks.values()
            assert task.body["first_image"].startswith("asset://asset_")
        group.cancel_scope.cancel()


def upload_client(app: App) -> Any:
    from mcp.client import Client

    return Client(app.server)


async def test_all_kinds_in_one_request_keep_their_order(tmp_path: Path, photos: Path) -> None:
    (photos / "blue.png").write_bytes(image("blue"))
    async with with_photos(tmp_path) as session:
        web = "https://example.com/x.png"
        await session.create(model=MINI, reference_images=["blue.png", web, "fox.png", "blue.png"])
        (task,) = session.sandbox.tasks.values()
        kept = uploads(session)
    first, second, third, fourth = task.body["images"]
    assert (kept[first], second, kept[third], fourth) == (image("blue"), web, image(), first)
    assert len(kept) == 2


# -- nothing without a need -----------------------------------------------------------------------------------------


async def test_a_dry_run_uploads_nothing_and_says_what_stands_in(tmp_path: Path, photos: Path, era: str) -> None:
    async with with_photos(tmp_path, era) as session:
        said = await session.call("create_video", prompt="x", model=MINI, first_frame="fox.png", dry_run=True)
        assert uploads(session) == {}
    body = said.fields["request"]["body"]
    assert body["first_image"].startswith("https://local.invalid/")
    assert body["first_image"].endswith(".png")
    assert "not handed over yet" in said.fields["note"]
    assert "fox" not in said.text


async def test_the_same_content_is_uploaded_once_whatever_it_is_called(tmp_path: Path, photos: Path) -> None:
    (photos / "same.jpeg").write_bytes(image())
    async with with_photos(tmp_path) as session:
        await session.create("one", model=MINI, first_frame="fox.png")
        await session.create("two", model=MINI, reference_images=["same.jpeg"])
        bodies = [task.body for task in session.sandbox.tasks.values()]
        assert len(uploads(session)) == 1
    async with with_photos(tmp_path, sandbox=session.sandbox) as session:  # another server, the same state
        await session.create("three", model="jimmyai/seedance2.0-std", last_frame="fox.png")
        assert len(uploads(session)) == 1
        bodies = [task.body for task in session.sandbox.tasks.values()]
    assert bodies[0]["first_image"] == bodies[1]["images"][0] == bodies[2]["last_image"]


async def test_two_requests_at_once_share_one_upload(tmp_path: Path, photos: Path) -> None:
    async with with_photos(tmp_path) as session, anyio.create_task_group() as group:
        for name in ("one", "two", "three"):
            group.start_soon(lambda name=name: session.create(name, model=MINI, first_frame="fox.png"))
    assert len(session.sandbox.tasks) == 3
    assert len(uploads(session)) == 1


async def test_a_link_that_is_about_to_expire_is_made_anew(tmp_path: Path, photos: Path) -> None:
    async with with_photos(tmp_path) as session:
        await session.create("one", model=MINI, first_frame="fox.png")
        with handed_over(tmp_path) as db:
            renew_at, expires_at = db.execute("SELECT renew_at, expires_at FROM links").fetchone()
            assert renew_at - time.time() == pytest.approx(2 * 86_400, abs=60)
            assert expires_at - time.time() == pytest.approx(3 * 86_400, abs=60)
            db.execute("UPDATE links SET renew_at = ?", (time.time() - 1,))
        await session.create("two", model=MINI, first_frame="fox.png")
        assert len(uploads(session)) == 2
        first, second = (task.body["first_image"] for task in session.sandbox.tasks.values())
    assert first != second


async def test_another_key_or_vendor_address_is_another_destination(tmp_path: Path, photos: Path) -> None:
    async with with_photos(tmp_path) as session:
        await session.create("one", model=MINI, first_frame="fox.png")
    with handed_over(tmp_path) as db:
        (destination,) = db.execute("SELECT destination FROM links").fetchone()
        db.execute("UPDATE links SET destination = ?", (destination[:-1] + "x",))
    async with with_photos(tmp_path, sandbox=session.sandbox) as session:
        await session.create("two", model=MINI, first_frame="fox.png")
        assert len(uploads(session)) == 2


async def test_what_is_remembered_is_for_its_owner_alone_and_holds_no_key(tmp_path: Path, photos: Path) -> None:
    async with with_photos(tmp_path) as session:
        await session.create(model=MINI, first_frame="fox.png")
    file = tmp_path / "state" / "sandbox" / "handed-over.sqlite3"
    assert file.stat().st_mode & 0o777 == 0o600
    content = file.read_bytes()
    assert b"jimmyai https://www.jimmyai.cn " in content
    assert session.settings.keys["jimmyai"].get_secret_value().encode() not in content
    assert b"fox" not in content
    assert str(photos).encode() not in content


async def test_a_damaged_memory_only_costs_an_upload(tmp_path: Path, photos: Path) -> None:
    async with with_photos(tmp_path) as session:
        (tmp_path / "state" / "sandbox" / "handed-over.sqlite3").write_bytes(b"not a database" * 100)
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


async def test_no_path_and_no_link_is_in_the_journal(tmp_path: Path, photos: Path) -> None:
    async with with_photos(tmp_path) as session:
        begun = await session.create(model=MINI, first_frame=f"file://{photos}/fox.png")
        job = await (await session.app.service()).job(begun["job_id"])
    assert job.request["first_frame"].startswith("https://local.invalid/")
    journal = (tmp_path / "state" / "sandbox" / "journal.sqlite3").read_bytes()
    assert b"fox.png" not in journal
    assert str(photos).encode() not in journal
    assert b"files.jimmyai.example" not in journal


# -- when it goes wrong -------------------------------------------------------------------------------------------


def failing(monkeypatch: pytest.MonkeyPatch, answer: httpx2.Response | Exception, times: int = 99) -> list[str]:
    """Let uploads fail; return the paths that were asked for."""
    asked: list[str] = []
    really = SandboxTransport.handle_async_request

    async def handle(self: SandboxTransport, request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.path)
        if request.url.path.endswith("/files/upload") and sum(p.endswith("/upload") for p in asked) <= times:
            if isinstance(answer, Exception):
                raise answer
            return answer
        return await really(self, request)

    monkeypatch.setattr(SandboxTransport, "handle_async_request", handle)
    return asked


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx2.ConnectError("secret://x"), "vendor_down: Jimmy AI could not be reached (connection refused"),
        (httpx2.ReadTimeout("x"), "vendor_down: Jimmy AI could not be reached (no answer in time)"),
        (httpx2.Response(502, text="<html>"), "unexpected_answer: The vendor's answer (HTTP 502)"),
        (httpx2.Response(200, json={"code": 20000, "data": {"url": "/relative"}}), "unexpected_answer: "),
        (httpx2.Response(200, json={"code": 20000, "data": {"url": "http://x/y"}}), "to fox.png that is not https"),
        (httpx2.Response(200, json={"code": 20002, "msg": "bad\u202efile"}), "did not take fox.png: bad file."),
        (httpx2.Response(200, json={"code": 20001, "msg": "auth failure"}), "auth: Jimmy AI did not take fox.png"),
    ],
)  # fmt: skip
async def test_a_failed_upload_costs_nothing(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, answer: Any, words: str
) -> None:
    async with with_photos(tmp_path) as session:
        asked = failing(monkeypatch, answer)
        assert words in await session.refused(model=MINI, first_frame="fox.png")
        assert session.sandbox.tasks == {}
        assert not any(path.endswith("/seedance/videos") for path in asked)
        assert (await session.call("list_videos")).fields["videos"] == []


async def test_after_a_failure_the_next_call_uploads_again(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with with_photos(tmp_path) as session:
        failing(monkeypatch, httpx2.ConnectError("no"), times=1)
        await session.refused(model=MINI, first_frame="fox.png")
        await session.create(model=MINI, first_frame="fox.png")
        assert len(uploads(session)) == 1


async def test_over_budget_uploads_nothing(tmp_path: Path, photos: Path) -> None:
    async with with_photos(tmp_path, SEEDANCE_MAX_COST="1") as session:
        said = await session.refused(model=MINI, first_frame="fox.png")
        assert said.startswith("over_budget: ")
        assert uploads(session) == {}


async def test_a_file_that_changes_before_it_is_sent_is_not_sent(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with with_photos(tmp_path) as session:
        service = await session.app.service()
        args = {"prompt": "x", "model": MINI, "first_frame": "fox.png"}
        quote = service.quote(args, await service.inputs(args))
        (photos / "fox.png").write_bytes(image("blue"))
        with pytest.raises(Exception, match=r"fox\.png was changed after it was checked"):
            await service.create(quote, args)
        assert uploads(session) == {}
        assert session.sandbox.tasks == {}


async def test_an_upload_that_outlasts_a_call_goes_on_without_it(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploader, "PATIENCE", 0.05)
    may_go_on = anyio.Event()
    really = SandboxTransport.handle_async_request

    async def slow(self: SandboxTransport, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/files/upload"):
            await may_go_on.wait()
        return await really(self, request)

    monkeypatch.setattr(SandboxTransport, "handle_async_request", slow)
    async with with_photos(tmp_path) as session:
        said = await session.refused(model=MINI, first_frame="fox.png")
        assert said.startswith("busy: Still being uploaded: fox.png. Nothing was sent and nothing is charged.")
        assert "call create_video again with the same arguments" in said
        assert session.sandbox.tasks == {}
        may_go_on.set()
        monkeypatch.setattr(uploader, "PATIENCE", 20)
        await session.create(model=MINI, first_frame="fox.png")
        assert len(uploads(session)) == 1
        assert session.charge_count == 1


async def test_a_server_that_stops_while_uploading_leaves_nothing_behind(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = anyio.Event()

    async def never(self: SandboxTransport, request: httpx2.Request) -> httpx2.Response:
        begun.set()
        await anyio.sleep_forever()
        raise AssertionError

    monkeypatch.setattr(SandboxTransport, "handle_async_request", never)
    said: list[ToolAnswer] = []
    async with with_photos(tmp_path) as session, anyio.create_task_group() as group:

        async def call() -> None:
            said.append(await session.call("create_video", prompt="x", model=MINI, first_frame="fox.png"))

        group.start_soon(call)
        await begun.wait()
        await session.app.stop()
        group.cancel_scope.cancel()
    assert session.sandbox.tasks == {}


# -- the fake --------------------------------------------------------------------------------------------------------


async def test_the_fake_takes_what_its_page_lists_and_charges_nothing(tmp_path: Path, photos: Path) -> None:
    sandbox = Sandbox(pace=0)
    url = sandbox.base_url("jimmyai", "http://sandbox.test") + "/api/open-api/v1/files/upload"
    key = {"authorization": "Bearer sk"}
    async with httpx2.AsyncClient(transport=SandboxTransport(sandbox)) as client:
        taken = await client.post(url, headers=key, files={"file": ("photo.jpg", b"x", "image/jpeg")})
        script = await client.post(url, headers=key, files={"file": ("run.sh", b"x", "text/plain")})
        empty = await client.post(url, headers=key, files={"file": ("photo.jpg", b"", "image/jpeg")})
        misnamed = await client.post(url, headers=key, files={"data": ("photo.jpg", b"x", "image/jpeg")})
        keyless = await client.post(url, files={"file": ("photo.jpg", b"x", "image/jpeg")})
    said = taken.json()
    assert said["code"] == 20000
    assert {k: said["data"][k] for k in ("filename", "size", "mime_type")} == {
        "filename": "photo.jpg", "size": 1, "mime_type": "image/jpeg"
    }  # fmt: skip
    assert said["data"]["url"].startswith("https://files.jimmyai.example/uploads/")
    assert [r.json()["code"] for r in (script, empty, misnamed, keyless)] == [20002, 20002, 20002, 20001]
    assert sandbox.charges == []
