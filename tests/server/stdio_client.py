"""A server process on standard input and output: with an MCP client, or with the bare lines."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, cast

import anyio
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.exception_groups import single_error
from tests.quick_start.command import quick_command
from tests.server.mcp_client import PRICED, ToolAnswer, process_environ

COMMAND = (sys.executable, "-m", "seedance_mcp")
"""How clients start a server."""
STOP_BOUND = 5.0
"""Seconds within which a server that is told to stop must have stopped."""


# -- with a client ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def started(
    folder: Path, era: str, *, command: Sequence[str] | None = None, **settings: str
) -> AsyncGenerator[Client]:
    """Start a server, unless told otherwise the quick way, and connect to it."""
    program, *arguments = command or quick_command()
    parameters = StdioServerParameters(command=program, args=arguments, env=process_environ(folder, **settings))
    with (folder / "stderr").open("a") as log:
        try:
            with anyio.fail_after(60):
                async with Client(stdio_client(parameters, errlog=log), mode=era) as client:
                    yield client
        except BaseExceptionGroup as group:
            raise single_error(group) from None


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool and return its fields."""
    return ToolAnswer(await client.call_tool(tool, arguments)).fields


# -- without a client ---------------------------------------------------------------------------------------------


class Process:
    """A server and its pipes."""

    def __init__(self, process: subprocess.Popen[str], era: str) -> None:
        self.process, self.era = process, era
        self.lines: list[str] = []
        self._last_id = 0

    def notify(self, method: str, **params: Any) -> None:
        self.write({"jsonrpc": "2.0", "method": method, "params": params})

    def request(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a request and return its result."""
        self._last_id += 1
        if self.era != "legacy":
            params["_meta"] = {
                "io.modelcontextprotocol/protocolVersion": self.era,
                "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            }
        self.write({"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params})
        while True:
            line = self._read()
            assert line, "the server has closed its output"
            message: dict[str, Any] = json.loads(line)
            if message.get("id") == self._last_id:
                assert "result" in message, message
                return cast("dict[str, Any]", message["result"])

    def send_line(self, line: str) -> dict[str, Any]:
        """Write a line unchanged, and return the next message that comes back."""
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return cast("dict[str, Any]", json.loads(self._read()))

    def initialize(self) -> None:
        """Do the handshake of the era."""
        if self.era == "legacy":
            client = {"name": "test", "version": "1"}
            self.request("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=client)
            self.notify("notifications/initialized")
        else:
            self.request("server/discover")

    def create(self, prompt: str, **more: Any) -> dict[str, Any]:
        result = self.request("tools/call", name="create_video", arguments={"prompt": prompt, **PRICED, **more})
        return cast("dict[str, Any]", result["structuredContent"])

    def exit_code(self) -> int:
        """Wait until the process ends, keep the lines that it still writes, and return its exit code."""
        assert self.process.stdout
        self.lines += self.process.stdout.read().splitlines(keepends=True)
        return self.process.wait(STOP_BOUND)

    def write(self, message: dict[str, Any]) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def _read(self) -> str:
        assert self.process.stdout
        self.lines.append(self.process.stdout.readline())
        return self.lines[-1]


@contextmanager
def running(folder: Path, era: str, *, command: Sequence[str] | None = None, **settings: str) -> Generator[Process]:
    """Start a server, unless told otherwise the quick way, and do the handshake; kill it at the end of the block."""
    with (
        (folder / "stderr").open("a") as log,
        subprocess.Popen(
            command or quick_command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=process_environ(folder, **settings),
            encoding="utf-8",
        ) as process,
    ):
        server = Process(process, era)
        try:
            server.initialize()
            yield server
        finally:
            process.kill()
