"""The answers to tools/list, which snapshots and pages print."""

from __future__ import annotations

import functools
import tempfile
from typing import Any

import anyio
from mcp.client import Client

from seedance_mcp.server.app import App
from seedance_mcp.settings import Settings, load, vendor_settings
from seedance_mcp.vendors import OURS, Vendor


@functools.cache
def tool_lists() -> dict[str, list[dict[str, Any]]]:
    """Return the answer to tools/list with each vendor alone, and with all of them."""
    environments = {vendor.slug: _configured(vendor) for vendor in OURS} | {"all": _configured(*OURS)}
    with tempfile.TemporaryDirectory() as folder:
        folders = {"SEEDANCE_STATE_DIR": folder, "SEEDANCE_OUTPUT_DIR": folder}
        return {name: anyio.run(_tools, load(env | folders)) for name, env in environments.items()}


def _configured(*vendors: Vendor) -> dict[str, str]:
    return {vendor_settings(vendor)[0].name: "key" for vendor in vendors}


async def _tools(settings: Settings) -> list[dict[str, Any]]:
    async with Client(App(settings).server) as client:
        listed = await client.list_tools()
    return [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed.tools]
