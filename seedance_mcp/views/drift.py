"""Refusals that show that a vendor's rules are no longer those of our rows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from seedance_mcp.errors import Code

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seedance_mcp.catalog import Model

_MEDIA = ("first_frame", "last_frame", "reference_images", "reference_videos", "reference_audios")


def may_have_changed(state: str, error_code: str | None) -> bool:
    """Whether a vendor has refused, as invalid, a request that our rows allow."""
    return state == "rejected" and error_code == Code.INVALID_REQUEST


def explain(vendor: str, request: Mapping[str, Any]) -> str:
    """Say what such a refusal means: a file behind a URL is what our rows cannot check."""
    why = f"{vendor}'s rules seem to have changed"
    if any(request.get(field) for field in _MEDIA):
        why = f"either a file is unsuitable or {why}"
    return f"The request is within the rules that this program knows, so {why}."


def concerned(model: Model, request: Mapping[str, Any], message: str) -> dict[str, str]:
    """Return the fields that a vendor's message seems to be about, with what our rows allow; all, if it names none."""
    words = set(re.findall(r"[a-z0-9]+", message.casefold()))
    given = {name: row.allowed() for name, row in model.rows.items() if request.get(name) is not None}
    named = {name: allowed for name, allowed in given.items() if _is_named(name, request[name], words)}
    return named or {name: allowed for name, allowed in given.items() if name != "prompt"}


_ALSO = {"aspect_ratio": "ratio", "duration": "seconds", "generate_audio": "audio", "resolution": "size"}


def _is_named(name: str, value: object, words: set[str]) -> bool:
    parts = set(name.split("_"))
    return parts <= words or _ALSO.get(name) in words or (isinstance(value, str) and value.casefold() in words)
