"""An event loop whose clock jumps to the next timer: a test of hours takes milliseconds, and every pause is exact.

Its clock knows nothing of threads and sockets, so what runs in it uses neither (see `tests.jobs.services`).
"""

from __future__ import annotations

import asyncio
import selectors

EPOCH = 1_767_225_600.0
"""The wall clock when a loop starts: 2026-01-01, midnight UTC."""
_LONGEST_SILENCE = 10.0
_MOST_ROUNDS = 3_000


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that never waits."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_JumpingSelector(self))
        self._clock_resolution = 1e-6  # that of the real clock is less than a step of a large float

    def time(self) -> float:
        return self.now


class _JumpingSelector(selectors.DefaultSelector):
    """Moves the loop's clock instead of waiting for its next timer."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop
        self._rounds = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._rounds += 1
        if self._rounds > _MOST_ROUNDS:
            raise RuntimeError("the event loop spins: its clock does not move")
        found = super().select(0 if timeout is not None else _LONGEST_SILENCE)
        if timeout is None and not found:
            raise RuntimeError("every task waits for another")
        if timeout and not found:
            self._loop.now += timeout
            self._rounds = 0
        return found


VIRTUAL = ("asyncio", {"loop_factory": VirtualLoop})
"""What a test module returns from its fixture `anyio_backend`, to run in virtual time."""


def now() -> float:
    """Return the seconds since the test began."""
    return asyncio.get_running_loop().time()


def wall_clock() -> float:
    """Return the time in Unix seconds; it goes with the loop's clock."""
    return EPOCH + now()
