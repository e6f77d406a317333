"""A client that asked for it hears when a job has moved on, in the way of its protocol."""

# Subscribing is of the older protocols, and the client says so.
# pyright: reportDeprecated=false

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError

from tests.server.mcp_client import PRICED, Session, connected

pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore:resources/(un)?subscribe is removed")]


class Ear:
    """What a client of the older protocols hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._more = anyio.Event()

    async def __call__(self, message: Any) -> None:
        if isinstance(message, types.ResourceUpdatedNotification):
            self.heard.append(str(message.params.uri))
            self._more.set()
            self._more = anyio.Event()

    async def until(self, true: Callable[[], Awaitable[bool]]) -> None:
        with anyio.fail_after(30):
            while not await true():
                await self._more.wait()


async def _is_saved(session: Session, job_id: str) -> bool:
    return "path" in (await session.call("check_video", job_id=job_id)).fields


async def test_a_subscriber_hears_until_the_film_is_saved(tmp_path: Path) -> None:
    ear = Ear()
    async with connected(tmp_path, "legacy", client={"message_handler": ear}) as session:
        job_id = (await session.create(**PRICED))["job_id"]
        other = (await session.create("another", **PRICED))["job_id"]
        uri = f"seedance://videos/{job_id}"
        await session.client.subscribe_resource(uri)
        await session.client.subscribe_resource(uri)
        await ear.until(lambda: _is_saved(session, job_id))
        await session.finish(other)
    assert set(ear.heard) == {uri}
    assert 1 <= len(ear.heard) <= 4  # once for each step, though it was subscribed to twice


async def test_who_has_unsubscribed_hears_nothing_more(tmp_path: Path) -> None:
    ear = Ear()
    async with connected(tmp_path, "legacy", client={"message_handler": ear}) as session:
        job_id = (await session.create(**PRICED))["job_id"]
        await session.client.subscribe_resource(f"seedance://videos/{job_id}")
        await session.client.unsubscribe_resource(f"seedance://videos/{job_id}")
        before = len(ear.heard)
        await session.finish(job_id)
    assert len(ear.heard) == before


async def test_what_never_changes_cannot_be_subscribed_to(tmp_path: Path) -> None:
    async with connected(tmp_path, "legacy") as session:
        job_id = (await session.create(**PRICED))["job_id"]
        for uri in ("models", "videos/nobody", f"videos/{job_id}/content"):
            with pytest.raises(MCPError, match="Only jobs change"):
                await session.client.subscribe_resource(f"seedance://{uri}")


async def test_one_client_cannot_subscribe_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seedance_mcp.server.subscriptions.MOST", 2)
    async with connected(tmp_path, "legacy") as session:
        one, two, three = [(await session.create(name, **PRICED))["job_id"] for name in ("a", "b", "c")]
        await session.client.subscribe_resource(f"seedance://videos/{one}")
        await session.client.subscribe_resource(f"seedance://videos/{two}")
        with pytest.raises(MCPError, match="2 subscriptions are the most"):
            await session.client.subscribe_resource(f"seedance://videos/{three}")


async def test_a_listener_hears_until_the_film_is_saved(tmp_path: Path) -> None:
    heard: list[str] = []
    async with connected(tmp_path, "2026-07-28") as session:
        job_id = (await session.create(**PRICED))["job_id"]
        uri = f"seedance://videos/{job_id}"
        with anyio.fail_after(30):
            async with session.client.listen(resource_subscriptions=[uri]) as stream:
                async for event in stream:
                    heard.append(getattr(event, "uri", ""))
                    if await _is_saved(session, job_id):
                        break
    assert set(heard) == {uri}


async def test_the_handshake_says_that_jobs_can_be_subscribed_to(tmp_path: Path) -> None:
    async with connected(tmp_path, "legacy") as session:
        resources = session.client.server_capabilities.resources
    assert resources is not None
    assert resources.subscribe is True
