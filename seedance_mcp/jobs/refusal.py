"""Why an order is refused: every problem, the nearest request that would work, and what else would."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from seedance_mcp.catalog.check import sentences
from seedance_mcp.catalog.request import FIELDS
from seedance_mcp.errors import InvalidRequest

if TYPE_CHECKING:
    from seedance_mcp.catalog import Model
    from seedance_mcp.catalog.check import Checked
    from seedance_mcp.catalog.choose import Alternative, Suggestion
    from seedance_mcp.catalog.order import Order
    from seedance_mcp.settings import Settings

_SHOWN = 6
"""The most models that a refusal names as alternatives."""
_LONGEST_SHOWN = 1000
"""Characters of the longest argument that a refusal repeats."""


def refusal(
    model: Model,
    checked: Checked,
    order: Order,
    suggestion: Suggestion | None,
    *,
    others: Sequence[str] = (),
    instead: Sequence[Alternative] = (),
    more: Iterable[str] = (),
    of: int = 0,
) -> InvalidRequest:
    """Return the refusal of an order by a model, or (`of`) by the closest of so many that may be chosen.

    `others` accept the order as it is, `instead` are other requests that would work, and `more` are further lines.
    """
    count = len(checked.problems)
    args, named = order.args, not of
    whose = f", the model of job {order.model_of}," if order.model_of else ""
    head = (
        f"{model.id}{whose} cannot do this" if named else f"None of {of} models can do this; the closest is {model.id}"
    )
    lines = [f"{head}, {count} problem{'s' if count > 1 else ''}:"]
    lines += [f"- {sentence}" for sentence in sentences(checked.problems)]
    if suggestion is not None:
        without = f", without {' and '.join(suggestion.dropped)}" if suggestion.dropped else ""
        works = ({"model": model.id} if named else {}) | suggestion.args
        shown = {name: value for name, value in works.items() if len(str(value)) <= _LONGEST_SHOWN}
        unchanged = " and ".join(name for name in works if name not in shown)
        with_it = f", with {unchanged} as it is" if unchanged else ""
        lines.append(f"This would work{without}{with_it}: {json.dumps(shown, ensure_ascii=False)}")
    shown_above = suggestion.changed(args).keys() if suggestion is not None else set[str]()
    lines += [f"Or: {other.text()}." for other in instead if other.changed.keys() != shown_above]
    lines += more
    if others:
        shown = ", ".join(others[:_SHOWN]) + (f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else "")
        lines.append(f"Unchanged, the request would be accepted by: {shown}.")
    lines.append("Nothing was sent.")
    wished = any(problem.field in FIELDS and problem.field in args for problem in checked.problems)
    return InvalidRequest("\n".join(lines), next_step=_ASK if wished else _CORRECT)


_MOST_PARTS = 20
"""More would be a slip rather than a wish."""


def in_parts(checked: Checked, settings: Settings) -> Iterator[str]:
    """Yield how several videos make the length that none of them can have."""
    able = "/".join(vendor.slug for vendor in settings.vendors if settings.takes_files(vendor))
    for problem in checked.problems:
        asked, longest = problem.value, problem.nearest
        if problem.field == "duration" and isinstance(asked, int | float) and isinstance(longest, int | float):
            count = math.ceil(asked / longest) if 0 < longest < asked <= _MOST_PARTS * longest else 0
            if count:
                how = f"; with a model of {able}, first_frame: job_id continues that video" if able else ""
                yield f"{asked:g} s take {count} videos, each paid for{how}; join_videos makes one of them."


_CORRECT = "Correct these and call again."
_ASK = "If the user asked for what is refused, ask the user what to change; otherwise correct it and call again."
