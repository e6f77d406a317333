"""Commands whose processes start in milliseconds, for tests in which the start itself is not what is tested.

To import the server takes a second or two of a processor, and hundreds of tests need a process. These are forked from
one that has imported everything; each has a small launcher, so that any way to start a program will do.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_LAUNCHER = str(Path(__file__).with_name("launcher.py"))


def quick_command(*arguments: str, call: str = "seedance_mcp.cli:main") -> list[str]:
    """Return a command that calls a function, "module:name", with these arguments in `sys.argv`.

    A process of it has the pid of its launcher, which passes SIGINT, SIGTERM and SIGKILL on and has the same exit code.
    """
    if not hasattr(os, "fork"):
        module, _, name = call.partition(":")
        program = f"import sys; from {module} import {name}; sys.exit({name}())"
        return [sys.executable, "-c", program, *arguments]
    return [sys.executable, "-IS", _LAUNCHER, _socket(), call, *arguments]


@cache
def _socket() -> str:
    """Start the fork server of this test process, unless it runs; return the path of its socket."""
    folder = tempfile.TemporaryDirectory(prefix="quick-")
    path = str(Path(folder.name) / "s")
    process = subprocess.Popen(
        [sys.executable, "-X", "utf8", "-m", "tests.quick_start.fork_server", path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdin
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    process.stdout.close()

    def stop() -> None:
        assert process.stdin
        process.stdin.close()
        process.wait(10)
        folder.cleanup()

    atexit.register(stop)
    return path
