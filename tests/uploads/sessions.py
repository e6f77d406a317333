"""Sessions with a server that may read the folder `photos`, and what its uploads leave at the vendor and on disk."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from mcp.client import Client

from seedance_mcp.jobs.timing import ReconcileTiming, Timing
from seedance_mcp.sandbox import Sandbox
from seedance_mcp.sandbox.serve import serve
from seedance_mcp.server.app import App
from seedance_mcp.settings import load
from seedance_mcp.uploads.timing import UploadTiming
from seedance_mcp.vendors import Answer
from tests.exception_groups import single_error
from tests.facts import FACTS
from tests.server.mcp_client import Session, connected
from tests.uploads.samples import image

KEY = "sk-test-0123456789"
LATEST = "2026-07-28"
MINI = "jimmyai/seedance2.0-mini"
"""A model that takes links, and has no reviews."""
FULL = "jimmyai/sd2_mx_720p"
"""A model that takes only assets."""
SP = "jimmyai/seedance2.0-sp"
"""A model that takes links and assets, and images of real persons after a review."""
REFUSED_IMAGE = image("red") + b"sandbox: asset-failed"
"""An image that the sandbox's reviews refuse."""


def upload_timing(*, reconcile: ReconcileTiming | None = None, **changes: Any) -> Timing:
    """Return a server's timing with these fields of `UploadTiming`; by default, reviews are polled every 10 ms."""
    uploads = replace(UploadTiming(review_pauses=(0.01,)), **changes)
    return Timing(uploads=uploads, reconcile=reconcile or ReconcileTiming())


@asynccontextmanager
async def with_photos(
    folder: Path,
    era: str = LATEST,
    *,
    sandbox: Sandbox | None = None,
    timing: Timing | None = None,
    app: dict[str, Any] | None = None,
    **settings: str,
) -> AsyncGenerator[Session]:
    """Connect to a server of one's own whose media root is `photos` in the folder."""
    more: dict[str, Any] = {"SEEDANCE_MEDIA_ROOTS": str(folder / "photos"), **settings}
    async with connected(folder, era, sandbox=sandbox, timing=timing or upload_timing(), app=app, **more) as session:
        yield session


@asynccontextmanager
async def served_jimmyai(
    key: str = KEY, sandbox: Sandbox | None = None
) -> AsyncGenerator[tuple[Sandbox, dict[str, str]]]:
    """Serve the sandbox over HTTP; yield it and the settings that make a server use it as Jimmy AI."""
    sandbox = sandbox or Sandbox(pace=0)
    async with anyio.create_task_group() as group:
        port: int = await group.start(partial(serve, 0, sandbox=sandbox))
        url = sandbox.base_url("jimmyai", f"http://127.0.0.1:{port}")
        yield sandbox, {"SEEDANCE_JIMMYAI_API_KEY": key, "SEEDANCE_JIMMYAI_BASE_URL": url}
        group.cancel_scope.cancel()


@asynccontextmanager
async def over_http(
    folder: Path, era: str, sandbox: Sandbox, environment: dict[str, str], timing: Timing | None = None
) -> AsyncGenerator[Session]:
    """Connect to a server that uses a served sandbox over real HTTP; see `served_jimmyai`."""
    own = {
        "SEEDANCE_STATE_DIR": str(folder / "state"),
        "SEEDANCE_OUTPUT_DIR": str(folder / "videos"),
        "SEEDANCE_MEDIA_ROOTS": str(folder / "photos"),
        "SEEDANCE_POLL_INTERVAL": "0.1",
    }
    settings = load(own | environment)
    app = App(settings, timing=timing or upload_timing())
    with anyio.fail_after(60):
        try:
            async with Client(app.server, mode=era) as client:
                yield Session(client, sandbox, settings, app)
        except BaseExceptionGroup as group:
            raise single_error(group) from None


async def create_once_uploaded(session: Session, prompt: str = "x", **request: object) -> str:
    """Call create_video again until the uploads and reviews have finished; return the id of the job."""
    with anyio.fail_after(20):
        while (answer := await session.call("create_video", prompt=prompt, **request)).result.is_error:
            assert answer.refusal.startswith("busy: ")
            assert session.charge_count == 0
    return answer.fields["job_id"]


def uploads(session: Session) -> dict[str, bytes]:
    """Return the content of the files that Jimmy AI stores, by URL."""
    stored = session.sandbox.stored["jimmyai"]
    return {url: file.content for url, file in stored.items() if url.startswith("https://")}


def assets(session: Session) -> list[str]:
    """Return the ids of the assets that Jimmy AI stores."""
    return [key for key in session.sandbox.stored["jimmyai"] if key.startswith("asset_")]


def cache_file(folder: Path) -> Path:
    return folder / "state" / "sandbox" / "uploads.sqlite3"


@contextmanager
def upload_cache(folder: Path) -> Generator[sqlite3.Connection]:
    """Open the upload cache of a server in the folder; each statement is committed at once."""
    with closing(sqlite3.connect(cache_file(folder), isolation_level=None)) as db:
        yield db


def example(name: str) -> Answer:
    """Return an answer as Jimmy AI's documentation shows it."""
    documented = FACTS["jimmyai"]["examples"][name]
    return Answer(documented["http"], documented["body"])
