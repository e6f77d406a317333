"""A large film that is cut off three times, while its process is killed once, beside the same film without any of it.

    uv run python bench/saving.py [--mb 200] [--rounds 3]

A host on this machine serves a film of chance bytes. It hangs up after 25, 50 and 75 % of it; at 62.5 % the process
that saves the film is killed with SIGKILL, and another goes on. Both ways are measured in turn in one run, from the
start of the first process to the end of the last, so that a slow machine slows both; what is printed are medians. Bytes
count as transferred when the host has handed them to the system, so also those that nobody has read any more.

Ends with an error if a film is not what the host has, if anything is left beside it, or if it had to be begun anew.
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

from seedance_mcp.jobs.download.transfer import save
from seedance_mcp.jobs.journal.model import Job
from seedance_mcp.settings import load
from seedance_mcp.vendors import known_vendors
from seedance_mcp.web import Web

MB = 1_000_000
CUTS = (0.25, 0.5, 0.75)
KILL = 0.625
MOST = 2000
"""Megabytes: larger films are not taken."""
PATIENCE = 600.0
"""Seconds that one process may take."""
_BLOCK = 256 * 1024


def video_of(megabytes: int) -> bytes:
    """Return the boxes of a film, so many megabytes in all."""
    head = b"\0\0\0\x10ftypisom\0\0\0\0"
    size = megabytes * MB - len(head)
    source = random.Random(2)  # noqa: S311  (not a secret: the bytes only need to be incompressible)
    return head + size.to_bytes(4) + b"mdat" + b"".join(source.randbytes(min(MB, n)) for n in _pieces(size - 8))


def _pieces(size: int) -> list[int]:
    return [min(MB, size - at) for at in range(0, size, MB)]


# -- the host -----------------------------------------------------------------------------------------------------


@dataclass
class Host:
    """Serves one film, and does things at places in it, each once."""

    video: bytes
    etag: str = '"the-only-one"'
    origin: str = ""
    places: list[tuple[int, Callable[[], bool]]] = field(default_factory=list[tuple[int, Callable[[], bool]]])
    """What is done when the film has been sent up to a byte; a deed that returns true hangs up."""
    starts: list[int] = field(default_factory=list[int])
    """The first byte of each answer."""
    sent: int = 0
    lock: Lock = field(default_factory=Lock)

    def first(self, where: str, version: str) -> int:
        """Return the byte that a request wants to go on from."""
        found = re.fullmatch(r"bytes=(\d+)-", where)
        return int(found[1]) if found and version == self.etag else 0

    def send(self, start: int, write: Callable[[memoryview], Any]) -> None:
        """Send the film from a byte on, up to the next place where something happens and ends it."""
        view = memoryview(self.video)
        with self.lock:  # a connection that was lost is over before the next begins
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
                what = f"{start}-{len(video) - 1}" if status == 206 else "*"
                self.send_header("content-range", f"bytes {what}/{len(video)}")
            self.end_headers()
            with suppress(ConnectionError):
                host.send(start, self.wfile.write)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the name is the standard library's)
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        host.origin = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield host
        finally:
            server.shutdown()
            thread.join()


# -- the process that saves ---------------------------------------------------------------------------------------


def save_one(origin: str, folder: str) -> None:
    """Save the film as a server does, and print what came of it."""
    where = {"SEEDANCE_TWELVEAI_BASE_URL": origin, "SEEDANCE_STATE_DIR": folder, "SEEDANCE_OUTPUT_DIR": folder}
    settings = load({"SEEDANCE_TWELVEAI_API_KEY": "bench-key", **where})
    job = Job(
        id="abcdefgh2345", state="succeeded", vendor="12ai", model="12ai/seedance-2-official",
        request={"prompt": "a long film"}, request_hash="", created_at=0.0, updated_at=0.0, owner="", day="",
        url=f"{origin}/film.mp4",
    )  # fmt: skip

    async def run() -> None:
        web = Web(settings)
        try:
            video = await save(job, known_vendors()["12ai"], web, Path(folder))
        finally:
            await web.aclose()
        print(json.dumps({"path": str(video.path), "size": video.size, "sha256": video.sha256}))

    anyio.run(run)


class Saver:
    """A process that saves the film."""

    def __init__(self, origin: str, folder: Path) -> None:
        command = [sys.executable, str(Path(__file__).resolve()), "--save", origin, str(folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8")

    def kill(self) -> bool:
        self.process.kill()
        return True

    def ends(self) -> tuple[int, str]:
        """Return the exit code, and what it printed."""
        try:
            said, _ = self.process.communicate(timeout=PATIENCE)
        finally:
            self.process.kill()
        return self.process.returncode, said


# -- the two ways -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """What came of one way of saving the film."""

    size: int
    sha256: str
    connections: int
    anew: int
    """Connections that began the film at its first byte."""
    processes: int
    sent: int
    left: int
    """Files in the folder beside the film."""
    seconds: float


def measured(video: bytes, *, trouble: bool) -> Measured:
    """Save the film into a folder of its own, and look at what is there then."""
    with tempfile.TemporaryDirectory(prefix="bench-saving-") as name, hosting(video) as host:
        folder = Path(name)
        began = time.perf_counter()
        saver, processes = Saver(host.origin, folder), 1
        if trouble:
            deeds = [*((share, lambda: True) for share in CUTS), (KILL, saver.kill)]
            host.places = [(int(share * len(video)), deed) for share, deed in sorted(deeds, key=lambda deed: deed[0])]
            if saver.ends()[0] != -signal.SIGKILL:
                sys.exit("The first process was not killed.")
            saver, processes = Saver(host.origin, folder), 2
        code, said = saver.ends()
        seconds = time.perf_counter() - began
        if code or host.places:
            sys.exit("The film was not saved.")
        saved = json.loads(said)
        path = Path(saved["path"])
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != saved["sha256"] or path.stat().st_size != saved["size"]:
            sys.exit("The film is not what its process said that it is.")
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


def table(video: bytes, plain: list[Measured], troubled: list[Measured]) -> str:
    """Return what was measured, as one table."""
    digest = hashlib.sha256(video).hexdigest()

    def median(of: Callable[[Measured], float]) -> tuple[float, float]:
        return statistics.median(map(of, plain)), statistics.median(map(of, troubled))

    def row(name: str, both: tuple[float, float], form: str) -> str:
        return f"| {name} | {both[0]:{form}} | {both[1]:{form}} |"

    def same(each: list[Measured]) -> str:
        return "yes" if all(m.sha256 == digest for m in each) else "NO"

    seconds = median(lambda m: m.seconds)
    return "\n".join(
        [
            "| Figure | Uninterrupted | Cut three times, killed once |",
            "| --- | --- | --- |",
            row("bytes of the film", median(lambda m: m.size), ",.0f"),
            row("processes", median(lambda m: m.processes), ".0f"),
            row("connections", median(lambda m: m.connections), ".0f"),
            row("of them from the first byte", median(lambda m: m.anew), ".0f"),
            row("bytes transferred", median(lambda m: m.sent), ",.0f"),
            row("transferred / size", median(lambda m: m.sent / m.size), ".3f"),
            f"| SHA-256 equal | {same(plain)} | {same(troubled)} |",
            row("other files left", median(lambda m: m.left), ".0f"),
            row("seconds", seconds, ".2f"),
            row("seconds / uninterrupted", (1.0, seconds[1] / seconds[0]), ".2f"),
        ]
    )


def main() -> None:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mb", type=int, default=200, help="megabytes of the film (200)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each way is measured (3)")
    parser.add_argument("--save", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.save:
        save_one(*given.save)
        return
    if not 1 <= given.mb <= MOST or given.rounds < 1:
        parser.error(f"a film has 1 to {MOST} megabytes, and is saved at least once")
    video = video_of(given.mb)
    plain: list[Measured] = []
    troubled: list[Measured] = []
    for _ in range(given.rounds):
        plain.append(measured(video, trouble=False))
        troubled.append(measured(video, trouble=True))
    print(table(video, plain, troubled))
    digest = hashlib.sha256(video).hexdigest()
    for each in (*plain, *troubled):
        if (each.size, each.sha256, each.left, each.anew) != (len(video), digest, 0, 1):
            sys.exit("A film is not what its host has, was begun anew, or has left something behind.")


if __name__ == "__main__":
    main()
