"""JSON Schema from rows: one schema merged from all configured models for `tools/list`, and each model's exact schema.

The merged schema uses only what every MCP client supports: one flat object, one `type` each, no combinators, no
references. Some clients drop ranges and defaults before the model sees them, so the descriptions repeat both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from typing import Any

from seedance_mcp.catalog.media import Link, Media
from seedance_mcp.catalog.model import Model
from seedance_mcp.catalog.request import CONTROL_DESCRIPTIONS, CONTROLS, FIELDS, max_mentions
from seedance_mcp.catalog.rows import SAME, Flag, Number, OneOf, Row, Schema, Text
from seedance_mcp.catalog.rules import Needs, NotTogether
from seedance_mcp.catalog.switches import switch_schemas

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def merged_schema(models: Sequence[Model], no_files: Sequence[str] = ()) -> Schema:
    """Return the input schema of create_video: every field that at least one of the models accepts.

    None is required, because `like` may supply each of them. `no_files` are the vendors that no local file reaches, so
    that they cannot continue an earlier video from its last frame.
    """
    properties: dict[str, Schema] = {"model": _model(models)}
    for name in FIELDS:
        rows = [m.kept_rows[name] for m in models if name in m.rows]
        if not rows:
            continue
        row = reduce(lambda a, b: a.merged(b), rows)
        properties[name] = tool_property(row, _description(name, models, no_files))
    properties |= {name: tool_property(row, CONTROL_DESCRIPTIONS[name]) for name, row in CONTROLS.items()}
    return {"type": "object", "properties": properties, "additionalProperties": False}


_FEW = 100
"""Characters of all ids together; more would cost more tokens than a call of list_models."""


def _model(models: Sequence[Model]) -> Schema:
    """List the ids of a few models."""
    if sum(len(m.id) for m in models) <= _FEW:
        return {"type": "string", "enum": [m.id for m in models]}
    return {"type": "string", "description": "From list_models"}


def tool_property(row: Row, description: str) -> Schema:
    """Return a property for `tools/list`: a row's schema without keywords that cost tokens and do not help a caller.

    Ranges are in the description, because some clients drop them from the schema; stated once, they cost half.
    """
    schema = dict(row.schema())
    for keyword in ("pattern", "minLength", "minItems"):
        schema.pop(keyword, None)
    for keyword in ("minimum", "maximum", "maxLength", "maxItems"):
        if keyword in schema and re.search(rf"\b{schema[keyword]:g}\b", description):
            del schema[keyword]
    if isinstance(row, Media):
        schema["items"] = {"type": "string"}
    if schema.get("minimum") in {0, 1}:
        del schema["minimum"]
    return schema | ({"description": description} if description else {})


def _description(name: str, models: Sequence[Model], no_files: Sequence[str] = ()) -> str:
    """Describe a field with its range and default, which some clients drop from the schema itself."""
    able = [m for m in models if name in m.rows]
    rows = [m.kept_rows[name] for m in able]
    row = reduce(lambda a, b: a.merged(b), rows)
    parts = [FIELDS[name]] if FIELDS[name] else []
    if isinstance(row, Link) and row.schemes == ("asset",):
        parts = []
    if name == "first_frame" and any(m.vendor in no_files for m in able):
        continuing = dict.fromkeys(m.vendor for m in able if m.vendor not in no_files)
        parts = [f"URL, or job_id (last frame; {'/'.join(continuing)} only)" if continuing else "URL"]
    if name == "reference_audios" and all(_needs_company(m, name) for m in able):
        parts.append("with an image or video")
    if name == "web_search" and all(_is_for_text(m, name) for m in able):
        parts.append("text only")
    return ", ".join([*parts, *_limits(row, rows), *_defaults(rows)])


def _limits(row: Row, rows: Sequence[Row]) -> Iterator[str]:
    if isinstance(row, Number):
        only = [r.only for r in rows if isinstance(r, Number) and r.only]
        least, most = (f"{end:g}" if end is not None else None for end in (row.least, row.most))
        if least is not None:
            yield f"from {least}" if most is None else f"{least}-{most}"
        if only:
            yield ("only " if row.only else "some models only ") + "/".join(map(str, only[0]))
    if isinstance(row, Media | Text) and row.most:
        yield f"max {row.most}" + (" characters" if isinstance(row, Text) else "")
    if isinstance(row, Media | Link):
        schemes = row.link.schemes if isinstance(row, Media) else row.schemes
        if schemes == ("asset",):
            yield "asset:// only"


def _defaults(rows: Sequence[Row]) -> Iterator[str]:
    defaults = dict.fromkeys(r.default for r in rows if r.default is not None)
    if len(defaults) > 1:
        yield "default by model"
    elif defaults:
        with_image = any(isinstance(r, OneOf) and r.default_with_media != SAME for r in rows)
        yield f"default {str(next(iter(defaults))).lower()}" + (" without images" if with_image else "")


def _needs_company(model: Model, name: str) -> bool:
    return any(isinstance(rule, Needs) and rule.field == name for rule in model.rules)


def _is_for_text(model: Model, name: str) -> bool:
    return any(isinstance(rule, NotTogether) and name in rule.these for rule in model.rules)


def exact_schema(model: Model) -> Schema:
    """Return the schema that accepts exactly the arguments in which `check` finds no problem.

    It counts a prompt as it is given: a few characters below the limit, `check` may refuse one that is sent with longer
    mentions.
    """
    properties: dict[str, Schema] = {"model": {"type": "string", "enum": [model.id]}}
    for name in FIELDS:
        if name in model.rows:
            row = model.rows[name]
            default = {} if row.default is None else {"default": row.default}
            properties[name] = row.schema() | {"description": _description(name, [model]) or row.allowed()} | default
    properties |= dict(switch_schemas(model))
    for name, row in CONTROLS.items():
        properties[name] = row.schema() | {"description": CONTROL_DESCRIPTIONS[name]}
    clauses = [rule.schema() for rule in model.rules if not rule.source.soft] + list(_mention_clauses(model))
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


def _mention_clauses(model: Model) -> Iterable[Schema]:
    """Yield the clauses for mentions: @image3 needs three reference images, and may not exceed the model's limit."""
    if "prompt" not in model.rows:
        return
    for kind in ("image", "video", "audio"):
        field = f"reference_{kind}s"
        most = max_mentions(model, field)
        for number in range(1, most + 1):
            mentioned = {"prompt": {"pattern": f"@{kind}0*{number}(?![0-9A-Za-z_])"}}
            yield {
                "if": {"properties": mentioned, "required": ["prompt"]},
                "then": {"properties": {field: {"minItems": number}}, "required": [field]},
            }
        known = "|".join(map(str, range(1, most + 1)))
        unknown = f"(?!0*(?:{known})(?![0-9A-Za-z_]))" if known else ""
        yield {"properties": {"prompt": {"not": {"pattern": f"@{kind}{unknown}[0-9]+(?![0-9A-Za-z_])"}}}}


def field_descriptions(model: Model) -> Iterable[tuple[str, str]]:
    """Yield each field of a model with its legal values as text, for `list_models` and the tables of the docs."""
    for name in FIELDS:
        if name not in model.rows:
            continue
        row = model.kept_rows[name]
        description = row.allowed() + (" (the upstream's limit)" if name in model.soft else "")
        if isinstance(row, Media) and row.files:
            description += f" ({row.files.describe()})"
        if row.default is not None:
            description += f"; default {str(row.default).lower() if isinstance(row, Flag) else row.default}"
        if row.required:
            description += "; required"
        yield name, description
