"""What the conformance suite is not expected to pass with the product as it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.clients import conformance_fixtures
from tests.clients.conformance_tasks import TasksForTests
from tests.clients.conformance_tools import ToolsForTests
from tests.server.mcp_client import connected

MODERN = "2026-07-28"
LISTS = sorted(Path(__file__).parent.glob("conformance-*.yml"))
ENTRY = re.compile(r"^  - (\S+)  # (tool|prompt|resource|subscription|method) (\S+)$")


def entries(path: Path) -> list[tuple[str, str, str]]:
    """Return the checks of a list, each with the kind and the name of the fixture that it calls."""
    lines = path.read_text("utf-8").partition("server:\n")[2].splitlines()
    found = [ENTRY.match(line) for line in lines]
    assert None not in found, [line for line, match in zip(lines, found, strict=True) if match is None]
    return [(match[1], match[2], match[3]) for match in found if match is not None]


def test_there_is_a_list_for_each_run() -> None:
    assert [path.stem.removeprefix("conformance-") for path in LISTS] == ["2025-11-25", MODERN, "tasks"]


@pytest.mark.anyio
@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
async def test_each_listed_check_calls_a_fixture_that_only_the_build_for_the_suite_has(
    tmp_path: Path, path: Path
) -> None:
    fixtures = {
        "tool": {tool.name for tool in [*ToolsForTests(unused_bus).all(), *TasksForTests().tools()]},
        "prompt": {*conformance_fixtures.PROMPTS},
        "resource": {
            conformance_fixtures.TEXT,
            conformance_fixtures.BINARY,
            f"{conformance_fixtures.TEMPLATE}123/data",
        },
        "subscription": {"test://"},
        "method": {"logging/setLevel"},
    }
    async with connected(tmp_path, MODERN) as session:
        listed = await session.client.list_tools()
        prompts = await session.client.list_prompts()
        resources = await session.client.list_resources()
    product = {tool.name for tool in listed.tools} | {prompt.name for prompt in prompts.prompts}
    product |= {str(resource.uri) for resource in resources.resources}
    checks = entries(path)
    assert len({check for check, _, _ in checks}) == len(checks)
    assert [check for check, kind, name in checks if name not in fixtures[kind]] == []
    assert [check for check, _, name in checks if name in product] == []


def unused_bus() -> Any:
    raise AssertionError("no tool is called")
