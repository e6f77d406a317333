"""The runner's end of the fork server: start children, kill them, wait for them, always within a bound."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.faults.behaviours import ROOT
from tests.faults.plan import Plan
from tests.quick_folder import quick_folder

KILLED = -9
"""The exit code of a process that was ended by SIGKILL."""


@contextmanager
def scratch() -> Generator[Path]:
    """Create a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="faults-", dir=quick_folder(), ignore_cleanup_errors=True) as name:
        yield Path(name)


class ForkServer:
    """One process that forks children; any number of threads may use it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._starting = threading.Lock()
        self._started: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._codes: dict[int, int] = {}
        self._ended_at: dict[int, float] = {}
        self._changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            answer = json.loads(line)
            if "started" in answer:
                with self._changed:
                    self._codes.pop(answer["started"], None)  # of an earlier child with this process id
                self._started.put(answer["started"])
            else:
                with self._changed:
                    self._codes[answer["ended"]] = answer["code"]
                    self._ended_at[answer["ended"]] = answer["at"]
                    self._changed.notify_all()

    def start(self, plan: Plan) -> int:
        """Start a child; return its process id."""
        assert self._process.stdin is not None
        with self._starting:
            self._process.stdin.write(json.dumps(plan.to_json()).encode() + b"\n")
            self._process.stdin.flush()
            return self._started.get(timeout=60)

    def wait(self, pid: int, seconds: float) -> int | None:
        """Wait for a child to end; return its exit code, negative for a signal, or None if it is still running."""
        with self._changed:
            self._changed.wait_for(lambda: pid in self._codes, seconds)
            return self._codes.get(pid)

    def ended_at(self, pid: int) -> float:
        """Return when a child has ended, on the monotonic clock that all processes share."""
        with self._changed:
            return self._ended_at[pid]

    def kill(self, pid: int) -> int | None:
        """Kill a child and return its exit code."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return self.wait(pid, 10)

    def run(self, plan: Plan) -> int | None:
        """Run a child to its end and return its exit code; None means that it hung and was killed."""
        return self.end(self.start(plan), plan)

    def end(self, pid: int, plan: Plan) -> int | None:
        """Wait for the end of a child that was started; None means that it hung and was killed."""
        code = self.wait(pid, plan.patience + 20)
        if code is None:
            self.kill(pid)
        return code


@contextmanager
def open_fork_server() -> Generator[ForkServer]:
    """Run a fork server until the block ends."""
    command = [sys.executable, "-m", "tests.faults.child"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        try:
            yield ForkServer(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
