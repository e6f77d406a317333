"""A server on standard input and output, as a client sees it: its answers, its memory and its processor time."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
"""With this, each start compiles every module whose installer has not; no client sets it."""
PATIENCE = 60.0
"""Seconds that a server has to end once its client has hung up."""


class Server:
    """A server process. Requests may be sent before earlier ones are answered."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], cwd: Path | None = None) -> None:
        self.began = time.perf_counter()
        own = {name: value for name, value in env.items() if name != NO_BYTECODE}
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, env=own, cwd=cwd, **pipes)
        self._last = 0
        self._answers: dict[int, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin  # noqa: S101  (tells the type checker that it is a pipe)
        assert self.process.stdout  # noqa: S101  (tells the type checker that it is a pipe)
        self.process.stdin.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def send(self, method: str, params: Mapping[str, Any] | None = None) -> int:
        """Send a request and return its id."""
        self._last += 1
        self._write({"id": self._last, "method": method} | ({} if params is None else {"params": params}))
        return self._last

    def notify(self, method: str) -> None:
        self._write({"method": method})

    def _write(self, message: Mapping[str, Any]) -> None:
        assert self.process.stdin  # noqa: S101  (tells the type checker that it is a pipe)
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0"} | dict(message)).encode() + b"\n")
        self.process.stdin.flush()

    def answer(self, number: int) -> dict[str, Any]:
        """Return the answer to the request with this id, once it is there."""
        assert self.process.stdout  # noqa: S101  (tells the type checker that it is a pipe)
        while number not in self._answers:
            line = self.process.stdout.readline()
            if not line:
                raise EOFError("the server has ended")
            if line.startswith(b"{"):  # some servers print other lines too
                message = json.loads(line)
                if "id" in message and "method" not in message:
                    self._answers[message["id"]] = message
        message = self._answers.pop(number)
        if "result" not in message:
            raise ValueError(str(message)[:300])
        return message["result"]

    def request(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return self.answer(self.send(method, params))

    def hello(self) -> None:
        """Do the handshake."""
        self.request("initialize", HELLO)
        self.notify("notifications/initialized")

    def tools(self) -> list[dict[str, Any]]:
        return self.request("tools/list")["tools"]

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        return self.request("tools/call", {"name": tool, "arguments": arguments})

    def took(self) -> float:
        """Return the seconds since it was started."""
        return time.perf_counter() - self.began

    def memory(self, line: str = "VmRSS") -> float:
        """Return its resident memory in MiB; VmHWM is the most that it was."""
        status = Path(f"/proc/{self.process.pid}/status")
        lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
        return next((int(found.split()[1]) / 1024 for found in lines if found.startswith(line)), 0.0)

    def processor(self) -> float:
        """Return the processor time that it has used, in seconds."""
        stat = Path(f"/proc/{self.process.pid}/stat")
        if not stat.exists():
            return 0.0
        fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def text_of(result: Mapping[str, Any]) -> str:
    """Return the text of a tool's answer."""
    return "\n".join(part["text"] for part in result["content"] if part["type"] == "text")
