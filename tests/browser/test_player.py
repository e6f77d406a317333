"""The player in a real browser, in a host built on `@modelcontextprotocol/ext-apps`; `scripts/browsers` installs both.

Each scene of scenes.mjs runs against a server of its own in the sandbox. It fails on any error or warning on the
console, any breach of the view's policy and any request to an origin that the view may not use.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread
from mcp.client.extension import advertise
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID

from seedance_mcp.sandbox import Sandbox, known_fakes
from seedance_mcp.sandbox.serve import serve
from seedance_mcp.server.player import origins
from seedance_mcp.vendors import known_vendors
from tests.browser.relay import HERE, MODULES, relay
from tests.exception_groups import single_error
from tests.server.mcp_client import ERAS, PRICED, Session, connected

SCREENSHOTS = os.environ.get("PLAYER_SCREENSHOTS")
"""The folder for the screenshots of the docs, which are taken only if it is set."""


def missing_tool() -> str | None:
    """Return what a browser test needs and does not find, if anything."""
    if not MODULES.is_dir():
        return "tests/browser/node_modules is missing: run scripts/browsers"
    if not node():
        return "node is missing: run scripts/browsers"
    return None if browser() else "chromium is missing: run scripts/browsers"


def node() -> str | None:
    own = MODULES / "node" / "bin" / "node"
    return str(own) if own.exists() else shutil.which("node")


def browser() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


pytestmark = [pytest.mark.anyio, pytest.mark.skipif(missing_tool() is not None, reason=missing_tool() or "")]


async def play(name: str, session: Session, **known: Any) -> None:
    """Play a scene against a client session."""
    facts = {"origins": origins(session.settings)} | known
    async with relay(session) as address:
        command = [node() or "", "run.mjs", name, address, browser() or "", json.dumps(facts)]
        with anyio.fail_after(50):
            done = await anyio.run_process(command, check=False, cwd=HERE, stderr=subprocess.STDOUT)
    if done.returncode:
        pytest.fail(done.stdout.decode(errors="replace")[-4000:], pytrace=False)


@asynccontextmanager
async def player_session(
    folder: Path, era: str = ERAS[-1], *, linked: bool = False, **more: Any
) -> AsyncGenerator[Session]:
    """Connect as a client that shows views; with `linked`, to vendors on loopback, whose links a browser can use."""
    client = {"extensions": [advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})]}
    sandbox = Sandbox(pace=0)
    try:
        async with anyio.create_task_group() as group:
            if linked:
                port = await group.start(functools.partial(serve, 0, sandbox=sandbox))
                more["SEEDANCE_SANDBOX"] = "0"
                for slug in known_fakes():
                    prefix = f"SEEDANCE_{known_vendors()[slug].env_name}"
                    more[f"{prefix}_API_KEY"] = "sandbox"
                    more[f"{prefix}_BASE_URL"] = sandbox.base_url(slug, f"http://127.0.0.1:{port}")
            async with connected(folder, era, sandbox=sandbox, over_http=linked, client=client, **more) as session:
                yield session
            group.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise single_error(group) from None


SCENES = (
    "running", "becomes_done", "failed", "unknown", "refused", "quoted", "download_with_key", "blob_only",
    "chinese_and_dark", "dark_by_itself",
    "refused_in_chinese", "continue", "whole_prompt", "portrait", "copy",
    "no_capabilities", "text_only", "change", "keyboard", "teardown", "cancelled",
)  # fmt: skip


@pytest.mark.parametrize("era", ERAS)
async def test_a_video_plays_in_the_conversation(tmp_path: Path, era: str) -> None:
    async with player_session(tmp_path, era) as session:
        await play("done", session)


@pytest.mark.parametrize("scene", SCENES)
async def test_the_player_plays_its_scene(tmp_path: Path, scene: str) -> None:
    async with player_session(tmp_path) as session:
        await play(scene, session)


@pytest.mark.parametrize("scene", ["check", "list"])
async def test_the_player_shows_an_earlier_job(tmp_path: Path, scene: str) -> None:
    async with player_session(tmp_path) as session:
        video = await session.video("made before", **PRICED)
        await play(scene, session, job_id=video["job_id"])


@pytest.mark.parametrize("scene", ["link", "expired_link", "download_with_key_unsaved"])
async def test_the_player_shows_a_video_that_is_not_saved(tmp_path: Path, scene: str) -> None:
    async with player_session(tmp_path, linked=True, SEEDANCE_SAVE="off") as session:
        await play(scene, session)


async def test_a_large_video_plays_when_the_user_loads_it(tmp_path: Path) -> None:
    async with player_session(tmp_path) as session:
        job_id, size = await create_large_video(session)
        await play("large", session, job_id=job_id, size=size)


async def test_a_video_with_an_expired_link_plays_from_the_saved_file(tmp_path: Path) -> None:
    async with player_session(tmp_path, linked=True) as session:
        job_id, _ = await create_large_video(session)
        await play("expired_then_saved", session, job_id=job_id)


async def test_the_player_says_that_a_saved_video_was_deleted(tmp_path: Path) -> None:
    async with player_session(tmp_path) as session:
        video = await session.video("made before", **PRICED)
        await anyio.Path(video["path"]).unlink()
        await play("deleted_file", session, job_id=video["job_id"])


def append(path: Path, more: bytes) -> int:
    """Append to a file; return its new size."""
    with path.open("ab") as file:
        file.write(more)
        return file.tell()


async def create_large_video(session: Session) -> tuple[str, int]:
    """Create a video of 20 MB: it ends with an MP4 box that players ignore."""
    video = await session.video("made before", **PRICED)
    free = 20 * 2**20 - video["size_bytes"]
    size = await to_thread.run_sync(append, Path(video["path"]), free.to_bytes(4, "big") + b"free" + bytes(free - 8))
    with session.journal() as journal:
        await journal.note(video["job_id"], size=size)
    return video["job_id"], size


@pytest.mark.skipif(not SCREENSHOTS, reason="PLAYER_SCREENSHOTS is not set to a folder")
@pytest.mark.parametrize("name", ["done", "running", "chinese", "unknown", "portrait", "refused"])
async def test_a_screenshot_for_the_docs(tmp_path: Path, name: str) -> None:
    async with player_session(tmp_path) as session:
        for prompt in ("A red fox trots through fresh snow at dawn", "Steam rises from a bowl of noodles, close-up"):
            await session.video(prompt, **PRICED)
        await play(f"screenshot_{name}", session, screenshot=str(Path(SCREENSHOTS or "") / f"player-{name}.png"))
