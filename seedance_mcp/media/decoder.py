"""The child process that decodes: one task, on open files, within limits. `seedance_mcp.media.child` starts it.

It reads a line of JSON with its task from standard input, and writes a line of JSON to standard output, followed by the
images that the line states the lengths of; before it, lines that say how far it is. It ends as soon as its standard
input does, which is held open by the process that started it. From the moment it touches the files it can open no other
file and no connection, and writes to none but the one that it was given for that.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import sys
import threading
from collections.abc import Callable
from typing import Any

from seedance_mcp.media.masked import Masked

_MEASURE_EVERY = 0.05
_LIBRARIES = 512 * 1024**2
"""Bytes of addresses for what is not memory of its own: code, files and reserved space."""
_KIB = 1 if sys.platform == "darwin" else 1024
"""The unit of the peak memory that the system reports, in bytes."""


def main() -> None:
    """Do the task on standard input."""
    request = json.loads(sys.stdin.buffer.readline(1 << 22))
    limits = request["limits"]
    images: list[bytes] = []
    try:
        work = _prepared(request)
        _limit(limits["memory"], limits["processor"], limits.get("written", 0))
        _end_with_parent(limits["memory"])
        reply, images = work()
    except MemoryError:
        reply = {"problem": _memory(limits["memory"])}
    except Exception as error:  # noqa: BLE001  (decoders raise many kinds)
        reply = {"problem": _problem(error, limits)}
    sys.stdout.buffer.write(json.dumps({**reply, "lengths": list(map(len, images))}).encode() + b"\n")
    for image in images:
        sys.stdout.buffer.write(image)
    sys.stdout.buffer.flush()
    os._exit(0)  # decoders may have left threads behind


def _problem(error: Exception, limits: dict[str, int]) -> str:
    name, cause = type(error).__name__, error.__cause__ or error.__context__ or error
    if "Memory" in name:
        return _memory(limits["memory"])
    if isinstance(cause, OSError) and cause.errno == errno.EFBIG:
        return f"the result has more than {limits['written'] / 1e6:.0f} MB"
    if isinstance(cause, OSError) and cause.errno == errno.ENOSPC:
        return "the disk is full"
    return name


def _memory(limit: int) -> str:
    return f"it needs more than {limit / 1024**2:.0f} MB of memory"


def _prepared(request: dict[str, Any]) -> Callable[[], tuple[dict[str, Any], list[bytes]]]:
    """Import what a task needs, while that is still possible, and return the task."""
    if request["task"] == "join":
        from seedance_mcp.media.joined import join  # noqa: PLC0415  (only what the task needs)

        return lambda: (join(request, _report), [])
    file = Masked(request["file"], request.get("hide", ()))
    file.seek(0)  # the place is shared with the process that opened it
    if request["task"] == "image":
        from seedance_mcp.media.image import inspect_image, prepare  # noqa: PLC0415  (only what the task needs)

        prepare(request["ending"])
        return lambda: (inspect_image(file, request["ending"]), [])
    if request["task"] == "audio":
        from seedance_mcp.media.audio import inspect_audio  # noqa: PLC0415  (only what the task needs)

        return lambda: (inspect_audio(file, request["ending"]), [])
    from seedance_mcp.media.frames import preview  # noqa: PLC0415  (only what the task needs)

    limits = request["limits"]
    return lambda: preview(
        file, request["seconds"], request["frames"], request["at"], side=limits["side"], most=limits["samples"]
    )


def _report(seconds: float) -> None:
    """Say how many seconds of the result are done."""
    sys.stdout.buffer.write(json.dumps({"done": round(seconds, 2)}).encode() + b"\n")
    sys.stdout.buffer.flush()


def _limit(memory: int, processor: int, written: int) -> None:
    """Set the limits of this process; a system may lack some of them."""
    wanted = {
        "RLIMIT_AS": memory + _LIBRARIES,
        "RLIMIT_DATA": memory,
        "RLIMIT_CPU": processor,
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": written,
        "RLIMIT_NOFILE": 0,
    }
    for name, limit in wanted.items():
        if (kind := getattr(resource, name, None)) is not None:
            try:
                resource.setrlimit(kind, (limit, limit))
            except (ValueError, OSError):
                if name == "RLIMIT_CPU":
                    raise


def _end_with_parent(memory: int) -> None:
    """End this process when its parent has ended, or where the system does not hold the limit of its memory."""

    def read() -> None:
        os.read(0, 1)
        os._exit(1)

    def measure() -> None:
        done = threading.Event()
        while not done.wait(_MEASURE_EVERY):
            if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB > memory:
                os._exit(1)

    threading.Thread(target=read, daemon=True).start()
    if sys.platform != "linux":
        threading.Thread(target=measure, daemon=True).start()
