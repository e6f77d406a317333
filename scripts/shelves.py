"""What registries and clients read about this program: every entry is printed from the table of settings."""

from __future__ import annotations

import tomllib
from typing import Any

from scripts.markdown import ROOT, as_json
from seedance_mcp.settings import Setting, every_setting

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
