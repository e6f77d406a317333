"""`seedance-mcp videos`: the jobs in the journal, what they cost, where their videos are, and actions on them."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from seedance_mcp import views
from seedance_mcp.catalog.price import dollars
from seedance_mcp.cli import output
from seedance_mcp.cli.downloads import download, open_video
from seedance_mcp.cli.jobs import fields, find_job, on_disk
from seedance_mcp.cli.journal_file import count_jobs
from seedance_mcp.errors import NotConfirmed
from seedance_mcp.jobs.journal.model import TERMINAL
from seedance_mcp.runtime import open_service
from seedance_mcp.sanitize import clean
from seedance_mcp.vendors import known_vendors

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from seedance_mcp.jobs.journal.budget import Spending
    from seedance_mcp.jobs.journal.model import Job
    from seedance_mcp.jobs.service import JobService
    from seedance_mcp.settings import Settings

_HOUR, _DAY = 3_600, 86_400
_WORKING = {"open", "resolve", "save"}
"""The actions that poll or download; the others only read."""
_FROM = {"when": 72, "model": 110, "file": 170}
"""The width of the terminal from which an optional column is shown; the prompt gets what is left."""
_MOST_OF_A_PROMPT = 48
"""Characters of a prompt in front of another column."""


async def run(settings: Settings, options: argparse.Namespace) -> int:
    """Run `videos` or one of its actions; returns the exit code."""
    # Reading the journal takes up none of its jobs, of which there may be thousands.
    async with open_service(settings, autosave=False, background=options.action in _WORKING) as service:
        if options.action == "resolve":
            job = await service.resolve(options.job, options.task_id)
            print(f"{job.id} is now {job.state}.")
        elif options.action == "purge":
            await _purge(service, options)
        elif options.action == "show":
            await _show(service, options.job, as_json=options.json)
        elif options.action == "save":
            return await download(service, options.jobs, wait=options.wait)
        elif options.action == "open":
            return await open_video(service, options.job)
        elif options.spend:
            await _spend(service, settings, as_json=options.json)
        else:
            await _list(service, settings, options)
    return 0


# -- the list -----------------------------------------------------------------------------------------------------


async def _list(service: JobService, settings: Settings, options: argparse.Namespace) -> None:
    page = await service.page(limit=options.limit)
    spending = await service.spending()
    if options.json:
        listed = views.listed(page, spending, settings.daily_budget)
        more = [views.video(job, known_vendors().get(job.vendor)) for job in page.jobs]
        listed["videos"] = [brief | rest for brief, rest in zip(listed["videos"], more, strict=True)]
        output.print_json(({"sandbox": True} if settings.sandbox else {}) | listed)
        return
    columns = None if options.wide else output.width()
    _print_jobs(page.jobs, columns, settings)
    if not page.jobs:
        output.remark("No videos yet.")
    if page.next_cursor:
        output.remark(f"These are the newest {len(page.jobs)}; --limit shows more.")
    if columns is not None and any(job.path and Path(job.path).parent == settings.output_dir for job in page.jobs):
        output.remark(f"\nThe videos are in {settings.output_dir}; `seedance-mcp open JOB` plays one.")
    output.remark(_today(spending, settings))
    _mention_the_sandbox(settings)


def _print_jobs(jobs: Sequence[Job], columns: int | None, settings: Settings) -> None:
    """Print one line for each job; without `columns`, everything about it."""
    names = ["job", "when", "state", "cost", "expires", "model", "prompt", "file"]
    shown = [name for name in names if columns is None or columns >= _FROM.get(name, 0)]
    rows: list[list[str]] = []
    for job in jobs:
        cells = _cells(job)
        if columns is not None:
            cells["file"] = Path(cells["file"]).name if on_disk(job) else cells["file"]
            if "file" in shown:
                cells["prompt"] = output.cut(cells["prompt"], _MOST_OF_A_PROMPT)
        rows.append([cells[name] for name in shown])
    head = [{"cost": "sandbox cost"}.get(name, name) if settings.sandbox else name for name in shown]
    if rows:
        print("\n".join(output.table(head, rows, columns)))


def _cells(job: Job) -> dict[str, str]:
    """Return what the list says about a job, by column."""
    link = views.link(job)
    reason = clean(job.save_error or job.error_message or "")
    return {
        "job": job.id,
        "when": time.strftime("%m-%d %H:%M", time.localtime(job.created_at)),
        "state": job.state,
        "cost": views.cost_text(job),
        "expires": _expires(job, time.time()),
        "model": job.model,
        "prompt": " ".join(clean(job.prompt).split()),
        "file": " ".join(str(on_disk(job) or link or reason).split()),
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


def _today(spending: Spending, settings: Settings) -> str:
    money = " of play money in the sandbox" if settings.sandbox else ""
    text = f"Today: {dollars(spending.spent)} spent, {dollars(spending.reserved)} reserved{money}"
    if settings.daily_budget is None:
        return f"{text}."
    return f"{text}, {dollars(spending.left(settings.daily_budget))} of {dollars(settings.daily_budget)} left."


def _mention_the_sandbox(settings: Settings) -> None:
    """Say where the videos of the demo are, which a person may be searching here."""
    if settings.sandbox:
        return
    count = count_jobs(settings.state_dir / "sandbox" / "journal.sqlite3")
    if count:
        videos = f"{count} sandbox video{'' if count == 1 else 's'}"
        output.remark(f"{videos}: {output.command('videos', sandbox=True)}")


# -- one job, spending, purging -----------------------------------------------------------------------------------


async def _show(service: JobService, name: str, *, as_json: bool) -> None:
    found = fields(await find_job(service, name), service.settings)
    if as_json:
        output.print_json(found)
    else:
        print(views.to_text(found))


async def _spend(service: JobService, settings: Settings, *, as_json: bool) -> None:
    totals = await service.totals(31)
    if as_json:
        output.print_json([asdict(total) for total in totals])
        return
    rows = [(t.day, t.model, str(t.jobs), dollars(t.spent), dollars(t.reserved), str(t.unpriced or "")) for t in totals]
    if rows:
        head = ("day", "model", "jobs", "sandbox cost" if settings.sandbox else "spent", "reserved", "unpriced")
        print("\n".join(output.table(head, rows, output.width())))
    else:
        output.remark("Nothing has been spent yet.")
    output.remark(_today(await service.spending(), settings))


async def _purge(service: JobService, options: argparse.Namespace) -> None:
    """Delete prompts and links of finished jobs, if the person agrees."""
    before = time.time() - options.days * _DAY
    jobs = [job for job in await service.in_states(TERMINAL) if job.request and job.updated_at < before]
    count = f"{len(jobs)} finished job{'' if len(jobs) == 1 else 's'}"
    if options.dry_run:
        print(f"Prompts and links of {count} would be deleted; their costs and videos stay.")
        return
    if jobs and not options.yes:
        answer = output.ask(f"Delete prompts and links of {count}? Costs and saved videos stay.")
        if answer is None:
            raise NotConfirmed("Nothing was deleted, because there is nobody to ask.", next_step="--yes agrees to it.")
        if not answer:
            raise NotConfirmed("Nothing was deleted.", next_step="")
    purged = await service.purge(options.days)
    print(f"Deleted prompts and links of {purged} finished job{'' if purged == 1 else 's'}; their costs stay.")
