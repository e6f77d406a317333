"""`seedance-mcp doctor`: what is set, where from, and whether all that is needed works. Never sends a POST."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import sys
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
from rich.console import Console

from seedance_mcp import version
from seedance_mcp.errors import SeedanceError
from seedance_mcp.media import frames
from seedance_mcp.runtime import open_web
from seedance_mcp.sanitize import clean
from seedance_mcp.settings import every_setting, load
from seedance_mcp.uploads import bucket

if TYPE_CHECKING:
    from seedance_mcp.catalog.price import UnitPrice
    from seedance_mcp.settings import Settings
    from seedance_mcp.vendors import Vendor
    from seedance_mcp.vendors.vendor import Query
    from seedance_mcp.web import Web

_LIBRARIES = ("mcp", "httpx2", "pydantic", "anyio", "rich", "platformdirs")
_EXTRAS = {"av": "media", "pillow": "media", "obstore": "upload"}
_FOR = {"media": "previews, sandbox films, seconds and pixels of files", "upload": "a bucket for local files"}


async def doctor(as_json: bool, offline: bool) -> int:
    """Print the findings; the exit code is 1 if something needs the user's hand."""
    report: dict[str, Any] = {"versions": _versions()}
    problems: list[str] = []
    try:
        settings = load()
    except SeedanceError as error:
        problems.append(error.sentence)
        settings = load({})
    report["settings"] = _settings(settings)
    report["vendors"] = [v.slug for v in settings.vendors]
    if not settings.vendors:
        problems.append("No vendor has a key. Set one, or SEEDANCE_SANDBOX=1 to try without.")
    report["folders"] = {
        name: _folder(path, problems) for name, path in (("state", settings.state_dir), ("videos", settings.output_dir))
    }
    report["files"] = _files(settings, problems)
    report["journal"] = await _journal(settings, problems)
    with Console(stderr=True).status("Asking the vendors …"):  # on a terminal alone
        if not offline and not settings.sandbox:
            report["reach"] = {v.slug: await _reach(settings.base_urls[v.slug], problems) for v in settings.vendors}
        if not offline:
            report |= await _vendors_say(settings)
    report["problems"] = problems
    if as_json:
        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _print(report)
    return 1 if problems else 0


def _versions() -> dict[str, str]:
    found = {"seedance-mcp": version(), "python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    for name in (*_LIBRARIES, *_EXTRAS):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            extra = _EXTRAS.get(name)
            found[name] = f"not installed (extra «{extra}»: {_FOR[extra]})" if extra else "missing"
    return found


def _settings(settings: Settings) -> dict[str, dict[str, str]]:
    """Every setting that is set, and its source; of secrets only that they are set."""
    shown: dict[str, dict[str, str]] = {}
    for setting in every_setting():
        if source := settings.sources.get(setting.name):
            value = "set" if setting.secret else os.environ.get(setting.name, "")
            shown[setting.name] = {"value": value, "source": source}
    return shown


def _folder(path: Path, problems: list[str]) -> dict[str, Any]:
    existing = path
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    writable = existing.is_dir() and os.access(existing, os.W_OK)
    if not writable:
        problems.append(f"{path} cannot be written.")
    return {"path": str(path), "exists": path.exists(), "writable": writable}


async def _journal(settings: Settings, problems: list[str]) -> dict[str, Any]:
    path = settings.state_dir / "journal.sqlite3"
    if not path.exists():
        return {"path": str(path), "exists": False}
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5) as db:
            intact = db.execute("PRAGMA quick_check").fetchone()[0]
            states = dict(db.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall())
        db.close()
    except sqlite3.Error as error:
        problems.append(f"The journal {path} cannot be read ({error}).")
        return {"path": str(path), "exists": True, "readable": False}
    if intact != "ok":
        problems.append(f"The journal {path} is damaged: {intact}.")
    return {"path": str(path), "exists": True, "check": intact, "jobs": states}


