"""The facts of facts/*.yaml, by the slug of their vendor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent.parent / "facts"
FILES = {
    "ope": "ope", "seedanceapi": "seedanceapi", "jimmyai": "jimmyai", "12ai": "twelveai", "aigptimage": "aigptimage"
}  # fmt: skip


def load(name: str) -> dict[str, Any]:
    """Return one file of facts."""
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8"))


FACTS = {slug: load(name) for slug, name in FILES.items()}
