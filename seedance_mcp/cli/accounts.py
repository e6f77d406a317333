"""`seedance-mcp balance`, and what doctor asks the vendors: free questions about the account and about prices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seedance_mcp.cli import output
from seedance_mcp.cli.jobs import no_key_here
from seedance_mcp.errors import InvalidRequest, NotConfigured, SeedanceError
from seedance_mcp.runtime import open_web
from seedance_mcp.sanitize import clean
from seedance_mcp.vendors import known_vendors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seedance_mcp.catalog.price import UnitPrice
    from seedance_mcp.settings import Settings
    from seedance_mcp.vendors import Vendor
    from seedance_mcp.vendors.vendor import Query
    from seedance_mcp.web import Web


async def balance(settings: Settings, name: str | None, as_json: bool) -> int:
    """Print what is left at the vendors that document a way to ask; returns the exit code."""
    vendors = [_vendor(name, settings)] if name else [v for v in settings.vendors if v.account_queries]
    web = open_web(settings)
    try:
        answers = {vendor.slug: await _account(web, vendor) for vendor in vendors}
    finally:
        await web.aclose()
    if as_json:
        output.print_json(
            ({"sandbox": True} if settings.sandbox else {}) | {s: text for s, (text, _) in answers.items()}
        )
    else:
        for slug, (text, _) in answers.items():
            print(f"{slug}: {text}{' (sandbox)' if settings.sandbox else ''}")
    if not answers:
        asked = ", ".join(v.slug for v in known_vendors().values() if v.account_queries)
        output.remark(f"No vendor with a key here tells its balance; those that do: {asked}. See the others' websites.")
    return 0 if all(known for _, known in answers.values()) else 1


def _vendor(name: str, settings: Settings) -> Vendor:
    vendor = known_vendors().get(name.casefold())
    if vendor is None:
        raise InvalidRequest(
            f"There is no vendor {name[:40]!r}.", next_step=f"The vendors are {', '.join(known_vendors())}."
        )
    if not vendor.account_queries:
        raise InvalidRequest(
            f"{vendor.name} documents no way to ask for the balance.", next_step="It is on the vendor's website."
        )
    if settings.vendor(vendor.slug) is None:
        raise NotConfigured(f"The balance is unknown, because {no_key_here(vendor.slug, settings)}.")
    return vendor


async def _account(web: Web, vendor: Vendor) -> tuple[str, bool]:
    """Return what a vendor says about the account, and whether it said all of it."""
    answers = [await _ask(web, vendor, query) for query in vendor.account_queries]
    return "; ".join(str(answer) for answer, _ in answers), all(known for _, known in answers)


async def ask_vendors(settings: Settings) -> dict[str, Any]:
    """Return what vendors answer to free queries: the account's balance, and the public price list."""
    web = open_web(settings)
    found: dict[str, Any] = {"account": {}, "price lists": {}}
    try:
        for vendor in settings.vendors:
            if vendor.account_queries:
                text, _ = await _account(web, vendor)
                found["account"][vendor.slug] = f"{text} (sandbox)" if settings.sandbox else text
            if vendor.price_list:
                answer, _ = await _ask(web, vendor, vendor.price_list)
                found["price lists"][vendor.slug] = _prices(vendor, answer)
    finally:
        await web.aclose()
    return {title: answers for title, answers in found.items() if answers}


async def _ask(web: Web, vendor: Vendor, query: Query[Any]) -> tuple[Any, bool]:
    """Return the answer and True, or a text that says why there is none and False."""
    try:
        answer = await web.call(vendor, query.call)
        refusal = vendor.parse_error(answer)
        return (f"refused: {clean(refusal.message)}", False) if refusal else (query.read(answer), True)
    except SeedanceError as error:
        return f"not known ({error.sentence.rstrip('.')})", False


def _prices(vendor: Vendor, found: Mapping[str, UnitPrice] | str) -> str:
    """Return the prices that a vendor's list states for the models here, as text."""
    if isinstance(found, str):
        return found
    ours = {model.name: found[model.name] for model in vendor.models if model.name in found}
    prices = ", ".join(f"{name} {_rates(entry)} {entry.unit}/{entry.per}" for name, entry in ours.items())
    return prices or f"{len(found)} prices, but none for a model here"


def _rates(entry: UnitPrice) -> str:
    return " or ".join(
        f"{rate:f} ({resolution})" if resolution else f"{rate:f}" for resolution, rate in (entry.rates or {}).items()
    )
