"""requirements.lock satisfies pyproject.toml, and no file names the host of a package registry."""

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

from tests.architecture import PACKAGE, imported_packages

ROOT = Path(__file__).parent.parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
PINS = dict(re.findall(r"^([A-Za-z0-9._-]+)==([^ \\;]+)", LOCK, re.MULTILINE))
REQUIREMENTS = [
    Requirement(text)
    for text in (
        *PYPROJECT["project"]["dependencies"],
        *(t for extra in PYPROJECT["project"]["optional-dependencies"].values() for t in extra),
        *(t for group in PYPROJECT["dependency-groups"].values() for t in group),
    )
    if not text.startswith("seedance-mcp")
]


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
def test_the_pin_of_each_dependency_is_within_its_bounds(requirement: Requirement) -> None:
    assert requirement.specifier.contains(PINS[canonicalize_name(requirement.name)])


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
def test_each_dependency_has_a_lower_and_an_upper_bound(requirement: Requirement) -> None:
    assert {s.operator for s in requirement.specifier} == {">=", "<"}


def test_every_import_of_the_package_is_a_declared_dependency() -> None:
    # mcp_types is the one exception: it comes with mcp, at exactly its version.
    names = {canonicalize_name(r.name) for r in REQUIREMENTS if str(r) not in PYPROJECT["dependency-groups"]["dev"]}
    origins = {**packages_distributions(), "mcp_types": ["mcp"]}
    for path in PACKAGE.rglob("*.py"):
        for module in imported_packages(path, PACKAGE) - sys.stdlib_module_names - {"seedance_mcp"}:
            assert canonicalize_name(origins[module][0]) in names, f"{path.name} imports {module}"


def test_every_pin_is_hashed() -> None:
    entries = re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE)[1:]
    assert len(entries) == len(PINS) > len(REQUIREMENTS)
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


def test_no_file_names_a_package_registry() -> None:
    found: list[str] = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in SKIPPED]
        paths = [Path(folder, name) for name in names if name != "uv.lock"]
        found += [path.name for path in paths if HOSTS.search(path.read_text("utf-8", errors="ignore"))]
    assert found == []
