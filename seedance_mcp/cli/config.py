"""`seedance-mcp config CLIENT`: how to add this installation of the server to a client, or do it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedance_mcp.cli import output
from seedance_mcp.cli.clients import CLIENTS, PLACEHOLDER, Client, Launch, shell, shell_command, snippet, updated
from seedance_mcp.cli.keys import vendor_named
from seedance_mcp.errors import SettingError
from seedance_mcp.runtime import read_settings
from seedance_mcp.settings import vendor_settings
from seedance_mcp.settings_file import FILE_SETTING
from seedance_mcp.vendors import known_vendors

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from seedance_mcp.settings import Settings

_EXTRAS = {"media": "av", "upload": "obstore", "keyring": "keyring"}
_CACHES = {"archive-v0", "builds-v0", "environments-v2"}
"""Folders of uv's cache, whose contents may be deleted at any time."""


def config(options: argparse.Namespace) -> int:
    """Print what adds the server to a client, or add it."""
    client = CLIENTS[options.client]
    command, *args = this_installation()
    env, remarks = _environment(client, options, read_settings())
    launch = Launch(command, tuple(args), env)
    if options.write:
        _write(client, launch)
    else:
        print(snippet(client, launch))
        if client.file:
            output.remark(f"It belongs in {client.path(Path.home())}; --write puts it there.")
    for remark in remarks:
        output.remark(remark)
    return 0


# -- how a client starts the server -------------------------------------------------------------------------------


def this_installation(prefix: Path | None = None, folder: Path | None = None) -> tuple[str, ...]:
    """Return the command that runs the installation which runs now, whatever else is installed or published.

    Args:
        prefix: the environment that Python runs in.
        folder: where it has its programs.
    """
    prefix = prefix or Path(sys.prefix)
    if _CACHES & set(prefix.parts):
        extras = ",".join(extra for extra, module in _EXTRAS.items() if importlib.util.find_spec(module))
        name = "seedance-mcp" + (f"[{extras}]" if extras else "")
        wanted = f"{name} @ {source}" if (source := _source()) else name
        uvx = shutil.which("uvx") or "uvx"
        return (uvx, "seedance-mcp") if wanted == "seedance-mcp" else (uvx, "--from", wanted, "seedance-mcp")
    folder = folder or Path(sys.executable).parent
    script = folder / ("seedance-mcp.exe" if sys.platform == "win32" else "seedance-mcp")
    return (str(script),) if script.exists() else (sys.executable, "-P", "-m", "seedance_mcp")


def _source() -> str | None:
    """Return the URL that this package was installed from, where that is not a registry."""
    try:
        text = distribution("seedance-mcp").read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    if not text:
        return None
    found: dict[str, Any] = json.loads(text)
    git = found.get("vcs_info")
    return f"{git['vcs']}+{found['url']}@{git['commit_id']}" if git else found["url"]


def _environment(
    client: Client, options: argparse.Namespace, settings: Settings
) -> tuple[Mapping[str, str], list[str]]:
    """Return the variables that the server needs from its client, and what is left for the user to do."""
    shared = {FILE_SETTING: str(settings.settings_file)} if os.environ.get(FILE_SETTING) else {}
    if options.sandbox:
        return shared | {"SEEDANCE_SANDBOX": "1"}, [
            "In the sandbox nothing is paid; without --sandbox, videos are real."
        ]
    names = {v.slug: vendor_settings(v)[0].name for v in known_vendors().values()}
    stored = [slug for slug, name in names.items() if settings.sources.get(name) not in {None, "environment"}]
    slug = vendor_named(options.vendor).slug if options.vendor else next(iter(stored), "seedanceapi")
    name = names[slug]
    if slug in stored:
        return shared, [f"The key for {slug} is stored ({settings.sources[name]}), so the client does not need it."]
    if client.asks_for_keys:
        return shared | {name: PLACEHOLDER}, [f"{client.name} asks for the key when the server starts."]
    if options.write:
        return shared, [f"Store the key: seedance-mcp keys set {slug}"]
    return shared | {name: PLACEHOLDER}, [
        f"Put the key in place of {PLACEHOLDER}. Or leave the variable out, and run: seedance-mcp keys set {slug}"
    ]


# -- writing it ---------------------------------------------------------------------------------------------------


def _write(client: Client, launch: Launch) -> None:
    """Add the server to a client's configuration; a file that is changed is copied first.

    Raises:
        SettingError: it could not be added; what belongs there was printed.
    """
    if client.syntax == "sh":
        _run(shell_command(launch))
        return
    path = client.path(Path.home()).absolute()
    path = path.resolve()  # a link stays a link
    try:
        old = path.read_text("utf-8-sig") if path.exists() else ""
        new = updated(client, launch, old)
        copy = _replace(path, old, new)
    except (OSError, UnicodeDecodeError, SettingError) as error:
        print(snippet(client, launch))
        reason = getattr(error, "strerror", None) or str(error)
        raise SettingError(
            f"{path} was not changed. {reason}", next_step="Add what is printed above to it yourself."
        ) from error
    print(f"{path} {'has the server already' if new == old else 'has the server now'}.")
    if copy:
        output.remark(f"As it was before: {copy}")
    output.remark(f"Restart {client.name}.")


def _replace(path: Path, old: str, new: str) -> Path | None:
    """Write a file whole or not at all; return the path of a copy of what was there."""
    if new == old:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    copy = None
    if path.exists():
        copy = path.with_name(f"{path.name}.{datetime.now().astimezone():%Y%m%d-%H%M%S-%f}.bak")
        shutil.copy2(path, copy)
    with tempfile.TemporaryDirectory(prefix=".seedance-", dir=path.parent) as folder:
        written = Path(folder) / path.name
        written.write_text(new, "utf-8")
        written.chmod(path.stat().st_mode & 0o777 if copy else 0o600)
        written.replace(path)
    return copy


def _run(command: list[str]) -> None:
    program = shutil.which(command[0])
    if program is None:
        print(shell(command))
        raise SettingError(
            f"There is no command {command[0]!r} on this PATH.", next_step="Run what is printed above where it is."
        )
    if subprocess.run([program, *command[1:]], check=False).returncode:  # noqa: S603  (the user asked for it)
        raise SettingError("Claude Code did not add the server.", next_step="Its own message is above.")
    output.remark("Restart Claude Code.")
