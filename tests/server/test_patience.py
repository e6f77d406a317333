"""A client that gives up on calls gets its answers earlier."""

from __future__ import annotations

import math
from pathlib import Path

import anyio
import pytest
from mcp.shared.exceptions import MCPError

from seedance_mcp.sandbox import Sandbox
from seedance_mcp.server.patience import Patience
from tests.server.mcp_client import PRICED, connected

pytestmark = pytest.mark.anyio


class Clients:
    """Clients whose calls take as long as a test says."""

    def __init__(self) -> None:
        self._now = 0.0
        self._patience = Patience(lambda: self._now)

    def give_up(self, name: str, seconds: float) -> None:
        """Cancel a call after some seconds."""
        cancelled = anyio.get_cancelled_exc_class()
        with pytest.raises(cancelled):
            self.call(name, seconds, cancelled())

    def give_up_together(self, name: str, seconds: float) -> None:
        """Cancel two calls that run side by side."""
        cancelled = anyio.get_cancelled_exc_class()
        with pytest.raises(cancelled), self._patience.measured(name):
            self.call(name, seconds, cancelled())

    def call(self, name: str, seconds: float = 0.0, error: BaseException | None = None) -> float:
        """Let a call end after some seconds; return how long it was allowed to take."""
        with self._patience.measured(name) as allowed:
            self._now += seconds
            if error is not None:
                raise error
        return allowed


async def test_two_calls_given_up_after_the_same_time_show_a_limit() -> None:
    clients = Clients()
    clients.give_up("adk", 5.0)
    assert clients.call("other") == math.inf
    clients.give_up("adk", 5.1)
    assert clients.call("adk") == pytest.approx(5.1 * 0.8)
    assert clients.call("other") == math.inf


@pytest.mark.parametrize("between", ["an answer", "nothing"])
async def test_a_person_who_cancels_shows_none(between: str) -> None:
    clients = Clients()
    clients.give_up("code", 5.0)
    if between == "an answer":
        clients.call("code", 7.0)
        clients.give_up("code", 5.0)
    else:
        clients.give_up("code", 9.0)
    assert clients.call("code") == math.inf


async def test_calls_that_are_cancelled_together_show_none() -> None:
    clients = Clients()
    clients.give_up_together("code", 5.0)
    assert clients.call("code") == math.inf


async def test_a_client_with_a_short_limit_soon_gets_answers_within_it(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, sandbox=Sandbox()) as session:
        job = await session.create("a fox. sandbox: slow 3600", **PRICED)
        with anyio.fail_after(30):
            answer = None
            while answer is None:
                try:
                    answer = await session.client.call_tool(
                        "check_video", {"job_id": job["job_id"], "wait_seconds": 50}, read_timeout_seconds=0.5
                    )
                except MCPError:
                    continue
        again = await session.create("a hare. sandbox: slow 3600", **PRICED)
    assert answer.structured_content is not None
    assert answer.structured_content["state"] == "running"
    assert "wait_seconds 0 " in again["next_step"]
