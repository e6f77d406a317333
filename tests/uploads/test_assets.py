"""Files that a vendor reviews first: assets for models that accept nothing else, and images of real persons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seedance_mcp.sandbox import Sandbox
from seedance_mcp.vendors import Answer
from seedance_mcp.vendors.jimmyai import VENDOR
from tests.facts import FACTS
from tests.uploads.sessions import (
    FULL,
    MINI,
    REFUSED_IMAGE,
    SP,
    assets,
    create_once_uploaded,
    example,
    upload_cache,
    upload_timing,
    uploads,
    with_photos,
)

pytestmark = pytest.mark.anyio


async def test_a_model_that_accepts_only_assets_gets_one(tmp_path: Path, photos: Path, era: str) -> None:
    async with with_photos(tmp_path, era, sandbox=Sandbox(pace=0.2)) as session:
        quoted = await session.create(model=FULL, first_frame="fox.png", dry_run=True)
        assert assets(session) == []
        created = await session.create(model=FULL, first_frame="fox.png")
        (task,) = session.sandbox.tasks.values()
        ((asset, stored),) = ((a, session.sandbox.stored["jimmyai"][a]) for a in assets(session))
        assert stored.url in uploads(session)
    assert quoted["request"]["body"]["first_image"].startswith("asset://local-")
    assert task.body["first_image"] == f"asset://{asset}"
    assert created["state"] == "submitted"


async def test_an_approved_asset_is_reused_while_the_vendor_has_it(tmp_path: Path, photos: Path) -> None:
    async with with_photos(tmp_path, sandbox=Sandbox(pace=0.3)) as session:
        await session.create("one", model=FULL, first_frame="fox.png")
        await session.create("two", model=FULL, reference_images=["fox.png"])
        assert len(assets(session)) == len(uploads(session)) == 1
        # An asset that the vendor no longer has is submitted again; the uploaded file is still there.
        del session.sandbox.stored["jimmyai"][assets(session)[0]]
        await session.create("three", model=FULL, first_frame="fox.png")
        assert len(assets(session)) == len(uploads(session)) == 1
        bodies = [task.body for task in session.sandbox.tasks.values()]
    assert bodies[0]["first_image"] == bodies[1]["images"][0] != bodies[2]["first_image"]


async def test_a_review_that_outlasts_a_call_is_resumed_by_the_next_call(tmp_path: Path, photos: Path) -> None:
    timing = upload_timing(patience=0.2)
    async with with_photos(tmp_path, sandbox=Sandbox(pace=0.8), timing=timing) as session:
        refusal = await session.refused(model=FULL, first_frame="fox.png")
        assert refusal.startswith("busy: Jimmy AI has not finished its review of fox.png. Nothing was sent")
        await create_once_uploaded(session, model=FULL, first_frame="fox.png")
        assert len(assets(session)) == 1
        assert session.charge_count == 1


async def test_a_review_that_is_no_longer_polled_is_remembered(tmp_path: Path, photos: Path) -> None:
    timing = upload_timing(longest_review=0.0)
    async with with_photos(tmp_path, sandbox=Sandbox(pace=60), timing=timing) as session:
        assert "has not finished its review" in await session.refused(model=FULL, first_frame="fox.png")
        with upload_cache(tmp_path) as db:
            rows = db.execute("SELECT address, asset_id FROM links WHERE asset_id != ''").fetchall()
        assert rows == [("", assets(session)[0])]
        session.sandbox.stored["jimmyai"][assets(session)[0]].ready_at = 0.0
        await session.create(model=FULL, first_frame="fox.png")
        assert len(assets(session)) == 1


@pytest.mark.parametrize(("model", "path"), [(FULL, "bad.png"), (SP, "bad.png#asset"), (SP, "bad.png#person")])
async def test_a_failed_review_refuses_the_request_and_costs_nothing(
    tmp_path: Path, photos: Path, model: str, path: str
) -> None:
    (photos / "bad.png").write_bytes(REFUSED_IMAGE)
    async with with_photos(tmp_path) as session:
        refusal = await session.refused(model=model, first_frame=path)
        assert refusal.startswith("content_policy: Jimmy AI reviewed bad.png and refused it (")
        assert "Nothing was sent and nothing is charged" in refusal
        assert session.sandbox.tasks == {}
        await session.refused(model=model, first_frame=path)
        assert len(assets(session)) == 2  # a refused asset is not remembered


async def test_a_path_without_a_suffix_is_sent_as_a_link_and_one_with_a_suffix_as_an_asset(
    tmp_path: Path, photos: Path
) -> None:
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
        (MINI, {"first_frame": "fox.png#person"}),
        (MINI, {"first_frame": "fox.png#asset"}),
        (FULL, {"first_frame": "fox.png#person"}),
        ("ope/seedance-2-0", {"first_frame": "fox.png#person"}),
    ],
)
async def test_a_suffix_is_refused_where_the_model_has_no_such_review(
    tmp_path: Path, photos: Path, model: str, arguments: dict[str, Any]
) -> None:
    async with with_photos(tmp_path) as session:
        refusal = await session.refused(model=model, **arguments)
    purpose = arguments["first_frame"].partition("#")[2]
    assert f"ends in #{purpose}, but {model} has no such review for it; leave #{purpose} out" in refusal


async def test_the_refusal_of_a_real_person_explains_the_review_where_the_model_has_one(
    tmp_path: Path, photos: Path
) -> None:
    async with with_photos(tmp_path) as session:
        with_review = await session.refused("sandbox: refuse real_person", model=SP, first_frame="fox.png")
        without_review = await session.refused("sandbox: refuse real_person", model=MINI, first_frame="fox.png")
        done = await session.create("sandbox: refuse content_policy 0", model=SP, first_frame="fox.png#person")
    assert with_review.startswith("real_person: ")
    assert "ends in #person" in with_review
    assert "#person" not in without_review
    assert done["state"] == "submitted"


# -- the vendor's documented answers --------------------------------------------------------------------------------


def test_the_documented_examples_are_parsed() -> None:
    assert VENDOR.upload is not None
    reviews = VENDOR.upload.reviews(VENDOR.models[0])
    assert VENDOR.upload.parse_link(example("file_upload_200")) == "https://cdn.example.com/uploads/photo.jpg"
    assert reviews["asset"].parse_submit(example("asset_upload_200")).id == "asset_abc123"
    active = reviews["asset"].parse_status(example("asset_status_200"))
    assert (active.id, active.state, active.address) == ("asset_abc123", "usable", "asset://asset_abc123")
    person = reviews["person"].parse_submit(example("realperson_200"))
    assert (person.id, person.state) == ("official_id_xxx", "pending")


@pytest.mark.parametrize(
    ("vendor_status", "state"),
    [
        ("Active", "usable"), ("ACTIVE", "usable"), ("Processing", "pending"), ("Pending", "pending"), ("", "pending"),
        ("UPLOADING", "pending"), ("something new", "pending"), ("Failed", "failed"), ("Rejected", "failed"),
        ("EXPIRED", "failed"), ("DELETED", "failed"),
    ],
)  # fmt: skip
def test_only_an_active_asset_is_usable(vendor_status: str, state: str) -> None:
    assert VENDOR.upload is not None
    parse_status = VENDOR.upload.reviews(VENDOR.models[0])["asset"].parse_status
    items = [{"asset_id": "a", "status": vendor_status}]
    assert parse_status(Answer(200, {"data": {"items": items}})).state == state


def test_the_calls_are_the_documented_ones() -> None:
    facts = FACTS["jimmyai"]["endpoints"]
    assert VENDOR.upload is not None
    sp, full = VENDOR.upload.reviews(VENDOR.models[0]), VENDOR.upload.reviews(VENDOR.models[4])
    call = VENDOR.upload.call
    assert (call.method, call.path) == (facts["file_upload"]["method"], facts["file_upload"]["path"])
    assert call.file_field == facts["file_upload"]["multipart_field"]
    assert VENDOR.upload.most_mb == facts["file_upload"]["max_mb"]
    listed = {e for formats in facts["file_upload"]["formats"].values() for e in formats}
    assert listed - VENDOR.upload.endings == {"jpeg", "svg"}  # another name of jpg; and SVG, which can contain scripts
    assert listed >= VENDOR.upload.endings
    for review, submit, status in (
        (sp["asset"], "sp_asset_upload", "sp_asset_status"),
        (sp["person"], "sp_realperson_submit", "sp_realperson_status"),
        (full["asset"], "full_asset_audit", "full_asset_status"),
    ):
        submitted, polled = review.build_submit("https://x/y.png", "image", "n"), review.build_status("a")
        assert (submitted.path, polled.path) == (facts[submit]["path"], facts[status]["path"])
        assert set(submitted.body or {}) == set(facts[submit]["body"])
        assert set(polled.body or {}) == set(facts[status]["body"])


@pytest.mark.parametrize("asset", ["a b", "a/b", "", 'x"', "é"])
def test_an_asset_id_that_does_not_fit_into_a_url_is_refused(asset: str) -> None:
    assert VENDOR.upload is not None
    with pytest.raises(Exception, match="documented shape"):
        VENDOR.upload.reviews(VENDOR.models[0])["asset"].parse_submit(Answer(200, {"data": {"asset_id": asset}}))
