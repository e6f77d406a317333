"""Commands as a shell runs them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.abc
import pytest

from tests.server.mcp_client import process_environ

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals, scripts and pseudo-terminals are POSIX's")
_COMMAND = [sys.executable, "-m", "seedance_mcp"]


@dataclass(frozen=True)
class Result:
    """The exit code of a command, and what it printed."""

    code: int
    out: str
    err: str


def environ(folder: Path, *, sandbox: bool = True, **settings: str) -> dict[str, str]:
    """Return the environment of a command; without the sandbox no vendor is configured."""
    return process_environ(folder, **({"SEEDANCE_SANDBOX": "1" if sandbox else "0"} | settings))


def run(folder: Path, *arguments: str, sandbox: bool = True, **settings: str) -> Result:
    """Run a command until it ends."""
    done = subprocess.run(
        [*_COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        env=environ(folder, sandbox=sandbox, **settings),
        timeout=60,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


async def run_async(folder: Path, *arguments: str, sandbox: bool = True, **settings: str) -> Result:
    """Run a command until it ends, while the event loop of the test serves something."""
    with anyio.fail_after(60):
        done = await anyio.run_process(
            [*_COMMAND, *arguments], env=environ(folder, sandbox=sandbox, **settings), check=False
        )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


@asynccontextmanager
async def started(
    folder: Path, *arguments: str, stderr: int = subprocess.PIPE, sandbox: bool = True, **settings: str
) -> AsyncGenerator[anyio.abc.Process]:
    """Start a command; wait for its end after the block, and kill it after a minute."""
    async with await anyio.open_process(
        [*_COMMAND, *arguments], env=environ(folder, sandbox=sandbox, **settings), stderr=stderr, start_new_session=True
    ) as process:
        try:
            with anyio.fail_after(60):
                yield process
                await process.wait()
        finally:
            if process.returncode is None:
                process.kill()


async def read_until(stream: anyio.abc.ByteReceiveStream | None, pattern: str) -> str:
    """Return what a command prints, up to the block in which this pattern appears."""
    assert stream
    text = ""
    async for block in stream:
        text += block.decode()
        if re.search(pattern, text):
            return text
    raise AssertionError(text)


async def read_all(stream: anyio.abc.ByteReceiveStream | None) -> str:
    """Return everything that a command still prints."""
    assert stream
    return b"".join([block async for block in stream]).decode()
