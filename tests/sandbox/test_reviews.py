"""How long a sandboxed vendor reviews an uploaded file."""

from __future__ import annotations

import pytest

from seedance_mcp.sandbox import Sandbox
from seedance_mcp.vendors import Call
from tests.sandbox.sandbox_client import URLS, ManualClock, SandboxClient, sandbox_client

pytestmark = pytest.mark.anyio

PERSON = "/api/open-api/v1/seedance/sp/realperson"


async def _submit(client: SandboxClient) -> str:
    response = await client.send(Call("POST", f"{PERSON}/submit", {"url": URLS["image"], "name": "fox.png"}))
    return response.json()["data"]["asset_id"]


async def _status(client: SandboxClient, asset_id: str) -> str:
    response = await client.send(Call("POST", f"{PERSON}/status", {"asset_id": asset_id}))
    return response.json()["data"]["status"]


@pytest.mark.parametrize(("review_seconds", "pace", "lasts"), [(1, 1, 1), (60, 1, 60), (60, 0.5, 30)])
async def test_a_review_takes_as_long_as_the_sandbox_sets(review_seconds: float, pace: float, lasts: float) -> None:
    clock = ManualClock()
    async with sandbox_client("jimmyai", Sandbox(pace, clock=clock, review_seconds=review_seconds)) as client:
        asset_id = await _submit(client)
        clock.now = lasts - 0.1
        assert await _status(client, asset_id) == "Processing"
        clock.now = lasts
        assert await _status(client, asset_id) == "Active"


async def test_a_review_ends_at_once_at_pace_0() -> None:
    async with sandbox_client("jimmyai", Sandbox(pace=0)) as client:
        assert await _status(client, await _submit(client)) == "Active"
