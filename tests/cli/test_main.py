"""The command line as a whole: help, version, wrong usage, and settings that cannot be used."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from seedance_mcp import version
from tests.cli.command import POSIX, environ, run

HEAVY = {"mcp", "mcp_types", "anyio", "httpx2", "pydantic", "rich", "starlette", "uvicorn", "av"}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["videos", "--help"], ["videos", "save", "--help"]])
def test_help_and_version_load_no_heavy_library(tmp_path: Path, arguments: list[str]) -> None:
    program = (
        "import sys\nfrom seedance_mcp.cli import main\n"
        f"try: main({arguments!r})\nexcept SystemExit as end: assert end.code in (0, None)\n"
        "print('LOADED', *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        encoding="utf-8",
        env=environ(tmp_path),
        timeout=30,
        check=True,
    )
    printed, _, loaded = done.stdout.partition("LOADED ")
    assert printed.strip()
    assert not set(loaded.split()) & HEAVY


def test_the_server_answers_its_client_before_it_loads_what_only_jobs_need(tmp_path: Path) -> None:
    program = (
        "import os, sys\nfrom unittest.mock import patch\nfrom seedance_mcp.cli import main\n"
        "loaded = lambda *_: os.write(1, ' '.join(sys.modules).encode())\n"
        "with patch('anyio.run', loaded): main(['serve'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        encoding="utf-8",
        env=environ(tmp_path, sandbox=False),
        timeout=30,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert "seedance_mcp.server.tools.create_video" in loaded
    assert not loaded & {"av", "PIL", "seedance_mcp.jobs.service", "seedance_mcp.web", "seedance_mcp.sandbox"}


def test_the_version_is_printed(tmp_path: Path) -> None:
    result = run(tmp_path, "--version")
    assert (result.code, result.out, result.err) == (0, f"seedance-mcp {version()}\n", "")


def test_help_names_every_command(tmp_path: Path) -> None:
    result = run(tmp_path, "--help")
    assert result.code == 0
    commands = "serve demo create check videos open models balance keys doctor config sandbox completion"
    for command in commands.split():
        assert re.search(rf"^    {command}\b", result.out, re.MULTILINE)


@pytest.mark.parametrize(
    "arguments",
    [
        *(["make-coffee"], ["--fast"], ["config"], ["config", "emacs"], ["videos", "resolve"], ["create"]),
        *(["videos", "--limit", "0"], ["videos", "--limit", "-3"], ["videos", "purge", "--days", "-1"]),
        *(["create", "x", "--max-cost", "-1"], ["demo", "--duration", "0"], ["sandbox", "--port", "99999"]),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_exit_code_2_and_the_usage(tmp_path: Path, arguments: list[str]) -> None:
    result = run(tmp_path, *arguments)
    assert result.code == 2
    assert result.out == ""
    assert "usage: " in result.err


@POSIX
def test_without_a_command_on_a_terminal_it_explains_itself_instead_of_hanging(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "seedance_mcp"],
            stdin=theirs,
            capture_output=True,
            encoding="utf-8",
            env=environ(tmp_path),
            timeout=30,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 0
    assert done.stdout == ""
    assert "seedance-mcp is an MCP server" in done.stderr
    for command in ("demo", "config CLIENT", "doctor", "--help"):
        assert f"seedance-mcp {command}" in done.stderr


@pytest.mark.parametrize("command", ["models", "videos", "demo", "create x", "check abcd", "balance"])
def test_every_command_names_the_settings_that_cannot_be_used(tmp_path: Path, command: str) -> None:
    result = run(tmp_path, *command.split(), SEEDANCE_MAX_COST="much", SEEDANCE_LOG="loud")
    assert result.code == 1
    assert "SEEDANCE_MAX_COST must be" in result.err
    assert "SEEDANCE_LOG must be" in result.err
    assert "Traceback" not in result.err
