"""Clean and repair text that strangers wrote, before it is stored, logged or shown."""

from __future__ import annotations

import re
from typing import Any, cast

MAX_LENGTH = 500
"""Characters of a vendor's text that are shown."""

_INVISIBLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]+"
)
"""Control, bidirectional, zero-width and tag characters: what a reader would not see, and a model would read."""


def clean(text: str) -> str:
    """Make a vendor's text safe to show: invisible characters become spaces, and at most 500 characters remain."""
    visible = _INVISIBLE.sub(" ", text).strip()
    return visible if len(visible) <= MAX_LENGTH else visible[: MAX_LENGTH - 1] + "…"


def repair_text(value: Any) -> Any:
    """Replace lone surrogates in every text of a JSON value by `?`.

    JSON can carry half of a surrogate pair (`"\\ud83d"`); neither a database nor a strict client can.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {repair_text(k): repair_text(v) for k, v in cast("dict[str, Any]", value).items()}
    return [repair_text(v) for v in cast("list[Any]", value)] if isinstance(value, list) else value
