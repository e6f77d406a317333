"""The arguments of create_video, parsed once: the request for a video, and the controls of the call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from seedance_mcp.catalog.price import MICROS
from seedance_mcp.catalog.request import CONTROLS
from seedance_mcp.catalog.rows import Args

_LARGEST_USD = 10**9
"""A larger max_cost would not limit anything."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a caller wants made, and under which conditions."""

    args: Args
    """Every argument except `model`, controls included, for `check`."""
    model: object | None = None
    """The model id as given; None leaves the choice to us."""
    dry_run: bool = False
    max_cost: int | None = None
    """Micro-USD."""
    request_key: str | None = None
    allow_duplicate: bool = False
    n: int = 1
    """How many variants: videos of this request that are to exist, each a job of its own."""
    like: str | None = None
    """The job whose arguments count where this order gives none."""
    model_of: str | None = None
    """The job whose model this order takes, where the caller named none; without `model`, that one cannot do it."""

    @classmethod
    def parse(cls, args: Mapping[str, Any]) -> Order:
        """Parse untrusted arguments. An invalid control counts as not given: `check` reports it with all problems."""
        given = {name: args[name] for name, row in CONTROLS.items() if name in args and row.problem(args[name]) is None}
        max_cost = cast("float | None", given.get("max_cost"))
        return cls(
            args={name: value for name, value in args.items() if name != "model"},
            model=args.get("model"),
            dry_run=given.get("dry_run", False),
            max_cost=None if max_cost is None else round(min(max_cost, _LARGEST_USD) * MICROS),
            request_key=given.get("request_key"),
            allow_duplicate=given.get("allow_duplicate", False),
            n=int(given.get("n", 1)),
            like=given.get("like"),
        )
