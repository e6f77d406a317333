"""Submits the variants of one call, one after the other, each of them a job of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from seedance_mcp.errors import SeedanceError
from seedance_mcp.jobs.journal.model import FREE, Admission

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from seedance_mcp.catalog.request import VideoRequest
    from seedance_mcp.jobs.journal.model import Job
    from seedance_mcp.jobs.reconcile import Reconciler
    from seedance_mcp.jobs.submit import Submitter
    from seedance_mcp.vendors.vendor import Vendor


class Variants:
    """Submits admitted jobs in order, and abandons the rest once one is not accepted for certain."""

    def __init__(self, submitter: Submitter, reconciler: Reconciler) -> None:
        self._submitter, self._reconciler = submitter, reconciler

    async def submit(
        self, admissions: Sequence[Admission], request: VideoRequest, vendor: Vendor, group: TaskGroup | None
    ) -> list[Admission]:
        """Submit the new ones of these jobs; return all of them as they are then.

        A job whose outcome is unknown is asked about again in `group`, where that is safe.

        Raises:
            SeedanceError: as `Submitter.submit`; the sentence names the jobs that were accepted before.
        """
        waiting = [admission.job for admission in admissions if not admission.duplicate]
        now: dict[str, Job] = {}
        try:
            while waiting:
                job = waiting.pop(0)
                job = now[job.id] = await self._submitter.submit(job, request, vendor)
                if group is not None and self._reconciler.can(job):
                    group.start_soon(self._reconciler.keep_trying, job)
                if job.state in {*FREE, "unknown"}:
                    break
        except SeedanceError as error:
            accepted = [job.id for job in now.values()]
            if accepted:
                raise _after(error, accepted) from error
            raise
        finally:
            if waiting:
                await self._submitter.withdraw(waiting)
        now |= {job.id: replace(job, state="abandoned", reserved=0) for job in waiting}
        return [replace(each, job=now.get(each.job.id, each.job)) for each in admissions]


def _after(error: SeedanceError, accepted: Sequence[str]) -> SeedanceError:
    """Return an error that also says what was accepted before."""
    before = f"Accepted before that, and paid for: {', '.join(accepted)}."
    return type(error)(f"{error.sentence} {before}", code=error.code, next_step=error.next_step)
