"""The server of the product over HTTP, for the official conformance suite: the same factory, on a port of loopback.

python -m tests.clients.conformance_server PORT
"""

from __future__ import annotations

import sys

import anyio
import uvicorn

from seedance_mcp.server.app import App
from seedance_mcp.settings import load


async def main(port: int) -> None:
    """Serve until the process is ended; the settings are those of the environment."""
    application = App(load()).server.streamable_http_app()
    await uvicorn.Server(uvicorn.Config(application, host="127.0.0.1", port=port, log_level="warning")).serve()


if __name__ == "__main__":
    anyio.run(main, int(sys.argv[1]))
