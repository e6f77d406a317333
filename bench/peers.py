"""Servers that people use instead, installed from the package registries, each into an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(tempfile.gettempdir()) / "seedance-mcp-bench-peers"
"""Where they stay installed for the next run."""
PATIENCE = 300
FASTMCP = (
    "from fastmcp import FastMCP\ns=FastMCP('one')\n@s.tool\ndef one() -> str: return ''\ns.run(show_banner=False)"
)


@dataclass(frozen=True)
class Peer:
    """A server: the package that has it, its command, and settings without which it does not start."""

    name: str
    package: str
    command: tuple[str, ...]
    """Relative to the folder of programs of its environment."""
    node: bool = False
    env: dict[str, str] = field(default_factory=dict[str, str])


PEERS = (
    Peer("fastmcp, one tool", "fastmcp", ("python", "-c", FASTMCP)),
    Peer("mcp-seedance (AceData)", "mcp-seedance", ("mcp-seedance",), env={"ACEDATACLOUD_API_TOKEN": "bench"}),
    Peer(
        "minimax-mcp",
        "minimax-mcp",
        ("minimax-mcp",),
        env={
            "MINIMAX_API_KEY": "bench",
            "MINIMAX_API_HOST": "http://127.0.0.1:9",
            "MINIMAX_MCP_BASE_PATH": str(FOLDER),
        },
    ),
    Peer("replicate-mcp", "replicate-mcp", ("replicate-mcp", "mcp-server"), True, {"REPLICATE_API_TOKEN": "bench"}),
)


def installed(peer: Peer) -> tuple[list[str], dict[str, str]] | str:
    """Return the command and the environment of a peer, or why it cannot be had."""
    place = FOLDER / peer.package
    programs = place / ("node_modules/.bin" if peer.node else "bin")
    if not (place / "installed").exists():
        if reason := _install(peer, place):
            return reason
        (place / "installed").touch()
    program = next((str(programs / name) for name in peer.command if (programs / name).exists()), None)
    if program is None:
        return f"the package has no command {peer.command[0]}"
    arguments = peer.command[1:] if not peer.node else ()
    return [program, *arguments], os.environ | peer.env


def _install(peer: Peer, place: Path) -> str:
    """Install a peer; return why it cannot be."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    if peer.node:
        commands = [["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(place), peer.package]]
    else:
        python = str(place / "bin/python")
        commands = [
            ["uv", "venv", "-q", "--allow-existing", "--python", sys.executable, str(place)],
            ["uv", "pip", "install", "-q", "--python", python, peer.package],
        ]
    for command in commands:
        if shutil.which(command[0]) is None:
            return f"{command[0]} is not installed"
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            return f"its installation takes more than {PATIENCE} s"
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["its installation fails"])[-1][:100]
    return ""
