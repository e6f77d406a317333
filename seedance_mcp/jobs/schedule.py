"""When to poll a running job next. Pure: numbers in, seconds out."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

FEWEST_SAMPLES = 5
TYPICAL = 95.0
"""Seconds that a Seedance video usually takes, for use until the journal has enough durations."""
TYPICAL_SLOW = 180.0
STEADY = 5.0
SLOWEST = 15.0


def expected(durations: Sequence[float], known: tuple[float, float] | None = None) -> tuple[float, float]:
    """Return the median and the 90th percentile of how long a model takes, in seconds.

    `known` is what is known of the model, for use until the journal has enough durations.
    """
    if len(durations) < FEWEST_SAMPLES:
        return known or (TYPICAL, TYPICAL_SLOW)
    return statistics.median(durations), statistics.quantiles(durations, n=10)[-1]


def next_poll(
    elapsed: float, durations: Sequence[float], jitter: float, known: tuple[float, float] | None = None
) -> float:
    """Return the seconds until the next poll: first at half the median duration, then every 5 s, then less often.

    `jitter` is between -1 and 1, and changes the result by up to a fifth.
    """
    median, slow = expected(durations, known)
    first = median / 2
    if elapsed < first:
        pause = first - elapsed
    elif elapsed < slow:
        pause = STEADY
    else:
        pause = min(SLOWEST, max(STEADY, 0.06 * elapsed))
    return max(0.1, pause * (1 + jitter / 5))


def after_error(errors_in_a_row: int, retry_after: float | None, first: float = 1.0, longest: float = 60.0) -> float:
    """Return the seconds to pause after a vendor's error: Retry-After, else `first`, doubling to `longest`."""
    if retry_after is not None:
        return min(retry_after, 600.0)
    return min(longest, first * 2.0 ** min(32, max(0, errors_in_a_row - 1)))


def check_again_in(elapsed: float, typical: float, longest: float) -> int:
    """Return the seconds after which another check_video is worth its tokens: when the video should be finished."""
    return round(min(longest, max(STEADY, typical - elapsed)))
