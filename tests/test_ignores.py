"""Every rule that is switched off in the code has its reason beside it."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for folder in ("seedance_mcp", "tests", "scripts", "bench")
    for path in sorted((ROOT / folder).rglob("*.py"))
}


DIRECTIVE = re.compile(
    r"#\s*(?:(?:ruff:\s*)?noqa\b(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?"
    r"|(?:pyright|type):\s*ignore\b(?:\[[^]]*\])?"
    r"|pyright:[^(#]*)"
)
REASON = re.compile(r"\s+(?:\(.{4,}\)|# .{4,})")


def without_reason(text: str) -> Iterator[int]:
    """Yield the lines that switch a rule off without a reason.

    The reason is in parentheses or in a second comment behind the directive; that of a directive on a line of its own
    may be a comment on the line above.
    """
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT or not (found := DIRECTIVE.match(token.string)):
            continue
        number, column = token.start
        above = lines[number - 2].strip() if number > 1 and not lines[number - 1][:column].strip() else ""
        is_explained_above = above.startswith("# ") and not DIRECTIVE.match(above)
        if not is_explained_above and not REASON.fullmatch(token.string[found.end() :]):
            yield number


def test_every_ignore_has_a_reason() -> None:
    found = {name: list(without_reason(text)) for name, text in FILES.items()}
    assert {name: lines for name, lines in found.items() if lines} == {}


WITHOUT = (
    "import this  # noqa: PLC0415",
    "import this  # noqa",
    "import this  # noqa: PLC0415, F401  ()",
    "x = y()  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]",
    "x = y()  # pyright: ignore",
    "x = y()  # type: ignore[attr-defined]",
    "# ruff: noqa: PLR2004",
    "x = 1\n# pyright: reportUnknownMemberType=false",
    "# pyright: reportUnknownMemberType=false\n# ruff: noqa: PLR2004",
    "# This is about the next line.\nimport this  # noqa: PLC0415",
)
WITH = (
    "import this  # noqa: PLC0415  (slow)",
    "import this  # noqa: PLC0415, F401  # slow",
    "x = y()  # pyright: ignore[reportUnknownVariableType]  (any JSON)",
    "x = 1\n# The library has no types.\n# pyright: reportUnknownMemberType=false",
    "# The numbers are the specification's.\n# ruff: noqa: PLR2004",
    'x = "# noqa: PLC0415"',
    "x = 1  # the comment says noqa somewhere",
)


@pytest.mark.parametrize("text", WITHOUT)
def test_an_ignore_without_a_reason_is_found(text: str) -> None:
    assert list(without_reason(text)) != []


@pytest.mark.parametrize("text", WITH)
def test_an_ignore_with_a_reason_is_accepted(text: str) -> None:
    assert list(without_reason(text)) == []
