"""Notifications within one process: who waits for a job is woken, and every subscriber gets its id."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from seedance_mcp.jobs.events import JobEvents
from tests.jobs.virtual_time import VIRTUAL, now

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> Any:
    return VIRTUAL


async def test_everybody_who_waits_for_a_job_is_woken_by_its_next_change_and_no_other_wait() -> None:
    events = JobEvents()
    woken: dict[str, float] = {}

    async def wait(name: str, job_id: str) -> None:
        await events.wait(job_id, 100)
        woken[name] = now()

    async with anyio.create_task_group() as group:
        for name, job_id in (("one", "a"), ("two", "a"), ("other", "b")):
            group.start_soon(wait, name, job_id)
        await anyio.sleep(3)
        events.notify("a")
    assert woken == {"one": 3, "two": 3, "other": 100}


async def test_a_change_before_the_wait_does_not_end_it() -> None:
    events = JobEvents()
    events.notify("a")
    await events.wait("a", 7)
    assert now() == 7
    await events.wait("a", 2)
    assert now() == 9


async def test_every_subscriber_gets_every_change_in_order() -> None:
    events = JobEvents()
    with events.subscribe() as one, events.subscribe() as two:
        for job_id in ("a", "b", "a"):
            events.notify(job_id)
        for stream in (one, two):
            assert [stream.receive_nowait() for _ in range(3)] == ["a", "b", "a"]
            with pytest.raises(anyio.WouldBlock):
                stream.receive_nowait()


async def test_a_subscriber_may_lag_behind_without_delaying_anybody() -> None:
    events = JobEvents()
    with events.subscribe() as slow:
        for number in range(5000):
            events.notify(str(number))
        assert slow.statistics().current_buffer_used == 5000


async def test_a_subscription_ends_with_its_block() -> None:
    events = JobEvents()
    with events.subscribe() as other:
        with events.subscribe() as stream:
            pass
        events.notify("a")
        assert other.receive_nowait() == "a"
        with pytest.raises(anyio.ClosedResourceError):
            stream.receive_nowait()
    events.notify("b")  # no subscriber is left
