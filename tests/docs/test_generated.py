"""Every generated file in the tree is up to date, and the entry for the MCP registry is valid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from scripts import generate, shelves
from seedance_mcp import version
from seedance_mcp.settings import every_setting
from tests.about import ABOUT

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("name", generate.GENERATED)
def test_a_generated_file_is_up_to_date(name: str) -> None:
    wanted = generate.GENERATED[name]()
    assert (ROOT / name).read_text("utf-8") == wanted, "run `uv run python scripts/generate.py write`"


def test_there_is_a_snapshot_for_each_vendor_and_one_for_all() -> None:
    names = {f"tools-{name}.json" for name in (*ABOUT, "all")}
    assert {path.name for path in (ROOT / "tests" / "snapshots").iterdir()} == names
    assert {Path(name).name for name in generate.GENERATED if name.startswith("tests/snapshots/")} == names


def entry() -> dict[str, Any]:
    return json.loads((ROOT / "server.json").read_text("utf-8"))


def test_the_registry_entry_is_valid() -> None:
    schema = json.loads((ROOT / "tests" / "schemas" / "server.schema.2025-12-11.json").read_text("utf-8"))
    assert entry()["$schema"] == schema["$id"]
    jsonschema.Draft7Validator(schema).validate(entry())  # pyright: ignore[reportUnknownMemberType]  (the library is typed in part)


def test_the_registry_entry_agrees_with_the_package() -> None:
    (package,) = entry()["packages"]
    assert entry()["version"] == package["version"] == version() == shelves.PROJECT["version"]
    assert [v["name"] for v in package["environmentVariables"]] == [s.name for s in every_setting()]
    assert {v["name"] for v in package["environmentVariables"] if v.get("isSecret")} == {
        s.name for s in every_setting() if s.secret
    }
    assert f"mcp-name: {entry()['name']}" in (ROOT / "README.md").read_text("utf-8")


def test_check_names_the_stale_files_and_write_updates_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"one.md": lambda: "1\n", "two/two.md": lambda: "2\n"}
    (tmp_path / "one.md").write_text("1\n", "utf-8")
    assert generate.main(["check"], tmp_path, files) == 1
    assert capsys.readouterr().out == "two/two.md is stale\nRun `uv run python scripts/generate.py write`.\n"
    assert generate.main(["write"], tmp_path, files) == 0
    assert (tmp_path / "two" / "two.md").read_text("utf-8") == "2\n"
    assert generate.main(["check"], tmp_path, files) == 0


def test_the_script_explains_its_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main([]) == 2
    assert capsys.readouterr().err == "usage: python scripts/generate.py write|check\n"
