"""`seedance-mcp create` and `check`: one video from a shell or a script, as an assistant would create it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from seedance_mcp import views
from seedance_mcp.catalog.order import Order
from seedance_mcp.catalog.price import dollars
from seedance_mcp.cli import output
from seedance_mcp.cli.jobs import FAILED, exit_code, fields, find_job, needs_sandbox, no_key_here, on_disk
from seedance_mcp.cli.progress_bars import Bars
from seedance_mcp.errors import InvalidRequest, NotConfirmed
from seedance_mcp.jobs.journal.model import UNFINISHED
from seedance_mcp.runtime import open_service
from seedance_mcp.sanitize import clean

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from seedance_mcp.jobs.journal.model import Job
    from seedance_mcp.jobs.quote import Quote
    from seedance_mcp.jobs.service import JobService, Progress
    from seedance_mcp.settings import Settings

_FIELDS = (
    "prompt", "model", "duration", "resolution", "aspect_ratio", "first_frame", "last_frame", "reference_images",
    "reference_videos", "reference_audios", "generate_audio", "n", "max_cost", "request_key",
)  # fmt: skip
_FILES = ("first_frame", "last_frame", "reference_images", "reference_videos", "reference_audios")


async def create(settings: Settings, options: argparse.Namespace) -> int:
    """Quote, ask above the user's limit, create, and wait until the video is saved; returns the exit code."""
    async with open_service(settings, autosave=True) as service:
        quote = await service.quote(Order.parse(_arguments(options)))
        if options.dry_run:
            await service.check_caps(quote)
            _print_quote(quote, service, as_json=options.json)
            return 0
        await service.check_caps(quote)
        _confirm(quote, settings, agreed=options.yes)
        output.remark(f"{quote.model.id}: {quote.total.brief()}{_play_money(settings)}")
        try:
            admissions = await service.create_all(quote, agreed=True)
        except anyio.get_cancelled_exc_class():
            output.remark(f"Stopped while it was being sent: {_list(settings)} shows whether the vendor has it.")
            raise
        for admission in admissions:
            if admission.duplicate:
                job_id = admission.job.id
                output.remark(f"The same request is already job {job_id}, so nothing new is paid; --again pays again.")
        jobs = [admission.job for admission in admissions]
        if options.no_wait and any(job.state in UNFINISHED for job in jobs):
            return _do_not_wait(jobs, settings, as_json=options.json)
        ended = [await _wait(service, job) for job in jobs]
        _print_jobs(ended, settings, as_json=options.json, lines=[str(on_disk(job) or "") for job in ended])
        return max(map(_code, ended))


def _do_not_wait(jobs: Sequence[Job], settings: Settings, *, as_json: bool) -> int:
    for job in jobs:
        if job.state in UNFINISHED:
            output.remark(f"Job {job.id} is {job.state}: {_come_back(job, settings)} waits for it.")
        else:
            output.remark(_why_no_video(job, settings))
    _print_jobs(jobs, settings, as_json=as_json, lines=[job.id for job in jobs])
    return max((exit_code(job) for job in jobs if job.state not in UNFINISHED), default=0)


async def check(settings: Settings, options: argparse.Namespace) -> int:
    """Poll a job, and with --wait wait until its video is saved; returns the exit code."""
    async with open_service(settings, autosave=options.wait) as service:
        job = await find_job(service, options.job)
        if job.state in UNFINISHED and settings.vendor(job.vendor) is None:
            output.remark(f"This is what the journal knows, because {no_key_here(job.vendor, settings)}.")
        elif options.wait:
            job = await _wait(service, job)
            _print_jobs([job], settings, as_json=options.json, lines=[str(on_disk(job) or "")])
            return _code(job)
        else:
            job = await service.wait(job.id, 0)
        if options.json:
            output.print_json(fields(job, settings))
        else:
            print(views.to_text(fields(job, settings)))
        return exit_code(job)


