"""list_models: which models can do a shape and for how much, one line each; or everything that one model takes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from seedance_mcp.catalog import Flag, Media, Model, Number, OneOf, Row, Text, schema
from seedance_mcp.catalog.check import check, sentences
from seedance_mcp.catalog.shape import KINDS, MODES, Example, as_made, example, samples
from seedance_mcp.catalog.switches import audio_text
from seedance_mcp.errors import InvalidRequest
from seedance_mcp.server.tools.tool import OBJECT, OURS, STRING, STRINGS, Call, Tool, check_args, inputs, outputs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
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
        "Models, limits, prices; arguments filter. 932: most reference images, videos, audios; !x: caution",
        inputs(
            _rows(settings.models),
            {},
            no_choices=frozenset({"resolution", "aspect_ratio", "references"}),
        ),
        outputs(
            {
                "models": OBJECT, "totals": STRING, "model": STRING, "summary": STRING, "takes": OBJECT,
                "audio": STRING, "rules": STRINGS, "advice": STRINGS, "price": STRING,
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
    service.require_vendor()
    check_args(_rows(settings.models), call, "list_models")
    name = call.args.get("model")
    models = settings.models if name is None else _named(settings, name)
    prices = await service.prices(models[0].id if len(models) == 1 else None)
    shape = {k: v for k, v in call.args.items() if k != "model"}
    if name is not None and len(models) == 1:
        return _one_model(models[0], shape, prices)
    filtered = "resolution" in shape
    found = [(m, _brief(m, made, filtered=filtered)) for m in models if (made := example(m, shape, prices))]
    if not found:
        raise InvalidRequest(_blockers(models, shape), next_step="Tell the user, or drop one of the conditions.")
    return {"models": _grouped(found)} | _totals(models, found)


def _named(settings: Settings, name: str) -> Sequence[Model]:
    """Return the model with this id, or those whose ids contain the name.

    Raises:
        InvalidRequest: there is none; names the closest ids.
    """
    part = name.strip().casefold()
    exact = [m for m in settings.models if part in {m.id.casefold(), m.name.casefold()}]
    return exact or [m for m in settings.models if part in m.id.casefold()] or [settings.model(name)]


def _grouped(found: Sequence[tuple[Model, str]]) -> Fields:
    """Return a line for each model, or one for models of a vendor that do not differ: "vendor/a, b"."""
    names: dict[tuple[str, str], list[str]] = {}
    for model, text in found:
        names.setdefault((model.vendor, text), []).append(model.name)
    return {f"{vendor}/{', '.join(group)}": text for (vendor, text), group in names.items()}


def _totals(models: Sequence[Model], found: Sequence[tuple[Model, str]]) -> Fields:
    """Return how many models each vendor has, and how many of them are listed, where there are several vendors."""
    counts = Counter(m.vendor for m in models)
    listed = Counter(m.vendor for m, _ in found)
    if len(counts) == 1:
        return {}
    text = (f"{slug} {listed[slug]}" + (f" of {n}" if listed[slug] != n else "") for slug, n in counts.items())
    return {"totals": ", ".join(text)}


def _blockers(models: Sequence[Model], shape: Mapping[str, Any]) -> str:
    """Say which condition excludes every model."""
    text = "No configured model can do this."
    if len(shape) == 1:
        name = next(iter(shape))
        rows = [row for m in models if (row := m.kept_rows.get(name)) is not None]
        limits = dict.fromkeys(row.allowed() for row in rows)
        return f"{text} {name}: {' / '.join(limits) if rows else 'no model takes it'}."
    able: list[str] = []
    for name, value in shape.items():
        rest = {k: v for k, v in shape.items() if k != name}
        count = sum(as_made(m, rest) is not None for m in models)
        able += [f"without {name} {_json(value)}, {count} can"] if count else []
    return f"{text} {'; '.join(able).capitalize() or 'Not even without one of the conditions'}."


def _json(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _one_model(model: Model, shape: Mapping[str, Any], prices: Prices) -> Fields:
    made = example(model, shape, prices)
    if made is None:
        problems = check(model, next(iter(samples(model, shape))), strict=True).problems
        raise InvalidRequest(
            f"{model.id} cannot do this: {'; '.join(sentences(problems))}.", next_step="Call list_models without model."
        )
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
        modes.append("".join(_most(model, kind) for kind in KINDS))
    return " ".join(modes) + ("" if "text" in model.modes else " only") or "text only"


def _most(model: Model, kind: str) -> str:
    """Return how many references of a kind a model takes, as one character: "*" where nobody says it."""
    row = model.kept_rows.get(f"reference_{kind}s")
    if not isinstance(row, Media):
        return "0"
    return "*" if row.most is None or row.most > 9 else str(row.most)  # noqa: PLR2004  (the largest digit)


def _price_text(made: Example, *, with_resolution: bool = True) -> str:
    """Return what an example costs, such as "$1.54/5s 720p" or "$0.35/video"; "≥": it may cost more."""
    request, cost = made.request, made.cost
    flat = cost.per == "video"
    if cost.amount is None:
        return "price unknown" + ("/video" if flat else "")
    resolution = f" {request.resolution}" if with_resolution and request.resolution else ""
    return f"{'≥' if cost.caution else ''}{cost.brief()}/{'video' if flat else f'{request.duration:g}s'}{resolution}"
