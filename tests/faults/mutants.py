"""Bugs planted on purpose, each the way real programs get this wrong. A campaign that misses one proves nothing."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

from seedance_mcp.catalog.check import check
from seedance_mcp.jobs import submit
from seedance_mcp.jobs.download.folder import VideoFolder
from seedance_mcp.jobs.download.partial_file import PartialFile
from seedance_mcp.jobs.journal import budget, sqlite
from seedance_mcp.jobs.journal.budget import Caps, Spending
from seedance_mcp.jobs.journal.model import Admission, Job, NewJob
from seedance_mcp.jobs.journal.sqlite import SqliteJournal
from seedance_mcp.jobs.quote import Quote
from seedance_mcp.jobs.service import Created, JobService
from seedance_mcp.vendors.vendor import Answer, Call, Vendor
from seedance_mcp.web import OutcomeUnknown, Web
from tests.faults.kill_points import patch, private


def resend_like_an_sdk() -> None:
    """A lost answer is retried, as most vendors' own clients do."""
    post_once = Web.post_once

    async def posting(self: Web, vendor: Vendor, call: Call) -> Answer:
        for _ in range(2):
            with suppress(OutcomeUnknown):
                return await post_once(self, vendor, call)
        return await post_once(self, vendor, call)

    patch(Web, "post_once", posting)


def journal_after_the_answer() -> None:
    """The job is written down when the vendor has answered, and not before it is asked."""
    create = JobService.create

    async def creating(self: JobService, quote: Quote, args: Mapping[str, Any]) -> Created:
        web = cast(Web, private(self, "_web"))
        with suppress(OutcomeUnknown):
            answer = await web.post_once(quote.vendor, quote.call)

            async def answered(*_: object) -> Answer:
                return answer

            patch(web, "post_once", answered)
        return await create(self, quote, args)

    patch(JobService, "create", creating)


def server_errors_are_free() -> None:
    """A 5xx counts as a refusal, so that its reservation is released."""
    read = submit.read

    def reading(vendor: Vendor, answer: Answer) -> Any:
        if answer.status >= 500:
            answer = Answer(
                400, {"code": 400, "message": "server error", "msg": "server error", "error": {"message": ""}}
            )
        return read(vendor, answer)

    patch(submit, "read", reading)


def resend_on_recovery() -> None:
    """What a dead process was submitting is submitted again, also where no key makes that safe."""
    recover = JobService.recover

    async def recovering(self: JobService) -> None:
        await recover(self)
        for job in await self.journal.in_states(("unknown",)):
            vendor = self.settings.vendor(job.vendor)
            model = next(m for m in self.settings.models if m.id == job.model)
            request = check(model, job.request).request
            assert vendor is not None
            assert request is not None
            with suppress(OutcomeUnknown):
                web = cast(Web, private(self, "_web"))
                task = vendor.parse_submit(await web.post_once(vendor, vendor.build_submit(request))).task_id
                await self.journal.move(job.id, "submitted", when=("unknown",), task_id=task)

    patch(JobService, "recover", recovering)


def check_then_write() -> None:
    """The budget is read in one transaction and the reservation written in the next."""
    admit = cast("Callable[[SqliteJournal, NewJob, Caps], Admission]", private(SqliteJournal, "_admit"))
    spending = cast("Callable[[SqliteJournal], Spending]", private(SqliteJournal, "_read_spending"))

    def admitting(self: SqliteJournal, new: NewJob, caps: Caps) -> Admission:
        budget.admit(new.reserve, caps, spending(self), new.model)
        time.sleep(0.001)
        return admit(self, new, Caps())

    patch(SqliteJournal, "_admit", admitting)


