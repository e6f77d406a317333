"""Time from starting the process to its first answer, beside the floor: a one-tool server on the same SDK.

    uv run python bench/startup.py [rounds]

Prints medians and the ratio of the two, measured in turn in one run, so that a slow machine slows both.
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

FLOOR = """
import anyio, mcp_types as t
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
async def tools(ctx, params): return t.ListToolsResult(tools=[t.Tool(name="one", input_schema={"type": "object"})])
server = Server("floor", on_list_tools=tools)
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
    """Return (ms to the handshake's answer, MiB of memory then)."""
    began = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env
    ) as process:
        assert process.stdin is not None  # noqa: S101  (they are pipes)
        assert process.stdout is not None  # noqa: S101
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
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "SEEDANCE_SEEDANCEAPI_API_KEY": "bench-key", "SEEDANCE_STATE_DIR": folder}
        commands = {"floor": [sys.executable, "-c", FLOOR], "seedance-mcp": [sys.executable, "-m", "seedance_mcp"]}
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(rounds + 1):
            for name, command in commands.items():
                taken[name].append(first_answer(command, env))
    medians = {n: statistics.median(ms for ms, _ in t[1:]) for n, t in taken.items()}  # the first warms the caches
    for name, values in taken.items():
        memory = statistics.median(mib for _, mib in values[1:])
        print(f"{name:14} {medians[name]:7.0f} ms  {memory:5.0f} MiB")
    print(f"ratio          {medians['seedance-mcp'] / medians['floor']:7.2f}")


if __name__ == "__main__":
    main()
