"""Send lines to a server as fast as it answers; report what came back, how late, and how much memory that took."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.lines import MODERN, Lines, envelope, expected_id
from tests.server.mcp_client import process_environ

AT_ONCE = 8
"""Requests that wait for an answer at the same time."""
LONGEST_WAIT = 5.0
"""Seconds within which each request must be answered."""
GIVE_UP = 60.0
"""Seconds after which the run ends if nothing is answered any more."""
LARGEST_ANSWER = 20_000
MOST_MEMORY = 320
"""MiB that a server may hold at its peak."""
MOST_GROWTH = 96
"""MiB by which that may grow after the first tenth of the lines."""
_INTERNAL = (-32603, 0)


@dataclass
class Report:
    """What a run has found."""

    era: str
    lines: int = 0
    requests: int = 0
    kinds: Counter[str] = field(default_factory=Counter[str])
    """Answers by kind: result, refusal of a tool, or the code of a protocol error."""
    internal: list[str] = field(default_factory=list[str])
    """Requests that were answered with an internal error, with the answer."""
    too_large: list[str] = field(default_factory=list[str])
    late: list[str] = field(default_factory=list[str])
    unanswered: list[str] = field(default_factory=list[str])
    longest: float = 0.0
    """Seconds until the latest answer."""
    slowest: str = ""
    """The request that it answered."""
    early_memory: int = 0
    peak_memory: int = 0
    exit_code: int | None = None
    log: str = ""

    @property
    def problems(self) -> list[str]:
        """Return every reason why the run has failed."""
        found = [f"internal error: {text}" for text in self.internal]
        found += [f"more than {LARGEST_ANSWER} bytes: {text}" for text in self.too_large]
        found += [f"answered late: {text}" for text in self.late]
        found += [f"not answered: {text}" for text in self.unanswered]
        if self.exit_code != 0:
            found.append(f"the server ended with {self.exit_code}")
        if "Traceback" in self.log:
            found.append(f"the log has a traceback: {self.log[self.log.index('Traceback') :][:2000]}")
        if self.peak_memory > MOST_MEMORY or self.peak_memory - self.early_memory > MOST_GROWTH:
            found.append(f"memory: {self.early_memory} MiB, then {self.peak_memory} MiB")
        return found

    def __str__(self) -> str:
        kinds = ", ".join(f"{kind} {count}" for kind, count in self.kinds.most_common())
        return (
            f"{self.era}: {self.lines} lines, {self.requests} requests ({kinds}); internal {len(self.internal)}, "
            f"unanswered {len(self.unanswered)}, late {len(self.late)}, too large {len(self.too_large)}; longest "
            f"{self.longest:.2f} s; memory {self.early_memory} MiB, at the peak {self.peak_memory} MiB; "
            f"exit code {self.exit_code}"
        )


class _Server:
    """A server process, and what was asked and answered."""

    def __init__(self, process: subprocess.Popen[bytes], era: str, report: Report) -> None:
        self._process, self._era, self._report = process, era, report
        self._sent: dict[str | int, tuple[float, str]] = {}
        self._changed = threading.Condition()
        self.answers: list[tuple[str, dict[str, Any]]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def send(self, line: str) -> None:
        """Send a line once fewer than AT_ONCE requests are open."""
        request_id = expected_id(line)
        with self._changed:
            self._changed.wait_for(lambda: len(self._sent) < AT_ONCE, GIVE_UP)
            if request_id is not None:
                self._sent[request_id] = time.monotonic(), line
                self._report.requests += 1
        self._write(line)

    def ask(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Send one request and wait for its result."""
        params = {**params, "_meta": envelope()} if self._era == MODERN else params
        self.send(json.dumps({"jsonrpc": "2.0", "id": f"own-{method}", "method": method, "params": params}))
        self.settle()
        result: dict[str, Any] = self.answers.pop()[1]["result"]
        return result

    def settle(self) -> None:
        """Wait until everything is answered, or nothing will be."""
        with self._changed:
            self._changed.wait_for(lambda: not self._sent, GIVE_UP)

    def end(self) -> None:
        """Hang up, and take down what was never answered."""
        self.settle()
        assert self._process.stdin
        with self._changed:
            self._report.unanswered += [line[:300] for _, line in self._sent.values()]
        self._process.stdin.close()
        self._report.exit_code = self._process.wait(10)
        self._reader.join(10)

    def memory(self, name: str) -> int:
        """Return a figure of the process in MiB; 0 where the system does not say."""
        status = Path(f"/proc/{self._process.pid}/status")
        lines = status.read_text("utf-8").splitlines() if status.exists() else []
        return next((int(line.split()[1]) // 1024 for line in lines if line.startswith(name)), 0)

    def _write(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(line.encode("utf-8", "surrogatepass") + b"\n")
        self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout
        for raw in self._process.stdout:
            message: dict[str, Any] = json.loads(raw)
            if "method" in message:
                if "id" in message:  # the server asks the user
                    reply = {"action": "accept", "content": {"ok": len(raw) % 2 == 0}}
                    self._write(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": reply}))
                continue
            with self._changed:
                sent = self._sent.pop(message.get("id") or 0, None)
                if sent is not None:
                    self._take_down(message, len(raw), *sent)
                    self.answers.append((sent[1], message))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def _take_down(self, message: dict[str, Any], size: int, sent_at: float, line: str) -> None:
        report, took = self._report, time.monotonic() - sent_at
        if '"own-' not in line[:40]:  # the first ones also wait for the interpreter to start
            if took > report.longest:
                report.longest, report.slowest = took, line[:300]
            if took > LONGEST_WAIT:
                report.late.append(f"{took:.1f} s: {line[:300]}")
        error: Any = message.get("error")
        result: dict[str, Any] = message.get("result") or {}
        text = json.dumps(message, ensure_ascii=False)
        refused = bool(result.get("isError"))
        report.kinds[str(error["code"]) if error else "refusal" if refused else "result"] += 1
        is_internal = bool(error) and error["code"] in _INTERNAL
        if is_internal or (refused and result["content"][0]["text"].startswith("internal")):
            report.internal.append(f"{line[:300]} → {text[:300]}")
        # Schemas and pages are as large as they are; an id or a method that is echoed is the client's own.
        if size > LARGEST_ANSWER and ('"tools/call"' in line or error) and len(line) < LARGEST_ANSWER:
            report.too_large.append(f"{size} for {line[:300]}")


def fuzz(folder: Path, era: str, count: int, seed: int) -> Report:
    """Start a sandbox server with everything in a folder, send it `count` lines, and report."""
    report, random = Report(era), Random(seed)
    settings = {"SEEDANCE_SAVE": "off", "SEEDANCE_CONFIRM_ABOVE": "0.60", "SEEDANCE_LOG": "error"}
    settings |= {"SEEDANCE_MEDIA_ROOTS": str(folder)}
    with (
        (folder / "stderr").open("w+b") as log,
        subprocess.Popen(
            [sys.executable, "-m", "seedance_mcp"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=process_environ(folder, **settings),
        ) as process,
    ):
        try:
            server = _Server(process, era, report)
            if era != MODERN:
                client = {"name": "fuzz", "version": "1"}
                capabilities: dict[str, Any] = {"elicitation": {}}
                hello = {"protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": client}
                server.ask("initialize", hello)
                server.send('{"jsonrpc": "2.0", "method": "notifications/initialized"}')
            lines = Lines(random, era, server.ask("tools/list", {})["tools"])
            for number in range(count):
                server.send(lines.line())
                _learn(lines, server)
                if number == count // 10:
                    server.settle()
                    report.early_memory = server.memory("VmHWM")
            report.lines = count
            server.settle()
            report.peak_memory = server.memory("VmHWM")
            server.end()
        finally:
            process.kill()
        log.seek(0)
        report.log = log.read().decode(errors="replace")
    return report


def _learn(lines: Lines, server: _Server) -> None:
    """Take the ids of jobs, and questions, out of the answers so far."""
    while server.answers:
        line, message = server.answers.pop()
        result: dict[str, Any] = message.get("result") or {}
        fields: Mapping[str, Any] = result.get("structuredContent") or {}
        if "job_id" in fields and len(lines.job_ids) < 200:
            lines.job_ids.append(fields["job_id"])
        if state := result.get("requestState"):
            call = json.loads(line)["params"]
            lines.questions.append(call | {"requestState": state})
