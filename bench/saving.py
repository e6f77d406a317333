"""Compare the download of a large video that is interrupted with the same download without interruptions.

    uv run python bench/saving.py [--mb 200] [--rounds 3]

A host on this machine serves a video of random bytes. It hangs up after 25, 50 and 75 % of it; at 62.5 % the process
that downloads the video is killed with SIGKILL, and another one resumes. Both ways are measured in turn in one run,
from the start of the first process to the end of the last, so that a slow machine slows both; the output has medians.
Bytes count as transferred when the host has handed them to the system, including those that were never read.

Fails if a saved video is not what the host has, if another file is left beside it, or if a download had to restart.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import anyio

from seedance_mcp.jobs.download.transfer import download_video
from seedance_mcp.jobs.journal.model import Job
from seedance_mcp.settings import load
from seedance_mcp.vendors import known_vendors
from seedance_mcp.web import Web

MB = 1_000_000
CUTS = (0.25, 0.5, 0.75)
KILL = 0.625
LARGEST = 2000
"""Megabytes; larger videos are refused."""
PATIENCE = 600.0
"""Seconds that one process may take."""
_BLOCK = 256 * 1024


def video_of(megabytes: int) -> bytes:
    """Return two boxes of an mp4, of so many megabytes in all."""
    head = b"\0\0\0\x10ftypisom\0\0\0\0"
    size = megabytes * MB - len(head)
    source = random.Random(2)  # noqa: S311  (not a secret)
    return head + size.to_bytes(4) + b"mdat" + b"".join(source.randbytes(min(MB, n)) for n in _pieces(size - 8))


def _pieces(size: int) -> list[int]:
    return [min(MB, size - at) for at in range(0, size, MB)]


# -- the host -----------------------------------------------------------------------------------------------------


@dataclass
class Host:
    """Serves one video, and interferes at given places, once each."""

    video: bytes
    etag: str = '"the-only-one"'
    origin: str = ""
    places: list[tuple[int, Callable[[], bool]]] = field(default_factory=list[tuple[int, Callable[[], bool]]])
    """Actions, each with the byte before which it happens; an action that returns true hangs up."""
    starts: list[int] = field(default_factory=list[int])
    """The first byte of each answer."""
    sent: int = 0
    lock: Lock = field(default_factory=Lock)

    def first(self, wanted: str, version: str) -> int:
        """Return the first byte that a request asks for."""
        found = re.fullmatch(r"bytes=(\d+)-", wanted)
        return int(found[1]) if found and version == self.etag else 0

    def send(self, start: int, write: Callable[[memoryview], Any]) -> None:
        """Send the video from a byte on, to its end or to an action that hangs up."""
        view = memoryview(self.video)
        with self.lock:  # a lost connection is over before the next one begins
            at = start
            while at < len(view):
                place = self.places[0][0] if self.places else len(view)
                end = min(at + _BLOCK, max(place, at))
                if end > at:
                    write(view[at:end])
                    self.sent += end - at
                    at = end
                if self.places and at >= place and self.places.pop(0)[1]():
                    return


@contextmanager
def hosting(video: bytes) -> Generator[Host]:
    """Serve on a free port of this machine."""
    host = Host(video)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            start = host.first(self.headers.get("range", ""), self.headers.get("if-range", ""))
            host.starts.append(start)
            self.close_connection = True
            status = 206 if 0 < start < len(video) else 200 if not start else 416
            self.send_response(status)
            self.send_header("content-type", "video/mp4")
            self.send_header("content-length", str(len(video) - start))
            self.send_header("etag", host.etag)
            if start:
                sent = f"{start}-{len(video) - 1}" if status == 206 else "*"
                self.send_header("content-range", f"bytes {sent}/{len(video)}")
            self.end_headers()
            with suppress(ConnectionError):
                host.send(start, self.wfile.write)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the name is the standard library's)
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        host.origin = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield host
        finally:
            server.shutdown()
            thread.join()


# -- the process that downloads -----------------------------------------------------------------------------------


def download(origin: str, folder: str) -> None:
    """Download the video as a server does, and print the result."""
    places = {"SEEDANCE_TWELVEAI_BASE_URL": origin, "SEEDANCE_STATE_DIR": folder, "SEEDANCE_OUTPUT_DIR": folder}
    settings = load({"SEEDANCE_TWELVEAI_API_KEY": "bench-key", **places})
    job = Job(
        id="abcdefgh2345", state="succeeded", vendor="12ai", model="12ai/seedance-2-official",
        request={"prompt": "a long video"}, request_hash="", created_at=0.0, updated_at=0.0, owner="", day="",
        url=f"{origin}/video.mp4",
    )  # fmt: skip

    async def run() -> None:
        web = Web(settings)
        try:
            video = await download_video(job, known_vendors()["12ai"], web, Path(folder))
        finally:
            await web.aclose()
        print(json.dumps({"path": str(video.path), "size": video.size, "sha256": video.sha256}))

    anyio.run(run)


class Download:
    """A process that downloads the video."""

    def __init__(self, origin: str, folder: Path) -> None:
        command = [sys.executable, str(Path(__file__).resolve()), "--download", origin, str(folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8")

    def kill(self) -> bool:
        self.process.kill()
        return True

    def finish(self) -> tuple[int, str]:
        """Wait for its end; return the exit code and the output."""
        try:
            output, _ = self.process.communicate(timeout=PATIENCE)
        finally:
            self.process.kill()
        return self.process.returncode, output


# -- the two ways -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """The figures of one download."""

    size: int
    sha256: str
    connections: int
    from_start: int
    """Connections that began at the first byte of the video."""
    processes: int
    sent: int
    left: int
    """Files in the folder beside the video."""
    seconds: float


def measure(video: bytes, *, interrupted: bool) -> Measured:
    """Download the video into a folder of its own, and check the result."""
    with tempfile.TemporaryDirectory(prefix="bench-saving-") as name, hosting(video) as host:
        folder = Path(name)
        began = time.perf_counter()
        process, processes = Download(host.origin, folder), 1
        if interrupted:
            actions = [*((share, lambda: True) for share in CUTS), (KILL, process.kill)]
            actions.sort(key=lambda action: action[0])
            host.places = [(int(share * len(video)), action) for share, action in actions]
            if process.finish()[0] != -signal.SIGKILL:
                sys.exit("The first process was not killed.")
            process, processes = Download(host.origin, folder), 2
        code, output = process.finish()
        seconds = time.perf_counter() - began
        if code or host.places:
            sys.exit("The video was not saved.")
        saved = json.loads(output)
        path = Path(saved["path"])
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != saved["sha256"] or path.stat().st_size != saved["size"]:
            sys.exit("The video is not what its process reported.")
        left = sum(1 for other in folder.iterdir() if other != path)
        return Measured(
            path.stat().st_size,
            digest,
            len(host.starts),
            host.starts.count(0),
            processes,
            host.sent,
            left,
            seconds,
        )


def table(video: bytes, plain: list[Measured], interrupted: list[Measured]) -> str:
    """Return the figures as one table."""
    digest = hashlib.sha256(video).hexdigest()

    def median(of: Callable[[Measured], float]) -> tuple[float, float]:
        return statistics.median(map(of, plain)), statistics.median(map(of, interrupted))

    def row(name: str, both: tuple[float, float], form: str) -> str:
        return f"| {name} | {both[0]:{form}} | {both[1]:{form}} |"

    def same(each: list[Measured]) -> str:
        return "yes" if all(m.sha256 == digest for m in each) else "NO"

    seconds = median(lambda m: m.seconds)
    return "\n".join(
        [
            "| Figure | Uninterrupted | Cut three times, killed once |",
            "| --- | --- | --- |",
            row("bytes of the video", median(lambda m: m.size), ",.0f"),
            row("processes", median(lambda m: m.processes), ".0f"),
            row("connections", median(lambda m: m.connections), ".0f"),
            row("of them from the first byte", median(lambda m: m.from_start), ".0f"),
            row("bytes transferred", median(lambda m: m.sent), ",.0f"),
            row("transferred / size", median(lambda m: m.sent / m.size), ".3f"),
            f"| SHA-256 equal | {same(plain)} | {same(interrupted)} |",
            row("other files left", median(lambda m: m.left), ".0f"),
            row("seconds", seconds, ".2f"),
            row("seconds / uninterrupted", (1.0, seconds[1] / seconds[0]), ".2f"),
        ]
    )


def main() -> None:
    """Measure, print, and fail if a video is not right."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mb", type=int, default=200, help="megabytes of the video (200)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each way is measured (3)")
    parser.add_argument("--download", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.download:
        download(*given.download)
        return
    if not 1 <= given.mb <= LARGEST or given.rounds < 1:
        parser.error(f"--mb must be 1 to {LARGEST}, and --rounds at least 1")
    video = video_of(given.mb)
    plain: list[Measured] = []
    interrupted: list[Measured] = []
    for _ in range(given.rounds):
        plain.append(measure(video, interrupted=False))
        interrupted.append(measure(video, interrupted=True))
    print(table(video, plain, interrupted))
    digest = hashlib.sha256(video).hexdigest()
    for each in (*plain, *interrupted):
        if (each.size, each.sha256, each.left, each.from_start) != (len(video), digest, 0, 1):
            sys.exit("A video differs from its host's, was restarted, or has left another file behind.")


if __name__ == "__main__":
    main()
