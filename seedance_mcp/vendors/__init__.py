"""The vendors there are: our five, and those that other packages add.

A package adds a vendor by naming its `Vendor` in the entry-point group `seedance_mcp.vendors`:

    [project.entry-points."seedance_mcp.vendors"]
    example = "my_package.example:VENDOR"
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from seedance_mcp.vendors import aigptimage, jimmyai, ope, seedanceapi, twelveai
from seedance_mcp.vendors.vendor import Accepted, Answer, Call, Refusal, Snapshot, Vendor

__all__ = ["Accepted", "Answer", "Call", "Refusal", "Snapshot", "Vendor", "known_vendors"]

OURS = (ope.VENDOR, seedanceapi.VENDOR, jimmyai.VENDOR, twelveai.VENDOR, aigptimage.VENDOR)


@cache
def known_vendors() -> dict[str, Vendor]:
    """Return every vendor by its slug; ours come first and cannot be replaced from outside."""
    found = {vendor.slug: vendor for vendor in OURS}
    for entry in entry_points(group="seedance_mcp.vendors"):
        vendor = entry.load()
        if not isinstance(vendor, Vendor):
            message = f"entry point {entry.name!r} in seedance_mcp.vendors must name a Vendor, not {type(vendor).__name__}"
            raise TypeError(message)
        found.setdefault(vendor.slug, vendor)
    return found