def _on_change(alter: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    change = cast(
        "Callable[[SqliteJournal, str, dict[str, Any], tuple[str, ...]], Job | None]",
        private(SqliteJournal, "_change"),
    )

    def changing(self: SqliteJournal, job_id: str, changes: dict[str, Any], when: tuple[str, ...]) -> Job | None:
        return change(self, job_id, alter(changes), when)

    patch(SqliteJournal, "_change", changing)


def unknown_releases_its_reservation() -> None:
    """What is not known to be charged counts as not charged."""
    _on_change(lambda changes: {**changes, "reserved": 0} if changes.get("state") == "unknown" else changes)


def video_published_before_complete() -> None:
    """The film is written under its final name from the start."""
    begin = cast("Callable[[PartialFile], int]", private(PartialFile, "_begin"))

    def beginning(self: PartialFile) -> int:
        file = begin(self)
        home, name = cast("VideoFolder", private(self, "_folder")), cast("str", private(self, "_name"))
        with suppress(FileExistsError):
            os.link(home.path / name, home.path / name.lstrip(".").replace(".part", ".mp4"))
        return file

    patch(PartialFile, "_begin", beginning)


def key_logged() -> None:
    """The headers of a request are logged, for debugging."""
    headers = cast("Callable[[Web, Vendor, Call], dict[str, str]]", private(Web, "_headers"))

    def making(self: Web, vendor: Vendor, call: Call) -> dict[str, str]:
        made = headers(self, vendor, call)
        for handler in logging.getLogger().handlers:
            handler.filters.clear()
        logging.getLogger("seedance_mcp.web").debug("headers %s", made)
        return made

    patch(Web, "_headers", making)


def recovery_looks_away() -> None:
    """What a dead process was doing is left as it is."""

    async def recovering(_: JobService) -> None:
        return

    patch(JobService, "recover", recovering)


def key_in_the_request() -> None:
    """The journal remembers the whole HTTP request, its headers included."""
    admit = cast("Callable[[SqliteJournal, NewJob, Caps], Admission]", private(SqliteJournal, "_admit"))
    key = os.environ["SEEDANCE_OPE_API_KEY"]

    def admitting(self: SqliteJournal, new: NewJob, caps: Caps) -> Admission:
        new.request["headers"] = {"authorization": f"Bearer {key}"}
        return admit(self, new, caps)

    patch(SqliteJournal, "_admit", admitting)


def answer_before_the_journal() -> None:
    """The job id is answered while the intent is still in memory only."""
    admit = cast("Callable[[SqliteJournal, NewJob, Caps], Admission]", private(SqliteJournal, "_admit"))
    change = cast(
        "Callable[[SqliteJournal, str, dict[str, Any], tuple[str, ...]], Job | None]",
        private(SqliteJournal, "_change"),
    )
    kept: dict[str, tuple[NewJob, Caps]] = {}

    def admitting(self: SqliteJournal, new: NewJob, caps: Caps) -> Admission:
        kept[new.id] = new, caps
        now = time.time()
        values = (new.id, "intent", new.vendor, new.model, new.request, new.request_hash, now, now, new.owner, "")
        return Admission(Job(*values, reserved=new.reserve or 0))

    def changing(self: SqliteJournal, job_id: str, changes: dict[str, Any], when: tuple[str, ...]) -> Job | None:
        if job_id not in kept:
            return change(self, job_id, changes, when)
        new, caps = kept[job_id]
        if changes.get("state") == "submitting":
            now = time.time()
            values = (
                new.id,
                "submitting",
                new.vendor,
                new.model,
                new.request,
                new.request_hash,
                now,
                now,
                new.owner,
                "",
            )
            return Job(*values, reserved=new.reserve or 0)
        del kept[job_id]
        admit(self, new, caps)
        return change(self, job_id, changes, ())

    patch(SqliteJournal, "_admit", admitting)
    patch(SqliteJournal, "_change", changing)


def yesterday_comes_back() -> None:
    """The day of the budget is what the clock says, also when it is set back."""

    def today(_: object, now: float) -> str:
        return time.strftime("%Y-%m-%d", time.localtime(now))

    patch(sqlite, "_today", today)


BUGS: Mapping[str, Callable[[], None]] = {
    bug.__name__: bug
    for bug in (
        resend_like_an_sdk,
        journal_after_the_answer,
        server_errors_are_free,
        resend_on_recovery,
        check_then_write,
        unknown_releases_its_reservation,
        video_published_before_complete,
        key_logged,
        key_in_the_request,
        recovery_looks_away,
        answer_before_the_journal,
        yesterday_comes_back,
    )
}


def apply_mutant(name: str) -> Sequence[str]:
    """Plant a bug in this process."""
    BUGS[name]()
    return [name]
