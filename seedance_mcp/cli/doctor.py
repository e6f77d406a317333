"""`seedance-mcp doctor`: what is set, where it comes from, and whether everything works. Never sends a POST."""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from importlib import metadata
from typing import TYPE_CHECKING, Any, cast

import httpx2
from rich.console import Console

from seedance_mcp import version
from seedance_mcp.cli import checks, output
from seedance_mcp.cli.accounts import ask_vendors
from seedance_mcp.errors import SeedanceError
from seedance_mcp.media.inspector import why_unavailable
from seedance_mcp.runtime import open_web, read_settings
from seedance_mcp.settings import every_setting, vendor_settings

if TYPE_CHECKING:
    from seedance_mcp.settings import Settings
    from seedance_mcp.vendors import Vendor

_LIBRARIES = ("mcp", "httpx2", "pydantic", "anyio", "rich", "platformdirs")
_EXTRAS = {"av": "media", "pillow": "media", "obstore": "upload", "keyring": "keyring"}
_FOR = {
    "media": "previews, sandbox videos, length of audio files and size of images",
    "upload": "a bucket for local files",
    "keyring": "API keys in the system's keyring",
}


async def doctor(as_json: bool, offline: bool) -> int:
    """Print the findings; returns the exit code, which is 1 if there is a problem for the user to solve."""
    settings = read_settings()
    problems = list(checks.problems(settings, os.environ))
    report: dict[str, Any] = {"versions": _versions(), "settings": _settings(settings)}
    report["vendors"] = [v.slug for v in settings.vendors]
    report["folders"] = {
        "state": checks.folder(settings.state_dir, "SEEDANCE_STATE_DIR", problems),
        "videos": checks.folder(settings.output_dir, "SEEDANCE_OUTPUT_DIR", problems),
    }
    report["files"] = _files(settings)
    report["journal"] = checks.journal(settings, problems)
    if refused := checks.refusals(settings, time.time()):
        report["refusals"] = refused
    usable = await _network(settings, problems)
    if usable and not offline:
        with Console(stderr=True).status("Asking the vendors …"):  # shown only on a terminal
            if not settings.sandbox:
                report["reach"] = {v.slug: await _reach(settings, v, problems) for v in settings.vendors}
            report |= await ask_vendors(settings)
    report["problems"] = problems
    if as_json:
        output.print_json({"sandbox": True} | report if settings.sandbox else report)
    else:
        _print(report)
        output.remark(f"Settings were read from {checks.used_by(settings)}.")
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
            value = "set" if setting.secret else settings.values[setting.name]
            shown[setting.name] = {"value": value, "source": source}
    return shown


async def _network(settings: Settings, problems: list[str]) -> bool:
    """Open the HTTP clients as a server does; return whether proxies, certificates and base URLs can be used."""
    web = open_web(settings)
    try:
        await web.prepare()
    except SeedanceError as error:
        problems.append(f"{error.sentence} {error.next_step}")
        return False
    finally:
        await web.aclose()
    return True


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


def _files(settings: Settings) -> dict[str, Any]:
    """Return which local files may be used in requests, and where they are uploaded."""
    roots = os.pathsep.join(map(str, settings.media_roots))
    takers = ", ".join(v.slug for v in settings.vendors if v.upload)
    return {
        "media roots": roots or "none (local files are refused)",
        "upload": settings.upload_url or "no bucket",
        "vendors that take files themselves": takers or "none",
        "seconds and pixels": f"checked of mp4 and mov only: {why}" if (why := why_unavailable()) else "checked",
    }


def _print(report: dict[str, Any]) -> None:
    for title in (
        "versions",
        "settings",
        "vendors",
        "folders",
        "files",
        "journal",
        "refusals",
        "reach",
        "account",
        "price lists",
    ):
        if title not in report:
            continue
        print(title)
        value = report[title]
        if value and isinstance(value, dict):
            for key, inner in cast("dict[str, Any]", value).items():
                print(f"  {key}: {_as_text(inner)}")
        else:
            print("  " + (", ".join(value) or "none"))
    for problem in report["problems"]:
        print("\n".join(output.wrapped(f"! {problem}", "  ")))
    if not report["problems"]:
        print("All is well.")


def _as_text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_as_text(inner)}" for key, inner in cast("dict[str, Any]", value).items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
