"""Caps on spending. Pure: the journal calls `admit` inside the transaction that admits a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seedance_mcp.catalog.price import dollars
from seedance_mcp.errors import OverBudget, PriceUnknown

if TYPE_CHECKING:
    from seedance_mcp.settings import Settings


@dataclass(frozen=True, slots=True)
class Caps:
    """The limits in force, in micro-USD; None means no limit."""

    per_video: int | None = None
    per_day: int | None = None
    open_jobs: int | None = None
    allow_unpriced: bool = False
    asked: int | None = None
    """The caller's own max_cost, for all videos of a call: it can lower a cap, never raise one."""
    chosen: bool = True
    """Whether the caller chose this model, or agreed to it; else one without a price in USD needs `allow_unpriced`."""

    def one_video(self, count: int = 1) -> int | None:
        """Return the most that one of so many videos of a call may cost, by either limit."""
        share = None if self.asked is None else self.asked // count
        return min((cap for cap in (share, self.per_video) if cap is not None), default=None)


def caps(settings: Settings, max_cost: int | None = None, *, chosen: bool = True) -> Caps:
    """Return the caps in force for a call: the settings, and the caller's max_cost in micro-USD."""
    return Caps(
        settings.max_cost,
        settings.daily_budget,
        settings.max_open_jobs,
        settings.allow_unpriced,
        asked=max_cost,
        chosen=chosen,
    )


@dataclass(frozen=True, slots=True)
class Spending:
    """The cost of a day, in micro-USD: spent, and reserved by jobs that are not settled."""

    day: str
    spent: int = 0
    reserved: int = 0
    open_jobs: int = 0
    unpriced: int = 0
    """Jobs of the day whose price in USD is unknown."""

    def left(self, budget: int) -> int:
        """Return what is left of a daily budget."""
        return max(0, budget - self.spent - self.reserved)


RAISE_CAP = "Tell the user, or ask the user to raise SEEDANCE_MAX_COST."
RAISE_BUDGET = "Tell the user, or ask the user to raise SEEDANCE_DAILY_BUDGET."


def admit(reserve: int | None, caps: Caps, so_far: Spending, model: str, *, count: int = 1) -> None:
    """Return if so many jobs may be admitted, each with this reservation.

    Raises:
        OverBudget: names the cap, what is spent and reserved, and when the cap resets.
        PriceUnknown: no cap can be enforced.
    """
    if caps.open_jobs is not None and so_far.open_jobs + count > caps.open_jobs:
        more = "" if count == 1 else f" These would be {count} more."
        raise OverBudget(
            f"{so_far.open_jobs} jobs are open, and at most {caps.open_jobs} may be.{more}",
            next_step="Wait until one has finished (list_videos shows them), then call again; or ask the user to raise "
            "SEEDANCE_MAX_OPEN_JOBS.",
        )
    if reserve is None:
        _admit_unpriced(caps, model)
        return
    if reserve < 0:  # a bug in the rows of a vendor: it would raise what is left of the budget
        raise OverBudget(
            f"The price of {model} comes out below zero ({dollars(reserve)}), so no cap can be enforced.",
            next_step="Use another model, and ask the user to report this to the author of that vendor's module.",
        )
    if caps.asked is not None and reserve * count > caps.asked:
        raise OverBudget(f"{_may_cost(reserve, count)}, and max_cost is {dollars(caps.asked)}.")
    if caps.per_video is not None and reserve > caps.per_video:
        raise OverBudget(
            f"{_may_cost(reserve, 1)}, and the user's limit for one video is {dollars(caps.per_video)}.",
            next_step=None if caps.per_video == caps.asked else RAISE_CAP,
        )
    if caps.per_day is not None and so_far.spent + so_far.reserved + reserve * count > caps.per_day:
        raise OverBudget(
            f"{_may_cost(reserve, count)}; of the daily budget of {dollars(caps.per_day)}, "
            f"{dollars(so_far.spent)} is spent and {dollars(so_far.reserved)} reserved. It resets at local midnight.",
            next_step=RAISE_BUDGET,
        )


def _may_cost(reserve: int, count: int) -> str:
    subject = "This video" if count == 1 else f"These {count} videos"
    return f"{subject} may cost {dollars(reserve * count)}"


def _admit_unpriced(caps: Caps, model: str) -> None:
    """Return if a job without a price in USD may be admitted."""
    if caps.asked is not None:
        raise PriceUnknown(
            f"The price of {model} in USD is unknown, so max_cost cannot be enforced.",
            next_step="Use a model with a known price (list_models), or ask the user to drop max_cost or to set "
            "SEEDANCE_PRICES for it.",
        )
    capped = caps.per_video is not None or caps.per_day is not None
    if capped and not caps.allow_unpriced:
        raise PriceUnknown(
            f"The price of {model} in USD is unknown, and a cap is set.",
            next_step="Use a model with a known price (list_models), or ask the user to set SEEDANCE_PRICES for it "
            "or SEEDANCE_ALLOW_UNPRICED=1.",
        )
    if not caps.chosen and not caps.allow_unpriced:
        raise PriceUnknown(
            f"The price of {model} in USD is unknown, and a model is chosen for the user only at a known price.",
            next_step=f"Tell the user, and ask which to take; with their word, call again with model {model}.",
        )
