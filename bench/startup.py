"""The time from starting a server to its answer to tools/list, and its memory then, beside a one-tool server.

    uv run python bench/startup.py [rounds]

All vendors are configured, and the journal has 10,000 jobs. The servers take turns, so that other load on the machine
affects all of them. `python -m bench start` also measures the servers that people use instead.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench.peers import PEERS, installed
from bench.process import HELLO, Server
from bench.report import Figure, Result, Skipped, median, table
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
OURS, SDK = "seedance-mcp", "one tool on the bare mcp SDK"
SECTION = "Start"
JOBS = 10_000

Command = tuple[list[str], Mapping[str, str]]


def all_keys() -> dict[str, str]:
    """Return an API key for each vendor."""
    return {f"SEEDANCE_{vendor.env_name}_API_KEY": "bench-key" for vendor in known_vendors().values()}


def tools_listed(command: Command) -> tuple[float, float, float]:
    """Return the milliseconds until the server has listed its tools, and its memory (MiB) and processor time (ms)."""
    with Server(*command) as server:
        server.send("initialize", HELLO)
        server.notify("notifications/initialized")
        listed = server.send("tools/list")  # at once, as clients do that know the server
        server.answer(listed)
        return server.took() * 1000, server.memory(), server.processor() * 1000


def run(rounds: int, *, peers: bool = True, jobs: int = JOBS) -> list[Result]:
    """Measure all servers in turn; the first round only warms the caches."""
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, **all_keys(), "SEEDANCE_STATE_DIR": folder, "SEEDANCE_OUTPUT_DIR": folder}
        fill(Path(folder), jobs, 0)
        commands: dict[str, Command] = {
            SDK: ([sys.executable, "-c", BASELINE], env),
            OURS: ([sys.executable, "-m", "seedance_mcp"], env),
        }
        for peer in PEERS if peers else ():
            found = installed(peer)
            if isinstance(found, str):
                results.append(Skipped(SECTION, f"{peer.name}: time to tools/list", found))
            else:
                commands[peer.name] = found
        taken: dict[str, list[tuple[float, ...]]] = {name: [] for name in commands}
        for turn in range(rounds + 1):
            for name, command in commands.items():
                try:
                    measured = tools_listed(command)
                except (EOFError, ValueError) as error:
                    results.append(Skipped(SECTION, f"{name}: time to tools/list", f"it does not start ({error})"))
                    taken[name] = []
                    continue
                if turn:
                    taken[name].append(measured)
        for name in [name for name, values in taken.items() if len(values) < rounds]:
            del taken[name]
    kinds = (("time to tools/list", "ms"), ("memory", "MiB"), ("processor time", "ms"))
    medians = {name: [median(each) for each in zip(*values, strict=True)] for name, values in taken.items()}
    figures: list[Result] = []
    for name, found in medians.items():
        for value, base, (what, unit) in zip(found, medians[SDK], kinds, strict=True):
            figures.append(Figure(SECTION, f"{name}: {what}", value, unit, None if name == SDK else base, SDK))
    unique = {result.name: result for result in results}
    return [*figures, *unique.values()]


def main() -> None:
    """Measure this server and the one-tool server, and print the result."""
    print(table(run(int(sys.argv[1]) if len(sys.argv) > 1 else 9, peers=False)))


if __name__ == "__main__":
    main()
