"""The fake vendors, one module each, and the registry of them all.

A package that adds a vendor adds its fake by naming a `Fake` in the entry-point group `seedance_mcp.sandbox`:

    [project.entry-points."seedance_mcp.sandbox"]
    example = "my_package.example_fake:FAKE"
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from seedance_mcp.sandbox.fakes import aigptimage, jimmyai, ope, seedanceapi, twelveai
from seedance_mcp.sandbox.fakes.fake import Fake

OURS = (ope.FAKE, seedanceapi.FAKE, jimmyai.FAKE, twelveai.FAKE, aigptimage.FAKE)


@cache
def known_fakes() -> dict[str, Fake]:
    """Return every fake by its slug; ours come first, and another package cannot replace them.

    Raises:
        TypeError: An entry point names something other than a `Fake`.
    """
    fakes = {fake.slug: fake for fake in OURS}
    for entry in entry_points(group="seedance_mcp.sandbox"):
        fake = entry.load()
        if not isinstance(fake, Fake):
            message = f"entry point {entry.name!r} in seedance_mcp.sandbox must name a Fake, not {type(fake).__name__}"
            raise TypeError(message)
        fakes.setdefault(fake.slug, fake)
    return fakes
