"""What `doctor` finds wrong before anything is sent: a sentence for each fault, with how to correct it."""

from __future__ import annotations

import difflib
import os
import shutil
import sqlite3
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedance_mcp import settings_file
from seedance_mcp.cli import output
from seedance_mcp.cli.journal_file import inspect, refused_as_invalid
from seedance_mcp.cli.misspelt import misspelt
from seedance_mcp.jobs.journal.migrations import VERSION
from seedance_mcp.private_files import file_problem, folder_problem, is_open_to_others
from seedance_mcp.sanitize import clean
from seedance_mcp.settings import vendor_settings
from seedance_mcp.uploads import bucket
from seedance_mcp.vendors import known_vendors
from seedance_mcp.views.drift import concerned

if TYPE_CHECKING:
    from seedance_mcp.catalog import Model
    from seedance_mcp.cli.journal_file import Refused
    from seedance_mcp.settings import Settings

_PREFIX = "SEEDANCE_"
_LITTLE_SPACE = 200_000_000
"""Bytes on a disk below which a few videos fill it."""
_FOLDERS = ("SEEDANCE_OUTPUT_DIR", "SEEDANCE_STATE_DIR", "SEEDANCE_SETTINGS_FILE")


def problems(settings: Settings, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield every fault of the settings and of the folders and files that they name."""
    yield from settings.problems
    for name in settings.unfilled:
        yield f"{name} holds a placeholder that the client did not fill in, so it counts as not set."
    yield from misspelt(environ, "the environment")
    yield from misspelt(settings_file.read(settings.settings_file).values, str(settings.settings_file))
    yield from _keys(settings, environ)
    yield from _prices(settings)
    yield from _caps(settings)
    yield from _relative(settings, environ)
    yield from _private(settings, environ)
    yield from _files(settings, environ)
    if not settings.vendors:
        yield (
            "No vendor has an API key. Store one with `seedance-mcp keys set VENDOR`, or set SEEDANCE_SANDBOX=1 to try "
            "without a key. What a client passes to its server is not visible here."
        )


# -- keys ---------------------------------------------------------------------------------------------------------


def _keys(settings: Settings, environ: Mapping[str, str]) -> Iterator[str]:
    if settings.sandbox:
        return
    holders: dict[str, str] = {}
    for vendor in known_vendors().values():
        key_name, file_name, _ = (setting.name for setting in vendor_settings(vendor))
        if settings.sources.get(key_name) and environ.get(key_name, "").strip() and environ.get(file_name, "").strip():
            yield f"{key_name} and {file_name} are both set; the first is used. Remove one of them."
        if vendor.slug not in settings.keys:
            continue
        key = settings.keys[vendor.slug].get_secret_value()
        if problem := settings_file.placeholder_problem(key):
            yield f"{key_name} {problem}."
        elif key in holders:
            yield f"{key_name} and {holders[key]} hold the same key, and each vendor has keys of its own."
        elif key.startswith(_PREFIX) or "=" in key.rstrip("="):
            yield f"{key_name} holds an assignment (NAME=KEY): give only what comes after the equals sign."
        holders.setdefault(key, key_name)


def _private(settings: Settings, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each file with keys that other users of the machine can read."""
    if sys.platform == "win32":
        return
    names = [vendor_settings(vendor)[1].name for vendor in known_vendors().values()]
    files = [Path(environ[name]).expanduser() for name in names if environ.get(name, "").strip()]
    for path in (*files, settings.settings_file):
        try:
            mode = path.stat().st_mode
        except OSError:
            continue
        if stat.S_ISREG(mode) and mode & 0o077:
            yield f"Other users of this machine can read {path}, which may hold keys. Run: chmod 600 {path}"


# -- money --------------------------------------------------------------------------------------------------------


def _prices(settings: Settings) -> Iterator[str]:
    models = {model.id for vendor in known_vendors().values() for model in vendor.models}
    known = models | set(known_vendors())
    for name in settings.prices:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"Did you mean {close[0]}?" if close else "Name a vendor or a model of `seedance-mcp models`."
            yield f"SEEDANCE_PRICES has a price for {name!r}, which is neither a vendor nor a model. {hint}"


def _caps(settings: Settings) -> Iterator[str]:
    caps = {
        "SEEDANCE_MAX_COST": settings.max_cost,
        "SEEDANCE_DAILY_BUDGET": settings.daily_budget,
        "SEEDANCE_MAX_OPEN_JOBS": settings.max_open_jobs,
    }
    for name, value in caps.items():
        if value == 0:
            yield f"{name} is 0, so every video is refused. Raise it, or remove it."
    if (
        settings.max_cost is not None
        and settings.daily_budget is not None
        and settings.max_cost > settings.daily_budget
    ):
        yield "SEEDANCE_MAX_COST is more than SEEDANCE_DAILY_BUDGET, so it has no effect. Lower the first."


# -- folders and files --------------------------------------------------------------------------------------------


def _relative(settings: Settings, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each path that depends on the folder in which a client starts its server."""
    for name in _FOLDERS:
        value = settings.values.get(name) or environ.get(name, "").strip()
        if value and not Path(os.path.expanduser(value)).is_absolute():  # noqa: PTH111  (Path raises without a home)
            here = Path(value).absolute()
            yield (
                f"{name} is the relative path {value!r}: another folder for each place that a client starts the "
                f"server in. Give it whole, such as {here}."
            )


def _files(settings: Settings, environ: Mapping[str, str]) -> Iterator[str]:
    if environ.get(settings_file.FILE_SETTING, "").strip() and not settings.settings_file.exists():
        yield f"{settings_file.FILE_SETTING} names {settings.settings_file}, which does not exist. Correct the path."
    for root in settings.media_roots:
        if not root.is_dir():
            yield f"SEEDANCE_MEDIA_ROOTS: {root} is not a folder. Create it, or correct the setting."
        elif root == Path(root.anchor):
            yield f"SEEDANCE_MEDIA_ROOTS: {root} is the whole disk. Name the folders that hold your files."
    if settings.upload_url and not bucket.installed():
        yield 'SEEDANCE_UPLOAD_URL needs the extra "upload": install seedance-mcp[upload].'


def folder(path: Path, setting: str, found: list[str]) -> dict[str, Any]:
    """Return whether a folder can be written to, which is tried; nothing stays, and the folder is not created."""
    existing = path
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    problem = ""
    try:
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(b"x")
    except OSError as error:
        problem = error.strerror or str(error)
    if problem:
        what = f"{existing} is not a folder" if existing.exists() and not existing.is_dir() else problem
        found.append(f"The folder {path} cannot be written to ({what}). Choose another with {setting}.")
    elif shutil.disk_usage(existing).free < _LITTLE_SPACE:
        found.append(f"The disk of {path} is almost full. Free some space, or choose another folder with {setting}.")
    return {"path": str(path), "exists": path.exists(), "writable": not problem}


def journal(settings: Settings, found: list[str]) -> dict[str, Any]:
    """Return what the journal has, without changing it."""
    path = settings.state_dir / "journal.sqlite3"
    about: dict[str, Any] = {"path": str(path), "exists": os.path.lexists(path)}
    if os.path.lexists(settings.state_dir) and (problem := folder_problem(settings.state_dir)):
        found.append(f"The state folder cannot be used: {problem}.")
    if not os.path.lexists(path):
        return about
    if problem := file_problem(path):
        found.append(f"The journal cannot be used: {problem}.")
        return about | {"readable": False}
    if is_open_to_others(path):
        found.append(f"Other users can open the journal {path}; the next start of the server puts an end to that.")
    try:
        known = inspect(path)
    except sqlite3.Error as error:
        found.append(f"The journal {path} cannot be read ({error}). {_set_aside(path)}")
        return about | {"readable": False}
    if known["version"] > VERSION:
        found.append(
            f"The journal {path} was written by a newer seedance-mcp (format {known['version']}, this one knows "
            f"{VERSION}). Upgrade this one, or set SEEDANCE_STATE_DIR to another folder."
        )
    if known["check"] != "ok":
        found.append(f"The journal {path} is damaged ({str(known['check']).splitlines()[0]}). {_set_aside(path)}")
    return about | {"check": known["check"], "jobs": known["jobs"]}


_DAYS = 30


def refusals(settings: Settings, now: float) -> dict[str, str]:
    """Return what vendors have refused as invalid in the last 30 days although our rows allow it, by job.

    It shows where a vendor's rules may have changed: SEEDANCE_MODELS can narrow or widen the rows that are named.
    """
    path = settings.state_dir / "journal.sqlite3"
    try:
        found = refused_as_invalid(path, now - _DAYS * 86_400) if path.exists() else []
    except sqlite3.Error:  # `journal` says so
        return {}
    models = {model.id: model for model in settings.models}
    return {
        job.id: f"{job.model} refused by its vendor: {clean(job.message)}. Our rows: {_rows(models, job)}"
        for job in found
    }


def _rows(models: Mapping[str, Model], job: Refused) -> str:
    model = models.get(job.model)
    rows = concerned(model, job.request, job.message) if model else {}
    shown = [f"{name} {clean(str(job.request[name]))[:60]!r} ({allowed})" for name, allowed in rows.items()]
    return "; ".join(shown) or "not known, as the vendor is not configured"


def _set_aside(path: Path) -> str:
    """Say how to begin a new journal, and what is lost by it."""
    move = "ren" if sys.platform == "win32" else "mv"
    return (
        f"To begin a new one, stop every client and run: {move} '{path}' '{path}.damaged'. Lost by that: the list of "
        "jobs, links to videos that are not saved, and what today's cap has counted; saved videos stay. Settle running "
        f"jobs on the vendors' websites. `sqlite3 '{path}.damaged' .recover` may rescue the rest."
    )


def used_by(settings: Settings) -> str:
    """Say where this command reads its settings."""
    file = settings.settings_file
    exists = "" if file.exists() else " (which does not exist)"
    return f"this environment, and {file}{exists}; {output.command('keys')} shows where each key comes from"
