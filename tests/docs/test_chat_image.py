"""The moving image of the README shows a chat as the sandbox really answers it, and says that it is the sandbox."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from scripts.chat_image import FILE, ORDER
from tests.server.mcp_client import connected

TEXT = FILE.read_text("utf-8")
WORDS = " ".join("".join(node.itertext()) for node in ET.fromstring(TEXT).iter("{http://www.w3.org/2000/svg}text"))  # noqa: S314  (our own file)


def test_the_image_is_small_and_runs_nothing() -> None:
    assert len(TEXT) < 400_000
    assert "<script" not in TEXT
    assert set(re.findall(r'https?://[^"]*', TEXT)) == {"http://www.w3.org/2000/svg"}
    assert "prefers-reduced-motion" in TEXT


def test_the_image_says_that_it_is_the_sandbox() -> None:
    assert "sandbox: a sample video" in WORDS
    assert "(sandbox)" in WORDS
    assert "nothing is paid" in WORDS


@pytest.mark.anyio
async def test_the_image_shows_what_the_sandbox_answers(tmp_path: Path) -> None:
    prompt = ORDER["prompt"]
    async with connected(tmp_path, "legacy") as session:
        created = await session.create(prompt, **{name: value for name, value in ORDER.items() if name != "prompt"})
        done = await session.finish(created["job_id"])
    assert f"{created['model']}, ${created['cost']['usd']:.2f}" in WORDS
    (job_id,) = re.findall(r"→ job (\w+),", WORDS)
    assert f'"job_id": "{job_id}"' in WORDS
    shown, name = (re.sub(r"\d{4}-\d\d-\d\d", "DAY", text) for text in (WORDS, Path(done["path"]).name))
    assert f"→ {done['state']}, {name.replace(created['job_id'][-4:], job_id[-4:])}" in shown
