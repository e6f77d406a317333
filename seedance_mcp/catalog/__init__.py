"""What a request may contain, and what it costs: rows, and the pure functions that read them.

Vendor modules are written with the names exported here.
"""

from seedance_mcp.catalog.media import FileLimits, Link, Media
from seedance_mcp.catalog.model import Billing, Model, Trait
from seedance_mcp.catalog.options import Options
from seedance_mcp.catalog.rows import Args, Flag, Number, OneOf, Row, Schema, Source, Text, Whole
from seedance_mcp.catalog.rules import Advice, Needs, NeedsOneOf, NotTogether, Rule

__all__ = [
    "Advice",
    "Args",
    "Billing",
    "FileLimits",
    "Flag",
    "Link",
    "Media",
    "Model",
    "Needs",
    "NeedsOneOf",
    "NotTogether",
    "Number",
    "OneOf",
    "Options",
    "Row",
    "Rule",
    "Schema",
    "Source",
    "Text",
    "Trait",
    "Whole",
]
