"""An MCP client connected to our server in memory, in either era of the protocol, over a sandbox."""

from __future__ import annotations

import io
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import anyio
import jsonschema
import mcp_types as types
from mcp.client import Client

from seedance_mcp.jobs.journal.sqlite import SqliteJournal
from seedance_mcp.jobs.timing import Timing
from seedance_mcp.sandbox import Sandbox
from seedance_mcp.sandbox.transport import SandboxTransport
from seedance_mcp.server.app import App
from seedance_mcp.settings import Settings, load
from seedance_mcp.vendors import known_vendors
from seedance_mcp.web import Web
from tests.exception_groups import single_error

ERAS = ("legacy", "2026-07-28")
ORIGIN = "http://sandbox.invalid"
PROMPT = "a fox in the snow"
PRICED = {"model": "seedanceapi/seedance-2-mini", "duration": 4, "resolution": "480p"}
"""A request whose price in USD is known, by a vendor without an idempotency key."""
UNPRICED = {"model": "ope/seedance-2-0", "duration": 4, "resolution": "480p"}
"""A request whose price in USD is unknown."""


@dataclass
class ToolAnswer:
    """The answer of a tool: its fields, or the text of a refusal."""

    result: types.CallToolResult

    @property
    def text(self) -> str:
        return "\n".join(c.text for c in self.result.content if isinstance(c, types.TextContent))

    @property
    def fields(self) -> dict[str, Any]:
        assert not self.result.is_error, self.text
        fields: Any = self.result.structured_content
        assert isinstance(fields, dict)
        return cast("dict[str, Any]", fields)

    @property
    def refusal(self) -> str:
        """The text of a refusal, which never has fields, because some clients would show only those."""
        assert self.result.is_error, self.text
        assert self.result.structured_content is None
        return self.text


@dataclass
class Session:
    """One client connected to one server."""

    client: Client
    sandbox: Sandbox
    settings: Settings
    app: App

    async def call(self, tool: str, /, **arguments: Any) -> ToolAnswer:
        """Call a tool; the fields of its answer must match its output schema."""
        answer = ToolAnswer(await self.client.call_tool(tool, arguments))
        if not answer.result.is_error and (schema := self.app.tools[tool].output_schema) is not None:
            jsonschema.validate(answer.fields, schema)
        return answer

    async def create(self, prompt: str = PROMPT, /, **arguments: Any) -> dict[str, Any]:
        return (await self.call("create_video", prompt=prompt, **arguments)).fields

    async def finish(self, job_id: str) -> dict[str, Any]:
        """Check a job until it is final."""
        with anyio.fail_after(45):
            while True:
                fields = (await self.call("check_video", job_id=job_id, wait_seconds=20)).fields
                if "check_again_in" not in fields:
                    return fields

    async def video(self, prompt: str = PROMPT, /, **arguments: Any) -> dict[str, Any]:
        """Create a video and wait until it is saved."""
        return await self.finish((await self.create(prompt, **arguments))["job_id"])

    async def refused(self, prompt: str = PROMPT, /, **arguments: Any) -> str:
        """Request a video that is refused; return the text of the refusal."""
        return (await self.call("create_video", prompt=prompt, **arguments)).refusal

    @property
    def charge_count(self) -> int:
        """The number of charges at all vendors."""
        return len(self.sandbox.charges)

    async def nothing_happened(self) -> bool:
        """Whether nothing was sent, paid or written to the journal."""
        return not self.sandbox.tasks and (await self.call("list_videos")).fields["videos"] == []

    @contextmanager
    def journal(self) -> Generator[SqliteJournal]:
        """Open the server's journal a second time."""
        journal = SqliteJournal(self.settings.state_dir)
        try:
            yield journal
        finally:
            journal.close()


async def quoted_price(session: Session) -> float:
    """Return what PRICED costs, in USD."""
    cost: float = (await session.create(**PRICED, dry_run=True, max_cost=1000))["cost"]["usd"]
    return cost


def server_environ(folder: Path, **more: str) -> dict[str, str]:
    """Return the environment variables of a sandbox server that stores everything in a folder."""
    own = {
        "SEEDANCE_SANDBOX": "1",
        "SEEDANCE_STATE_DIR": str(folder / "state"),
        "SEEDANCE_OUTPUT_DIR": str(folder / "videos"),
    }
    return own | more


def with_keys(*slugs: str) -> dict[str, Any]:
    """Return the settings of a server outside the sandbox, with a key for each of these vendors."""
    keys = {f"SEEDANCE_{known_vendors()[slug].env_name}_API_KEY": "key-for-tests" for slug in slugs}
    return {"SEEDANCE_SANDBOX": "0"} | keys


@asynccontextmanager
async def connected(
    folder: Path,
    era: str,
    *,
    sandbox: Sandbox | None = None,
    transport: SandboxTransport | None = None,
    over_http: bool = False,
    timing: Timing | None = None,
    client: dict[str, Any] | None = None,
    app: dict[str, Any] | None = None,
    **settings: str,
) -> AsyncGenerator[Session]:
    """Connect a client to a server over a sandbox; jobs are finished at the first poll unless the sandbox is slower.

    `settings` are further environment variables of the server, `client` and `app` further arguments of the MCP client
    and of the server. `transport` carries the server's requests, and brings its own sandbox. The sandbox replaces the
    network even where SEEDANCE_SANDBOX is 0, unless the server is to reach its vendors `over_http`.
    """
    loaded = load(server_environ(folder, **settings))
    transport = transport or SandboxTransport(sandbox or Sandbox(pace=0))
    sandbox = transport.sandbox
    origins = {vendor.slug: sandbox.base_url(vendor.slug, ORIGIN) for vendor in loaded.vendors}
    web = None if over_http else Web(loaded, transport, origins)
    server = App(loaded, web=web, timing=timing, **(app or {}))
    with anyio.fail_after(60):
        try:
            async with Client(server.server, mode=era, **(client or {})) as connection:
                yield Session(connection, sandbox, loaded, server)
        except BaseExceptionGroup as group:  # each task group on the way wraps the exception of a test
            raise single_error(group) from None


def process_environ(folder: Path, **more: str) -> dict[str, str]:
    """Return the whole environment of a server process: no settings from outside, and an empty home."""
    return {
        "PATH": str(Path(sys.executable).parent),
        "HOME": str(folder),
        "PYTHONUTF8": "1",
        "COLUMNS": "200",
    } | server_environ(folder, **more)


@dataclass(frozen=True)
class VideoInfo:
    """What a video file is."""

    codec: str
    size: str
    seconds: float
    audio: bool


def inspect_video(path: str) -> VideoInfo:
    """Open a video file and decode its first frame."""
    import av

    with av.open(io.BytesIO(Path(path).read_bytes()), "r") as container:
        video = container.streams.video[0]
        image = next(container.decode(video))
        return VideoInfo(
            video.codec_context.name,
            f"{image.width}x{image.height}",
            float(container.duration or 0) / 1_000_000,
            bool(container.streams.audio),
        )
