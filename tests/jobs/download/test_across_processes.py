"""A download that one process began is finished by the next, wherever the first one died."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import re
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.jobs.download.samples import JOB_ID
from tests.jobs.download.stepwise_download import downloading

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and these locks are POSIX features")

MB = 1024 * 1024
PAGE = 4096
BUSY = "Another seedance-mcp is downloading this video at the moment."


def video_of(seed: int, size: int = 6 * MB) -> bytes:
    """Return two boxes of an mp4, with `size` random bytes in the second; the last byte is not zero."""
    content = random.Random(seed).randbytes(size - 1) + b"\1"
    return b"\0\0\0\x10ftypisom\0\0\0\0" + (8 + size).to_bytes(4) + b"mdat" + content


VIDEO, CHANGED = video_of(1), video_of(2)


# -- processes ----------------------------------------------------------------------------------------------------


def save(origin: str, folder: Path) -> dict[str, Any]:
    """Download the video in a process of its own, without a stop; return its result."""
    with downloading(origin, folder) as download:
        return download.finish()


def killed_after(origin: str, folder: Path, least: int) -> Path:
    """Kill a process that has at least so many bytes of the video; return the partial file that it leaves."""
    with downloading(origin, folder) as download:
        received = download.advance(least)
        download.kill()
    (partial,) = (folder / "videos").iterdir()
    assert re.fullmatch(rf"\.{JOB_ID}\.[A-Za-z0-9_=-]+\.part", partial.name)
    assert partial.stat().st_size == received
    return partial


# -- the host -----------------------------------------------------------------------------------------------------


@dataclass
class Host:
    """A host of one video, which answers Range and If-Range as RFC 9110 specifies."""

    video: bytes = VIDEO
    origin: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """The Range and the If-Range of each request."""
    answers: list[tuple[int, str, int]] = field(default_factory=list[tuple[int, str, int]])
    """The status, the Content-Range and the Content-Length of each answer."""

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.video).hexdigest()[:16]}"'

    def answer(self, wanted: str, version: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body."""
        self.requests.append((wanted, version))
        head = {"content-type": "video/mp4", "etag": self.etag, "accept-ranges": "bytes", "connection": "close"}
        found = re.fullmatch(r"bytes=(\d+)-", wanted)
        status, body = 200, self.video
        if found and version == self.etag:
            start = int(found[1])
            status, body = (206, self.video[start:]) if start < len(self.video) else (416, b"")
            sent = f"{start}-{len(self.video) - 1}" if body else "*"
            head["content-range"] = f"bytes {sent}/{len(self.video)}"
        self.answers.append((status, head.get("content-range", ""), len(body)))
        return status, head | {"content-length": str(len(body))}, body


@contextmanager
def hosting(video: bytes = VIDEO) -> Generator[Host]:
    """Serve on a free port of this machine while the block runs; clients may hang up."""
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
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        host.origin = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield host
        finally:
            server.shutdown()
            thread.join(10)


def assert_complete(result: dict[str, Any], video: bytes, folder: Path) -> None:
    """Make sure that there is one file, and that it is exactly the video."""
    (path,) = (folder / "videos").iterdir()
    assert result == {"path": str(path), "size": len(video), "sha256": hashlib.sha256(video).hexdigest()}
    assert path.name.endswith(f"-neon-street-{JOB_ID[-4:]}.mp4")
    assert path.read_bytes() == video
    assert path.stat().st_nlink == 1


# -- tests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5, 0.75])
def test_the_next_process_resumes_where_a_killed_one_stopped(tmp_path: Path, share: float) -> None:
    with hosting() as host:
        partial = killed_after(host.origin, tmp_path, int(share * len(VIDEO)))
        had = partial.stat().st_size
        assert share * len(VIDEO) <= had < len(VIDEO)
        assert partial.read_bytes() == VIDEO[:had]
        result = save(host.origin, tmp_path)
    assert_complete(result, VIDEO, tmp_path)
    assert host.requests == [("", ""), (f"bytes={had}-", host.etag)]
    assert host.answers[1] == (206, f"bytes {had}-{len(VIDEO) - 1}/{len(VIDEO)}", len(VIDEO) - had)


