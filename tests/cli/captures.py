"""Captures: what commands print on terminals of several widths and in a pipe, as files that people can read.

`scripts/generate.py write` writes them, and a test checks that they are up to date. Ids, times, folders and versions
are the same on every machine.
"""

from __future__ import annotations

import functools
import re
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio

from seedance_mcp.jobs.journal.budget import Caps
from seedance_mcp.jobs.journal.model import NewJob
from seedance_mcp.jobs.journal.process_lock import ProcessLock
from seedance_mcp.jobs.journal.sqlite import SqliteJournal
from tests.cli.command import Result, run

WIDTHS = (60, 80, 120, 200, None)
"""Columns of a terminal; None is a pipe."""
_NOON = 4_098_945_600.0
"""2099-11-21, 12:00 UTC: the day of the budget never goes back, so this stays "today"."""
_KEYS: dict[str, Any] = {
    "SEEDANCE_SEEDANCEAPI_API_KEY": "sk-0123456789",
    "SEEDANCE_MAXCOST": "2",
}
_PRICE = {"unknown": "jimmyai does not publish a unit price"}
COMMANDS: dict[str, tuple[str, ...]] = {
    "models": ("models",),
    "model": ("models", "seedanceapi/seedance-2-mini"),
    "videos": ("videos",),
    "show": ("videos", "show", "kite"),
    "spend": ("videos", "--spend"),
    "keys": ("keys",),
    "doctor": ("doctor", "--offline"),
    "create": ("create", "A red kite over a grey beach", "--duration", "6", "--dry-run"),
}
"""The captured commands, by the name of their file."""


def capture(name: str) -> str:
    """Return what a command prints at each width."""
    return _captures()[name]


@functools.cache
def _captures() -> dict[str, str]:
    with _folder() as folder:
        return {name: _at_every_width(folder, command) for name, command in COMMANDS.items()}


def _at_every_width(folder: Path, command: tuple[str, ...]) -> str:
    parts: list[str] = []
    for columns in WIDTHS:
        result = run(folder, *command, sandbox=False, columns=columns, **_KEYS)
        where = "in a pipe" if columns is None else f"in {columns} columns"
        parts.append(
            f"$ seedance-mcp {' '.join(command)}    # {where}, exit code {result.code}\n{_text(result, folder)}"
        )
    return "\n".join(parts)


def _text(result: Result, folder: Path) -> str:
    """Return what was printed, remarks last, with the same folders and versions everywhere."""
    text = result.out + "".join(f"2> {line}\n" if line else "\n" for line in result.err.splitlines())
    text = text.replace(str(folder), "/home/ann")
    text = re.sub(r"\b(\d\d-\d\d) \d\d:\d\d\b", "11-21 12:00", text)
    text = re.sub(r"\b2099-\d\d-\d\d\b", "2026-11-21", text)
    text = re.sub(r"(?<=^  )(\w[\w-]*): (\d[\w.]*|not installed.*)$", r"\1: (version)", text, flags=re.MULTILINE)
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)


@contextmanager
def _folder() -> Generator[Path]:
    """Make a folder with a journal of a few jobs."""
    folder = Path(tempfile.mkdtemp(prefix="captures-")).resolve()
    try:
        anyio.run(_fill, folder)
        yield folder
    finally:
        shutil.rmtree(folder)


async def _fill(folder: Path) -> None:
    now = [_NOON]
    journal = SqliteJournal(folder / "state", lambda: now[0])
    lock = ProcessLock(folder / "state" / "owners")
    videos = folder / "videos"
    videos.mkdir()
    video = videos / "2026-11-21-a-red-kite-over-a-grey-kite.mp4"
    video.write_bytes(b"video")

    async def job(job_id: str, model: str, prompt: str, cost: int | None, **changes: Any) -> None:
        now[0] += 60
        request = {"prompt": prompt, "duration": 4, "resolution": "480p"}
        vendor = model.partition("/")[0]
        new = NewJob(
            job_id,
            vendor,
            model,
            request,
            job_id,
            lock.id,
            cost,
            _PRICE if cost is None else {"usd": cost / 1e6},
            "account",
        )
        await journal.admit(new, Caps())
        state = changes.pop("state", "succeeded")
        await journal.move(job_id, state, when=("submitting",), **changes)

    try:
        mini = "seedanceapi/seedance-2-mini"
        settled = {"spent": 570_000, "reserved": 0, "finished_at": _NOON + 90}
        await job("k4tmv4h6kite", mini, "A red kite over a grey beach, slow pan", 570_000, **settled, path=str(video))
        await job("m8qd2wxzfox2", mini, "狐狸在雪地里奔跑，电影感，慢动作 " * 4, 1_235_000, **settled)
        refused = {"error_code": "content_policy", "error_message": "The prompt was refused by the content filter."}
        await job("p5rn7yabhare", mini, "A hare", 570_000, state="rejected", reserved=0, **refused)
        await job("t3vc9zdeowls", "jimmyai/seedance2.0-mini", "An owl at night\nin two lines", None, state="unknown")
    finally:
        journal.close()
        lock.release()
