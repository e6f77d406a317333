"""Commands as a shell runs them; most in this process, which is much cheaper than starting one for each."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import os
import re
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import anyio
import anyio.abc
import pytest
from anyio import to_thread

from seedance_mcp import cli
from tests.quick_start.command import quick_command
from tests.server.mcp_client import process_environ

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals, scripts and pseudo-terminals are POSIX's")


@dataclass(frozen=True)
class Result:
    """The exit code of a command, and what it printed."""

    code: int
    out: str
    err: str


def environ(folder: Path, *, sandbox: bool = True, **settings: str) -> dict[str, str]:
    """Return the environment of a command; without the sandbox no vendor is configured."""
    return process_environ(folder, **({"SEEDANCE_SANDBOX": "1" if sandbox else "0"} | settings))


class Screen(io.TextIOWrapper):
    """What a command prints: to a pipe, or to a terminal of some columns."""

    def __init__(self, encoding: str, *, terminal: bool) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, newline="\n")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def text(self) -> str:
        """Return what was printed."""
        self.flush()
        bytes_: io.BytesIO = self.buffer  # pyright: ignore[reportAssignmentType]  (given above)
        return bytes_.getvalue().decode(self.encoding)


class Keyboard(io.StringIO):
    """A person at a terminal who has typed something, or a pipe with it."""

    def __init__(self, typed: str, *, terminal: bool) -> None:
        super().__init__(typed)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def run(
    folder: Path,
    *arguments: str,
    sandbox: bool = True,
    columns: int | None = None,
    typed: str = "",
    encoding: str = "utf-8",
    **settings: str,
) -> Result:
    """Run a command in this process until it ends; with `columns`, on a terminal of that width."""
    terminal = columns is not None
    out, err = Screen(encoding, terminal=terminal), Screen(encoding, terminal=terminal)
    env = environ(folder, sandbox=sandbox, **settings) | ({"COLUMNS": str(columns), "TERM": "dumb"} if terminal else {})
    with (
        mock.patch.dict(os.environ, env, clear=True),
        _keyboard(Keyboard(typed, terminal=terminal)),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        _logging_of_its_own(),
    ):
        try:
            code = cli.main(arguments)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
    return Result(code, out.text(), err.text())


@contextlib.contextmanager
def _keyboard(keyboard: Keyboard) -> Generator[None]:
    before, sys.stdin = sys.stdin, keyboard
    try:
        yield
    finally:
        sys.stdin = before


@contextlib.contextmanager
def _logging_of_its_own() -> Generator[None]:
    """Let a command set up logging, and undo that afterwards."""
    loggers = [logging.getLogger(), *map(logging.getLogger, ("httpx2", "httpcore2", "mcp"))]
    before = [(logger.handlers[:], logger.level) for logger in loggers]
    loggers[0].handlers.clear()
    try:
        yield
    finally:
        for logger, (handlers, level) in zip(loggers, before, strict=True):
            logger.handlers[:] = handlers
            logger.setLevel(level)


async def run_async(
    folder: Path,
    *arguments: str,
    sandbox: bool = True,
    columns: int | None = None,
    typed: str = "",
    **settings: str,
) -> Result:
    """Run a command in a thread until it ends, while the event loop of the test serves something."""
    command = functools.partial(run, folder, *arguments, sandbox=sandbox, columns=columns, typed=typed, **settings)
    with anyio.fail_after(60):
        return await to_thread.run_sync(command, abandon_on_cancel=True)


@asynccontextmanager
async def started(
    folder: Path, *arguments: str, stderr: int = subprocess.PIPE, sandbox: bool = True, **settings: str
) -> AsyncGenerator[anyio.abc.Process]:
    """Start a command; wait for its end after the block, and kill it after a minute."""
    async with await anyio.open_process(
        quick_command(*arguments),
        env=environ(folder, sandbox=sandbox, **settings),
        stderr=stderr,
        start_new_session=True,
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
