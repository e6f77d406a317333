"""The tree of errors in errors.py, and what each error answers."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest

import seedance_mcp
from seedance_mcp import errors
from seedance_mcp.errors import NEXT_STEP, Code, SeedanceError, VendorRefused

NODE = re.compile(r"(?P<indent>(?:[│ ] {3})*)[├└]── (?P<name>\w+)")


def drawn() -> dict[str, str]:
    """Return the errors of the drawn tree, each with its parent."""
    parents: dict[str, str] = {}
    path = ["SeedanceError"]
    for found in filter(None, map(NODE.match, (errors.__doc__ or "").splitlines())):
        path = path[: len(found["indent"]) // 4 + 1]
        parents[found["name"]] = path[-1]
        path.append(found["name"])
    return parents


def subclasses(base: type[SeedanceError]) -> dict[str, str]:
    """Return every error below a class, each with its parent; without those that are private to their modules."""
    found: dict[str, str] = {}
    for child in base.__subclasses__():
        if child.__module__.split(".")[0] == seedance_mcp.__name__ and not child.__name__.startswith("_"):
            found |= {child.__name__: base.__name__} | subclasses(child)
    return found


def test_the_tree_names_every_error_of_the_package_below_its_parent_and_nothing_else() -> None:
    for module in pkgutil.walk_packages(seedance_mcp.__path__, "seedance_mcp."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    assert drawn() == subclasses(SeedanceError)


def test_every_code_has_a_next_step_that_is_a_sentence() -> None:
    assert NEXT_STEP.keys() == set(Code)
    assert [code for code, step in NEXT_STEP.items() if not step.endswith(".")] == []


def test_every_error_with_one_cause_has_its_code() -> None:
    with_code = {name for name in drawn() if hasattr(getattr(errors, name), "code")}
    assert drawn().keys() - with_code == {"Refused", "VendorRefused"}


@pytest.mark.parametrize(("given", "expected"), [(None, NEXT_STEP[Code.BUSY]), ("Wait.", "Wait."), ("", "")])
def test_an_error_answers_its_code_its_sentence_and_its_next_step(given: str | None, expected: str) -> None:
    error = VendorRefused("The vendor is busy.", code=Code.BUSY, next_step=given)
    assert str(error) == f"busy: The vendor is busy. {expected}".strip()
