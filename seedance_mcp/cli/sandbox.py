"""`seedance-mcp sandbox`: the five fake vendors on one port, and the settings that point a server at them."""

from __future__ import annotations

import sys

from seedance_mcp.sandbox import Sandbox, known_fakes
from seedance_mcp.sandbox.serve import serve
from seedance_mcp.vendors import known_vendors


async def sandbox(port: int) -> None:
    """Print the environment that uses the sandbox, then serve it until Ctrl-C."""
    origin = f"http://127.0.0.1:{port}"
    fakes = Sandbox()
    for vendor in known_vendors().values():
        if vendor.slug in known_fakes():
            print(f"export SEEDANCE_{vendor.env_name}_BASE_URL={fakes.base_url(vendor.slug, origin)}")
            print(f"export SEEDANCE_{vendor.env_name}_API_KEY=sandbox")
    sys.stdout.flush()
    await serve(port)
