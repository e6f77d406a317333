"""The fake vendors, one module each, and the registry of them all.

A package that adds a vendor adds its fake by naming a `Fake` in the entry-point group `seedance_mcp.sandbox`:

    [project.entry-points."seedance_mcp.sandbox"]
    example = "my_package.example_fake:FAKE"
"""

from __future__ import annotations

import logging
from functools import cache
from importlib.metadata import entry_points

from seedance_mcp.sandbox.fakes import aigptimage, ark, jimmyai, ope, seedanceapi, twelveai
from seedance_mcp.sandbox.fakes.fake import Fake

log = logging.getLogger(__name__)

OURS = (
    ope.FAKE,
    seedanceapi.FAKE,
    jimmyai.FAKE,
    twelveai.FAKE,
    aigptimage.FAKE,
    ark.FAKE,
    ark.BYTEPLUS_FAKE,
)


@cache
def known_fakes() -> dict[str, Fake]:
    """Return every fake by its slug; ours come first, and another package cannot replace them."""
    fakes = {fake.slug: fake for fake in OURS}
    for entry in entry_points(group="seedance_mcp.sandbox"):
        try:
            fake = entry.load()
        except Exception:
            log.exception("the fake %s could not be loaded and is left out", entry.name)
            continue
        if isinstance(fake, Fake):
            fakes.setdefault(fake.slug, fake)
        else:
            log.error("the entry point %s names a %s, not a Fake", entry.name, type(fake).__name__)
    return fakes
