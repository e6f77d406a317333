"""Files that a vendor looks at first: assets for models that take nothing else, and pictures of real persons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from seedance_mcp.sandbox import Sandbox
from seedance_mcp.uploads import uploader
from seedance_mcp.vendors import Answer
from seedance_mcp.vendors.jimmyai import VENDOR
from tests.facts import FACTS
from tests.server.mcp_client import Session
from tests.uploads.samples import image
from tests.uploads.test_uploader import handed_over, uploads, with_photos

pytestmark = pytest.mark.anyio

FULL, SP = "jimmyai/sd2_mx_720p", "jimmyai/seedance2.0-sp"
BAD = image("red") + b"sandbox: asset-failed"


def assets(session: Session) -> list[str]:
    return [key for key in session.sandbox.stored["jimmyai"] if key.startswith("asset_")]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploader, "_PAUSES", (0.01,))


async def test_a_model_that_takes_assets_only_gets_one(tmp_path: Path, photos: Path, era: str) -> None:
    async with with_photos(tmp_path, era, sandbox=Sandbox(pace=0.2)) as session:
        quoted = await session.create(model=FULL, first_frame="fox.png", dry_run=True)
        assert assets(session) == []
        begun = await session.create(model=FULL, first_frame="fox.png")
        (task,) = session.sandbox.tasks.values()
        ((asset, kept),) = ((a, session.sandbox.stored["jimmyai"][a]) for a in assets(session))
        assert kept.url in uploads(session)
    assert quoted["request"]["body"]["first_image"].startswith("asset://local-")
    assert task.body["first_image"] == f"asset://{asset}"
    assert begun["state"] == "submitted"


async def test_pending_then_active_and_an_asset_is_used_again(tmp_path: Path, photos: Path) -> None:
    async with with_photos(tmp_path, sandbox=Sandbox(pace=0.3)) as session:
        await session.create("one", model=FULL, first_frame="fox.png")
        await session.create("two", model=FULL, reference_images=["fox.png"])
        assert len(assets(session)) == len(uploads(session)) == 1
        # An asset that the vendor no longer has is made anew; the file is still where it was.
        del session.sandbox.stored["jimmyai"][assets(session)[0]]
        await session.create("three", model=FULL, first_frame="fox.png")
        assert len(assets(session)) == len(uploads(session)) == 1
        bodies = [task.body for task in session.sandbox.tasks.values()]
    assert bodies[0]["first_image"] == bodies[1]["images"][0] != bodies[2]["first_image"]


async def test_a_review_that_outlasts_a_call_is_taken_up_by_the_next(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploader, "PATIENCE", 0.2)
    async with with_photos(tmp_path, sandbox=Sandbox(pace=0.8)) as session:
        said = await session.refused(model=FULL, first_frame="fox.png")
        assert said.startswith("busy: Jimmy AI has not finished its review of fox.png. Nothing was sent")
        with anyio.fail_after(10):
            while (await session.call("create_video", prompt="x", model=FULL, first_frame="fox.png")).result.is_error:
                assert session.sandbox.tasks == {}
        assert len(assets(session)) == 1
        assert session.charge_count == 1


async def test_a_review_that_nobody_waited_for_is_remembered(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploader, "LONGEST_REVIEW", 0.0)
    async with with_photos(tmp_path, sandbox=Sandbox(pace=60)) as session:
        assert "has not finished its review" in await session.refused(model=FULL, first_frame="fox.png")
        with handed_over(tmp_path) as db:
            rows = db.execute("SELECT address, ticket FROM links WHERE ticket != ''").fetchall()
        assert rows == [("", assets(session)[0])]
        session.sandbox.stored["jimmyai"][assets(session)[0]].ready_at = 0.0
        await session.create(model=FULL, first_frame="fox.png")
        assert len(assets(session)) == 1


@pytest.mark.parametrize(("model", "path"), [(FULL, "bad.png"), (SP, "bad.png#asset"), (SP, "bad.png#person")])
async def test_a_failed_review_is_a_refusal_that_costs_nothing(
    tmp_path: Path, photos: Path, model: str, path: str
) -> None:
    (photos / "bad.png").write_bytes(BAD)
    async with with_photos(tmp_path) as session:
        said = await session.refused(model=model, first_frame=path)
        assert said.startswith("content_policy: Jimmy AI has reviewed bad.png and refused it (")
        assert "Nothing was sent and nothing is charged" in said
        assert session.sandbox.tasks == {}
        await session.refused(model=model, first_frame=path)
        assert len(assets(session)) == 2  # what was refused is not remembered


async def test_sp_takes_links_and_assets_where_that_is_asked_for(tmp_path: Path, photos: Path) -> None:
    async with with_photos(tmp_path) as session:
        for name in ("fox.png", "fox.png#asset", "fox.png#person"):
            await session.create(name, model=SP, first_frame=name)
        link, asset, person = (task.body["first_image"] for task in session.sandbox.tasks.values())
        assert len(uploads(session)) == 1
        kinds = [session.sandbox.stored["jimmyai"][a].kind for a in assets(session)]
    assert link in uploads(session)
    assert asset.startswith("asset://asset_")
    assert person.startswith("asset://asset_")
    assert kinds == ["sp", "person"]
    assert len({link, asset, person}) == 3


@pytest.mark.parametrize(
    ("model", "arguments"),
    [
        ("jimmyai/seedance2.0-mini", {"first_frame": "fox.png#person"}),
        ("jimmyai/seedance2.0-mini", {"first_frame": "fox.png#asset"}),
        (FULL, {"first_frame": "fox.png#person"}),
        ("ope/seedance-2-0", {"first_frame": "fox.png#person"}),
    ],
)
async def test_a_mark_without_a_review_is_refused(
    tmp_path: Path, photos: Path, model: str, arguments: dict[str, Any]
) -> None:
    async with with_photos(tmp_path) as session:
        said = await session.refused(model=model, **arguments)
    mark = arguments["first_frame"].partition("#")[2]
    assert f"ends in #{mark}, and {model} has no such review for it; leave #{mark} out" in said


async def test_a_refused_real_person_says_how_to_have_one_reviewed(tmp_path: Path, photos: Path) -> None:
    async with with_photos(tmp_path) as session:
        said = await session.refused("sandbox: refuse real_person", model=SP, first_frame="fox.png")
        elsewhere = await session.refused(
            "sandbox: refuse real_person", model="jimmyai/seedance2.0-mini", first_frame="fox.png"
        )
        done = await session.create("sandbox: refuse content_policy 0", model=SP, first_frame="fox.png#person")
    assert said.startswith("real_person: ")
    assert "ends in #person" in said
    assert "#person" not in elsewhere
    assert done["state"] == "submitted"


# -- the vendor's answers as its pages show them -------------------------------------------------------------------


def example(name: str) -> Answer:
    shown = FACTS["jimmyai"]["examples"][name]
    return Answer(shown["http"], shown["body"])


def test_the_examples_of_the_pages_are_read() -> None:
    assert VENDOR.upload is not None
    reviews = VENDOR.upload.reviews(VENDOR.models[0])
    assert VENDOR.upload.parse_link(example("file_upload_200")) == "https://cdn.example.com/uploads/photo.jpg"
    assert reviews["asset"].parse_submit(example("asset_upload_200")).id == "asset_abc123"
    active = reviews["asset"].parse_status(example("asset_status_200"))
    assert (active.id, active.state, active.address) == ("asset_abc123", "usable", "asset://asset_abc123")
    person = reviews["person"].parse_submit(example("realperson_200"))
    assert (person.id, person.state) == ("official_id_xxx", "pending")


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("Active", "usable"), ("ACTIVE", "usable"), ("Processing", "pending"), ("Pending", "pending"), ("", "pending"),
        ("UPLOADING", "pending"), ("something new", "pending"), ("Failed", "failed"), ("Rejected", "failed"),
        ("EXPIRED", "failed"), ("DELETED", "failed"),
    ],
)  # fmt: skip
def test_only_active_is_usable(word: str, state: str) -> None:
    assert VENDOR.upload is not None
    look = VENDOR.upload.reviews(VENDOR.models[0])["asset"].parse_status
    assert look(Answer(200, {"data": {"items": [{"asset_id": "a", "status": word}]}})).state == state


def test_what_the_calls_are() -> None:
    facts = FACTS["jimmyai"]["endpoints"]
    assert VENDOR.upload is not None
    sp, full = VENDOR.upload.reviews(VENDOR.models[0]), VENDOR.upload.reviews(VENDOR.models[4])
    call = VENDOR.upload.call
    assert (call.method, call.path) == (facts["file_upload"]["method"], facts["file_upload"]["path"])
    assert call.file_field == facts["file_upload"]["multipart_field"]
    assert VENDOR.upload.most_mb == facts["file_upload"]["max_mb"]
    listed = {e for formats in facts["file_upload"]["formats"].values() for e in formats}
    assert listed - VENDOR.upload.endings == {"jpeg", "svg"}  # jpg by another name, and a program
    assert listed >= VENDOR.upload.endings
    for review, submit, status in (
        (sp["asset"], "sp_asset_upload", "sp_asset_status"),
        (sp["person"], "sp_realperson_submit", "sp_realperson_status"),
        (full["asset"], "full_asset_audit", "full_asset_status"),
    ):
        sent, read_snapshot = review.build_submit("https://x/y.png", "image", "n"), review.build_status("a")
        assert (sent.path, read_snapshot.path) == (facts[submit]["path"], facts[status]["path"])
        assert set(sent.body or {}) == set(facts[submit]["body"])
        assert set(read_snapshot.body or {}) == set(facts[status]["body"])


@pytest.mark.parametrize("asset", ["a b", "a/b", "", 'x"', "é"])
def test_an_id_that_no_request_could_hold_is_no_id(asset: str) -> None:
    assert VENDOR.upload is not None
    with pytest.raises(Exception, match="documented shape"):
        VENDOR.upload.reviews(VENDOR.models[0])["asset"].parse_submit(Answer(200, {"data": {"asset_id": asset}}))
