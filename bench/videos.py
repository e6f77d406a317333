"""Measure `seedance-mcp videos` on a journal with 100,000 jobs that have ended and 5,000 that are open.

    uv run python bench/videos.py [ended] [open]

Prints the median and the longest of five runs, the interpreter's start included, in seconds, and the median of their
processor time, which other load on the machine does not change.
"""

from __future__ import annotations

import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import fields
from pathlib import Path

from seedance_mcp.jobs.journal.model import Job, new_id
from seedance_mcp.jobs.journal.rows import insert
from seedance_mcp.jobs.journal.sqlite import SqliteJournal

MODELS = ("seedanceapi/seedance-2-mini", "ope/seedance-2-0", "jimmyai/seedance2.0-mini")
RUNS = 5
BLOCK = 10_000
"""Jobs that are written one by one; more are copies of them."""


def fill(folder: Path, ended: int, still_open: int) -> None:
    """Write a journal with so many jobs, a thousand of them a day."""
    now, copies = time.time(), max(0, ended // BLOCK - 1)
    ended -= copies * BLOCK
    every = ended + still_open
    _write(folder, ((n, now - 90 * (every - n), n >= ended, MODELS[n % len(MODELS)]) for n in range(every)))
    if copies:
        _copy(folder / "journal.sqlite3", copies)


def _copy(path: Path, copies: int) -> None:
    """Add copies of the oldest jobs, each with an id and a task of its own, and earlier than the one before."""
    earlier = f"created_at - {90 * BLOCK} * n"
    changed = {
        "id": "lower(hex(randomblob(6)))", "request_hash": "request_hash || '-' || n", "task_id": "task_id || '-' || n",
        "created_at": earlier, "updated_at": earlier, "submitted_at": earlier, "finished_at": f"{earlier} + 90",
        "day": f"date({earlier}, 'unixepoch', 'localtime')",
    }  # fmt: skip
    columns = [field.name for field in fields(Job)]
    values = ", ".join(changed.get(name, name) for name in columns)
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            f"WITH RECURSIVE copy (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copy WHERE n < {copies}) "  # noqa: S608  (our own names and numbers)
            f"INSERT INTO jobs ({', '.join(columns)}) SELECT {values} FROM copy, "
            f"(SELECT * FROM jobs WHERE state = 'succeeded' ORDER BY created_at LIMIT {BLOCK})"
        )
        db.commit()


def open_jobs(folder: Path, submitted: Sequence[float]) -> None:
    """Write a journal with jobs of one vendor that were submitted at these times (Unix seconds)."""
    _write(folder, ((n, at, True, MODELS[0]) for n, at in enumerate(submitted)))


def _write(folder: Path, jobs: Iterable[tuple[int, float, bool, str]]) -> None:
    SqliteJournal(folder).close()
    db = sqlite3.connect(folder / "journal.sqlite3")
    defaults = {f.name: f.default for f in fields(Job) if isinstance(f.default, None | int | float | bool)}
    for number, created, is_open, model in jobs:
        insert(
            db,
            defaults
            | {
                "id": new_id(), "state": "running" if is_open else "succeeded", "vendor": model.partition("/")[0],
                "model": model, "request": {"prompt": f"a fox {number}", "duration": 5}, "request_hash": str(number),
                "created_at": created, "updated_at": created, "owner": "bench", "submitted_at": created,
                "finished_at": None if is_open else created + 90, "task_id": f"task-{number}",
                "day": time.strftime("%Y-%m-%d", time.localtime(created)), "spent": 0 if is_open else 500_000,
                "reserved": 500_000 if is_open else 0, "url": None if is_open else f"https://cdn.example.com/{number}.mp4",
            },
        )  # fmt: skip
    db.commit()
    db.close()


def main() -> None:
    """Fill a journal, list its jobs a few times, and print how long that took."""
    ended, still_open = ([int(a) for a in sys.argv[1:]] + [100_000, 5_000])[:2]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder, ended, still_open)
        own = {"SEEDANCE_SEEDANCEAPI_API_KEY": "bench-key", "SEEDANCE_OPE_API_KEY": "bench-key", "HOME": name}
        env = {**os.environ, **own, "SEEDANCE_STATE_DIR": name, "SEEDANCE_OUTPUT_DIR": name}
        taken: list[float] = []
        busy: list[float] = []
        for _ in range(RUNS + 1):
            began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
            command = [sys.executable, "-m", "seedance_mcp", "videos"]
            subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=True, timeout=300)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            busy.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            taken.append(time.perf_counter() - began)
    print(
        f"{ended} ended and {still_open} open jobs: median {statistics.median(taken[1:]):.2f} s, longest "
        f"{max(taken[1:]):.2f} s, processor {statistics.median(busy[1:]):.2f} s"
    )


if __name__ == "__main__":
    main()
