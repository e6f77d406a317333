"""Every answer of the vendors' pages, and every example of facts/*.yaml, is read as what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from seedance_mcp.vendors import Answer, known_vendors
from tests.facts import FACTS
from tests.vendors.contract import Fixture, fixtures, seen

HERE = Path(__file__).parent
ANSWERS = [pytest.param(slug, f, id=f"{slug}-{f.name}") for slug in known_vendors() for f in fixtures(HERE / slug)]

NOT_OF_A_VIDEO = {
    ("ope", "content_ok"): "the film itself, which is no JSON",
    ("jimmyai", "asset_upload_200"): "the vendor's library of assets, which create_video does not touch",
    ("jimmyai", "asset_status_200"): "the vendor's library of assets, which create_video does not touch",
    ("jimmyai", "realperson_200"): "the vendor's library of assets, which create_video does not touch",
    ("jimmyai", "file_upload_200"): "uploading a file is another endpoint",
    ("jimmyai", "balance_200"): "the balance is another endpoint",
    ("jimmyai", "catalog_200"): "the catalogue is another endpoint",
}


@pytest.mark.parametrize(("slug", "fixture"), ANSWERS)
def test_answer_is_read_as_expected(slug: str, fixture: Fixture) -> None:
    assert seen(known_vendors()[slug], fixture) == fixture.expect


def test_no_answer_has_been_lost() -> None:
    assert len(ANSWERS) >= 120


@pytest.mark.parametrize("slug", FACTS)
def test_every_example_answer_of_the_facts_is_among_the_fixtures(slug: str) -> None:
    examples: dict[str, Any] = FACTS[slug]["examples"]
    had = {_canonical(f.answer.status, f.answer.body) for f in fixtures(HERE / slug)}
    missing = {name for name, e in examples.items() if "http" in e and _canonical(e["http"], e["body"]) not in had}
    assert missing == {name for vendor, name in NOT_OF_A_VIDEO if vendor == slug}


def _canonical(status: int, body: Any) -> str:
    return json.dumps([status, body], sort_keys=True, default=str)


STATES = [
    pytest.param(slug, word, meant, id=f"{slug}-{word}")
    for slug, facts in FACTS.items()
    for word, meant in {
        **facts["status_map"],
        **facts["status_map"].get("tolerated_extra", {}),
        **facts.get("status_tolerated_extra", {}),
    }.items()
    if isinstance(meant, str)
]


@pytest.mark.parametrize("change", [str.lower, str.upper, str.title], ids=["lower", "upper", "title"])
@pytest.mark.parametrize(("slug", "word", "meant"), STATES)
def test_every_state_word_of_the_facts_means_what_they_say(slug: str, word: str, meant: str, change: Any) -> None:
    if (slug, word) == ("ope", "expired"):
        meant = "expired"  # the facts have no such state; ours tells it from a failure of the model
    said = change(word)
    bodies: dict[str, Any] = {
        "seedanceapi": {"code": 200, "data": {"task_id": "t", "status": said}},
        "jimmyai": {"code": 20000, "data": {"task_id": "t", "status": said}},
        "aigptimage": {"code": 200, "data": {"taskId": "t", "state": said}},
    }
    look = known_vendors()[slug].parse_status(Answer(200, bodies.get(slug, {"id": "t", "status": said})))
    assert (look.state, look.vendor_status) == (meant, said)
