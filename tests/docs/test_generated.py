"""What is printed from code is in the tree as it was printed; the tool snapshots are part of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from docs import generate
from seedance_mcp import version
from seedance_mcp.settings import every_setting

ROOT = Path(__file__).parent.parent.parent
FILES = (
    "README.md",
    "docs/models.md",
    "docs/hostile-downloads.md",
    "server.json",
    *(f"tests/snapshots/tools-{name}.json" for name in ("ope", "seedanceapi", "jimmyai", "12ai", "aigptimage", "all")),
)


@pytest.fixture(scope="module")
def fresh() -> dict[str, str]:
    return generate.generated()


def test_every_generated_file_is_known_here(fresh: dict[str, str]) -> None:
    assert tuple(fresh) == FILES


@pytest.mark.parametrize("name", FILES)
def test_is_up_to_date(name: str, fresh: dict[str, str]) -> None:
    assert (ROOT / name).read_text("utf-8") == fresh[name], "run `uv run python docs/generate.py write`"


def test_no_snapshot_is_left_over() -> None:
    found = {f"tests/snapshots/{path.name}" for path in (ROOT / "tests" / "snapshots").iterdir()}
    assert found == {name for name in FILES if name.startswith("tests/snapshots/")}


def entry() -> dict[str, Any]:
    return json.loads((ROOT / "server.json").read_text("utf-8"))


def test_the_registry_entry_is_valid() -> None:
    schema = json.loads((ROOT / "tests" / "schemas" / "server.schema.2025-12-11.json").read_text("utf-8"))
    assert entry()["$schema"] == schema["$id"]
    jsonschema.Draft7Validator(schema).validate(entry())  # pyright: ignore[reportUnknownMemberType]


def test_the_registry_entry_tells_the_same_as_the_package() -> None:
    (package,) = entry()["packages"]
    assert entry()["version"] == package["version"] == version() == generate.PROJECT["version"]
    assert [v["name"] for v in package["environmentVariables"]] == [s.name for s in every_setting()]
    assert {v["name"] for v in package["environmentVariables"] if v.get("isSecret")} == {
        s.name for s in every_setting() if s.secret
    }
    assert f"mcp-name: {entry()['name']}" in (ROOT / "README.md").read_text("utf-8")


def test_check_says_what_is_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "generated", lambda: {"one.md": "1\n", "two/two.md": "2\n"})
    (tmp_path / "one.md").write_text("1\n", "utf-8")
    assert generate.main(["check"]) == 1
    assert "two/two.md is stale" in capsys.readouterr().out
    assert generate.main(["write"]) == 0
    assert (tmp_path / "two" / "two.md").read_text("utf-8") == "2\n"
    assert generate.main(["check"]) == 0
    assert generate.main([]) == 2
