"""An MCP client connected to our server in memory, in either era of the protocol, over a sandbox."""

from __future__ import annotations

import io
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import anyio
import jsonschema
import mcp_types as types
from mcp.client import Client

from seedance_mcp.jobs.timing import Timing
from seedance_mcp.runtime import sandbox_web
from seedance_mcp.sandbox import Sandbox
from seedance_mcp.server.app import App
from seedance_mcp.settings import Settings, load
from tests.exception_groups import single_error

ERAS = ("legacy", "2026-07-28")
VENDORS = ("ope", "seedanceapi", "jimmyai", "12ai", "aigptimage")
PROMPT = "a fox in the snow"
PRICED = {"model": "seedanceapi/seedance-2-mini", "duration": 4, "resolution": "480p"}
"""A request whose price in USD is known, by a vendor without an idempotency key."""


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
        said = ToolAnswer(await self.client.call_tool(tool, arguments))
        if not said.result.is_error and (shape := self.app.tools[tool].output_schema) is not None:
            jsonschema.validate(said.fields, shape)
        return said

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


def server_environ(folder: Path, **more: str) -> dict[str, str]:
    """Return the environment variables of a sandbox server that stores everything in a folder."""
    own = {
        "SEEDANCE_SANDBOX": "1",
        "SEEDANCE_STATE_DIR": str(folder / "state"),
        "SEEDANCE_OUTPUT_DIR": str(folder / "videos"),
    }
    return own | more


@asynccontextmanager
async def connected(
    folder: Path,
    era: str,
    *,
    sandbox: Sandbox | None = None,
    timing: Timing | None = None,
    client: dict[str, Any] | None = None,
    **settings: str,
) -> AsyncGenerator[Session]:
    """Connect a client to a server over a sandbox; jobs are finished at the first poll unless the sandbox is slower.

    `settings` are further environment variables of the server, `client` arguments of the MCP client.
    """
    loaded = load(server_environ(folder, **settings))
    sandbox = sandbox or Sandbox(pace=0)
    app = App(loaded, web=sandbox_web(loaded, sandbox), timing=timing)
    with anyio.fail_after(60):
        try:
            async with Client(app.server, mode=era, **(client or {})) as connection:
                yield Session(connection, sandbox, loaded, app)
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
class VideoFacts:
    """What a video file is."""

    codec: str
    size: str
    seconds: float
    audio: bool


def inspect_video(path: str) -> VideoFacts:
    """Open a video file and decode its first frame."""
    import av

    with av.open(io.BytesIO(Path(path).read_bytes()), "r") as container:
        video = container.streams.video[0]
        image = next(container.decode(video))
        return VideoFacts(
            video.codec_context.name,
            f"{image.width}x{image.height}",
            float(container.duration or 0) / 1_000_000,
            bool(container.streams.audio),
        )
