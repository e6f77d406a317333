"""One mutant for each decision about money: accounts, orderly ends, caps, keys, ids, codes, duplicates, clocks."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

from seedance_mcp import settings
from seedance_mcp.jobs import final_cost, outcome, submit
from seedance_mcp.jobs.accounts import Accounts
from seedance_mcp.jobs.housekeeping import Housekeeping
from seedance_mcp.jobs.journal import duplicates, sqlite
from seedance_mcp.jobs.journal.budget import Caps
from seedance_mcp.jobs.journal.day import BudgetDay, budget_day, local_zone
from seedance_mcp.jobs.journal.model import Admission, Job, NewJob
from seedance_mcp.jobs.journal.process_lock import ProcessLock
from seedance_mcp.jobs.journal.sqlite import SqliteJournal
from seedance_mcp.jobs.journal.sqlite_file import SqliteFile
from seedance_mcp.jobs.submit import Submitter
from seedance_mcp.vendors.vendor import Accepted, Answer, Call, Vendor
from seedance_mcp.web import NotSent, OutcomeUnknown, Web
from tests.faults.kill_points import private
from tests.faults.surgeon import Surgeon


def any_key_will_do(surgeon: Surgeon) -> None:
    """A job is polled and sent again with whatever key is configured (decision 1)."""

    def vendor(self: Accounts, job: Job) -> Vendor | None:
        return private(self, "_vendors").get(job.vendor)

    surgeon.replace(Accounts, "vendor", vendor)
    surgeon.replace(Accounts, "payer", vendor)


def stops_interrupt_submissions(surgeon: Surgeon) -> None:
    """An orderly stop gives a submission no time (decision 2)."""
    stop = Submitter.stop

    async def stopping(self: Submitter, _: float) -> None:
        await stop(self, 0.0)

    surgeon.replace(Submitter, "stop", stopping)


def reconciling_ignores_caps(surgeon: Surgeon) -> None:
    """An unknown job is sent again although the caps in force do not allow it (decision 3)."""
    readmit = cast("Callable[[SqliteJournal, str, Caps], Job | None]", private(SqliteJournal, "_readmit"))

    def readmitting(self: SqliteJournal, job_id: str, _: Caps) -> Job | None:
        return readmit(self, job_id, Caps())

    surgeon.replace(SqliteJournal, "_readmit", readmitting)


def nobody_reconciles_unasked(surgeon: Surgeon) -> None:
    """Unknown jobs that another process has left are not taken up (decision 3)."""

    async def reconciling(_: Housekeeping) -> None:
        return

    surgeon.replace(Housekeeping, "_reconcile_all", reconciling)


def purging_forgets_request_keys(surgeon: Surgeon) -> None:
    """What users wrote is deleted together with the request_keys of the jobs (decision 4)."""
    purge = cast("Callable[[SqliteJournal, float], int]", private(SqliteJournal, "_purge"))

    def purging(self: SqliteJournal, before: float) -> int:
        with cast(SqliteFile, private(self, "_file")).transaction() as db:
            db.execute("DELETE FROM request_keys")
        return purge(self, before)

    surgeon.replace(SqliteJournal, "_purge", purging)


def refusals_have_no_ids(surgeon: Surgeon) -> None:
    """An answer with the status of a refusal is one, although it holds the id of a task (decision 5)."""
    accepted = cast("Callable[[Vendor, Answer], Accepted | None]", private(outcome, "_accepted"))

    def reading(vendor: Vendor, answer: Answer) -> Accepted | None:
        return None if answer.status >= 400 else accepted(vendor, answer)

    surgeon.replace(outcome, "_accepted", reading)


def the_body_code_decides(surgeon: Surgeon) -> None:
    """The code in the body of an error counts in place of the HTTP status (decision 6)."""
    read_outcome = submit.read_outcome

    def reading(vendor: Vendor, answer: Answer) -> submit.Outcome:
        refusal = vendor.parse_error(answer)
        return read_outcome(vendor, answer if refusal is None else replace(answer, status=refusal.status))

    surgeon.replace(submit, "read_outcome", reading)


def duplicates_within_ten_minutes(surgeon: Surgeon) -> None:
    """An identical request meets a running or unknown job only while that is young (decision 7)."""
    admit = cast(
        "Callable[[SqliteJournal, tuple[NewJob, ...], Caps], list[Admission]]", private(SqliteJournal, "_admit")
    )
    same = cast("Callable[[sqlite3.Connection, NewJob], Job | None]", private(duplicates, "job_of_call"))
    now = [0.0]

    def admitting(self: SqliteJournal, new: tuple[NewJob, ...], caps: Caps) -> list[Admission]:
        now[0] = private(self, "_clock")()
        return admit(self, new, caps)

    def finding(db: sqlite3.Connection, new: NewJob) -> Job | None:
        job = same(db, new)
        return job if job is not None and now[0] - job.created_at < 600 else None

    surgeon.replace(SqliteJournal, "_admit", admitting)
    surgeon.replace(duplicates, "job_of_call", finding)


def unsent_is_unknown(surgeon: Surgeon) -> None:
    """A job whose connection was refused counts as one that may have been sent (decision 8)."""
    post_once = Web.post_once

    async def posting(self: Web, vendor: Vendor, call: Call) -> Answer:
        try:
            return await post_once(self, vendor, call)
        except NotSent as error:
            raise OutcomeUnknown(str(error)) from error

    surgeon.replace(Web, "post_once", posting)


def unreadable_caps_are_none(surgeon: Surgeon) -> None:
    """A placeholder that the client did not fill in counts as a setting that is not there (decision 9)."""
    reader = private(settings, "_Reader")
    text = cast("Callable[[Any, str], str]", reader.text)

    def reading(self: Any, name: str) -> str:
        return "" if "${" in self.environ.get(name, "") else text(self, name)

    surgeon.replace(reader, "text", reading)


def settled_at_the_prices_of_today(surgeon: Surgeon) -> None:
    """The credits that a vendor reports are converted at the operator's prices of now (decision 10)."""
    charged_usd = final_cost.charged_usd

    def converting(job: Job, charged: Decimal | None) -> int | None:
        worth = json.loads(os.environ["SEEDANCE_PRICES"]).get(job.model, {}).get("usd_per_unit", job.unit_usd)
        return charged_usd(replace(job, unit_usd=str(worth)), charged)

    surgeon.replace(final_cost, "charged_usd", converting)


