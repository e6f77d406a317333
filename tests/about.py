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
    """The <VENDOR> in SEEDANCE_<VENDOR>_API_KEY."""
    base_url: str
    """As its page documents it."""
    models: list[str]
    """The names of its models, in the order of its module."""
    request: dict[str, Any]
    """A request with which tests of servers begin: 480p, and as short as can be."""
    status_body: dict[str, Any]
    """The least answer to a poll; STATUS is replaced by the vendor's word."""
    site_of: str = ""
    """The slug of the vendor whose second site it is; then only the keys that differ are needed."""
    page_lines: int = 0
    """The lines of its own page, as SEED counts them."""
    golden_cases: int = 0
    """The fewest request examples that its pages have."""
    modes: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """What its models start from, by name ("*": all others), where not everything is supported."""
    not_cited: dict[str, str] = field(default_factory=dict[str, str])
    """Documented facts about a request that no row, rule, advice or price cites, each with its reason."""
    other_numbers: dict[str, str] = field(default_factory=dict[str, str])
    """Facts whose numbers differ from those of their rows, each with its reason."""
    not_about_a_task: dict[str, str] = field(default_factory=dict[str, str])
    """Examples of the facts that are not among the answers, each with its reason."""
    states: dict[str, str] = field(default_factory=dict[str, str])
    """Statuses whose state is not the one that the facts give them."""
    first_state: str = "queued"
    """The state of a task at its first poll."""
    unknown_model: str = "invalid_request"
    """The code of its refusal of a model that it does not know."""
    reports_charge: bool = False
    """Whether the answer to a submit says what the task costs."""
    undocumented_fields: list[str] = field(default_factory=list[str])
    """Fields of the answer to a submit that its example does not show."""
    forbidden: list[list[Any]] = field(default_factory=list[list[Any]])
    """Wrong bodies: a field to change (null: leave out), its value, the HTTP status, and what the answer contains."""


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
RESELLERS = ("ope", "seedanceapi", "jimmyai", "12ai", "aigptimage")
"""Those that tests about the choice of a model choose from, so that another vendor changes nothing there."""
