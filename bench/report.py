"""The figures of a run: printed as one table, written as JSON."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One measured number, and beside it another of the same run."""

    section: str
    name: str
    value: float
    unit: str
    beside: float | None = None
    what: str = ""
    """What `beside` is."""

    @property
    def ratio(self) -> float | None:
        return self.value / self.beside if self.beside else None


@dataclass(frozen=True)
class Skipped:
    """What could not be measured, and why."""

    section: str
    name: str
    reason: str


Result = Figure | Skipped


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that a share of the values does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def machine() -> dict[str, str]:
    """Return what the figures depend on, the load included."""
    return {
        "processors": str(os.cpu_count()),
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


def table(results: Sequence[Result]) -> str:
    """Return the figures as a table in Markdown."""
    lines = ["| Figure | Value | Beside | Ratio |", "| --- | --: | --: | --: |"]
    section = ""
    for result in results:
        if result.section != section:
            section = result.section
            lines.append(f"| **{section}** | | | |")
        if isinstance(result, Skipped):
            lines.append(f"| {result.name} | skipped: {result.reason} | | |")
            continue
        beside = "" if result.beside is None else f"{_shown(result.beside)} {result.unit} ({result.what})"
        ratio = "" if result.ratio is None else f"{result.ratio:.2f}"
        lines.append(f"| {result.name} | {_shown(result.value)} {result.unit} | {beside} | {ratio} |")
    return "\n".join(lines)


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def write(path: Path, results: Sequence[Result], before: dict[str, str]) -> None:
    """Write the results; `before` is the machine when the run began."""
    figures = [asdict(r) | ({"ratio": r.ratio} if isinstance(r, Figure) else {}) for r in results]
    document = {"began": before, "ended": machine(), "command": sys.argv, "figures": figures}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
