"""The server on standard input and output, until the client hangs up or a signal ends the process."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

import anyio
from mcp.server import stdio
from mcp.server.lowlevel import NotificationOptions

from seedance_mcp.server.app import App
from seedance_mcp.server.stdio_repair import TolerantReader

if TYPE_CHECKING:
    from seedance_mcp.settings import Settings

_AFTER_END_OF_INPUT = 1.8
"""Seconds after which the process has ended when its client has hung up: clients kill it after 2 s."""
_AFTER_SIGNAL = 5.0
_TO_CLOSE = 0.5
"""Of these seconds, what closing the service takes once submissions have had their grace."""


async def serve_stdio(settings: Settings) -> None:
    """Serve one client over standard input and output."""
    app = App(settings)
    async with anyio.create_task_group() as group:
        group.start_soon(_exit_on_signal, app)
        async with stdio.stdio_server() as (read, write):
            options = app.server.create_initialization_options(NotificationOptions())
            reader = TolerantReader(read, write, on_end=lambda: _exit_within(_AFTER_END_OF_INPUT))
            try:
                async with anyio.create_task_group() as session:
                    session.start_soon(_bound_cancellation)
                    await app.server.run(reader, write, options)
                    session.cancel_scope.cancel()
            except anyio.get_cancelled_exc_class():  # the client has closed our output, perhaps without hanging up
                os._exit(0)  # the thread that reads standard input cannot be cancelled
        os._exit(0)  # everything is written and closed; neither a thread nor the interpreter's own end is waited for


async def _bound_cancellation() -> None:
    """Once this is cancelled, which it is with the session, end the process within the bound of an end of input."""
    try:
        await anyio.sleep_forever()
    finally:
        _exit_within(_AFTER_END_OF_INPUT)


async def _exit_on_signal(app: App) -> None:
    """On Ctrl-C or SIGTERM, stop in order and exit: the thread that reads standard input cannot be cancelled."""
    if sys.platform == "win32":
        return  # no signal receiver there; Ctrl-C ends the process, and recovery does the rest
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            _exit_within(_AFTER_SIGNAL)
            await app.stop(grace=_AFTER_SIGNAL - _TO_CLOSE)
            os._exit(0)


def _exit_within(seconds: float) -> None:
    """End the process after so many seconds, whatever it is waiting for: the journal says how far it got."""
    timer = threading.Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()
