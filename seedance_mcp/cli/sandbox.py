"""`seedance-mcp sandbox`: the five fake vendors on one port, and the settings that point a server at them."""

from __future__ import annotations

import functools

import anyio

from seedance_mcp.errors import SettingError
from seedance_mcp.sandbox import Sandbox, known_fakes
from seedance_mcp.sandbox.serve import serve
from seedance_mcp.vendors import known_vendors


async def sandbox(port: int) -> None:
    """Serve the sandbox until Ctrl-C; once it is there, print the environment that uses it (port 0: any free one).

    Raises:
        SettingError: the port cannot be used.
    """
    fakes = Sandbox()
    problem = ""
    async with anyio.create_task_group() as group:
        try:
            bound = await group.start(functools.partial(serve, port, sandbox=fakes))
        except (OSError, OverflowError) as error:  # told of below, because the group would wrap it
            problem = getattr(error, "strerror", None) or str(error)
        else:
            for slug in known_fakes():
                name = known_vendors()[slug].env_name
                print(f"export SEEDANCE_{name}_BASE_URL={fakes.base_url(slug, f'http://127.0.0.1:{bound}')}")
                print(f"export SEEDANCE_{name}_API_KEY=sandbox", flush=True)
    if problem:
        raise SettingError(f"Port {port} cannot be used ({problem}).", next_step="Choose another with --port.")
