"""Settling a job by hand: what a person has read about it at the vendor's site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seedance_mcp.errors import InvalidRequest
from seedance_mcp.jobs.journal.model import UNFINISHED
from seedance_mcp.jobs.lookup import get_job
from seedance_mcp.vendors.fields import is_task_id

if TYPE_CHECKING:
    from seedance_mcp.jobs.accounts import Accounts
    from seedance_mcp.jobs.journal.model import Job, Journal


async def settle_by_hand(journal: Journal, accounts: Accounts, job_id: str, task_id: str | None, now: float) -> Job:
    """Write down that a job is the vendor's task `task_id`, or was not charged (None); see `JobService.resolve`.

    Raises:
        UnknownJob: there is no such job.
        InvalidRequest: its outcome is known or about to be, or the task is another job's.
    """
    job = await get_job(journal, job_id)
    task_id = None if task_id is None else task_id.strip()
    if task_id is not None and not is_task_id(task_id):
        raise InvalidRequest("That is not the id of a task.", next_step="Copy it from the vendor's site.")
    changes: dict[str, Any] = {"finished_at": now, "error_message": "Settled by hand: not charged."}
    if task_id is not None:
        account = job.account if job.account is not None else accounts.configured(job.vendor)
        changes = {"submitted_at": job.submitted_at or job.created_at, "account": account}
    settled = await journal.settle(job_id, task_id, **changes)
    if settled is None and job.state in UNFINISHED:
        raise InvalidRequest(f"Job {job_id} is being submitted.", next_step="Try again in a few minutes.")
    if settled is None:
        raise InvalidRequest(f"Job {job_id} is {job.state}, so there is nothing to settle.", next_step="")
    return settled
