"""What all tools share."""

from __future__ import annotations

import pytest

from seedance_mcp.server.tools.tool import increasing

pytestmark = pytest.mark.anyio


async def test_reports_that_do_not_increase_are_left_out() -> None:
    """A download that starts again from its first byte would report fewer bytes than before."""
    sent: list[tuple[float, float | None, str]] = []

    async def report(done: float, total: float | None, message: str) -> None:
        sent.append((done, total, message))

    checked = increasing(report)
    for done in (0, 4, 4, 1, 3, 5):
        await checked(done, 9, f"{done} of 9")
    assert sent == [(0, 9, "0 of 9"), (4, 9, "4 of 9"), (5, 9, "5 of 9")]


async def test_each_call_counts_its_own_reports() -> None:
    sent: list[float] = []

    async def report(done: float, total: float | None, message: str) -> None:
        sent.append(done)

    for _ in range(2):
        await increasing(report)(7, None, "")
    assert sent == [7, 7]
