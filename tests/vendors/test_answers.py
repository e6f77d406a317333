"""Every answer on the vendors' pages, and every example of facts/*.yaml, is parsed correctly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from seedance_mcp.vendors import Answer, known_vendors
from tests.facts import FACTS
from tests.vendors.contract import Fixture, fixtures, parsed

HERE = Path(__file__).parent
ANSWERS = [pytest.param(slug, f, id=f"{slug}-{f.name}") for slug in known_vendors() for f in fixtures(HERE / slug)]

NOT_ABOUT_A_TASK = {
    ("ope", "content_ok"): "the video itself, which is not JSON",
    ("jimmyai", "asset_upload_200"): "the vendor's library of assets, see tests/uploads",
    ("jimmyai", "asset_status_200"): "the vendor's library of assets, see tests/uploads",
    ("jimmyai", "realperson_200"): "the vendor's library of assets, see tests/uploads",
    ("jimmyai", "file_upload_200"): "uploading a file is another endpoint",
    ("jimmyai", "balance_200"): "the balance is another endpoint",
    ("jimmyai", "catalog_200"): "the price list is another endpoint",
}


@pytest.mark.parametrize(("slug", "fixture"), ANSWERS)
def test_an_answer_is_parsed_as_expected(slug: str, fixture: Fixture) -> None:
    assert parsed(known_vendors()[slug], fixture) == fixture.expect


def test_no_answer_is_missing() -> None:
    assert len(ANSWERS) >= 120


@pytest.mark.parametrize("slug", FACTS)
def test_every_example_answer_of_the_facts_is_among_the_fixtures(slug: str) -> None:
    examples: dict[str, Any] = FACTS[slug]["examples"]
    known = {_canonical(f.answer.status, f.answer.body) for f in fixtures(HERE / slug)}
    missing = {name for name, e in examples.items() if "http" in e and _canonical(e["http"], e["body"]) not in known}
    assert missing == {name for vendor, name in NOT_ABOUT_A_TASK if vendor == slug}


def _canonical(status: int, body: Any) -> str:
    return json.dumps([status, body], sort_keys=True, default=str)


STATES = [
    pytest.param(slug, status, state, id=f"{slug}-{status}")
    for slug, facts in FACTS.items()
    for status, state in {
        **facts["status_map"],
        **facts["status_map"].get("tolerated_extra", {}),
        **facts.get("status_tolerated_extra", {}),
    }.items()
    if isinstance(state, str)
]


@pytest.mark.parametrize("change", [str.lower, str.upper, str.title], ids=["lower", "upper", "title"])
@pytest.mark.parametrize(("slug", "status", "state"), STATES)
def test_every_status_of_the_facts_has_the_state_that_they_state(
    slug: str, status: str, state: str, change: Any
) -> None:
    if (slug, status) == ("ope", "expired"):
        state = "expired"  # the facts do not distinguish it from a failure; our states do
    sent = change(status)
    bodies: dict[str, Any] = {
        "seedanceapi": {"code": 200, "data": {"task_id": "t", "status": sent}},
        "jimmyai": {"code": 20000, "data": {"task_id": "t", "status": sent}},
        "aigptimage": {"code": 200, "data": {"taskId": "t", "state": sent}},
    }
    task = known_vendors()[slug].parse_status(Answer(200, bodies.get(slug, {"id": "t", "status": sent})))
    assert (task.state, task.vendor_status) == (state, sent)
