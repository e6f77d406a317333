"""requirements.lock fits pyproject.toml, and nothing in the tree names a registry's host."""

from __future__ import annotations

import os
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import seedance_mcp
from tests.test_architecture import imported

ROOT = Path(__file__).parent.parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
PINS = dict(re.findall(r"^([A-Za-z0-9._-]+)==([^ \\;]+)", LOCK, re.MULTILINE))
ASKED = [
    Requirement(text)
    for text in (
        *PYPROJECT["project"]["dependencies"],
        *(t for extra in PYPROJECT["project"]["optional-dependencies"].values() for t in extra),
        *(t for group in PYPROJECT["dependency-groups"].values() for t in group),
    )
    if not text.startswith("seedance-mcp")
]


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_the_pin_of_each_dependency_is_within_its_bounds(asked: Requirement) -> None:
    assert asked.specifier.contains(PINS[canonicalize_name(asked.name)])


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_each_dependency_has_a_lower_and_an_upper_bound(asked: Requirement) -> None:
    assert {s.operator for s in asked.specifier} == {">=", "<"}


def test_what_the_package_imports_is_declared() -> None:
    """mcp_types is the one exception: it comes with mcp, at exactly its version."""
    names = {canonicalize_name(r.name) for r in ASKED if str(r) not in PYPROJECT["dependency-groups"]["dev"]}
    homes = {**packages_distributions(), "mcp_types": ["mcp"]}
    for path in Path(seedance_mcp.__file__).parent.rglob("*.py"):
        for module in imported(path) - sys.stdlib_module_names - {"seedance_mcp"}:
            assert canonicalize_name(homes[module][0]) in names, f"{path.name} imports {module}"


def test_every_pin_is_hashed() -> None:
    entries = re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE)[1:]
    assert len(entries) == len(PINS) > len(ASKED)
    assert all("--hash=sha256:" in entry for entry in entries)


HOSTS = re.compile(r"pypi\.org|pythonhosted\.org|registry\.npmjs|deb\.debian\.org")
SKIPPED = {
    "node_modules",
    ".git",
    ".venv",
    ".hypothesis",
    ".pytest_cache",
    ".ruff_cache",
    "__pycache__",
    "dist",
    "build",
}


def test_no_registry_is_named_anywhere() -> None:
    found: list[str] = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in SKIPPED]
        paths = [Path(folder, name) for name in names if name != "uv.lock"]
        found += [path.name for path in paths if HOSTS.search(path.read_text("utf-8", errors="ignore"))]
    assert found == []
