"""What rows and rules can say beyond what our resellers need: each kind with a model of its own."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from seedance_mcp.catalog import Billing, Model, Row, Rule, Schema, Source, Text
from seedance_mcp.catalog.check import check
from seedance_mcp.catalog.schema import exact_schema, merged_schema

PAGE = Source("PUB:docs", "models.toy")


def toy(*rules: Rule, **rows: Row) -> Model:
    return Model("toy", "short", "Short", {"prompt": Text(PAGE), **rows}, Billing(None, "USD", PAGE), PAGE, rules)


def accepts(schema: Schema, value: Any) -> bool:
    return Draft202012Validator(schema).is_valid(value)  # pyright: ignore[reportUnknownMemberType]  (jsonschema is partly typed)


COMMANDS = Text(PAGE, never=r"(?:^|\s)--(?:dur|rs)(?=\s|$)", instead="use duration and resolution")


@pytest.mark.parametrize("prompt", ["a cat --dur 12", "a cat --rs 1080p --dur 12", "--dur 12", "a cat\n--rs 4k"])
def test_a_prompt_may_not_contain_commands_that_change_what_is_paid(prompt: str) -> None:
    model = toy(prompt=COMMANDS)
    (problem,) = check(model, {"prompt": prompt}).problems
    command = "--dur" if "--rs" not in prompt else "--rs"
    assert problem.message == (
        f"must not contain {command!r}, which the vendor would take for a command; use duration and resolution"
    )
    assert not accepts(exact_schema(model), {"prompt": prompt})
    assert "not" not in merged_schema([model])["properties"]["prompt"]


@pytest.mark.parametrize("prompt", ["a cat -- dur", "a cat --during a storm", "the sign says --rsvp"])
def test_a_prompt_with_dashes_alone_is_legal(prompt: str) -> None:
    assert COMMANDS.problem(prompt) is None
    assert accepts(COMMANDS.schema(), prompt)