async def _wait(service: JobService, job: Job) -> Job:
    """Wait for the end of a job, and say why there is no video or what is odd about it; returns it as it is then."""
    settings = service.settings
    try:
        with Bars() as bars:

            async def show(progress: Progress) -> None:
                if progress.received is not None:
                    bars.downloading(progress.job.id, progress.received, progress.total)
                else:
                    bars.waiting(progress.job.id, progress.job.state, progress.elapsed, progress.expected)

            job = await service.wait(job.id, math.inf, show)
            bars.ended(job.id)
            if job.state == "succeeded" and not on_disk(job) and not job.save_error:
                job = await service.download(job)
    except anyio.get_cancelled_exc_class():
        whose = "The sandbox" if settings.sandbox else "The vendor"
        output.remark(f"Stopped waiting. {whose} goes on with job {job.id}: {_come_back(job, settings)}")
        raise
    path = on_disk(job)
    if path is None:
        output.remark(_why_no_video(job, settings))
    elif note := views.record(job).get("note"):
        output.remark(str(note))
    return job


def _code(job: Job) -> int:
    return exit_code(job) if on_disk(job) or job.state != "succeeded" else FAILED


def _why_no_video(job: Job, settings: Settings) -> str:
    reason = clean(job.save_error or job.error_message or "")
    text = f"Job {job.id} {job.state}" + (f": {reason}" if reason else ".")
    if job.state == "succeeded":
        again = output.command("videos", "save", job.id, sandbox=needs_sandbox(settings))
        return f"{text} {again} tries again."
    if job.state == "unknown":
        settle = output.command("videos", "resolve", job.id, sandbox=needs_sandbox(settings))
        return (
            f"{text} Do not create it again: it may be running and billed. Check the vendor's website, then run "
            f"{settle} --task-id TASK_ID, or {settle} --not-charged."
        )
    return text


def _print_jobs(jobs: Sequence[Job], settings: Settings, *, as_json: bool, lines: Sequence[str]) -> None:
    """Print a line for each job, or all that is known: of several jobs, as a list."""
    if as_json:
        known = [fields(job, settings) for job in jobs]
        output.print_json(known[0] if len(known) == 1 else known)
        return
    for line in filter(None, lines):
        print(line)


def _print_quote(quote: Quote, service: JobService, *, as_json: bool) -> None:
    mark = {"sandbox": True} if service.settings.sandbox else {}
    answer = mark | views.quoted(quote, service.url(quote))
    del answer["next_step"]
    if as_json:
        output.print_json(answer)
    else:
        print(views.to_text(answer))
    output.remark("Nothing was sent.")


def _confirm(quote: Quote, settings: Settings, *, agreed: bool) -> None:
    """Return if the person has agreed to the price, or does not want to be asked about it.

    Raises:
        NotConfirmed: nothing was sent.
    """
    limit, cost = settings.confirm_above, quote.total.usd_micros
    needed = cost is None or (limit is not None and cost > limit)
    if agreed or not needed:
        return
    amount = "an unknown amount" if cost is None else f"up to {dollars(cost)}"
    what = "one video" if quote.order.n == 1 else f"{quote.order.n} videos"
    answer = output.ask(f"Spend {amount}{_play_money(settings)} on {what} with {quote.model.id}?")
    if answer:
        return
    if answer is None:
        raise NotConfirmed(
            f"This video may cost {amount}, and there is nobody to ask.", next_step="--yes agrees to it."
        )
    raise NotConfirmed("Nothing was sent.", next_step="")


def _arguments(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options as arguments of create_video."""
    args = {name: value for name in _FIELDS if (value := getattr(options, name)) is not None}
    for pair in options.set:
        name, separator, text = pair.partition("=")
        if not separator:
            raise InvalidRequest(f"--set {pair}: expected NAME=VALUE.", next_step="")
        try:
            args[name] = json.loads(text)
        except ValueError:
            args[name] = text
    for name in _FILES:
        if isinstance(args.get(name), list):
            args[name] = [absolute(value) for value in args[name]]
        elif name in args:
            args[name] = absolute(args[name])
    return args | ({"allow_duplicate": True} if options.again else {})


def absolute(value: str) -> str:
    """Return the absolute path of an existing file, and anything else as it is."""
    path = Path(value).expanduser() if "://" not in value else None
    try:
        return str(path.absolute()) if path and path.exists() else value
    except OSError:
        return value


def _come_back(job: Job, settings: Settings) -> str:
    return output.command("check", job.id, "--wait", sandbox=needs_sandbox(settings))


def _list(settings: Settings) -> str:
    return output.command("videos", sandbox=needs_sandbox(settings))


def _play_money(settings: Settings) -> str:
    return " of play money (sandbox)" if settings.sandbox else ""
