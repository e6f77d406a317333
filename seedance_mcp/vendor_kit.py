"""Everything that a vendor module is written with, in one import: rows, rules, prices, and the parts of a `Vendor`.

CONTRIBUTING.md has a complete vendor, and tables of what is here.
"""

from seedance_mcp.vendors.kit import *  # noqa: F403  (the same names, all of which `kit` lists)
