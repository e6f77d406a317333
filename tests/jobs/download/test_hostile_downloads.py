"""No link, host or folder can misuse a download: each row of tests/jobs/download/hostile.py is a test."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import ipaddress
import json
import os
import re
import shutil
import socket
import ssl
import stat
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import anyio
import httpx2
import pytest
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.tls import TLSListener
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from mcp.client import Client

from seedance_mcp.errors import SaveError
from seedance_mcp.jobs import parts
from seedance_mcp.jobs.download.downloader import Downloader
from seedance_mcp.jobs.download.transfer import download_video, file_name
from seedance_mcp.jobs.journal.model import Job
from seedance_mcp.server.app import App
from seedance_mcp.settings import Settings, load
from seedance_mcp.vendors import known_vendors
from seedance_mcp.web import Web
from tests.exception_groups import single_error
from tests.http_host import KEY, Request
from tests.jobs.download import hostile
from tests.jobs.download.hostile import CUT, OTHER, PRECIOUS, PUBLIC, ROWS, VENDOR, VIDEOS, Response, Row, Scene

pytestmark = pytest.mark.anyio

DAY = 86_400.0 * 20_000
MODELS = {"12ai": "12ai/seedance-2-official", "ope": "ope/seedance-2-0"}
TASK = "/v1/videos/task-1"
WITH_KEY = {"/v1/videos", TASK, f"{TASK}/content"}
NAMES = {
    "localhost": ("127.0.0.1", "::1"),
    "localhost.": ("127.0.0.1", "::1"),
    "127.0.0.1.": ("127.0.0.1",),
    "impostor.example": (PUBLIC,),
    VENDOR: (PUBLIC,),
    OTHER: (PUBLIC,),
}
"""Names that are resolved here, and not by the machine's resolver."""
UNFORESEEN = "The video could not be saved; the server's log says why."
getaddrinfo = socket.getaddrinfo
connect_tcp = anyio.connect_tcp


