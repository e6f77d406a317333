"""The arguments of create_video are parsed once, and invalid controls are left to `check`."""

from __future__ import annotations

from typing import Any

import pytest

from seedance_mcp.catalog.check import check
from seedance_mcp.catalog.order import Order
from tests.vendors.vendor_calls import model

MODEL = "ope/seedance-2-0"


def test_empty_arguments_are_an_order_without_controls() -> None:
    assert Order.parse({}) == Order(
        args={}, model=None, dry_run=False, max_cost=None, request_key=None, allow_duplicate=False
    )


def test_every_argument_is_parsed_once() -> None:
    fields = {"prompt": "A cat.", "duration": 5}
    controls = {"max_cost": 2.5, "request_key": "cat-1", "allow_duplicate": True, "dry_run": True}
    order = Order.parse({"model": MODEL, **fields, **controls})
    assert order == Order(
        args=fields | controls,
        model=MODEL,
        dry_run=True,
        max_cost=2_500_000,
        request_key="cat-1",
        allow_duplicate=True,
    )


def test_an_order_does_not_change_with_the_callers_arguments() -> None:
    args: dict[str, Any] = {"model": MODEL, "prompt": "A cat."}
    order = Order.parse(args)
    args["prompt"] = "A dog."
    assert order.args == {"prompt": "A cat."}
    assert args["model"] == MODEL


@pytest.mark.parametrize(
    ("usd", "micros"),
    [
        (0, 0),
        (1, 1_000_000),
        (0.1, 100_000),
        (0.0000004, 0),
        (0.0000006, 1),
        (2.4, 2_400_000),
        (10**9, 10**15),
        (10**9 + 1, 10**15),
        (1e300, 10**15),
        (10**400, 10**15),
    ],
)
def test_max_cost_becomes_bounded_micro_dollars(usd: float, micros: int) -> None:
    order = Order.parse({"max_cost": usd})
    assert order.max_cost == micros
    assert type(order.max_cost) is int


@pytest.mark.parametrize("value", [None, True, False, "2", -1, -0.01, float("nan"), float("inf"), [], {}])
def test_an_invalid_max_cost_counts_as_not_given(value: Any) -> None:
    assert Order.parse({"max_cost": value}).max_cost is None


@pytest.mark.parametrize("value", [None, True, 5, "", [], {}])
def test_an_invalid_request_key_counts_as_not_given(value: Any) -> None:
    assert Order.parse({"request_key": value}).request_key is None


@pytest.mark.parametrize("value", [None, 1, 0, "true", "yes", [], [True], {}])
@pytest.mark.parametrize("name", ["dry_run", "allow_duplicate"])
def test_an_invalid_switch_counts_as_off(name: str, value: Any) -> None:
    assert getattr(Order.parse({name: value}), name) is False


@pytest.mark.parametrize("name", ["dry_run", "allow_duplicate"])
def test_a_switch_may_be_given_as_off(name: str) -> None:
    assert getattr(Order.parse({name: False}), name) is False


@pytest.mark.parametrize("value", [MODEL, "no/such-model", "", None, 5, ["a"]])
def test_the_model_is_kept_as_given(value: Any) -> None:
    order = Order.parse({"model": value, "prompt": "A cat."})
    assert order.model == value
    assert "model" not in order.args


@pytest.mark.parametrize(
    ("name", "value"), [("max_cost", -1), ("max_cost", True), ("request_key", ""), ("dry_run", "on")]
)
def test_check_reports_the_invalid_controls_of_an_order(name: str, value: Any) -> None:
    order = Order.parse({"model": MODEL, "prompt": "A cat.", name: value})
    assert [problem.field for problem in check(model(MODEL), order.args).problems] == [name]