def late_truths_are_dropped(surgeon: Surgeon) -> None:
    """The id of a task is written down only while its job is being submitted (decision 11)."""
    accept = cast("Callable[[SqliteJournal, Job, str, dict[str, Any]], Job | None]", private(SqliteJournal, "_accept"))
    select = cast("Callable[[SqliteJournal, str, tuple[Any, ...]], list[Job]]", private(SqliteJournal, "_select"))

    def accepting(self: SqliteJournal, job: Job, task_id: str, changes: dict[str, Any]) -> Job | None:
        current = next(iter(select(self, "WHERE id = ?", (job.id,))), replace(job, state="gone"))
        return accept(self, job, task_id, changes) if current.state == "submitting" else current

    surgeon.replace(SqliteJournal, "_accept", accepting)


def each_server_has_its_own_day(surgeon: Surgeon) -> None:
    """The day of the budget is that of the zone of whichever server asks (decision 12)."""

    def today(now: float, _: str, latest: BudgetDay | None) -> BudgetDay:
        return budget_day(now, local_zone(), latest)

    surgeon.replace(sqlite, "budget_day", today)


def lock_file_is_not_renewed(surgeon: Surgeon) -> None:
    """A lock file that was removed stays away, so its living process counts as dead (decision 13)."""

    def renewing(_: ProcessLock) -> None:
        return

    surgeon.replace(ProcessLock, "renew", renewing)


DECISION_MUTANTS: tuple[Callable[[Surgeon], None], ...] = (
    any_key_will_do,
    stops_interrupt_submissions,
    reconciling_ignores_caps,
    nobody_reconciles_unasked,
    purging_forgets_request_keys,
    refusals_have_no_ids,
    the_body_code_decides,
    duplicates_within_ten_minutes,
    unsent_is_unknown,
    unreadable_caps_are_none,
    settled_at_the_prices_of_today,
    late_truths_are_dropped,
    each_server_has_its_own_day,
    lock_file_is_not_renewed,
)
