"""Markdown for the pages of this tree, and the marked parts of those that are written by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent


def with_parts(name: str, parts: Mapping[str, str]) -> str:
    """Return a file of the tree with its marked parts replaced."""
    text = (ROOT / name).read_text("utf-8")
    for part, content in parts.items():
        marked = re.compile(rf"(<!-- generated: {part} -->\n).*?(<!-- end -->)", re.DOTALL)
        text, count = marked.subn(lambda found, content=content: f"{found[1]}\n{content}\n\n{found[2]}", text)
        if count != 1:
            raise SystemExit(f"{name} has {count} parts named {part}, and should have one.")
    return text


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def code(text: str) -> str:
    """Write Markdown for a name in code."""
    return f"`{text}`"


def as_json(value: object) -> str:
    """Write JSON in the style of this tree."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
