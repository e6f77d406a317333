"""How to add the server to a client: `seedance-mcp config CLIENT` prints it, and the README shows it."""

from __future__ import annotations

import json

_COMMAND = ["uvx", "seedance-mcp"]
_ENV = {"SEEDANCE_SEEDANCEAPI_API_KEY": "your-key"}


def snippet(client: str) -> str:
    """Return the command or configuration that adds the server to a client, and the file it belongs in."""
    entry = {"command": _COMMAND[0], "args": _COMMAND[1:], "env": _ENV}
    name, value = next(iter(_ENV.items()))
    if client == "claude-code":
        return f"claude mcp add seedance --env {name}={value} -- {' '.join(_COMMAND)}"
    if client == "codex":
        return (
            "# ~/.codex/config.toml\n[mcp_servers.seedance]\n"
            f'command = "{_COMMAND[0]}"\nargs = {json.dumps(_COMMAND[1:])}\nenv = {{ {name} = "{value}" }}'
        )
    if client == "vscode":
        return "// .vscode/mcp.json\n" + json.dumps({"servers": {"seedance": {"type": "stdio", **entry}}}, indent=2)
    where = {"claude-desktop": "claude_desktop_config.json", "cursor": "~/.cursor/mcp.json"}[client]
    return f"// {where}\n" + json.dumps({"mcpServers": {"seedance": entry}}, indent=2)
