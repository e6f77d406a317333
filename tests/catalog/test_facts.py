"""Rows and facts agree: every row names its fact, and every fact about a request has a row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from seedance_mcp.catalog import Flag, Media, Model, Number, OneOf, Row, Source, Text
from seedance_mcp.catalog.sizes import SIZES
from seedance_mcp.vendors import known_vendors
from tests.coverage import PAGE_LINES
from tests.facts import FACTS

KINDS = ("SEED:", "PUB:", "ARK", "KIE", "INF:", "GAP:", "OURS:")


def cited(model: Model) -> Iterator[tuple[str, Source]]:
    """Yield every source that a model cites, with the name of its owner."""
    yield "model", model.source
    yield "billing", model.billing.source
    for caution in model.billing.cautions:
        yield "caution", caution.source
    for name, row in model.rows.items():
        yield name, row.source
        if isinstance(row, Media):
            yield f"{name} URL", row.link.source
            if row.files:
                yield f"{name} files", row.files.source
    for name, row in model.soft.items():
        yield f"soft {name}", row.source
        if isinstance(row, Media) and row.files:
            yield f"soft {name} files", row.files.source
    for name, trait in model.traits.items():
        yield f"trait {name}", trait.source
    for rule in model.rules:
        yield type(rule).__name__, rule.source
    for advice in model.advice:
        yield "advice", advice.source


CITED = sorted({(v.slug, s.fact, s.where) for v in known_vendors().values() for m in v.models for _, s in cited(m)})


def find(facts: Any, path: str) -> Any:
    """Follow a dotted path whose keys may contain dots.

    Raises:
        KeyError: the path does not exist.
    """
    if not path:
        return facts
    if isinstance(facts, list):
        index, _, rest = path.partition(".")
        return find(facts[int(index)], rest)  # pyright: ignore[reportUnknownArgumentType]  (any YAML)
    if isinstance(facts, dict):
        for key in sorted((k for k in facts if isinstance(k, str)), key=len, reverse=True):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  (any YAML)
            if path == key or path.startswith(f"{key}."):
                return find(facts[key], path[len(key) + 1 :])
    raise KeyError(path)


def lines(text: str) -> set[int]:
    """Return the line numbers of each SEED:… in a text, such as "SEED:3,5-7" or "SEED:33 vs 43-56"."""
    found: set[int] = set()
    for numbers in re.findall(r"SEED:([0-9]+(?:(?:[,-]| vs )[0-9]+)*)", text):
        for part in re.findall(r"[0-9]+(?:-[0-9]+)?", numbers):
            first, _, last = part.partition("-")
            found |= set(range(int(first), int(last or first) + 1))
    return found


def leaves(fact: Any) -> Iterator[Any]:
    if isinstance(fact, dict):
        fact = list(fact.values())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  (any YAML)
    if not isinstance(fact, list):
        yield fact
        return
    for value in fact:  # pyright: ignore[reportUnknownVariableType]  (any YAML)
        yield from leaves(value)


def texts(fact: Any) -> Iterator[str]:
    return map(str, leaves(fact))


@pytest.mark.parametrize(("slug", "fact", "where"), CITED, ids=lambda value: value)
def test_a_source_leads_to_its_fact(slug: str, fact: str, where: str) -> None:
    found = find(FACTS[slug], fact)
    assert where.startswith(KINDS), f"{where!r} does not begin with a kind of source"
    cited = lines(where)
    assert cited <= set(range(1, PAGE_LINES[slug] + 1)), f"the page of {slug} does not have a line {max(cited)}"
    known = set[int]().union(*(lines(text) for text in texts(found)))
    if known and cited:
        assert cited <= known, f"the facts cite lines {sorted(known)} for {fact}, the row also {sorted(cited - known)}"


SECTIONS = (
    "models",
    "params",
    "prompt_limits",
    "reference_limits",
    "exclusions",
    "requires",
    "media_url_rules",
    "pricing",
)
"""The parts of the facts that concern a request; other tests compare `modes` and `size_table`."""

NAME = "the model's name is the end of its id, and tests/test_architecture.py lists all ids"
SAME_AS = "the same limit as {}, which the row cites"
WIRE = "part of the request format, which the golden cases compare"

EXCEPTIONS = {
    ("ope", "params.model"): NAME,
    ("ope", "params.size"): "equivalent to resolution with ratio, which are sent instead",
    ("ope", "exclusions.0"): "size is never sent",
    ("ope", "requires.1"): "both have a default, so neither is ever sent alone",
    ("seedanceapi", "params.model"): NAME,
    ("seedanceapi", "prompt_limits"): SAME_AS.format("params.prompt"),
    ("seedanceapi", "requires.0"): "only mini has these rows, and a field without a row is refused",
    ("seedanceapi", "pricing.usd_per_credit"): "in Billing.usd_per_unit; tests/catalog/test_price.py compares",
    ("seedanceapi", "pricing.charged_when"): "in Billing.failure_is_free; tests/catalog/test_price.py compares",
    ("jimmyai", "params.model"): NAME,
    ("jimmyai", "params.orientation"): "ratio overrides it and is always sent",
    ("jimmyai", "params.aliases_newer"): "other names for the same fields; the seed page's are sent",
    ("jimmyai", "media_url_rules.real_person"): "a URL does not reveal who is in an image",
    ("jimmyai", "pricing.actual_cost"): "parsed from the answers, see Accepted.charged",
    ("jimmyai", "pricing.catalog_names"): "how prices are listed; tests/vendors/test_price_list.py compares",
    ("jimmyai", "pricing.catalog_prices"): "how prices are listed; tests/vendors/test_price_list.py compares",
    ("jimmyai", "pricing.known_numbers"): "prices of models that are not among ours",
    ("12ai", "models.seedance-2-beta-face"): "documented only on a newer page with another request shape",
    ("12ai", "models.seedance-2-fast-beta-face"): "documented only on a newer page with another request shape",
    ("12ai", "params.model"): NAME,
    ("12ai", "params.metadata.video_urls"): SAME_AS.format("reference_limits.videos"),
    ("12ai", "params.metadata.audio_urls"): SAME_AS.format("reference_limits.audios"),
    ("12ai", "params.metadata.action"): WIRE,
    ("12ai", "params.newer_shape"): "contradictions.4: the seed page takes precedence",
    ("12ai", "prompt_limits"): SAME_AS.format("params.prompt"),
    ("12ai", "requires.0"): "always true: references put a request into this mode",
    ("aigptimage", "models.match"): NAME,
    ("aigptimage", "params.model"): NAME,
    ("aigptimage", "params.input.aspect_ratio"): "an alias of ratio, which overrides it and is sent",
    ("aigptimage", "prompt_limits"): SAME_AS.format("params.input.prompt"),
    ("aigptimage", "exclusions.0"): "only ratio is ever sent",
}
"""Documented facts about a request that are not cited by any row, rule, advice or billing, each with its reason."""


def uncited(slug: str) -> set[str]:
    """Return the facts about a request that the vendor itself documents and that are not cited."""
    facts = FACTS[slug]
    keys = {fact for vendor, fact, _ in CITED if vendor == slug}
    left: set[str] = set()
    for section in SECTIONS:
        for key, fact in _entries(section, facts.get(section, {})):
            documented = any("SEED" in text or "PUB" in text for text in texts(fact))
            number = section == "pricing" and any(isinstance(value, int | float) for value in leaves(fact))
            is_cited = any(k in (key, section) or k.startswith(f"{key}.") for k in keys)
            if (documented or number) and not is_cited:
                left.add(key)
    return left


def _entries(section: str, facts: Any) -> list[tuple[str, Any]]:
    if isinstance(facts, list):
        return [(f"{section}.{index}", fact) for index, fact in enumerate(facts)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  (any YAML)
    return [(section, facts)] if "src" in facts else [(f"{section}.{key}", fact) for key, fact in facts.items()]


@pytest.mark.parametrize("slug", FACTS)
def test_every_documented_fact_about_a_request_is_cited_or_a_named_exception(slug: str) -> None:
    assert uncited(slug) == {fact for vendor, fact in EXCEPTIONS if vendor == slug}


@pytest.mark.parametrize(("slug", "fact"), EXCEPTIONS)
def test_an_exception_names_an_existing_fact(slug: str, fact: str) -> None:
    assert find(FACTS[slug], fact)


ROWS = [
    pytest.param(vendor.slug, row, id=f"{model.id}-{name}")
    for vendor in known_vendors().values()
    for model in vendor.models
    for name, row in model.rows.items()
]

OTHER_NUMBERS = {
    ("aigptimage", "params.input.nsfw_checker"): "contradictions.3: ours is on, the vendor's own default is off",
}


@pytest.mark.parametrize(("slug", "row"), ROWS)
def test_a_row_has_the_numbers_of_its_fact(slug: str, row: Row) -> None:
    fact = find(FACTS[slug], row.source.fact)
    if not isinstance(fact, dict) or (slug, row.source.fact) in OTHER_NUMBERS:
        return
    facts: dict[str, Any] = fact  # pyright: ignore[reportUnknownVariableType]  (any YAML)
    span = facts.get("integer_range", facts.get("range"))
    match row:
        case OneOf():
            assert set(row.values) == set(facts.get("enum", row.values))
            default = str(facts.get("default", "unspecified"))
            assert default in {row.default, "unspecified"} or " " in default
        case Number():
            assert [row.least, row.most] == (span if isinstance(span, list) else [row.least, row.most])
            assert row.default == (facts.get("default") if isinstance(facts.get("default"), int) else row.default)
        case Text():
            assert row.most == (facts["max"] if isinstance(facts.get("max"), int) else row.most)
        case Media():
            assert row.most == (facts["max"] if isinstance(facts.get("max"), int) else row.most)
            assert not facts.keys() & _FILES or _file_numbers(row) == {k: facts[k] for k in facts.keys() & _FILES}
        case Flag() if isinstance(facts.get("default"), bool):
            assert bool(row.default) is facts["default"]
        case _:
            pass


_FILES = {"each_s", "each_s_min", "total_s_max", "each_lt_mb"}


def _file_numbers(row: Media) -> dict[str, Any]:
    assert row.files
    low, high = row.files.seconds or (None, None)
    pairs = {"total_s_max": row.files.total_seconds, "each_lt_mb": row.files.under_mb}
    pairs |= {"each_s_min": low} if high == float("inf") else {"each_s": [low, high] if low else None}
    return {key: value for key, value in pairs.items() if value is not None}


ALL_MODES = {"text", "first_frame", "first_last_frame", "references"}
MODES = {
    "seedanceapi": {"text", "first_frame", "references"},
    "jimmyai/seedance2.0-md": {"text", "first_last_frame", "references"},
    "jimmyai/seedance2.0-fast-md": {"text", "first_last_frame", "references"},
    "aigptimage/seedance-2.0-reference-to-video": {"text", "references"},
    "aigptimage/seedance-2.0-text-to-video": {"text"},
    "aigptimage/seedance-2.0-image-to-video": {"first_frame"},
}
"""What a model can start from, by id or vendor, where not all modes are supported (`modes` in the facts).

