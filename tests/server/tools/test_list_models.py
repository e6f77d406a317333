"""list_models: the models that can do a shape, with prices, and the limits of one model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seedance_mcp.catalog.price import MICROS, dollars
from seedance_mcp.vendors import known_vendors
from tests.server.mcp_client import connected

pytestmark = pytest.mark.anyio


async def test_every_model_is_listed(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        models = (await session.call("list_models")).fields["models"]
        assert list(models) == [m.id for m in session.settings.models]
    assert {model_id.partition("/")[0] for model_id in models} == set(known_vendors())


@pytest.mark.parametrize(
    ("shape", "found", "not_found"),
    [
        ({"resolution": "4k"}, "jimmyai/sd2_mx_4k", "ope/seedance-2-0"),
        ({"duration": 7}, "seedanceapi/seedance-2-mini", "seedanceapi/seedance-2.0"),
        ({"mode": "references"}, "ope/seedance-2-0", "aigptimage/seedance-2.0-text-to-video"),
        ({"mode": "first_last_frame"}, "jimmyai/seedance2.0-md", "seedanceapi/seedance-2-mini"),
        ({"references": "video"}, "jimmyai/sd2_mx_video_4k", "jimmyai/sd2_mx_4k"),
        ({"generate_audio": True}, "ope/seedance-2-0", "jimmyai/seedance2.0-sp"),
        ({"aspect_ratio": "21:9", "resolution": "1080p"}, "ope/seedance-2-0", "ope/seedance-2-0-fast"),
    ],
)
async def test_models_are_found_by_what_they_can_do(
    tmp_path: Path, era: str, shape: dict[str, Any], found: str, not_found: str
) -> None:
    async with connected(tmp_path, era) as session:
        models = (await session.call("list_models", **shape)).fields["models"]
    assert found in models
    assert not_found not in models


async def test_every_listed_model_accepts_the_shape_at_the_listed_price(tmp_path: Path, era: str) -> None:
    shape = {"duration": 5, "resolution": "480p", "aspect_ratio": "9:16"}
    async with connected(tmp_path, era) as session:
        models: dict[str, str] = (await session.call("list_models", mode="text", **shape)).fields["models"]
        assert models
        for model, brief in models.items():
            quoted = await session.create(model=model, dry_run=True, **shape)
            if "usd" in quoted["cost"]:
                assert brief.endswith(f"{dollars(round(quoted['cost']['usd'] * MICROS))}/5s")


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ({"resolution": "16k"}, "list_models: resolution '16k' must be one of 480p"),
        ({"mode": "dream"}, "list_models: mode 'dream' must be one of text, first_frame"),
        ({"fps": 24}, "list_models: fps is not a parameter"),
        ({"resolution": "4k", "duration": 30}, "No configured model can do all of this. Drop one of the conditions."),
        ({"model": "ope/seedance-9"}, "No configured vendor has a model 'ope/seedance-9'. The closest are ope/"),
    ],
)
async def test_a_shape_that_no_model_can_do_is_refused(
    tmp_path: Path, era: str, shape: dict[str, Any], expected: str
) -> None:
    async with connected(tmp_path, era) as session:
        assert expected in (await session.call("list_models", **shape)).refusal


async def test_one_model_is_shown_with_all_its_limits(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        shown = (await session.call("list_models", model="seedanceapi/seedance-2.0")).fields
        for model in session.settings.models:
            fields = (await session.call("list_models", model=model.id)).fields
            assert fields["takes"].keys() == model.rows.keys()
            assert len(fields.get("rules", [])) == len(model.rules)
    assert shown["takes"]["duration"] == "5, 10 or 15 s; default 5"
    assert "required" in shown["takes"]["prompt"]
    assert shown["price"].startswith("$2.40")
