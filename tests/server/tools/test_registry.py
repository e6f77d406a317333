"""What a client sees of the tools before it calls any."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import mcp_types as types
import pytest
from mcp.client.extension import advertise
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID

from tests.about import VENDORS
from tests.server.mcp_client import Session, connected, with_keys

pytestmark = pytest.mark.anyio

TITLES = {
    "list_models": "List models",
    "create_video": "Create video",
    "check_video": "Check video",
    "cancel_video": "Cancel video",
    "list_videos": "List videos",
    "preview_video": "Preview video",
    "join_videos": "Join videos",
}
READS = {"readOnlyHint": True, "openWorldHint": True}
WRITES = {"destructiveHint": False, "openWorldHint": True}
HINTS = {
    "list_models": READS,
    "create_video": WRITES,  # clients repeat a call with idempotentHint by themselves, and each repeat may pay again
    "check_video": WRITES | {"idempotentHint": True},
    "cancel_video": WRITES | {"destructiveHint": True, "idempotentHint": True},
    "list_videos": READS,
    "preview_video": WRITES | {"idempotentHint": True},
    "join_videos": WRITES | {"idempotentHint": True},
    "read_video": READS,
}
"""A tool is read-only if it neither writes, nor downloads, nor pays."""
KEYWORDS = {"type", "properties", "required", "description", "enum", "items", "default"}
LIMITS = {"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern"}


async def listed(session: Session) -> dict[str, types.Tool]:
    return {tool.name: tool for tool in (await session.client.list_tools()).tools}


async def test_these_tools_are_listed_with_these_titles(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        assert {name: tool.title for name, tool in (await listed(session)).items()} == TITLES


async def test_the_hints_say_which_tools_write_and_which_may_be_repeated(tmp_path: Path, era: str) -> None:
    shows_views: dict[str, Any] = {"extensions": [advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})]}
    async with connected(tmp_path, era, client=shows_views) as session:
        tools = await listed(session)
    hints = {
        name: tool.annotations.model_dump(exclude_none=True, by_alias=True) if tool.annotations else {}
        for name, tool in tools.items()
    }
    assert hints == HINTS


async def test_every_output_schema_is_an_object_at_the_root(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        for tool in (await listed(session)).values():
            if tool.name == "preview_video":  # clients would show the structure instead of the image
                assert tool.output_schema is None
                continue
            assert tool.output_schema is not None
            assert tool.output_schema["type"] == "object"
            jsonschema.Draft202012Validator.check_schema(tool.output_schema)


def subschemas(schema: dict[str, Any], at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a schema and every schema in it, each with its location."""
    yield at, schema
    for name, inner in schema.get("properties", {}).items():
        yield from subschemas(inner, f"{at}.{name}")
    if "items" in schema:
        yield from subschemas(schema["items"], f"{at}[]")


@pytest.mark.parametrize("vendor", ["", *VENDORS])
async def test_input_schemas_use_only_what_every_client_supports(tmp_path: Path, era: str, vendor: str) -> None:
    async with connected(tmp_path, era, **(with_keys(vendor) if vendor else {})) as session:
        tools = await listed(session)
    assert all(re.fullmatch(r"[a-z0-9_]{1,30}", name) for name in tools)
    for tool in tools.values():
        assert tool.description
        assert len(tool.description) <= 2000
        jsonschema.Draft202012Validator.check_schema(tool.input_schema)
        assert set(tool.input_schema.get("required", [])) <= tool.input_schema["properties"].keys()
        for at, schema in subschemas(tool.input_schema):
            assert isinstance(schema["type"], str), at
            assert not schema.keys() - KEYWORDS - LIMITS, at
            assert schema["type"] != "array" or isinstance(schema["items"]["type"], str), at
            assert all(isinstance(value, str) for value in schema.get("enum", ())), at
            assert schema.get("default", 0) is not None, at
            assert len(schema.get("description", "")) <= 1000, at
        for name in tool.input_schema["properties"]:
            assert re.fullmatch(r"[a-z0-9_]{1,40}", name)


@pytest.mark.parametrize("vendor", VENDORS)
async def test_with_one_vendor_only_its_own_fields_and_models_are_shown(tmp_path: Path, era: str, vendor: str) -> None:
    async with connected(tmp_path, era, **with_keys(vendor)) as session:
        shown = (await listed(session))["create_video"].input_schema["properties"]
        ids = [m.id for m in session.settings.models]
    rows = {name for m in session.settings.models for name in m.rows}
    ours = {"model", "n", "like", "max_cost", "request_key", "allow_duplicate", "dry_run"}
    assert all(model_id.startswith(f"{vendor}/") for model_id in ids)
    assert shown.keys() == rows | ours
    assert shown["model"].get("enum", ids) == ids


async def test_without_any_key_the_tools_are_listed_and_say_what_is_missing(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, **with_keys()) as session:
        assert (await listed(session)).keys() == TITLES.keys() - {"cancel_video"}
        refusal = (await session.call("create_video", prompt="a fox")).refusal
        assert refusal.startswith("not_configured: ")
        assert "API key" in refusal
        assert "SEEDANCE_SANDBOX=1" in refusal
        assert (await session.call("list_videos")).fields["videos"] == []
