"""How fast a video is saved, beside curl, and how much memory that takes, by its size.

The host is in this process and sends from a file in memory; what is saved is in memory too, so the disk plays no part.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from bench.report import Figure, Result, Skipped, median

SECTION = "Saving"
MB = 1_000_000
SHORTEST = 200
"""Megabytes from which on the throughput is not the start of the process."""
ROOM = 3
"""How many times the size of the video must be free."""
CHILD = """
import resource, sys
from bench.saving import download
download(sys.argv[1], sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""
_CURL = shutil.which("curl") or ""
START = "import bench.saving, anyio, httpx2"


def video(path: Path, megabytes: int) -> None:
    """Write an mp4 with so many megabytes of zeros, which take no space."""
    head = b"\0\0\0\x10ftypisom\0\0\0\0"
    size = megabytes * MB
    with path.open("wb") as file:
        file.write(head + (size - len(head)).to_bytes(4) + b"mdat")
        file.truncate(size)


@contextmanager
def host(path: Path) -> Generator[str]:
    """Serve a file on loopback, with the system's own copying."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection, path.open("rb") as file, suppress(ConnectionError):
            request = b""
            while b"\r\n\r\n" not in request:
                request += connection.recv(65536)
            found = re.search(rb"(?i)range: bytes=(\d+)-", request)
            start, size = int(found[1]) if found else 0, path.stat().st_size
            status = f"206 P\r\ncontent-range: bytes {start}-{size - 1}/{size}" if found else "200 OK"
            head = f'HTTP/1.1 {status}\r\ncontent-type: video/mp4\r\netag: "bench"\r\nconnection: close\r\n'
            connection.sendall(f"{head}content-length: {size - start}\r\n\r\n".encode())
            connection.sendfile(file, start)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    with closing(listener):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def ours(origin: str, folder: Path) -> tuple[float, float]:
    """Return the seconds that saving takes, its process included, and the most memory that it used, in MiB."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", CHILD, origin, str(folder)], capture_output=True, text=True, check=True
    )
    return time.perf_counter() - began, int(done.stderr.split()[-1]) / 1024


def start() -> float:
    """Return the seconds that a process takes to start and import what saving needs."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", START], check=True)
    return time.perf_counter() - began


def curl(origin: str, folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run([_CURL, "-s", "-o", str(folder / "curl.mp4"), f"{origin}/video.mp4"], check=True)
    return time.perf_counter() - began


def hashing(path: Path) -> float:
    """Return the seconds that the SHA-256 of a file takes."""
    began = time.perf_counter()
    with path.open("rb") as file:
        hashlib.file_digest(file, "sha256")
    return time.perf_counter() - began


def run(rounds: int, sizes: tuple[int, ...]) -> list[Result]:
    """Save videos of these sizes (in MB) in turn with curl."""
    if not _CURL:
        return [Skipped(SECTION, "throughput", "curl is not installed")]
    memory = Path("/dev/shm")  # noqa: S108  (a folder of its own in it)
    figures: list[Result] = []
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)
        for size in sizes:
            if shutil.disk_usage(folder).free < ROOM * size * MB:
                figures.append(Skipped(SECTION, f"{size:,} MB", "not enough space"))
                continue
            path = folder / "host.bin"
            video(path, size)
            figures += _measured(path, size, folder, rounds)
    return figures


def _measured(path: Path, size: int, folder: Path, rounds: int) -> list[Result]:
    taken: list[tuple[float, float, float, float, float]] = []
    with host(path) as origin:
        for _ in range(rounds):
            place = Path(tempfile.mkdtemp(dir=folder))
            with_curl = curl(origin, place)
            digest = hashing(place / "curl.mp4")
            (place / "curl.mp4").unlink()
            seconds, memory = ours(origin, place)
            shutil.rmtree(place)
            taken.append((seconds, start(), with_curl, digest, memory))
    seconds, begin, with_curl, digest, memory = (median(values) for values in zip(*taken, strict=True))
    rate = size / max(seconds - begin, 1e-3)
    most = Figure(SECTION, f"{size:,} MB: most memory of the process", memory, "MiB")
    if size < SHORTEST:
        return [most]
    return [
        Figure(SECTION, f"{size:,} MB: saving, with type check and SHA-256", rate, "MB/s", size / with_curl, "curl"),
        Figure(SECTION, f"{size:,} MB: the same", rate, "MB/s", size / (with_curl + digest), "curl, then SHA-256"),
        most,
    ]
