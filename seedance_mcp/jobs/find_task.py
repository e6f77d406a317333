"""Find the task of a job whose POST was not answered, in the vendor's list of the account's tasks.

A task is the job's if it alone has the job's mark, model, time and shape, and no other job has it. Where no mark could
travel, because the request itself uses the field that carries it, only one task of that model, time and shape may be
without an owner.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from seedance_mcp.catalog import Number
from seedance_mcp.errors import VendorRefused
from seedance_mcp.jobs.journal.model import STATES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from seedance_mcp.catalog import Model, Row
    from seedance_mcp.jobs.journal.model import Job, Journal
    from seedance_mcp.vendors.abilities import Listed, Listing
    from seedance_mcp.vendors.vendor import Vendor
    from seedance_mcp.web import Web

log = logging.getLogger(__name__)

_BEFORE, _AFTER = 120.0, 600.0
"""Seconds by which a task may seem to be earlier or later than its job: clocks differ, and a POST may take long."""
_DAY = 86_400.0
_SHOWN = 5
_PAGES = 50
"""More pages are not read; what they list is older than any job that is looked for."""


class TaskFinder:
    """Settles unknown jobs by a list. Nothing that it sends costs anything or creates anything."""

    def __init__(
        self, journal: Journal, web: Web, clock: Callable[[], float], on_found: Callable[[Job], Awaitable[None]]
    ) -> None:
        """`on_found` is called with each job whose task a list has shown."""
        self._journal, self._web, self._now, self._on_found = journal, web, clock, on_found

    def can(self, job: Job, vendor: Vendor) -> bool:
        """Whether the vendor may still list the task of this job."""
        age = self._now() - job.created_at
        return vendor.listing is not None and 0 <= age < vendor.listing.days * _DAY

    async def settle(self, job: Job, vendor: Vendor) -> Job:
        """Return the job as accepted, if its task is certain; otherwise as it is, with what the list shows.

        Raises:
            VendorUnreachable, VendorRefused, UnexpectedAnswer: the vendor gave no list.
            JournalError: the journal cannot be used.
        """
        model = vendor.model(job.model)
        if vendor.listing is None or model is None:
            return job
        fitting = {
            task.task_id: task
            async for task in self._listed(job, vendor, model, vendor.listing)
            if _fits(task, job, model, vendor.listing)
        }
        if fitting:
            jobs = await self._journal.in_states(STATES)
            for other in jobs:
                fitting.pop(other.task_id or "", None)
        found = list(fitting.values())
        if len(found) != 1:
            return await self._note(job, vendor, found)
        log.warning("job %s is the vendor's task %s, by its list", job.id, found[0].task_id)
        settled = await self._journal.accept(
            job, found[0].task_id, submitted_at=found[0].created_at or job.created_at, account=job.account
        )
        if settled is None:
            return await self._journal.get(job.id) or job
        if settled.open:
            await self._on_found(settled)
        return settled

    async def _listed(self, job: Job, vendor: Vendor, model: Model, listing: Listing) -> AsyncGenerator[Listed]:
        """Yield the tasks of a model, page by page, until they are older than the job."""
        for page in range(1, _PAGES + 1):
            answer = await self._web.call(vendor, listing.build(model, page))
            if refusal := vendor.parse_error(answer):
                raise VendorRefused(f"{vendor.name} did not list its tasks: {refusal.message}.", code=refusal.code)
            tasks = listing.parse(answer)
            for task in tasks:
                yield task
            oldest = min((task.created_at for task in tasks if task.created_at is not None), default=None)
            if not tasks or (oldest is not None and oldest < job.created_at - _BEFORE):
                return

    async def _note(self, job: Job, vendor: Vendor, found: list[Listed]) -> Job:
        if not found:
            message = f"{vendor.name} lists no task that could be this job."
        else:
            ids = ", ".join(task.task_id for task in found[:_SHOWN])
            message = f"{vendor.name} lists several tasks that could be this job: {ids}."
        return await self._journal.note(job.id, error_message=message) or job


def _fits(task: Listed, job: Job, model: Model, listing: Listing) -> bool:
    """Whether a task can be that of a job, as far as the list shows."""
    if task.model not in {"", *model.wires}:
        return False
    if task.created_at is not None and not -_BEFORE <= task.created_at - job.created_at <= _AFTER:
        return False
    unmarked = listing.own_field in (job.request.get("options") or {})
    if not unmarked and task.mark != listing.mark(job.id):
        return False
    return all(_agrees(value, job.request.get(name), model.rows.get(name)) for name, value in task.shape.items())


def _agrees(listed: object, asked: object, row: Row | None) -> bool:
    """Whether a task has what was asked for; where the vendor chose, or nobody asked, it may have anything."""
    automatic = row.automatic if isinstance(row, Number) else "adaptive"
    return asked is None or asked in (automatic, listed) or str(asked).casefold() == str(listed).casefold()
