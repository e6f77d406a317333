"""Prompts (slash commands) that a person picks in the client, and completion of what they type."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import mcp_types as types

from seedance_mcp.catalog import Number, OneOf
from seedance_mcp.catalog.check import MOST_SHOWN
from seedance_mcp.catalog.shape import as_made
from seedance_mcp.errors import InvalidRequest

if TYPE_CHECKING:
    from seedance_mcp.catalog import Model
    from seedance_mcp.settings import Settings


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt: its arguments, and the text that it makes of them for the assistant."""

    name: str
    title: str
    description: str
    arguments: Mapping[str, tuple[str, bool]]
    """Name to (description, required)."""
    write: Callable[[Mapping[str, str], Settings], str]


def _model(given: Mapping[str, str], settings: Settings) -> Model | None:
    name = given.get("model")
    return settings.model(name) if name else None


def _shots(model: Model | None, settings: Settings) -> str:
    """Describe what one shot can be, so that every shot of a storyboard is legal."""
    if model is None:
        return "Use list_models to choose one model for all shots, and keep each shot to its limits."
    duration, ratio = model.rows.get("duration"), model.rows.get("aspect_ratio")
    seconds = duration.allowed() if isinstance(duration, Number) else "as long as the model allows"
    ratios = ratio.allowed() if isinstance(ratio, OneOf) else "any"
    chained = "first_frame" in model.modes and settings.takes_files(settings.vendor_of(model))
    chain = (
        "Begin each shot on the last frame of the one before (preview_video gives it as last_frame)." if chained else ""
    )
    return f"Every shot is made with {model.id}: {seconds} each, aspect ratio {ratios}. {chain}".strip()


def _storyboard(given: Mapping[str, str], settings: Settings) -> str:
    return (
        f"Make a storyboard for this idea: {given['idea']}\n\n"
        f"{_shots(_model(given, settings), settings)}\n"
        "For each shot write one create_video prompt: subject, action, camera, light, audio. Price every shot with "
        "dry_run, show me the table with the total, and wait for my yes before you make anything."
    )


def _animate(given: Mapping[str, str], settings: Settings) -> str:
    model = _model(given, settings)
    if model is not None:
        _check_first_frame(model, given["image"], settings)
    with_model = f" with {model.id}" if model else ""
    motion = given.get("motion") or "a slow push in with natural movement"
    return (
        f"Animate the image {given['image']}{with_model}: give it to create_video as first_frame, with the motion "
        f'"{motion}". Keep everything that I did not mention as it is in the image. Tell me the price first.'
    )


def _check_first_frame(model: Model, image: str, settings: Settings) -> None:
    """Refuse a model that cannot begin with this image; a path is checked when the video is created."""
    row, problem = model.rows.get("first_frame"), None
    if row is None or as_made(model, {"mode": "first_frame"}) is None:
        problem = f"{model.id} cannot make a video from one first image."
    elif "://" in image and row.problem(image):
        problem = f"{model.id} cannot use this image: it {row.problem(image)}."
    if problem is None:
        return
    able = [m.id for m in settings.models if not m.unfiltered and as_made(m, {"mode": "first_frame"})]
    others = [name for name in able if name != model.id][:_SHOWN]
    raise InvalidRequest(problem, next_step=f"Models that begin with an image: {', '.join(others)}." if others else "")


_SHOWN = 6
"""The most models that a refusal names."""


def _resume(_: Mapping[str, str], __: Settings) -> str:
    return (
        "Use list_videos to find what is not finished, and call check_video for each of those jobs until it ends. "
        "Create nothing new. Then tell me for each where its video is, what it cost, or why it failed."
    )


_MODEL = ("vendor/model; default: the cheapest that can do it", False)
PROMPTS: Mapping[str, Prompt] = {
    prompt.name: prompt
    for prompt in (
        Prompt(
            "storyboard",
            "Storyboard an idea",
            "Turn an idea into shots that the model can make, with prices, before paying anything",
            {"idea": ("What the video is about", True), "model": _MODEL},
            _storyboard,
        ),
        Prompt(
            "animate_image",
            "Animate an image",
            "Make an image move",
            {"image": ("URL or path", True), "motion": ("What moves and how", False), "model": _MODEL},
            _animate,
        ),
        Prompt("resume", "Resume pending videos", "Check every unfinished video until it ends", {}, _resume),
    )
}


_LONGEST = 5000
"""Characters of an argument: a prompt repeats it."""


def listed() -> list[types.Prompt]:
    """Return the prompts as a client lists them."""
    return [
        types.Prompt(
            name=p.name,
            title=p.title,
            description=p.description,
            arguments=[
                types.PromptArgument(name=n, description=description, required=needed)
                for n, (description, needed) in p.arguments.items()
            ],
        )
        for p in PROMPTS.values()
    ]


def written(name: str, given: Mapping[str, str], settings: Settings) -> types.GetPromptResult:
    """Return the text of a prompt with its arguments filled in.

    Raises:
        InvalidRequest: there is no such prompt, or arguments are missing or unknown; lists all of them.
    """
    prompt = PROMPTS.get(name)
    if prompt is None:
        raise InvalidRequest(f"There is no prompt {name[:60]!r}.", next_step=f"There are {', '.join(PROMPTS)}.")
    missing = [n for n, (_, needed) in prompt.arguments.items() if needed and not given.get(n)]
    unknown = [n for n in given if n not in prompt.arguments]
    problems = [f"{n} is required" for n in missing] + [f"{n[:60]} is not an argument" for n in unknown]
    problems += [
        f"{n} has {len(text)} characters; the limit is {_LONGEST}" for n, text in given.items() if len(text) > _LONGEST
    ]
    if problems:
        more = len(problems) - MOST_SHOWN
        shown = problems[:MOST_SHOWN] + ([f"and {more} more"] if more > 0 else [])
        raise InvalidRequest(f"{name}: {', '.join(shown)}.", next_step="")
    text = prompt.write(given, settings)
    message = types.PromptMessage(role="user", content=types.TextContent(type="text", text=text))
    return types.GetPromptResult(description=prompt.description, messages=[message])


_MOTIONS = (
    "a slow push in",
    "a slow orbit to the left",
    "hair and clothes move in the wind",
    "the subject turns and smiles",
)
MOST = 100
"""Values that one completion may have."""


def completed(argument: str, typed: str, settings: Settings, job_ids: Sequence[str]) -> list[str]:
    """Return the values that begin with, then those that contain, what was typed for an argument."""
    ids = [m.id for m in settings.models]
    values: Mapping[str, Sequence[str]] = {
        "model": ids,
        "vendor": [v.slug for v in settings.vendors],
        "job_id": job_ids,
        "motion": _MOTIONS,
    }
    return matching(values.get(argument, ()), typed)


def matching(values: Sequence[str], typed: str) -> list[str]:
    """Return the values that begin with, then those that contain, what was typed; at most as many as MOST."""
    beginning = [v for v in values if v.startswith(typed)]
    containing = [v for v in values if typed in v]
    return list(dict.fromkeys(beginning + containing))[:MOST]
