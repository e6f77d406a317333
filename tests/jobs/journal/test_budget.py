"""The caps on spending: what they let through to the micro-dollar, and what they refuse with which sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedance_mcp.errors import OverBudget
from seedance_mcp.jobs.journal.budget import Caps, Spending, admit, caps
from tests.jobs.services import vendor_settings

NOTHING = Spending("2026-01-01")
BUSY = Spending("2026-01-01", spent=300_000, reserved=200_000, open_jobs=2, unpriced=1)
MODEL = "seedanceapi/seedance-2-mini"
RESETS = "It resets at local midnight."
ONE_VIDEO = "and the user's limit for one video is"
WAIT = "Wait until one has finished (list_videos shows them), then call again"
OTHER_MODEL = "Use a model with a known price (list_models)"
UNKNOWN = f"The price of {MODEL} in USD is unknown"


@pytest.mark.parametrize(
    ("reserve", "limits", "so_far"),
    [
        (None, Caps(), NOTHING),
        (10**12, Caps(), BUSY),
        (500_000, Caps(per_video=500_000), NOTHING),  # exactly at each cap
        (500_000, Caps(asked=500_000), NOTHING),
        (500_000, Caps(per_day=1_000_000), BUSY),
        (0, Caps(per_video=0, per_day=0, asked=0), NOTHING),
        (0, Caps(per_day=500_000), BUSY),
        (1, Caps(open_jobs=3), BUSY),
        (1, Caps(open_jobs=1), NOTHING),
        (None, Caps(open_jobs=3), BUSY),
        (None, Caps(per_video=1, allow_unpriced=True), NOTHING),
        (None, Caps(per_day=1, allow_unpriced=True), BUSY),
        (5, Caps(per_video=5, per_day=10**9, open_jobs=9, asked=5), BUSY),
    ],
)
def test_what_is_within_every_cap_is_admitted(reserve: int | None, limits: Caps, so_far: Spending) -> None:
    admit(reserve, limits, so_far, MODEL)


@pytest.mark.parametrize(
    ("reserve", "limits", "so_far", "sentence"),
    [
        (
            500_001,
            Caps(per_video=500_000),
            NOTHING,
            f"This video may cost $0.500001, {ONE_VIDEO} $0.50.",
        ),
        (1, Caps(per_video=0), NOTHING, f"This video may cost $0.000001, {ONE_VIDEO} $0.00."),
        (500_001, Caps(asked=500_000), NOTHING, "This video may cost $0.500001, and max_cost is $0.50."),
        (
            500_001,
            Caps(per_video=500_000, asked=400_000),
            NOTHING,
            "This video may cost $0.500001, and max_cost is $0.40.",
        ),
        (
            500_001,
            Caps(per_video=500_000, asked=9_000_000),  # the caller lowers a cap, and never raises one
            NOTHING,
            f"This video may cost $0.500001, {ONE_VIDEO} $0.50.",
        ),
        (
            500_001,
            Caps(per_day=1_000_000),
            BUSY,
            f"This video may cost $0.500001; of the daily budget of $1.00, $0.30 is spent and $0.20 reserved. {RESETS}",
        ),
        (
            1,
            Caps(per_day=0),
            NOTHING,
            f"This video may cost $0.000001; of the daily budget of $0.00, $0.00 is spent and $0.00 reserved. {RESETS}",
        ),
        (1, Caps(open_jobs=2), BUSY, "2 jobs are open, and at most 2 may be."),
        (1, Caps(open_jobs=1), BUSY, "2 jobs are open, and at most 1 may be."),
        (1, Caps(open_jobs=0), NOTHING, "0 jobs are open, and at most 0 may be."),
        (None, Caps(open_jobs=2, allow_unpriced=True), BUSY, "2 jobs are open, and at most 2 may be."),
        (None, Caps(asked=10**9), NOTHING, f"{UNKNOWN}, so max_cost cannot be enforced."),
        (None, Caps(asked=10**9, allow_unpriced=True), NOTHING, f"{UNKNOWN}, so max_cost cannot be enforced."),
        (None, Caps(per_video=10**9), NOTHING, f"{UNKNOWN}, and a cap is set."),
        (None, Caps(per_day=10**9), NOTHING, f"{UNKNOWN}, and a cap is set."),
    ],
)
def test_what_exceeds_a_cap_is_refused_with_the_amounts(
    reserve: int | None, limits: Caps, so_far: Spending, sentence: str
) -> None:
    with pytest.raises(OverBudget) as caught:
        admit(reserve, limits, so_far, MODEL)
    assert caught.value.sentence == sentence


@pytest.mark.parametrize(
    ("reserve", "limits", "next_step"),
    [
        (
            1,
            Caps(open_jobs=2),
            f"{WAIT}; or ask the user to raise SEEDANCE_MAX_OPEN_JOBS.",
        ),
        (
            None,
            Caps(per_day=1),
            f"{OTHER_MODEL}, or ask the user to set SEEDANCE_PRICES for it or SEEDANCE_ALLOW_UNPRICED=1.",
        ),
        (1, Caps(per_video=0), "Tell the user, or ask the user to raise SEEDANCE_MAX_COST."),
        (1, Caps(per_day=0), "Tell the user, or ask the user to raise SEEDANCE_DAILY_BUDGET."),
    ],
)
def test_a_refusal_says_what_to_do(reserve: int | None, limits: Caps, next_step: str) -> None:
    with pytest.raises(OverBudget) as caught:
        admit(reserve, limits, BUSY, MODEL)
    assert caught.value.next_step == next_step


def test_what_is_left_of_a_budget_counts_what_is_reserved_and_is_never_negative() -> None:
    assert BUSY.left(1_000_000) == 500_000
    assert BUSY.left(500_000) == 0
    assert BUSY.left(400_000) == 0


def test_the_caps_are_those_of_the_settings_and_the_callers_own(tmp_path: Path) -> None:
    settings = vendor_settings(
        tmp_path,
        SEEDANCE_MAX_COST="0.50",
        SEEDANCE_DAILY_BUDGET="3",
        SEEDANCE_MAX_OPEN_JOBS="4",
        SEEDANCE_ALLOW_UNPRICED="1",
    )
    assert caps(settings) == Caps(500_000, 3_000_000, 4, allow_unpriced=True, asked=None)
    assert caps(settings, 7).asked == 7
    assert caps(vendor_settings(tmp_path)) == Caps()


@pytest.mark.parametrize("limits", [Caps(), Caps(per_video=1), Caps(per_day=800_000)])
def test_a_price_below_zero_is_refused_with_or_without_caps(limits: Caps) -> None:
    with pytest.raises(OverBudget) as refused:
        admit(-140_000, limits, NOTHING, MODEL)
    assert refused.value.sentence == f"The price of {MODEL} comes out below zero ($-0.14), so no cap can be enforced."
