"""The day of the budget: one time zone for every server of a journal, and never an earlier day than before.

A clock that was days ahead is the exception: once it is right again, the date of now counts, and what was spent under
the wrong date counts for that one day too.

Pure but for `local_zone`, which reads this machine's settings.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

_AHEAD = timedelta(days=1)
"""By how much the day in the journal may be later than the clock says: the clock was set back over a midnight. A
later one is the mark of a clock that was wrong, and is not obeyed."""


def local_zone() -> str:
    """Return the name of this machine's time zone, such as Europe/Berlin, or its UTC offset, such as +02:00."""
    names = [os.environ.get("TZ", "").removeprefix(":")]
    with suppress(OSError):
        names.append(str(Path("/etc/localtime").readlink()).partition("zoneinfo/")[2])
    for name in filter(None, names):
        if _zone(name) is not None:
            return name
    return _offset(datetime.now(UTC).astimezone())


def _offset(moment: datetime) -> str:
    minutes = int((moment.utcoffset() or timedelta()).total_seconds() // 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _zone(name: str) -> tzinfo | None:
    try:
        if name[:1] in {"+", "-"}:
            hours, _, minutes = name[1:].partition(":")
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            return timezone(-offset if name[0] == "-" else offset)
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return None


@dataclass(frozen=True, slots=True)
class BudgetDay:
    """The day that spending counts for, as dates in ISO format."""

    day: str
    continued: str | None = None
    """The later day whose spending counts for this day too: it was written while the clock was days ahead."""


def budget_day(now: float, zone: str, latest: BudgetDay | None) -> BudgetDay:
    """Return the day that spending at `now` (Unix seconds) counts for: the date in `zone`, or a later `latest`.

    Setting the clock back over a midnight opens no second budget. Where `latest` is more than a day ahead, the clock
    was once wrong: the date of now counts, and continues that day.
    """
    today = datetime.fromtimestamp(now, _zone(zone) or UTC).date()
    if latest is None or latest.day < today.isoformat():
        return BudgetDay(today.isoformat())
    if date.fromisoformat(latest.day) - today > _AHEAD:
        return BudgetDay(today.isoformat(), latest.day)
    return latest
