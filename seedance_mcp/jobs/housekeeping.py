"""What a server does unasked, at its start and every half minute, for the jobs of every server on the journal."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import anyio

from seedance_mcp.errors import SeedanceError
from seedance_mcp.jobs.journal.model import OPEN

if TYPE_CHECKING:
    from seedance_mcp.jobs.accounts import Accounts
    from seedance_mcp.jobs.download.downloader import Downloader
    from seedance_mcp.jobs.journal.model import Journal
    from seedance_mcp.jobs.journal.process_lock import ProcessLock
    from seedance_mcp.jobs.poller import Poller
    from seedance_mcp.jobs.reconcile import Reconciler
    from seedance_mcp.jobs.submit import Submitter
    from seedance_mcp.jobs.timing import Timing
    from seedance_mcp.settings import Settings
    from seedance_mcp.web import Web

log = logging.getLogger(__name__)

_DAY = 86_400
_NOT_SAVED = 50
"""The latest videos among which those are found that are not saved yet."""


class Housekeeping:
    """Recovery after killed processes, reconciliation, adoption of jobs, and the retention period."""

    def __init__(  # noqa: PLR0913  (the parts that it keeps in order)
        self,
        settings: Settings,
        web: Web,
        journal: Journal,
        lock: ProcessLock,
        accounts: Accounts,
        *,
        submitter: Submitter,
        reconciler: Reconciler,
        poller: Poller,
        downloader: Downloader,
        timing: Timing,
    ) -> None:
        self._settings, self._web, self._journal, self._lock, self._accounts = settings, web, journal, lock, accounts
        self._submitter, self._reconciler, self._poller, self._downloader = submitter, reconciler, poller, downloader
        self._pause, self._now = timing.housekeeping, timing.clock
        self._group: anyio.abc.TaskGroup | None = None

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Keep house until cancelled; started once what dead processes left is settled."""
        async with anyio.create_task_group() as self._group:
            await self._try(self.recover)
            task_status.started()
            await self._try(self._check_network)
            while True:
                await self._try(self._reconcile_all)
                await self._try(self._adopt_jobs)
                await self._try(self._apply_retention)
                await anyio.sleep(self._pause)
                await self._try(self._keep_lock)
                await self._try(self.recover)

    async def _try(self, step: Callable[[], Awaitable[None]]) -> None:
        """Do one step; if it fails, log why and go on."""
        try:
            await step()
        except SeedanceError as error:
            log.warning("%s %s", error.sentence, error.next_step)
        except Exception:
            log.exception("housekeeping failed")  # must not end the service

    async def recover(self) -> None:
        """Settle what dead processes left half done, and what this process could not move on."""
        await self._submitter.catch_up()
        for job in await self._journal.recover(self._lock.alive):
            log.warning("job %s was left by a stopped server: now %s", job.id, job.state)

    async def _keep_lock(self) -> None:
        self._lock.renew()

    async def _check_network(self) -> None:
        """Open the HTTP clients, so that an unusable proxy or certificate is reported at the start."""
        await self._web.prepare()

    async def _reconcile_all(self) -> None:
        """Find out the outcome of every unknown job for which that is free, whichever server created it."""
        for job in await self._journal.in_states(("unknown",)):
            if self._group is not None and self._reconciler.can(job):
                self._group.start_soon(self._reconciler.keep_trying, job)

    async def _adopt_jobs(self) -> None:
        """Track every running job and download recent videos that are not saved, whichever server created them."""
        for job in await self._journal.in_states(OPEN):
            if self._accounts.vendor(job):
                await self._poller.track(job)
        for job in (await self._journal.page(("succeeded",), _NOT_SAVED, None)).jobs:
            recent = self._now() - (job.finished_at or 0) < _DAY  # an older link rarely works
            if recent and self._accounts.vendor(job):
                self._downloader.start(job)

    async def _apply_retention(self) -> None:
        if self._settings.retention_days is not None:
            await self._journal.purge(self._now() - self._settings.retention_days * _DAY)
