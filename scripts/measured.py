"""The tables in docs/clients.md that say what was measured: a row that is measured anew replaces the older one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from scripts.markdown import ROOT, table, with_parts

_PAGE = "docs/clients.md"


def record(part: str, head: Sequence[str], names: Sequence[str], rows: Mapping[str, Sequence[str]]) -> None:
    """Put rows into a part of the page: those of `names`, in that order, where the page or `rows` has them."""
    text = (ROOT / _PAGE).read_text("utf-8")
    found = re.search(rf"<!-- generated: {part} -->\n(.*?)<!-- end -->", text, re.DOTALL)
    lines = re.findall(r"^\| (.+) \|$", found[1] if found else "", re.MULTILINE)
    known: dict[str, Sequence[str]] = {name: cells for name, *cells in (line.split(" | ") for line in lines)}
    known |= {name: [re.sub(r"[|\n]+", " ", cell) for cell in cells] for name, cells in rows.items()}
    whole = table(head, [(name, *known[name]) for name in names if name in known])
    (ROOT / _PAGE).write_text(with_parts(_PAGE, {part: whole}), "utf-8", newline="\n")
