"""Measure the time from starting the server to its answer to tools/list, beside a one-tool server on the same SDK.

    uv run python bench/startup.py [rounds]

All vendors are configured, and the journal has 10,000 jobs. Prints the medians and their ratio. The servers take
turns, so that other load on the machine affects both.
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

from bench.videos import fill
from seedance_mcp.vendors import known_vendors

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
HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
MESSAGES: list[dict[str, object]] = [
    {"id": 1, "method": "initialize", "params": HELLO},
    {"method": "notifications/initialized"},
    {"id": 2, "method": "tools/list"},
]
JOBS = 10_000


def tools_listed(command: list[str], env: dict[str, str]) -> tuple[float, float]:
    """Return the milliseconds until the server has listed its tools, and its memory in MiB at that time."""
    began = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env
    ) as process:
        assert process.stdin is not None  # noqa: S101  (tells the type checker that it is a pipe)
        assert process.stdout is not None  # noqa: S101  (tells the type checker that it is a pipe)
        for message in MESSAGES:
            process.stdin.write(json.dumps({"jsonrpc": "2.0"} | message).encode() + b"\n")
        process.stdin.flush()
        while '"id":2' not in process.stdout.readline().decode().replace(" ", ""):
            pass
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
        keys = {f"SEEDANCE_{vendor.env_name}_API_KEY": "bench-key" for vendor in known_vendors().values()}
        env = {**os.environ, **keys, "SEEDANCE_STATE_DIR": folder, "SEEDANCE_OUTPUT_DIR": folder}
        fill(Path(folder), JOBS, 0)
        commands = {
            "baseline": [sys.executable, "-c", BASELINE],
            "seedance-mcp": [sys.executable, "-m", "seedance_mcp"],
        }
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(rounds + 1):
            for name, command in commands.items():
                taken[name].append(tools_listed(command, env))
    medians: dict[str, tuple[float, float]] = {}
    for name, (_, *values) in taken.items():  # the first round only warms the caches
        ms, mib = statistics.median(ms for ms, _ in values), statistics.median(mib for _, mib in values)
        medians[name] = ms, mib
        print(f"{name:14} {ms:7.0f} ms  {mib:5.0f} MiB")
    (base_ms, base_mib), (ms, mib) = medians["baseline"], medians["seedance-mcp"]
    print(f"ratio          {ms / base_ms:7.2f}     {mib / base_mib:5.2f}")


if __name__ == "__main__":
    main()
