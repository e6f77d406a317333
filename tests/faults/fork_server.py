"""The runner's end of the nursery: bear children, kill them, wait for them, always with a bound."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.faults.plan import Plan
from tests.faults.vendor import ROOT

KILLED = -9
"""How the end by SIGKILL is reported."""


def quick_folder() -> str | None:
    """Return a folder in memory where there is one: what is proved does not need the disk to be slow."""
    memory = "/dev/shm"  # noqa: S108  (only what tempfile makes in it is used)
    return memory if os.access(memory, os.W_OK) else None


@contextmanager
def scratch() -> Generator[Path]:
    """Make a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="faults-", dir=quick_folder(), ignore_cleanup_errors=True) as name:
        yield Path(name)


class Nursery:
    """One process that forks the children of this runner."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def _ask(self, **order: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def bear(self, plan: Plan) -> int:
        """Start a child; returns its pid."""
        return self._ask(plan=plan.to_json())

    def wait(self, pid: int, seconds: float) -> int | None:
        """Wait for a child to end: its exit code, negative for a signal, None if it goes on."""
        return self._ask(wait=pid, seconds=seconds)

    def end(self, pid: int) -> int | None:
        """Kill a child for certain."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return self.wait(pid, 10)

    def run(self, plan: Plan) -> int | None:
        """Let a child live to its end, or to a bound; None means that it hung and was killed."""
        pid = self.bear(plan)
        code = self.wait(pid, plan.patience + 20)
        if code is None:
            self.end(pid)
        return code


@contextmanager
def open_nursery() -> Generator[Nursery]:
    """Run a nursery until the block ends."""
    command = [sys.executable, "-m", "tests.faults.child"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        try:
            yield Nursery(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
