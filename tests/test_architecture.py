"""The order of the house: what is there, what is pure, and how long a module may be."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import seedance_mcp
from seedance_mcp.vendors import known_vendors

ROOT = Path(seedance_mcp.__file__).parent
PURE = sorted([*(ROOT / "catalog").glob("*.py"), *(ROOT / "vendors").glob("*.py")])
EFFECTS = {"httpx", "httpx2", "anyio", "asyncio", "mcp", "time", "datetime", "socket", "os"}

MODELS = [
    "ope/seedance-2-0",
    "ope/seedance-2-0-fast",
    "ope/seedance-2-0-nsfw",
    "seedanceapi/seedance-2.0",
    "seedanceapi/seedance-2.0-fast",
    "seedanceapi/seedance-2-mini",
    "jimmyai/seedance2.0-sp",
    "jimmyai/seedance2.0-fast-sp",
    "jimmyai/seedance2.0-of-sp",
    "jimmyai/seedance2.0-of-fast-sp",
    "jimmyai/sd2_mx_720p",
    "jimmyai/sd2_mx_1080p",
    "jimmyai/sd2_mx_2k",
    "jimmyai/sd2_mx_4k",
    "jimmyai/sd2_mx_fast_720p",
    "jimmyai/sd2_mx_fast_1080p",
    "jimmyai/sd2_mx_video_720p",
    "jimmyai/sd2_mx_video_1080p",
    "jimmyai/sd2_mx_video_2k",
    "jimmyai/sd2_mx_video_4k",
    "jimmyai/sd2_mx_video_fast_720p",
    "jimmyai/sd2_mx_video_fast_1080p",
    "jimmyai/seedance2.0-mini",
    "jimmyai/seedance2.0-mini-sp",
    "jimmyai/seedance2.0-md",
    "jimmyai/seedance2.0-fast-md",
    "jimmyai/seedance2.0-fast-i2v",
    "jimmyai/seedance2.0-std",
    "12ai/seedance-2-official",
    "12ai/seedance-2-official2-fast",
    "aigptimage/seedance-2.0-reference-to-video",
    "aigptimage/seedance-2.0-text-to-video",
    "aigptimage/seedance-2.0-image-to-video",
]


def imported(path: Path) -> set[str]:
    """Return the top-level names of the modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("path", PURE, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_catalog_and_vendors_know_nothing_of_networks_clocks_and_protocols(path: Path) -> None:
    assert not imported(path) & EFFECTS


MOST_LINES = 320
LONGER = {
    "vendors/jimmyai.py": "22 models on six routes, and a vendor is one module",
}
"""Modules that may be longer, each with its reason; they have to need it."""


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_short_enough_to_be_read_in_one_go(path: Path) -> None:
    is_longer = len(path.read_text("utf-8").splitlines()) > MOST_LINES
    assert is_longer is (path.relative_to(ROOT).as_posix() in LONGER)


def test_there_are_33_models() -> None:
    assert len(MODELS) == 33
    assert [m.id for vendor in known_vendors().values() for m in vendor.models] == MODELS