async def _reach(url: str, problems: list[str]) -> str:
    """Ask for the vendor's address without the key; any HTTP answer means it is there."""
    started = time.perf_counter()
    try:
        async with httpx2.AsyncClient(timeout=10, follow_redirects=False) as client:
            response = await client.get(url)
    except (httpx2.HTTPError, OSError) as error:
        problems.append(f"{url} cannot be reached ({type(error).__name__}).")
        return f"not reached ({type(error).__name__})"
    return f"HTTP {response.status_code} in {(time.perf_counter() - started) * 1000:.0f} ms"


def _files(settings: Settings, problems: list[str]) -> dict[str, Any]:
    """What may be used in requests from this machine, and where it goes."""
    for root in settings.media_roots:
        if not root.is_dir():
            problems.append(f"SEEDANCE_MEDIA_ROOTS: {root} is no folder.")
        elif root == Path(root.anchor):
            problems.append(f"SEEDANCE_MEDIA_ROOTS: {root} is the whole disk; name the folders with the pictures.")
    if settings.upload_url and not bucket.installed():
        problems.append("SEEDANCE_UPLOAD_URL needs the extra «upload»: install seedance-mcp[upload].")
    roots = os.pathsep.join(map(str, settings.media_roots))
    takers = ", ".join(v.slug for v in settings.vendors if v.upload)
    return {
        "media roots": roots or "none: local files are refused",
        "upload": settings.upload_url or "no bucket",
        "vendors that take files themselves": takers or "none",
        "seconds and pixels": "checked" if frames.available() else "not checked (extra «media»)",
    }


async def _vendors_say(settings: Settings) -> dict[str, Any]:
    """What vendors answer to questions that cost nothing: the account's balance, and the public price list."""
    web = open_web(settings)
    said: dict[str, Any] = {"account": {}, "catalogue": {}}
    try:
        for vendor in settings.vendors:
            answers = [await _ask(web, vendor, question) for question in vendor.account_queries]
            if answers:
                said["account"][vendor.slug] = "; ".join(map(str, answers))
            if vendor.price_list:
                said["catalogue"][vendor.slug] = _listed(vendor, await _ask(web, vendor, vendor.price_list))
    finally:
        await web.aclose()
    return {title: found for title, found in said.items() if found}


async def _ask(web: Web, vendor: Vendor, question: Query[Any]) -> Any:
    """Return the answer, or in words why there is none; that is no problem of ours."""
    try:
        answer = await web.call(vendor, question.call)
        refusal = vendor.parse_error(answer)
        return f"refused: {clean(refusal.message)}" if refusal else question.read(answer)
    except SeedanceError as error:
        return f"not known ({error.sentence.rstrip('.')})"


def _listed(vendor: Vendor, found: Mapping[str, UnitPrice] | str) -> str:
    """Say what a price list says of the models that we know by the same name."""
    if isinstance(found, str):
        return found
    ours = {model.name: found[model.name] for model in vendor.models if model.name in found}
    prices = ", ".join(f"{name} {_rates(entry)} {entry.unit}/{entry.per}" for name, entry in ours.items())
    return prices or f"{len(found)} prices, none of a model that is called the same here"


def _rates(entry: UnitPrice) -> str:
    return " or ".join(
        f"{rate:f} ({resolution})" if resolution else f"{rate:f}" for resolution, rate in (entry.rates or {}).items()
    )


def _print(report: dict[str, Any]) -> None:
    console = Console(highlight=False, soft_wrap=True, file=sys.stdout)
    for title in ("versions", "settings", "vendors", "folders", "files", "journal", "reach", "account", "catalogue"):
        if title not in report:
            continue
        console.print(f"[bold]{title}[/bold]")
        value = report[title]
        if isinstance(value, dict):
            for key, inner in value.items():  # pyright: ignore[reportUnknownVariableType]
                said = ", ".join(f"{k} {v}" for k, v in inner.items()) if isinstance(inner, dict) else inner  # pyright: ignore[reportUnknownVariableType]
                console.print(f"  {key}: {said}", markup=False)
        else:
            console.print("  " + (", ".join(value) or "none"))
    for problem in report["problems"]:
        console.print(f"[red]![/red] {problem}")
    if not report["problems"]:
        console.print("[green]All is well.[/green]")
