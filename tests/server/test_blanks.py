"""Strict function calling: arguments that a client filled in with nothing are not given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.server.mcp_client import PRICED, Session, connected

pytestmark = pytest.mark.anyio

MODELS = (
    None,
    "seedanceapi/seedance-2-mini",
    "ope/seedance-2-0",
    "12ai/seedance-2-official",
    "aigptimage/seedance-2.0-text-to-video",
    "jimmyai/seedance2.0-mini-sp",
)
SWITCHES: dict[str, object] = {"safety_filter": True, "generate_audio": None}
"""Whose other position is always meant."""


def nothing(name: str, schema: dict[str, Any]) -> object:
    """Return what a client in strict mode writes for an argument about which nothing was said."""
    empty: dict[str, object] = {"string": "", "array": [], "boolean": False, "number": 0, "integer": 0, "object": {}}
    return SWITCHES.get(name, empty[schema["type"]])


async def filled(session: Session, tool: str, **meant: Any) -> dict[str, Any]:
    """Return the arguments of a tool with a nothing in each one that is not meant."""
    tools = {tool.name: tool for tool in (await session.client.list_tools()).tools}
    properties: dict[str, Any] = tools[tool].input_schema["properties"]
    return {name: nothing(name, schema) for name, schema in properties.items()} | meant


async def sent(session: Session, arguments: dict[str, Any]) -> tuple[object, ...]:
    """Return what a dry run would send, for which price, with which advice."""
    fields = (await session.call("create_video", **arguments | {"dry_run": True})).fields
    return fields["model"], fields["request"], fields["cost"], fields.get("advice"), fields.get("chosen")


@pytest.mark.parametrize("model", MODELS)
async def test_a_call_with_every_argument_filled_in_makes_the_same_video_as_one_without(
    tmp_path: Path, era: str, model: str | None
) -> None:
    meant = {"prompt": "a fox"} | ({"model": model} if model else {})
    async with connected(tmp_path, era) as session:
        everything = await filled(session, "create_video", **meant)
        assert len(everything) >= 21
        assert await sent(session, everything) == await sent(session, meant)


@pytest.mark.parametrize("model", MODELS[:3])
async def test_each_argument_filled_in_alone_with_something_empty_is_not_given(
    tmp_path: Path, model: str | None
) -> None:
    meant = {"prompt": "a fox"} | ({"model": model} if model else {})
    async with connected(tmp_path, "2026-07-28") as session:
        plain = await sent(session, meant)
        for name, value in (await filled(session, "create_video")).items():
            empties = (None, value) if value in ("", [], {}) or name == "duration" else (None,)
            for empty in empties if name not in meant else ():
                assert await sent(session, meant | {name: empty}) == plain, (name, empty)


async def test_what_is_meant_counts_in_a_filled_in_call_too(tmp_path: Path, era: str) -> None:
    meant = {"prompt": "a fox", "duration": 6, "generate_audio": False, "first_frame": "https://example.com/a.png"}
    async with connected(tmp_path, era) as session:
        model, request, *_ = await sent(session, await filled(session, "create_video", **meant, safety_filter=False))
        assert (model, request) == (await sent(session, meant | {"safety_filter": False}))[:2]
    assert "'nsfw_checker': False" in str(request)


async def test_a_zero_that_can_be_meant_is_meant_where_nothing_else_is_filled_in(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        _, request, *_ = await sent(session, {"prompt": "a fox", "model": "ope/seedance-2-0", "seed": 0})
        assert "'seed': 0" in str(request)
        assert "max_cost is $0.00" in await session.refused(**PRICED, max_cost=0)
        assert session.charge_count == 0


async def test_the_other_tools_take_filled_in_calls_as_well(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        done = await session.video(**PRICED)
        for tool, meant in {
            "list_models": {"generate_audio": None},
            "list_videos": {},
            "check_video": {"job_id": done["job_id"]},
            "preview_video": {"job_id": done["job_id"]},
        }.items():
            one = await session.call(tool, **await filled(session, tool, **meant))
            other = await session.call(tool, **meant)
            assert not one.result.is_error
            assert one.text == other.text, tool
