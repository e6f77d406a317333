"""`seedance-mcp doctor`: what is set, where from, and whether all that is needed works. Never sends a POST."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
from rich.console import Console

from seedance_mcp import version
from seedance_mcp.errors import SeedanceError
from seedance_mcp.settings import every_setting, load

if TYPE_CHECKING:
    from seedance_mcp.settings import Settings

_LIBRARIES = ("mcp", "httpx2", "pydantic", "anyio", "rich", "platformdirs", "av")


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
        name: _folder(path, problems) for name, path in (("state", settings.state_dir), ("films", settings.output_dir))
    }
    report["journal"] = await _journal(settings, problems)
    if not offline and not settings.sandbox:
        report["reach"] = {v.slug: await _reach(settings.base_urls[v.slug], problems) for v in settings.vendors}
    report["problems"] = problems
    if as_json:
        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _print(report)
    return 1 if problems else 0


def _versions() -> dict[str, str]:
    found = {"seedance-mcp": version(), "python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed (extra «media»: previews, sandbox films)" if name == "av" else "missing"
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
    writable = os.access(existing, os.W_OK)
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


def _print(report: dict[str, Any]) -> None:
    console = Console(highlight=False, soft_wrap=True, file=sys.stdout)
    for title in ("versions", "settings", "vendors", "folders", "journal", "reach"):
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
