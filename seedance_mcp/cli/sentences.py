"""Errors as a person at a terminal reads them: next steps that are meant for an assistant are put differently."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from seedance_mcp.errors import NEXT_STEP, Code

if TYPE_CHECKING:
    from seedance_mcp.errors import SeedanceError

_SETTLE = "Do not create it again: it may be running and billed. `seedance-mcp check JOB` shows what becomes of it."
_STEPS: dict[Code, str] = {
    Code.INVALID_REQUEST: "Change the request as the vendor says, or try another model of `seedance-mcp models`.",
    Code.AUTH: "Check this vendor's API key: `seedance-mcp keys` shows where it comes from.",
    Code.NO_CREDIT: "Top up the account at this vendor, or name a model of another vendor with --model.",
    Code.BUSY: "Wait until one of the running videos has finished (`seedance-mcp videos`), then try again.",
    Code.NOT_FOUND: "The vendor does not know this task; `seedance-mcp videos` lists all jobs.",
    Code.UNKNOWN_OUTCOME: _SETTLE,
    Code.OVER_BUDGET: "Choose a cheaper model, a shorter video or a lower resolution, or raise the cap.",
    Code.PRICE_UNKNOWN: "Name the model with --model, or state its price in SEEDANCE_PRICES.",
    Code.KEY_REUSED: "Use a new --request-key for a new video, or repeat the first request unchanged.",
    Code.NOT_CONFIGURED: (
        "Store a vendor's API key with `seedance-mcp keys set VENDOR`, or set SEEDANCE_SANDBOX=1 to try without one."
    ),
    Code.UNKNOWN_JOB: "`seedance-mcp videos` lists the jobs.",
    Code.STOPPING: "`seedance-mcp videos` shows what was under way.",
    Code.INTERNAL: "See `seedance-mcp videos` before you try again, and please report what the log says.",
    Code.NOT_SAVED: "`seedance-mcp videos save` tries again.",
}


def for_a_person(error: SeedanceError) -> str:
    """Return what happened and what to do."""
    return f"{error.sentence} {_step(error)}".rstrip()


def fields(error: SeedanceError) -> dict[str, Any]:
    """Return an error as fields, for JSON."""
    return {"code": str(error.code), "message": error.sentence, "next_step": _step(error)}


def _step(error: SeedanceError) -> str:
    if error.next_step == NEXT_STEP[error.code] and error.code in _STEPS:
        return _STEPS[error.code]
    return re.sub(r"\bAsk the user to (\w)", lambda found: found[1].upper(), error.next_step)
