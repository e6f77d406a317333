"""What this server adds to a request: from the call to the first byte of the POST, and from the answer to the client.

The vendor is on loopback and answers at once, so what is left is the server, its journal and the protocol.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.process import Server
from bench.report import Figure, Result, median, percentile
from bench.vendor import Vendor, vendor
from bench.videos import fill

SECTION = "Overhead"
AT_ONCE = 50
"""Creates that are under way at the same time, where throughput is measured."""
REQUEST = {"model": "seedanceapi/seedance-2-mini", "duration": 4, "resolution": "480p"}
WARMUP = 20


@dataclass
class Taken:
    """What one server took: milliseconds of each call, and creates per second of each round."""

    before: list[float] = field(default_factory=list[float])
    """From the call to the first byte of its POST."""
    after: list[float] = field(default_factory=list[float])
    """From the vendor's answer to the client's."""
    rates: list[float] = field(default_factory=list[float])
    busy: list[float] = field(default_factory=list[float])
    """Milliseconds of processor time for each create, in each round."""


def environ(folder: Path, origin: str) -> dict[str, str]:
    """Return the environment of a server that pays the vendor on loopback."""
    own = {
        "SEEDANCE_SEEDANCEAPI_API_KEY": "bench-key", "SEEDANCE_SEEDANCEAPI_BASE_URL": origin, "SEEDANCE_SAVE": "off",
        "SEEDANCE_STATE_DIR": str(folder), "SEEDANCE_OUTPUT_DIR": str(folder), "HOME": str(folder),
        "SEEDANCE_POLL_INTERVAL": "3600",
    }  # fmt: skip
    return {**os.environ, **own}


def journal(folder: Path, jobs: int, made: dict[int, Path]) -> Path:
    """Return a new folder with a journal of so many jobs; large ones are made once and copied."""
    if jobs not in made:
        made[jobs] = Path(tempfile.mkdtemp(dir=folder))
        fill(made[jobs], jobs, 0)
    copy = Path(tempfile.mkdtemp(dir=folder))
    shutil.copy(made[jobs] / "journal.sqlite3", copy)
    os.sync()  # what the copy left to write would slow down the first commits
    return copy


def _create(server: Server, prompt: str) -> int:
    return server.send("tools/call", {"name": "create_video", "arguments": {**REQUEST, "prompt": prompt}})


def measure(server: Server, seller: Vendor, name: str, calls: int, taken: Taken) -> None:
    """Create videos one after the other, then many at once."""
    seller.log()
    began: dict[str, float] = {}
    ended: dict[str, float] = {}
    for number in range(calls):
        prompt = f"{name}-{number}"
        began[prompt] = time.perf_counter()
        result = server.answer(_create(server, prompt))
        ended[prompt] = time.perf_counter()
        if result.get("isError"):
            sys.exit(f"create_video was refused: {result}")
    for prompt, (first, answered) in seller.log()["posts"].items():
        taken.before.append((first - began[prompt]) * 1000)
        taken.after.append((ended[prompt] - answered) * 1000)
    start, busy, under_way = time.perf_counter(), server.processor(), list[int]()
    for number in range(calls):
        under_way.append(_create(server, f"{name}-many-{number}"))
        if len(under_way) >= AT_ONCE:
            server.answer(under_way.pop(0))
    for number in under_way:
        server.answer(number)
    taken.rates.append(calls / (time.perf_counter() - start))
    taken.busy.append((server.processor() - busy) / calls * 1000)


def commit(folder: Path, rounds: int = 100) -> float:
    """Return the median milliseconds of one durable SQLite transaction of the journal's kind, without our code."""
    db = sqlite3.connect(Path(tempfile.mkdtemp(dir=folder)) / "floor.sqlite3", isolation_level=None)
    for statement in ("PRAGMA journal_mode=TRUNCATE", "PRAGMA synchronous=FULL", "CREATE TABLE t (a TEXT) STRICT"):
        db.execute(statement)
    taken: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO t VALUES (?)", ("x" * 500,))
        db.execute("COMMIT")
        taken.append((time.perf_counter() - began) * 1000)
    db.close()
    return median(taken)


def run(
    rounds: int, calls: int, sizes: tuple[int, ...], earlier: str | None = None, folder: str | None = None
) -> list[Result]:
    """Measure servers with journals of these sizes in turn; `earlier` is the Python of another version."""
    with tempfile.TemporaryDirectory(dir=folder) as place, vendor() as seller:
        root, made = Path(place), dict[int, Path]()
        pythons = {"": sys.executable} | ({"earlier version, ": earlier} if earlier else {})
        taken = {(who, size): Taken() for size in sizes for who in pythons}
        floors: list[float] = []
        for turn in range(rounds):
            floors.append(commit(root))
            for (who, size), mine in taken.items():
                where = journal(root, size, made)
                # From there, a script of another checkout does not find the package of this one.
                with Server([pythons[who], "-m", "seedance_mcp"], environ(where, seller.origin), cwd=where) as server:
                    server.hello()
                    measure(server, seller, f"warm-{turn}-{size}", WARMUP, Taken())
                    measure(server, seller, f"{turn}-{size}", calls, mine)
                shutil.rmtree(where)
    return _figures(taken, min(sizes), median(floors))


def _figures(taken: Mapping[tuple[str, int], Taken], smallest: int, floor: float) -> list[Result]:
    figures: list[Result] = [Figure(SECTION, "one durable transaction of SQLite alone", floor, "ms")]
    for (who, size), each in taken.items():
        base = taken["", smallest]
        what = f"this version, {smallest} jobs" if who else f"{smallest} jobs"
        same = who == "" and size == smallest
        rows = (
            ("call to first byte of the POST, p10", percentile(each.before, 0.1), percentile(base.before, 0.1), "ms"),
            ("call to first byte of the POST, p50", median(each.before), median(base.before), "ms"),
            ("call to first byte of the POST, p99", percentile(each.before, 0.99), percentile(base.before, 0.99), "ms"),
            ("vendor's answer to client's, p10", percentile(each.after, 0.1), percentile(base.after, 0.1), "ms"),
            ("vendor's answer to client's, p50", median(each.after), median(base.after), "ms"),
            (f"creates with {AT_ONCE} under way", median(each.rates), median(base.rates), "a second"),
            ("processor time of such a create", median(each.busy), median(base.busy), "ms"),
        )
        figures += [
            Figure(SECTION, f"{who}{size:,} jobs: {name}", value, unit, None if same else beside, what)
            for name, value, beside, unit in rows
        ]
    return figures
