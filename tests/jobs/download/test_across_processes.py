"""A film that one process began to save is brought to its end by the next, wherever the first was when it died."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import anyio
import pytest

from seedance_mcp.errors import SaveError
from seedance_mcp.jobs.download.transfer import save
from seedance_mcp.vendors import known_vendors
from seedance_mcp.web import Web
from tests.http_host import settings_for
from tests.jobs.download.test_transfer import JOB_ID, job

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and locks are POSIX's")

ROOT = Path(__file__).parents[2]
MB = 1024 * 1024
PAGE = 4096
BUSY = "Another seedance-mcp is saving this film at the moment."


def video_of(seed: int, size: int = 6 * MB) -> bytes:
    """Return the boxes of a film, with so many bytes of chance in the second; the last is none that is cut off."""
    chance = random.Random(seed).randbytes(size - 1) + b"\1"
    return b"\0\0\0\x10ftypisom\0\0\0\0" + (8 + size).to_bytes(4) + b"mdat" + chance


VIDEO, CHANGED = video_of(1), video_of(2)


# -- the process that saves ---------------------------------------------------------------------------------------


def child() -> None:
    """Save a film; after each block say how much there is and wait to be told to go on, which a closed input does."""
    origin, folder = sys.argv[1:]

    def tell(received: int, total: int | None) -> None:
        say({"received": received, "total": total})
        sys.stdin.readline()

    async def run() -> dict[str, Any]:
        web = Web(settings_for(Path(folder), "12ai", origin))
        try:
            wanted = job(url=f"{origin}/film.mp4")
            video = await save(wanted, known_vendors()["12ai"], web, Path(folder) / "videos", tell)
        except SaveError as error:
            return {"refused": error.sentence}
        finally:
            await web.aclose()
        return {"path": str(video.path), "size": video.size, "sha256": video.sha256}

    say(anyio.run(run))


def say(said: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


class Saver:
    """A process that saves a film, step by step."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def until(self, least: int) -> int:
        """Let it go on until it has so many bytes, and return how many it has; it then stands still."""
        while True:
            said = self._hears()
            if said["received"] >= least:
                return said["received"]
            self._goes_on()

    def killed(self) -> None:
        self.process.kill()
        assert self.process.wait(10) == -signal.SIGKILL

    def ends(self) -> dict[str, Any]:
        """Let it go on to the end; return what it then says."""
        self._goes_on()
        while "received" in (said := self._hears()):
            self._goes_on()
        assert self.process.wait(10) == 0
        return said

    def _hears(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, "the process has died"
        return json.loads(line)

    def _goes_on(self) -> None:
        assert self.process.stdin
        with suppress(BrokenPipeError):  # it has ended, and what it said is still to be heard
            self.process.stdin.write("\n")
            self.process.stdin.flush()


@contextmanager
def saving(origin: str, folder: Path) -> Generator[Saver]:
    """Start a process that saves the film; at the end it is gone, one way or the other."""
    call = "from tests.jobs.test_save_across_processes import child; child()"
    with subprocess.Popen(
        [sys.executable, "-c", call, origin, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        encoding="utf-8",
    ) as process:
        try:
            yield Saver(process)
        finally:
            process.kill()


def saved(origin: str, folder: Path) -> dict[str, Any]:
    """Save the film in a process of its own, without a stop."""
    with saving(origin, folder) as saver:
        return saver.ends()


def begun(origin: str, folder: Path, least: int) -> Path:
    """Kill a process that has so many bytes of the film; return what it leaves."""
    with saving(origin, folder) as saver:
        received = saver.until(least)
        saver.killed()
    (part,) = (folder / "videos").iterdir()
    assert re.fullmatch(rf"\.{JOB_ID}\.[A-Za-z0-9_=-]+\.part", part.name)
    assert part.stat().st_size == received
    return part


# -- the host -----------------------------------------------------------------------------------------------------


@dataclass
class Host:
    """A host of one film, which answers a Range as RFC 9110 wants it."""

    video: bytes = VIDEO
    origin: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """The Range and the If-Range of each request."""
    said: list[tuple[int, str, int]] = field(default_factory=list[tuple[int, str, int]])
    """The status, the Content-Range and the Content-Length of each answer."""

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.video).hexdigest()[:16]}"'

    def answer(self, where: str, version: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body."""
        self.asked.append((where, version))
        head = {"content-type": "video/mp4", "etag": self.etag, "accept-ranges": "bytes", "connection": "close"}
        found = re.fullmatch(r"bytes=(\d+)-", where)
        status, body = 200, self.video
        if found and version == self.etag:
            start = int(found[1])
            status, body = (206, self.video[start:]) if start < len(self.video) else (416, b"")
            what = f"{start}-{len(self.video) - 1}" if body else "*"
            head["content-range"] = f"bytes {what}/{len(self.video)}"
        self.said.append((status, head.get("content-range", ""), len(body)))
        return status, head | {"content-length": str(len(body))}, body


@contextmanager
def hosting(video: bytes = VIDEO) -> Generator[Host]:
    """Serve on a free port of this machine while the block runs; who hangs up is not missed."""
    host = Host(video)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, head, body = host.answer(self.headers.get("range", ""), self.headers.get("if-range", ""))
            with suppress(ConnectionError):
                self.send_response(status)
                for name, value in head.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the name is the standard library's)
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        host.origin = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield host
        finally:
            server.shutdown()
            thread.join(10)


def whole(said: dict[str, Any], video: bytes, folder: Path) -> None:
    """Make sure that there is one file, and that it is the film."""
    (path,) = (folder / "videos").iterdir()
    assert said == {"path": str(path), "size": len(video), "sha256": hashlib.sha256(video).hexdigest()}
    assert path.name.endswith(f"-neon-street-{JOB_ID[-4:]}.mp4")
    assert path.read_bytes() == video
    assert path.stat().st_nlink == 1


# -- what is shown ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5, 0.75])
def test_the_next_process_goes_on_where_a_killed_one_ended(tmp_path: Path, share: float) -> None:
    with hosting() as host:
        part = begun(host.origin, tmp_path, int(share * len(VIDEO)))
        had = part.stat().st_size
        assert share * len(VIDEO) <= had < len(VIDEO)
        assert part.read_bytes() == VIDEO[:had]
        said = saved(host.origin, tmp_path)
    whole(said, VIDEO, tmp_path)
    assert host.asked == [("", ""), (f"bytes={had}-", host.etag)]
    assert host.said[1] == (206, f"bytes {had}-{len(VIDEO) - 1}/{len(VIDEO)}", len(VIDEO) - had)


def test_a_film_goes_on_through_any_number_of_kills(tmp_path: Path) -> None:
    with hosting() as host:
        had = [begun(host.origin, tmp_path, least * MB).stat().st_size for least in (1, 2, 3, 4, 5)]
        said = saved(host.origin, tmp_path)
    whole(said, VIDEO, tmp_path)
    assert had == sorted(set(had))
    assert host.asked == [("", ""), *((f"bytes={size}-", host.etag) for size in had)]


def test_a_film_that_was_changed_meanwhile_is_begun_anew(tmp_path: Path) -> None:
    with hosting() as host:
        part = begun(host.origin, tmp_path, 3 * MB)
        had, before = part.stat().st_size, host.etag
        host.video = CHANGED
        said = saved(host.origin, tmp_path)
    whole(said, CHANGED, tmp_path)
    assert host.asked == [("", ""), (f"bytes={had}-", before)]
    assert host.said[1] == (200, "", len(CHANGED))


def test_a_film_whose_last_byte_had_come_is_not_asked_for_again(tmp_path: Path) -> None:
    with hosting() as host:
        part = begun(host.origin, tmp_path, len(VIDEO))
        assert part.read_bytes() == VIDEO
        said = saved(host.origin, tmp_path)
    whole(said, VIDEO, tmp_path)
    assert host.asked[1:] == [(f"bytes={len(VIDEO)}-", host.etag)]
    assert host.said[1] == (416, f"bytes */{len(VIDEO)}", 0)


@pytest.mark.parametrize("grown", [False, True], ids=["in what had come", "behind what had come"])
def test_the_zeros_that_a_power_cut_leaves_are_cut_off_and_fetched(tmp_path: Path, grown: bool) -> None:
    with hosting() as host:
        part = begun(host.origin, tmp_path, 3 * MB)
        had = part.stat().st_size
        good = had if grown else had - 5 * PAGE - 100  # in the middle of a page
        with part.open("r+b") as file:
            file.seek(good)
            file.write(bytes(5 * PAGE + 100))
        said = saved(host.origin, tmp_path)
    whole(said, VIDEO, tmp_path)
    (where, version) = host.asked[1]
    assert version == host.etag
    at = int(where.removeprefix("bytes=").removesuffix("-"))
    assert good - PAGE < at <= good


def test_what_nobody_came_back_for_in_a_week_is_swept(tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    code = base64.urlsafe_b64encode(b'"one"').decode()
    old, young, strange = (
        videos / name for name in (f".aaaaaaaaaaaa.{code}.part", f".bbbbbbbbbbbb.{code}.part", ".notes.part")
    )
    for path, days in ((old, 7.1), (young, 6.9), (strange, 30)):
        path.write_bytes(VIDEO[:MB])
        then = time.time() - days * 86_400
        os.utime(path, (then, then))
    with hosting() as host:
        said = saved(host.origin, tmp_path)
    assert Path(said["path"]).read_bytes() == VIDEO
    assert {path.name for path in videos.iterdir()} == {Path(said["path"]).name, young.name, strange.name}
    assert young.read_bytes() == VIDEO[:MB]


def test_two_processes_do_not_write_one_film(tmp_path: Path) -> None:
    with hosting() as host:
        with saving(host.origin, tmp_path) as first:
            received = first.until(2 * MB)
            assert saved(host.origin, tmp_path) == {"refused": BUSY}
            assert len(host.asked) == 1
            (part,) = (tmp_path / "videos").iterdir()
            assert part.stat().st_size == received
            said = first.ends()
        whole(said, VIDEO, tmp_path)
        # Nor is the film there twice, or written over, when it is saved once more.
        assert saved(host.origin, tmp_path) == said
    whole(said, VIDEO, tmp_path)
