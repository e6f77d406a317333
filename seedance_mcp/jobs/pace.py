"""How many polls a second one process sends to one vendor: more while the vendor bears them, half as many once not."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

AT_ONCE = 20
"""The most polls of one vendor that are under way: as many as there are connections."""
_LOWEST = 1.0


@dataclass(order=True, slots=True)
class _Waiting:
    later: bool
    number: int
    woken: anyio.Event = field(default_factory=anyio.Event, compare=False)


class Pace:
    """The turns of one vendor's polls. Polls that callers wait for take their turn before all others."""

    def __init__(self, first: float, most: float) -> None:
        """It begins with `first` polls a second; each second of polls that went well while others waited adds as many.

        Once the vendor asks for fewer polls, there are half as many, though at least one a second.
        """
        self._rate, self._growth, self._most = first, first, most
        self._next_turn = self._reduced_at = -1.0
        self._under_way = 0
        self._numbers = itertools.count()
        self._waiting: list[_Waiting] = []

    @asynccontextmanager
    async def turn(self, *, requested: bool) -> AsyncGenerator[float]:
        """Wait for a turn, which lasts as long as the block; `went_well` and `reduce` take its beginning."""
        await self._wait(_Waiting(not requested, next(self._numbers)))
        began = anyio.current_time()
        self._next_turn = began + 1 / self._rate
        self._under_way += 1
        self._wake()
        try:
            yield began
        finally:
            self._under_way -= 1
            self._wake()

    async def _wait(self, mine: _Waiting) -> None:
        heapq.heappush(self._waiting, mine)
        try:
            while True:
                if self._waiting[0] is not mine or self._under_way >= AT_ONCE:
                    mine.woken = anyio.Event()
                    await mine.woken.wait()
                elif (pause := self._next_turn - anyio.current_time()) > 0:
                    await anyio.sleep(pause)
                else:
                    break
        except BaseException:
            self._waiting.remove(mine)
            heapq.heapify(self._waiting)
            self._wake()
            raise
        heapq.heappop(self._waiting)

    def _wake(self) -> None:
        """Let the first in the queue find out whether it is its turn."""
        if self._waiting:
            self._waiting[0].woken.set()

    def went_well(self, began: float) -> None:
        """Grow, if the rate is what others wait for; a poll from before the last reduction says nothing."""
        if began > self._reduced_at and self._waiting and self._under_way < AT_ONCE:
            self._rate = min(self._most, self._rate + self._growth / self._rate)

    def reduce(self, began: float) -> None:
        """Halve the rate, once for all polls that were under way."""
        if began > self._reduced_at:
            self._rate = max(_LOWEST, self._rate / 2)
            self._reduced_at = anyio.current_time()