seedanceapi accepts 1–4 images without documenting the roles of several, so they count as references; aigptimage's
reference model accepts a prompt alone (its page does not require references), so text is legal there.
"""


@pytest.mark.parametrize("model", [m for v in known_vendors().values() for m in v.models], ids=lambda m: m.id)
def test_the_modes_of_a_model_are_those_of_the_facts(model: Model) -> None:
    assert set(model.modes) == MODES.get(model.id, MODES.get(model.vendor, ALL_MODES))


def test_what_is_soft_has_a_source_that_is_not_the_vendors_own() -> None:
    models = [m for v in known_vendors().values() for m in v.models]
    assert all(row.source.soft for m in models for row in m.soft.values())
    assert not [s for m in models for name, s in cited(m) if s.soft and name in m.rows]
    assert {name for m in models for name in m.soft} == {
        "duration",
        "reference_images",
        "reference_videos",
        "reference_audios",
    }


@pytest.mark.parametrize("slug", FACTS)
def test_the_website_where_a_person_finds_a_task_is_that_of_the_facts(slug: str) -> None:
    vendors = known_vendors()
    assert slug not in vendors or vendors[slug].website == FACTS[slug]["people"]["website"]["value"]


def test_the_sizes_are_those_of_opes_table() -> None:
    table = FACTS["ope"]["size_table"]
    assert {(r, ratio): size for r, sizes in table.items() for ratio, size in sizes.items()} == SIZES
    assert len(SIZES) == 18


@pytest.mark.parametrize(
    ("path", "leaf"),
    [
        ("params.metadata.ratio.default", "x"),
        ("models.seedance-2.0", "a"),
        ("models.seedance-2.0-fast", "b"),
        ("list.1.k", 2),
    ],
)
def test_a_path_into_the_facts_may_contain_keys_with_dots(path: str, leaf: Any) -> None:
    facts: dict[str, Any] = {"params": {"metadata.ratio": {"default": "x"}, "metadata": 1}, "list": [0, {"k": 2}]}
    facts["models"] = {"seedance-2.0": "a", "seedance-2.0-fast": "b"}
    assert find(facts, path) == leaf


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("SEED:1,3-5; PUB:x", {1, 3, 4, 5}),
        ("SEED:33 vs 43-44", {33, 43, 44}),
        ("SEED:41 vs PUB:md", {41}),
        ("a SEED:2 b SEED:9", {2, 9}),
        ("PUB:2", set[int]()),
    ],
)
def test_line_numbers_are_parsed_from_a_source(text: str, numbers: set[int]) -> None:
    assert lines(text) == numbers
