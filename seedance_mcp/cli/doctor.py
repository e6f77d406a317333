"""`seedance-mcp doctor`: what is set, where it comes from, and whether everything works. Never sends a POST."""

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
from typing import TYPE_CHECKING, Any, cast

import httpx2
from rich.console import Console
from rich.markup import escape

from seedance_mcp import version
from seedance_mcp.errors import SeedanceError
from seedance_mcp.media.inspector import why_unavailable
from seedance_mcp.private_files import file_problem, folder_problem, is_open_to_others
from seedance_mcp.runtime import load_settings, open_web
from seedance_mcp.sanitize import clean
from seedance_mcp.settings import every_setting, vendor_settings
from seedance_mcp.uploads import bucket

if TYPE_CHECKING:
    from seedance_mcp.catalog.price import UnitPrice
    from seedance_mcp.settings import Settings
    from seedance_mcp.vendors import Vendor
    from seedance_mcp.vendors.vendor import Query
    from seedance_mcp.web import Web

_LIBRARIES = ("mcp", "httpx2", "pydantic", "anyio", "rich", "platformdirs")
_EXTRAS = {"av": "media", "pillow": "media", "obstore": "upload"}
_FOR = {
    "media": "previews, sandbox videos, length of audio files and size of images",
    "upload": "a bucket for local files",
}


async def doctor(as_json: bool, offline: bool) -> int:
    """Print the findings; returns the exit code, which is 1 if there is a problem for the user to solve."""
    report: dict[str, Any] = {"versions": _versions()}
    problems: list[str] = []
    try:
        settings = load_settings()
    except SeedanceError as error:
        problems.append(error.sentence)
        settings = load_settings({})
    report["settings"] = _settings(settings)
    report["vendors"] = [v.slug for v in settings.vendors]
    if not settings.vendors:
        problems.append("No vendor has an API key. Set one, or set SEEDANCE_SANDBOX=1 to try without a key.")
    report["folders"] = {
        "state": _folder(settings.state_dir, "SEEDANCE_STATE_DIR", problems),
        "videos": _folder(settings.output_dir, "SEEDANCE_OUTPUT_DIR", problems),
    }
    report["files"] = _files(settings, problems)
    report["journal"] = _journal(settings, problems)
    with Console(stderr=True).status("Asking the vendors …"):  # shown only on a terminal
        if not offline and not settings.sandbox:
            report["reach"] = {v.slug: await _reach(settings, v, problems) for v in settings.vendors}
        if not offline:
            report |= await _ask_vendors(settings)
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
            found[name] = f'not installed (extra "{extra}": {_FOR[extra]})' if extra else "missing"
    return found


def _settings(settings: Settings) -> dict[str, dict[str, str]]:
    """Return every setting that is set, with its source; the value of a secret is never shown."""
    shown: dict[str, dict[str, str]] = {}
    for setting in every_setting():
        if source := settings.sources.get(setting.name):
            value = "set" if setting.secret else os.environ.get(setting.name, "")
            shown[setting.name] = {"value": value, "source": source}
    return shown


def _folder(path: Path, setting: str, problems: list[str]) -> dict[str, Any]:
    existing = path
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    writable = existing.is_dir() and os.access(existing, os.W_OK)
    if not writable:
        problems.append(f"The folder {path} cannot be written to. Choose another with {setting}.")
    return {"path": str(path), "exists": path.exists(), "writable": writable}


def _journal(settings: Settings, problems: list[str]) -> dict[str, Any]:
    path = settings.state_dir / "journal.sqlite3"
    if os.path.lexists(settings.state_dir) and (problem := folder_problem(settings.state_dir)):
        problems.append(f"The state folder cannot be used: {problem}.")
    if not os.path.lexists(path):
        return {"path": str(path), "exists": False}
    if problem := file_problem(path):
        problems.append(f"The journal cannot be used: {problem}.")
        return {"path": str(path), "exists": True, "readable": False}
    if is_open_to_others(path):
        problems.append(f"Other users can open the journal {path}; the next start of the server puts an end to that.")
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5) as db:
            intact = db.execute("PRAGMA quick_check").fetchone()[0]
            states = dict(db.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall())
        db.close()
    except sqlite3.Error as error:
        problems.append(f"The journal {path} cannot be read ({error}).")
        return {"path": str(path), "exists": True, "readable": False}
    if intact != "ok":
        problems.append(f"The journal {path} is damaged ({intact}).")
    return {"path": str(path), "exists": True, "check": intact, "jobs": states}


