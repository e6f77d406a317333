"""How each client is told about a server: the file, the form of an entry, and how one is added to what is there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from seedance_mcp.errors import SettingError

NAME = "seedance"
"""The name of the server in every client."""
PLACEHOLDER = "your-key"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Launch:
    """How a client starts the server."""

    command: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str])


PUBLISHED = Launch("uvx", ("seedance-mcp",), {"SEEDANCE_SEEDANCEAPI_API_KEY": PLACEHOLDER})
"""How the documentation starts the published package."""


def _plain(launch: Launch) -> Json:
    return {"command": launch.command, "args": list(launch.args)} | ({"env": dict(launch.env)} if launch.env else {})


def _with_type(launch: Launch) -> Json:
    return {"type": "stdio", **_plain(launch)}


def _opencode(launch: Launch) -> Json:
    env = {"environment": dict(launch.env)} if launch.env else {}
    return {"type": "local", "command": [launch.command, *launch.args], "enabled": True} | env


def _goose(launch: Launch) -> Json:
    return {
        "name": NAME, "type": "stdio", "enabled": True, "timeout": 300,
        "cmd": launch.command, "args": list(launch.args), "envs": dict(launch.env),
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Client:
    """One client: where its configuration is, and what an entry looks like there."""

    slug: str
    name: str
    syntax: Literal["sh", "json", "toml", "yaml"]
    file: str = ""
    """The file, where `~` is the home folder and `{apps}` the folder in which programs keep their settings."""
    key: str = "mcpServers"
    """The part of the file that holds the servers."""
    entry: Callable[[Launch], Json] = _plain
    windows: str = ""
    """The file on Windows, where it is elsewhere."""
    asks_for_keys: bool = False
    """Whether it asks the user for keys and stores them itself."""

    def path(self, home: Path, platform: str = sys.platform, environ: Mapping[str, str] = os.environ) -> Path:
        """Return the path of the file on a machine; a file of the workspace is relative."""
        file = (self.windows if platform == "win32" else "") or self.file
        if platform == "win32":
            apps = Path(environ.get("APPDATA") or home / "AppData" / "Roaming")
        else:
            apps = home / "Library" / "Application Support" if platform == "darwin" else home / ".config"
        return Path(file.replace("~", str(home)).replace("{apps}", str(apps)))


CLIENTS: dict[str, Client] = {
    client.slug: client
    for client in (
        Client("claude-code", "Claude Code", "sh"),
        Client("claude-desktop", "Claude Desktop", "json", "{apps}/Claude/claude_desktop_config.json"),
        Client("codex", "Codex", "toml", "~/.codex/config.toml", "mcp_servers"),
        Client("gemini", "Gemini CLI", "json", "~/.gemini/settings.json"),
        Client("vscode", "VS Code", "json", ".vscode/mcp.json", "servers", _with_type, asks_for_keys=True),
        Client("cursor", "Cursor", "json", "~/.cursor/mcp.json"),
        Client("windsurf", "Windsurf", "json", "~/.codeium/windsurf/mcp_config.json"),
        Client("cline", "Cline", "json", "~/.cline/data/settings/cline_mcp_settings.json"),
        Client(
            "zed", "Zed", "json", "~/.config/zed/settings.json", "context_servers",
            lambda launch: {"source": "custom", **_plain(launch)}, "{apps}/Zed/settings.json",
        ),
        Client(
            "goose", "Goose", "yaml", "~/.config/goose/config.yaml", "extensions", _goose,
            "{apps}/Block/goose/config/config.yaml",
        ),
        Client("lmstudio", "LM Studio", "json", "~/.lmstudio/mcp.json"),
        Client("opencode", "opencode", "json", "~/.config/opencode/opencode.json", "mcp", _opencode),
        Client("kiro", "Kiro", "json", "~/.kiro/settings/mcp.json"),
    )
}  # fmt: skip


# -- what a client is given ---------------------------------------------------------------------------------------


def snippet(client: Client, launch: Launch) -> str:
    """Return the command, or what belongs in the file, to add the server to a client that has no other."""
    if client.syntax == "sh":
        return shell(shell_command(launch))
    if client.syntax == "toml":
        return _toml(client, launch)
    if client.syntax == "yaml":
        return _yaml(client, launch)
    return _json(document(client, launch, {}))


def shell_command(launch: Launch) -> list[str]:
    """Return Claude Code's command, which stores the server for all projects of the user."""
    env = [part for name, value in launch.env.items() for part in ("--env", f"{name}={value}")]
    return ["claude", "mcp", "add", NAME, "--scope", "user", *env, "--", launch.command, *launch.args]


