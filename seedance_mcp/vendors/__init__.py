"""The known vendors: ours, and those that other packages add.

A package adds a vendor by naming its `Vendor` in the entry-point group `seedance_mcp.vendors`:

    [project.entry-points."seedance_mcp.vendors"]
    example = "my_package.example:VENDOR"
"""

from __future__ import annotations

import logging
from functools import cache
from importlib.metadata import entry_points

from seedance_mcp.vendors import aigptimage, ark, jimmyai, ope, seedanceapi, twelveai
from seedance_mcp.vendors.vendor import Accepted, Answer, Call, Refusal, Snapshot, Vendor

__all__ = ["Accepted", "Answer", "Call", "Refusal", "Snapshot", "Vendor", "known_vendors"]

log = logging.getLogger(__name__)

OURS = (
    ope.VENDOR,
    seedanceapi.VENDOR,
    jimmyai.VENDOR,
    twelveai.VENDOR,
    aigptimage.VENDOR,
    ark.VENDOR,
    ark.BYTEPLUS_VENDOR,
)


@cache
def known_vendors() -> dict[str, Vendor]:
    """Return every vendor by slug; ours come first, and other packages cannot replace them."""
    found = {vendor.slug: vendor for vendor in OURS}
    for entry in entry_points(group="seedance_mcp.vendors"):
        try:
            vendor = entry.load()
        except Exception:
            log.exception("the vendor %s could not be loaded and is left out", entry.name)
            continue
        if isinstance(vendor, Vendor):
            found.setdefault(vendor.slug, vendor)
        else:
            log.error("the entry point %s names a %s, not a Vendor", entry.name, type(vendor).__name__)
    return found
