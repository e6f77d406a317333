"""What the system says about processes (Linux)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anyio

_EVERY = 0.02


def children(pid: int) -> set[int]:
    """Return the ids of the processes that a process has started, and that have not been waited for."""
    found = set[int]()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found |= set(map(int, task.read_text().split()))
        except OSError:  # a thread that has just ended
            continue
    return found


def ended(pid: int) -> bool:
    """Whether a process has ended, or waits to be waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is true; the caller sets the time limit."""
    while not condition():  # noqa: ASYNC110  (the system tells nobody)
        await anyio.sleep(_EVERY)
