"""A vendor's review that outlasts a call: create_video names it, check_video tells how it is, nothing is charged."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp.client import Client

from seedance_mcp.sandbox import Sandbox
from seedance_mcp.sandbox.fakes import jimmyai
from seedance_mcp.sandbox.serve import serve
from seedance_mcp.sandbox.transport import SandboxTransport
from seedance_mcp.server.app import App
from seedance_mcp.settings import load
from seedance_mcp.uploads import reviews, uploader
from tests.exception_groups import single_error
from tests.server.mcp_client import Session
from tests.uploads.samples import image
from tests.uploads.test_assets import BAD, FULL, SP, assets
from tests.uploads.test_uploader import handed_over, uploads, with_photos

pytestmark = pytest.mark.anyio

PERSON = {"model": SP, "first_frame": "fox.png#person"}
USUALLY = {"job_id", "state", "model", "elapsed_seconds", "cost", "note", "next_step"}


@pytest.fixture(autouse=True)
def _a_slow_vendor_and_a_hasty_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploader, "PATIENCE", 0.05)
    monkeypatch.setattr(uploader, "_PAUSES", (0.01,))
    monkeypatch.setattr(reviews, "FRESH", 0.02)


def slow() -> Sandbox:
    return Sandbox(pace=0.001, review_seconds=1e9)


def decide(session: Session) -> None:
    """Let the vendor end its reviews, as the files say that they end."""
    for kept in session.sandbox.stored["jimmyai"].values():
        kept.ready_at = 0.0


async def named(session: Session, **request: Any) -> str:
    """Ask for a film until the refusal names the review; return its name."""
    with anyio.fail_after(20):
        while not (found := re.findall(r"asset://asset_[0-9a-f]+", await session.refused(**request))):
            pass
    (name,) = found
    return name


async def video(session: Session, **request: Any) -> dict[str, Any]:
    """Ask for a film until its file is handed over; return the film."""
    with anyio.fail_after(20):
        while (said := await session.call("create_video", prompt="x", **request)).result.is_error:
            assert session.charge_count == 0
    return await session.end(said.fields["job_id"])


async def check(session: Session, name: str, wait: int = 0) -> dict[str, Any]:
    return (await session.call("check_video", job_id=name, wait_seconds=wait)).fields


def status_calls(monkeypatch: pytest.MonkeyPatch, *answers: httpx2.Response | Exception) -> list[str]:
    """Watch the looks at reviews, of which the first get these answers; return their paths."""
    asked: list[str] = []
    really = SandboxTransport.handle_async_request

    async def handle(self: SandboxTransport, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/status"):
            asked.append(request.url.path)
            if len(asked) <= len(answers):
                answer = answers[len(asked) - 1]
                if isinstance(answer, Exception):
                    raise answer
                return answer
        return await really(self, request)

    monkeypatch.setattr(SandboxTransport, "handle_async_request", handle)
    return asked


# -- from the first call to the film ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "path", "what", "word"),
    [
        (SP, "fox.png#person", "fox.png, submitted as a real person", "Processing"),
        (SP, "fox.png#asset", "fox.png", "Processing"),
        (FULL, "fox.png", "fox.png", "Pending"),
    ],
)
async def test_pending_then_usable_then_a_film(
    tmp_path: Path, photos: Path, era: str, model: str, path: str, what: str, word: str
) -> None:
    request = {"model": model, "first_frame": path}
    async with with_photos(tmp_path, era, sandbox=slow()) as session:
        name = await named(session, **request)
        said = await session.refused(**request)
        while (now := await check(session, name))["note"].endswith("nothing yet."):
            pass  # it was submitted and not looked at
        assert session.sandbox.tasks == {}
        decide(session)
        decided = await check(session, name, 50)
        assert (session.charge_count, session.sandbox.tasks) == (0, {})
        assert (await session.call("list_videos")).fields["videos"] == []
        done = await video(session, **request)
        assert session.charge_count == 1
        assert f"asset://{assets(session)[0]}" == name
        assert len(assets(session)) == len(uploads(session)) == 1
    assert said == (
        "busy: Jimmy AI has not finished its review of fox.png. Nothing was sent and nothing is charged. "
        f"check_video with job_id {name} says how the review is (wait_seconds 50 waits for it); then call create_video "
        "again with the same arguments."
    )
    assert now.keys() == USUALLY | {"check_again_in"}
    assert (now["job_id"], now["state"], now["model"]) == (name, "reviewing", model)
    assert now["cost"] == {"usd": 0}
    assert now["note"] == f"Jimmy AI says of {what}: {word}."
    assert decided.keys() == USUALLY
    assert (decided["state"], decided["cost"]) == ("usable", {"usd": 0})
    assert decided["note"] == f"Jimmy AI says of {what}: Active."
    assert decided["next_step"] == "Call create_video again with the same arguments."
    assert done["state"] == "succeeded"


@pytest.mark.parametrize("restart", [False, True])
async def test_a_refused_review(tmp_path: Path, photos: Path, era: str, restart: bool) -> None:
    (photos / "fox.png").write_bytes(BAD)
    decided: dict[str, Any] = {}
    async with with_photos(tmp_path, era, sandbox=slow()) as session:
        name = await named(session, **PERSON)
        if not restart:
            decide(session)
            decided = await check(session, name, 50)
            assert (await check(session, name))["state"] == "refused"  # also when nobody follows it any more
    if restart:
        async with with_photos(tmp_path, era, sandbox=session.sandbox) as session:
            decide(session)
            decided = await check(session, name)
    assert (decided["state"], decided["next_step"]) == ("refused", "Use another file.")
    assert decided["note"] == "Jimmy AI says of fox.png, submitted as a real person: Failed."
    assert decided["cost"] == {"usd": 0}
    assert (session.charge_count, session.sandbox.tasks) == (0, {})


async def test_a_restart_in_between_loses_nothing(tmp_path: Path, photos: Path, era: str) -> None:
    async with with_photos(tmp_path, era, sandbox=slow()) as session:
        name = await named(session, **PERSON)
    async with with_photos(tmp_path, era, sandbox=session.sandbox) as session:
        assert (await check(session, name))["state"] == "reviewing"
        decide(session)
        assert (await check(session, name, 50))["state"] == "usable"
        assert session.charge_count == 0
        assert (await video(session, **PERSON))["state"] == "succeeded"
        assert (session.charge_count, len(assets(session)), len(uploads(session))) == (1, 1, 1)


@pytest.mark.parametrize("restart", [False, True])
async def test_who_waits_is_told_how_long_it_has_been(tmp_path: Path, photos: Path, era: str, restart: bool) -> None:
    told: list[tuple[float, float | None, str | None]] = []
    async with with_photos(tmp_path, era, sandbox=slow()) as session:
        name = await named(session, **PERSON)
        waited = None if restart else await _waited(session, name, told)
    if restart:
        async with with_photos(tmp_path, era, sandbox=session.sandbox) as session:
            waited = await _waited(session, name, told)
    assert waited is not None
    assert waited["state"] == "usable"
    assert [progress for progress, _, _ in told] == sorted({progress for progress, _, _ in told})
    assert all(re.fullmatch(r"reviewing, \d+ s", message or "") for _, _, message in told)


async def _waited(session: Session, name: str, told: list[tuple[float, float | None, str | None]]) -> Any:
    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))
        if len(told) == 2:
            decide(session)

    with anyio.fail_after(20):  # it was allowed to take 50
        said = await session.client.call_tool(
            "check_video", {"job_id": name, "wait_seconds": 50}, progress_callback=hear
        )
    return said.structured_content


async def test_a_wait_that_is_over_says_to_come_again(tmp_path: Path, photos: Path, era: str) -> None:
    async with with_photos(tmp_path, era, sandbox=slow()) as session:
        now = await check(session, await named(session, **PERSON), 1)
    assert now["state"] == "reviewing"
    assert now["check_again_in"] > 0
    assert now["next_step"].startswith("Call check_video again; once it is usable, call create_video again")


async def test_of_several_files_each_review_is_named(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos / "cat.png").write_bytes(image("blue"))
    monkeypatch.setattr(uploader, "LONGEST_REVIEW", 0.0)
    monkeypatch.setattr(uploader, "PATIENCE", 20)
    async with with_photos(tmp_path, sandbox=slow()) as session:
        said = await session.refused(model=SP, reference_images=["fox.png#asset", "cat.png#person"])
        found = dict(re.findall(r"(asset://\w+) \((\w+\.png)\)", said))
        notes = [(await check(session, name))["note"] for name in found]
    assert "has not finished its review of fox.png, cat.png. Nothing was sent" in said
    assert list(found.values()) == ["fox.png", "cat.png"]
    assert notes == [
        "Jimmy AI says of fox.png: Processing.",
        "Jimmy AI says of cat.png, submitted as a real person: Processing.",
    ]


# -- whose it is --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["asset://asset_nobodys", "asset://", "asset://a\u202eb" + "c" * 500])
async def test_a_review_that_nobody_knows(tmp_path: Path, photos: Path, era: str, name: str) -> None:
    async with with_photos(tmp_path, era, sandbox=slow()) as session:
        said = (await session.call("check_video", job_id=name, wait_seconds=50)).refusal
    assert said.startswith("unknown_job: No review of asset://")
    assert said.endswith("Call create_video with the file: it names the review if there is still one to wait for.")
    assert len(said) < 250
    assert "\u202e" not in said


async def test_another_key_does_not_see_it(tmp_path: Path, photos: Path, era: str) -> None:
    sandbox, name, said = slow(), "", ""
    async with anyio.create_task_group() as group:
        port: int = await group.start(partial(serve, 0, sandbox=sandbox))
        talk_with = partial(_with_key, tmp_path, era, sandbox, port)
        async with talk_with("sk-test-one") as session:
            name = await named(session, **PERSON)
        async with talk_with("sk-test-two") as session:
            said = (await session.call("check_video", job_id=name)).refusal
        async with talk_with("sk-test-one") as session:
            assert (await check(session, name))["state"] == "reviewing"
        group.cancel_scope.cancel()
    assert said.startswith(f"unknown_job: No review of {name} is known here.")


@asynccontextmanager
async def _with_key(tmp_path: Path, era: str, sandbox: Sandbox, port: int, key: str) -> AsyncGenerator[Session]:
    settings = load(
        {
            "SEEDANCE_JIMMYAI_API_KEY": key,
            "SEEDANCE_JIMMYAI_BASE_URL": sandbox.base_url("jimmyai", f"http://127.0.0.1:{port}"),
            "SEEDANCE_STATE_DIR": str(tmp_path / "state"),
            "SEEDANCE_OUTPUT_DIR": str(tmp_path / "videos"),
            "SEEDANCE_MEDIA_ROOTS": str(tmp_path / "photos"),
        }
    )
    app = App(settings)
    with anyio.fail_after(60):
        try:
            async with Client(app.server, mode=era) as client:
                yield Session(client, sandbox, settings, app)
        except BaseExceptionGroup as group:
            raise single_error(group) from None


async def test_of_the_file_its_name_is_remembered_and_not_where_it_is(tmp_path: Path, photos: Path) -> None:
    async with with_photos(tmp_path, sandbox=slow()) as session:
        await named(session, model=SP, first_frame=f"{photos}/fox.png#person")
        with handed_over(tmp_path) as db:
            ((name, model, purpose),) = db.execute("SELECT name, model, purpose FROM reviews").fetchall()
    assert (name, model, purpose) == ("fox.png", SP, "person")
    assert str(photos).encode() not in (tmp_path / "state" / "sandbox" / "handed-over.sqlite3").read_bytes()


async def test_what_an_earlier_version_remembered_is_taken_up(tmp_path: Path, photos: Path) -> None:
    async with with_photos(tmp_path, sandbox=slow()) as session:
        name = await named(session, **PERSON)
    with handed_over(tmp_path) as db:
        db.execute("DROP TABLE reviews")
    async with with_photos(tmp_path, sandbox=session.sandbox) as session:
        assert "unknown_job" in (await session.call("check_video", job_id=name)).refusal
        assert await named(session, **PERSON) == name
        assert (await check(session, name))["state"] == "reviewing"
        assert len(assets(session)) == len(uploads(session)) == 1


# -- asking the vendor --------------------------------------------------------------------------------------------


async def test_many_who_ask_make_one_look(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with with_photos(tmp_path, sandbox=slow()) as session:
        name = await named(session, **PERSON)
    monkeypatch.setattr(reviews, "FRESH", 3600)
    asked = status_calls(monkeypatch)
    async with with_photos(tmp_path, sandbox=session.sandbox) as session, anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(check, session, name)
    assert len(asked) == 1


async def test_nobody_asks_while_the_review_is_followed_anyway(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploader, "_PAUSES", (3600,))
    monkeypatch.setattr(reviews, "FRESH", 0)
    asked = status_calls(monkeypatch)
    async with with_photos(tmp_path, sandbox=slow()) as session:
        name = await named(session, **PERSON)
        states = [(await check(session, name))["state"] for _ in range(5)]
    assert states == ["reviewing"] * 5
    assert len(asked) == 1


@pytest.mark.parametrize(("model", "path"), [(SP, "fox.png#person"), (SP, "fox.png#asset"), (FULL, "fox.png")])
async def test_what_the_vendor_no_longer_knows_is_submitted_anew(
    tmp_path: Path, photos: Path, model: str, path: str
) -> None:
    request = {"model": model, "first_frame": path}
    async with with_photos(tmp_path, sandbox=slow()) as session:
        name = await named(session, **request)
    del session.sandbox.stored["jimmyai"][name.removeprefix("asset://")]
    async with with_photos(tmp_path, sandbox=session.sandbox) as session:
        gone = await check(session, name, 50)
        again = await named(session, **request)
        assert len(uploads(session)) == 1
    assert gone["state"] == "gone"
    assert gone["note"].startswith("Jimmy AI no longer knows fox.png")
    assert gone["next_step"] == "Call create_video again with the same arguments: the file is submitted anew."
    assert again != name


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx2.ConnectError("secret://x"), "vendor_down: Jimmy AI could not be reached (connection refused"),
        (httpx2.Response(502, text="<html>"), "unexpected_answer: The vendor's answer (HTTP 502)"),
        (
            httpx2.Response(200, json={"code": 20001, "msg": "auth\u202e failure"}),
            "auth: Jimmy AI could not say how its review of fox.png is: auth  failure. Nothing was sent and nothing is",
        ),
    ],
)
async def test_a_vendor_that_does_not_say_is_asked_again_the_next_time(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, answer: Any, words: str
) -> None:
    async with with_photos(tmp_path, sandbox=slow()) as session:
        name = await named(session, **PERSON)
    status_calls(monkeypatch, answer)
    async with with_photos(tmp_path, sandbox=session.sandbox) as session:
        said = (await session.call("check_video", job_id=name)).refusal
        assert (await check(session, name))["state"] == "reviewing"
    assert said.startswith(words)
    assert "secret" not in said


async def silence(*_: object) -> httpx2.Response:
    await anyio.sleep_forever()
    raise AssertionError


async def test_a_vendor_that_never_answers_is_not_waited_for(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with with_photos(tmp_path, sandbox=slow()) as session:
        name = await named(session, **PERSON)
    monkeypatch.setattr(reviews, "_LOOK_BOUND", 0.05)
    monkeypatch.setattr(SandboxTransport, "handle_async_request", silence)
    async with with_photos(tmp_path, sandbox=session.sandbox) as session:
        said = (await session.call("check_video", job_id=name)).refusal
    assert said.startswith("vendor_down: Jimmy AI did not say in time how its review of fox.png is.")


async def test_a_vendors_word_is_cleaned(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def state(*_: object) -> str:
        return "Pro\u202ecess\u200bing\n" + "x" * 900

    monkeypatch.setattr(jimmyai, "_state", state)
    async with with_photos(tmp_path, sandbox=slow()) as session:
        now = await check(session, await named(session, **PERSON))
    assert now["note"].startswith("Jimmy AI says of fox.png, submitted as a real person: Pro cess ing xxx")
    assert len(now["note"]) < 600
