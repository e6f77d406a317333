"""The facts of facts/*.yaml by vendor slug."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent.parent / "facts"
FILES = {
    "ope": "ope", "seedanceapi": "seedanceapi", "jimmyai": "jimmyai", "12ai": "twelveai", "aigptimage": "aigptimage"
}  # fmt: skip


def load(name: str) -> dict[str, Any]:
    """Return the facts of one file."""
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8"))


FACTS = {slug: load(name) for slug, name in FILES.items()}
