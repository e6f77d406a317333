"""The facts of facts/*.yaml by vendor slug."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.about import ABOUT

FOLDER = Path(__file__).parent.parent / "facts"


def load(name: str) -> dict[str, Any]:
    """Return the facts of one file."""
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8"))


FILES = {slug: about.facts for slug, about in ABOUT.items() if about.page_lines}
"""The files of vendors whose own page is held line by line."""
FACTS = {slug: load(about.facts) for slug, about in ABOUT.items()}
