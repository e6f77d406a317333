"""Fuzz the server on standard input and output, in both eras: `python -m tests.fuzz --lines 12000`.

Prints the figures of each era, then every problem; the exit code is 1 if there is one. The same seed gives the same
lines, as far as the ids of jobs allow.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.fuzz.fuzz import fuzz
from tests.server.mcp_client import ERAS


def main() -> int:
    """Run the fuzzer and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--lines", type=int, default=12_000, help="lines in all (default 12000)")
    parser.add_argument("--seed", type=int, default=1, help="chooses the lines (default 1)")
    options = parser.parse_args()
    problems: list[str] = []
    for era in ERAS:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            report = fuzz(Path(folder), era, options.lines // len(ERAS), options.seed)
        print(report, flush=True)  # noqa: T201  (a command prints)
        problems += [f"{era}: {problem}" for problem in report.problems]
    for problem in problems[:50]:
        print(problem)  # noqa: T201  (a command prints)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
