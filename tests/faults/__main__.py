"""`uv run python -m tests.faults`: the campaign, and its table."""

from __future__ import annotations

import argparse
import sys
import time
from itertools import islice
from pathlib import Path

from tests.faults.campaign import Campaign, drawn
from tests.faults.fork_server import scratch


def _report(line: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=300, help="scenarios with a kill at a chosen point (default 300)")
    parser.add_argument("--jobs", type=int, default=2000, help="jobs in crowds, at least (default 2,000)")
    parser.add_argument("--races", type=int, default=10, help="budget races (default 10)")
    parser.add_argument("--skip", type=int, default=0, help="leave out so many of the scenarios with kills")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stages", type=int, default=3, help="scenarios played at the same time (default 3)")
    parser.add_argument("--no-bugs", action="store_true", help="plant no bugs")
    parser.add_argument("--only", type=int, help="play one scenario by its number, and show its log")
    parser.add_argument("--keep", type=Path, help="keep the files of every scenario in this folder")
    return parser.parse_args()


def _play(options: argparse.Namespace, folder: Path) -> int:
    with Campaign(folder, options.seed, options.stages, _report) as campaign:
        campaign.keep = options.keep is not None
        tally = campaign.tally
        if options.only is not None:
            campaign.kill(islice(drawn(options.seed, options.only + 1), options.only, None))
        else:
            campaign.kill(islice(drawn(options.seed, options.kills), options.skip, None))
            in_crowds = tally.jobs
            while tally.jobs - in_crowds < options.jobs:
                campaign.crowds(options.stages)
            campaign.races(options.races)
            if not options.no_bugs:
                campaign.bugs()
    for what, violation, log in tally.violations:
        sys.stdout.write(f"\nVIOLATION {violation}\n  {what}\n")
        if options.only is not None or not what.startswith("Scenario"):
            sys.stdout.write(log)
    for name, caught in sorted(tally.caught.items()):
        sys.stdout.write(f"planted: {name}: {caught or 'NOT CAUGHT'}\n")
    sys.stdout.write("\n| figure | measured |\n| --- | --- |\n")
    sys.stdout.writelines(f"| {name} | {figure} |\n" for name, figure in tally.rows())
    return 0 if tally.audio() else 1


def main() -> int:
    options = _options()
    if options.keep is not None:
        return _play(options, options.keep.absolute())
    with scratch() as folder:
        return _play(options, folder)


if __name__ == "__main__":
    sys.exit(main())
