"""What commands print reaches pipes that close early, narrow encodings and terminals of any width."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seedance_mcp.cli import output
from tests.cli.command import POSIX, environ, run

COMMANDS = (
    ["models"], ["models", "seedance-2-mini"], ["models", "--json"], ["videos"], ["videos", "--json"], ["keys"],
    ["doctor", "--offline"], ["create", "ein Fuchs – 狐狸", "--dry-run"], ["--help"],
)  # fmt: skip


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "gbk"])
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_every_encoding_can_carry_what_commands_print(tmp_path: Path, encoding: str, arguments: list[str]) -> None:
    result = run(tmp_path, *arguments, encoding=encoding)
    assert result.code == 0
    assert result.out + result.err
    if "--json" in arguments:
        assert json.loads(result.out)


def test_in_a_narrow_encoding_json_loses_nothing(tmp_path: Path) -> None:
    arguments = ("create", "ein Fuchs – 狐狸", "--dry-run", "--json")
    plain, narrow = (json.loads(run(tmp_path, *arguments, encoding=e).out) for e in ("utf-8", "cp1252"))
    assert plain == narrow
    assert "ein Fuchs – 狐狸" in json.dumps(plain["request"]["body"], ensure_ascii=False)


@POSIX
@pytest.mark.parametrize("arguments", [["models"], ["--help"]], ids=" ".join)
def test_a_reader_that_has_seen_enough_ends_a_command_without_a_traceback(tmp_path: Path, arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "seedance_mcp", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=writing,
            stderr=subprocess.PIPE,
            env=environ(tmp_path),
            timeout=60,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_lines_are_cut_by_the_columns_that_characters_take() -> None:
    assert list(output.table(("a", "b"), [("狐狸", "x" * 20)], 10)) == ["a     b", "狐狸  xxx…"]
    assert list(output.table(("a", "b"), [("狐狸", "x" * 20)], None))[1] == "狐狸  " + "x" * 20


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_each_shell_gets_its_completion(tmp_path: Path, shell: str) -> None:
    result = run(tmp_path, "completion", shell)
    assert result.code == 0
    assert "seedance-mcp" in result.out
    assert f"seedance-mcp completion {shell}" in result.err


@POSIX
def test_a_shell_that_asks_gets_the_commands_and_models(tmp_path: Path) -> None:
    def completions(line: str) -> set[str]:
        env = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_IFS": "\n"}
        file = tmp_path / "completions"
        subprocess.run(
            [sys.executable, "-m", "seedance_mcp"],
            env=environ(tmp_path) | env | {"_ARGCOMPLETE_STDOUT_FILENAME": str(file)},
            timeout=60,
            check=False,
        )
        return {word.strip() for word in file.read_text().split("\n")}

    assert {"create", "check", "completion", "config"} <= completions("seedance-mcp c")
    assert "ope/seedance-2-0" in completions("seedance-mcp create x --model ope/")
