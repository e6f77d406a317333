"""Every answer on the vendors' pages, and every example of facts/*.yaml, is parsed correctly."""

from __future__ import annotations

import json
from typing import Any

import pytest

from seedance_mcp.testing.contract import Fixture, fixtures, parsed
from seedance_mcp.vendors import Answer, known_vendors
from tests.about import ABOUT, VENDORS, folder
from tests.facts import FACTS

ANSWERS = [pytest.param(slug, f, id=f"{slug}-{f.name}") for slug in VENDORS for f in fixtures(folder(slug))]


@pytest.mark.parametrize(("slug", "fixture"), ANSWERS)
def test_an_answer_is_parsed_as_expected(slug: str, fixture: Fixture) -> None:
    assert parsed(known_vendors()[slug], fixture) == fixture.expect


def test_no_answer_is_missing() -> None:
    assert len(ANSWERS) >= 120


@pytest.mark.parametrize("slug", VENDORS)
def test_every_example_answer_of_the_facts_is_among_the_fixtures(slug: str) -> None:
    examples: dict[str, Any] = FACTS[slug]["examples"]
    known = {_canonical(f.answer.status, f.answer.body) for f in fixtures(folder(slug))}
    missing = {name for name, e in examples.items() if "http" in e and _canonical(e["http"], e["body"]) not in known}
    assert missing == ABOUT[slug].not_about_a_task.keys()


def _canonical(status: int, body: Any) -> str:
    return json.dumps([status, body], sort_keys=True, default=str)


STATES = [
    pytest.param(slug, status, state, id=f"{slug}-{status}")
    for slug, facts in FACTS.items()
    if slug in VENDORS
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
    body = json.loads(json.dumps(ABOUT[slug].status_body).replace("STATUS", sent := change(status)))
    task = known_vendors()[slug].parse_status(Answer(200, body))
    state = ABOUT[slug].states.get(status, state)
    assert (task.state, task.vendor_status) == (state, sent)
