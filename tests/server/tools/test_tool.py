"""What all tools share."""

from __future__ import annotations

import pytest

from seedance_mcp.server.tools.tool import steady

pytestmark = pytest.mark.anyio


class Reports:
    """What a client gets of the reports of one call, and the clock of the server."""

    def __init__(self) -> None:
        self.sent: list[tuple[float, float | None, str]] = []
        self.now = 0.0

    async def __call__(self, done: float, total: float | None, message: str) -> None:
        self.sent.append((done, total, message))

    def clock(self) -> float:
        return self.now


async def test_reports_that_do_not_increase_are_left_out() -> None:
    """A clock that is set back would report fewer seconds than before."""
    reports = Reports()
    report = steady(reports, reports.clock)
    for done in (0, 4, 4, 1, 3, 5):
        await report(done, 9, f"{done} of 9")
        reports.now += 1
    assert reports.sent == [(0, 9, "0 of 9"), (4, 9, "4 of 9"), (5, 9, "5 of 9")]


async def test_reports_are_a_second_apart() -> None:
    reports = Reports()
    report = steady(reports, reports.clock)
    for step in range(13):
        reports.now = step / 4
        await report(reports.now, 9, "")
    assert [done for done, _, _ in reports.sent] == [0, 1, 2, 3]


async def test_each_call_counts_its_own_reports() -> None:
    reports = Reports()
    for _ in range(2):
        await steady(reports, reports.clock)(7, None, "")
    assert [done for done, _, _ in reports.sent] == [7, 7]
