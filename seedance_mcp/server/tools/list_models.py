"""list_models: which models can do a shape and for how much, one line each; or everything that one model takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedance_mcp.catalog import Flag, Model, Number, OneOf, Row, Text, schema
from seedance_mcp.catalog.shape import KINDS, MODES, Example, example
from seedance_mcp.catalog.switches import audio_text
from seedance_mcp.errors import InvalidRequest
from seedance_mcp.server.tools.tool import OBJECT, OURS, STRING, STRINGS, Call, Tool, check_args, inputs, outputs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from seedance_mcp.catalog.price import Prices
    from seedance_mcp.jobs.service import JobService
    from seedance_mcp.settings import Settings
    from seedance_mcp.views import Fields

_ORDER = ("model", "mode", "references", "duration", "resolution", "aspect_ratio", "generate_audio")


def tool(settings: Settings) -> Tool:
    """Return the tool."""
    return Tool(
        "list_models",
        "List models",
        "Models, limits, prices; arguments filter, model shows one. refs avi = audio/video/image, !x: caution",
        inputs(_rows(settings.models), {}, no_choices=frozenset({"resolution", "aspect_ratio"})),
        outputs(
            {
                "models": OBJECT, "model": STRING, "summary": STRING, "takes": OBJECT, "audio": STRING,
                "rules": STRINGS, "advice": STRINGS, "price": STRING,
            }
        ),
        list_models,
        read_only=True,
    )  # fmt: skip


def _rows(models: tuple[Model, ...]) -> dict[str, Row]:
    """Return what list_models can filter by: the values that some configured model has."""
    found: dict[str, Row] = {
        "model": Text(OURS),
        "mode": OneOf(MODES, OURS),
        "references": OneOf(KINDS, OURS),
        "duration": Number(1, None, OURS),
        "generate_audio": Flag(OURS),
    }
    for name in ("resolution", "aspect_ratio"):
        values = [v for m in models if isinstance(row := m.rows.get(name), OneOf) for v in row.values]
        if values:
            found[name] = OneOf(tuple(dict.fromkeys(values)), OURS)
    return {name: found[name] for name in _ORDER if name in found}


async def list_models(service: JobService, call: Call) -> Fields:
    """Answer which models can do a shape and for how much, or what exactly one model takes."""
    settings = service.settings
    check_args(_rows(settings.models), call, "list_models")
    name = call.args.get("model")
    prices = await service.prices(name)
    shape = {k: v for k, v in call.args.items() if k != "model"}
    if name is not None:
        return _one_model(settings.model(name), shape, prices)
    filtered = "resolution" in shape
    found = {m.id: _brief(m, made, filtered=filtered) for m in settings.models if (made := example(m, shape, prices))}
    if not found:
        raise InvalidRequest("No configured model can do all of this.", next_step="Drop one of the conditions.")
    return {"models": found}


def _one_model(model: Model, shape: Mapping[str, Any], prices: Prices) -> Fields:
    made = example(model, shape, prices)
    if made is None:
        raise InvalidRequest(f"{model.id} cannot do all of this.", next_step="Call list_models without model.")
    warnings = [*model.advice, *model.billing.cautions]
    return {
        "model": model.id,
        "summary": model.summary,
        "takes": dict(schema.field_descriptions(model)),
        "audio": _audio(model),
        "rules": [f"{rule.describe()}{' (the upstream)' if rule.source.soft else ''}" for rule in model.rules],
        "advice": list(dict.fromkeys(advice.text for advice in warnings)),
        "price": _price_text(made),
    }


def _audio(model: Model) -> str:
    """Say whether its videos have audio: documented, assumed or unknown."""
    if (row := model.rows.get("generate_audio")) is not None:
        return f"As generate_audio says (documented); default {str(row.default).lower()}."
    return audio_text(model.traits.get("generate_audio"))


def _brief(model: Model, made: Example, *, filtered: bool = False) -> str:
    """Describe a model in at most 40 tokens: what it is, seconds, resolutions, what it starts from, price, cautions.

    `filtered`: the resolution that is priced is the one that was asked for.
    """
    rows = model.kept_rows
    duration, resolution = rows["duration"], rows["resolution"]
    values = resolution.values if isinstance(resolution, OneOf) else ("",)
    lines = values[0] if len(values) == 1 else f"{values[0].removesuffix('p')}-{values[-1]}"
    if model.name.endswith(f"_{lines}"):  # said by the name
        lines = ""
    seconds = ""
    if isinstance(duration, Number):
        ends = f"{duration.least:g}-{duration.most:g}s" if duration.most else f"{duration.least:g}s+"
        seconds = "/".join(map(str, duration.only)) + "s" if duration.only else ends
    # Assets that a model takes are in its summary, or concern only a caller who has some.
    cautions = dict.fromkeys(a.when[0] for a in made.advice if a.caution and not a.asset)
    marks = (f"!{name}" for name in cautions)
    cost = _price_text(made, with_resolution=len(values) > 1 and not filtered)
    return ",".join(filter(None, [model.summary, seconds, lines, _starts(model), cost, *marks]))


def _starts(model: Model) -> str:
    """Return what a model starts from, beside text: nearly every model can start from text alone."""
    short = {"first_frame": "first", "first_last_frame": "last"}
    modes = [short[m] for m in model.modes if m in short]
    if "references" in model.modes:
        modes.append("refs " + "".join(k[0] for k in reversed(KINDS) if f"reference_{k}s" in model.rows))
    return " ".join(modes) + ("" if "text" in model.modes else " only") or "text only"


def _price_text(made: Example, *, with_resolution: bool = True) -> str:
    """Return what an example costs, such as "$1.54/5s 720p" or "$0.35/video"; "+": it may cost more."""
    request, cost = made.request, made.cost
    flat = cost.per == "video"
    if cost.amount is None:
        return "price unknown" + ("/video" if flat else "")
    resolution = f" {request.resolution}" if with_resolution and request.resolution else ""
    return f"{cost.rounded()}{'+' if cost.caution else ''}/{'video' if flat else f'{request.duration:g}s'}{resolution}"
