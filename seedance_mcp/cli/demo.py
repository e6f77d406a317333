"""`seedance-mcp demo`: the main job from end to end in a terminal, against the embedded sandbox."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from seedance_mcp.catalog import choose
from seedance_mcp.runtime import open_service

if TYPE_CHECKING:
    from seedance_mcp.jobs.journal.model import Job
    from seedance_mcp.jobs.service import JobService
    from seedance_mcp.settings import Settings

PROMPT = "A slow dolly shot through a neon-lit street in the rain"
LONGEST = 60.0


async def demo(settings: Settings, args: dict[str, Any]) -> int:
    """Choose, quote, create, wait and save; say each step. Returns the exit code."""
    console = Console(highlight=False, soft_wrap=True)
    args = {"prompt": PROMPT, "allow_duplicate": True, **args}
    async with open_service(settings, saving=True) as service:
        console.print("[bold]seedance-mcp demo[/bold]: the embedded sandbox, no key, nothing is paid\n")
        await service.prices.ready()
        able = choose.ranked(settings.models, {k: v for k, v in args.items() if k != "model"}, service.prices)
        priced = [cost for _, cost in able if cost.usd_micros is not None]
        console.print(
            f"1 choose   {len(able)} of {len(settings.models)} models can do it, {len(priced)} with a known price"
        )
        quote = service.quote(args)
        assumed = ", ".join(f"{k} {v}" for k, v in quote.request.assumed.items())
        console.print(f"2 quote    {quote.request.model.id}: {quote.price.brief()}  [dim]{quote.price.basis}[/dim]")
        console.print(f"           [dim]assumed {assumed}[/dim]")
        made = await service.create(quote, args)
        console.print(f"3 create   job {made.job.id} {made.job.state}")
        if not made.job.open:
            console.print(f"           {made.job.error_message}")
            return 1
        job = await _wait(service, made.job, console)
    if job.path is None:
        console.print(f"[red]no film[/red]: {job.save_error or job.error_message or job.state}")
        return 1
    from seedance_mcp.sandbox.videos.render import video_kind  # noqa: PLC0415  (loads PyAV)

    kind = (
        ""
        if video_kind() == "made"
        else "  [dim](a stand-in film; the extra «media» makes one of the right size)[/dim]"
    )
    console.print(f"5 saved    {(job.size or 0) / 1e6:.1f} MB, sha256 {(job.sha256 or '')[:12]}…{kind}")
    console.print(f"\n{job.path}", style="bold green")
    return 0


async def _wait(service: JobService, job: Job, console: Console) -> Job:
    started = time.monotonic()
    columns = (TextColumn("4 wait    "), BarColumn(30), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task(job.state, total=1.0)
        while True:
            job = await service.check(job.id)
            share = min(0.9, (time.monotonic() - started) / 5)
            progress.update(bar, description=job.state if job.open else f"{job.state}, saving", completed=share)
            if service.is_final(job) or time.monotonic() - started > LONGEST:
                job = await service.job(job.id)
                progress.update(bar, description=job.state, completed=1.0)
                return job
            await service.events.wait(job.id, 0.3)
