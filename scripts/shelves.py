"""What registries and clients read about this program: every entry is printed from the table of settings."""

from __future__ import annotations

import tomllib
from typing import Any

from scripts.markdown import ROOT, as_json
from seedance_mcp.settings import Setting, every_setting
from seedance_mcp.vendors import known_vendors

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

# -- server.json -----------------------------------------------------------------------------------------------------

_FORMATS = {"flag": "boolean", "usd": "number", "seconds": "number", "whole": "number", "path": "filepath"}


def registry_entry() -> str:
    """Return server.json, the entry for the MCP registry."""
    version: str = PROJECT["version"]
    package = {
        "registryType": "pypi",
        "identifier": PROJECT["name"],
        "version": version,
        "runtimeHint": "uvx",
        "transport": {"type": "stdio"},
        "environmentVariables": [_variable(setting) for setting in every_setting()],
    }
    return as_json(
        {
            "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
            "name": "io.github.seedance-mcp/seedance-mcp",
            "title": "Seedance videos",
            "description": PROJECT["description"],
            "version": version,
            "packages": [package],
        }
    )


def _variable(setting: Setting) -> dict[str, Any]:
    pairs = {
        "name": setting.name,
        "description": setting.help,
        "format": _FORMATS.get(setting.kind),
        "isSecret": setting.secret or None,
        "default": setting.default or None,
        "choices": list(setting.choices) or None,
    }
    return {key: value for key, value in pairs.items() if value is not None}


# -- what the others share -------------------------------------------------------------------------------------------

_ABOUT = {"name": "seedance", "version": PROJECT["version"], "description": PROJECT["description"]}
_AUTHOR = {"name": PROJECT["authors"][0]["name"]}
_UVX = {"command": "uvx", "args": ["seedance-mcp"]}
_VENDORS = {vendor.env_name.title(): vendor.name for vendor in known_vendors().values()}
_TITLES = {"Api": "API", "Url": "URL"} | _VENDORS
_LEFT_OUT = ("_SETTINGS_FILE", "_API_KEY_FILE", "_BASE_URL", "_LOG", "_POLL_INTERVAL", "_STATE_DIR")
"""Settings that forms do not ask for: they are for operators."""


def asked_for() -> list[Setting]:
    """Return the settings that a form asks a person for: the keys first."""
    offered = [s for s in every_setting() if not s.name.endswith(_LEFT_OUT)]
    return sorted(offered, key=lambda s: not s.secret)


def _title(setting: Setting) -> str:
    parts = setting.name.removeprefix("SEEDANCE_").replace("_", " ").capitalize().title().split()
    return " ".join(_TITLES.get(part, part) for part in parts)


# -- a bundle for Claude Desktop -------------------------------------------------------------------------------------


def bundle_manifest() -> str:
    """Return the manifest of the .mcpb bundle, whose form asks for the settings.

    Clients pass an empty text for what is not filled in, which this program reads as not set. An amount is asked for as
    text, because a number cannot be left empty.
    """
    form = {_field(s): _question(s) for s in asked_for()}
    return as_json(
        {
            "$schema": "https://static.modelcontextprotocol.io/schemas/mcpb/mcpb-manifest-v0.4.schema.json",
            "manifest_version": "0.4",
            **_ABOUT,
            "name": "seedance-mcp",
            "display_name": "Seedance videos",
            "author": _AUTHOR,
            "license": PROJECT["license"],
            "keywords": PROJECT["keywords"],
            "server": {
                "type": "uv",
                "entry_point": "seedance_mcp/__main__.py",
                "mcp_config": {
                    "command": "uv",
                    "args": ["run", "--no-dev", "--extra", "media", "--directory", "${__dirname}", "seedance-mcp"],
                    "env": {s.name: f"${{user_config.{_field(s)}}}" for s in asked_for()},
                },
            },
            "tools_generated": True,
            "prompts_generated": True,
            "compatibility": {
                "platforms": ["darwin", "win32", "linux"],
                "runtimes": {"python": PROJECT["requires-python"]},
            },
            "user_config": form,
        }
    )


def _field(setting: Setting) -> str:
    return setting.name.removeprefix("SEEDANCE_").lower()


def _question(setting: Setting) -> dict[str, Any]:
    flag = setting.kind == "flag"
    asked: dict[str, Any] = {"type": "boolean" if flag else "string", "title": _title(setting)}
    asked |= {"description": setting.help, "required": False, "default": False if flag else setting.default}
    return asked | ({"sensitive": True} if setting.secret else {})


# -- plugins and extensions ------------------------------------------------------------------------------------------


def claude_plugin() -> str:
    """Return the manifest of the plugin for Claude Code."""
    return as_json({**_ABOUT, "author": _AUTHOR, "license": PROJECT["license"], "keywords": PROJECT["keywords"]})


def claude_servers() -> str:
    """Return the servers of the plugin. Keys come from the settings file, which `seedance-mcp keys set` writes."""
    return as_json({"mcpServers": {"seedance": _UVX}})


def claude_marketplace() -> str:
    """Return the list of plugins in this repository."""
    plugin = {"name": "seedance", "source": "./plugin", "description": PROJECT["description"]}
    about = {"description": "The plugin of seedance-mcp.", "version": PROJECT["version"]}
    return as_json({"name": "seedance", "owner": _AUTHOR, "metadata": about, "plugins": [plugin]})


def agent_plugin() -> str:
    """Return the manifest of the same folder for clients with Agent Plugins 1.0."""
    schema = "https://agent-plugins.org/schemas/1.0.0/plugin.schema.json"
    more = {"author": _AUTHOR, "license": PROJECT["license"], "keywords": PROJECT["keywords"]}
    return as_json({"$schema": schema, **_ABOUT, **more})


def agent_servers() -> str:
    """Return the servers of the Agent Plugin."""
    schema = "https://agent-plugins.org/schemas/1.0.0/mcp.schema.json"
    return as_json({"$schema": schema, "mcpServers": {"seedance": {"type": "stdio", **_UVX}}})


def gemini_extension() -> str:
    """Return the manifest of the extension for Gemini CLI, which asks for the settings when it is installed."""
    settings = [
        {"name": _title(s), "description": s.help, "envVar": s.name, "sensitive": s.secret} for s in asked_for()
    ]
    return as_json({**_ABOUT, "mcpServers": {"seedance": _UVX}, "settings": settings})


# -- containers ------------------------------------------------------------------------------------------------------


def compose_file() -> str:
    """Return compose.yaml: the server in a container, with the settings of the environment."""
    folders = {"SEEDANCE_OUTPUT_DIR", "SEEDANCE_STATE_DIR", "SEEDANCE_SETTINGS_FILE", "SEEDANCE_MEDIA_ROOTS"}
    names = [s.name for s in every_setting() if s.name not in folders and not s.name.endswith("_KEY_FILE")]
    lines = [
        "# docker compose run --rm -T seedance",
        "services:",
        "  seedance:",
        "    build: .",
        "    stdin_open: true",
    ]
    lines += ["    volumes:", "      - ./videos:/videos", "      - state:/state", "    environment:"]
    lines += [f"      {name}: ${{{name}:-}}" for name in names]
    return "\n".join([*lines, "volumes:", "  state:", ""])
