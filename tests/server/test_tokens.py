"""What our tools cost each conversation, counted in cl100k tokens."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from seedance_mcp.media.inspector import Inspector
from seedance_mcp.server.tools.registry import tools
from seedance_mcp.settings import load
from seedance_mcp.vendors import Vendor, known_vendors
from tests.server.mcp_client import connected, with_keys

ONE_VENDOR = 800
ALL_VENDORS = 1200
A_MODEL = 40

_CODEC: Any = importlib.import_module("rs_bpe.bpe").openai.cl100k_base()  # the module has no types
CONFIGURATIONS = (*((vendor,) for vendor in known_vendors().values()), tuple(known_vendors().values()))


def tokens(text: str) -> int:
    return len(_CODEC.encode(text))


def cost(vendors: tuple[Vendor, ...]) -> dict[str, int]:
    """Return what each tool costs where these vendors are configured: its name, description and input schema."""
    settings = load(with_keys(*(vendor.slug for vendor in vendors)))
    return {
        tool.name: tokens(tool.name + tool.description + json.dumps(tool.input_schema))
        for tool in tools(settings, Inspector()).values()
    }


@pytest.mark.parametrize("vendors", CONFIGURATIONS, ids=lambda vendors: "+".join(v.slug for v in vendors))
def test_the_tools_stay_within_their_budget(vendors: tuple[Vendor, ...]) -> None:
    spent = cost(vendors)
    assert sum(spent.values()) <= (ONE_VENDOR if len(vendors) == 1 else ALL_VENDORS), spent


@pytest.mark.anyio
@pytest.mark.parametrize("vendors", CONFIGURATIONS, ids=lambda vendors: "+".join(v.slug for v in vendors))
@pytest.mark.parametrize(
    "shape", [{}, {"duration": 5, "resolution": "720p"}, {"mode": "first_frame"}], ids=["all", "720p", "first_frame"]
)
async def test_a_listed_model_stays_within_its_budget(
    vendors: tuple[Vendor, ...], shape: dict[str, Any], tmp_path: Path
) -> None:
    settings = with_keys(*(vendor.slug for vendor in vendors))  # prices of a price list cost tokens as well
    async with connected(tmp_path, "2026-07-28", **settings) as session:
        listed = (await session.call("list_models", **shape)).fields
    as_json = json.dumps(listed, ensure_ascii=False, separators=(",", ":"))  # as clients encode it
    models = sum(names.count(", ") + 1 for names in listed["models"])  # models that do not differ share a line
    assert tokens(as_json) <= A_MODEL * models, as_json
