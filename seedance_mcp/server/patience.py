"""How long clients wait for an answer. None of them says so; those that give up show it.

Many frameworks give a call 5 or 10 s unless they are told otherwise, and cancel it then. A client that has cancelled
two calls, one after the other, after the same time has such a limit, and gets its answers earlier. A person who cancels
something does so at no particular time, and cancels calls that run side by side together.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

import anyio

_SAME = 0.25
"""Seconds between which two limits count as the same."""
_EARLIER = 0.8
"""The part of its limit after which a client gets its answer."""


class Patience:
    """The limits of clients, by the names that they give themselves."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[str, tuple[float, float]] = {}
        """When the last call that was cancelled ended, and the seconds that it had taken."""
        self._known: dict[str, float] = {}

    @contextmanager
    def measured(self, client: str) -> Generator[float]:
        """Yield the seconds that one call of a client may take, and remember it if the client cancels the call."""
        begun = self._clock()
        try:
            yield self._known.get(client, math.inf)
        except anyio.get_cancelled_exc_class():
            ended = self._clock()
            seconds = ended - begun
            ended_before, seconds_before = self._last.get(client, (math.inf, math.inf))
            if begun >= ended_before and abs(seconds_before - seconds) < _SAME:
                self._known[client] = seconds * _EARLIER
            self._last[client] = ended, seconds
            raise
        self._last.pop(client, None)
