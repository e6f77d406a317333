"""Slash commands: what a person picks, and what completes while they type."""

from __future__ import annotations

from pathlib import Path

import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError

from tests.server.mcp_client import PRICED, Session, connected

pytestmark = pytest.mark.anyio


async def written(session: Session, name: str, **arguments: str) -> str:
    (message,) = (await session.client.get_prompt(name, arguments)).messages
    assert isinstance(message.content, types.TextContent)
    return message.content.text


async def test_there_are_three_and_each_says_what_it_is(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        prompts = (await session.client.list_prompts()).prompts
    assert [p.name for p in prompts] == ["storyboard", "animate_image", "resume"]
    assert all(p.title and p.description for p in prompts)


async def test_a_storyboard_keeps_to_the_models_shots_and_asks_before_it_pays(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        text = await written(session, "storyboard", idea="a fox in the snow", model="seedanceapi/seedance-2.0")
        free = await written(session, "storyboard", idea="a fox in the snow")
    assert "a fox in the snow" in text
    assert "5, 10 or 15 s each" in text
    assert "wait for my yes" in text
    assert "list_models" in free


async def test_a_picture_is_animated_and_pending_work_resumed(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        moving = await written(session, "animate_image", image="https://example.com/fox.png", motion="it blinks")
        pending = await written(session, "resume")
    assert "https://example.com/fox.png" in moving
    assert "«it blinks»" in moving
    assert "Make nothing new" in pending


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("storyboard", {}, "idea is required"),
        ("storyboard", {"idea": "x", "mood": "dark"}, "mood is not an argument"),
        ("storyboard", {"idea": "x", "model": "ope/none"}, "There is no model 'ope/none' here."),
        ("dream", {}, "There is no prompt 'dream'."),
    ],
)
async def test_what_cannot_be_written_is_said(
    tmp_path: Path, era: str, name: str, arguments: dict[str, str], words: str
) -> None:
    async with connected(tmp_path, era) as session:
        with pytest.raises(MCPError, match="invalid_request") as refused:
            await session.client.get_prompt(name, arguments)
    assert words in str(refused.value)


async def test_models_vendors_and_jobs_complete(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        job = await session.create(**PRICED)
        storyboard = types.PromptReference(type="ref/prompt", name="storyboard")
        model = await session.client.complete(storyboard, {"name": "model", "value": "ope/"})
        middle = await session.client.complete(storyboard, {"name": "model", "value": "mini-sp"})
        template = types.ResourceTemplateReference(type="ref/resource", uri="seedance://videos/{job_id}")
        jobs = await session.client.complete(template, {"name": "job_id", "value": job["job_id"][:3]})
        nothing = await session.client.complete(storyboard, {"name": "idea", "value": "a"})
    assert model.completion.values == ["ope/seedance-2-0", "ope/seedance-2-0-fast", "ope/seedance-2-0-nsfw"]
    assert middle.completion.values == ["jimmyai/seedance2.0-mini-sp"]
    assert jobs.completion.values == [job["job_id"]]
    assert nothing.completion.values == []
