"""Open a studio: its journal, this process's lock, and the network or the embedded sandbox in its place."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from seedance_mcp.errors import JournalError
from seedance_mcp.jobs.journal.process_lock import ProcessLock
from seedance_mcp.jobs.journal.sqlite import SqliteJournal
from seedance_mcp.jobs.service import JobService
from seedance_mcp.web import Web

if TYPE_CHECKING:
    from seedance_mcp.settings import Settings


@asynccontextmanager
async def open_service(settings: Settings, *, saving: bool | None = None) -> AsyncGenerator[JobService]:
    """Open the journal and the web, and watch over the jobs until the block ends.

    `saving` overrides SEEDANCE_SAVE (the HTTP transport saves nothing by itself).

    Raises:
        JournalError: the journal cannot be used.
    """
    journal = SqliteJournal(settings.state_dir)
    try:
        owner = ProcessLock(settings.state_dir / "owners")
    except OSError as error:
        raise JournalError(f"{settings.state_dir} cannot be written ({error.strerror}).") from error
    web = open_web(settings)
    try:
        service = JobService(settings, web, journal, owner, saving=settings.autosave if saving is None else saving)
        async with service.running():
            yield service
    finally:
        with anyio.CancelScope(shield=True):
            await web.aclose()
        journal.close()
        owner.release()


def open_web(settings: Settings) -> Web:
    """Return the real network, or the embedded sandbox in its place."""
    if not settings.sandbox:
        return Web(settings)
    from seedance_mcp.sandbox import Sandbox  # noqa: PLC0415  (a real server never loads the fakes)
    from seedance_mcp.sandbox.transport import SandboxTransport  # noqa: PLC0415

    sandbox = Sandbox()
    origin = "http://sandbox.localhost"
    return Web(
        settings, SandboxTransport(sandbox), {v.slug: sandbox.base_url(v.slug, origin) for v in settings.vendors}
    )
