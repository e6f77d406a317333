"""Switches that a model does not have: whether what a caller asks of them is fulfilled all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from seedance_mcp.catalog.rows import Schema, Source
from seedance_mcp.catalog.rules import Advice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seedance_mcp.catalog.model import Model, Trait

Answer = Literal["fulfilled", "unsupported"] | Advice
"""Advice: nobody says whether it is fulfilled, so the request is accepted, and other models come first."""

_OFF_BY_OMISSION = {"web_search", "public"}
"""What a vendor without the switch cannot do either: asking for it to be off asks for nothing."""
_SWITCHES = (*sorted(_OFF_BY_OMISSION), "watermark", "generate_audio", "safety_filter")
_OURS = Source("OURS", "switches")


def without_switch(model: Model, name: str, value: object) -> Answer:
    """Say what becomes of an argument for which the model has no row."""
    if not isinstance(value, bool):
        return "unsupported"
    if name in _OFF_BY_OMISSION:
        return "unsupported" if value else "fulfilled"
    trait = model.traits.get(name)
    if trait is not None and trait.source.documented and trait.value is not None:
        return "fulfilled" if trait.value is value else "unsupported"
    text = {
        ("watermark", False): "a watermark and does not say whether its videos have one.",
        ("safety_filter", True): "its content filter and does not say what it filters.",
        ("generate_audio", value): f"audio. {audio_text(trait)}",
    }.get((name, value))
    return Advice((name,), f"{model.vendor} has no switch for {text}", _OURS) if text else "unsupported"


def audio_text(trait: Trait | None) -> str:
    """Say whether the videos of a model without a switch have audio, and who says so."""
    if trait is None or trait.value is None:
        return "Whether its videos have audio is unknown."
    known = "documented" if trait.source.documented else "assumed, as it is the upstream's default"
    return f"Its videos have {'' if trait.value else 'no '}audio ({known})."


def switch_schemas(model: Model) -> Iterator[tuple[str, Schema]]:
    """Yield the switches that the model does not have, with the JSON Schema of the values that are accepted."""
    for name in _SWITCHES:
        if name in model.rows:
            continue
        accepted = [value for value in (False, True) if without_switch(model, name, value) != "unsupported"]
        if accepted:
            yield name, {"type": "boolean"} | ({"enum": accepted} if len(accepted) == 1 else {})
