"""The steps of CONTRIBUTING.md add the toy to a copy of this repository, and the tests that know vendors pass there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.generate import GENERATED

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
MODULE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0]
ANSWERS = re.findall(r"^`(\w+\.json)`\n\n```json\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)
FILES = re.findall(r"^`(\w+/[\w/]+\.\w+)`\n\n```\w+\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)
OUTSIDE = {"CHANGELOG.md", "seedance_mcp/vendors/__init__.py", "seedance_mcp/sandbox/fakes/__init__.py"}
"""The files that a vendor changes by hand besides its own."""
SUITES = (
    ("tests/vendors", "tests/test_architecture.py", "tests/test_vocabulary.py", "tests/test_settings.py"),
    ("tests/catalog", "tests/docs"),
    ("tests/sandbox", "tests/server/test_tokens.py", "tests/server/test_vendor_failures.py", "tests/server/tools"),
    ("tests/jobs/test_outcome.py", "tests/jobs/test_quote.py", "tests/jobs/test_same_call.py", "tests/uploads"),
)
"""The folders that know vendors."""


def run(tree: Path, *arguments: str, minutes: float) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, timeout=minutes * 60, check=False
    )


def insert(file: Path, before: str, line: str) -> None:
    text = file.read_text("utf-8")
    assert text.count(before) == 1
    file.write_text(text.replace(before, line + before), "utf-8")


def copied(tree: Path) -> None:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)


def written(tree: Path, name: str, text: str) -> None:
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    (tree / name).write_text(text, "utf-8")


def register(package: Path, name: str) -> None:
    """Add the toy to the registry of a package, as the last of ours."""
    file = package / "__init__.py"
    imports = re.search(r"^from \S+ import (.*twelveai)$", file.read_text("utf-8"), re.MULTILINE)
    assert imports
    text = file.read_text("utf-8").replace(imports[1], ", ".join(sorted([*imports[1].split(", "), "toy"])))
    start, end = text.index("OURS = ("), text.index("\n)", text.index("OURS = ("))
    file.write_text(f"{text[:end]}\n    toy.{name},{text[end:]}", "utf-8")
    assert start < end


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of this repository with the toy, added by the five steps of the page."""
    folder = tmp_path_factory.mktemp("tree")
    copied(folder)
    for name, text in FILES:
        written(folder, name, text)
    module = MODULE.replace("seedance_mcp.vendor_kit", "seedance_mcp.vendors.kit")
    written(folder, "seedance_mcp/vendors/toy.py", module)
    register(folder / "seedance_mcp" / "vendors", "VENDOR")
    register(folder / "seedance_mcp" / "sandbox" / "fakes", "FAKE")
    for name, text in ANSWERS:
        written(folder, f"tests/vendors/toy/{name}", text)
    insert(folder / "CHANGELOG.md", "\n## 0.1.0", "- Toy.\n")
    generated = run(folder, "scripts/generate.py", "write", minutes=5)
    assert generated.returncode == 0, generated.stdout + generated.stderr
    assert "tests/snapshots/tools-toy.json written" in generated.stdout
    return folder


def test_the_page_has_every_file_of_the_toy() -> None:
    assert {name for name, _ in FILES} == {
        "facts/toy.yaml",
        "tests/vendors/toy/about.yaml",
        "tests/vendors/golden/toy/first.json",
        "seedance_mcp/sandbox/fakes/toy.py",
    }


@pytest.mark.tree
@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite[0].removeprefix("tests/"))
def test_the_tests_that_know_vendors_pass_with_the_toy(tree: Path, suite: tuple[str, ...]) -> None:
    result = run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", *suite, minutes=20)
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]


@pytest.mark.tree
def test_no_other_file_is_changed_by_hand(tree: Path) -> None:
    changed = {
        path.relative_to(tree).as_posix()
        for path in tree.rglob("*")
        if path.is_file()
        and (ROOT / path.relative_to(tree)).is_file()
        and path.read_bytes() != (ROOT / path.relative_to(tree)).read_bytes()
        and "__pycache__" not in path.parts
    }
    assert changed - set(GENERATED) == OUTSIDE