async def _reach(settings: Settings, vendor: Vendor, problems: list[str]) -> str:
    """Request the vendor's base URL without the key; any HTTP answer means that it can be reached."""
    url = settings.base_urls[vendor.slug]
    started = time.perf_counter()
    try:
        async with httpx2.AsyncClient(timeout=10, follow_redirects=False) as client:
            response = await client.get(url)
    except (httpx2.HTTPError, OSError) as error:
        setting = vendor_settings(vendor)[2].name
        problems.append(f"{url} cannot be reached ({type(error).__name__}). Check the network and {setting}.")
        return f"not reached ({type(error).__name__})"
    return f"HTTP {response.status_code} in {(time.perf_counter() - started) * 1000:.0f} ms"


def _files(settings: Settings, problems: list[str]) -> dict[str, Any]:
    """Return which local files may be used in requests, and where they are uploaded."""
    for root in settings.media_roots:
        if not root.is_dir():
            problems.append(f"SEEDANCE_MEDIA_ROOTS: {root} is not a folder. Create it, or correct the setting.")
        elif root == Path(root.anchor):
            problems.append(f"SEEDANCE_MEDIA_ROOTS: {root} is the whole disk. Name the folders that hold your files.")
    if settings.upload_url and not bucket.installed():
        problems.append('SEEDANCE_UPLOAD_URL needs the extra "upload": install seedance-mcp[upload].')
    roots = os.pathsep.join(map(str, settings.media_roots))
    takers = ", ".join(v.slug for v in settings.vendors if v.upload)
    return {
        "media roots": roots or "none (local files are refused)",
        "upload": settings.upload_url or "no bucket",
        "vendors that take files themselves": takers or "none",
        "seconds and pixels": f"checked of mp4 and mov only: {why}" if (why := why_unavailable()) else "checked",
    }


async def _ask_vendors(settings: Settings) -> dict[str, Any]:
    """Return what vendors answer to free queries: the account's balance, and the public price list."""
    web = open_web(settings)
    found: dict[str, Any] = {"account": {}, "price lists": {}}
    try:
        for vendor in settings.vendors:
            answers = [await _ask(web, vendor, query) for query in vendor.account_queries]
            if answers:
                found["account"][vendor.slug] = "; ".join(map(str, answers))
            if vendor.price_list:
                found["price lists"][vendor.slug] = _prices(vendor, await _ask(web, vendor, vendor.price_list))
    finally:
        await web.aclose()
    return {title: answers for title, answers in found.items() if answers}


async def _ask(web: Web, vendor: Vendor, query: Query[Any]) -> Any:
    """Return the answer, or a text that says why there is none, which is not a problem for the user to solve."""
    try:
        answer = await web.call(vendor, query.call)
        refusal = vendor.parse_error(answer)
        return f"refused: {clean(refusal.message)}" if refusal else query.read(answer)
    except SeedanceError as error:
        return f"not known ({error.sentence.rstrip('.')})"


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


def _print(report: dict[str, Any]) -> None:
    console = Console(highlight=False, soft_wrap=True, file=sys.stdout)
    for title in ("versions", "settings", "vendors", "folders", "files", "journal", "reach", "account", "price lists"):
        if title not in report:
            continue
        console.print(f"[bold]{title}[/bold]")
        value = report[title]
        if value and isinstance(value, dict):
            for key, inner in cast("dict[str, Any]", value).items():
                console.print(f"  {key}: {_as_text(inner)}", markup=False)
        else:
            console.print("  " + (", ".join(value) or "none"))
    for problem in report["problems"]:
        console.print(f"[red]![/red] {escape(problem)}")
    if not report["problems"]:
        console.print("[green]All is well.[/green]")


def _as_text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_as_text(inner)}" for key, inner in cast("dict[str, Any]", value).items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
