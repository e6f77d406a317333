"""A small program in the place of a large one: it hands its standard streams over, passes signals on, and ends alike.

It imports little, and nothing of ours, because it is what each quick start costs.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from contextlib import suppress

_PASSED_ON = (signal.SIGINT, signal.SIGTERM)
_LOST = 99
"""The exit code when the fork server has gone."""


def _read(connection: socket.socket) -> int:
    """Return the next number from the fork server."""
    block = connection.recv(4, socket.MSG_WAITALL)
    if len(block) < 4:
        os._exit(_LOST)
    return int.from_bytes(block, "big", signed=True)


def main(path: str, call: str, *arguments: str) -> None:
    """Let the fork server at this path run a call, wait for its end, and end in the same way."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    request = {"call": call, "arguments": arguments, "environ": dict(os.environ), "folder": os.getcwd()}  # noqa: PTH109  (pathlib is slow to load)
    content = json.dumps(request).encode()
    socket.send_fds(connection, [len(content).to_bytes(4, "big")], [0, 1, 2])
    connection.sendall(content)
    pid = _read(connection)

    def pass_on(number: int, _: object) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)

    for number in _PASSED_ON:
        signal.signal(number, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):  # their other ends must see when the child closes them
        os.dup2(nothing, stream)
    code = _read(connection)
    if code < 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [-code])
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
