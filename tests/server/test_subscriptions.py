"""A client that subscribes to a job is notified of its changes, in the way of its protocol revision."""

# The client deprecates subscribing, which clients of older revisions still do:
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


class Notifications:
    """The URIs that a client of an older revision was notified about."""

    def __init__(self) -> None:
        self.uris: list[str] = []
        self._arrived = anyio.Event()

    async def __call__(self, message: Any) -> None:
        if isinstance(message, types.ResourceUpdatedNotification):
            self.uris.append(str(message.params.uri))
            self._arrived.set()
            self._arrived = anyio.Event()

    async def wait_until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Check a condition now and after each notification, until it is true."""
        with anyio.fail_after(30):
            while not await condition():
                await self._arrived.wait()


async def is_saved(session: Session, job_id: str) -> bool:
    return "path" in (await session.call("check_video", job_id=job_id)).fields


# -- before 2026-07-28 --------------------------------------------------------------------------------------------


async def test_a_subscriber_is_notified_until_the_video_is_saved(tmp_path: Path) -> None:
    notifications = Notifications()
    async with connected(tmp_path, "legacy", client={"message_handler": notifications}) as session:
        job_id = (await session.create(**PRICED))["job_id"]
        other_id = (await session.create("another", **PRICED))["job_id"]
        uri = f"seedance://videos/{job_id}"
        await session.client.subscribe_resource(uri)
        await session.client.subscribe_resource(uri)
        await notifications.wait_until(lambda: is_saved(session, job_id))
        await session.finish(other_id)
    assert set(notifications.uris) == {uri}
    assert 1 <= len(notifications.uris) <= 4  # once for each step, in spite of the second subscription


async def test_a_client_that_unsubscribes_gets_no_more_notifications(tmp_path: Path) -> None:
    notifications = Notifications()
    async with connected(tmp_path, "legacy", client={"message_handler": notifications}) as session:
        job_id = (await session.create(**PRICED))["job_id"]
        await session.client.subscribe_resource(f"seedance://videos/{job_id}")
        await session.client.unsubscribe_resource(f"seedance://videos/{job_id}")
        before = len(notifications.uris)
        await session.finish(job_id)
    assert len(notifications.uris) == before


async def test_only_jobs_can_be_subscribed_to(tmp_path: Path) -> None:
    async with connected(tmp_path, "legacy") as session:
        job_id = (await session.create(**PRICED))["job_id"]
        for path in ("models", "videos/nosuchjob", f"videos/{job_id}/content"):
            with pytest.raises(MCPError, match="Only jobs change"):
                await session.client.subscribe_resource(f"seedance://{path}")


async def test_the_number_of_subscriptions_per_client_is_limited(tmp_path: Path) -> None:
    async with connected(tmp_path, "legacy", app={"most_subscriptions": 2}) as session:
        one, two, three = [
            f"seedance://videos/{(await session.create(name, **PRICED))['job_id']}" for name in ("a", "b", "c")
        ]
        await session.client.subscribe_resource(one)
        await session.client.subscribe_resource(two)
        with pytest.raises(MCPError, match=r"At most 2 subscriptions per client; unsubscribe from some first\."):
            await session.client.subscribe_resource(three)
        await session.client.unsubscribe_resource(one)
        await session.client.subscribe_resource(three)


async def test_the_handshake_offers_subscriptions(tmp_path: Path) -> None:
    async with connected(tmp_path, "legacy") as session:
        resources = session.client.server_capabilities.resources
    assert resources is not None
    assert resources.subscribe is True


# -- 2026-07-28 ---------------------------------------------------------------------------------------------------


async def test_a_listener_is_notified_until_the_video_is_saved(tmp_path: Path) -> None:
    uris: list[str] = []
    async with connected(tmp_path, "2026-07-28") as session:
        job_id = (await session.create(**PRICED))["job_id"]
        uri = f"seedance://videos/{job_id}"
        with anyio.fail_after(30):
            async with session.client.listen(resource_subscriptions=[uri]) as stream:
                async for event in stream:
                    uris.append(getattr(event, "uri", ""))
                    if await is_saved(session, job_id):
                        break
    assert set(uris) == {uri}


async def test_changes_of_lists_are_not_acknowledged_because_there_are_none(tmp_path: Path) -> None:
    async with connected(tmp_path, "2026-07-28") as session:
        job_id = (await session.create(**PRICED))["job_id"]
        uri = f"seedance://videos/{job_id}"
        with anyio.fail_after(30):
            async with session.client.listen(tools_list_changed=True, resource_subscriptions=[uri]) as stream:
                honoured = stream.honored
    assert honoured.tools_list_changed is None
    assert honoured.resource_subscriptions == [uri]
