"""Caps: who may spend what. Pure; the journal calls it inside the transaction that admits a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seedance_mcp.catalog.price import MICROS, dollars
from seedance_mcp.errors import OverBudget

if TYPE_CHECKING:
    from seedance_mcp.settings import Settings

_LARGEST = 10**9
"""USD beyond which a cap caps nothing."""


@dataclass(frozen=True, slots=True)
class Caps:
    """The limits in force, in micro-dollars; None means no limit."""

    per_video: int | None = None
    per_day: int | None = None
    open_jobs: int | None = None
    allow_unpriced: bool = False
    asked: int | None = None
    """The caller's own max_cost: it can lower a cap and never raise one."""


def caps(settings: Settings, args: Mapping[str, Any]) -> Caps:
    """Return the caps in force for a call: the settings, lowered by the caller's max_cost."""
    asked = args.get("max_cost")
    return Caps(
        settings.max_cost,
        settings.daily_budget,
        settings.max_open_jobs,
        settings.allow_unpriced,
        None if asked is None else round(min(asked, _LARGEST) * MICROS),
    )


@dataclass(frozen=True, slots=True)
class Spending:
    """What a day has cost: settled, and reserved by jobs that are not settled."""

    day: str
    spent: int = 0
    reserved: int = 0
    open_jobs: int = 0
    unpriced: int = 0
    """Jobs of the day whose price in USD is unknown."""

    def left(self, budget: int) -> int:
        """Return what a budget of the day still has room for."""
        return max(0, budget - self.spent - self.reserved)


def admit(reserve: int | None, caps: Caps, so_far: Spending, model: str) -> None:
    """Let a job pass, or say which cap stands in its way.

    Raises:
        OverBudget: with the limit, what is used and reserved, and when it resets.
    """
    if caps.open_jobs is not None and so_far.open_jobs >= caps.open_jobs:
        raise OverBudget(
            f"{so_far.open_jobs} jobs are open and SEEDANCE_MAX_OPEN_JOBS is {caps.open_jobs}.",
            next_step="Wait until one is done (list_videos shows them), then call again.",
        )
    capped = caps.per_video is not None or caps.per_day is not None
    if reserve is None:
        if caps.asked is not None:
            raise OverBudget(f"The price of {model} in USD is unknown, so max_cost cannot be kept.")
        if capped and not caps.allow_unpriced:
            raise OverBudget(
                f"The price of {model} in USD is unknown, and a cap is set.",
                next_step="Use a model with a known price (list_models), or ask the user to set SEEDANCE_PRICES for it "
                "or SEEDANCE_ALLOW_UNPRICED=1.",
            )
        return
    for cap, name in ((caps.asked, "max_cost"), (caps.per_video, "SEEDANCE_MAX_COST")):
        if cap is not None and reserve > cap:
            raise OverBudget(f"This video may cost {dollars(reserve)}, and {name} is {dollars(cap)}.")
    if caps.per_day is not None and so_far.spent + so_far.reserved + reserve > caps.per_day:
        raise OverBudget(
            f"This video may cost {dollars(reserve)}; of the daily budget of {dollars(caps.per_day)}, "
            f"{dollars(so_far.spent)} is spent and {dollars(so_far.reserved)} reserved. It resets at local midnight."
        )