@functools.cache
def certificates() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the TLS contexts of a host with our three names, and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, VENDOR)])
    names = x509.SubjectAlternativeName([x509.DNSName(each) for each in (VENDOR, VIDEOS, OTHER)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    server_tls, client_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with TemporaryDirectory() as folder:
        file = Path(folder, "both.pem")
        file.write_bytes(secret + made)
        server_tls.load_cert_chain(file)
    client_tls.load_verify_locations(cadata=made.decode())
    return server_tls, client_tls


class Stage:
    """The vendor and hosts of one row, a canary port that nothing may connect to, and the folders to check."""

    def __init__(self, row: Row, folder: Path) -> None:
        self.row, self.folder = row, folder
        self.port = self.canary = 0
        self.answer = row.answer
        self.requests: list[Request] = []
        """The requests for the video."""
        self.with_key: list[str] = []
        """The requests that carried the key."""
        self.canary_visits: list[object] = []
        self.connected: list[str] = []
        self.before: dict[str, str] = {}
        self._lookups = 0
        outside = folder / "outside"
        outside.mkdir()
        (outside / "precious.txt").write_text(PRECIOUS)
        names = (file_name(self.job), file_name(self.job, id_length=12))
        self.scene = Scene(folder / "videos", outside, self.job.id, names)

    @property
    def job(self) -> Job:
        return Job(
            id="abcdefgh2345", state="succeeded", vendor="12ai", model=MODELS["12ai"],
            request={"prompt": self.row.prompt}, request_hash="", created_at=DAY, updated_at=DAY, owner="", day="",
            task_id="task-1", url=self.link,
        )  # fmt: skip

    @property
    def link(self) -> str:
        return self.row.link.replace("{port}", str(self.canary))

    @property
    def settings(self) -> Settings:
        return load(
            {
                "SEEDANCE_OPE_API_KEY" if self.row.keyed else "SEEDANCE_TWELVEAI_API_KEY": KEY,
                "SEEDANCE_OPE_BASE_URL": f"https://{VENDOR}",
                "SEEDANCE_TWELVEAI_BASE_URL": f"https://{VENDOR}",
                "SEEDANCE_STATE_DIR": str(self.folder / "state"),
                "SEEDANCE_OUTPUT_DIR": str(self.scene.videos),
            }
        )

    # -- the network --------------------------------------------------------------------------------------------------

    async def resolve(self, host: Any, port: int, **more: Any) -> list[Any]:
        """Replace the resolver: names as the row has them, and numbers in every notation that the system accepts."""
        name = host.decode() if isinstance(host, bytes) else str(host)
        if name == VIDEOS:
            addresses = self.row.resolves[min(self._lookups, len(self.row.resolves) - 1)]
            self._lookups += 1
        elif name in NAMES:
            addresses = NAMES[name]
        else:
            return getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    async def connect(self, remote_host: str, remote_port: int, **more: Any) -> SocketStream:
        """Replace the way out: to the vendor, to the public address, and to this machine."""
        self.connected.append(str(remote_host))
        if remote_host in {VENDOR, PUBLIC}:
            return await connect_tcp("127.0.0.1", self.port)
        with suppress(ValueError):
            if ipaddress.ip_address(remote_host).is_loopback:
                return await connect_tcp(remote_host, remote_port)
        raise ConnectionRefusedError(remote_host)

    async def note_visit(self, stream: SocketStream) -> None:
        """Record a connection to the canary port."""
        self.canary_visits.append(stream)
        await stream.aclose()

    async def serve(self, stream: anyio.abc.ByteStream) -> None:
        """Answer one request, and hang up."""
        # A client that refuses the answer hangs up at once.
        with suppress(anyio.IncompleteRead, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream):
            head = (await BufferedByteReceiveStream(stream).receive_until(b"\r\n\r\n", 200_000)).decode("latin-1")
            first, *lines = head.split("\r\n")
            headers = {name.casefold(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            method, target, _ = first.split(" ")
            await self._send(stream, self._answer(Request(method, target, headers)))
        await stream.aclose()

    async def _send(self, stream: anyio.abc.ByteStream, response: Response) -> None:
        if response.sent:
            await stream.send(response.sent)
        while response.repeat:
            await stream.send(response.repeat)
        if response.silent:
            await stream.receive()

    def _answer(self, request: Request) -> Response:
        host = request.headers["host"]
        if KEY in f"{request.target} {request.headers}":
            self.with_key.append(f"{host}{request.target}")
        if host == VENDOR and request.method == "POST":
            return hostile.reply(b'{"id": "task-1"}', kind="application/json")
        if host == VENDOR and request.target == TASK:
            return hostile.reply(self._status(), kind="application/json")
        self.requests.append(request)
        response = self.answer(request, len(self.requests) - 1)
        sent = response.sent.replace(b"{port}", str(self.canary).encode())
        return Response(sent, response.repeat, response.silent)

    def _status(self) -> bytes:
        if self.row.keyed:
            return b'{"id": "task-1", "status": "SUCCESS"}'
        return json.dumps({"status": "completed", "metadata": {"url": self.link}}).encode()

    def disk_usage(self, _: object) -> SimpleNamespace:
        """Replace the disk's free space."""
        return SimpleNamespace(free=self.row.free)

    # -- the two ways to download -------------------------------------------------------------------------------------

    def downloader(self, *args: Any, **options: Any) -> Downloader:
        """Return a downloader with the row's limits; it inspects nothing, for these videos have no frames in them."""
        return Downloader(
            *args, **{**options, "inspector": None, "timing": self.row.timing, "largest": self.row.largest}
        )

    async def by_assistant(self) -> tuple[Path | None, str]:
        """Let an assistant create the video; return its path, or the message why it is not saved."""
        app = App(self.settings)
        async with Client(app.server, mode="2026-07-28") as client:
            model = MODELS["ope" if self.row.keyed else "12ai"]
            created: Any = await client.call_tool("create_video", {"prompt": self.row.prompt, "model": model})
            wanted = {"job_id": created.structured_content["job_id"], "wait_seconds": 20}
            while True:
                fields: Any = (await client.call_tool("check_video", wanted)).structured_content
                if "check_again_in" not in fields:
                    break
        assert fields["state"] == "succeeded"
        return (Path(fields["path"]) if "path" in fields else None), fields.get("note", "")

    async def directly(self) -> tuple[Path | None, str]:
        """Download the video of a job that is known."""
        action = self.row.meanwhile

        def report(_: int, __: int | None) -> None:
            nonlocal action
            if action is not None:
                action(self.scene)
                self.before = contents(self.folder)
            action = None

        web = Web(self.settings)
        vendor = known_vendors()["12ai"]
        try:
            video = await download_video(
                self.job, vendor, web, self.scene.videos, report, self.row.timing, self.row.largest
            )
        except SaveError as error:
            return None, error.sentence
        finally:
            await web.aclose()
        assert video.sha256 == hashlib.sha256(self.row.video).hexdigest()
        return video.path, ""

    async def cut_once(self) -> None:
        """Lose the connection for good, and take note of the names that a partial file has or might have."""
        self.answer = hostile.always(CUT)
        path, message = await self.directly()
        assert path is None
        assert message == hostile.LOST
        self.answer = self.row.answer
        self.requests.clear()
        self.scene.partials = tuple({*hidden(self.scene.videos), f".{self.job.id}..part", f".{self.job.id}.known.part"})


@asynccontextmanager
async def staged(row: Row, folder: Path) -> AsyncGenerator[Stage]:
    """Set the stage for one row.

    What is patched is the edge of the program (resolver, sockets, trusted certificates, disk): arguments for these in
    the product would be ways around the very checks that are tested here.
    """
    stage = Stage(row, folder)
    server_tls, client_tls = certificates()
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    canary = await anyio.create_tcp_listener(local_host="127.0.0.1")
    stage.port = listener.extra(SocketAttribute.local_port)  # noqa: S610  (not Django's `extra`)
    stage.canary = canary.extra(SocketAttribute.local_port)  # noqa: S610  (not Django's `extra`)
    tls = TLSListener(listener, server_tls, standard_compatible=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(anyio, "getaddrinfo", stage.resolve)
        patch.setattr(anyio, "connect_tcp", stage.connect)
        patch.setattr(httpx2, "AsyncClient", functools.partial(httpx2.AsyncClient, verify=client_tls))
        patch.setattr(parts, "Downloader", stage.downloader)  # App passes no limits on to it
        if row.free is not None:
            patch.setattr(shutil, "disk_usage", stage.disk_usage)
        try:
            async with tls, canary, anyio.create_task_group() as group:
                group.start_soon(tls.serve, stage.serve)
                group.start_soon(canary.serve, stage.note_visit)
                with anyio.fail_after(30):
                    yield stage
                group.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise single_error(group) from None


def contents(folder: Path) -> dict[str, str]:
    """Return all entries below a folder by path, except the journal, the two folders, and hidden files."""
    found: dict[str, str] = {}
    for at, folders, files in os.walk(folder):
        for path in (Path(at, name) for name in (*folders, *files)):
            mode = path.lstat().st_mode
            kind = f"kind {stat.S_IFMT(mode)}"
            if stat.S_ISLNK(mode):
                kind = f"link to {path.readlink()}"
            elif stat.S_ISREG(mode):
                kind = f"file of {hashlib.sha256(path.read_bytes()).hexdigest()}"
            parts = path.relative_to(folder).parts
            if parts[0] != "state" and parts not in {("videos",), ("moved",)} and not any(p[0] == "." for p in parts):
                found["/".join(parts)] = kind
    return found


def hidden(folder: Path) -> list[str]:
    """Return the names of the partial files in a folder."""
    return [path.name for path in folder.glob(".*")] if folder.exists() else []


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
async def test_a_hostile_download_does_no_harm(row: Row, tmp_path: Path) -> None:
    if sys.platform == "win32" and (row.before or row.meanwhile):
        pytest.skip("links are a privilege there")
    async with staged(row, tmp_path) as stage:
        if row.after_cut:
            await stage.cut_once()
        stage.scene.videos.mkdir(exist_ok=True)
        if row.before:
            row.before(stage.scene)
        stage.before = contents(tmp_path)
        path, message = await (stage.directly() if row.direct else stage.by_assistant())
    if path and stage.scene.videos.is_symlink():
        path = tmp_path / "moved" / path.name
    saved = {str(path.relative_to(tmp_path))} if path else set[str]()
    after = contents(tmp_path)
    assert after.keys() - stage.before.keys() == saved
    assert {name: after.get(name) for name in stage.before} == stage.before
    if path:
        assert_complete(row, stage, path)
    elif not (row.may_leave_partial or row.meanwhile or row.before):
        assert hidden(stage.scene.videos) == []
    if row.message is not None:
        numbers = {"longest": row.timing.longest, "largest": row.largest / 1e9}
        names = {"folder": stage.scene.videos, "longer_name": stage.scene.names[1]}
        assert message == row.message.format(**names, **numbers)
        assert bool(path) is not bool(message)
    assert message != UNFORESEEN
    assert KEY not in message
    assert not row.never_shown or row.never_shown not in message
    assert stage.canary_visits == []
    assert {host for host in stage.connected if host != VENDOR} <= {PUBLIC}
    assert row.requests is None or len(stage.requests) == row.requests
    assert {where.removeprefix(VENDOR) for where in stage.with_key} <= WITH_KEY
    for request in stage.requests:
        assert request.headers.keys().isdisjoint({"cookie", "referer", "proxy-authorization"})
        assert request.headers["accept-encoding"] == "identity"


def assert_complete(row: Row, stage: Stage, path: Path) -> None:
    """Make sure that a video is what its host sent, is under the right name, and has no other name."""
    found = path.lstat()
    assert stat.S_ISREG(found.st_mode)
    assert found.st_nlink == 1
    assert path.read_bytes() == row.video
    assert row.before or hidden(path.parent) == []
    if row.direct:
        assert path.name == stage.scene.names[row.longer_name]
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\d{re.escape(row.named)}-[a-z0-9]+\.mp4", path.name)
    assert len(path.name.encode()) <= 150


def test_each_row_has_a_name_of_its_own() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS) == 241
