"""`seedance-mcp models`: the models of every vendor, as a table for people or JSON for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Column, Table

from seedance_mcp.catalog.price import dollars
from seedance_mcp.catalog.schema import field_descriptions
from seedance_mcp.errors import InvalidRequest
from seedance_mcp.vendors import known_vendors

if TYPE_CHECKING:
    from seedance_mcp.catalog import Model
    from seedance_mcp.settings import Settings


def models(settings: Settings, name: str | None, *, as_json: bool) -> int:
    """Print every model of every vendor, configured or not; or all that is known about one."""
    everything = [m for v in known_vendors().values() for m in v.models]
    if name is not None:
        chosen = [m for m in everything if name in {m.id, m.name}]
        if not chosen:
            raise InvalidRequest(f"There is no model {name!r}.", next_step="`seedance-mcp models` lists them.")
        everything = chosen
    if as_json:
        print(json.dumps([_as_json(m, settings) for m in everything], ensure_ascii=False, indent=2))
        return 0
    console = Console(highlight=False)
    if name is not None:
        for model in everything:
            _print_model(console, model)
        return 0
    whole = Column("model", no_wrap=True)
    table = Table(whole, "key", "seconds", "resolution", "starts from", "price", box=None, header_style="bold")
    for model in everything:
        configured = "yes" if settings.vendor(model.vendor) else ""
        row = model.rows["resolution"]
        resolutions = " ".join(getattr(row, "values", ()))
        duration = model.rows["duration"].allowed().removesuffix(" s")
        table.add_row(model.id, configured, duration, resolutions, ", ".join(model.modes), rate_text(model))
    console.print(table)
    return 0


def rate_text(model: Model) -> str:
    """Return a model's published rates as text, such as "48 credits/second"."""
    billing = model.billing
    if billing.per is None:
        return "not published"
    if not billing.rates:
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
    }


def _print_model(console: Console, model: Model) -> None:
    table = Table("field", "takes", "source", box=None, header_style="bold", title=model.id, title_justify="left")
    for name, allowed in field_descriptions(model):
        table.add_row(name, allowed, model.kept_rows[name].source.where)
    for rule in model.rules:
        table.add_row("rule", rule.describe(), rule.source.where)
    for advice in model.advice:
        table.add_row("caution" if advice.caution else "advice", advice.text, advice.source.where)
    table.add_row("price", rate_text(model), model.billing.source.where)
    console.print(table)
