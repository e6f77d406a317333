"""list_models: the models that can do a shape, with prices, and the limits of one model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.server.mcp_client import VENDORS, connected

pytestmark = pytest.mark.anyio


def by_id(lines: dict[str, str]) -> dict[str, str]:
    """Return the line of each model; models of a vendor that do not differ share one."""
    found: dict[str, str] = {}
    for names, line in lines.items():
        vendor, _, group = names.partition("/")
        found |= {f"{vendor}/{name}": line for name in group.split(", ")}
    return found


async def test_every_model_is_listed(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        listed = (await session.call("list_models")).fields
        models = by_id(listed["models"])
        assert set(models) == {m.id for m in session.settings.models}
    assert len(models) == 33
    assert {model_id.partition("/")[0] for model_id in models} == set(VENDORS)
    assert listed["totals"] == "ope 3, seedanceapi 3, jimmyai 22, 12ai 2, aigptimage 3"


async def test_models_that_do_not_differ_share_a_line(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        lines = (await session.call("list_models")).fields["models"]
        assert len(lines) < len(by_id(lines))
    assert lines["jimmyai/sd2_mx_720p, sd2_mx_1080p, sd2_mx_2k, sd2_mx_4k"].startswith("Full, asset:// only,4-12s")


async def test_how_many_models_of_each_vendor_are_found_is_told(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        totals = (await session.call("list_models", resolution="1080p")).fields["totals"]
    assert totals.startswith("ope 2 of 3, seedanceapi 2 of 3, jimmyai ")


async def test_a_line_has_the_most_references_of_each_kind(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        models = by_id((await session.call("list_models")).fields["models"])
    assert ",first last 933," in models["ope/seedance-2-0"]


@pytest.mark.parametrize("name", ["seedance-2-mini", "seedanceapi/seedance-2-mini", "2-MINI"])
async def test_part_of_a_name_is_enough_for_one_model(tmp_path: Path, era: str, name: str) -> None:
    async with connected(tmp_path, era) as session:
        assert (await session.call("list_models", model=name)).fields["model"] == "seedanceapi/seedance-2-mini"


async def test_part_of_several_names_lists_those_models(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        models = by_id((await session.call("list_models", model="mini", resolution="720p")).fields["models"])
        refusal = (await session.call("create_video", prompt="a", model="mini")).refusal
    assert set(models) == {
        "seedanceapi/seedance-2-mini", "jimmyai/seedance2.0-mini", "jimmyai/seedance2.0-mini-sp"
    }  # fmt: skip
    assert "The closest are seedanceapi/seedance-2-mini, jimmyai/seedance2.0-mini" in refusal


async def test_with_nothing_configured_it_says_what_create_video_says(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, SEEDANCE_SANDBOX="0") as session:
        refusal = (await session.call("list_models")).refusal
        assert refusal == await session.refused()
    assert refusal.startswith("not_configured: No vendor is configured. Ask the user to")


@pytest.mark.parametrize(
    ("shape", "found", "not_found"),
    [
        ({"resolution": "4k"}, "jimmyai/sd2_mx_4k", "ope/seedance-2-0"),
        ({"duration": 7}, "seedanceapi/seedance-2-mini", "seedanceapi/seedance-2.0"),
        ({"mode": "references"}, "ope/seedance-2-0", "aigptimage/seedance-2.0-text-to-video"),
        ({"mode": "first_last_frame"}, "jimmyai/seedance2.0-md", "seedanceapi/seedance-2-mini"),
        ({"references": "video"}, "jimmyai/sd2_mx_video_4k", "jimmyai/sd2_mx_4k"),
        ({"duration": 3}, "jimmyai/seedance2.0-md", "aigptimage/seedance-2.0-text-to-video"),
        ({"aspect_ratio": "21:9", "resolution": "1080p"}, "ope/seedance-2-0", "ope/seedance-2-0-fast"),
    ],
)
async def test_models_are_found_by_what_they_can_do(
    tmp_path: Path, era: str, shape: dict[str, Any], found: str, not_found: str
) -> None:
    async with connected(tmp_path, era) as session:
        models = by_id((await session.call("list_models", **shape)).fields["models"])
    assert found in models
    assert not_found not in models


SHAPES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"duration": 5, "resolution": "480p", "aspect_ratio": "9:16"}, {}),
    ({}, {}),
    ({"duration": 10}, {}),
    ({"mode": "first_frame", "duration": 5}, {"first_frame": "IMAGE"}),
    ({"references": "video", "duration": 5}, {"reference_videos": ["VIDEO"]}),
]


@pytest.mark.parametrize(("shape", "media"), SHAPES)
async def test_every_listed_model_accepts_the_shape_at_the_listed_price(
    tmp_path: Path, era: str, shape: dict[str, Any], media: dict[str, Any]
) -> None:
    """Prices with reference videos are other prices, a flat price does not grow, and defaults differ by model."""
    fields = {k: v for k, v in shape.items() if k not in {"mode", "references"}}
    async with connected(tmp_path, era) as session:
        models = by_id((await session.call("list_models", **shape)).fields["models"])
        assert models
        for model, brief in models.items():
            url = "asset://a" if "asset:// only" in brief else "https://example.com/a"
            given = {name: url if isinstance(value, str) else [url] for name, value in media.items()}
            needs_image = model.endswith("image-to-video") and not given
            given |= {"first_frame": url} if needs_image else {}
            quoted = await session.create(model=model, dry_run=True, **fields, **given)
            cost, request = quoted["cost"], quoted["request"]["body"]
            if "amount" not in cost:
                assert ",price unknown" in brief
                continue
            amount = f"${cost['usd']:.2f}" if "usd" in cost else f"{cost['amount']:g} {cost['unit']}"
            per = "video" if "per video" in cost["basis"] else f"{fields.get('duration', 5)}s"
            least = "≥" if "caution" in cost else ""
            assert f",{least}{amount}/{per}" in brief
            made_at = request.get("resolution") or request.get("input", {}).get("resolution")
            if made_at and "resolution" not in shape and "-" in brief.split(",")[2]:
                assert f"/{per} {made_at}" in brief


async def test_a_flat_price_is_told_as_one(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        models = by_id((await session.call("list_models", duration=15)).fields["models"])
        one = (await session.call("list_models", model="jimmyai/seedance2.0-md", duration=15)).fields
    assert ",2.5 JimiCoin/video" in models["jimmyai/seedance2.0-md"]
    assert one["price"] == "2.5 JimiCoin/video 720p"


async def test_a_row_has_the_models_summary_and_marks_what_is_doubtful(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        plain = by_id((await session.call("list_models")).fields["models"])
        high = by_id((await session.call("list_models", resolution="1080p", generate_audio=True)).fields["models"])
        one = (await session.call("list_models", model="seedanceapi/seedance-2.0-fast")).fields
        for model in session.settings.models:
            assert plain[model.id].startswith(model.summary)
    assert "!" not in plain["seedanceapi/seedance-2.0-fast"]
    assert high["seedanceapi/seedance-2.0-fast"].endswith("≥$1.60/5s,!resolution,!generate_audio")
    assert "!" not in high["ope/seedance-2-0"]
    assert any("upstream's fast model does not support it" in text for text in one["advice"])
    assert one["summary"] == "Fast"


@pytest.mark.parametrize(
    ("model", "audio"),
    [
        ("ope/seedance-2-0", "As generate_audio says (documented); default true."),
        ("aigptimage/seedance-2.0-text-to-video", "As generate_audio says (documented); default false."),
        ("seedanceapi/seedance-2-mini", "Its videos have audio (assumed, as it is the upstream's default)."),
        ("jimmyai/seedance2.0-md", "Whether its videos have audio is unknown."),
    ],
)
async def test_whether_a_video_has_audio_is_told_for_every_model(
    tmp_path: Path, era: str, model: str, audio: str
) -> None:
    async with connected(tmp_path, era) as session:
        assert (await session.call("list_models", model=model)).fields["audio"] == audio
        for other in session.settings.models:
            assert (await session.call("list_models", model=other.id)).fields["audio"]


async def test_limits_that_only_the_upstream_states_are_kept_to_and_named_as_such(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        one = (await session.call("list_models", model="aigptimage/seedance-2.0-text-to-video")).fields
        ope = (await session.call("list_models", model="ope/seedance-2-0")).fields
        assert "duration 20" in (await session.call("create_video", prompt="a", duration=20)).refusal
        named = await session.create(model="aigptimage/seedance-2.0-text-to-video", duration=20, dry_run=True)
    assert one["takes"]["duration"].startswith("4–15 s, decimals allowed (the upstream's limit)")
    assert "last_frame needs first_frame (the upstream)" in ope["rules"]
    assert any(text.startswith("The upstream would refuse this: duration 20") for text in named["advice"])


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ({"resolution": "16k"}, "list_models: resolution '16k' must be one of 480p"),
        ({"mode": "dream"}, "list_models: mode 'dream' must be one of text, first_frame"),
        ({"fps": 24}, "list_models: fps is not a parameter"),
        (
            {"resolution": "4k", "duration": 15},
            "this. Without resolution 4k, 21 can; without duration 15, 2 can",
        ),
        ({"duration": 16}, "can do this. duration: 4–15 s / "),
        ({"model": "ope/seedance-2-0", "duration": 16}, "ope/seedance-2-0 cannot do this: duration 16 must be 4–15 s"),
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
