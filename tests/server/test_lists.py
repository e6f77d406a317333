"""What a client is shown of the tools, before it calls any."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import mcp_types as types
import pytest

from seedance_mcp.vendors import known_vendors
from tests.server.mcp_client import VENDORS, Session, connected

pytestmark = pytest.mark.anyio

TITLES = {
    "list_models": "List models",
    "create_video": "Create video",
    "check_video": "Check video",
    "list_videos": "List videos",
    "preview_video": "Preview video",
}
EVERYWHERE = {"type", "properties", "required", "additionalProperties", "description", "enum", "items", "default"}
NUMBERS = {"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern"}


async def listed(session: Session) -> dict[str, types.Tool]:
    return {tool.name: tool for tool in (await session.client.list_tools()).tools}


async def test_there_are_these_tools_with_these_titles(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        assert {name: tool.title for name, tool in (await listed(session)).items()} == TITLES


async def test_only_create_video_is_not_read_only_and_nothing_invites_a_client_to_repeat_it(
    tmp_path: Path, era: str
) -> None:
    async with connected(tmp_path, era) as session:
        tools = await listed(session)
    said = {
        name: tool.annotations.model_dump(exclude_none=True, by_alias=True) if tool.annotations else {}
        for name, tool in tools.items()
    }
    creating = said.pop("create_video")
    assert creating.keys().isdisjoint({"idempotentHint", "readOnlyHint"})
    assert creating["destructiveHint"] is False
    assert all(hints["readOnlyHint"] is True for hints in said.values())


async def test_every_output_schema_is_an_object_at_the_root(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        for tool in (await listed(session)).values():
            if tool.name == "preview_video":  # a picture, in whose place clients would show the structure
                assert tool.output_schema is None
                continue
            assert tool.output_schema is not None
            assert tool.output_schema["type"] == "object"
            jsonschema.Draft202012Validator.check_schema(tool.output_schema)


def within(schema: dict[str, Any], at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a schema and every schema in it, with where it stands."""
    yield at, schema
    for name, inner in schema.get("properties", {}).items():
        yield from within(inner, f"{at}.{name}")
    if "items" in schema:
        yield from within(schema["items"], f"{at}[]")


@pytest.mark.parametrize("vendor", ["", *VENDORS])
async def test_input_schemas_stay_within_what_every_client_takes(tmp_path: Path, era: str, vendor: str) -> None:
    async with connected(tmp_path, era, **(only(vendor) if vendor else {})) as session:
        tools = await listed(session)
    assert all(re.fullmatch(r"[a-z0-9_]{1,30}", name) for name in tools)
    for tool in tools.values():
        assert tool.description
        assert len(tool.description) <= 2000
        jsonschema.Draft202012Validator.check_schema(tool.input_schema)
        assert tool.input_schema["additionalProperties"] is False
        assert set(tool.input_schema.get("required", [])) <= tool.input_schema["properties"].keys()
        for where, schema in within(tool.input_schema):
            assert isinstance(schema["type"], str), where
            assert not schema.keys() - EVERYWHERE - NUMBERS, where
            assert schema["type"] != "array" or isinstance(schema["items"]["type"], str), where
            assert all(isinstance(value, str) for value in schema.get("enum", ())), where
            assert schema.get("default", 0) is not None, where
            assert len(schema.get("description", "")) <= 1000, where
        for name in tool.input_schema["properties"]:
            assert re.fullmatch(r"[a-z0-9_]{1,40}", name)


def only(vendor: str) -> dict[str, Any]:
    """Return the settings in which one vendor has a key."""
    name = known_vendors()[vendor].env_name
    return {"SEEDANCE_SANDBOX": "0", f"SEEDANCE_{name}_API_KEY": "key-for-tests"}


@pytest.mark.parametrize("vendor", VENDORS)
async def test_with_one_vendor_only_its_own_fields_and_models_are_shown(tmp_path: Path, era: str, vendor: str) -> None:
    async with connected(tmp_path, era, **only(vendor)) as session:
        shown = (await listed(session))["create_video"].input_schema["properties"]
        ids = [m.id for m in session.settings.models]
    taken = {name for m in session.settings.models for name in m.rows}
    ours = {"model", "max_cost", "request_key", "allow_duplicate", "dry_run"}
    assert all(model_id.startswith(f"{vendor}/") for model_id in ids)
    assert shown.keys() == taken | ours
    assert shown["model"].get("enum", ids) == ids


async def test_without_any_key_the_tools_are_there_and_say_what_is_missing(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, SEEDANCE_SANDBOX="0") as session:
        assert (await listed(session)).keys() == TITLES.keys()
        said = (await session.call("create_video", prompt="a fox")).refusal
        assert said.startswith("not_configured: ")
        assert "API key" in said
        assert "SEEDANCE_SANDBOX=1" in said
        assert (await session.call("list_videos")).fields["videos"] == []


async def test_the_handshake_says_who_we_are_and_that_nothing_is_real(tmp_path: Path) -> None:
    async with connected(tmp_path, "legacy") as session:
        assert session.client.server_info is not None
        assert session.client.server_info.name == "seedance-mcp"
        assert "Sandbox: nothing is real and nothing is paid." in (session.client.instructions or "")


async def test_discovering_says_the_same(tmp_path: Path) -> None:
    async with connected(tmp_path, "auto") as session:
        assert session.client.protocol_version == "2026-07-28"
        assert session.client.server_info is not None
        assert session.client.server_info.name == "seedance-mcp"
        assert "Never call create_video again" in (session.client.instructions or "")


async def test_an_unknown_tool_is_an_error_of_the_protocol(tmp_path: Path, era: str) -> None:
    from mcp.shared.exceptions import MCPError

    async with connected(tmp_path, era) as session:
        with pytest.raises(MCPError, match="Unknown tool: make_coffee") as caught:
            await session.client.call_tool("make_coffee", {})
        assert caught.value.error.code == -32602
