"""Answers that need no second call: what fits, what is in the way, whose decision it is, and what to do next."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

import seedance_mcp
from tests.server.mcp_client import PRICED, UNPRICED, connected, with_keys

pytestmark = pytest.mark.anyio

IMAGES = [f"https://example.com/{number}.png" for number in range(12)]


# -- what fits within a cap ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        {"resolution": "720p", "duration": 5},
        {"model": "seedanceapi/seedance-2.0", "resolution": "1080p"},
        {"model": "seedanceapi/seedance-2-mini", "duration": 15},
        UNPRICED,
    ],
)
async def test_a_refusal_by_a_cap_offers_what_fits_and_each_offer_is_accepted(
    tmp_path: Path, era: str, arguments: dict[str, Any]
) -> None:
    async with connected(tmp_path, era, SEEDANCE_MAX_COST="0.99") as session:
        refusal = await session.refused(**arguments)
        found = re.search(r"Within it: (.*)\. Nothing was sent\. Ask the user before changing it\.", refusal)
        assert found, refusal
        for offer in found[1].split("; "):
            change, _, price = offer.rpartition(", $")
            pairs = dict(part.split(" ") for part in change.split(", "))
            changes = {name: int(value) if name == "duration" else value for name, value in pairs.items()}
            quoted = await session.create(**arguments | changes, dry_run=True)
            assert quoted["cost"]["usd"] == float(price) <= 0.99
        assert session.charge_count == 0


async def test_nothing_is_offered_where_nothing_fits(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, SEEDANCE_DAILY_BUDGET="0.01") as session:
        refusal = await session.refused(**PRICED)
    assert "Within it" not in refusal
    assert "Nothing was sent. Tell the user, or ask the user to raise SEEDANCE_DAILY_BUDGET." in refusal


# -- why this model -----------------------------------------------------------------------------------------------


async def test_the_choice_names_the_argument_that_excludes_models_with_a_known_price(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        known = await session.create(dry_run=True)
        unknown = await session.create(seed=3, duration=5, dry_run=True)
    assert re.match(
        r"cheapest of 3 with a known price; \d+ more could: \d+ \(price in USD unknown\), ", known["chosen"]
    )
    assert unknown["chosen"].endswith("without seed: seedanceapi/seedance-2-mini, $1.54")


# -- wishes that exclude each other -------------------------------------------------------------------------------


async def test_of_wishes_that_exclude_each_other_each_gets_an_alternative(tmp_path: Path, era: str) -> None:
    wishes: dict[str, Any] = {"resolution": "4k", "duration": 13}
    async with connected(tmp_path, era) as session:
        refusal = await session.refused(**wishes)
        assert '{"prompt": "a fox in the snow", "resolution": "4k", "duration": 12}' in refusal
        found = re.search(r"Or: resolution (\S+) with (\S+)\.", refusal)
        assert found, refusal
        other = await session.create(**wishes | {"resolution": found[1], "model": found[2]}, dry_run=True)
        assert other["model"] == found[2]


@pytest.mark.parametrize(
    ("arguments", "whose"),
    [
        ({"duration": 20}, "where the user asked for it, tell the user or ask before paying."),
        ({"resolution": "8k"}, "where the user asked for it, tell the user or ask before paying."),
        ({"nonsense": 1}, "Correct these and call again."),
    ],
)
async def test_a_substitute_for_a_wish_is_the_users_decision(
    tmp_path: Path, era: str, arguments: dict[str, Any], whose: str
) -> None:
    async with connected(tmp_path, era) as session:
        assert (await session.refused(**arguments)).endswith(whose)


async def test_too_many_images_are_told_once_and_not_again_for_each_mention(tmp_path: Path, era: str) -> None:
    model = {"model": "seedanceapi/seedance-2.0"}
    async with connected(tmp_path, era) as session:
        too_many = await session.refused("@image5 and @image6", **model, reference_images=IMAGES[:6])
        too_few = await session.refused("@image3, @image4 and @image2", **model, reference_images=IMAGES[:2])
    assert "1 problem:" in too_many
    assert "6 items; the limit is 4" in too_many
    assert "mentions @image3, @image4, but the last image is @image2" in too_few


# -- other vendors and settings -----------------------------------------------------------------------------------


async def test_another_vendor_is_named_where_there_is_one_and_never_otherwise(tmp_path: Path, era: str) -> None:
    prompt = "a ship. sandbox: refuse rate_limited"
    async with connected(tmp_path / "all", era) as session:
        several = await session.refused(prompt, **PRICED)
    async with connected(tmp_path / "one", era, **with_keys("seedanceapi")) as session:
        alone = await session.refused(prompt, **PRICED)
    assert "Retry once after 60 s; if it is refused again, tell the user. Or ask the user whether to use " in several
    assert re.search(r"whether to use (?!seedanceapi/)\w+/\S+ \(.+\)\.", several)
    assert alone.partition("Nothing was charged. ")[2].startswith("Retry once after 60 s; if it is refused again, tell")
    assert "whether to use" not in alone


ASKED_IN_THE_NEXT_STEP = ("holds a placeholder", "The bucket in SEEDANCE_UPLOAD_URL", 'needs the extra "upload"')
"""Sentences that come with a next step which asks the user."""


def _texts(path: Path) -> list[str]:
    """Return the sentences that a module writes; what stands in braces is left out."""
    found: list[str] = []
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            found.append("".join(str(p.value) for p in node.values if isinstance(p, ast.Constant)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs | inner:
            found.append(node.value)
    return found


@pytest.mark.parametrize("room", ["errors.py", "catalog", "jobs", "uploads", "views", "server"])
def test_a_setting_is_named_to_an_assistant_only_with_what_to_ask_the_user(room: str) -> None:
    root = Path(seedance_mcp.__file__).parent / room
    for path in [root] if root.is_file() else sorted(root.rglob("*.py")):
        for text in _texts(path):
            if " " in text and "SEEDANCE_" in text and not any(words in text for words in ASKED_IN_THE_NEXT_STEP):
                assert re.search(r"[Aa]sk the user to\b.*SEEDANCE_|choose another folder with SEEDANCE_", text), text


# -- an unknown outcome -------------------------------------------------------------------------------------------


async def test_the_first_answer_about_an_unknown_outcome_says_how_to_settle_it(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        job = await session.create("sandbox: lose-answer", **PRICED)
        unpriced = await session.create("sandbox: lose-answer", **UNPRICED)
        asked_again = await session.create("sandbox: lose-answer", model="aigptimage/seedance-2.0-text-to-video")
        checked = (await session.call("check_video", job_id=job["job_id"])).fields
    settle = f"seedance-mcp videos resolve {job['job_id']}"
    for fields in (job, checked):
        assert "Checking again will not change this" in fields["next_step"]
        assert f"`{settle} --task-id TASK_ID` if it is there" in fields["next_step"]
        assert f"`{settle} --not-charged` if it is not" in fields["next_step"]
        assert "look for it at https://seedanceapi.org," in fields["next_step"]
    assert "reserved" in job["note"]
    assert "reserved" not in unpriced["note"]
    assert "check_video asks the vendor again" in asked_again["next_step"]


# -- what was made ------------------------------------------------------------------------------------------------


async def test_what_was_requested_and_what_was_measured_are_told_apart(tmp_path: Path, era: str) -> None:
    asked: dict[str, Any] = {
        "model": "ope/seedance-2-0", "duration": 4, "resolution": "480p", "aspect_ratio": "9:16", "seed": 7,
        "generate_audio": False, "reference_images": IMAGES[:2],
    }  # fmt: skip
    async with connected(tmp_path, era) as session:
        done = await session.video("a fox. sandbox: other-video", **asked)
        (listed,) = (await session.call("list_videos")).fields["videos"]
    assert done["requested"] == "4 s, 480p, 9:16, no audio, seed 7, 2 reference_images"
    assert re.fullmatch(r"2\.0 s, \d+x\d+, (no )?audio", done["measured"])
    assert listed["requested"] == done["requested"]
    assert listed["note"] == done["note"]


async def test_the_instructions_say_to_ask_what_the_video_should_show(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        assert "Ask what the video should show if the user has not said." in str(session.app.server.instructions)


@pytest.mark.parametrize("said", [False, True])
async def test_paths_are_offered_only_where_they_are_allowed(tmp_path: Path, era: str, *, said: bool) -> None:
    settings: dict[str, Any] = {"SEEDANCE_MEDIA_ROOTS": str(tmp_path)} if said else {}
    async with connected(tmp_path, era, **settings) as session:
        tools = {tool.name: tool for tool in (await session.client.list_tools()).tools}
    assert ("paths" in str(tools["create_video"].description)) is said


async def test_a_description_says_only_what_is_true_of_every_configured_model(tmp_path: Path, era: str) -> None:
    found: dict[str, str] = {}
    for slug in ("12ai", "aigptimage"):
        async with connected(tmp_path / slug, era, **with_keys(slug)) as session:
            tools = {tool.name: tool for tool in (await session.client.list_tools()).tools}
        found[slug] = tools["create_video"].input_schema["properties"]["web_search"].get("description", "")
    assert found == {"12ai": "text only", "aigptimage": ""}