def test_a_download_survives_any_number_of_kills(tmp_path: Path) -> None:
    with hosting() as host:
        had = [killed_after(host.origin, tmp_path, least * MB).stat().st_size for least in (1, 2, 3, 4, 5)]
        result = save(host.origin, tmp_path)
    assert_complete(result, VIDEO, tmp_path)
    assert had == sorted(set(had))
    assert host.requests == [("", ""), *((f"bytes={size}-", host.etag) for size in had)]


def test_a_video_that_changed_meanwhile_is_restarted(tmp_path: Path) -> None:
    with hosting() as host:
        partial = killed_after(host.origin, tmp_path, 3 * MB)
        had, before = partial.stat().st_size, host.etag
        host.video = CHANGED
        result = save(host.origin, tmp_path)
    assert_complete(result, CHANGED, tmp_path)
    assert host.requests == [("", ""), (f"bytes={had}-", before)]
    assert host.answers[1] == (200, "", len(CHANGED))


def test_a_video_whose_last_byte_had_arrived_is_not_downloaded_again(tmp_path: Path) -> None:
    with hosting() as host:
        partial = killed_after(host.origin, tmp_path, len(VIDEO))
        assert partial.read_bytes() == VIDEO
        result = save(host.origin, tmp_path)
    assert_complete(result, VIDEO, tmp_path)
    assert host.requests[1:] == [(f"bytes={len(VIDEO)}-", host.etag)]
    assert host.answers[1] == (416, f"bytes */{len(VIDEO)}", 0)


@pytest.mark.parametrize("grown", [False, True], ids=["within what had arrived", "after what had arrived"])
def test_zeros_that_a_power_cut_leaves_are_cut_off_and_downloaded_again(tmp_path: Path, grown: bool) -> None:
    with hosting() as host:
        partial = killed_after(host.origin, tmp_path, 3 * MB)
        had = partial.stat().st_size
        good = had if grown else had - 5 * PAGE - 100  # in the middle of a page
        with partial.open("r+b") as file:
            file.seek(good)
            file.write(bytes(5 * PAGE + 100))
        result = save(host.origin, tmp_path)
    assert_complete(result, VIDEO, tmp_path)
    (wanted, version) = host.requests[1]
    assert version == host.etag
    first = int(wanted.removeprefix("bytes=").removesuffix("-"))
    assert good - PAGE < first <= good


def test_partial_files_that_are_not_resumed_within_a_week_are_removed(tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    code = base64.urlsafe_b64encode(b'"one"').decode()
    old, young, foreign = (
        videos / name for name in (f".aaaaaaaaaaaa.{code}.part", f".bbbbbbbbbbbb.{code}.part", ".notes.part")
    )
    for path, days in ((old, 7.1), (young, 6.9), (foreign, 30)):
        path.write_bytes(VIDEO[:MB])
        then = time.time() - days * 86_400
        os.utime(path, (then, then))
    with hosting() as host:
        result = save(host.origin, tmp_path)
    assert Path(result["path"]).read_bytes() == VIDEO
    assert {path.name for path in videos.iterdir()} == {Path(result["path"]).name, young.name, foreign.name}
    assert young.read_bytes() == VIDEO[:MB]


def test_two_processes_never_write_the_same_video(tmp_path: Path) -> None:
    with hosting() as host:
        with downloading(host.origin, tmp_path) as first:
            received = first.advance(2 * MB)
            assert save(host.origin, tmp_path) == {"refused": BUSY}
            assert len(host.requests) == 1
            (partial,) = (tmp_path / "videos").iterdir()
            assert partial.stat().st_size == received
            result = first.finish()
        assert_complete(result, VIDEO, tmp_path)
        # Another download neither makes a second file nor writes to the first.
        assert save(host.origin, tmp_path) == result
    assert_complete(result, VIDEO, tmp_path)
