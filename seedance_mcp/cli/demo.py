"""`seedance-mcp demo`: one video from prompt to file in a terminal, in the embedded sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from seedance_mcp.catalog.order import Order
from seedance_mcp.cli import output
from seedance_mcp.cli.jobs import needs_sandbox
from seedance_mcp.cli.progress_bars import Bars
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
    args = {"prompt": PROMPT, "allow_duplicate": True, **args}
    from_outside = needs_sandbox(settings)
    async with open_service(settings, autosave=True) as service:
        print("seedance-mcp demo: the embedded sandbox, no key, no cost; prices are play money\n")
        quotes = await service.quotes(Order.parse({k: v for k, v in args.items() if k != "model"}))
        priced = sum(quote.price.usd_micros is not None for quote in quotes)
        print(f"1 choose   {len(quotes)} of {len(settings.models)} models can do it, {priced} with a known price")
        quote = await service.quote(Order.parse(args))
        assumed = ", ".join(f"{k} {v}" for k, v in quote.request.assumed.items())
        print(f"2 quote    {quote.model.id}: {quote.price.brief()} (sandbox), {quote.price.basis}")
        print(f"           assumed {assumed}" if assumed else "           nothing assumed")
        job = (await service.create(quote)).job
        print(f"3 create   job {job.id} {job.state}")
        if not job.open:
            print(f"           {job.error_message}")
            return 1
        try:
            job = await _wait(service, job)
        except anyio.get_cancelled_exc_class():
            back = output.command("check", job.id, "--wait", sandbox=from_outside)
            output.remark(f"Stopped. The sandbox goes on with job {job.id}; to come back to it: {back}")
            raise
        print(f"4 wait     {job.state}")
    if job.path is None:
        print(f"no video: {job.save_error or job.error_message or job.state}")
        return 1
    note = ""
    if not sandbox_draws_videos():
        note = ' (a small fallback video; with the extra "media" it has the requested size and length)'
    print(f"5 saved    {(job.size or 0) / 1e6:.1f} MB, sha256 {(job.sha256 or '')[:12]}…{note}\n\n{job.path}")
    output.remark("\nNext:\n" + "\n".join(_next_commands(job, from_outside=from_outside)))
    return 0


def _next_commands(job: Job, *, from_outside: bool) -> list[str]:
    commands = {
        output.command("open", job.id, sandbox=from_outside): "play it",
        output.command("config", "claude-code"): "add the server to Claude Code, or another client",
        output.command("keys", "set", "VENDOR"): "store a vendor's key, for real videos",
    }
    longest = max(map(len, commands))
    return [f"  {command:{longest}}   {purpose}" for command, purpose in commands.items()]


async def _wait(service: JobService, job: Job) -> Job:
    with Bars() as bars:

        async def show(progress: Progress) -> None:
            if progress.job.open:
                bars.waiting(progress.job.id, progress.job.state, progress.elapsed, _USUAL)

        try:
            return await service.wait(job.id, LONGEST, show)
        finally:
            bars.ended(job.id)
