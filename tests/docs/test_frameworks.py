"""The examples for frameworks run: those whose package is installed, all the way to a job in the sandbox."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.cli.command import environ

PAGE = (Path(__file__).parent.parent.parent / "docs" / "frameworks.md").read_text("utf-8")
EXAMPLES: dict[str, str] = dict(re.findall(r"^## (.*?)\n.*?```python\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE))
PACKAGES = {"LangChain": "langchain_mcp_adapters", "OpenAI Agents": "agents", "Pydantic AI": "pydantic_ai"}


def test_each_example_is_short_and_for_the_sandbox() -> None:
    assert list(EXAMPLES) == list(PACKAGES)
    for name, text in EXAMPLES.items():
        compile(text, name, "exec")
        assert len(text.splitlines()) <= 11
        assert '{"SEEDANCE_SANDBOX": "1"}' in text


@pytest.mark.anyio
@pytest.mark.parametrize("name", PACKAGES)
async def test_the_example_makes_a_job(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec(PACKAGES[name]) is None:
        pytest.skip(f"{PACKAGES[name]} is not installed")
    for variable, value in environ(tmp_path).items():
        monkeypatch.setenv(variable, value)
    names: dict[str, Any] = {}
    exec(EXAMPLES[name], names)  # noqa: S102  (our own page)
    with anyio.fail_after(40):
        assert "job_id" in await names["video"]("seedance-mcp")
