"""Whole lives of many jobs in virtual time: the product's own poller and journal, and a clock that never waits.

    python -m bench.virtual JOBS MOST

Prints, as JSON, how long after each video was ready the journal had it. MOST is the highest rate of polls a second.
The vendor answers after 0.2 s of virtual time; the processor time that the answers take is real, and measured.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import selectors
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import anyio

from bench.videos import open_jobs
from seedance_mcp.jobs.journal.process_lock import ProcessLock
from seedance_mcp.jobs.journal.sqlite import SqliteJournal
from seedance_mcp.jobs.journal.sqlite_file import SqliteFile
from seedance_mcp.jobs.service import JobService
from seedance_mcp.jobs.timing import PollTiming, Timing
from seedance_mcp.settings import load
from seedance_mcp.vendors.vendor import Answer, Call, Vendor
from seedance_mcp.web import SentFile, Web

P = ParamSpec("P")
T = TypeVar("T")

EPOCH = 1_767_225_600.0
MEDIAN, SLOW = 95.0, 180.0
"""Median and 90th percentile of how long a video takes, in seconds: what the schedule assumes of an unknown model."""
LATENCY = 0.2
SUBMITTED_WITHIN = 60.0
_END = 7200.0


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Selector(self))
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self.now


class _Selector(selectors.DefaultSelector):
    def __init__(self, loop: Loop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0 if timeout is not None else None)
        if timeout and not found:
            self._loop.now += timeout
        return found


def now() -> float:
    return asyncio.get_running_loop().time()


def lives(jobs: int) -> list[tuple[float, float]]:
    """Return when each job was submitted (seconds before the start) and how long its video takes."""
    draw = random.Random(16)  # noqa: S311  (not a secret)
    spread = math.log(SLOW / MEDIAN) / 1.2816
    found: list[tuple[float, float]] = []
    while len(found) < jobs:
        before, seconds = draw.uniform(0, SUBMITTED_WITHIN), draw.lognormvariate(math.log(MEDIAN), spread)
        if seconds > before:  # else it is over before the start
            found.append((before, seconds))
    return found


def fixed(jobs: int, interval: float) -> dict[str, Any]:
    """Return what polling each job at a fixed interval gives, whatever the vendor bears."""
    polls, delays = 0, list[float]()
    for _, seconds in lives(jobs):
        times = math.ceil(seconds / interval)
        polls += times
        delays.append(times * interval - seconds + LATENCY)
    return {"polls": polls / jobs, "delays": delays, "highest": jobs / interval}


class _File(SqliteFile):
    """A file without a worker thread, whose time would not be virtual."""

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        await anyio.lowlevel.checkpoint()
        return work(*args, **kwargs)


class _Journal(SqliteJournal):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder, lambda: EPOCH + now())
        self._file.close()
        self._file = _File(self.path)


class _Web(Web):
    """A vendor whose videos are ready when their lives say so."""

    def __init__(self, settings: Any, ready: dict[str, float]) -> None:
        super().__init__(settings)
        self.ready, self.known, self.polls = ready, dict[str, float](), 0
        self.each_second: dict[int, int] = {}

    async def prepare(self) -> None:
        """Open no clients."""

    async def call(self, vendor: Vendor, call: Call, file: SentFile | None = None) -> Answer:
        del vendor, file
        task = str(call.query["task_id"])
        self.polls += 1
        self.each_second[int(now())] = self.each_second.get(int(now()), 0) + 1
        await anyio.sleep(LATENCY / 2)
        done = now() >= self.ready[task]
        await anyio.sleep(LATENCY / 2)
        if done:
            self.known.setdefault(task, now())
        url = ["https://cdn.example.com/1.mp4"] if done else None
        data = {"task_id": task, "status": "SUCCESS" if done else "IN_PROGRESS", "consumed_credits": None}
        return Answer(200, {"code": 200, "message": "success", "data": {**data, "response": url}})


async def _live(folder: Path, jobs: int, most: float) -> dict[str, Any]:
    each = lives(jobs)
    open_jobs(folder, [EPOCH - before for before, _ in each])
    places = {"SEEDANCE_STATE_DIR": str(folder), "SEEDANCE_OUTPUT_DIR": str(folder), "SEEDANCE_SAVE": "off"}
    settings = load({"SEEDANCE_SEEDANCEAPI_API_KEY": "bench-key", **places})
    # A task is ready so long after it was submitted.
    ready = {f"task-{n}": seconds - before for n, (before, seconds) in enumerate(each)}
    web, journal = _Web(settings, ready), _Journal(folder)
    lock = ProcessLock(folder / "owners")
    poll = PollTiming(per_second=min(5.0, most), most_per_second=most)
    timing = Timing(poll=poll, clock=lambda: EPOCH + now(), jitter=random.Random(16).uniform)  # noqa: S311  (not a secret)
    service = JobService(settings, web, journal, lock, autosave=False, timing=timing)
    began = time.process_time()
    async with service.running():
        while len(web.known) < jobs and now() < _END:  # noqa: ASYNC110  (the clock is virtual)
            await anyio.sleep(1)  # virtual seconds
    busy = time.process_time() - began
    journal.close()
    lock.release()
    delays = [known - ready[task] for task, known in web.known.items()]
    return {
        "polls": web.polls / jobs, "delays": delays, "highest": max(web.each_second.values()), "busy": busy / web.polls,
        "unknown": jobs - len(delays),
    }  # fmt: skip


def main() -> None:
    jobs, most = int(sys.argv[1]), float(sys.argv[2])
    memory = Path("/dev/shm")  # noqa: S108  (a folder of its own in it)
    with (
        tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder,
        asyncio.Runner(loop_factory=Loop) as runner,
    ):
        print(json.dumps(runner.run(_live(Path(folder), jobs, most))))


if __name__ == "__main__":
    main()
