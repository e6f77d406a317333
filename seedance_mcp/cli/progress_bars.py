"""Progress on standard error while videos are downloaded: a bar for each on a terminal, elsewhere lines."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from rich.console import RenderableType
    from rich.progress import Task, TaskID

_STEP = 16_000_000
"""Bytes between two lines about a video of unknown size."""


class _Bytes(ProgressColumn):
    """A column about bytes, empty until the download begins."""

    def __init__(self, column: ProgressColumn) -> None:
        super().__init__()
        self._column = column

    def render(self, task: Task) -> RenderableType:
        return self._column(task) if task.fields.get("bytes") else Text("")


class Bars:
    """The progress of several jobs."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._live = sys.stderr.isatty() and not self._console.is_dumb_terminal
        numbers = (DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(compact=True))
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(20),
            *map(_Bytes, numbers),
            console=self._console,
            redirect_stdout=False,
            disable=not self._live,
        )
        self._tasks: dict[str, TaskID] = {}
        self._shown: dict[str, object] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def print(self, sentence: str) -> None:
        """Print a line above the bars."""
        self._console.print(sentence)

    def waiting(self, job_id: str, state: str, elapsed: float, expected: float) -> None:
        """Show that a job is still running, `elapsed` seconds of the `expected` ones after it was sent."""
        if self._live:
            description = f"{job_id} {state}, {elapsed:.0f} s of about {expected:.0f}"
            share = min(elapsed, 0.95 * expected)
            self._progress.update(self._task(job_id), description=description, completed=share, total=expected)
        elif self._shown.get(job_id) != state:
            self.print(f"{job_id}: {state}, waiting for it.")
        self._shown[job_id] = state

    def downloading(self, job_id: str, received: int, total: int | None) -> None:
        """Show how many bytes of a video have arrived."""
        if self._live:
            task = self._task(job_id)
            if self._shown.get(job_id) != "downloading":
                # What an earlier attempt left behind counts for the bar, but not for the speed.
                self._progress.reset(task, description=job_id, total=total, bytes=True)
            self._progress.update(task, completed=received, total=total)
            self._shown[job_id] = "downloading"
            return
        step = 4 * received // total if total else received // _STEP
        if self._shown.get(job_id) != step:
            of = f" of {total / 1e6:.1f}" if total else ""
            self.print(f"{job_id}: {received / 1e6:.1f}{of} MB")
        self._shown[job_id] = step

    def joining(self, done: float, total: float) -> None:
        """Show how many seconds of a joined video are done."""
        if self._live:
            description = f"joining, {done:.0f} of {total:.0f} s"
            self._progress.update(self._task("join"), description=description, completed=done, total=total)

    def ended(self, job_id: str) -> None:
        """Keep the bar of a job if it is full, and remove it otherwise."""
        task = self._tasks.pop(job_id, None)
        if task is not None and not self._progress.tasks[self._progress.task_ids.index(task)].finished:
            self._progress.remove_task(task)

    def _task(self, job_id: str) -> TaskID:
        if job_id not in self._tasks:
            self._tasks[job_id] = self._progress.add_task(job_id, total=None)
        return self._tasks[job_id]
