"""Many open jobs in one process: what waiting for them costs, and how soon the end of each is known.

First in virtual time, over whole lives of jobs: the polls and delays of the schedule itself, beside fixed intervals.
Then in real time, for a minute: a server process, its journal on disk, and a vendor on loopback.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from bench.overhead import environ
from bench.process import Server
from bench.report import Figure, Result, percentile
from bench.vendor import vendor
from bench.videos import open_jobs
from bench.virtual import fixed
from seedance_mcp.jobs.timing import PollTiming

SECTION = "Waiting"
INTERVALS = (0.1, 5.0, 10.0)
FIXED_RATE = 5.0
"""Polls a second to a vendor, before the rate adapted to the vendor."""


def virtual(jobs: int, most: float) -> dict[str, Any]:
    """Let so many jobs live in virtual time, in a process of their own."""
    command = [sys.executable, "-m", "bench.virtual", str(jobs), str(most)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def in_virtual_time(jobs: int) -> list[Result]:
    """Compare the schedule with fixed intervals, which no vendor's limit slows down here."""
    runs = {"ours": virtual(jobs, PollTiming().most_per_second)}
    runs |= {f"every {interval:g} s": fixed(jobs, interval) for interval in INTERVALS}
    runs[f"adaptive, at most {FIXED_RATE:g} a second"] = virtual(jobs, FIXED_RATE)
    ours = _rows(runs["ours"])
    figures: list[Result] = []
    for name, each in runs.items():
        for (what, value, unit), (_, beside, _) in zip(_rows(each), ours, strict=True):
            shown = None if name == "ours" else beside
            figures.append(Figure(SECTION, f"{jobs:,} jobs, {name}: {what}", value, unit, shown, "ours"))
    busy = runs["ours"]["busy"] * 1000
    figures.append(Figure(SECTION, f"{jobs:,} jobs, ours: processor time a poll, no disk", busy, "ms"))
    return figures


def _rows(run: Mapping[str, Any]) -> tuple[tuple[str, float, str], ...]:
    return (
        ("polls a job", run["polls"], ""),
        ("highest rate at the vendor", run["highest"], "polls/s"),
        ("ready to known, mean", fmean(run["delays"]), "s"),
        ("ready to known, p95", percentile(run["delays"], 0.95), "s"),
    )


@dataclass(frozen=True)
class _Real:
    busy: float
    memory: float
    rate: float
    delays: Sequence[float]
    late: int
    """Videos that were ready in time and not known at the end."""


def _real(python: str, jobs: int, seconds: float) -> _Real:
    draw = random.Random(16)  # noqa: S311  (not a secret)
    with tempfile.TemporaryDirectory() as name, vendor() as seller:
        folder, started = Path(name), time.time()
        # Their videos are due, so each is polled every 5 s where there is time for that.
        open_jobs(folder, [started - draw.uniform(60, 120) for _ in range(jobs)])
        with Server([python, "-m", "seedance_mcp"], environ(folder, seller.origin) | _ADAPTIVE, cwd=folder) as server:
            server.hello()
            server.call("list_videos", limit=1)
            settle, begin = seconds / 4, time.time() + seconds / 4
            ready = {f"task-{n}": begin + draw.uniform(0, seconds / 2) for n in range(jobs)}
            seller.ready(ready)
            time.sleep(settle)
            seller.log()
            busy = server.processor()
            time.sleep(seconds)
            took, memory, log = time.time() - begin, server.memory(), seller.log()
            busy = (server.processor() - busy) / took
    seen: Mapping[str, float] = log["seen"]
    return _Real(busy, memory, log["polls"] / took, [at - ready[t] for t, at in seen.items()], jobs - len(seen))


_ADAPTIVE = {"SEEDANCE_POLL_INTERVAL": ""}


def in_real_time(jobs: int, seconds: float, earlier: str | None) -> list[Result]:
    """Run a server with so many open jobs, half of a minute of which their videos become ready."""
    ours = _real(sys.executable, jobs, seconds)
    both = {"": ours} | ({"earlier version, ": _real(earlier, jobs, seconds)} if earlier else {})
    figures: list[Result] = []
    for who, each in both.items():
        rows = [
            ("processor", each.busy * 100, ours.busy * 100, "% of one"),
            ("memory", each.memory, ours.memory, "MiB"),
            ("polls", each.rate, ours.rate, "a second"),
            ("not known at the end", each.late, ours.late, "videos"),
        ]
        if each.delays and ours.delays:
            slow = percentile(each.delays, 0.95), percentile(ours.delays, 0.95)
            rows.append(("ready to known, mean of the known", fmean(each.delays), fmean(ours.delays), "s"))
            rows.append(("ready to known, p95 of the known", *slow, "s"))
        name = f"{who}{jobs:,} open jobs for {seconds:g} s"
        figures += [
            Figure(SECTION, f"{name}: {what}", value, unit, beside if who else None, "this version")
            for what, value, beside, unit in rows
        ]
    return figures


def run(sizes: Sequence[int], seconds: float, earlier: str | None = None) -> list[Result]:
    """Measure with these numbers of open jobs; `earlier` is the Python of another version's environment."""
    figures: list[Result] = []
    for jobs in sizes:
        figures += in_virtual_time(jobs)
    for jobs in sizes:
        figures += in_real_time(jobs, seconds, earlier)
    return figures
