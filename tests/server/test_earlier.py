"""Videos that are made from earlier ones: "the same, but vertical", and "from that video's last frame"."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.about import RESELLERS
from tests.server.mcp_client import PRICED, connected, with_keys

pytestmark = pytest.mark.anyio

TAKES_FILES: dict[str, Any] = {"model": "jimmyai/seedance2.0-mini", "duration": 4, "resolution": "480p"}
"""A request to a vendor with an upload of its own."""
SLOW = "a fox. sandbox: slow 3600"


# -- from that video's last frame ---------------------------------------------------------------------------------


async def test_a_first_frame_that_is_a_job_is_the_last_frame_of_its_video(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        one = await session.video(**TAKES_FILES)
        two = await session.create("it comes out", first_frame=one["job_id"], duration=4, dry_run=True)
        (frame,) = (tmp_path / "videos" / "last-frames").iterdir()
        shown = (await session.client.call_tool("preview_video", {"job_id": one["job_id"]})).content
        done = await session.video("it comes out", first_frame=one["job_id"], duration=4)
    digest = hashlib.sha256(frame.read_bytes()).hexdigest()
    assert f"https://local.invalid/{digest}.jpg" in str(two["request"])
    assert str(frame) in str(shown)
    assert (two["model"], done["model"]) == (TAKES_FILES["model"],) * 2
    assert two["chosen"] == f"the model of job {one['job_id']}"
    assert done["state"] == "succeeded"


async def test_a_continued_video_is_made_by_the_named_model_where_one_is_named(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        one = await session.video(**PRICED)
        two = await session.create(first_frame=one["job_id"], model="jimmyai/seedance2.0-sp", dry_run=True)
    assert two["model"] == "jimmyai/seedance2.0-sp"
    assert "chosen" not in two


async def test_what_is_missing_for_a_continuation_is_said_before_anything_is_paid(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, **with_keys(*RESELLERS)) as session:
        one = await session.video(**PRICED)
        named = await session.refused("it comes out", first_frame=one["job_id"], model=one["model"])
        refusal = await session.refused("it comes out", first_frame=one["job_id"])
        assert session.charge_count == 1
    assert "seedanceapi/seedance-2-mini cannot do this" in named
    assert "give a public URL, or ask the user to name a bucket in SEEDANCE_UPLOAD_URL" in named
    assert "Unchanged, the request would be accepted by: jimmyai/" in named
    assert refusal.startswith("price_unknown: The price of jimmyai/")
    assert f"Why this model: the model of job {one['job_id']} takes no local image; " in refusal


async def test_a_video_whose_model_takes_no_image_is_continued_by_another_model_at_a_known_price(
    tmp_path: Path, era: str
) -> None:
    worth = json.dumps({"jimmyai": {"usd_per_unit": 0.14}})
    async with connected(tmp_path, era, SEEDANCE_PRICES=worth) as session:
        one = await session.video(**PRICED)
        two = await session.create("it comes out", first_frame=one["job_id"])
        preview = await session.call("preview_video", job_id=one["job_id"])
    assert two["model"].startswith("jimmyai/")
    assert two["chosen"].startswith(f"the model of job {one['job_id']} takes no local image; ")
    assert "first_frame of the next create_video, with a model of jimmyai/ark/byteplus." in preview.text


@pytest.mark.parametrize(
    ("prompt", "why"),
    [(SLOW, "is not finished. Call check_video"), ("a fox. sandbox: fail generation_failed", "failed, so it has no")],
)
async def test_a_video_that_is_not_there_cannot_be_continued(tmp_path: Path, era: str, prompt: str, why: str) -> None:
    async with connected(tmp_path, era) as session:
        job = await session.create(prompt, **TAKES_FILES)
        if prompt != SLOW:
            await session.finish(job["job_id"])
        refusal = await session.refused(first_frame=job["job_id"])
    assert f"Job {job['job_id']} {why}" in refusal


async def test_a_first_frame_that_has_the_form_of_a_job_id_and_is_none_is_refused(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        assert "unknown_job: There is no job 'abcdefghjkmn'" in await session.refused(first_frame="abcdefghjkmn")
        assert await session.nothing_happened()


# -- the same, but ------------------------------------------------------------------------------------------------


async def test_like_makes_the_same_video_except_for_what_is_given(tmp_path: Path, era: str) -> None:
    asked: dict[str, Any] = {
        "model": "ope/seedance-2-0", "duration": 6, "resolution": "480p", "generate_audio": False, "seed": 7,
        "reference_images": ["https://example.com/a.png", "https://example.com/b.png"],
    }  # fmt: skip
    async with connected(tmp_path, era) as session:
        one = await session.video("@image1 meets @image2", **asked)
        two = (await session.call("create_video", like=one["job_id"], aspect_ratio="9:16", dry_run=True)).fields
        spelled = await session.create("@image1 meets @image2", **asked, aspect_ratio="9:16", dry_run=True)
    assert two["request"] == spelled["request"]
    assert two["chosen"] == f"the model of job {one['job_id']}"


async def test_like_counts_as_the_wish_that_it_stands_for(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        one = await session.create(SLOW, **PRICED)
        same = (await session.call("create_video", like=one["job_id"])).fields
        vertical = (await session.call("create_video", like=one["job_id"], aspect_ratio="9:16")).fields
        again = (await session.call("create_video", like=one["job_id"], aspect_ratio="9:16")).fields
        spelled = await session.create(SLOW, **PRICED, aspect_ratio="9:16")
        assert session.charge_count == 2
    assert same["duplicate_of"] == one["job_id"]
    assert "duplicate_of" not in vertical
    assert again["duplicate_of"] == spelled["duplicate_of"] == vertical["job_id"]


async def test_like_finds_local_files_again_and_says_which_are_gone(tmp_path: Path, era: str) -> None:
    photos = tmp_path / "photos"
    (photos / "deeper").mkdir(parents=True)
    image = photos / "fox.png"
    Image.new("RGB", (864, 496), "teal").save(image)
    async with connected(tmp_path, era, SEEDANCE_MEDIA_ROOTS=str(photos)) as session:
        one = await session.video(**TAKES_FILES, first_frame=str(image))
        image.rename(photos / "deeper" / "renamed.png")
        two = (await session.call("create_video", like=one["job_id"], duration=5, dry_run=True)).fields
        (photos / "deeper" / "renamed.png").unlink()
        refusal = (await session.call("create_video", like=one["job_id"], duration=5)).refusal
        assert session.charge_count == 1
    assert "https://local.invalid/" in str(two["request"])
    assert f"Job {one['job_id']} had local files as first_frame, and they are no longer" in refusal


async def test_like_with_another_model_asks_nothing_of_it_that_was_only_a_default(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        one = await session.video(model="ope/seedance-2-0", resolution="480p")
        other = await session.call("create_video", like=one["job_id"], model=PRICED["model"], dry_run=True)
    assert (other.fields["model"], other.fields.get("advice")) == (PRICED["model"], None)


async def test_like_a_job_whose_arguments_were_deleted_is_refused(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        one = await session.video(**PRICED)
        with session.journal() as journal:
            await journal.purge(time.time() + 60)
        refusal = (await session.call("create_video", like=one["job_id"])).refusal
    assert "has been deleted. Give every argument instead of like." in refusal


async def test_like_an_unknown_job_is_refused(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        assert "There is no job 'nosuchjob'" in (await session.call("create_video", like="nosuchjob")).refusal
