"""What CONTRIBUTING.md prints from the program: the fields, the kit, and what tests know of a vendor."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator

from scripts import pages
from scripts.markdown import code, table, with_parts
from seedance_mcp.catalog.request import FIELDS
from seedance_mcp.vendors import kit
from seedance_mcp.vendors.vendor import Vendor
from tests.about import About


def page() -> str:
    """Return CONTRIBUTING.md with its tables of the vendor kit brought up to date."""
    rows = ((code(name), pages.PARAMETERS[name]) for name in FIELDS)
    kinds = [getattr(kit, name) for name in kit.__all__]
    parts = [kind for kind in kinds if isinstance(kind, type) and kind.__module__.startswith("seedance_mcp.catalog")]
    described = ((code(part.__name__), _first_paragraph(part)) for part in parts if part.__name__ not in _NOT_WRITTEN)
    optional = ((code(name), doc) for name, doc in _attributes(Vendor, optional=True))
    known = ((code(name), doc) for name, doc in _attributes(About, optional=False))
    return with_parts(
        "CONTRIBUTING.md",
        {
            "fields": table(("Field", "Meaning"), rows),
            "kit": table(("Part", "What it is"), described),
            "vendor": table(("`Vendor` may have", "What it is"), optional),
            "about": table(("Key", "What it is"), known),
        },
    )


_NOT_WRITTEN = {"Row", "Rule", "Schema", "UnitPrice", "VideoRequest"}
"""What authors import and do not make."""


def _first_paragraph(of: type) -> str:
    """Return the first paragraph of a docstring as one line."""
    return " ".join((of.__doc__ or "").partition("\n\n")[0].split())


def _attributes(of: type, *, optional: bool) -> Iterator[tuple[str, str]]:
    """Yield the attributes of a class with the texts below them; `optional`: only those with a default."""
    (definition,) = (
        node
        for node in ast.parse(inspect.getsource(sys.modules[of.__module__])).body
        if isinstance(node, ast.ClassDef) and node.name == of.__name__
    )
    for node, text in zip(definition.body, definition.body[1:], strict=False):
        if not isinstance(node, ast.AnnAssign) or (optional and node.value is None):
            continue
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            yield ast.unparse(node.target), " ".join(str(text.value.value).split())
