"""The parts of a job service, and which of them know each other."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seedance_mcp.jobs.accounts import Accounts
from seedance_mcp.jobs.download.downloader import Downloader
from seedance_mcp.jobs.events import JobEvents
from seedance_mcp.jobs.housekeeping import Housekeeping
from seedance_mcp.jobs.journal.budget import caps
from seedance_mcp.jobs.poller import Poller
from seedance_mcp.jobs.price_lists import PriceLists
from seedance_mcp.jobs.quoter import Quoter
from seedance_mcp.jobs.reconcile import Reconciler
from seedance_mcp.jobs.submit import Submitter
from seedance_mcp.jobs.waiter import Waiter
from seedance_mcp.uploads.uploader import Uploader

if TYPE_CHECKING:
    from seedance_mcp.jobs.journal.model import Job, Journal
    from seedance_mcp.jobs.journal.process_lock import ProcessLock
    from seedance_mcp.jobs.timing import Timing
    from seedance_mcp.media.inspector import Inspector
    from seedance_mcp.settings import Settings
    from seedance_mcp.web import Web


@dataclass(frozen=True, slots=True)
class Parts:
    """What one `JobService` consists of. Nothing runs until the service does."""

    accounts: Accounts
    events: JobEvents
    price_lists: PriceLists
    quoter: Quoter
    uploader: Uploader
    submitter: Submitter
    reconciler: Reconciler
    downloader: Downloader
    poller: Poller
    waiter: Waiter
    housekeeping: Housekeeping


def make_parts(
    settings: Settings,
    web: Web,
    journal: Journal,
    lock: ProcessLock,
    *,
    autosave: bool,
    inspector: Inspector,
    timing: Timing,
) -> Parts:
    """Make the parts of a service of one journal."""
    accounts = Accounts(settings)
    events = JobEvents()
    downloader = Downloader(
        journal,
        web,
        {v.slug: v for v in settings.vendors},
        lock.id,
        folder=settings.output_dir,
        autosave=autosave,
        inspector=inspector,
        on_change=events.notify,
        timing=timing.downloads,
    )
    poller = Poller(
        journal,
        web,
        accounts,
        lock.id,
        downloader=downloader,
        on_change=events.notify,
        interval=settings.poll_interval or (0.5 if settings.sandbox else None),
        timing=timing,
    )

    async def on_submitted(job: Job) -> None:
        await poller.track(job)
        events.notify(job.id)

    submitter = Submitter(journal, web, accounts, lock.id, on_submitted=on_submitted, timing=timing)
    uploader = Uploader(settings, web, timing.uploads)
    reconciler = Reconciler(
        journal, accounts, submitter.repeat, uploader.as_sent, functools.partial(caps, settings), timing
    )
    price_lists = PriceLists(settings, web, timing)
    return Parts(
        accounts=accounts,
        events=events,
        price_lists=price_lists,
        quoter=Quoter(settings, journal, price_lists, inspector),
        uploader=uploader,
        submitter=submitter,
        reconciler=reconciler,
        downloader=downloader,
        poller=poller,
        waiter=Waiter(
            settings,
            journal,
            accounts,
            events,
            poller=poller,
            reconciler=reconciler,
            downloader=downloader,
            timing=timing,
        ),
        housekeeping=Housekeeping(
            settings,
            web,
            journal,
            lock,
            accounts,
            submitter=submitter,
            reconciler=reconciler,
            poller=poller,
            downloader=downloader,
            timing=timing,
        ),
    )
