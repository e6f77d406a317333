"""Jobs at Ark and BytePlus, from the request to the settled cost: tokens, files within requests, refusals, 30 s."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.jobs.services import create, finish, quote, sandbox_service
from tests.server.mcp_client import ERAS, connected, inspect_video, with_keys
from tests.uploads.samples import image

pytestmark = pytest.mark.anyio
both_eras = pytest.mark.parametrize("era", ERAS)

MINI: dict[str, Any] = {"model": "byteplus/2.0-mini", "duration": 4, "resolution": "480p", "aspect_ratio": "16:9"}
TOKENS = 40_595  # 864 x 496 x 97 / 1024, rounded up


async def test_a_job_costs_the_tokens_that_the_vendor_counts(tmp_path: Path) -> None:
    async with sandbox_service(tmp_path) as service:
        quoted = (await quote(service, **MINI)).price
        job = await finish(service, (await create(service, **MINI)).id)
    assert (quoted.tokens, quoted.usd_micros) == (TOKENS, 142_083)
    assert (job.state, job.spent, job.reserved) == ("succeeded", 142_083, 0)


@pytest.mark.parametrize(("charge", "spent"), [("0.05", 49_998), ("0.2", 199_997)])
async def test_fewer_or_more_tokens_than_quoted_are_what_is_spent(tmp_path: Path, charge: str, spent: int) -> None:
    async with sandbox_service(tmp_path) as service:
        job = await finish(service, (await create(service, f"a fox. sandbox: charge {charge}", **MINI)).id)
    assert job.spent == spent  # in whole tokens


async def test_a_failed_job_is_free(tmp_path: Path) -> None:
    async with sandbox_service(tmp_path) as service:
        job = await finish(service, (await create(service, "a fox. sandbox: fail content_policy", **MINI)).id)
    assert (job.state, job.spent, job.reserved, job.error_code) == ("failed", 0, 0, "content_policy")


async def test_a_price_in_another_currency_needs_its_worth(tmp_path: Path) -> None:
    volcengine = MINI | {"model": "ark/2.0-mini"}
    async with sandbox_service(tmp_path / "unknown") as service:
        found = (await quote(service, **volcengine)).price
        assert found.usd_micros is None
        assert found.unknown == "ark charges CNY; ask the user to set SEEDANCE_PRICES, with what one is worth in USD"
    worth = '{"ark": {"usd_per_unit": 0.14}}'
    async with sandbox_service(tmp_path / "known", SEEDANCE_PRICES=worth) as service:
        job = await finish(service, (await create(service, **volcengine)).id)
    assert job.spent == 130_716  # 40,595 tokens x 23 CNY a million x $0.14


async def test_a_local_image_travels_within_the_request(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "fox.png").write_bytes(image())
    arguments = MINI | {"aspect_ratio": "adaptive", "reference_images": [str(folder / "fox.png")]}
    async with connected(tmp_path, "2026-07-28", SEEDANCE_MEDIA_ROOTS=str(folder)) as session:
        dry = await session.create(**arguments, dry_run=True)
        job = await session.create(**arguments)
        (task,) = session.sandbox.tasks.values()
        done = await session.finish(job["job_id"])
    (part,) = [part for part in task.body["content"] if part["type"] == "image_url"]
    assert part["image_url"]["url"] == f"data:image/png;base64,{base64.b64encode(image()).decode()}"
    assert "base64" not in str(dry)
    assert done["state"] == "succeeded"


async def test_a_local_video_needs_a_bucket(tmp_path: Path) -> None:
    from tests.uploads.samples import video

    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "walk.mp4").write_bytes(video())
    arguments = MINI | {"reference_videos": [str(folder / "walk.mp4")]}
    async with connected(tmp_path, "2026-07-28", SEEDANCE_MEDIA_ROOTS=str(folder)) as session:
        refusal = await session.refused(**arguments)
        assert await session.nothing_happened()
    assert "SEEDANCE_UPLOAD_URL" in refusal


async def test_the_longest_video_of_the_newest_model(tmp_path: Path) -> None:
    arguments: dict[str, Any] = {
        "model": "byteplus/2.5",
        "duration": 30,
        "resolution": "480p",
        "aspect_ratio": "16:9",
    }
    async with sandbox_service(tmp_path) as service:
        job = await finish(service, (await create(service, **arguments)).id)
    assert (job.state, job.spent) == ("succeeded", 3_228_608)


async def test_the_vendors_own_choice_of_length_is_priced_at_the_longest(tmp_path: Path) -> None:
    automatic: dict[str, Any] = MINI | {"duration": -1}
    async with sandbox_service(tmp_path) as service:
        found = (await quote(service, **automatic)).price
        job = await finish(service, (await create(service, **automatic)).id)
    assert found.usd_micros == 528_777
    assert job.spent <= 528_777


async def test_a_model_that_is_not_open_says_where_to_open_it(tmp_path: Path) -> None:
    async with connected(tmp_path, "2026-07-28") as session:
        refusal = await session.refused("a fox. sandbox: refuse model_not_open", **MINI)
    assert refusal.startswith("model_not_open: BytePlus ModelArk refused job ")
    assert "Ask the user to activate byteplus/2.0-mini at https://console.byteplus.com/ark" in refusal


@both_eras
async def test_the_link_to_the_last_frame_is_handed_out_and_works(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        done = await session.video(**MINI, options={"return_last_frame": True})
        plain = await session.video("another", **MINI)
        transport = httpx2.ASGITransport(app=session.sandbox.app)
        async with httpx2.AsyncClient(transport=transport) as client:
            frame = await client.get(done["last_frame_url"])
    assert frame.content.startswith(b"\x89PNG")
    assert "last_frame_url" not in plain


@both_eras
async def test_a_video_of_30_s_is_made_through_the_tools(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        arguments = {"model": "byteplus/2.5", "duration": 30, "resolution": "480p", "aspect_ratio": "16:9"}
        done = await session.video(**arguments)
        video = inspect_video(done["path"])
    assert done["state"] == "succeeded"
    assert done["measured"].startswith("30.0 s, 864x496, ")
    assert done["cost"]["usd"] == pytest.approx(3.228608)
    assert video.seconds == pytest.approx(30, abs=0.1)


REFUSED = "a fox. sandbox: refuse invalid_request"


@both_eras
async def test_a_refusal_of_what_our_rows_allow_says_that_the_rules_seem_to_have_changed(
    tmp_path: Path, era: str
) -> None:
    async with connected(tmp_path, era) as session:
        plain = await session.refused(REFUSED, **MINI)
        image = await session.refused(REFUSED, **MINI, reference_images=["https://example.com/fox.png"])
        other = await session.refused("a fox. sandbox: refuse content_policy", **MINI)
        (job, *_) = (await session.call("list_videos")).fields["videos"]
        again = (await session.call("check_video", job_id=job["job_id"])).fields
    known = "The request is within the rules that this program knows, so "
    assert f"{known}BytePlus ModelArk's rules seem to have changed." in plain
    assert f"{known}either a file is unsuitable or BytePlus ModelArk's rules seem to have changed." in image
    assert known not in other
    assert "note" not in again  # the newest was refused for its content


@both_eras
async def test_a_row_that_the_user_has_narrowed_is_kept_to_by_every_tool(tmp_path: Path, era: str) -> None:
    said = '{"byteplus/2.0-mini": {"duration": {"most": 6}}}'
    async with connected(tmp_path, era, **with_keys("byteplus"), SEEDANCE_MODELS=said) as session:
        refusal = await session.refused(**MINI | {"duration": 7})
        assert await session.nothing_happened()
        listed = (await session.call("list_models", model="byteplus/2.0-mini")).fields
    assert "duration" in refusal
    assert listed["takes"]["duration"].startswith("4–6 s, or -1 (the vendor chooses) (the user's setting)")
