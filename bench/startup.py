"""Measure the time from starting the server to its first answer, and compare it with a one-tool server on the same SDK.

    uv run python bench/startup.py [rounds]

Prints the medians and their ratio. The servers take turns, so that other load on the machine affects both.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BASELINE = """
import anyio, mcp_types as t
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
async def tools(ctx, params): return t.ListToolsResult(tools=[t.Tool(name="one", input_schema={"type": "object"})])
server = Server("baseline", on_list_tools=tools)
async def main():
    async with stdio_server() as (r, w): await server.run(r, w, server.create_initialization_options())
anyio.run(main)
"""
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}},
}


def first_answer(command: list[str], env: dict[str, str]) -> tuple[float, float]:
    """Return the milliseconds until the server has answered the handshake, and its memory in MiB at that time."""
    began = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env
    ) as process:
        assert process.stdin is not None  # noqa: S101  (tells the type checker that it is a pipe)
        assert process.stdout is not None  # noqa: S101  (tells the type checker that it is a pipe)
        process.stdin.write(json.dumps(HELLO).encode() + b"\n")
        process.stdin.flush()
        process.stdout.readline()
        took = (time.perf_counter() - began) * 1000
        status = Path(f"/proc/{process.pid}/status")
        lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
        memory = next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)
        process.stdin.close()
        process.wait(10)
    return took, memory


def main() -> None:
    """Measure both servers and print the result."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "SEEDANCE_SEEDANCEAPI_API_KEY": "bench-key", "SEEDANCE_STATE_DIR": folder}
        commands = {
            "baseline": [sys.executable, "-c", BASELINE],
            "seedance-mcp": [sys.executable, "-m", "seedance_mcp"],
        }
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(rounds + 1):
            for name, command in commands.items():
                taken[name].append(first_answer(command, env))
    medians: dict[str, float] = {}
    for name, (_, *values) in taken.items():  # the first round only warms the caches
        medians[name] = statistics.median(ms for ms, _ in values)
        memory = statistics.median(mib for _, mib in values)
        print(f"{name:14} {medians[name]:7.0f} ms  {memory:5.0f} MiB")
    print(f"ratio          {medians['seedance-mcp'] / medians['baseline']:7.2f}")


if __name__ == "__main__":
    main()
