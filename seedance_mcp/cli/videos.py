"""`seedance-mcp videos`: the jobs of the journal and what they cost; settle one by hand; wipe what users wrote."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table

from seedance_mcp.catalog.price import dollars
from seedance_mcp.jobs.opening import open_studio
from seedance_mcp.server import answers

if TYPE_CHECKING:
    import argparse

    from seedance_mcp.jobs.budget import Spending
    from seedance_mcp.jobs.studio import Studio
    from seedance_mcp.settings import Settings

_DAY = 86_400


async def run(settings: Settings, options: argparse.Namespace) -> int:
    """Do what `videos` and its actions say; returns the exit code."""
    async with open_studio(settings, saving=False) as studio:
        if options.action == "resolve":
            job = await studio.resolve(options.job, options.task_id)
            print(f"{job.id} is now {job.state}.")
        elif options.action == "purge":
            wiped = await studio.journal.wipe(time.time() - options.days * _DAY)
            print(f"Wiped {wiped} finished job{'' if wiped == 1 else 's'}; their costs stay.")
        elif options.spend:
            await _spend(studio, settings, as_json=options.json)
        else:
            await _list(studio, settings, options.limit, as_json=options.json)
    return 0


async def _list(studio: Studio, settings: Settings, limit: int, *, as_json: bool) -> None:
    page = await studio.page(limit=max(1, limit))
    spending = await studio.spending()
    if as_json:
        print(json.dumps(answers.listed(page, spending, settings.daily_budget), ensure_ascii=False, indent=2))
        return
    job_id, where = Column("job", no_wrap=True), Column("film", overflow="fold")
    table = Table(job_id, "when", "state", "model", "cost", "prompt", where, box=None, header_style="bold")
    for job in page.jobs:
        when = time.strftime("%m-%d %H:%M", time.localtime(job.created_at))
        film = job.path or job.url or answers.clean(job.error_words or "")
        prompt = answers.clean(job.prompt)[:40]
        table.add_row(job.id, when, job.state, job.model, answers.cost_words(job), prompt, film)
    console = Console(highlight=False)
    console.print(table if page.jobs else "No videos yet.")
    console.print(f"\n{_today(spending, settings)}")


def _today(spending: Spending, settings: Settings) -> str:
    said = f"Today: {dollars(spending.spent)} spent, {dollars(spending.reserved)} reserved"
    if settings.daily_budget is None:
        return f"{said}."
    left = max(0, settings.daily_budget - spending.spent - spending.reserved)
    return f"{said}, {dollars(left)} of {dollars(settings.daily_budget)} left."


async def _spend(studio: Studio, settings: Settings, *, as_json: bool) -> None:
    totals = await studio.journal.totals(31)
    if as_json:
        print(json.dumps([asdict(total) for total in totals], indent=2))
        return
    table = Table("day", "model", "jobs", "spent", "reserved", "without price", box=None, header_style="bold")
    for t in totals:
        unpriced = str(t.unpriced or "")
        table.add_row(t.day, t.model, str(t.jobs), dollars(t.spent), dollars(t.reserved), unpriced)
    console = Console(highlight=False)
    console.print(table if totals else "Nothing was spent yet.")
    console.print(f"\n{_today(await studio.spending(), settings)}")
