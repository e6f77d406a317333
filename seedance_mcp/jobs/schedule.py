"""When to look at a running job next. Pure: numbers in, seconds out."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

FEWEST_SAMPLES = 5
TYPICAL = 95.0
"""Seconds a Seedance film takes, until the journal holds enough of our own."""
TYPICAL_SLOW = 180.0
STEADY = 5.0
SLOWEST = 15.0


def expected(durations: Sequence[float]) -> tuple[float, float]:
    """Return the median and the 90th percentile of how long a model takes, in seconds."""
    if len(durations) < FEWEST_SAMPLES:
        return TYPICAL, TYPICAL_SLOW
    return statistics.median(durations), statistics.quantiles(durations, n=10)[-1]


def next_poll(elapsed: float, durations: Sequence[float], jitter: float) -> float:
    """Return in how many seconds to look again: first at half the median, then steadily, then ever more rarely.

    `jitter` is between -1 and 1, and moves the look by up to a fifth.
    """
    median, slow = expected(durations)
    first = median / 2
    if elapsed < first:
        pause = first - elapsed
    elif elapsed < slow:
        pause = STEADY
    else:
        pause = min(SLOWEST, max(STEADY, 0.06 * elapsed))
    return max(0.1, pause * (1 + jitter / 5))


def after_error(errors_in_a_row: int, retry_after: float | None) -> float:
    """Return how long to leave a vendor in peace that answered with an error: 1 s, doubling to 60 s."""
    if retry_after is not None:
        return min(retry_after, 600.0)
    return float(min(60, 2 ** max(0, errors_in_a_row - 1)))


def worth_asking_in(elapsed: float, typical: float, longest: float) -> int:
    """Return in how many seconds a question is worth its tokens: about when the film should be there."""
    return round(min(longest, max(STEADY, typical - elapsed)))
