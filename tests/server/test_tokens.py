"""What a conversation pays for our tools, counted as cl100k tokens."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client

from seedance_mcp.server.app import App
from seedance_mcp.server.tools.registry import tools
from seedance_mcp.settings import Settings, load, vendor_settings
from seedance_mcp.vendors import Vendor, known_vendors
from tests.uploads.sessions import served_jimmyai

ONE_VENDOR = 800
ALL_VENDORS = 1200
A_MODEL = 40

_CODEC: Any = importlib.import_module("rs_bpe.bpe").openai.cl100k_base()  # it has no types
CONFIGURATIONS = (*((vendor,) for vendor in known_vendors().values()), tuple(known_vendors().values()))


def tokens(text: str) -> int:
    return len(_CODEC.encode(text))


def with_keys(*vendors: Vendor, **more: str) -> Settings:
    return load({vendor_settings(vendor)[0].name: "key" for vendor in vendors} | more)


def cost(settings: Settings) -> dict[str, int]:
    """Return what each tool costs: its name, description and input schema."""
    return {
        tool.name: tokens(tool.name + tool.description + json.dumps(tool.input_schema))
        for tool in tools(settings).values()
    }


@pytest.mark.parametrize("vendors", CONFIGURATIONS, ids=lambda vendors: "+".join(v.slug for v in vendors))
def test_the_tools(vendors: tuple[Vendor, ...]) -> None:
    spent = cost(with_keys(*vendors))
    assert sum(spent.values()) <= (ONE_VENDOR if len(vendors) == 1 else ALL_VENDORS), spent


@pytest.mark.anyio
@pytest.mark.parametrize("vendors", CONFIGURATIONS, ids=lambda vendors: "+".join(v.slug for v in vendors))
@pytest.mark.parametrize(
    "shape", [{}, {"duration": 5, "resolution": "720p"}, {"mode": "first_frame"}], ids=["all", "720p", "first_frame"]
)
async def test_a_listed_model(vendors: tuple[Vendor, ...], shape: dict[str, Any], tmp_path: Path) -> None:
    async with served_jimmyai() as (_, environment):  # prices of a catalogue are paid for in tokens as well
        address = {"SEEDANCE_JIMMYAI_BASE_URL": environment["SEEDANCE_JIMMYAI_BASE_URL"]}
        settings = with_keys(*vendors, SEEDANCE_STATE_DIR=str(tmp_path), **address)
        async with Client(App(settings).server) as client:
            listed = (await client.call_tool("list_models", shape)).structured_content
    assert listed is not None
    written = json.dumps(listed, ensure_ascii=False, separators=(",", ":"))  # as clients do
    assert tokens(written) <= A_MODEL * len(listed["models"]), written
