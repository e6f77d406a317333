"""list_models: which models can do a shape and for how much, one line each; or everything that one model takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seedance_mcp.catalog import Flag, Media, Model, OneOf, Row, Text, Whole, choose, schema
from seedance_mcp.catalog.check import check
from seedance_mcp.catalog.price import price
from seedance_mcp.errors import InvalidRequest
from seedance_mcp.server.tools.tool import OBJECT, OURS, STRING, STRINGS, Call, Tool, check_args, inputs, outputs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seedance_mcp.catalog.price import Prices
    from seedance_mcp.jobs.service import JobService
    from seedance_mcp.settings import Settings
    from seedance_mcp.views import Fields

_KINDS = ("image", "video", "audio")
_ORDER = ("model", "mode", "references", "duration", "resolution", "aspect_ratio", "generate_audio")


def tool(settings: Settings) -> Tool:
    """Return the tool."""
    return Tool(
        "list_models",
        "List models",
        "Models, limits, prices; arguments filter, model shows one",
        inputs(_rows(settings.models), {}, no_choices=frozenset({"resolution", "aspect_ratio"})),
        outputs({"models": OBJECT, "model": STRING, "takes": OBJECT, "rules": STRINGS, "price": STRING}),
        list_models,
        read_only=True,
    )


def _rows(models: tuple[Model, ...]) -> dict[str, Row]:
    """Return what list_models can filter by: the values that some configured model has."""
    found: dict[str, Row] = {
        "model": Text(OURS),
        "mode": OneOf(("text", "first_frame", "first_last_frame", "references"), OURS),
        "references": OneOf(_KINDS, OURS),
        "duration": Whole(1, None, OURS),
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
    if name is not None:
        return _one_model(settings.model(name), prices)
    shape = dict(call.args)
    found = [m for m in settings.models if choose.fits(m, shape)]
    if not found:
        raise InvalidRequest("No configured model can do all of this.", next_step="Drop one of the conditions.")
    return {"models": {m.id: _brief(m, shape, prices) for m in found}}


def _one_model(model: Model, prices: Prices) -> Fields:
    return {
        "model": model.id,
        "takes": dict(schema.field_descriptions(model)),
        "rules": [rule.describe() for rule in model.rules],
        "price": _price_text(model, {}, prices),
    }


def _brief(model: Model, shape: Mapping[str, Any], prices: Prices) -> str:
    """Describe a model in at most 40 tokens: seconds, resolutions, what it starts from, price."""
    duration, resolution = model.rows["duration"], model.rows["resolution"]
    short = {"text": "text", "first_frame": "first", "first_last_frame": "last"}
    modes = [short[m] for m in model.modes if m in short]
    kinds = ["refs:" + "".join(k[0] for k in _KINDS if f"reference_{k}s" in model.rows)]
    values = resolution.values if isinstance(resolution, OneOf) else ("",)
    lines = "/".join([*(v.removesuffix("p") for v in values[:-1]), values[-1]])
    seconds = ""
    if isinstance(duration, Whole):
        ends = f"{duration.least}-{duration.most}s" if duration.most else f"{duration.least}s+"
        seconds = "/".join(map(str, duration.only)) + "s" if duration.only else ends
    starts = " ".join(modes + kinds * ("references" in model.modes))
    return ",".join([seconds, lines, starts, _price_text(model, shape, prices)])


def _price_text(model: Model, shape: Mapping[str, Any], prices: Prices) -> str:
    """Return the price of a shape, with the model's defaults for the rest, such as "$1.54/5s"."""
    fields = {k: v for k, v in shape.items() if k in {"duration", "resolution", "aspect_ratio", "generate_audio"}}
    sample = {"prompt": "x", **fields}
    for name, row in model.rows.items():
        if row.required and name not in sample:
            sample[name] = "asset://x" if isinstance(row, Media) else "https://example.com/x"
    request = check(model, sample).request
    cost = price(request, prices) if request else None
    if request is None or cost is None or cost.amount is None:
        return "price unknown"
    return f"{cost.brief()}/{request.duration}s"
