"""Measure everything in one run, beside what people would use instead.

    uv run python -m bench [start] [tokens] [overhead] [waiting] [saving] [--quick] [--json FILE] [--earlier PYTHON]

Prints one table in Markdown and writes JSON. `--earlier` is the Python of an environment with another version, which is
measured in turn with this one. `--quick` takes the smallest sizes, to see that everything runs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench import overhead, startup, throughput, tokens, waiting
from bench.report import Result, machine, table, write

SECTIONS = ("start", "tokens", "overhead", "waiting", "saving")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"{', '.join(SECTIONS)} (all)")
    parser.add_argument("--quick", action="store_true", help="the smallest sizes")
    parser.add_argument("--no-peers", action="store_true", help="install and measure no other servers")
    parser.add_argument("--earlier", help="the Python of an environment with another version of seedance-mcp")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), help="where the figures are written")
    given = parser.parse_args()
    if unknown := set(given.sections) - set(SECTIONS):
        parser.error(f"there is no section {min(unknown)}")
    quick, before = given.quick, machine()
    peers = not given.no_peers
    run = {
        "start": lambda: startup.run(1 if quick else 11, peers=peers, jobs=100 if quick else startup.JOBS),
        "tokens": lambda: tokens.run(peers=peers),
        "overhead": lambda: overhead.run(
            1 if quick else 3, 10 if quick else 200, (10, 100) if quick else (10, 10_000, 1_000_000), given.earlier
        ),
        "waiting": lambda: waiting.run((50,) if quick else (1000, 10_000), 4 if quick else 60, given.earlier),
        "saving": lambda: throughput.run(1 if quick else 3, (2, 20) if quick else (20, 2000)),
    }
    results: list[Result] = []
    for section in given.sections or SECTIONS:
        print(f"{section} ...", file=sys.stderr, flush=True)
        results += run[section]()
    after = machine()
    print(table(results))
    print(f"\n{before['processors']} processors; load {before['load']} before and {after['load']} after; "
          f"Python {before['python']}, SQLite {before['sqlite']}")  # fmt: skip
    write(given.json, results, before)


if __name__ == "__main__":
    main()
