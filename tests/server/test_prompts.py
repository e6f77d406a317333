"""Prompts (slash commands), and the completion of their arguments."""

from __future__ import annotations

from pathlib import Path

import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError

from tests.server.mcp_client import PRICED, Session, connected

pytestmark = pytest.mark.anyio


async def prompt_text(session: Session, name: str, **arguments: str) -> str:
    (message,) = (await session.client.get_prompt(name, arguments)).messages
    assert isinstance(message.content, types.TextContent)
    return message.content.text


async def test_three_prompts_are_listed_with_title_and_description(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        prompts = (await session.client.list_prompts()).prompts
    assert [p.name for p in prompts] == ["storyboard", "animate_image", "resume"]
    assert all(p.title and p.description for p in prompts)


async def test_a_storyboard_respects_the_models_limits_and_asks_before_paying(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        text = await prompt_text(session, "storyboard", idea="a fox in the snow", model="seedanceapi/seedance-2.0")
        without_model = await prompt_text(session, "storyboard", idea="a fox in the snow")
    assert "a fox in the snow" in text
    assert "5, 10 or 15 s each" in text
    assert "wait for my yes" in text
    assert "a video of 45 s, such as nine shots of 5 s," in text
    assert "join_videos with the job_ids in order" in text
    assert "list_models" in without_model
    assert "Those that can begin a shot where the last one ended: jimmyai/" in without_model


async def test_animate_image_has_the_image_and_the_motion(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        text = await prompt_text(session, "animate_image", image="https://example.com/fox.png", motion="it blinks")
    assert "https://example.com/fox.png" in text
    assert 'with the motion "it blinks".' in text


@pytest.mark.parametrize(
    ("model", "image", "problem"),
    [
        ("jimmyai/seedance2.0-md", "https://example.com/fox.png", "cannot make a video from one first image"),
        ("aigptimage/seedance-2.0-text-to-video", "https://example.com/fox.png", "cannot make a video from one first"),
        ("jimmyai/sd2_mx_720p", "https://example.com/fox.png", "must be a URL beginning with asset://"),
        ("ope/seedance-2-0", "asset://fox", "must be a URL beginning with https:// or http://"),
    ],
)
async def test_animate_image_never_asks_for_what_the_model_refuses(
    tmp_path: Path, era: str, model: str, image: str, problem: str
) -> None:
    async with connected(tmp_path, era) as session:
        with pytest.raises(MCPError, match=problem) as refused:
            await session.client.get_prompt("animate_image", {"image": image, "model": model})
        assert "Models that begin with an image: " in str(refused.value)
        text = await prompt_text(session, "animate_image", image="~/fox.png", model="ope/seedance-2-0")
    assert "with ope/seedance-2-0" in text


@pytest.mark.parametrize(
    ("model", "chained"),
    [
        ("jimmyai/seedance2.0-sp", True),
        ("jimmyai/seedance2.0-md", False),  # a first frame needs a last one
        ("ope/seedance-2-0", False),  # takes no files without a bucket
        ("aigptimage/seedance-2.0-text-to-video", False),
    ],
)
async def test_a_storyboard_chains_shots_only_where_the_model_takes_a_frame_of_ours(
    tmp_path: Path, era: str, model: str, chained: bool
) -> None:
    async with connected(tmp_path, era) as session:
        text = await prompt_text(session, "storyboard", idea="a fox", model=model)
    assert ("Begin each shot on the last frame" in text) is chained


async def test_resume_creates_nothing_new(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        assert "Create nothing new." in await prompt_text(session, "resume")


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("storyboard", {}, "idea is required"),
        ("storyboard", {"idea": "x", "mood": "dark"}, "mood is not an argument"),
        ("storyboard", {"idea": "x", "model": "ope/none"}, "No configured vendor has a model 'ope/none'."),
        ("dream", {}, "There is no prompt 'dream'."),
    ],
)
async def test_an_unknown_prompt_or_argument_is_refused(
    tmp_path: Path, era: str, name: str, arguments: dict[str, str], expected: str
) -> None:
    async with connected(tmp_path, era) as session:
        with pytest.raises(MCPError, match="invalid_request") as refused:
            await session.client.get_prompt(name, arguments)
    assert expected in str(refused.value)


async def test_models_and_job_ids_are_completed(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        job = await session.create(**PRICED)
        storyboard = types.PromptReference(type="ref/prompt", name="storyboard")
        beginning = await session.client.complete(storyboard, {"name": "model", "value": "ope/"})
        middle = await session.client.complete(storyboard, {"name": "model", "value": "mini-sp"})
        template = types.ResourceTemplateReference(type="ref/resource", uri="seedance://videos/{job_id}")
        jobs = await session.client.complete(template, {"name": "job_id", "value": job["job_id"][:3]})
        nothing = await session.client.complete(storyboard, {"name": "idea", "value": "a"})
    assert beginning.completion.values == ["ope/seedance-2-0", "ope/seedance-2-0-fast", "ope/seedance-2-0-nsfw"]
    assert middle.completion.values == ["jimmyai/seedance2.0-mini-sp"]
    assert jobs.completion.values == [job["job_id"]]
    assert nothing.completion.values == []


async def test_both_parts_of_the_address_of_a_model_are_completed(tmp_path: Path, era: str) -> None:
    template = types.ResourceTemplateReference(type="ref/resource", uri="seedance://models/{vendor}/{model}")
    async with connected(tmp_path, era) as session:
        vendors = await session.client.complete(template, {"name": "vendor", "value": "o"})
        models = await session.client.complete(
            template, {"name": "model", "value": ""}, context_arguments={"vendor": "ope"}
        )
        owners = await session.client.complete(
            template, {"name": "vendor", "value": ""}, context_arguments={"model": "seedance-2-0-nsfw"}
        )
        for name in models.completion.values:
            await session.client.read_resource(f"seedance://models/ope/{name}")
    assert vendors.completion.values[0] == "ope"
    assert len(vendors.completion.values) == len(set(vendors.completion.values))
    assert models.completion.values == ["seedance-2-0", "seedance-2-0-fast", "seedance-2-0-nsfw"]
    assert owners.completion.values == ["ope"]