def shell(words: list[str]) -> str:
    """Write a command as the user's shell takes it."""
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def document(client: Client, launch: Launch, old: Json) -> Json:
    """Return a JSON configuration with our entry in it; all else in it stays, and so do the entry's own variables.

    Raises:
        SettingError: a part of it is not what this client has there.
    """
    new = json.loads(json.dumps(old))
    if client.slug == "opencode":
        new.setdefault("$schema", "https://opencode.ai/config.json")
    if client.asks_for_keys:
        launch, wanted = _asked(launch)
        inputs: list[Json] = _part(new, "inputs", list[Json]()) if wanted else []
        inputs[:] = [i for i in inputs if i.get("id") not in {w["id"] for w in wanted}] + wanted
    servers = _part(new, client.key, Json())
    entry = client.entry(launch)
    before = servers.get(NAME)
    if isinstance(before, dict):
        variables = "environment" if client.entry is _opencode else "env"
        kept = dict(cast("Json", before).get(variables) or {})
        kept.pop("SEEDANCE_SANDBOX", None)
        if kept:
            entry[variables] = kept | entry.get(variables, {})
    servers[NAME] = entry
    return new


def _part(whole: Json, key: str, empty: Any) -> Any:
    part = whole.setdefault(key, empty)
    if type(part) is not type(empty):
        raise SettingError(f"{key!r} is not {'a list' if empty == [] else 'an object'} there.")
    return part


def _asked(launch: Launch) -> tuple[Launch, list[Json]]:
    """Let the client ask for each key that is only a placeholder."""
    env, inputs = dict(launch.env), list[Json]()
    for name in (n for n, value in launch.env.items() if value == PLACEHOLDER):
        id_ = re.sub(r"[^a-z0-9]+", "-", name.lower())
        env[name] = f"${{input:{id_}}}"
        inputs.append({"type": "promptString", "id": id_, "description": name, "password": True})
    return Launch(launch.command, launch.args, env), inputs


def _json(value: Json) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _quoted(value: Any) -> str:
    """Write a text, or a list of texts, for TOML and YAML: in both, JSON without escapes for letters is right."""
    return json.dumps(value, ensure_ascii=False)


def _toml(client: Client, launch: Launch) -> str:
    lines = [f"[{client.key}.{NAME}]"]
    lines += [f"command = {_quoted(launch.command)}", f"args = {_quoted(list(launch.args))}"]
    if launch.env:
        lines += ["env = { " + ", ".join(f"{name} = {_quoted(value)}" for name, value in launch.env.items()) + " }"]
    return "\n".join(lines)


def _yaml(client: Client, launch: Launch) -> str:
    fields = [f"    {name}: {_quoted(value)}" for name, value in client.entry(launch).items()]
    return "\n".join([f"{client.key}:", f"  {NAME}:", *fields])


# -- adding it to a file ------------------------------------------------------------------------------------------


def updated(client: Client, launch: Launch, old: str) -> str:
    """Return the text of a client's file with our entry in it.

    Raises:
        SettingError: the entry cannot be added without a risk for what is there.
    """
    if client.syntax == "json":
        try:
            found: Any = json.loads(old) if old.strip() else {}
        except ValueError:
            raise SettingError("It has comments, or is not valid JSON.") from None
        if not isinstance(found, dict):
            raise SettingError("It is not a JSON object.")
        return _json(document(client, launch, cast("Json", found))) + "\n"
    text = snippet(client, launch) + "\n"
    if not old.strip():
        return text
    if client.syntax == "yaml":
        raise SettingError("It has other settings, and this program does not rewrite YAML.")
    try:
        if NAME in tomllib.loads(old).get(client.key, {}):
            raise SettingError(f"It has an entry named {NAME} already.")
        added = f"{old.rstrip()}\n\n{text}"
        tomllib.loads(added)
    except tomllib.TOMLDecodeError:
        raise SettingError("The entry cannot be added to its TOML.") from None
    return added
