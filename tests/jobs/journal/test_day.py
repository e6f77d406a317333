"""The day of the budget: in one zone, and never an earlier day than before, unless a clock was days ahead."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from seedance_mcp.jobs.journal.day import BudgetDay, budget_day, local_zone

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("zone", "latest", "day"),
    [
        ("UTC", None, "2026-03-10"),
        ("UTC", "2026-03-09", "2026-03-10"),
        ("UTC", "2026-03-10", "2026-03-10"),
        ("UTC", "2026-03-11", "2026-03-11"),  # the clock was set back over a midnight
        ("UTC", "2026-03-12", "2026-03-10"),  # the clock was once wrong
        ("UTC", "2099-12-31", "2026-03-10"),
        ("Pacific/Kiritimati", None, "2026-03-11"),
        ("+12:30", None, "2026-03-11"),
        ("-12:30", None, "2026-03-09"),
        ("no/such/zone", None, "2026-03-10"),
    ],
)
def test_the_day_is_that_of_the_zone_or_at_most_one_day_later(zone: str, latest: str | None, day: str) -> None:
    assert budget_day(NOON, zone, BudgetDay(latest) if latest else None).day == day


@pytest.mark.parametrize(
    ("latest", "continued"),
    [
        (BudgetDay("2026-03-12"), "2026-03-12"),
        (BudgetDay("2099-12-31"), "2099-12-31"),
        (BudgetDay("2099-12-31", "2100-01-05"), "2099-12-31"),
        (BudgetDay("2026-03-10", "2099-12-31"), "2099-12-31"),
        (BudgetDay("2026-03-09", "2099-12-31"), None),
        (BudgetDay("2026-03-11"), None),
    ],
)
def test_a_day_continues_one_of_a_clock_that_was_days_ahead_until_it_ends(
    latest: BudgetDay, continued: str | None
) -> None:
    assert budget_day(NOON, "UTC", latest).continued == continued


def test_the_zone_of_this_machine_gives_its_own_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    assert local_zone() == "Pacific/Kiritimati"
    monkeypatch.setenv("TZ", "no/such/zone")
    assert budget_day(NOON, local_zone(), None).day in {"2026-03-09", "2026-03-10", "2026-03-11"}
