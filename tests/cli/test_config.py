"""`seedance-mcp config`: what it prints for each client can be used as it is."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import run


def assert_starts_the_server(entry: dict[str, Any]) -> None:
    assert [entry["command"], *entry["args"]] == ["uvx", "seedance-mcp"]
    (name,) = entry["env"]
    assert re.fullmatch(r"SEEDANCE_\w+_API_KEY", name)


@pytest.mark.parametrize(
    ("client", "key"), [("claude-desktop", "mcpServers"), ("cursor", "mcpServers"), ("vscode", "servers")]
)
def test_the_configuration_is_json_after_the_name_of_its_file(tmp_path: Path, client: str, key: str) -> None:
    result = run(tmp_path, "config", client)
    assert result.code == 0
    file, _, text = result.out.partition("\n")
    assert file.startswith("// ")
    (entry,) = json.loads(text)[key].values()
    assert_starts_the_server(entry)


def test_the_configuration_for_codex_is_toml(tmp_path: Path) -> None:
    result = run(tmp_path, "config", "codex")
    (entry,) = tomllib.loads(result.out)["mcp_servers"].values()
    assert_starts_the_server(entry)


def test_claude_code_gets_a_command(tmp_path: Path) -> None:
    result = run(tmp_path, "config", "claude-code")
    assert re.fullmatch(r"claude mcp add seedance --env SEEDANCE_\w+_API_KEY=\S+ -- uvx seedance-mcp\n", result.out)
