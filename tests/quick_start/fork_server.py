"""The process that has imported everything: it forks a child for each launcher that connects to it.

A child has the launcher's standard streams, environment and folder, and ends as Python ends. Where a launcher dies,
its child is killed. All children are killed when the input of this process ends.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from tests import remembered

_IMPORTED = (
    "seedance_mcp.cli.commands", "seedance_mcp.server.stdio", "seedance_mcp.runtime", "seedance_mcp.sandbox.transport",
    "seedance_mcp.sandbox.serve", "seedance_mcp.cli.checks", "seedance_mcp.cli.sentences", "av", "mcp.server.stdio",
)  # fmt: skip
"""What most children need, and import late."""


class _ForkServer:
    def __init__(self, path: str) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen()
        self._launchers: dict[socket.socket, int] = {}
        """The child of each."""
        self._ended, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _ignore)  # without a handler, nothing would be written to the pipe
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the test run handles it

    def serve(self) -> dict[str, Any] | None:
        """Fork children until the input ends; in a child, return what it was asked to do."""
        while True:
            ready, _, _ = select.select([0, self._listener, self._ended, *self._launchers], [], [])
            if self._ended in ready:
                os.read(self._ended, 4096)
                self._reap()
            for launcher in [each for each in self._launchers if each in ready]:  # it has died: it sends no more
                pid = self._launchers.pop(launcher)
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)  # before another child can start
                launcher.close()
            if 0 in ready:
                for pid in self._launchers.values():
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                return None
            if self._listener in ready and (request := self._fork()) is not None:
                return request

    def _fork(self) -> dict[str, Any] | None:
        launcher, _ = self._listener.accept()
        head, streams, _, _ = socket.recv_fds(launcher, 4, 3)
        content = launcher.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)
        if not content:
            launcher.close()
            return None
        pid = os.fork()
        if pid:
            for stream in streams:
                os.close(stream)
            self._launchers[launcher] = pid
            with suppress(BrokenPipeError):
                launcher.sendall(pid.to_bytes(4, "big"))
            return None
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        launcher.close()
        for each in (self._listener, *self._launchers):
            each.close()
        os.close(self._ended)
        os.close(signal.set_wakeup_fd(-1))
        return json.loads(content)

    def _reap(self) -> None:
        """Tell the launchers whose children have ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for launcher, child in self._launchers.items():
                if child == pid:
                    with suppress(BrokenPipeError):
                        launcher.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))
                    self._launchers.pop(launcher)
                    launcher.close()
                    break


def _ignore(*_: object) -> None:
    pass


def _become(request: dict[str, Any]) -> Callable[[], object]:
    """Give this process what its launcher has; return the function that it runs."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["environ"])
    os.chdir(request["folder"])
    sys.argv[:] = ["seedance-mcp", *request["arguments"]]
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  (as Python opens it)
    sys.stdout = sys.__stdout__ = _writer(1)
    sys.stderr = sys.__stderr__ = _writer(2)
    module, _, name = request["call"].partition(":")
    return getattr(importlib.import_module(module), name)


def _writer(number: int) -> Any:
    line_buffering = number == 2 or os.isatty(number)
    stream: Any = open(number, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  (as Python opens it)
    stream.reconfigure(line_buffering=line_buffering, errors="backslashreplace" if number > 1 else "strict")
    return stream


def main() -> NoReturn:
    """Serve; in a child, run what it was forked for."""
    (path,) = sys.argv[1:]
    for name in _IMPORTED:
        with suppress(ImportError):
            importlib.import_module(name)
    remembered.remember()
    os.environ.clear()  # the children bring their own
    remembered.prepare()
    gc.collect()
    gc.freeze()
    server = _ForkServer(path)
    os.write(1, b"ready\n")
    request = server.serve()
    if request is None:
        Path(path).unlink(missing_ok=True)
        sys.exit(0)
    del server
    sys.exit(_become(request)())  # pyright: ignore[reportArgumentType]  (as the entry point of a command does)


if __name__ == "__main__":
    main()
