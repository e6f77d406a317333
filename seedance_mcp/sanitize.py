"""Clean and repair text that others wrote, before it is stored, logged or shown."""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any, cast

MAX_LENGTH = 500
"""Characters of a vendor's text that are shown."""
LONGEST_LINK = 1000
"""Characters of a link that are shown: a longer one fills the context of a conversation, and terminals break it."""

_IGNORABLE = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
"""The default-ignorable characters (Unicode, DerivedCoreProperties) that `_HIDDEN` has not by their category."""
_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Control, format (bidirectional, zero-width, tags), unassigned, private, surrogates, separators of lines."""


def clean(text: str, longest: int = MAX_LENGTH) -> str:
    """Make a vendor's text safe to show: invisible characters become spaces, and at most `longest` characters remain.

    People do not see control, default-ignorable, private and unassigned characters, but models read them.
    """
    visible = _visible(text[: 20 * longest]).strip()
    return visible if len(visible) <= longest else visible[: longest - 1] + "…"


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    hidden = [unicodedata.category(c) in _HIDDEN or _IGNORABLE.match(c) is not None for c in text]
    # One space for each run of them.
    return "".join(
        (" " if not i or not hidden[i - 1] else "") if hidden[i] else character for i, character in enumerate(text)
    )


def repair_text(value: Any) -> Any:
    r"""Replace lone surrogates in every string of a JSON value with `?`.

    JSON can carry half of a surrogate pair (`"\ud83d"`), but databases and strict clients reject it.
    """
    return map_text(value, lambda text: text.encode("utf-8", "replace").decode())


def map_text(value: Any, change: Callable[[str], str]) -> Any:
    """Return a JSON value with every string in it changed, the names of fields included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(k): map_text(v, change) for k, v in cast("dict[str, Any]", value).items()}
    return [map_text(v, change) for v in cast("list[Any]", value)] if isinstance(value, list) else value


class Secrets:
    """API keys, and how to remove them from text that others wrote.

    A vendor that quotes the key it was sent must not bring it into answers, the journal or the terminal.
    """

    SHORTEST = 7
    """Characters of the shortest key that is removed: shorter ones occur by chance."""

    def __init__(self, values: Iterable[str]) -> None:
        values = sorted({v for v in values if len(v) >= self.SHORTEST}, key=len, reverse=True)
        coded = sorted({form for value in values for form in _base64_forms(value)}, key=len, reverse=True)
        forms = [*(form for value in values for form in _escaped(value)), *map(re.escape, coded)]
        self._pattern = re.compile("|".join(forms)) if forms else None

    def remove(self, text: str) -> str:
        """Return the text with every key in it, also percent- or base64-coded, replaced by `***`."""
        return self._pattern.sub("***", text) if self._pattern else text


def _escaped(value: str) -> list[str]:
    """Return patterns for a text of which any character may be percent-coded, once or more, or escaped as in JSON.

    There is one for each form of the first character: a search is quick only where each pattern begins with a literal.
    """
    first, *rest = ([re.escape(c), rf"%(?:25)*{_hex(c)}", rf"\\u00{_hex(c)}"] for c in value)
    behind = "".join(f"(?:{'|'.join(forms)})" for forms in rest)
    return [form + behind for form in first]


def _hex(c: str) -> str:
    return "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in f"{ord(c):02x}")


def _base64_forms(value: str) -> set[str]:
    """Return what the base64 of any text that contains the value contains, in both alphabets."""
    found: set[str] = set()
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + value.encode()).decode().rstrip("=")
        # Characters that also depend on what stands before and behind are left out.
        behind = -1 if (before + len(value.encode())) % 3 else None
        inner = coded[(0, 2, 3)[before] : behind]
        found |= {inner, inner.replace("+", "-").replace("/", "_")}
    return found
