"""`seedance-mcp models`: every model, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from seedance_mcp.vendors import known_vendors
from tests.cli.command import run


def test_json_has_every_model_and_the_source_of_each_row(tmp_path: Path) -> None:
    result = run(tmp_path, "models", "--json", sandbox=False)
    assert result.code == 0
    models: list[dict[str, Any]] = json.loads(result.out)
    assert [m["id"] for m in models] == [m.id for v in known_vendors().values() for m in v.models]
    for model in models:
        assert not model["configured"]
        assert model["price_source"]
        assert model["takes"].keys() >= {"prompt", "duration", "resolution"}
        for row in (*model["takes"].values(), *model["rules"]):
            assert row["source"]
            assert isinstance(row["documented"], bool)


@pytest.mark.parametrize("columns", ["80", "200"])
def test_the_table_shows_every_model_with_its_whole_id(tmp_path: Path, columns: str) -> None:
    result = run(tmp_path, "models", sandbox=False, SEEDANCE_OPE_API_KEY="sk-test-123456", COLUMNS=columns)
    assert result.code == 0
    for model in (m for v in known_vendors().values() for m in v.models):
        (line,) = [line for line in result.out.splitlines() if line.startswith(f" {model.id} ")]
        assert (" yes " in line) is (model.vendor == "ope")


def test_one_model_is_shown_with_its_limits_and_their_sources(tmp_path: Path) -> None:
    result = run(tmp_path, "models", "seedanceapi/seedance-2-mini")
    assert result.code == 0
    assert "seedanceapi/seedance-2-mini" in result.out
    assert "4–15 s" in result.out
    assert "SEED" in result.out
    (only,) = json.loads(run(tmp_path, "models", "seedance-2-mini", "--json").out)
    assert only["id"] == "seedanceapi/seedance-2-mini"


def test_a_model_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    result = run(tmp_path, "models", "sora")
    assert result.code == 1
    assert result.err == "seedance-mcp: There is no model 'sora'. `seedance-mcp models` lists them.\n"
