"""Schemas and `check` agree: no problems ⇔ the model's exact schema accepts ⇒ every merged schema accepts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from seedance_mcp.catalog import Link, Media, Model, Number, OneOf, Row, Schema, Text
from seedance_mcp.catalog.check import check
from seedance_mcp.catalog.request import CONTROLS, FIELDS
from seedance_mcp.catalog.schema import exact_schema, merged_schema
from seedance_mcp.vendors import known_vendors

MODELS: list[Model] = [m for vendor in known_vendors().values() for m in vendor.models]
CONFIGURATIONS: dict[str, Sequence[Model]] = {
    **{slug: vendor.models for slug, vendor in known_vendors().items()},
    **{m.id: [m] for m in MODELS},
    "all": MODELS,
}


def accepts(schema: Schema) -> Callable[[Any], bool]:
    return Draft202012Validator(schema).is_valid  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  (jsonschema is partly typed)


EXACT = {m.id: accepts(exact_schema(m)) for m in MODELS}
MERGED = {name: accepts(merged_schema(models)) for name, models in CONFIGURATIONS.items()}
PROPERTIES = {name: merged_schema(models)["properties"].keys() for name, models in CONFIGURATIONS.items()}
SWITCHES = {"generate_audio", "public", "safety_filter", "watermark", "web_search"}

by_model = pytest.mark.parametrize("model", MODELS, ids=lambda m: m.id)
by_configuration = pytest.mark.parametrize("models", CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys())


def agree(model: Model, args: dict[str, Any]) -> bool:
    """Assert that `check` and both schemas agree on a request; return whether they accept it.

    The merged schemas keep to the soft limits, and have no switches that none of their models has.
    """
    # No schema can count a prompt as it is sent.
    problems = [p for p in check(model, args).problems if "as it is sent" not in p.message]
    accepted = EXACT[model.id](args)
    assert accepted == (not problems), (args, [p.sentence() for p in problems])
    if accepted and check(model, args, strict=True).request:
        for name in ("all", model.vendor, model.id):
            supported = {k: v for k, v in args.items() if k in PROPERTIES[name]}
            assert supported.keys() == args.keys() or not args.keys() - supported.keys() - SWITCHES
            assert MERGED[name](supported), (name, args)
    return accepted


# ── values on both sides of each limit ──────────────────────────────────────────────────────────────────────────────

_JUNK: tuple[Any, ...] = (None, True, False, 0, 1, -1, 2.5, "", "x", "5", [], [None], {}, {"a": 1}, 10**12)
_URLS: tuple[Any, ...] = (
    "https://example.com/a.png", "http://example.com/a.png", "https://example.com", "https://example.com/a.gif",
    "https://example.com/a.gif?b", "https://example.com/a.png\n", "https://example.com/ a", "https:///a", "https://",
    "HTTPS://example.com/a.png",
    "ftp://example.com/a", "file:///a", "data:image/png;base64,AAAA", "example.com/a.png",
    "asset://asset-1", "asset://asset_1.b", "asset://", "asset://a/b", "asset://a\n", "https://localhost/a",
    "http://LOCALHOST:80", "https://localhost.example.com/a", "https://me@localhost/a", "https://127.0.0.1/a",
    "https://10.0.0.1/a", "https://172.16.0.1", "https://172.15.0.1", "https://192.168.0.1/a",
    "https://169.254.169.254/",
    "https://0.0.0.0/a",
    "https://[::1]/a", "https://[fe80::1]/a", "https://[2001:db8::1]/a", "https://猫.example/a.png",
)  # fmt: skip
_PROMPTS: tuple[Any, ...] = (
    "A cat.", "猫", "@image1", "@image2 and @image1", "@image9", "@image10", "@image0", "@image01", "@image12a",
    "@image",
    "@image1_", "@IMAGE1", "me@image1.com", "@video1", "@video3", "@video4", "@audio1", "@audio2", "@audio99999999999",
    "@image1@image2", "@image1\n@video1", "@image٣", "@image1٣", "@image1é",
)  # fmt: skip


def values(row: Row) -> list[Any]:
    """Return values below, at and above each limit of a row, and values of other types."""
    return [*_around(row), *_JUNK]


def _around(row: Row) -> Iterator[Any]:
    match row:
        case OneOf():
            yield from row.values
            for value in row.values:
                yield from (value.upper(), f"{value} ", f"{value}\n")
            yield from ("8k", "16:10", "Adaptive")
        case Number():
            for bound in {row.least or 0, row.most or 10**6, *row.only}:
                yield from (bound - 1, bound, bound + 1, float(bound), bound + 0.5, bound - 0.01, str(bound))
        case Text():
            yield from _PROMPTS
            if row.most:
                yield from ("猫" * row.most, "𝕏" * row.most, "x" * (row.most + 1), "x" * (row.most - 7) + "@image1")
        case Link():
            yield from _URLS
        case Media():
            good = next(url for url in _URLS if row.link.problem(url) is None)
            yield from ([good] * n for n in {1, 2, 3, (row.most or 10) - 1, row.most or 10, (row.most or 10) + 1} - {0})
            yield from ([url] for url in _URLS)
            yield from ([good, good, "ftp://a"], [good, 5], good)
        case _:
            pass


VALUES = {(m.id, name): values(row) for m in MODELS for name, row in [*m.rows.items(), *CONTROLS.items()]}
LEGAL = {
    (m.id, name): [v for v in VALUES[m.id, name] if row.problem(v) is None]
    for m in MODELS
    for name, row in [*m.rows.items(), *CONTROLS.items()]
}
STRAY = ("drations", "image_urls", "model_id", "size", "")


@st.composite
def requests(draw: st.DrawFn, model: Model) -> dict[str, Any]:
    """Draw a request of a few fields; most values are legal, since two illegal ones hide each other."""
    fields = [*model.rows, *CONTROLS]
    media = [name for name, row in model.rows.items() if isinstance(row, Link | Media)]
    plain = [name for name in fields if name not in media and name != "prompt"]
    args: dict[str, Any] = {"prompt": draw(st.sampled_from(LEGAL[model.id, "prompt"]))} if _once_in(draw, 3) else {}
    args |= {} if _once_in(draw, 10) else {"prompt": "A cat.", **args}
    args |= {"model": model.id} if _once_in(draw, 2) else {}
    for names, most in ((media, 3), (plain, 4)):
        for name in draw(st.lists(st.sampled_from(names), max_size=most, unique=True)) if names else ():
            args[name] = draw(st.sampled_from(LEGAL[model.id, name]))
    if _once_in(draw, 3):
        name = draw(st.sampled_from(fields))
        args[name] = draw(st.sampled_from(VALUES[model.id, name]))
    if _once_in(draw, 15):
        args[draw(st.sampled_from([*STRAY, *(f for f in FIELDS if f not in model.rows)]))] = draw(
            st.sampled_from(_JUNK)
        )
    return args


def _once_in(draw: st.DrawFn, times: int) -> bool:
    return draw(st.integers(1, times)) == times


@by_model
def test_check_and_schemas_agree_on_any_request(model: Model) -> None:
    verdicts: list[bool] = []

    @given(requests(model))
    def test_request(args: dict[str, Any]) -> None:
        verdicts.append(agree(model, args))

    test_request()
    assert verdicts.count(True) > 5, "too few legal requests were drawn"
    assert verdicts.count(False) > 5, "too few illegal requests were drawn"


@by_model
def test_check_and_schemas_agree_on_each_single_limit(model: Model) -> None:
    needed = {name: LEGAL[model.id, name][0] for name, row in model.rows.items() if row.required}
    assert agree(model, needed or {"prompt": "A cat."})
    for name in [*model.rows, *CONTROLS]:
        for value in VALUES[model.id, name]:
            agree(model, needed | {name: value})
        agree(model, {k: v for k, v in needed.items() if k != name})
    for name in [*STRAY, *FIELDS]:
        if name not in model.rows:
            assert not agree(model, needed | {name: "x"})


@by_model
def test_check_and_schemas_agree_on_mentions_of_references(model: Model) -> None:
    images = [LEGAL[model.id, "reference_images"][0][0]] * 9 if "reference_images" in model.rows else []
    for count in range(len(images) + 1):
        for number in range(12):
            given_ = {"reference_images": images[:count]} if count else {}
            agree(model, {"prompt": f"@image{number} sleeps", **given_})


# ── the form of the schemas ─────────────────────────────────────────────────────────────────────────────────────────


@by_model
def test_an_exact_schema_is_a_valid_json_schema(model: Model) -> None:
    Draft202012Validator.check_schema(exact_schema(model))
    assert exact_schema(model)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def _patterns(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():  # pyright: ignore[reportUnknownVariableType]  (any JSON)
            yield from [value] if key == "pattern" else _patterns(value)
    elif isinstance(schema, list):
        for value in schema:  # pyright: ignore[reportUnknownVariableType]  (any JSON)
            yield from _patterns(value)


@by_model
def test_patterns_of_the_exact_schema_mean_the_same_in_ecma_262(model: Model) -> None:
    """They contain no syntax of Python alone, and no "$", which in Python also matches before a final newline."""
    assert list(_patterns(exact_schema(model)))
    for pattern in _patterns(exact_schema(model)):
        assert not re.search(r"\(\?[P#aiLmsux]|\\[AZzdwb]|\$$", pattern), pattern


@by_configuration
def test_a_merged_schema_uses_only_keywords_that_every_client_supports(models: Sequence[Model]) -> None:
    schema = merged_schema(models)
    Draft202012Validator.check_schema(schema)
    assert schema.keys() == {"type", "properties", "additionalProperties"}
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    for name, field in schema["properties"].items():
        assert re.fullmatch("[a-z0-9_]{1,40}", name)
        assert field["type"] in ("string", "integer", "number", "boolean", "array")
        assert field.keys() <= {
            "type", "description", "enum", "items", "minimum", "maximum", "minLength", "maxLength", "maxItems"
        }  # fmt: skip
        assert field.get("description", "-").strip()
        assert ("items" in field) == (field["type"] == "array")
        if "items" in field:
            assert field["items"] == {"type": "string"}
        assert None not in field.get("enum", ())


@by_configuration
def test_a_merged_schema_has_exactly_the_fields_of_its_models(models: Sequence[Model]) -> None:
    supported = {name for m in models for name in m.rows}
    assert merged_schema(models)["properties"].keys() == supported | CONTROLS.keys() | {"model"}


@by_configuration
def test_a_merged_schema_requires_nothing_because_like_can_stand_for_any_field(models: Sequence[Model]) -> None:
    assert "required" not in merged_schema(models)


@pytest.mark.parametrize(
    ("no_files", "said"),
    [
        ([], "URL or job_id (last frame)"),
        (["ope", "seedanceapi", "12ai", "aigptimage"], "URL, or job_id (last frame; jimmyai only)"),
        (list(known_vendors()), "URL"),
    ],
)
def test_a_first_frame_may_be_a_job_where_local_files_reach_the_vendor(no_files: Sequence[str], said: str) -> None:
    assert merged_schema(MODELS, no_files)["properties"]["first_frame"]["description"] == said


@by_configuration
def test_descriptions_of_a_merged_schema_repeat_its_ranges(models: Sequence[Model]) -> None:
    """Some clients drop numbers from a schema before a model sees it."""
    for name, field in merged_schema(models)["properties"].items():
        for key in ("minimum", "maximum", "maxItems", "maxLength"):
            if key in field:
                assert str(field[key]) in field["description"], f"the description of {name} lacks its {key}"


@by_configuration
def test_descriptions_name_a_default_where_all_models_share_it_and_else_say_that_it_is_the_models(
    models: Sequence[Model],
) -> None:
    for name, field in merged_schema(models)["properties"].items():
        defaults = {m.rows[name].default for m in models if name in m.rows} - {None}
        said = re.findall(r"default (\S+)", field.get("description", ""))
        assert said == ([str(defaults.pop()).lower()] if len(defaults) == 1 else ["by"] if defaults else []), name


@pytest.mark.parametrize("slug", known_vendors())
def test_a_merged_schema_lists_the_ids_of_few_models(slug: str) -> None:
    models = known_vendors()[slug].models
    ids = [m.id for m in models]
    field: Schema = merged_schema(models)["properties"]["model"]
    assert field.get("enum") == (ids if sum(map(len, ids)) <= 100 else None)


def test_an_exact_schema_states_the_defaults() -> None:
    mini = next(m for m in MODELS if m.id == "seedanceapi/seedance-2-mini")
    properties = exact_schema(mini)["properties"]
    assert (properties["duration"]["default"], properties["resolution"]["default"]) == (5, "720p")
    assert "default" not in properties["prompt"]
