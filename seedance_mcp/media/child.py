"""Runs one task in a child process (`seedance_mcp.media.decoder`), in which alone anything is decoded.

The child gets open files and no path, no environment and no way to open anything else; it is killed when the caller is
cancelled, and it ends by itself when this process does.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import anyio

_LARGEST_REPLY = 48 * 1024**2
"""Bytes of the child's answer: the largest last frame as a JPEG has about 20 MB."""
_START = "import sys; sys.path[:] = sys.argv[1:]; from seedance_mcp.media.decoder import main; main()"
_PROGRESS = b'{"done": '
"""How a line begins that says how far the child is. Any number of them come before its answer."""

OnDone = Callable[[float], Awaitable[None]]
"""Gets how many seconds of the result are done."""


class Undecodable(Exception):
    """The content does not match the format that its first bytes announce; the message says how."""


async def run_task(
    request: Mapping[str, Any], files: Sequence[int], *, wall: float, on_done: OnDone | None = None
) -> tuple[dict[str, Any], list[bytes]]:
    """Run a task on open files in a child process; return its answer, and the images that came with it.

    Raises:
        Undecodable: it failed, or needed more than the limits in the request, or more than `wall` seconds.
    """
    answer = bytearray()
    with anyio.move_on_after(wall) as timer:
        await _run_child(json.dumps(request).encode() + b"\n", files, answer, on_done)
    if timer.cancelled_caught:
        raise Undecodable(f"it takes longer than {wall:g} s")
    return _parsed(bytes(answer))


async def _run_child(request: bytes, files: Sequence[int], answer: bytearray, on_done: OnDone | None) -> None:
    """Start a child, and append what it answers. It never outlives this call."""
    command = [sys.executable, "-I", "-S", "-c", _START, *(path for path in sys.path if os.path.isabs(path))]  # noqa: PTH117  (a text)
    # The child's environment has no keys. Its standard input stays open: when it ends, so does the child.
    with anyio.CancelScope(shield=True) as scope:  # a call that is cancelled meanwhile must still know what to end
        process = await anyio.open_process(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment(),
            pass_fds=files, cwd=os.sep,
        )  # fmt: skip
        scope.shield = False
        async with process:
            try:
                if process.stdin is None or process.stdout is None:
                    return
                with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                    await process.stdin.send(request)
                async for block in process.stdout:
                    answer += block
                    done = _taken(answer)
                    if done is not None and on_done is not None:
                        await on_done(done)
                    if len(answer) > _LARGEST_REPLY:
                        return
                await process.wait()
            finally:
                if process.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        process.kill()


def _taken(answer: bytearray) -> float | None:
    """Remove the lines that say how far the child is from the beginning of an answer; return the latest number."""
    done = None
    while answer.startswith(_PROGRESS) and (end := answer.find(b"\n")) > 0:
        with contextlib.suppress(ValueError):
            done = float(answer[len(_PROGRESS) : end - 1])
        del answer[: end + 1]
    return done


def _environment() -> dict[str, str]:
    """Return what a Python needs to start, and nothing that is ours."""
    names = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "LANG")
    return {name: os.environ[name] for name in names if name in os.environ} | {"MALLOC_ARENA_MAX": "2"}


def _parsed(answer: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Return the child's answer, which is trusted no more than the files."""
    head, _, rest = answer.partition(b"\n")
    try:
        reply: Any = json.loads(head)
        lengths = [int(length) for length in reply.pop("lengths", ())]
        if "problem" in reply:
            raise Undecodable(str(reply["problem"])[:100])
    except (ValueError, AttributeError, TypeError):
        raise Undecodable("its decoder broke down") from None
    images: list[bytes] = []
    for length in lengths:
        images.append(rest[:length])
        rest = rest[length:]
    if any(not image.startswith(b"\xff\xd8\xff") for image in images):
        raise Undecodable("its decoder broke down")
    return reply, images
