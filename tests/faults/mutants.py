"""Mutants: deliberate bugs, each the way real programs get this wrong. A campaign that misses one proves nothing.

Each mutant replaces functions of the product, and reports which of them are called: a mutant whose functions are never
called does not count as caught. Those of the decisions about money are in `decision_mutants`.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, cast

from seedance_mcp.catalog.check import check
from seedance_mcp.jobs import submit
from seedance_mcp.jobs.download.folder import VideoFolder
from seedance_mcp.jobs.download.partial_file import PartialFile
from seedance_mcp.jobs.housekeeping import Housekeeping
from seedance_mcp.jobs.journal import budget, sqlite
from seedance_mcp.jobs.journal.budget import Caps, Spending
from seedance_mcp.jobs.journal.day import BudgetDay
from seedance_mcp.jobs.journal.model import Admission, Job, Journal, NewJob
from seedance_mcp.jobs.journal.sqlite import SqliteJournal
from seedance_mcp.jobs.quote import Quote
from seedance_mcp.jobs.service import JobService
from seedance_mcp.vendors.vendor import Answer, Call, Vendor
from seedance_mcp.web import OutcomeUnknown, Web
from tests.faults.decision_mutants import DECISION_MUTANTS
from tests.faults.kill_points import patch, private
from tests.faults.surgeon import Surgeon

_Admit = Callable[[SqliteJournal, NewJob, Caps], Admission]
_Change = Callable[..., Job | None]


def resend_like_an_sdk(surgeon: Surgeon) -> None:
    """A POST whose answer is lost is sent again, as most vendors' own clients do."""
    post_once = Web.post_once

    async def posting(self: Web, vendor: Vendor, call: Call) -> Answer:
        for _ in range(2):
            with suppress(OutcomeUnknown):
                return await post_once(self, vendor, call)
        return await post_once(self, vendor, call)

    surgeon.replace(Web, "post_once", posting)


def journal_after_the_answer(surgeon: Surgeon) -> None:
    """The job is written down after the vendor has answered, and not before it is asked."""
    create = JobService.create

    async def creating(self: JobService, quote: Quote) -> Admission:
        web = cast(Web, private(self, "_web"))
        with suppress(OutcomeUnknown):
            answer = await web.post_once(quote.vendor, quote.call)

            async def answered(*_: object) -> Answer:
                return answer

            patch(web, "post_once", answered)
        return await create(self, quote)

    surgeon.replace(JobService, "create", creating)


def server_errors_are_free(surgeon: Surgeon) -> None:
    """A 5xx counts as a refusal, so its reservation is released."""
    read_outcome = submit.read_outcome

    def reading(vendor: Vendor, answer: Answer) -> submit.Outcome:
        if answer.status >= 500:
            answer = Answer(
                400, {"code": 400, "message": "server error", "msg": "server error", "error": {"message": ""}}
            )
        return read_outcome(vendor, answer)

    surgeon.replace(submit, "read_outcome", reading)


def resend_on_recovery(surgeon: Surgeon) -> None:
    """What a dead process was submitting is submitted again, even where no idempotency key makes that safe."""
    recover = JobService.recover

    async def recovering(self: JobService) -> None:
        await recover(self)
        journal, web = cast(Journal, private(self, "_journal")), cast(Web, private(self, "_web"))
        for job in await self.in_states(("unknown",)):
            model = self.settings.model(job.model)
            vendor = self.settings.vendor_of(model)
            request = check(model, job.request).request
            assert request is not None
            with suppress(OutcomeUnknown):
                task = vendor.parse_submit(await web.post_once(vendor, vendor.build_submit(request))).task_id
                await journal.move(job.id, "submitted", when=("unknown",), task_id=task)

    surgeon.replace(JobService, "recover", recovering)


def check_then_write(surgeon: Surgeon) -> None:
    """The budget is read in one transaction and the reservation written in the next."""
    admit = cast(_Admit, private(SqliteJournal, "_admit"))
    spending = cast("Callable[[SqliteJournal], Spending]", private(SqliteJournal, "_read_spending"))

    def admitting(self: SqliteJournal, new: NewJob, caps: Caps) -> Admission:
        budget.admit(new.reserve, caps, spending(self), new.model)
        time.sleep(0.001)
        return admit(self, new, Caps())

    surgeon.replace(SqliteJournal, "_admit", admitting)


