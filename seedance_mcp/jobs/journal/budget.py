"""Caps on spending. Pure: the journal calls `admit` inside the transaction that admits a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seedance_mcp.catalog.price import dollars
from seedance_mcp.errors import OverBudget

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
    """The caller's own max_cost: it can lower a cap, never raise one."""
    chosen: bool = True
    """Whether the caller chose this model, or agreed to it; else one without a price in USD needs `allow_unpriced`."""

    @property
    def one_video(self) -> int | None:
        """The most that one video may cost, by either limit."""
        return min((cap for cap in (self.asked, self.per_video) if cap is not None), default=None)


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


def admit(reserve: int | None, caps: Caps, so_far: Spending, model: str) -> None:
    """Return if a job may be admitted.

    Raises:
        OverBudget: names the cap, what is spent and reserved, and when the cap resets.
    """
    if caps.open_jobs is not None and so_far.open_jobs >= caps.open_jobs:
        raise OverBudget(
            f"{so_far.open_jobs} jobs are open, and at most {caps.open_jobs} may be.",
            next_step="Wait until one has finished (list_videos shows them), then call again; or ask the user to raise "
            "SEEDANCE_MAX_OPEN_JOBS.",
        )
    capped = caps.per_video is not None or caps.per_day is not None
    if reserve is None:
        if caps.asked is not None:
            raise OverBudget(
                f"The price of {model} in USD is unknown, so max_cost cannot be enforced.",
                next_step="Use a model with a known price (list_models), or ask the user to drop max_cost or to set "
                "SEEDANCE_PRICES for it.",
            )
        if capped and not caps.allow_unpriced:
            raise OverBudget(
                f"The price of {model} in USD is unknown, and a cap is set.",
                next_step="Use a model with a known price (list_models), or ask the user to set SEEDANCE_PRICES for it "
                "or SEEDANCE_ALLOW_UNPRICED=1.",
            )
        if not caps.chosen and not caps.allow_unpriced:
            raise OverBudget(
                f"The price of {model} in USD is unknown, and a model is chosen for the user only at a known price.",
                next_step=f"Tell the user, and ask which to take; with their word, call again with model {model}.",
            )
        return
    for cap, whose in ((caps.asked, "max_cost"), (caps.per_video, "the user's limit for one video")):
        if cap is not None and reserve > cap:
            step = None if cap == caps.asked else RAISE_CAP
            raise OverBudget(f"This video may cost {dollars(reserve)}, and {whose} is {dollars(cap)}.", next_step=step)
    if caps.per_day is not None and so_far.spent + so_far.reserved + reserve > caps.per_day:
        raise OverBudget(
            f"This video may cost {dollars(reserve)}; of the daily budget of {dollars(caps.per_day)}, "
            f"{dollars(so_far.spent)} is spent and {dollars(so_far.reserved)} reserved. It resets at local midnight.",
            next_step=RAISE_BUDGET,
        )
