"""`uv run python -m tests.faults`: the whole campaign, and its table of figures."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from tests.faults.campaign import Campaign, drawn, drawn_ends
from tests.faults.fork_server import scratch
from tests.faults.runner import Runner, open_runner


def _report(line: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=300, help="scenarios with a kill at a chosen point (default 300)")
    parser.add_argument("--jobs", type=int, default=2000, help="jobs in crowds, at least (default 2,000)")
    parser.add_argument("--ends", type=int, default=100, help="scenarios with an orderly end (default 100)")
    parser.add_argument("--histories", type=int, default=3, help="runs of each longer history (default 3)")
    parser.add_argument("--races", type=int, default=10, help="budget races (default 10)")
    parser.add_argument("--skip", type=int, default=0, help="skip this many of the scenarios with kills")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=4, help="scenarios at the same time (default 4)")
    parser.add_argument("--no-mutants", action="store_true", help="skip the mutants")
    parser.add_argument("--only", help="run one scenario by its number, or e and its number, and show its log")
    parser.add_argument("--keep", type=Path, help="keep the files of every scenario in this folder")
    return parser.parse_args(arguments)


def run(runner: Runner, arguments: Sequence[str] | None = None) -> int:
    """Run the campaign that the arguments ask for, and print its table; return the exit code."""
    options = _options(arguments)
    campaign = Campaign(runner, options.seed, options.threads, _report)
    tally = campaign.tally
    if options.only is not None:
        number = int(options.only.removeprefix("e"))
        draw = drawn_ends if options.only.startswith("e") else drawn
        campaign.kill(islice(draw(options.seed, number + 1), number, None))
    else:
        campaign.kill(islice(drawn(options.seed, options.kills), options.skip, None))
        campaign.kill(drawn_ends(options.seed, options.ends))
        campaign.histories(options.histories)
        before = tally.jobs
        while tally.jobs - before < options.jobs:
            campaign.crowds(options.threads)
        campaign.races(options.races)
        if not options.no_mutants:
            campaign.mutants()
    for scenario, violation, log in tally.violations:
        sys.stdout.write(f"\nVIOLATION {violation}\n  {scenario}\n")
        if options.only is not None:
            sys.stdout.write(log)
    for name, verdict in sorted(tally.mutants.items()):
        sys.stdout.write(f"mutant {name}: {verdict}\n")
    sys.stdout.write("\n| figure | measured |\n| --- | --- |\n")
    sys.stdout.writelines(f"| {name} | {figure} |\n" for name, figure in tally.rows())
    return 0 if tally.passed else 1


def main() -> int:
    """Run a campaign from the command line; return the exit code."""
    kept: Path | None = _options(None).keep
    with scratch() as folder, open_runner(kept.absolute() if kept else folder) as runner:
        runner.keep = kept is not None
        return run(runner)


if __name__ == "__main__":
    sys.exit(main())
