"""The sandbox on a port, servers that use it over real HTTP, and commands that use the journal of such a server."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.abc
from mcp.client import Client

from seedance_mcp.jobs.journal.process_lock import ProcessLock
from seedance_mcp.jobs.journal.sqlite import SqliteJournal
from seedance_mcp.runtime import load_settings
from seedance_mcp.sandbox import Sandbox
from seedance_mcp.sandbox.serve import serve
from seedance_mcp.server.app import App
from seedance_mcp.settings import vendor_settings
from seedance_mcp.vendors import known_vendors
from tests.cli.command import Result, run_async, started
from tests.exception_groups import single_error
from tests.jobs.download.hostile import MB, mp4
from tests.server.mcp_client import PRICED, Session, server_environ

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

VIDEO = mp4(bytes(range(256)), 3 * MB)
"""What every link to a video leads to."""
LASTING = {"model": "jimmyai/seedance2.0-mini", "duration": 5, "resolution": "480p"}
"""A request to a vendor that documents how long its links last."""


@asynccontextmanager
async def connected_over_http(
    folder: Path, era: str, sandbox: Sandbox | None = None, /, **settings: str
) -> AsyncGenerator[Session]:
    """Connect a client to a server in memory that reaches its vendors over the network, as its settings say.

    `sandbox` is what serves the vendors, if that is in this process.
    """
    loaded = load_settings(server_environ(folder, **({"SEEDANCE_SANDBOX": "0"} | settings)))
    app = App(loaded)
    with anyio.fail_after(60):
        try:
            async with Client(app.server, mode=era) as client:
                yield Session(client, sandbox or Sandbox(), loaded, app)
        except BaseExceptionGroup as group:
            raise single_error(group) from None


@dataclass
class DownloadControl:
    """An ASGI application in front of the sandbox that records and disturbs downloads of videos."""

    app: ASGIApp
    paused: bool = False
    """Whether downloads stop after two thirds, for as long as this is set."""
    links_expired: bool = False
    """Whether every link to a video is answered with HTTP 404."""
    ranges: list[str] = field(default_factory=list[str])
    """The Range header of each download."""
    active: int = 0
    most_active: int = 0
    wait_for: int = 0
    """The number of simultaneous downloads that have to begin before any continues."""
    all_begun: anyio.Event = field(default_factory=anyio.Event)
    resumed: anyio.Event = field(default_factory=anyio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if "/videos/" not in scope.get("path", ""):
            await self.app(scope, receive, send)
            return
        if self.links_expired:
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        self.ranges.append(dict(scope["headers"]).get(b"range", b"").decode())
        self.active += 1
        self.most_active = max(self.active, self.most_active)
        if self.active >= self.wait_for:
            self.all_begun.set()
        await self.all_begun.wait()
        sent = 0

        async def send_or_pause(message: Message) -> None:
            nonlocal sent
            if self.paused and sent > 2 * len(VIDEO) // 3:
                await self.resumed.wait()
            sent += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, send_or_pause)
        finally:
            self.active -= 1

    def release(self) -> None:
        """Let every waiting download continue."""
        self.all_begun.set()
        self.resumed.set()


@dataclass
class Vendors:
    """The sandbox on a port, and a user whose server creates videos there without downloading them."""

    folder: Path
    sandbox: Sandbox
    downloads: DownloadControl
    env: dict[str, str]

    @property
    def videos(self) -> Path:
        """The folder for finished videos."""
        return self.folder / "videos"

    def server(self) -> AbstractAsyncContextManager[Session]:
        """Return a context with a client of a server that downloads nothing by itself."""
        return connected_over_http(self.folder, "legacy", self.sandbox, **self.env, SEEDANCE_SAVE="off")

    async def create_videos(self, *prompts: str, **arguments: Any) -> list[str]:
        """Create videos and wait until they are finished; return the ids of their jobs."""
        async with self.server() as session:
            finished = [await session.video(prompt, **(arguments or PRICED)) for prompt in prompts]
        assert not self.videos.exists()
        return [fields["job_id"] for fields in finished]

    async def run(self, *arguments: str, columns: int | None = None, **settings: str) -> Result:
        """Run `seedance-mcp videos` with these arguments."""
        env: dict[str, Any] = self.env | settings
        return await run_async(self.folder, "videos", *arguments, columns=columns, **env)

    def started(self, *arguments: str, stderr: int = subprocess.PIPE) -> AbstractAsyncContextManager[anyio.abc.Process]:
        """Start `seedance-mcp videos` with these arguments."""
        return started(self.folder, "videos", *arguments, stderr=stderr, sandbox=False, **self.env)

    async def listed(self) -> dict[str, dict[str, Any]]:
        """Return what `videos --json` lists, by job id."""
        return {v["job_id"]: v for v in json.loads((await self.run("--json")).out)["videos"]}

    @asynccontextmanager
    async def claimed(self, job_id: str) -> AsyncGenerator[None]:
        """Hold the lease of a job, as another server does while it downloads the video."""
        journal = SqliteJournal(self.folder / "state")
        try:
            owner = ProcessLock(self.folder / "state" / "owners")
            assert await journal.claim(job_id, owner.id, 900, when=("succeeded",))
            yield
            owner.release()
        finally:
            journal.close()

    def update_jobs(self, sql: str, value: object) -> None:
        """Change every job in the journal's file."""
        with sqlite3.connect(self.folder / "state" / "journal.sqlite3") as db:
            db.execute(sql, (value,))
        db.close()


@asynccontextmanager
async def vendors_over_http(folder: Path) -> AsyncGenerator[Vendors]:
    """Serve the sandbox on a free port."""
    sandbox = Sandbox(pace=0)
    downloads = DownloadControl(sandbox.app)
    sandbox.app = downloads  # pyright: ignore[reportAttributeAccessIssue]  (uvicorn serves any ASGI application)
    try:
        with anyio.fail_after(90):
            async with anyio.create_task_group() as group:
                port = await group.start(partial(serve, 0, sandbox=sandbox))
                env = {"SEEDANCE_SANDBOX": "0", "SEEDANCE_POLL_INTERVAL": "0.5"}
                for vendor in known_vendors().values():
                    key, _, url = (setting.name for setting in vendor_settings(vendor))
                    env |= {key: "sk-0123456789", url: sandbox.base_url(vendor.slug, f"http://127.0.0.1:{port}")}
                yield Vendors(folder, sandbox, downloads, env)
                downloads.release()
                group.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise single_error(group) from None


def saved_paths(result: Result) -> list[Path]:
    """Return the paths that a command printed; the video at each of them must be complete."""
    found = [Path(line) for line in result.out.splitlines()]
    assert all(path.read_bytes() == VIDEO for path in found)
    return found
