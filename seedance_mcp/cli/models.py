"""`seedance-mcp models`: the models of every vendor, one line each for people, or JSON for programs."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from seedance_mcp.catalog import Number, OneOf
from seedance_mcp.catalog.price import dollars
from seedance_mcp.catalog.schema import field_descriptions
from seedance_mcp.catalog.shape import example
from seedance_mcp.cli import output
from seedance_mcp.errors import InvalidRequest
from seedance_mcp.vendors import known_vendors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seedance_mcp.catalog import Model, Source
    from seedance_mcp.catalog.price import Prices
    from seedance_mcp.settings import Settings

_MODES = {"text": "text", "first_frame": "first", "first_last_frame": "last", "references": "refs"}
_LEGEND = """
* a key for this vendor is set here. The price is that of a video with the model's defaults, as PRICE/SECONDS.
starts from: text, a first frame, first and last frame, refs: reference images (i), videos (v), audios (a).
`seedance-mcp models MODEL` shows every limit and its source; --wide shows the rates too."""


def models(settings: Settings, name: str | None, *, as_json: bool, wide: bool) -> int:
    """Print every model of every vendor, configured or not; or all that is known about one."""
    everything = [m for v in known_vendors().values() for m in v.models]
    if name is not None:
        chosen = [m for m in everything if name in {m.id, m.name}]
        if not chosen:
            raise InvalidRequest(f"There is no model {name!r}.", next_step="`seedance-mcp models` lists them.")
        everything = chosen
    if as_json:
        output.print_json([_as_json(m, settings) for m in everything])
    elif name is not None:
        for model in everything:
            _print_model(model, None if wide else output.width())
    else:
        _print_list(everything, settings, None if wide else output.width())
    return 0


def _print_list(everything: Sequence[Model], settings: Settings, columns: int | None) -> None:
    """Print one line for each model: as a table where that fits, with all that is known where the width is free."""
    head = ["  model", "price", "length", "resolution", "starts from"]
    rows = [_row(model, settings) for model in everything]
    if columns is None:
        head, rows = [*head, "rates"], [[*row, rate_text(m)] for row, m in zip(rows, everything, strict=True)]
    lines = list(output.table(head, rows, None))
    if columns is not None and any(cell_len(line) > columns for line in lines):
        lines = [output.cut(f"{name}: {', '.join(rest)}", columns) for name, *rest in rows]
    print("\n".join(lines))
    if columns is not None:
        output.remark(_LEGEND)


def _row(model: Model, settings: Settings) -> list[str]:
    mark = "* " if settings.vendor(model.vendor) else "  "
    duration, resolution = model.kept_rows["duration"], model.rows["resolution"]
    seconds = duration.allowed()
    if isinstance(duration, Number):
        ends = f"{duration.least:g}-{duration.most:g} s" if duration.most else f"{duration.least:g} s or more"
        seconds = "/".join(map(str, duration.only)) + " s" if duration.only else ends
    values = resolution.values if isinstance(resolution, OneOf) else ()
    lines = "/".join([*(v.removesuffix("p") for v in values[:-1]), *values[-1:]])
    kinds = "".join(kind[0] for kind in ("image", "video", "audio") if f"reference_{kind}s" in model.rows)
    starts = " ".join(_MODES[mode] + (f":{kinds}" if mode == "references" else "") for mode in model.modes)
    return [mark + model.id, _typical_price(model, settings.prices), seconds, lines, starts]


def _typical_price(model: Model, prices: Prices) -> str:
    """Return the price of a video with the model's defaults, such as "$1.54/5s"."""
    found = example(model, {}, prices)
    priced = found is not None and found.cost.amount is not None
    return f"{found.cost.rounded()}/{found.request.duration}s" if found and priced else "no price"


def rate_text(model: Model) -> str:
    """Return what a model costs, in the unit in which it is billed."""
    billing = model.billing
    if not billing.rates:
        if billing.per is None:
            return "not published"
        listed = known_vendors()[model.vendor].price_list is not None
        return f"per {billing.per}, rate " + ("in the vendor's price list" if listed else "not published")
    rates = ", ".join(f"{resolution or 'any'} {rate:g}" for resolution, rate in billing.rates.items())
    worth = f" (1 = {dollars(int(billing.usd_per_unit * 1_000_000))})" if billing.usd_per_unit else ""
    return f"{rates.removeprefix('any ')} {billing.unit}/{billing.per}{worth}"


def _as_json(model: Model, settings: Settings) -> dict[str, Any]:
    rows = model.kept_rows
    return {
        "id": model.id,
        "summary": model.summary,
        "configured": settings.vendor(model.vendor) is not None,
        "modes": list(model.modes),
        "takes": {
            name: {"allowed": allowed, "source": rows[name].source.where, "documented": rows[name].source.documented}
            for name, allowed in field_descriptions(model)
        },
        "rules": [
            {"rule": r.describe(), "source": r.source.where, "documented": r.source.documented} for r in model.rules
        ],
        "advice": [{"says": a.text, "caution": a.caution, "source": a.source.where} for a in model.advice],
        "price": rate_text(model),
        "price_source": model.billing.source.where,
        "page": known_vendors()[model.vendor].docs,
    }


# -- one model ----------------------------------------------------------------------------------------------------


def _print_model(model: Model, columns: int | None) -> None:
    rows = [(name, allowed, _source(model.kept_rows[name].source, name)) for name, allowed in field_descriptions(model)]
    rows += [("rule", rule.describe(), _source(rule.source)) for rule in model.rules]
    rows += [("caution" if a.caution else "advice", a.text, _source(a.source)) for a in model.advice]
    rows.append(("price", rate_text(model), _source(model.billing.source)))
    rows = list(dict.fromkeys(rows))
    print(f"{model.id}: {model.summary}\n")
    if columns is None:
        print("\n".join(output.table(("field", "takes", "source"), rows, None)))
    else:
        print("\n".join(_paragraphs(rows, columns)))
    print(f"\nThe vendor's page: {known_vendors()[model.vendor].docs}")


def _paragraphs(rows: Sequence[tuple[str, str, str]], columns: int) -> list[str]:
    """Return the rows as paragraphs that end at the edge of the terminal, with nothing left out."""
    indent = max(len(name) for name, _, _ in rows) + 2
    lines: list[str] = []
    for name, text, source in rows:
        wrapped = textwrap.wrap(f"{text}  [{source}]", columns - indent) or [""]
        lines += [f"{name:{indent}}{wrapped[0]}", *(" " * indent + line for line in wrapped[1:])]
    return lines


_SECTIONS = {"models", "modes", "pricing"}
_ORIGINS = {
    "SEED": "page",
    "PUB": "another page of the vendor",
    "ARK": "upstream",
    "KIE": "another reseller",
    "OPERATOR": "SEEDANCE_MODELS",
}


def _source(source: Source, field: str = "") -> str:
    """Say where a fact comes from, in terms of what a reader can open: the vendor's page and the part of it."""
    origin, _, rest = source.where.partition(":")
    if origin in {"INF", "GAP"}:
        how = "inferred" if origin == "INF" else "not documented"
        return f"{how}: {rest.strip()}" if "SEED" not in rest else how
    kind = next((text for name, text in _ORIGINS.items() if source.where.startswith(name)), origin)
    first, _, parameter = source.fact.partition(".")
    section = parameter if first == "params" else first if first in _SECTIONS else field
    return f"{kind}, {section}" if kind == "page" and section else kind
