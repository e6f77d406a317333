"""Commands as a shell runs them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import anyio

from tests.server.mcp_client import process_environ


@dataclass(frozen=True)
class Done:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


def environ(folder: Path, *, sandbox: bool = True, **more: str) -> dict[str, str]:
    """Return the process_environ of a command; without the sandbox nothing is configured."""
    return process_environ(folder, **({"SEEDANCE_SANDBOX": "1" if sandbox else "0"} | more))


def run(folder: Path, *words: str, sandbox: bool = True, **more: str) -> Done:
    """Run a command to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "seedance_mcp", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        env=environ(folder, sandbox=sandbox, **more),
        timeout=60,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


async def run_beside(folder: Path, *words: str, sandbox: bool = True, **more: str) -> Done:
    """Run a command to its end while the test serves something."""
    with anyio.fail_after(60):
        done = await anyio.run_process(
            [sys.executable, "-m", "seedance_mcp", *words], env=environ(folder, sandbox=sandbox, **more), check=False
        )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())
