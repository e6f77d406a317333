"""The composition root: a job service over its journal and the network, or over the embedded sandbox.

No other room imports the sandbox. What is composed is imported when it is: settings are read, and a client is answered,
before the service and the HTTP client are needed.
"""
# ruff: noqa: PLC0415  (see above; and a real server never loads the fakes)

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from seedance_mcp.errors import JournalError, SettingError
from seedance_mcp.settings import load, read

if TYPE_CHECKING:
    from seedance_mcp.jobs.service import JobService
    from seedance_mcp.jobs.timing import Timing
    from seedance_mcp.media.inspector import Inspector
    from seedance_mcp.sandbox import Sandbox
    from seedance_mcp.settings import Settings
    from seedance_mcp.web import Web

_SANDBOX_TASKS = "vendors.sqlite3"
"""The file beside the sandbox's journal in which its vendors keep their tasks."""
_CORRECT = (
    "Nothing can be created until then. Ask the user to correct it where this server gets its settings (the client's "
    "configuration, or the settings file), and to restart the client; `seedance-mcp doctor` checks all settings."
)


def load_settings(environ: Mapping[str, str] | None = None, *, sandbox: bool = False) -> Settings:
    """Read the settings from the environment; in the sandbox, only vendors that it can imitate are configured.

    Raises:
        SettingError: names every value that cannot be used.
    """
    return _without_unknown_vendors(load(environ, sandbox=sandbox))


def read_settings(environ: Mapping[str, str] | None = None, *, sandbox: bool = False) -> Settings:
    """Read the settings as `load_settings` does; values that cannot be used are left out, and are in `problems`."""
    return _without_unknown_vendors(read(environ, sandbox=sandbox))


def _without_unknown_vendors(settings: Settings) -> Settings:
    if not settings.sandbox:
        return settings
    from seedance_mcp.sandbox import known_fakes

    return replace(settings, vendors=tuple(v for v in settings.vendors if v.slug in known_fakes()))


@asynccontextmanager
async def open_service(
    settings: Settings,
    *,
    web: Web | None = None,
    autosave: bool | None = None,
    timing: Timing | None = None,
    background: bool = True,
    inspector: Inspector | None = None,
) -> AsyncGenerator[JobService]:
    """Open the journal and the network, and run the service until the block ends.

    `web` replaces the network (or the sandbox), `autosave` overrides SEEDANCE_SAVE (the HTTP transport downloads
    nothing by itself), `timing` the delays and bounds, `inspector` what opens files. Without `background`, no job is
    taken up: the journal is read.

    Raises:
        JournalError: the journal cannot be used.
        SettingError: a setting cannot be used, so that nobody knows what may be spent.
    """
    if settings.problems:
        raise SettingError(" ".join(settings.problems), next_step=_CORRECT)
    await to_thread.run_sync(_import_parts, abandon_on_cancel=True)  # messages are answered meanwhile
    from seedance_mcp.jobs.journal.process_lock import ProcessLock
    from seedance_mcp.jobs.journal.sqlite import SqliteJournal
    from seedance_mcp.jobs.service import JobService
    from seedance_mcp.jobs.timing import Timing

    timing = timing or Timing()
    journal = SqliteJournal(settings.state_dir, timing.clock)
    try:
        lock = ProcessLock(settings.state_dir / "owners")
    except OSError as error:
        journal.close()
        raise JournalError(f"{settings.state_dir} cannot be written ({error.strerror}).") from error
    web = web or open_web(settings)
    autosave = settings.autosave if autosave is None else autosave
    try:
        service = JobService(settings, web, journal, lock, autosave=autosave, timing=timing, inspector=inspector)
        async with service.running(background=background):
            yield service
    finally:
        with anyio.CancelScope(shield=True):
            await web.aclose()
        journal.close()
        lock.release()


def _import_parts() -> None:
    import_module("seedance_mcp.jobs.journal.sqlite")
    import_module("seedance_mcp.jobs.service")
    import_module("seedance_mcp.web")


def open_web(settings: Settings) -> Web:
    """Return the real network, or the embedded sandbox in its place."""
    from seedance_mcp.web import Web

    if not settings.sandbox:
        return Web(settings)
    from seedance_mcp.sandbox import Sandbox

    return sandbox_web(settings, Sandbox(store=settings.state_dir / _SANDBOX_TASKS))


def sandbox_web(settings: Settings, sandbox: Sandbox) -> Web:
    """Return a network that consists of one sandbox."""
    from seedance_mcp.sandbox.transport import SandboxTransport
    from seedance_mcp.web import Web

    origin = "http://sandbox.invalid"
    origins = {vendor.slug: sandbox.base_url(vendor.slug, origin) for vendor in settings.vendors}
    return Web(settings, SandboxTransport(sandbox), origins)


def sandbox_draws_videos() -> bool:
    """Whether the sandbox renders the requested videos; otherwise it delivers one small file."""
    from seedance_mcp.sandbox import video_kind

    return video_kind() == "made"


async def serve_sandbox(port: int, on_ready: Callable[[Mapping[str, str]], None]) -> None:
    """Serve the sandbox over HTTP until it is interrupted; port 0 chooses any free port.

    `on_ready` is called once with the environment variables that point a server at it.

    Raises:
        SettingError: the port cannot be used.
    """
    from seedance_mcp.sandbox import Sandbox, known_fakes
    from seedance_mcp.sandbox.serve import serve

    # A journal of its own, so that its play money and its tasks never meet those of real vendors.
    state_dir = read(sandbox=True).state_dir.with_name("sandbox-server")
    sandbox = Sandbox(store=state_dir / _SANDBOX_TASKS)
    problem = ""
    async with anyio.create_task_group() as group:
        try:
            bound = await group.start(functools.partial(serve, port, sandbox=sandbox))
        except (OSError, OverflowError) as error:  # raised again below: the task group would wrap it
            problem = getattr(error, "strerror", None) or str(error)
        else:
            environ = {"SEEDANCE_STATE_DIR": str(state_dir)}
            for slug, fake in known_fakes().items():
                name = fake.vendor.env_name
                environ[f"SEEDANCE_{name}_BASE_URL"] = sandbox.base_url(slug, f"http://127.0.0.1:{bound}")
                environ[f"SEEDANCE_{name}_API_KEY"] = "sandbox"
            on_ready(environ)
    if problem:
        raise SettingError(f"Port {port} cannot be used ({problem}).", next_step="Choose another with --port.")
