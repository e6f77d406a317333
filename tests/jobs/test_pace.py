"""Polls of one vendor take turns: as many as the vendor bears, and those first that a caller waits for."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from seedance_mcp.jobs.pace import AT_ONCE, Pace
from tests.jobs.virtual_time import VIRTUAL, now

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> Any:
    return VIRTUAL


class Vendor:
    """A vendor that answers at once, and bears so many polls a second."""

    def __init__(self, pace: Pace, bears: float = 1e9, latency: float = 0.0) -> None:
        self.pace, self.bears, self.latency = pace, bears, latency
        self.times: list[float] = []
        self.names: list[str] = []
        self.refusals = 0
        self.under_way = self.most_under_way = 0

    async def poll(self, name: str = "", *, requested: bool = False) -> None:
        async with self.pace.turn(requested=requested) as turn:
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            await anyio.sleep(self.latency)
            self.under_way -= 1
            self.times.append(now())
            self.names.append(name)
            if len([at for at in self.times[-500:] if at > now() - 1]) > self.bears:
                self.refusals += 1
                self.pace.reduce(turn)
            else:
                self.pace.went_well(turn)

    async def many(self, count: int) -> None:
        async with anyio.create_task_group() as group:
            for _ in range(count):
                group.start_soon(self.poll)

    def during(self, begin: float, end: float) -> int:
        return sum(begin <= at < end for at in self.times)


async def test_the_rate_grows_by_its_first_value_each_second_up_to_the_highest() -> None:
    vendor = Vendor(Pace(5, 20))
    await vendor.many(150)
    assert [vendor.during(second, second + 1) for second in range(3)] == [8, 12, 17]
    assert {vendor.during(second, second + 1) for second in range(5, 8)} <= {19, 20, 21}


async def test_the_rate_settles_below_what_the_vendor_bears() -> None:
    vendor = Vendor(Pace(5, 200), bears=30)
    await vendor.many(3000)
    assert 20 < len(vendor.times) / vendor.times[-1] <= 30
    assert vendor.refusals < 0.05 * len(vendor.times)


async def test_a_reduction_halves_the_rate_once_for_all_polls_that_were_under_way() -> None:
    pace = Pace(8, 8)
    async with pace.turn(requested=False) as first, pace.turn(requested=False) as second:
        await anyio.sleep(1)
        pace.reduce(first)
        pace.reduce(second)
    vendor = Vendor(pace)
    vendor.pace.went_well(first)
    await vendor.many(9)
    assert round(vendor.times[1] - vendor.times[0], 3) == 0.25


async def test_the_rate_never_falls_below_one_poll_a_second() -> None:
    vendor = Vendor(Pace(5, 200), bears=0)
    await vendor.many(12)
    assert [round(b - a, 3) for a, b in zip(vendor.times[-5:], vendor.times[-4:], strict=False)] == [1, 1, 1, 1]


async def test_polls_that_need_not_wait_do_not_raise_the_rate() -> None:
    vendor = Vendor(Pace(5, 200))
    for _ in range(100):
        await vendor.poll()
        await anyio.sleep(1)
    await vendor.many(2)
    assert round(vendor.times[-1] - vendor.times[-2], 3) == 0.2


async def test_a_poll_that_a_caller_waits_for_comes_before_those_of_the_schedule() -> None:
    vendor = Vendor(Pace(5, 5))
    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(vendor.poll, str(number))
        await anyio.sleep(0.5)
        await vendor.poll("requested", requested=True)
        assert round(now(), 3) == 0.6
    assert vendor.names == ["0", "1", "2", "requested", *map(str, range(3, 10))]


async def test_a_caller_who_gives_up_holds_up_no_other_poll() -> None:
    vendor = Vendor(Pace(5, 5))
    await vendor.poll()
    async with anyio.create_task_group() as group:
        group.start_soon(vendor.poll, "next")
        with anyio.move_on_after(0.1):
            await vendor.poll("given up", requested=True)
    assert vendor.names == ["", "next"]
    assert round(now(), 3) == 0.2


async def test_as_many_polls_are_under_way_as_there_are_connections() -> None:
    vendor = Vendor(Pace(100, 100), latency=1)
    await vendor.many(3 * AT_ONCE)
    assert vendor.most_under_way == AT_ONCE
    assert now() < 3.5
