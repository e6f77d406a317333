"""A process that downloads a video step by step, and that can be killed between two of them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import anyio

from seedance_mcp.errors import SaveError
from seedance_mcp.jobs.download.transfer import download_video
from seedance_mcp.vendors import known_vendors
from seedance_mcp.web import Web
from tests.http_host import settings_for
from tests.jobs.download.samples import succeeded_job
from tests.quick_start.command import ROOT, quick_command


def child() -> None:
    """Download a video; after each block report the bytes so far and wait for a line, or the end, of the input."""
    origin, folder = sys.argv[1:]

    def report(received: int, total: int | None) -> None:
        write({"received": received, "total": total})
        sys.stdin.readline()

    async def run() -> dict[str, Any]:
        web = Web(settings_for(Path(folder), "12ai", origin))
        job = succeeded_job(url=f"{origin}/video.mp4")
        try:
            video = await download_video(job, known_vendors()["12ai"], web, Path(folder) / "videos", report)
        except SaveError as error:
            return {"refused": error.sentence}
        finally:
            await web.aclose()
        return {"path": str(video.path), "size": video.size, "sha256": video.sha256}

    write(anyio.run(run))


def write(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


class Download:
    """A process that downloads a video, step by step."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def advance(self, least: int) -> int:
        """Let it go on until it has at least so many bytes; return how many it has, and leave it waiting."""
        while True:
            line = self._read()
            if line["received"] >= least:
                return line["received"]
            self._let_go_on()

    def kill(self) -> None:
        """Kill it, and wait until it has let go of its files."""
        self.process.kill()
        assert self.process.wait(10) == -signal.SIGKILL
        assert self.process.stdout
        self.process.stdout.read()

    def finish(self) -> dict[str, Any]:
        """Let it go on to the end; return its result."""
        self._let_go_on()
        while "received" in (line := self._read()):
            self._let_go_on()
        assert self.process.wait(10) == 0
        return line

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, "the process has died"
        return json.loads(line)

    def _let_go_on(self) -> None:
        assert self.process.stdin
        with suppress(BrokenPipeError):  # it has ended, and its output can still be read
            self.process.stdin.write("\n")
            self.process.stdin.flush()


@contextmanager
def downloading(origin: str, folder: Path) -> Generator[Download]:
    """Start a process that downloads the video; kill it at the end of the block if it still runs."""
    with subprocess.Popen(
        quick_command(origin, str(folder), call=f"{__name__}:child"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        encoding="utf-8",
    ) as process:
        try:
            yield Download(process)
        finally:
            process.kill()
