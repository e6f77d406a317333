"""`seedance-mcp videos`: the jobs in the journal, what they cost, where their videos are, and actions on them."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from seedance_mcp import views
from seedance_mcp.catalog.price import dollars
from seedance_mcp.cli.downloads import download, find_job, on_disk, open_video
from seedance_mcp.runtime import open_service
from seedance_mcp.sanitize import clean
from seedance_mcp.vendors import known_vendors

if TYPE_CHECKING:
    import argparse

    from seedance_mcp.jobs.journal.budget import Spending
    from seedance_mcp.jobs.journal.model import Job
    from seedance_mcp.jobs.service import JobService
    from seedance_mcp.settings import Settings

_HOUR, _DAY = 3_600, 86_400
_MIN_WIDTH = {"model": 112, "prompt": 150}
"""The terminal width from which an optional column is shown."""
_WORKING = {"open", "resolve", "save"}
"""The actions that poll or download; the others only read."""


async def run(settings: Settings, options: argparse.Namespace) -> int:
    """Run `videos` or one of its actions; returns the exit code."""
    # Reading the journal takes up none of its jobs, of which there may be thousands.
    async with open_service(settings, autosave=False, background=options.action in _WORKING) as service:
        if options.action == "resolve":
            job = await service.resolve(options.job, options.task_id)
            print(f"{job.id} is now {job.state}.")
        elif options.action == "purge":
            purged = await service.purge(options.days)
            print(f"Deleted prompts and links of {purged} finished job{'' if purged == 1 else 's'}; their costs stay.")
        elif options.action == "show":
            await _show(service, options.job, as_json=options.json)
        elif options.action == "save":
            return await download(service, options.jobs, wait=options.wait)
        elif options.action == "open":
            return await open_video(service, options.job)
        elif options.spend:
            await _spend(service, settings, as_json=options.json)
        else:
            await _list(service, settings, options.limit, as_json=options.json)
    return 0


async def _list(service: JobService, settings: Settings, limit: int, *, as_json: bool) -> None:
    page = await service.page(limit=max(1, limit))
    spending = await service.spending()
    if as_json:
        listed = views.listed(page, spending, settings.daily_budget)
        more = [views.video(job, known_vendors().get(job.vendor)) for job in page.jobs]
        listed["videos"] = [brief | rest for brief, rest in zip(listed["videos"], more, strict=True)]
        print(json.dumps(listed, ensure_ascii=False, indent=2))
        return
    console = _console()
    left_out = {name for name, width in _MIN_WIDTH.items() if console.width < width}
    table, home = Table(box=None, header_style="bold"), settings.output_dir
    for job in page.jobs:
        cells = {name: cell for name, cell in _cells(job, home if left_out else None).items() if name not in left_out}
        if not table.columns:
            for name in cells:
                table.add_column(name, no_wrap=name == "job", overflow="fold")
        table.add_row(*cells.values())
    console.print(table if page.jobs else "No videos yet.")
    if left_out and any(job.path and Path(job.path).parent == home for job in page.jobs):
        console.print(f"\nVideos shown without a folder are in {home}", soft_wrap=True)
    console.print(f"\n{_today(spending, settings)}")


def _console() -> Console:
    """Return standard output for text from users and vendors, in which nothing is markup."""
    return Console(highlight=False, markup=False, emoji=False)


def _cells(job: Job, home: Path | None) -> dict[str, str]:
    """Return the cells of a job's row by column; the path of a video in `home` is shortened to its name."""
    video = on_disk(job)
    link = views.link(job)
    return {
        "job": job.id,
        "when": time.strftime("%m-%d %H:%M", time.localtime(job.created_at)),
        "state": job.state,
        "model": job.model,
        "cost": views.cost_text(job),
        "expires": _expires(job, time.time()),
        "prompt": clean(job.prompt)[:40],
        "video": str(
            (video.name if video and video.parent == home else video)
            or link
            or clean(job.save_error or job.error_message or "")
        ),
    }


def _expires(job: Job, now: float) -> str:
    """Return how long a video can still be downloaded, as text; empty where that does not matter."""
    if job.state != "succeeded":
        return ""
    if on_disk(job):
        return "saved"
    ends = views.expires_at(job, known_vendors().get(job.vendor))
    if ends is None:
        return "unknown"
    left = ends - now
    if left <= 0:
        return "expired"
    if left < _HOUR:
        return f"in {max(1, left // 60):.0f} min"
    return f"in {left // _HOUR:.0f} h" if left < 2 * _DAY else f"in {left // _DAY:.0f} d"


async def _show(service: JobService, name: str, *, as_json: bool) -> None:
    job = await find_job(service, name)
    vendor = known_vendors().get(job.vendor)
    fields = views.record(job) | views.video(job, vendor) | {"prompt": clean(job.prompt)}
    if as_json:
        print(json.dumps(fields, ensure_ascii=False, indent=2))
    else:
        _console().print(views.to_text(fields), soft_wrap=True)


def _today(spending: Spending, settings: Settings) -> str:
    text = f"Today: {dollars(spending.spent)} spent, {dollars(spending.reserved)} reserved"
    if settings.daily_budget is None:
        return f"{text}."
    return f"{text}, {dollars(spending.left(settings.daily_budget))} of {dollars(settings.daily_budget)} left."


async def _spend(service: JobService, settings: Settings, *, as_json: bool) -> None:
    totals = await service.totals(31)
    if as_json:
        print(json.dumps([asdict(total) for total in totals], indent=2))
        return
    table = Table("day", "model", "jobs", "spent", "reserved", "unpriced", box=None, header_style="bold")
    for t in totals:
        unpriced = str(t.unpriced or "")
        table.add_row(t.day, t.model, str(t.jobs), dollars(t.spent), dollars(t.reserved), unpriced)
    console = _console()
    console.print(table if totals else "Nothing has been spent yet.")
    console.print(f"\n{_today(await service.spending(), settings)}")
