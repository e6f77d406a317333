"""The server on standard input and output, until the client hangs up or a signal ends the process."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import anyio
from mcp.server import stdio
from mcp.server.lowlevel import NotificationOptions

from seedance_mcp.server.app import App
from seedance_mcp.server.stdio_repair import TolerantReader

if TYPE_CHECKING:
    from seedance_mcp.settings import Settings

_STOP_BOUND = 5.0
"""Seconds that an orderly stop may take after a signal."""


async def serve_stdio(settings: Settings) -> None:
    """Serve one client over standard input and output."""
    app = App(settings)
    async with anyio.create_task_group() as group:
        group.start_soon(_exit_on_signal, app)
        async with stdio.stdio_server() as (read, write):
            options = app.server.create_initialization_options(NotificationOptions())
            await app.server.run(TolerantReader(read, write), write, options)
        group.cancel_scope.cancel()


async def _exit_on_signal(app: App) -> None:
    """On Ctrl-C or SIGTERM, stop in order and exit: the thread that reads standard input cannot be cancelled."""
    if sys.platform == "win32":
        return  # no signal receiver there; Ctrl-C ends the process, and recovery does the rest
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            with anyio.move_on_after(_STOP_BOUND):
                await app.stop()
            os._exit(0)
