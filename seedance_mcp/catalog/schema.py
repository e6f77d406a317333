"""JSON Schema from rows: the hull of all configured models for `tools/list`, and each model's exact schema.

The hull keeps to what every MCP client takes: one flat object, one `type` each, no combinators, no references.
Some clients drop ranges and defaults before the model sees them, so both also stand in the descriptions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any

from seedance_mcp.catalog.media import Link, Media
from seedance_mcp.catalog.model import Model
from seedance_mcp.catalog.request import CONTROL_DESCRIPTIONS, CONTROLS, FIELDS, nameable
from seedance_mcp.catalog.rows import Flag, Row, Schema, Text, Whole

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def merged_schema(models: Sequence[Model]) -> Schema:
    """Return the input schema of create_video: everything that some configured model takes, and nothing else."""
    properties: dict[str, Schema] = {"model": _model(models)}
    required: list[str] = []
    for name in FIELDS:
        rows = [m.rows[name] for m in models if name in m.rows]
        if not rows:
            continue
        row = reduce(lambda a, b: a.merged(b), rows)
        properties[name] = flat(row, _description(name, rows))
        if row.required and len(rows) == len(models):
            required.append(name)
    properties |= {name: flat(row, CONTROL_DESCRIPTIONS[name]) for name, row in CONTROLS.items()}
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


_FEW = 8


def _model(models: Sequence[Model]) -> Schema:
    """Name the models where they are few; the ids of many would cost more tokens than asking for them."""
    if len(models) <= _FEW:
        return {"type": "string", "enum": [m.id for m in models]}
    return {"type": "string", "description": "From list_models"}


def flat(row: Row, description: str) -> Schema:
    """Return a property for `tools/list`: a row's schema without what costs tokens and helps no caller."""
    schema = dict(row.schema())
    for keyword in ("pattern", "minLength", "minItems"):
        schema.pop(keyword, None)
    if isinstance(row, Media):
        schema["items"] = {"type": "string"}
    if schema.get("minimum") in {0, 1}:
        del schema["minimum"]
    return schema | ({"description": description} if description else {})


def _description(name: str, rows: Sequence[Row]) -> str:
    """Describe a field with its range and default, which some clients drop from the schema itself."""
    row = reduce(lambda a, b: a.merged(b), rows)
    said = [FIELDS[name]] if FIELDS[name] else []
    if isinstance(row, Whole):
        only = [r.only for r in rows if isinstance(r, Whole) and r.only]
        said += [] if row.least is None else [f"from {row.least}" if row.most is None else f"{row.least}-{row.most}"]
        if only:
            said.append(("only " if row.only else "some models only ") + "/".join(map(str, only[0])))
    if isinstance(row, Media | Text) and row.most:
        said.append(f"max {row.most}" + (" characters" if isinstance(row, Text) else ""))
    if isinstance(row, Media | Link):
        schemes = row.link.schemes if isinstance(row, Media) else row.schemes
        if schemes == ("asset",):
            said.append("asset:// only")
    defaults = dict.fromkeys(r.default for r in rows if r.default is not None)
    if len(defaults) == 1:
        said.append(f"default {str(next(iter(defaults))).lower()}")
    return ", ".join(said)


def exact(model: Model) -> Schema:
    """Return the schema that accepts exactly the arguments which `check` finds no problem with."""
    properties: dict[str, Schema] = {"model": {"type": "string", "enum": [model.id]}}
    for name in FIELDS:
        if name in model.rows:
            row = model.rows[name]
            default = {} if row.default is None else {"default": row.default}
            properties[name] = row.schema() | {"description": _description(name, [row]) or row.allowed()} | default
    for name, row in CONTROLS.items():
        properties[name] = row.schema() | {"description": CONTROL_DESCRIPTIONS[name]}
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
            named = {"prompt": {"pattern": f"@{kind}0*{number}(?![0-9A-Za-z_])"}}
            yield {
                "if": {"properties": named, "required": ["prompt"]},
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
        description = row.allowed()
        if isinstance(row, Media) and row.files:
            description += f" ({row.files.describe()})"
        if row.default is not None:
            description += f"; default {str(row.default).lower() if isinstance(row, Flag) else row.default}"
        if row.required:
            description += "; required"
        yield name, description
