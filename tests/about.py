"""What tests know of each vendor: `tests/vendors/<slug>/about.yaml`, the one place for it.

CONTRIBUTING.md explains the keys. A second site of a vendor has `site_of: SLUG` and only the keys that differ.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from seedance_mcp.vendors import known_vendors

TESTS = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class About:
    """What tests know of one vendor."""

    facts: str
    """The name of its file in facts/."""
    environment: str
    base_url: str
    models: list[str]
    request: dict[str, Any]
    status_body: dict[str, Any]
    site_of: str = ""
    page_lines: int = 0
    golden_cases: int = 0
    modes: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    not_cited: dict[str, str] = field(default_factory=dict[str, str])
    other_numbers: dict[str, str] = field(default_factory=dict[str, str])
    not_about_a_task: dict[str, str] = field(default_factory=dict[str, str])
    states: dict[str, str] = field(default_factory=dict[str, str])
    first_state: str = "queued"
    unknown_model: str = "invalid_request"
    reports_charge: bool = False
    undocumented_fields: list[str] = field(default_factory=list[str])
    forbidden: list[list[Any]] = field(default_factory=list[list[Any]])


def folder(slug: str) -> Path:
    """Return the folder with the recorded answers of a vendor; a second site gives those of the first."""
    own = TESTS / "vendors" / slug
    site_of = _read(own / "about.yaml").get("site_of")
    return TESTS / "vendors" / site_of if site_of else own


def _read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text("utf-8"))


def _about(slug: str) -> About:
    own = _read(TESTS / "vendors" / slug / "about.yaml")
    return About(**_read(folder(slug) / "about.yaml") | own)


ABOUT = {slug: _about(slug) for slug in known_vendors()}
VENDORS = tuple(slug for slug, about in ABOUT.items() if not about.site_of)
"""The slugs of the vendors, without second sites of the same one."""
