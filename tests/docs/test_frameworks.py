"""The programs in docs/frameworks.md make a video, where their packages are installed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from tests.clients.agents import run, snippets

PACKAGES = {"LangChain": "langchain_mcp_adapters", "OpenAI Agents": "agents.mcp", "Pydantic AI": "pydantic_ai"}


def test_every_program_is_run() -> None:
    assert snippets().keys() == PACKAGES.keys()
    for program in snippets().values():
        compile(program, "docs/frameworks.md", "exec")


@pytest.mark.parametrize("name", PACKAGES)
def test_a_program_makes_its_video(tmp_path: Path, name: str) -> None:
    package = PACKAGES[name]
    if importlib.util.find_spec(package.partition(".")[0]) is None:
        pytest.skip(f"{package} is not installed here; scripts/clients.py runs this with every package")
    done = run(tmp_path, [sys.executable, "-c", snippets()[name]], {})
    assert done.problem == ""
