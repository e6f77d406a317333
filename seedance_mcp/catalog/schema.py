"""JSON Schema from rows: the hull of all configured models for `tools/list`, and each model's exact schema.

The hull keeps to what every MCP client takes: one flat object, one `type` each, no combinators, no references.
Some clients drop ranges and defaults before the model sees them, so both also stand in the descriptions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any

from seedance_mcp.catalog.request import CONTROL_WORDS, CONTROLS, FIELDS, nameable
from seedance_mcp.catalog.rows import Flag, Link, Media, Model, Row, Schema, Text, Whole

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def hull(models: Sequence[Model]) -> Schema:
    """Return the input schema of create_video: everything that some configured model takes, and nothing else."""
    properties: dict[str, Schema] = {"model": {"type": "string", "description": _model_words(models)}}
    if len(models) <= 8:
        properties["model"]["enum"] = [m.id for m in models]
    required: list[str] = []
    for name in FIELDS:
        rows = [m.rows[name] for m in models if name in m.rows]
        if not rows:
            continue
        row = reduce(lambda a, b: a.merged(b), rows)
        properties[name] = _flat(row) | {"description": _words(name, row, rows)}
        if row.required and len(rows) == len(models):
            required.append(name)
    for name, row in CONTROLS.items():
        properties[name] = _flat(row) | {"description": CONTROL_WORDS[name]}
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _model_words(models: Sequence[Model]) -> str:
    return "Omit for the cheapest that can" + ("" if len(models) <= 8 else "; ids from list_models")


def _flat(row: Row) -> Schema:
    """Drop what costs tokens and helps no caller: URL patterns, and lengths of one."""
    schema = dict(row.schema())
    if isinstance(row, Link):
        schema.pop("pattern")
    if isinstance(row, Media):
        schema["items"] = {"type": "string"}
        schema.pop("minItems")
    if isinstance(row, Text) and schema.get("minLength") == 1:
        schema.pop("minLength")
    return schema


def _words(name: str, row: Row, rows: Sequence[Row]) -> str:
    """Describe a field with its range and default."""
    said = [FIELDS[name]]
    if isinstance(row, Whole):
        only = {r.only for r in rows if isinstance(r, Whole) and r.only}
        if row.only or (row.least, row.most) != (0, None):
            said.append(row.allowed().removesuffix(f" {row.unit}"))
        if only and not row.only:
            said.append(f"some models only {'/'.join(map(str, min(only)))}")
    if isinstance(row, Media) and row.most:
        said.append(f"≤ {row.most}")
    if isinstance(row, Media | Link):
        schemes = row.link.schemes if isinstance(row, Media) else row.schemes
        if schemes == ("asset",):
            said.append("asset:// only")
    if isinstance(row, Text) and row.most:
        said.append(f"≤ {row.most} characters")
    default = _default_words(row, rows)
    return "; ".join(said) + (f". Default {default}" if default else "")


def _default_words(row: Row, rows: Sequence[Row]) -> str:
    defaults = list(dict.fromkeys(r.default for r in rows if r.default is not None))
    if not defaults or isinstance(row, Text):
        return ""
    if len(defaults) == 1:
        value = defaults[0]
        return str(value).lower() if isinstance(row, Flag) else str(value)
    return "depends on the model"


def exact(model: Model) -> Schema:
    """Return the schema that accepts exactly the arguments which `check` finds no problem with."""
    properties: dict[str, Schema] = {"model": {"type": "string", "enum": [model.id]}}
    for name in FIELDS:
        if name in model.rows:
            row = model.rows[name]
            default = {} if row.default is None else {"default": row.default}
            properties[name] = row.schema() | {"description": _words(name, row, [row])} | default
    for name, row in CONTROLS.items():
        properties[name] = row.schema() | {"description": CONTROL_WORDS[name]}
    clauses = [rule.schema() for rule in model.rules] + list(_naming(model))
    schema: dict[str, Any] = {
        "$schema": DIALECT,
        "title": model.id,
        "description": model.summary,
        "type": "object",
        "properties": properties,
        "required": [name for name, row in model.rows.items() if row.required],
        "additionalProperties": False,
    }
    return schema | ({"allOf": clauses} if clauses else {})


def _naming(model: Model) -> Iterable[Schema]:
    """@image3 in the prompt needs three reference images; a number beyond what the model takes is never right."""
    if "prompt" not in model.rows:
        return
    for kind in ("image", "video", "audio"):
        field = f"reference_{kind}s"
        most = nameable(model, field)
        for number in range(1, most + 1):
            yield {
                "if": {"properties": {"prompt": {"pattern": f"@{kind}0*{number}(?![0-9A-Za-z_])"}}, "required": ["prompt"]},
                "then": {"properties": {field: {"minItems": number}}, "required": [field]},
            }
        known = "|".join(map(str, range(1, most + 1)))
        unknown = f"(?!0*(?:{known})(?![0-9A-Za-z_]))" if known else ""
        yield {"properties": {"prompt": {"not": {"pattern": f"@{kind}{unknown}[0-9]+(?![0-9A-Za-z_])"}}}}


def takes(model: Model) -> Iterable[tuple[str, str]]:
    """Yield each field of a model with what it takes, in words: `list_models` with `model`, and the docs tables."""
    for name in FIELDS:
        if name not in model.rows:
            continue
        row = model.rows[name]
        words = row.allowed()
        if isinstance(row, Media) and row.files:
            words += f" ({row.files.words()})"
        if row.default is not None:
            words += f"; default {str(row.default).lower() if isinstance(row, Flag) else row.default}"
        if row.required:
            words += "; required"
        yield name, words


