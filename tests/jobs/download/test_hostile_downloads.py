"""Whatever a film's link, host or folder does, nothing gets through: the rows of tests/jobs/hostile.py, each a test."""

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
from seedance_mcp.jobs.download import partial_file as part_module
from seedance_mcp.jobs.download import transfer as save_module
from seedance_mcp.jobs.download.transfer import file_name, save
from seedance_mcp.jobs.journal.model import Job
from seedance_mcp.server.app import App
from seedance_mcp.settings import Settings, load
from seedance_mcp.vendors import known_vendors
from seedance_mcp.web import Web
from tests.exception_groups import single_error
from tests.http_host import KEY, Asked
from tests.jobs.download import hostile
from tests.jobs.download.hostile import CUT, OTHER, PRECIOUS, PUBLIC, ROWS, VENDOR, VIDEOS, BodyReader, Row, Scene

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
"""Names that no test asks the machine's resolver for."""
UNFORESEEN = "The film could not be saved; the server's log says why."
getaddrinfo = socket.getaddrinfo
connect_tcp = anyio.connect_tcp
sleep = anyio.sleep


async def brief(seconds: float) -> None:
    """Stand in for a pause."""
    await sleep(min(seconds, 0.01))


@functools.cache
def certificates() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return what a host shows for our three names, and what trusts it."""
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
    shows, trusts = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with TemporaryDirectory() as folder:
        file = Path(folder, "both.pem")
        file.write_bytes(secret + made)
        shows.load_cert_chain(file)
    trusts.load_verify_locations(cadata=made.decode())
    return shows, trusts


class Stage:
    """A vendor and its hosts as one row wants them, a port that nobody may ask at, and the folders to look into."""

    def __init__(self, row: Row, folder: Path) -> None:
        self.row, self.folder = row, folder
        self.port = self.canary = 0
        self.answer = row.answer
        self.videos: list[Asked] = []
        """The requests for the film."""
        self.with_key: list[str] = []
        self.watched: list[object] = []
        """Who came to the port that nobody may ask at."""
        self.connected: list[str] = []
        self.before: dict[str, str] = {}
        self._looked_up = 0
        outside = folder / "outside"
        outside.mkdir()
        (outside / "precious.txt").write_text(PRECIOUS)
        names = (file_name(self.job), file_name(self.job, more=12))
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
        """Stand in for the resolver: names as the row has them, and numbers in every notation that the system reads."""
        name = host.decode() if isinstance(host, bytes) else str(host)
        if name == VIDEOS:
            addresses = self.row.resolves[min(self._looked_up, len(self.row.resolves) - 1)]
            self._looked_up += 1
        elif name in NAMES:
            addresses = NAMES[name]
        else:
            return getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    async def connect(self, remote_host: str, remote_port: int, **more: Any) -> SocketStream:
        """Stand in for the way out: to the vendor, to the public address, and to this machine."""
        self.connected.append(str(remote_host))
        if remote_host in {VENDOR, PUBLIC}:
            return await connect_tcp("127.0.0.1", self.port)
        with suppress(ValueError):
            if ipaddress.ip_address(remote_host).is_loopback:
                return await connect_tcp(remote_host, remote_port)
        raise ConnectionRefusedError(remote_host)

    async def watch(self, stream: SocketStream) -> None:
        """Note who comes to the port that nobody may ask at."""
        self.watched.append(stream)
        await stream.aclose()

    async def serve(self, stream: anyio.abc.ByteStream) -> None:
        """Answer one request, and hang up."""
        # Whoever finds out that it may not go on hangs up at once.
        with suppress(anyio.IncompleteRead, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream):
            head = (await BufferedByteReceiveStream(stream).receive_until(b"\r\n\r\n", 200_000)).decode("latin-1")
            first, *lines = head.split("\r\n")
            headers = {name.casefold(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            method, target, _ = first.split(" ")
            await self._send(stream, self._answered(Asked(method, target, headers)))
        await stream.aclose()

    async def _send(self, stream: anyio.abc.ByteStream, wire: BodyReader) -> None:
        if wire.sent:
            await stream.send(wire.sent)
        while wire.again:
            await stream.send(wire.again)
        if wire.silent:
            await stream.receive()

    def _answered(self, asked: Asked) -> BodyReader:
        host = asked.headers["host"]
        if KEY in f"{asked.target} {asked.headers}":
            self.with_key.append(f"{host}{asked.target}")
        if host == VENDOR and asked.method == "POST":
            return hostile.reply(b'{"id": "task-1"}', kind="application/json")
        if host == VENDOR and asked.target == TASK:
            return hostile.reply(self._looked_at(), kind="application/json")
        self.videos.append(asked)
        wire = self.answer(asked, len(self.videos) - 1)
        return BodyReader(wire.sent.replace(b"{port}", str(self.canary).encode()), wire.again, wire.silent)

    def _looked_at(self) -> bytes:
        if self.row.keyed:
            return b'{"id": "task-1", "status": "SUCCESS"}'
        return json.dumps({"status": "completed", "metadata": {"url": self.link}}).encode()

    def disk_usage(self, _: object) -> SimpleNamespace:
        """Stand in for the disk."""
        return SimpleNamespace(free=self.row.room)

    # -- the faces ----------------------------------------------------------------------------------------------------

    async def by_assistant(self) -> tuple[Path | None, str]:
        """Let an assistant make the film; return where it is, or why it is nowhere."""
        app = App(self.settings)
        async with Client(app.server, mode="2026-07-28") as client:
            model = MODELS["ope" if self.row.keyed else "12ai"]
            made: Any = await client.call_tool("create_video", {"prompt": self.row.prompt, "model": model})
            wanted = {"job_id": made.structured_content["job_id"], "wait_seconds": 20}
            while True:
                fields: Any = (await client.call_tool("check_video", wanted)).structured_content
                if "check_again_in" not in fields:
                    break
        assert fields["state"] == "succeeded"
        return (Path(fields["path"]) if "path" in fields else None), fields.get("note", "")

    async def by_hand(self) -> tuple[Path | None, str]:
        """Save the film of a job that is known."""
        deed = self.row.meanwhile

        def tell(_: int, __: int | None) -> None:
            nonlocal deed
            if deed is not None:
                deed(self.scene)
                self.before = things(self.folder)
            deed = None

        web = Web(self.settings)
        try:
            video = await save(self.job, known_vendors()["12ai"], web, self.scene.videos, tell)
        except SaveError as error:
            return None, error.sentence
        finally:
            await web.aclose()
        assert video.sha256 == hashlib.sha256(self.row.video).hexdigest()
        return video.path, ""

    async def once_cut(self) -> None:
        """Lose the film, and lay out what an earlier version might have left."""
        self.answer = hostile.always(CUT)
        path, says = await self.by_hand()
        assert path is None
        assert says == hostile.LOST
        self.answer = self.row.answer
        self.videos.clear()
        self.scene.parts = tuple({*hidden(self.scene.videos), f".{self.job.id}..part", f".{self.job.id}.known.part"})


@asynccontextmanager
async def staged(row: Row, folder: Path) -> AsyncGenerator[Stage]:
    """Set the stage for one row, with everything that it patches."""
    stage = Stage(row, folder)
    shows, trusts = certificates()
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    canary = await anyio.create_tcp_listener(local_host="127.0.0.1")
    stage.port = listener.extra(SocketAttribute.local_port)  # noqa: S610  (not Django's)
    stage.canary = canary.extra(SocketAttribute.local_port)  # noqa: S610  (as above)
    tls = TLSListener(listener, shows, standard_compatible=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(anyio, "getaddrinfo", stage.resolve)
        patch.setattr(anyio, "connect_tcp", stage.connect)
        patch.setattr(anyio, "sleep", brief)
        patch.setattr("seedance_mcp.media.frames.available", lambda: False)  # these films have no pictures in them
        patch.setattr(httpx2, "AsyncClient", functools.partial(httpx2.AsyncClient, verify=trusts))
        for name, value in row.limits.items():
            set_limit(patch, name, value)
        if row.room is not None:
            patch.setattr(shutil, "disk_usage", stage.disk_usage)
        try:
            async with tls, canary, anyio.create_task_group() as group:
                group.start_soon(tls.serve, stage.serve)
                group.start_soon(canary.serve, stage.watch)
                with anyio.fail_after(30):
                    yield stage
                group.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise single_error(group) from None


def set_limit(patch: pytest.MonkeyPatch, name: str, value: float) -> None:
    """Set a constant of ours, in the module of the saving that it stands in."""
    (module,) = [module for module in (save_module, part_module) if hasattr(module, name)]
    patch.setattr(module, name, value)


def things(folder: Path) -> dict[str, str]:
    """Return what is below a folder, by its path: all but the journal, the two folders, and what is hidden in them."""
    found: dict[str, str] = {}
    for at, folders, files in os.walk(folder):
        for path in (Path(at, name) for name in (*folders, *files)):
            mode = path.lstat().st_mode
            what = f"kind {stat.S_IFMT(mode)}"
            if stat.S_ISLNK(mode):
                what = f"link to {path.readlink()}"
            elif stat.S_ISREG(mode):
                what = f"file of {hashlib.sha256(path.read_bytes()).hexdigest()}"
            parts = path.relative_to(folder).parts
            if parts[0] != "state" and parts not in {("videos",), ("moved",)} and not any(p[0] == "." for p in parts):
                found["/".join(parts)] = what
    return found


def hidden(folder: Path) -> list[str]:
    """Return the names of the beginnings of films in a folder."""
    return [path.name for path in folder.glob(".*")] if folder.exists() else []


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
async def test_nothing_gets_through(row: Row, tmp_path: Path) -> None:
    if sys.platform == "win32" and (row.before or row.meanwhile):
        pytest.skip("links are a privilege there")
    async with staged(row, tmp_path) as stage:
        if row.once_cut:
            await stage.once_cut()
        stage.scene.videos.mkdir(exist_ok=True)
        if row.before:
            row.before(stage.scene)
        stage.before = things(tmp_path)
        path, says = await (stage.by_hand() if row.by_hand else stage.by_assistant())
    if path and stage.scene.videos.is_symlink():
        path = tmp_path / "moved" / path.name
    saved = {str(path.relative_to(tmp_path))} if path else set[str]()
    after = things(tmp_path)
    assert after.keys() - stage.before.keys() == saved
    assert {name: after.get(name) for name in stage.before} == stage.before
    if path:
        whole(row, stage, path)
    elif not (row.cut or row.meanwhile or row.before):
        assert hidden(stage.scene.videos) == []
    if row.says is not None:
        numbers = {"longest": row.limits.get("LONGEST", 0), "largest": row.limits.get("LARGEST", 0) / 1e9}
        assert says == row.says.format(folder=stage.scene.videos, second=stage.scene.names[1], **numbers)
        assert bool(path) is not bool(says)
    assert says != UNFORESEEN
    assert KEY not in says
    assert not row.unsaid or row.unsaid not in says
    assert stage.watched == []
    assert {host for host in stage.connected if host != VENDOR} <= {PUBLIC}
    assert row.asks is None or len(stage.videos) == row.asks
    assert {where.removeprefix(VENDOR) for where in stage.with_key} <= WITH_KEY
    for asked in stage.videos:
        assert asked.headers.keys().isdisjoint({"cookie", "referer", "proxy-authorization"})
        assert asked.headers["accept-encoding"] == "identity"


def whole(row: Row, stage: Stage, path: Path) -> None:
    """Make sure that a film is what its host sent, under the name that it should have, and nobody else's."""
    found = path.lstat()
    assert stat.S_ISREG(found.st_mode)
    assert found.st_nlink == 1
    assert path.read_bytes() == row.video
    assert row.before or hidden(path.parent) == []
    if row.by_hand:
        assert path.name == stage.scene.names[row.second]
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\d{re.escape(row.named)}-[a-z0-9]+\.mp4", path.name)
    assert len(path.name.encode()) <= 150


def test_each_row_has_a_name_of_its_own() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS) >= 45
