"""Clean and repair text that others wrote, before it is stored, logged or shown."""

from __future__ import annotations

import re
from typing import Any, cast

MAX_LENGTH = 500
"""Characters of a vendor's text that are shown."""

_INVISIBLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]+"
)
"""Control, bidirectional, zero-width and tag characters: people do not see them, but models read them."""


def clean(text: str) -> str:
    """Make a vendor's text safe to show: invisible characters become spaces, and at most 500 characters remain."""
    visible = _INVISIBLE.sub(" ", text).strip()
    return visible if len(visible) <= MAX_LENGTH else visible[: MAX_LENGTH - 1] + "…"


def repair_text(value: Any) -> Any:
    r"""Replace lone surrogates in every string of a JSON value with `?`.

    JSON can carry half of a surrogate pair (`"\ud83d"`), but databases and strict clients reject it.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {repair_text(k): repair_text(v) for k, v in cast("dict[str, Any]", value).items()}
    return [repair_text(v) for v in cast("list[Any]", value)] if isinstance(value, list) else value
