"""What an answer to a paid POST means, for every vendor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from seedance_mcp.jobs.journal.model import with_latest
from seedance_mcp.jobs.outcome import ASKING_TO_WAIT, REJECTING, Outcome, read_outcome
from seedance_mcp.vendors import known_vendors
from seedance_mcp.vendors.vendor import Answer

DEFINITE = REJECTING | ASKING_TO_WAIT
ENVELOPES: dict[str, Callable[[int | str], dict[str, Any]]] = {
    "code": lambda code: {"code": code, "message": "no", "msg": "no", "data": None},
    "error.code": lambda code: {"error": {"code": code, "message": "no"}},
    "data.code": lambda code: {"message": "no", "data": {"code": code}},
}


def kind(outcome: Outcome) -> str:
    if outcome.refusal is None:
        return "ambiguous"
    return "asks to wait" if outcome.asks_to_wait else "rejected"


@pytest.mark.parametrize("envelope", ENVELOPES)
@pytest.mark.parametrize("slug", known_vendors())
def test_a_status_that_leaves_the_outcome_open_wins_wherever_it_stands(slug: str, envelope: str) -> None:
    vendor = known_vendors()[slug]
    for http_status in (200, 302, 400, 402, 408, 409, 429, 500, 503):
        for code in (302, 400, 402, 408, 409, 429, 500, 502, 504):
            if (http_status in DEFINITE or http_status == 200) and code in DEFINITE:
                continue
            for written in (code, str(code)):
                outcome = read_outcome(vendor, Answer(http_status, ENVELOPES[envelope](written)))
                assert (http_status, written, kind(outcome)) == (http_status, written, "ambiguous")


@pytest.mark.parametrize("slug", ["seedanceapi", "jimmyai", "aigptimage"])
@pytest.mark.parametrize(("code", "expected"), [(400, "rejected"), (429, "asks to wait"), (402, "rejected")])
def test_a_definite_code_inside_http_200_is_a_refusal(slug: str, code: int, expected: str) -> None:
    assert kind(read_outcome(known_vendors()[slug], Answer(200, ENVELOPES["code"](code)))) == expected


def test_a_code_that_the_vendors_page_explains_is_taken_at_its_word() -> None:
    limit = Answer(200, {"code": 409, "msg": "active task limit exceeded", "data": None})
    assert kind(read_outcome(known_vendors()["aigptimage"], limit)) == "asks to wait"


def test_jimmyai_timing_out_is_never_a_refusal() -> None:
    answer = Answer(200, {"code": 400, "msg": "upstream timed out", "data": None})
    assert kind(read_outcome(known_vendors()["jimmyai"], answer)) == "ambiguous"


def test_the_first_record_of_an_unknown_job_stays_and_the_latest_is_added() -> None:
    first = with_latest("the answer has no task id: {}.", "HTTP 500: oh")
    assert first == "the answer has no task id: {}; since then: HTTP 500: oh"
    assert with_latest(first, "no") == "the answer has no task id: {}; since then: no"
    assert with_latest(None, "no") == "no"
