"""The server over HTTP on a port of loopback, for the official conformance suite; it takes the usual settings.

python -m tests.clients.conformance_server PORT product     as it is
python -m tests.clients.conformance_server PORT fixtures    with the tools, prompts and resources of the suite
"""

from __future__ import annotations

import sys

import anyio
import uvicorn

from seedance_mcp.server.app import App
from seedance_mcp.settings import load
from tests.clients.conformance_fixtures import Events, install
from tests.clients.conformance_tasks import TasksForTests
from tests.clients.conformance_tools import ToolsForTests

RETRY_MS = 100
"""After how many milliseconds a client may connect again, when a stream was closed."""


async def main(port: int, build: str) -> None:
    """Serve until the process is ended."""
    if build == "fixtures":
        tasks = TasksForTests()
        tools = ToolsForTests(lambda: app.subscriptions.bus)
        app = App(load(), more_tools=[*tools.all(), *tasks.tools()], more_tasks=[tasks])
        install(app)
        application = app.server.streamable_http_app(event_store=Events(), retry_interval=RETRY_MS)
    else:
        application = App(load()).server.streamable_http_app()
    await uvicorn.Server(uvicorn.Config(application, host="127.0.0.1", port=port, log_level="warning")).serve()


if __name__ == "__main__":
    anyio.run(main, int(sys.argv[1]), sys.argv[2])
