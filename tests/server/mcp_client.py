"""A client in conversation with our server in memory, in either era of the protocol, over a sandbox to look into."""

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
import pytest
from mcp.client import Client

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
class Said:
    """What a call of a tool answered: its fields, or the words of a refusal."""

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
        """The words of a refusal, which never carries fields: some clients would show those alone."""
        assert self.result.is_error, self.text
        assert self.result.structured_content is None
        return self.text


@dataclass
class Session:
    """One client that talks to one server."""

    client: Client
    sandbox: Sandbox
    settings: Settings
    app: App

    async def call(self, tool: str, /, **arguments: Any) -> Said:
        said = Said(await self.client.call_tool(tool, arguments))
        if not said.result.is_error and (shape := self.app.tools[tool].output_schema) is not None:
            jsonschema.validate(said.fields, shape)
        return said

    async def create(self, prompt: str = PROMPT, /, **arguments: Any) -> dict[str, Any]:
        return (await self.call("create_video", prompt=prompt, **arguments)).fields

    async def end(self, job_id: str) -> dict[str, Any]:
        """Wait until there is nothing left to wait for."""
        with anyio.fail_after(45):
            while True:
                fields = (await self.call("check_video", job_id=job_id, wait_seconds=20)).fields
                if "check_again_in" not in fields:
                    return fields

    async def video(self, prompt: str = PROMPT, /, **arguments: Any) -> dict[str, Any]:
        """Make a film from beginning to end."""
        return await self.end((await self.create(prompt, **arguments))["job_id"])

    async def refused(self, prompt: str = PROMPT, /, **arguments: Any) -> str:
        """Ask for a film that is refused; return the words."""
        return (await self.call("create_video", prompt=prompt, **arguments)).refusal

    @property
    def paid(self) -> int:
        """How often a vendor charged."""
        return len(self.sandbox.charges)


def surroundings(folder: Path, **more: str) -> dict[str, str]:
    """Return the environment of a server that keeps everything below a folder."""
    own = {
        "SEEDANCE_SANDBOX": "1",
        "SEEDANCE_STATE_DIR": str(folder / "state"),
        "SEEDANCE_OUTPUT_DIR": str(folder / "videos"),
    }
    return own | more


@asynccontextmanager
async def connected(
    folder: Path, era: str, *, sandbox: Sandbox | None = None, client: dict[str, Any] | None = None, **more: str
) -> AsyncGenerator[Session]:
    """Talk to a server of one's own; jobs are done at the first look unless the sandbox says otherwise."""
    settings = load(surroundings(folder, **more))
    fakes = sandbox or Sandbox(pace=0)
    app = App(settings)
    with pytest.MonkeyPatch.context() as patch, anyio.fail_after(60):
        patch.setattr("seedance_mcp.sandbox.Sandbox", lambda: fakes)
        try:
            async with Client(app.server, mode=era, **(client or {})) as talker:
                yield Session(talker, fakes, settings, app)
        except BaseExceptionGroup as group:  # each layer of task groups wraps what a test has found
            raise single_error(group) from None


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Return a whole environment for a process of our own: nothing of ours from outside, and an empty home."""
    return {
        "PATH": str(Path(sys.executable).parent),
        "HOME": str(folder),
        "PYTHONUTF8": "1",
        "COLUMNS": "200",
    } | surroundings(folder, **more)


@dataclass(frozen=True)
class Seen:
    """What a film turns out to be when it is opened."""

    codec: str
    size: str
    seconds: float
    audio: bool


def seen(path: str) -> Seen:
    """Open a film on disk and decode its first picture."""
    import av

    with av.open(io.BytesIO(Path(path).read_bytes()), "r") as container:
        video = container.streams.video[0]
        image = next(container.decode(video))
        return Seen(
            video.codec_context.name,
            f"{image.width}x{image.height}",
            float(container.duration or 0) / 1_000_000,
            bool(container.streams.audio),
        )
