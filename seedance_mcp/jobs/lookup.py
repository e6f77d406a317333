"""Which job a caller means: by its id, or by a part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedance_mcp.errors import UnknownJob

if TYPE_CHECKING:
    from seedance_mcp.jobs.journal.model import Job, Journal

SHORTEST_ID = 4
"""The fewest characters of an id that can name a job; a video's file name ends with as many."""
_NAMED = 10
"""The most ids that an error names."""


async def get_job(journal: Journal, job_id: str) -> Job:
    """Return a job as the journal has it.

    Raises:
        UnknownJob: the journal has no such job.
    """
    job = await journal.get(job_id)
    if job is None:
        raise UnknownJob(f"There is no job {job_id[:40]!r}.")
    return job


async def find_job(journal: Journal, text: str) -> Job:
    """Return the job with this id, or the only one whose id begins or ends with the text.

    Raises:
        UnknownJob: there is none, or more than one.
    """
    text = text.strip().lower()
    if job := await journal.get(text):
        return job
    if len(text) < SHORTEST_ID:
        raise UnknownJob(f"{text[:40]!r} is too short for an id: at least {SHORTEST_ID} characters are needed.")
    ids = await journal.ids_with_end(text, _NAMED + 1)
    if len(ids) > 1:
        named = ", ".join(ids[:_NAMED]) + (" and others" if len(ids) > _NAMED else "")
        raise UnknownJob(f"{text!r} could be any of {named}.", next_step="Give more of the id.")
    return await get_job(journal, ids[0] if ids else text)
