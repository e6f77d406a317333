"""A vendor's review that outlasts a call: create_video names it, check_video reports its status, nothing is paid."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from seedance_mcp.sandbox import Sandbox
from seedance_mcp.sandbox.fakes import jimmyai
from seedance_mcp.sandbox.transport import SandboxTransport
from tests.server.mcp_client import Session
from tests.uploads.samples import image
from tests.uploads.sessions import (
    FULL,
    REFUSED_IMAGE,
    SP,
    assets,
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

PERSON = {"model": SP, "first_frame": "fox.png#person"}
COMMON_FIELDS = {"job_id", "state", "model", "elapsed_seconds", "cost", "note", "next_step", "sandbox"}
TIMING = upload_timing(patience=0.05, fresh=0.02)
"""Calls return soon, and each reads a recent status."""


def slow_sandbox() -> Sandbox:
    """Return a sandbox whose reviews stay pending until `decide` ends them."""
    return Sandbox(pace=0.001, review_seconds=1e9)


def decide(session: Session) -> None:
    """End the pending reviews, each with the result that its file asks for."""
    for file in session.sandbox.stored["jimmyai"].values():
        file.ready_at = 0.0


async def pending_review(session: Session, **request: Any) -> str:
    """Call create_video until the refusal names the review of its file; return that name."""
    with anyio.fail_after(20):
        while not (found := re.findall(r"asset://asset_[0-9a-f]+", await session.refused(**request))):
            pass
    (name,) = found
    return name


async def video(session: Session, **request: Any) -> dict[str, Any]:
    """Create a video once its file is usable; return the finished job."""
    return await session.finish(await create_once_uploaded(session, **request))


async def check(session: Session, name: str, wait: int = 0) -> dict[str, Any]:
    return (await session.call("check_video", job_id=name, wait_seconds=wait)).fields


def status_calls(monkeypatch: pytest.MonkeyPatch, *answers: httpx2.Response | Exception) -> list[str]:
    """Record the paths of all polls of reviews, and give the first ones these answers."""
    paths: list[str] = []
    original = SandboxTransport.handle_async_request

    async def handle(self: SandboxTransport, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/status"):
            paths.append(request.url.path)
            if len(paths) <= len(answers):
                answer = answers[len(paths) - 1]
                if isinstance(answer, Exception):
                    raise answer
                return answer
        return await original(self, request)

    monkeypatch.setattr(SandboxTransport, "handle_async_request", handle)
    return paths


# -- from the first call to the video -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "path", "file", "vendor_status"),
    [
        (SP, "fox.png#person", "fox.png, submitted as a real person", "Processing"),
        (SP, "fox.png#asset", "fox.png", "Processing"),
        (FULL, "fox.png", "fox.png", "Pending"),
    ],
)
async def test_a_review_is_pending_then_usable_then_the_video_is_created(
    tmp_path: Path, photos: Path, era: str, model: str, path: str, file: str, vendor_status: str
) -> None:
    request = {"model": model, "first_frame": path}
    async with with_photos(tmp_path, era, sandbox=slow_sandbox(), timing=TIMING) as session:
        name = await pending_review(session, **request)
        refusal = await session.refused(**request)
        while (pending := await check(session, name))["note"].endswith("nothing yet."):
            pass  # the review was submitted but not polled yet
        assert session.sandbox.tasks == {}
        decide(session)
        decided = await check(session, name, 50)
        assert (session.charge_count, session.sandbox.tasks) == (0, {})
        assert (await session.call("list_videos")).fields["videos"] == []
        done = await video(session, **request)
        assert session.charge_count == 1
        assert f"asset://{assets(session)[0]}" == name
        assert len(assets(session)) == len(uploads(session)) == 1
    assert refusal == (
        "busy: Jimmy AI has not finished its review of fox.png. Nothing was sent and nothing is charged. "
        f"Call check_video with job_id {name} for the status of the review (wait_seconds waits for the decision); "
        "then call create_video again with the same arguments."
    )
    assert pending.keys() == COMMON_FIELDS | {"check_again_in"}
    assert (pending["job_id"], pending["state"], pending["model"]) == (name, "reviewing", model)
    assert pending["cost"] == {"usd": 0}
    assert pending["note"] == f"Jimmy AI reports for {file}: {vendor_status}."
    assert decided.keys() == COMMON_FIELDS
    assert (decided["state"], decided["cost"]) == ("usable", {"usd": 0})
    assert decided["note"] == f"Jimmy AI reports for {file}: Active."
    assert decided["next_step"] == "Call create_video again with the same arguments."
    assert done["state"] == "succeeded"


@pytest.mark.parametrize("restart", [False, True])
async def test_check_video_reports_a_refused_review(tmp_path: Path, photos: Path, era: str, restart: bool) -> None:
    (photos / "fox.png").write_bytes(REFUSED_IMAGE)
    decided: dict[str, Any] = {}
    async with with_photos(tmp_path, era, sandbox=slow_sandbox(), timing=TIMING) as session:
        name = await pending_review(session, **PERSON)
        if not restart:
            decide(session)
            decided = await check(session, name, 50)
            assert (await check(session, name))["state"] == "refused"  # also after the uploader has stopped polling it
    if restart:
        async with with_photos(tmp_path, era, sandbox=session.sandbox, timing=TIMING) as session:
            decide(session)
            decided = await check(session, name)
    assert (decided["state"], decided["next_step"]) == ("refused", "Use another file.")
    assert decided["note"] == "Jimmy AI reports for fox.png, submitted as a real person: Failed."
    assert decided["cost"] == {"usd": 0}
    assert (session.charge_count, session.sandbox.tasks) == (0, {})


async def test_a_pending_review_survives_a_restart(tmp_path: Path, photos: Path, era: str) -> None:
    async with with_photos(tmp_path, era, sandbox=slow_sandbox(), timing=TIMING) as session:
        name = await pending_review(session, **PERSON)
    async with with_photos(tmp_path, era, sandbox=session.sandbox, timing=TIMING) as session:
        assert (await check(session, name))["state"] == "reviewing"
        decide(session)
        assert (await check(session, name, 50))["state"] == "usable"
        assert session.charge_count == 0
        assert (await video(session, **PERSON))["state"] == "succeeded"
        assert (session.charge_count, len(assets(session)), len(uploads(session))) == (1, 1, 1)


@pytest.mark.parametrize("restart", [False, True])
async def test_a_waiting_caller_gets_progress_with_the_time_since_submission(
    tmp_path: Path, photos: Path, era: str, restart: bool
) -> None:
    reports: list[tuple[float, str | None]] = []
    async with with_photos(tmp_path, era, sandbox=slow_sandbox(), timing=TIMING) as session:
        name = await pending_review(session, **PERSON)
        waited = None if restart else await _wait_and_decide(session, name, reports)
    if restart:
        async with with_photos(tmp_path, era, sandbox=session.sandbox, timing=TIMING) as session:
            waited = await _wait_and_decide(session, name, reports)
    assert waited is not None
    assert waited["state"] == "usable"
    assert [progress for progress, _ in reports] == sorted({progress for progress, _ in reports})
    assert all(re.fullmatch(r"reviewing, \d+ s", message or "") for _, message in reports)


async def _wait_and_decide(session: Session, name: str, reports: list[tuple[float, str | None]]) -> Any:
    async def record(progress: float, total: float | None, message: str | None) -> None:
        reports.append((progress, message))
        if len(reports) == 2:
            decide(session)

    with anyio.fail_after(20):  # less than the 50 s that the call may wait
        answer = await session.client.call_tool(
            "check_video", {"job_id": name, "wait_seconds": 50}, progress_callback=record
        )
    return answer.structured_content


async def test_a_wait_that_ends_without_a_decision_says_to_check_again(tmp_path: Path, photos: Path, era: str) -> None:
    async with with_photos(tmp_path, era, sandbox=slow_sandbox(), timing=TIMING) as session:
        pending = await check(session, await pending_review(session, **PERSON), 1)
    assert pending["state"] == "reviewing"
    assert pending["check_again_in"] > 0
    assert pending["next_step"].startswith("Call check_video again; once it is usable, call create_video again")


async def test_of_several_files_each_review_is_named(tmp_path: Path, photos: Path) -> None:
    (photos / "cat.png").write_bytes(image("blue"))
    timing = upload_timing(patience=20, longest_review=0.0, fresh=0.02)
    async with with_photos(tmp_path, sandbox=slow_sandbox(), timing=timing) as session:
        refusal = await session.refused(model=SP, reference_images=["fox.png#asset", "cat.png#person"])
        found = dict(re.findall(r"(asset://\w+) \((\w+\.png)\)", refusal))
        notes = [(await check(session, name))["note"] for name in found]
    assert "has not finished its review of fox.png, cat.png. Nothing was sent" in refusal
    assert list(found.values()) == ["fox.png", "cat.png"]
    assert notes == [
        "Jimmy AI reports for fox.png: Processing.",
        "Jimmy AI reports for cat.png, submitted as a real person: Processing.",
    ]


# -- which reviews are known ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["asset://asset_unknown", "asset://", "asset://a\u202eb" + "c" * 500])
async def test_an_unknown_review_is_refused(tmp_path: Path, photos: Path, era: str, name: str) -> None:
    async with with_photos(tmp_path, era, sandbox=slow_sandbox(), timing=TIMING) as session:
        refusal = (await session.call("check_video", job_id=name, wait_seconds=50)).refusal
    assert refusal.startswith("unknown_job: There is no known review of asset://")
    assert refusal.endswith("Call create_video with the file: if its review is pending, the answer names the review.")
    assert len(refusal) < 250
    assert "\u202e" not in refusal


async def test_a_review_of_another_key_is_unknown(tmp_path: Path, photos: Path, era: str) -> None:
    async with served_jimmyai(sandbox=slow_sandbox()) as (sandbox, environment):

        def with_key(key: str) -> Any:
            return over_http(tmp_path, era, sandbox, environment | {"SEEDANCE_JIMMYAI_API_KEY": key}, TIMING)

        async with with_key("sk-test-one") as session:
            name = await pending_review(session, **PERSON)
        async with with_key("sk-test-two") as session:
            refusal = (await session.call("check_video", job_id=name)).refusal
        async with with_key("sk-test-one") as session:
            assert (await check(session, name))["state"] == "reviewing"
    assert refusal.startswith(f"unknown_job: There is no known review of {name}.")


async def test_the_cache_contains_the_name_of_a_file_but_not_its_folder(tmp_path: Path, photos: Path) -> None:
    async with with_photos(tmp_path, sandbox=slow_sandbox(), timing=TIMING) as session:
        await pending_review(session, model=SP, first_frame=f"{photos}/fox.png#person")
        with upload_cache(tmp_path) as db:
            ((name, model, purpose),) = db.execute("SELECT name, model, purpose FROM reviews").fetchall()
    assert (name, model, purpose) == ("fox.png", SP, "person")
    assert str(photos).encode() not in cache_file(tmp_path).read_bytes()


async def test_a_lost_review_record_is_restored_by_the_next_create_video(tmp_path: Path, photos: Path) -> None:
    async with with_photos(tmp_path, sandbox=slow_sandbox(), timing=TIMING) as session:
        name = await pending_review(session, **PERSON)
    with upload_cache(tmp_path) as db:
        db.execute("DROP TABLE reviews")
    async with with_photos(tmp_path, sandbox=session.sandbox, timing=TIMING) as session:
        assert "unknown_job" in (await session.call("check_video", job_id=name)).refusal
        assert await pending_review(session, **PERSON) == name
        assert (await check(session, name))["state"] == "reviewing"
        assert len(assets(session)) == len(uploads(session)) == 1


# -- polling the vendor ---------------------------------------------------------------------------------------------


async def test_simultaneous_checks_share_one_poll(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with with_photos(tmp_path, sandbox=slow_sandbox(), timing=TIMING) as session:
        name = await pending_review(session, **PERSON)
    timing = upload_timing(fresh=3600)
    polls = status_calls(monkeypatch)
    async with (
        with_photos(tmp_path, sandbox=session.sandbox, timing=timing) as session,
        anyio.create_task_group() as group,
    ):
        for _ in range(10):
            group.start_soon(check, session, name)
    assert len(polls) == 1


async def test_a_check_does_not_poll_a_review_that_the_uploader_polls(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timing = upload_timing(patience=0.05, review_pauses=(3600.0,), fresh=0.0)
    polls = status_calls(monkeypatch)
    async with with_photos(tmp_path, sandbox=slow_sandbox(), timing=timing) as session:
        name = await pending_review(session, **PERSON)
        states = [(await check(session, name))["state"] for _ in range(5)]
    assert states == ["reviewing"] * 5
    assert len(polls) == 1


@pytest.mark.parametrize(("model", "path"), [(SP, "fox.png#person"), (SP, "fox.png#asset"), (FULL, "fox.png")])
async def test_an_asset_that_the_vendor_no_longer_knows_is_submitted_again(
    tmp_path: Path, photos: Path, model: str, path: str
) -> None:
    request = {"model": model, "first_frame": path}
    async with with_photos(tmp_path, sandbox=slow_sandbox(), timing=TIMING) as session:
        name = await pending_review(session, **request)
    del session.sandbox.stored["jimmyai"][name.removeprefix("asset://")]
    async with with_photos(tmp_path, sandbox=session.sandbox, timing=TIMING) as session:
        gone = await check(session, name, 50)
        again = await pending_review(session, **request)
        assert len(uploads(session)) == 1
    assert gone["state"] == "gone"
    assert gone["note"].startswith("Jimmy AI no longer knows fox.png")
    assert (
        gone["next_step"] == "Call create_video again with the same arguments: the file is submitted for review again."
    )
    assert again != name


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        (httpx2.ConnectError("secret://x"), "vendor_down: Jimmy AI could not be reached (connection refused"),
        (httpx2.Response(502, text="<html>"), "unexpected_answer: The vendor's answer (HTTP 502)"),
        (
            httpx2.Response(200, json={"code": 20001, "msg": "auth\u202e failure"}),
            "auth: Jimmy AI could not report the status of its review of fox.png: auth  failure. Nothing was sent and",
        ),
    ],
)
async def test_a_failed_poll_is_reported_and_the_next_check_polls_again(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, answer: Any, refusal: str
) -> None:
    async with with_photos(tmp_path, sandbox=slow_sandbox(), timing=TIMING) as session:
        name = await pending_review(session, **PERSON)
    status_calls(monkeypatch, answer)
    async with with_photos(tmp_path, sandbox=session.sandbox, timing=TIMING) as session:
        answered = (await session.call("check_video", job_id=name)).refusal
        assert (await check(session, name))["state"] == "reviewing"
    assert answered.startswith(refusal)
    assert "secret" not in answered


async def never_answer(*_: object) -> httpx2.Response:
    await anyio.sleep_forever()
    raise AssertionError


async def test_a_check_does_not_wait_for_a_vendor_that_never_answers(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with with_photos(tmp_path, sandbox=slow_sandbox(), timing=TIMING) as session:
        name = await pending_review(session, **PERSON)
    monkeypatch.setattr(SandboxTransport, "handle_async_request", never_answer)
    timing = upload_timing(poll_bound=0.05)
    async with with_photos(tmp_path, sandbox=session.sandbox, timing=timing) as session:
        refusal = (await session.call("check_video", job_id=name)).refusal
    assert refusal.startswith("vendor_down: Jimmy AI did not report the status of its review of fox.png in time.")


async def test_the_vendors_status_is_sanitized(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def state(*_: object) -> str:
        return "Pro\u202ecess\u200bing\n" + "x" * 900

    monkeypatch.setattr(jimmyai, "_state", state)
    async with with_photos(tmp_path, sandbox=slow_sandbox(), timing=TIMING) as session:
        pending = await check(session, await pending_review(session, **PERSON))
    assert pending["note"].startswith("Jimmy AI reports for fox.png, submitted as a real person: Pro cess ing xxx")
    assert len(pending["note"]) < 600
