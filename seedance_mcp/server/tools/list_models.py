"""list_models: which models can do a shape and for how much, each in a line; or all that one model takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seedance_mcp.catalog import Flag, Media, Model, OneOf, Row, Source, Text, Whole, choose, schema
from seedance_mcp.catalog.check import check
from seedance_mcp.catalog.price import price
from seedance_mcp.errors import InvalidRequest
from seedance_mcp.server.tools.tool import Call, check_args

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seedance_mcp.jobs.service import JobService
    from seedance_mcp.views import Fields

_OURS = Source("OURS", "tools")
_KINDS = ("image", "video", "audio")
DESCRIPTIONS = {
    "model": "",
    "mode": "",
    "references": "",
    "duration": "",
    "resolution": "",
    "aspect_ratio": "",
    "generate_audio": "",
}


def rows(models: tuple[Model, ...]) -> dict[str, Row]:
    """What list_models can filter by: the values that some configured model has."""
    found: dict[str, Row] = {
        "model": Text(_OURS),
        "mode": OneOf(("text", "first_frame", "first_last_frame", "references"), _OURS),
        "references": OneOf(_KINDS, _OURS),
        "duration": Whole(1, None, _OURS),
        "generate_audio": Flag(_OURS),
    }
    for name in ("resolution", "aspect_ratio"):
        values = [v for m in models if isinstance(row := m.rows.get(name), OneOf) for v in row.values]
        if values:
            found[name] = OneOf(tuple(dict.fromkeys(values)), _OURS)
    return {name: found[name] for name in DESCRIPTIONS if name in found}


async def list_models(service: JobService, call: Call) -> Fields:
    """Say which models can do a shape and for how much, or what exactly one model takes."""
    models = service.settings.models
    check_args(rows(models), call, "list_models")
    await service.prices.ready(call.args.get("model"))
    shape = dict(call.args)
    if name := shape.pop("model", None):
        quote_for = next((m for m in models if m.id == name), None)
        if quote_for is None:
            raise InvalidRequest(f"There is no model {name!r} here.", next_step="Call list_models without model.")
        return _one_model(service, quote_for)
    found = [m for m in models if choose.fits(m, shape)]
    if not found:
        raise InvalidRequest("No configured model can do all of this.", next_step="Drop one of the conditions.")
    return {"models": {m.id: _brief(service, m, shape) for m in found}}


def _one_model(service: JobService, model: Model) -> Fields:
    takes = dict(schema.field_descriptions(model))
    rules = [rule.describe() for rule in model.rules]
    return {
        "model": model.id,
        "takes": takes,
        "rules": rules,
        "price": _price_text(service, model, {}),
    }


def _brief(service: JobService, model: Model, shape: Mapping[str, Any]) -> str:
    """A model in at most 40 tokens: what it is, seconds, resolutions, what it starts from, price."""
    duration, resolution = model.rows["duration"], model.rows["resolution"]
    letters = {"text": "text", "first_frame": "first", "first_last_frame": "last"}
    modes = [letters[m] for m in model.modes if m in letters]
    kinds = ["refs:" + "".join(k[0] for k in _KINDS if f"reference_{k}s" in model.rows)]
    values = resolution.values if isinstance(resolution, OneOf) else ("",)
    lines = "/".join([*(v.removesuffix("p") for v in values[:-1]), values[-1]])
    seconds = ""
    if isinstance(duration, Whole):
        ends = f"{duration.least}-{duration.most}s" if duration.most else f"{duration.least}s+"
        seconds = "/".join(map(str, duration.only)) + "s" if duration.only else ends
    starts = " ".join(modes + kinds * ("references" in model.modes))
    return ",".join([seconds, lines, starts, _price_text(service, model, shape)])


def _price_text(service: JobService, model: Model, shape: Mapping[str, Any]) -> str:
    """The price of the shape with the model's defaults for the rest, such as «$1.54/5s»."""
    fields = {k: v for k, v in shape.items() if k in {"duration", "resolution", "aspect_ratio", "generate_audio"}}
    sample = {"prompt": "x", **fields}
    for name, row in model.rows.items():
        if row.required and name not in sample:
            sample[name] = "asset://x" if isinstance(row, Media) else "https://example.com/x"
    request = check(model, sample).request
    cost = price(request, service.prices) if request else None
    if request is None or cost is None or cost.amount is None:
        return "price unknown"
    return f"{cost.brief()}/{request.duration}s"
