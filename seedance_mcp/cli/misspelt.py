"""Names in the environment, or in the settings file, that look like settings and are none."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from seedance_mcp.environment import every_setting

_PREFIX = "SEEDANCE_"


def misspelt(given: Mapping[str, str], where: str) -> Iterator[str]:
    """Yield a sentence for each name that looks like a setting and is not one."""
    known = {setting.name for setting in every_setting()}
    for name in sorted(given.keys() - known):
        if name.upper() in known:
            yield f"{name} in {where} has no effect: setting names are in capital letters ({name.upper()})."
            continue
        ours = name.upper().startswith(_PREFIX)
        close = [_PREFIX + rest for rest in _close(name.upper().removeprefix(_PREFIX), known)] if ours else []
        close = close or ([] if ours else difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.85))
        if not ours and f"{_PREFIX}{name}" in known and name.endswith(("_API_KEY", "_API_KEY_FILE")):
            close = [f"{_PREFIX}{name}"]
        if close:
            yield f"{name} in {where} is not a setting, so it has no effect. Did you mean {close[0]}?"
        elif ours:
            yield f"{name} in {where} is not a setting, so it has no effect. The README lists all settings."


def _close(name: str, known: set[str]) -> list[str]:
    """Return the rest of the setting's name that is closest, if one is close; the common prefix does not count."""
    return difflib.get_close_matches(name, [other.removeprefix(_PREFIX) for other in known], n=1, cutoff=0.6)
