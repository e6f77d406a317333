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


@pytest.mark.parametrize("columns", [60, 80, 120, 200, None])
def test_each_model_has_one_line_at_any_width(tmp_path: Path, columns: int | None) -> None:
    result = run(tmp_path, "models", sandbox=False, columns=columns, SEEDANCE_OPE_API_KEY="sk-test-123456")
    assert result.code == 0
    lines = result.out.splitlines()
    models = sum(len(vendor.models) for vendor in known_vendors().values())
    assert len(lines) == models + (columns not in {60, 80})
    for model in (m for v in known_vendors().values() for m in v.models):
        (line,) = [line for line in lines if line[2:].startswith((f"{model.id} ", f"{model.id}: "))]
        assert line.startswith("* ") is (model.vendor == "ope")
    if columns is not None:
        assert max(map(len, lines)) <= columns
        assert "--wide shows the rates too" in result.err
    else:
        assert "…" not in result.out
        assert "48 credits/second (1 = $0.01)" in result.out
        assert result.err == ""


def test_a_wide_list_is_whole_on_a_terminal_too(tmp_path: Path) -> None:
    assert run(tmp_path, "models", "--wide", columns=60).out == run(tmp_path, "models").out


def test_one_model_is_shown_with_its_limits_and_their_sources(tmp_path: Path) -> None:
    result = run(tmp_path, "models", "seedanceapi/seedance-2-mini")
    assert result.code == 0
    assert "seedanceapi/seedance-2-mini" in result.out
    assert "4–15 s" in result.out
    assert "page, duration" in result.out
    assert "https://seedanceapi.org/zh/docs/v2" in result.out
    assert "SEED:" not in result.out
    narrow = run(tmp_path, "models", "seedanceapi/seedance-2-mini", columns=60).out
    assert max(map(len, narrow.splitlines()[:-1])) <= 60
    assert " ".join(narrow.split()).count("[page, duration]") == 1
    (only,) = json.loads(run(tmp_path, "models", "seedance-2-mini", "--json").out)
    assert only["id"] == "seedanceapi/seedance-2-mini"


def test_a_model_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    result = run(tmp_path, "models", "sora")
    assert result.code == 1
    assert result.err == "seedance-mcp: There is no model 'sora'. `seedance-mcp models` lists them.\n"
