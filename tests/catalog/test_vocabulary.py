"""What rows and rules can say beyond what our resellers need: each kind with a model of its own."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from seedance_mcp.catalog import (
    Billing,
    Flag,
    Link,
    Media,
    Model,
    Needs,
    NotTogether,
    OneOf,
    Options,
    Row,
    Rule,
    Schema,
    Source,
    Text,
    Whole,
)
from seedance_mcp.catalog.check import check
from seedance_mcp.catalog.delivered import differences
from seedance_mcp.catalog.price import UnitPrice, parse_prices, price
from seedance_mcp.catalog.request import VideoRequest
from seedance_mcp.catalog.schema import exact_schema, merged_schema
from seedance_mcp.catalog.tokens import counted_in_tokens

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


# -- a number that the vendor chooses -----------------------------------------------------------------------------

AUTOMATIC = Whole(4, 15, PAGE, default=5, unit="s", automatic=-1)
PER_SECOND = Billing("second", "USD", PAGE, {"": Decimal("0.1")})


def test_the_vendors_own_choice_is_legal_and_never_suggested() -> None:
    assert [AUTOMATIC.problem(v) is None for v in (-1, -1.0, 4, 15, -2, 0, 3, 16)] == [*[True] * 4, *[False] * 4]
    assert [accepts(AUTOMATIC.schema(), v) for v in (-1, -1.0, 4, 15, -2, 0, 3, 16)] == [*[True] * 4, *[False] * 4]
    assert [AUTOMATIC.nearest(v) for v in (-2, 0, 3, 99)] == [4, 4, 4, 15]
    assert AUTOMATIC.allowed() == "4–15 s, or -1 (the vendor chooses)"


def test_the_vendors_own_choice_is_priced_at_the_longest_and_not_compared_on_delivery() -> None:
    request = check(replace(toy(duration=AUTOMATIC), billing=PER_SECOND), {"prompt": "x", "duration": -1}).request
    assert request
    assert price(request, {}).amount == Decimal("1.5")
    found = {"width": 1280, "height": 720, "seconds": 7.3, "audio": True}
    assert differences(request.fields(), found) == []


@pytest.mark.parametrize(
    "models", [[toy(duration=AUTOMATIC)], [toy(duration=Whole(1, 3, PAGE)), toy(duration=AUTOMATIC)]]
)
def test_the_tool_accepts_the_vendors_own_choice(models: list[Model]) -> None:
    schema = merged_schema(models)
    assert accepts(schema, {"prompt": "x", "duration": -1})
    assert "-1 automatic" in schema["properties"]["duration"]["description"]
    assert "anyOf" not in schema["properties"]["duration"]


# -- a vendor's own fields ----------------------------------------------------------------------------------------

OPTIONS = Options({"tier": OneOf(("default", "flex"), PAGE), "priority": Whole(0, 9, PAGE), "draft": Flag(PAGE)}, PAGE)


@pytest.mark.parametrize(
    ("value", "problem", "nearest"),
    [
        ({"tier": "flex"}, None, {"tier": "flex"}),
        ({"tier": "FLEX", "priority": 3}, "tier 'FLEX' must be one of default, flex", {"tier": "flex", "priority": 3}),
        ({"priority": 12}, "priority 12 must be 0–9", {"priority": 9}),
        ({"teir": "flex"}, "teir is not an option; did you mean tier?", None),
        ({"x": 1}, "x is not an option (they are tier, priority, draft)", None),
        ({"draft": "maybe"}, "draft 'maybe' must be true or false", None),
        ("flex", "must be an object with tier, priority, draft", None),
        (["tier"], "must be an object with tier, priority, draft", None),
    ],
)
def test_options_are_checked_one_by_one(value: Any, problem: str | None, nearest: Any) -> None:
    assert OPTIONS.problem(value) == problem
    assert OPTIONS.nearest(value) == nearest
    assert accepts(OPTIONS.schema(), value) is (problem is None)


def test_options_reach_the_request_and_cost_the_tool_one_property() -> None:
    model = toy(options=OPTIONS)
    request = check(model, {"prompt": "x", "options": {"tier": "flex"}}).request
    assert request
    assert (request.options, request.fields()["options"]) == ({"tier": "flex"}, {"tier": "flex"})
    assert merged_schema([model])["properties"]["options"] == {"type": "object"}
    without = check(model, {"prompt": "x"}).request
    assert without
    assert "options" not in without.fields()


def test_the_options_of_several_models_are_merged() -> None:
    other = Options({"priority": Whole(5, 20, PAGE), "seedless": Flag(PAGE)}, PAGE)
    merged = OPTIONS.merged(other)
    assert list(merged.rows) == ["tier", "priority", "draft", "seedless"]
    assert merged.problem({"priority": 15, "tier": "flex", "seedless": True}) is None


# -- rules about values -------------------------------------------------------------------------------------------

LINK = Link(("https",), PAGE)
RATIO = OneOf(("16:9", "adaptive"), PAGE, "16:9")
IMAGE = "https://example.com/a.png"
ADAPTIVE_NEEDS = Needs("aspect_ratio", ("first_frame",), PAGE, values=("adaptive",))
NOT_WIDE = NotTogether(("aspect_ratio",), ("first_frame",), PAGE, values=("16:9",))
DRAFT_ALONE = NotTogether(("options.draft",), ("first_frame",), PAGE)
TIER_NEEDS = Needs("options.tier", ("first_frame",), PAGE, values=("flex",))


@pytest.mark.parametrize(
    ("rule", "args", "broken"),
    [
        (ADAPTIVE_NEEDS, {"aspect_ratio": "16:9"}, None),
        (ADAPTIVE_NEEDS, {"aspect_ratio": "adaptive", "first_frame": IMAGE}, None),
        (
            ADAPTIVE_NEEDS,
            {"aspect_ratio": "adaptive"},
            "aspect_ratio 'adaptive' also needs first_frame; add it or use another value",
        ),
        (NOT_WIDE, {"aspect_ratio": "adaptive", "first_frame": IMAGE}, None),
        (
            NOT_WIDE,
            {"aspect_ratio": "16:9", "first_frame": IMAGE},
            "aspect_ratio '16:9' cannot be combined with first_frame; use another value",
        ),
        (DRAFT_ALONE, {"options": {"draft": False}, "first_frame": IMAGE}, None),
        (
            DRAFT_ALONE,
            {"options": {"draft": True}, "first_frame": IMAGE},
            "options.draft cannot be combined with first_frame; leave out either options.draft or first_frame",
        ),
        (TIER_NEEDS, {"options": {"tier": "default"}}, None),
        (
            TIER_NEEDS,
            {"options": {"tier": "flex"}},
            "options.tier 'flex' also needs first_frame; add it or use another value",
        ),
    ],
)
def test_a_rule_can_be_about_some_values_and_about_options(
    rule: Rule, args: dict[str, Any], broken: str | None
) -> None:
    model = toy(rule, aspect_ratio=RATIO, first_frame=LINK, options=OPTIONS)
    args = {"prompt": "x", **args}
    assert [p.sentence() for p in check(model, args).problems] == ([broken] if broken else [])
    assert accepts(exact_schema(model), args) is (broken is None)


def test_a_default_that_a_rule_forbids_is_not_filled_in() -> None:
    model = toy(NOT_WIDE, aspect_ratio=RATIO, first_frame=LINK)
    alone, framed = check(model, {"prompt": "x"}).request, check(model, {"prompt": "x", "first_frame": IMAGE}).request
    assert alone
    assert framed
    assert (alone.aspect_ratio, framed.aspect_ratio) == ("16:9", None)


def test_a_rule_about_values_describes_itself() -> None:
    assert ADAPTIVE_NEEDS.describe() == "aspect_ratio adaptive needs first_frame"
    assert NOT_WIDE.describe() == "aspect_ratio 16:9 cannot be combined with first_frame"


# -- tokens -------------------------------------------------------------------------------------------------------


def half_for_flex(request: VideoRequest) -> Decimal:
    return Decimal("0.5") if request.options.get("tier") == "flex" else Decimal(1)


SIZE = {("720p", "16:9"): "1280x720", ("720p", "1:1"): "960x960", ("480p", "16:9"): "864x496"}
BY_TOKEN = Billing(
    "million tokens",
    "CNY",
    PAGE,
    {"": Decimal(46)},
    with_video={"": Decimal(28)},
    tokens=counted_in_tokens(SIZE, video_seconds=15),
    factor=half_for_flex,
)
BY_TOKENS = replace(
    toy(
        duration=AUTOMATIC,
        resolution=OneOf(("480p", "720p"), PAGE, "720p"),
        aspect_ratio=OneOf(("16:9", "1:1", "adaptive"), PAGE, "16:9"),
        reference_videos=Media("video", LINK, PAGE),
        options=Options({**OPTIONS.rows, "frames": Whole(29, 289, PAGE)}, PAGE),
    ),
    billing=BY_TOKEN,
)


@pytest.mark.parametrize(
    ("fields", "tokens", "amount"),
    [
        ({}, 108_900, "5.0094"),  # the upstream's own example
        ({"duration": 10}, 216_900, "9.9774"),
        ({"duration": -1}, 324_900, "14.9454"),
        ({"resolution": "480p"}, 50_639, "2.329394"),
        ({"aspect_ratio": "adaptive"}, 108_900, "5.0094"),  # the largest of all ratios
        ({"reference_videos": [IMAGE]}, 432_900, "12.1212"),  # 15 s of reference videos, at their own rate
        ({"options": {"tier": "flex"}}, 108_900, "2.5047"),
        ({"options": {"frames": 29}}, 27_000, "1.242"),
    ],
)
def test_a_price_by_tokens_is_an_upper_bound(fields: dict[str, Any], tokens: int, amount: str) -> None:
    request = check(BY_TOKENS, {"prompt": "x", **fields}).request
    assert request
    found = price(request, {"toy": UnitPrice(usd_per_unit=Decimal("0.1"))})
    assert (found.tokens, found.amount) == (tokens, Decimal(amount))
    assert found.usd_micros == math.ceil(Decimal(amount) * 100_000)
    rate = "28" if "reference_videos" in fields else "23" if fields.get("options") == {"tier": "flex"} else "46"
    assert found.basis.startswith(f"{rate} CNY per million tokens × {tokens:,} tokens = ")


def test_the_operators_price_of_a_token_wins() -> None:
    request = check(BY_TOKENS, {"prompt": "x", "options": {"tier": "flex"}}).request
    assert request
    prices = parse_prices('{"toy/short": {"rates": {"720p": 10}, "per": "million tokens", "unit": "USD"}}')
    assert price(request, prices).usd_micros == 1_089_000


# -- names --------------------------------------------------------------------------------------------------------


def test_a_model_can_have_a_shorter_name_than_the_one_that_is_sent() -> None:
    model = replace(toy(), sent_as="short-2-0-260128")
    assert (model.id, model.name, model.wire) == ("toy/short", "short", "short-2-0-260128")
    assert toy().wire == "short"
