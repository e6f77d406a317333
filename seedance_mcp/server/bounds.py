"""The bounds of one call: how much a client may send, and how much it gets back.

A model can write arguments without end, by mistake or because a text told it to; each answer stays in the conversation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from seedance_mcp.errors import InvalidRequest
from seedance_mcp.sanitize import map_text
from seedance_mcp.views import to_text

if TYPE_CHECKING:
    from seedance_mcp.views import Fields

MOST_BYTES = 256 * 1024
"""Bytes of all arguments of a call together."""
MOST_NAMES, MOST_ITEMS = 50, 100
"""Names in one object, and items in one list."""
LARGEST_ANSWER = 20_000
"""Bytes of an answer: of its text and its fields together, without images and pieces of videos."""
_CUTS = (4000, 2000, 1000, 500, 200, 100, 50)
"""Characters to which the texts of a too large answer are cut, one after the other, until it fits."""


def check_arguments(arguments: Mapping[str, Any], owner: str) -> None:
    """Return if the arguments of a call are small enough to be read; `owner` is the tool or the prompt.

    Raises:
        InvalidRequest: says which bound they exceed.
    """
    size, waiting = 0, [cast("Any", arguments)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            fields = cast("Mapping[str, Any]", value)
            if len(fields) > MOST_NAMES:
                raise _too_large(owner, f"have {len(fields)} names in one object; the limit is {MOST_NAMES}")
            waiting += [*fields.keys(), *fields.values()]
        elif isinstance(value, list):
            items = cast("list[Any]", value)
            if len(items) > MOST_ITEMS:
                raise _too_large(owner, f"have {len(items)} items in one list; the limit is {MOST_ITEMS}")
            waiting += items
        else:
            size += _size(value)
            if size > MOST_BYTES:
                raise _too_large(owner, f"have more than {MOST_BYTES // 1024} KB")


def _size(value: object) -> int:
    if isinstance(value, str):
        return len(value.encode("utf-8", "replace"))
    return value.bit_length() // 3 if isinstance(value, int) else 1


def _too_large(owner: str, problem: str) -> InvalidRequest:
    return InvalidRequest(
        f"{owner}: the arguments {problem}, so they were not read.", next_step="Send fewer and shorter values."
    )


def is_small(fields: Fields) -> bool:
    """Whether an answer with these fields, and their text, is small enough."""
    return len(json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace")) + len(
        json.dumps(to_text(fields), ensure_ascii=False).encode("utf-8", "replace")
    ) <= (LARGEST_ANSWER)


def fitted(fields: Fields) -> Fields:
    """Return the fields of an answer, with its longest texts cut where it would be too large."""
    if is_small(fields):
        return fields
    cut = fields
    for longest in _CUTS:
        cut = cast("Fields", map_text(fields, lambda text, most=longest: shortened(text, most)))
        if is_small(cut):
            break
    return cut


def shortened(text: str, most: int) -> str:
    """Return a text of at most `most` characters, and how many are left out."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most} more characters)"


def fitted_text(text: str) -> str:
    """Return a text without fields, such as a refusal, cut where it would be too large."""
    if len(text.encode("utf-8", "replace")) <= LARGEST_ANSWER - 200:
        return text
    return shortened(text, LARGEST_ANSWER // 5)
