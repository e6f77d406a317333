"""A server whose saved videos are bombs: it stays up, answers, ends when it is told to, and loads no decoder itself."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread

from tests.media.bombs import BOMBS
from tests.processes import children, ended, until
from tests.server.mcp_client import PRICED
from tests.server.stdio_client import COMMAND, Process, running
from tests.uploads.sessions import MINI, served_jimmyai

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="memory and child processes are read in /proc"),
]

ENDLESS = BOMBS["20,000 frames of 4096x4096 pixels"]
PROMPTLY = 1.6
"""Seconds; it takes a tenth of one where the machine has nothing else to do."""
LITTLE = 200
"""MB that a server has at most; one decoder alone may have 512."""


def tool(server: Process, name: str, **arguments: Any) -> str:
    """Call a tool and return the text of its answer."""
    result = server.request("tools/call", name=name, arguments=arguments)
    return "\n".join(part["text"] for part in result["content"] if part["type"] == "text")


def saved(server: Process, **arguments: Any) -> tuple[str, Path]:
    """Create a video; return the id of its job, and its path once it is saved."""
    created = server.request("tools/call", name="create_video", arguments={"prompt": "a fox", **arguments})
    job_id: str = created["structuredContent"]["job_id"]
    while True:
        result = server.request("tools/call", name="check_video", arguments={"job_id": job_id, "wait_seconds": 20})
        if path := result["structuredContent"].get("path"):
            return job_id, Path(path)


def peak(server: Process) -> int:
    """Return the most memory that a server has had, in MB."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


async def test_a_real_server_never_loads_a_decoder_and_survives_every_bomb(tmp_path: Path) -> None:
    def visit(settings: dict[str, str]) -> None:
        with running(tmp_path, "legacy", command=COMMAND, SEEDANCE_SANDBOX="0", **settings) as server:
            job_id, video = saved(server, model=MINI, duration=4)
            answer = tool(server, "preview_video", job_id=job_id)
            assert "times: " in answer
            last_frame = answer.partition("last_frame: ")[2].partition("\n")[0]
            again = tool(server, "create_video", prompt="on", model=MINI, first_frame=last_frame, dry_run=True)
            assert "state: quoted" in again
            for name, bomb in BOMBS.items():
                if bomb is not ENDLESS:
                    video.write_bytes(bomb())
                    assert "cannot be decoded" in tool(server, "preview_video", job_id=job_id), name
            maps = Path(f"/proc/{server.process.pid}/maps").read_text()
            assert "/av/" not in maps
            assert "libav" not in maps
            assert "PIL" not in maps
            assert peak(server) < LITTLE

    async with served_jimmyai() as (_, settings):
        await to_thread.run_sync(visit, settings)


def _end_of_input(server: Process) -> None:
    assert server.process.stdin
    server.process.stdin.close()


def _kill(server: Process) -> None:
    server.process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize(("stop", "code"), [(_end_of_input, 0), (_kill, -signal.SIGKILL)])
async def test_a_server_ends_at_once_whatever_a_decoder_does_and_so_does_the_decoder(
    tmp_path: Path, stop: Callable[[Process], None], code: int
) -> None:
    with running(tmp_path, "legacy", command=COMMAND) as server:
        job_id, video = await to_thread.run_sync(lambda: saved(server, **PRICED))
        video.write_bytes(ENDLESS())
        pid = server.process.pid
        for number in range(900, 903):
            call = {"name": "preview_video", "arguments": {"job_id": job_id}}
            server.write({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": call})
        with anyio.fail_after(20):
            await until(lambda: len(children(pid)) == 2)
        decoders = children(pid)
        assert server.request("ping") == {}
        began = time.monotonic()
        stop(server)
        assert await to_thread.run_sync(server.process.wait, 10) == code
        assert time.monotonic() - began < PROMPTLY
        with anyio.fail_after(5):
            await until(lambda: all(map(ended, decoders)))
