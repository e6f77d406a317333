"""`seedance-mcp config`: what it prints can be used as it is, and what it writes keeps all that was there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import anyio
import pytest
import yaml
from mcp import StdioServerParameters
from mcp.client import Client

from seedance_mcp.cli.clients import CLIENTS, PLACEHOLDER, PUBLISHED, Launch, document, snippet, updated
from seedance_mcp.cli.config import this_installation
from seedance_mcp.cli.parser import CLIENTS as CHOICES
from seedance_mcp.errors import SettingError
from tests.cli.command import POSIX, environ, run

JSON = [client for client in CLIENTS.values() if client.syntax == "json"]


def parsed(slug: str, text: str) -> dict[str, Any]:
    client = CLIENTS[slug]
    read = {"json": json.loads, "toml": tomllib.loads, "yaml": yaml.safe_load}[client.syntax]
    ((name, entry),) = read(text)[client.key].items()
    assert name == "seedance"
    return entry


def launched(slug: str, entry: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
    """Return the command that an entry runs, and its variables."""
    if slug == "opencode":
        return entry["command"], entry.get("environment", {})
    return [entry.get("command") or entry["cmd"], *entry["args"]], entry.get("env") or entry.get("envs") or {}


def test_the_parser_offers_the_clients_of_the_table() -> None:
    assert list(CLIENTS) == list(CHOICES)
    assert len(CLIENTS) == 13


@pytest.mark.parametrize("slug", [c for c in CLIENTS if c != "claude-code"])
def test_what_is_printed_is_strictly_what_the_client_parses(tmp_path: Path, slug: str) -> None:
    result = run(tmp_path, "config", slug, sandbox=False)
    assert result.code == 0
    command, env = launched(slug, parsed(slug, result.out))
    assert command == list(this_installation())
    value = "${input:seedance-seedanceapi-api-key}" if slug == "vscode" else PLACEHOLDER
    assert env == {"SEEDANCE_SEEDANCEAPI_API_KEY": value}
    assert "It belongs in " in result.err


@POSIX
def test_claude_code_gets_a_command(tmp_path: Path) -> None:
    result = run(tmp_path, "config", "claude-code", "--vendor", "ope", sandbox=False)
    words = shlex.split(result.out)
    assert words[:8] == [
        "claude",
        "mcp",
        "add",
        "seedance",
        "--scope",
        "user",
        "--env",
        "SEEDANCE_OPE_API_KEY=your-key",
    ]
    assert words[8:] == ["--", *this_installation()]


def test_vs_code_asks_for_the_key_itself_and_hides_it(tmp_path: Path) -> None:
    found = json.loads(run(tmp_path, "config", "vscode", "--vendor", "jimmyai", sandbox=False).out)
    assert found["inputs"] == [
        {
            "type": "promptString",
            "id": "seedance-jimmyai-api-key",
            "description": "SEEDANCE_JIMMYAI_API_KEY",
            "password": True,
        }
    ]
    assert found["servers"]["seedance"]["env"] == {"SEEDANCE_JIMMYAI_API_KEY": "${input:seedance-jimmyai-api-key}"}


def test_a_vendor_that_does_not_exist_is_refused_with_the_nearest(tmp_path: Path) -> None:
    result = run(tmp_path, "config", "cursor", "--vendor", "jimyai", sandbox=False)
    assert result.code == 1
    assert "Did you mean jimmyai?" in result.err


@pytest.mark.anyio
async def test_what_is_printed_starts_a_server_of_this_installation(tmp_path: Path) -> None:
    entry = parsed("claude-desktop", run(tmp_path, "config", "claude-desktop", "--sandbox", sandbox=False).out)
    assert entry["env"] == {"SEEDANCE_SANDBOX": "1"}
    env = environ(tmp_path, sandbox=False)
    env.pop("SEEDANCE_SANDBOX", None)
    server = StdioServerParameters(command=entry["command"], args=entry["args"], env=env | entry["env"], cwd="/")
    with anyio.fail_after(30):
        async with Client(server) as client:
            assert "create_video" in {tool.name for tool in (await client.list_tools()).tools}


# -- the command ----------------------------------------------------------------------------------------------------


def test_without_a_program_of_its_own_an_installation_runs_as_a_module(tmp_path: Path) -> None:
    assert this_installation(tmp_path, tmp_path) == (sys.executable, "-P", "-m", "seedance_mcp")


def test_an_installation_in_the_cache_of_uv_is_run_by_uvx(tmp_path: Path) -> None:
    cached = tmp_path / "archive-v0" / "x"
    command = this_installation(cached, cached / "bin")
    assert Path(command[0]).stem == "uvx"
    assert command[1] == "--from"
    assert command[2].startswith("seedance-mcp[media,upload,keyring] @ file://")  # this test runs from a checkout
    assert command[3] == "seedance-mcp"


# -- writing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", [c for c in CLIENTS if c not in {"claude-code", "vscode"}])
def test_write_creates_the_file_for_the_user_alone(tmp_path: Path, slug: str) -> None:
    result = run(tmp_path, "config", slug, "--sandbox", "--write", sandbox=False, HOME=str(tmp_path))
    assert result.code == 0, result.err
    path = CLIENTS[slug].path(tmp_path)
    assert result.out == f"{path} has the server now.\n"
    command, env = launched(slug, parsed(slug, path.read_text("utf-8")))
    assert command == list(this_installation())
    assert env == {"SEEDANCE_SANDBOX": "1"}
    assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("client", JSON, ids=lambda c: c.slug)
def test_write_keeps_what_the_file_has_and_a_copy_of_it(tmp_path: Path, client: Any) -> None:
    path = client.path(tmp_path)
    if not path.is_absolute():
        pytest.skip("its file is in the workspace")
    path.parent.mkdir(parents=True)
    before = json.dumps({"theme": "dark – 深", client.key: {"other": {"command": "x"}}}, ensure_ascii=False)
    path.write_text(before, "utf-8")
    path.chmod(0o640)
    result = run(tmp_path, "config", client.slug, "--write", sandbox=False, HOME=str(tmp_path))
    assert result.code == 0, result.err
    found = json.loads(path.read_text("utf-8"))
    assert found["theme"] == "dark – 深"
    assert list(found[client.key]) == ["other", "seedance"]
    assert PLACEHOLDER not in path.read_text("utf-8")
    assert "seedance-mcp keys set seedanceapi" in result.err
    (copy,) = path.parent.glob("*.bak")
    assert copy.read_text("utf-8") == before
    assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o640
    again = run(tmp_path, "config", client.slug, "--write", sandbox=False, HOME=str(tmp_path))
    assert "has the server already" in again.out
    assert list(path.parent.glob("*.bak")) == [copy]


def test_write_adds_a_table_to_the_file_of_codex(tmp_path: Path) -> None:
    path = CLIENTS["codex"].path(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text('# mine\nmodel = "x"\n\n[mcp_servers.other]\ncommand = "y"', "utf-8")
    assert run(tmp_path, "config", "codex", "--write", sandbox=False, HOME=str(tmp_path)).code == 0
    text = path.read_text("utf-8")
    assert text.startswith('# mine\nmodel = "x"\n')
    assert set(tomllib.loads(text)["mcp_servers"]) == {"other", "seedance"}
    again = run(tmp_path, "config", "codex", "--write", sandbox=False, HOME=str(tmp_path))
    assert again.code == 1
    assert "has an entry named seedance already" in again.err
    assert path.read_text("utf-8") == text


@pytest.mark.parametrize(
    ("slug", "text", "reason"),
    [
        ("zed", "// mine\n{}", "comments"),
        ("cursor", "[]", "not a JSON object"),
        ("cursor", '{"mcpServers": []}', "'mcpServers' is not an object"),
        ("goose", "extensions: {}\n", "does not rewrite YAML"),
        ("codex", "model = ", "cannot be added"),
    ],
)
def test_a_file_that_cannot_be_changed_safely_is_left_alone(tmp_path: Path, slug: str, text: str, reason: str) -> None:
    path = CLIENTS[slug].path(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text(text, "utf-8")
    result = run(tmp_path, "config", slug, "--sandbox", "--write", sandbox=False, HOME=str(tmp_path))
    assert result.code == 1
    assert reason in result.err
    assert "Add what is printed above to it yourself." in result.err
    assert launched(slug, parsed(slug, result.out))[1] == {"SEEDANCE_SANDBOX": "1"}
    assert path.read_text("utf-8") == text


def test_an_entry_keeps_its_variables_and_leaves_the_sandbox() -> None:
    env = {"SEEDANCE_SANDBOX": "1", "SEEDANCE_MAX_COST": "2", "SEEDANCE_OPE_API_KEY": "old"}
    old: dict[str, Any] = {"mcpServers": {"seedance": {"command": "x", "args": [], "env": env}}}
    new = document(CLIENTS["cursor"], Launch("y", (), {"SEEDANCE_OPE_API_KEY": "new"}), old)
    assert new["mcpServers"]["seedance"] == {
        "command": "y",
        "args": [],
        "env": {"SEEDANCE_MAX_COST": "2", "SEEDANCE_OPE_API_KEY": "new"},
    }
    assert old["mcpServers"]["seedance"]["command"] == "x"


def test_a_stored_key_is_not_repeated_in_the_client(tmp_path: Path) -> None:
    settings = tmp_path / "settings.env"
    settings.write_text("SEEDANCE_OPE_API_KEY=abc123\n", "utf-8")
    result = run(tmp_path, "config", "cursor", sandbox=False, SEEDANCE_SETTINGS_FILE=str(settings))
    entry = parsed("cursor", result.out)
    assert entry["env"] == {"SEEDANCE_SETTINGS_FILE": str(settings)}
    assert "The key for ope is stored" in result.err


@POSIX
def test_write_runs_the_command_of_claude_code(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    said = tmp_path / "said"
    (folder / "claude").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {said}\n', "utf-8")
    (folder / "claude").chmod(0o755)
    result = run(
        tmp_path, "config", "claude-code", "--sandbox", "--write", sandbox=False, PATH=f"{folder}:/usr/bin:/bin"
    )
    assert result.code == 0, result.err
    expected = ["mcp", "add", "seedance", "--scope", "user", "--env", "SEEDANCE_SANDBOX=1", "--", *this_installation()]
    assert said.read_text("utf-8").split() == expected
    none = run(tmp_path, "config", "claude-code", "--sandbox", "--write", sandbox=False, PATH=str(tmp_path))
    assert none.code == 1
    assert none.out.startswith("claude mcp add seedance ")
    assert "There is no command 'claude' on this PATH." in none.err


# -- what the documentation shows -----------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", CLIENTS)
def test_the_published_package_is_started_by_uvx(slug: str) -> None:
    text = snippet(CLIENTS[slug], PUBLISHED)
    if slug == "claude-code":
        assert re.fullmatch(r"claude mcp add seedance --scope user --env \w+=your-key -- uvx seedance-mcp", text)
    else:
        assert launched(slug, parsed(slug, text))[0] == ["uvx", "seedance-mcp"]


def test_odd_paths_are_written_so_that_they_are_read_again() -> None:
    launch = Launch('C:\\Üser "x"\\seedance-mcp.exe', ("a b",), {"SEEDANCE_SANDBOX": "1"})
    for slug in ("cursor", "codex", "goose"):
        assert launched(slug, parsed(slug, updated(CLIENTS[slug], launch, "")))[0] == [launch.command, "a b"]


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_every_file_is_below_the_home_folder_or_the_workspace(tmp_path: Path, platform: str) -> None:
    for client in CLIENTS.values():
        path = client.path(tmp_path, platform, {})
        assert path.is_relative_to(tmp_path) or path in {Path(".vscode/mcp.json"), Path()}
        assert "{" not in str(path)


def test_a_part_of_the_wrong_kind_is_named() -> None:
    with pytest.raises(SettingError, match="'inputs' is not a list"):
        document(CLIENTS["vscode"], PUBLISHED, {"inputs": {}})


def test_the_program_is_found_where_no_path_is_set() -> None:
    (program,) = this_installation()
    assert Path(program).is_absolute()
    done = subprocess.run([program, "--version"], env={}, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("seedance-mcp ")
