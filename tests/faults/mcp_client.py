"""A minimal MCP client of a whole server, which may be killed in the middle of a call."""

from __future__ import annotations

import json
import os
from typing import Any

from tests.faults.fork_server import ForkServer
from tests.faults.plan import Folder, Plan


class McpClient:
    """A client, and the server process at the other end of its pipes."""

    def __init__(self, fork_server: ForkServer, folder: Folder, plan: Plan) -> None:
        for pipe in (folder.input, folder.output):
            pipe.unlink(missing_ok=True)
            os.mkfifo(pipe)
        self._fork_server = fork_server
        self._pid = fork_server.start(plan)
        self._input, self._output = folder.input.open("wb"), folder.output.open("rb")
        client = {"name": "assistant", "version": "1"}
        self._request("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=client)
        self._send(method="notifications/initialized")

    def _send(self, **message: Any) -> None:
        self._input.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self._input.flush()

    def _request(self, method: str, **params: Any) -> dict[str, Any] | None:
        self._send(id=1, method=method, params=params)
        for line in self._output:
            message = json.loads(line)
            if message.get("id") == 1:
                return message["result"]
        return None

    def call(self, tool: str, **arguments: Any) -> dict[str, Any] | None:
        """Call a tool; return its result, or None if the server died first."""
        return self._request("tools/call", name=tool, arguments=arguments)

    def end(self) -> int | None:
        """Close the server's input and wait for its end; return its exit code."""
        self._input.close()
        self._output.close()
        return self._fork_server.wait(self._pid, 40)
