"""docs/design.md is true: the names that other programs rely on, the names of code, and the dependencies."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from scripts.shelves import PROJECT
from scripts.tool_lists import tool_lists
from seedance_mcp.jobs.journal.model import STATES
from seedance_mcp.jobs.service import JobService

ROOT = Path(__file__).parent.parent.parent
DESIGN = (ROOT / "docs" / "design.md").read_text("utf-8")


def section(heading: str) -> str:
    return re.split(r"^## ", DESIGN.partition(f"## {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def names(label: str) -> list[str]:
    """Return the names in the list item that begins with a label."""
    item = section("Names that other programs rely on").partition(f"- {label}: ")[2]
    return re.findall(r"`(\w+)`", re.split(r"\n(?:- |\n)|\. (?:In every|Error)", item)[0])


@pytest.mark.parametrize("tool", ["create_video", "check_video", "list_videos"])
def test_every_promised_field_is_in_the_output_schema(tool: str) -> None:
    schemas: dict[str, Any] = {
        listed["name"]: listed["outputSchema"]["properties"]
        for listed in tool_lists()["all"]
        if "outputSchema" in listed
    }
    known = schemas[tool] | (schemas["check_video"] | {"created_at": {}, "prompt": {}} if tool == "list_videos" else {})
    assert len(names(f"`{tool}`")) >= 5
    assert [name for name in names(f"`{tool}`") if name not in known] == []


def test_every_state_is_promised() -> None:
    assert sorted(names("States")) == sorted(STATES)


def test_every_dependency_has_its_reason() -> None:
    declared = [
        *PROJECT["dependencies"],
        *(name for extra in PROJECT["optional-dependencies"].values() for name in extra),
    ]
    listed = re.findall(r"^\| `([\w-]+)`", section("Dependencies"), re.MULTILINE)
    assert sorted(listed) == sorted(re.split(r"[\[>=<]", name)[0] for name in declared)


def test_every_module_and_method_that_the_page_names_exists() -> None:
    paths = re.findall(r"`((?:\w+/)*\w+(?:\.py|/))`", DESIGN)
    assert len(paths) > 10
    assert [path for path in paths if not (ROOT / path).exists() and not (ROOT / "seedance_mcp" / path).exists()] == []
    assert [name for name in re.findall(r"JobService\.(\w+)", DESIGN) if not hasattr(JobService, name)] == []