def unknown_releases_its_reservation(surgeon: Surgeon) -> None:
    """A job that may have been charged counts as not charged."""
    change = cast(_Change, private(SqliteJournal, "_change"))

    def changing(
        self: SqliteJournal, job_id: str, changes: dict[str, Any], when: tuple[str, ...], *task: str | None
    ) -> Job | None:
        if changes.get("state") == "unknown":
            changes = {**changes, "reserved": 0}
        return change(self, job_id, changes, when, *task)

    surgeon.replace(SqliteJournal, "_change", changing)


def video_published_before_complete(surgeon: Surgeon) -> None:
    """The video is written under its final name from the start."""
    begin = cast("Callable[[PartialFile], int]", private(PartialFile, "_begin"))

    def beginning(self: PartialFile) -> int:
        file = begin(self)
        folder, name = cast(VideoFolder, private(self, "_folder")), cast(str, private(self, "_name"))
        with suppress(FileExistsError):
            os.link(folder.path / name, folder.path / name.lstrip(".").replace(".part", ".mp4"))
        return file

    surgeon.replace(PartialFile, "_begin", beginning)


def key_logged(surgeon: Surgeon) -> None:
    """The headers of a request are logged, for debugging."""
    headers = cast("Callable[[Web, Vendor, Call], dict[str, str]]", private(Web, "_headers"))

    def building(self: Web, vendor: Vendor, call: Call) -> dict[str, str]:
        built = headers(self, vendor, call)
        for handler in logging.getLogger().handlers:
            handler.filters.clear()
        logging.getLogger("seedance_mcp.web").debug("headers %s", built)
        return built

    surgeon.replace(Web, "_headers", building)


def recovery_does_nothing(surgeon: Surgeon) -> None:
    """What a dead process left half done stays so."""

    async def recovering(_: Housekeeping) -> None:
        return

    surgeon.replace(Housekeeping, "recover", recovering)


def key_in_the_request(surgeon: Surgeon) -> None:
    """The journal holds the whole HTTP request, headers included."""
    admit = cast(_Admit, private(SqliteJournal, "_admit"))
    key = os.environ["SEEDANCE_OPE_API_KEY"]

    def admitting(self: SqliteJournal, new: NewJob, caps: Caps) -> Admission:
        new.request["headers"] = {"authorization": f"Bearer {key}"}
        return admit(self, new, caps)

    surgeon.replace(SqliteJournal, "_admit", admitting)


def answer_before_the_journal(surgeon: Surgeon) -> None:
    """The job is submitted while its row is still only in memory."""

    def admitting(_: SqliteJournal, new: NewJob, __: Caps) -> Admission:
        now = time.time()
        values = (new.id, "submitting", new.vendor, new.model, new.request, new.request_hash, now, now, new.owner, "")
        return Admission(Job(*values, reserved=new.reserve or 0))  # once it is accepted or unknown, it gets a row

    surgeon.replace(SqliteJournal, "_admit", admitting)


def yesterday_comes_back(surgeon: Surgeon) -> None:
    """The budget's day is the clock's, even after the clock was set back."""

    def today(now: float, *_: object) -> BudgetDay:
        return BudgetDay(time.strftime("%Y-%m-%d", time.localtime(now)))

    surgeon.replace(sqlite, "budget_day", today)


MUTANTS: Mapping[str, Callable[[Surgeon], None]] = {
    mutant.__name__: mutant
    for mutant in (
        resend_like_an_sdk,
        journal_after_the_answer,
        server_errors_are_free,
        resend_on_recovery,
        check_then_write,
        unknown_releases_its_reservation,
        video_published_before_complete,
        key_logged,
        key_in_the_request,
        recovery_does_nothing,
        answer_before_the_journal,
        yesterday_comes_back,
        *DECISION_MUTANTS,
    )
}


def apply_mutant(name: str, report: Callable[..., None]) -> None:
    """Turn the product in this process into a mutant; `report` gets the names of replaced and called functions."""
    MUTANTS[name](Surgeon(report))
