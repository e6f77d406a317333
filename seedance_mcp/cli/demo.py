"""`seedance-mcp demo`: one video from prompt to file in a terminal, in the embedded sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as ProgressBar

from seedance_mcp.catalog.order import Order
from seedance_mcp.runtime import open_service, sandbox_draws_videos

if TYPE_CHECKING:
    from seedance_mcp.jobs.journal.model import Job
    from seedance_mcp.jobs.service import JobService, Progress
    from seedance_mcp.settings import Settings

PROMPT = "A slow dolly shot through a neon-lit street in the rain"
LONGEST = 60.0
"""Seconds that the demo waits for its video, at most."""
_USUAL = 5.0
"""Seconds that it usually takes, for the progress bar."""


async def demo(settings: Settings, args: dict[str, Any]) -> int:
    """Choose, quote, create, wait and save, printing each step. Returns the exit code."""
    console = Console(highlight=False, soft_wrap=True)
    args = {"prompt": PROMPT, "allow_duplicate": True, **args}
    async with open_service(settings, autosave=True) as service:
        console.print("[bold]seedance-mcp demo[/bold]: the embedded sandbox, no key, no cost\n")
        quotes = await service.quotes(Order.parse({k: v for k, v in args.items() if k != "model"}))
        priced = sum(quote.price.usd_micros is not None for quote in quotes)
        count = len(settings.models)
        console.print(f"1 choose   {len(quotes)} of {count} models can do it, {priced} with a known price")
        quote = await service.quote(Order.parse(args))
        assumed = ", ".join(f"{k} {v}" for k, v in quote.request.assumed.items())
        console.print(f"2 quote    {quote.model.id}: {quote.price.brief()}  [dim]{quote.price.basis}[/dim]")
        console.print(f"           [dim]assumed {assumed}[/dim]")
        job = (await service.create(quote)).job
        console.print(f"3 create   job {job.id} {job.state}")
        if not job.open:
            console.print(f"           {job.error_message}")
            return 1
        job = await _wait(service, job, console)
    if job.path is None:
        console.print(f"[red]no video[/red]: {job.save_error or job.error_message or job.state}")
        return 1
    note = ""
    if not sandbox_draws_videos():
        note = '  [dim](a small fallback video; with the extra "media" it has the requested size and length)[/dim]'
    console.print(f"5 saved    {(job.size or 0) / 1e6:.1f} MB, sha256 {(job.sha256 or '')[:12]}…{note}")
    console.print(f"\n{job.path}", style="bold green")
    return 0


async def _wait(service: JobService, job: Job, console: Console) -> Job:
    columns = (TextColumn("4 wait    "), BarColumn(30), TextColumn("{task.description}"), TimeElapsedColumn())
    with ProgressBar(*columns, console=console) as bars:
        bar = bars.add_task(job.state, total=1.0)

        async def show(progress: Progress) -> None:
            state = progress.job.state
            share = min(0.9, progress.elapsed / _USUAL)
            bars.update(bar, description=state if progress.job.open else f"{state}, saving", completed=share)

        job = await service.wait(job.id, LONGEST, show)
        bars.update(bar, description=job.state, completed=1.0)
    return job
