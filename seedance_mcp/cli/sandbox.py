"""`seedance-mcp sandbox`: every fake vendor on one port, and the settings that point a server at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedance_mcp.runtime import serve_sandbox

if TYPE_CHECKING:
    from collections.abc import Mapping


async def sandbox(port: int) -> None:
    """Serve the sandbox until Ctrl-C; once it is ready, print the environment that uses it (port 0: any free port).

    Raises:
        SettingError: the port cannot be used.
    """

    def show(environ: Mapping[str, str]) -> None:
        for name, value in environ.items():
            print(f"export {name}={value}", flush=True)

    await serve_sandbox(port, show)
