"""What counts as not given: clients and models fill in arguments that nobody asked for.

In strict function calling every argument has to be there, so a model fills what it has nothing to say about. Three
rules decide what that means, here and nowhere else:

1. null, an empty text, and an empty list or object are never meant: not given, for every tool.
2. 0 is not given where nothing can have the size 0: a duration, a limit, a number of frames or variants.
3. A call with an empty value or such a 0 is a filled-in one (null is not a sign of that: clients send it beside values
   that are meant). In it, a value that asks for nothing is not given either: `seed`, `max_cost` and `at` of 0,
   `web_search`, `watermark` and `public` off, `safety_filter` on.

In any other call those values are meant, and so is the other position of a switch always: `generate_audio` either way,
and `safety_filter` off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from seedance_mcp.server import clients

if TYPE_CHECKING:
    from collections.abc import Mapping

_NEVER_ZERO = {"duration", "limit", "frames", "n"}
_ASKS_FOR_NOTHING: Mapping[str, object] = {
    "seed": 0, "max_cost": 0, "at": 0, "web_search": False, "watermark": False, "public": False, "safety_filter": True,
}  # fmt: skip
_LARGEST_EXACT = 2**53


def tidy(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments as they are meant: without what is filled in, and 5 where a client writes 5.0."""
    named = {n: _plain(v) for n, v in arguments.items() if v is not None and n not in clients.ADDED_ARGUMENTS}
    given = {n: v for n, v in named.items() if not _is_empty(v) and not (n in _NEVER_ZERO and _is(v, 0))}
    if len(given) == len(named):
        return given
    return {n: v for n, v in given.items() if n not in _ASKS_FOR_NOTHING or not _is(v, _ASKS_FOR_NOTHING[n])}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        items = [item for item in cast("list[Any]", value) if item is not None and not _is_empty(item)]
        return items or []
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) <= _LARGEST_EXACT
    return int(value) if is_whole else value


def _is_empty(value: object) -> bool:
    return value in ([], {}) or (isinstance(value, str) and not value.strip())


def _is(value: object, nothing: object) -> bool:
    """Whether a value is this nothing; 0 is not false."""
    return value == nothing and isinstance(value, bool) is isinstance(nothing, bool)
