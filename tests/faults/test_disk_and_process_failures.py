"""Failures that are not kills: a full disk, a bad journal, a clock set back, a stopped process, a busy journal."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from seedance_mcp.catalog.check import check
from seedance_mcp.errors import JournalError, SaveError
from seedance_mcp.jobs.accounts import Accounts
from seedance_mcp.jobs.download.folder import VideoFolder
from seedance_mcp.jobs.download.partial_file import PartialFile
from seedance_mcp.jobs.journal.budget import Caps
from seedance_mcp.jobs.journal.model import OPEN, Job, NewJob
from seedance_mcp.jobs.journal.sqlite import SqliteJournal
from seedance_mcp.jobs.submit import Submitter
from seedance_mcp.jobs.timing import SubmitTiming, Timing
from seedance_mcp.settings import load
from seedance_mcp.web import Web
from tests.faults import plan as plans
from tests.faults.behaviours import Script, video
from tests.faults.invariants import inspect
from tests.faults.plan import Folder, Plan
from tests.faults.runner import Runner
from tests.faults.scenarios import Scenario

forking = pytest.mark.skipif(sys.platform == "win32", reason="signals and fork do not exist there")
pytestmark = pytest.mark.anyio


def _until(condition: Callable[[], bool], seconds: float = 30) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "the condition did not become true in time"
        time.sleep(0.002)


# -- the disk -----------------------------------------------------------------------------------------------------


@forking
@pytest.mark.parametrize("vendor", ["seedanceapi", "aigptimage"])
@pytest.mark.parametrize(
    "point", ["submitting.before", "post.body", "submitted.before", "ended.before", "download.opened"]
)
def test_a_disk_that_fills_up_breaks_no_promise(runner: Runner, point: str, vendor: str) -> None:
    name = f"full-{vendor}-{point.replace('.', '-')}"
    result = runner.run(Scenario(name, vendor=vendor, kill=point, disk_full=True, jobs=2))
    assert result.violations == []
    if point == "submitting.before":
        assert result.findings.charges == 0


@forking
@pytest.mark.parametrize("written", ["garbage", "newer", "a file in the place of the folder"])
def test_a_journal_that_cannot_be_used_is_reported_and_left_alone(runner: Runner, written: str) -> None:
    folder = runner.new_folder(written.replace(" ", "-"))
    path = folder.journal
    if written == "a file in the place of the folder":
        path = folder.state
        path.write_bytes(b"not a folder")
    else:
        folder.state.mkdir()
        SqliteJournal(folder.state).close()
        if written == "newer":
            with closing(sqlite3.connect(path)) as db:
                db.execute("PRAGMA user_version=99")
        else:
            path.write_bytes(b"\x00garbage" * 2000)
    before = path.read_bytes()
    plan = Plan(folder=str(folder.path), origin=runner.ports.origin, role="open", jobs=[])
    assert runner.fork_server.run(plan) == 4
    [report] = folder.reports()
    assert report["code"] == "journal"
    assert ("newer seedance-mcp" in report["text"]) is (written == "newer")
    assert path.read_bytes() == before


def _new(job_id: str = "a", key: str | None = None) -> NewJob:
    return NewJob(job_id, "v", "v/m", {"prompt": job_id}, job_id, "nobody", 10, None, "account", request_key=key)


async def test_a_commit_that_fails_leaves_the_journal_usable(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path)
    await journal.admit(_new(), Caps())
    journal.hurry(0.02)
    reader = sqlite3.connect(journal.path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM jobs").fetchall()
    with pytest.raises(JournalError):
        await journal.move("a", "submitted", when=("submitting",))
    reader.close()
    moved = await journal.move("a", "submitted", when=("submitting",))
    assert moved is not None
    assert moved.state == "submitted"
    journal.close()


async def test_an_abandoned_job_frees_its_request_key(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path)
    await journal.admit(_new("a", key="k"), Caps())
    await journal.move("a", "intent", when=("submitting",))  # as an older version left it
    [abandoned] = await journal.recover(lambda _: False)
    again = await journal.admit(_new("b", key="k"), Caps())
    journal.close()
    assert abandoned.state == "abandoned"
    assert not again.duplicate


async def test_a_late_poll_does_not_take_the_lease_of_the_server_that_saves_the_video(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path)
    await journal.admit(_new(), Caps())
    for state, before in (("submitted", "submitting"), ("succeeded", "submitted")):
        await journal.move("a", state, when=(before,))
    saving = await journal.claim("a", "desktop", 1800, when=("succeeded",))
    late = await journal.claim("a", "code", 60, when=OPEN)
    other = await journal.claim("a", "code", 1800, when=("succeeded",))
    await journal.note("a", path="video.mp4", save_error=None)
    after = await journal.claim("a", "code", 1800, when=("succeeded",))
    journal.close()
    assert (saving, late, other, after) == (True, False, False, True)


# -- one video, two servers ---------------------------------------------------------------------------------------


@forking
def test_two_servers_download_a_video_once(runner: Runner) -> None:
    name = "twice"
    folder = runner.new_folder(name)
    jobs = [plans.Job("seedanceapi", Script(f"{name}.0", download="slow"))]
    first = runner.fork_server.start(Plan(folder=str(folder.path), origin=runner.ports.origin, jobs=jobs))
    _until(lambda: any(charge.task in runner.ledger.downloads for charge in runner.ledger.charges(name)))
    assert runner.fork_server.run(runner.recovery(folder)) == 0
    assert runner.fork_server.wait(first, 40) == 0
    assert inspect(folder, runner.ledger, name).violations == []
    [charge] = runner.ledger.charges(name)
    assert runner.ledger.downloads[charge.task] == 1


def test_no_server_names_the_video_that_another_is_still_writing(tmp_path: Path) -> None:
    whole = video("task")
    home = VideoFolder(tmp_path)
    theirs = PartialFile(home, "7kq2m9x4c3pd")
    theirs.restart('"version"')
    theirs.append(whole[:1000])
    with pytest.raises(SaveError, match="Another seedance-mcp is downloading this video"):
        PartialFile(home, "7kq2m9x4c3pd")
    theirs.append(whole[1000:])
    assert theirs.publish(("video.mp4",)).path.read_bytes() == whole
    theirs.close(keep=True)
    home.close()
    assert [path.name for path in tmp_path.iterdir()] == ["video.mp4"]


# -- an outcome that cannot be written down -----------------------------------------------------------------------


class FullDiskJournal(SqliteJournal):
    """A journal that cannot record so many times that a job was accepted."""

    failures = 0

    async def accept(self, job: Job, task_id: str, **changes: Any) -> Job | None:
        if self.failures:
            self.failures -= 1
            raise JournalError("The journal cannot be used (database or disk is full).")
        return await super().accept(job, task_id, **changes)


async def _ignore(_: Job) -> None:
    pass


async def _submit(tmp_path: Path, failures: int) -> tuple[Job | JournalError, Job | None]:
    """Submit a job whose outcome the journal cannot take so many times; return the outcome and the row."""
    journal = FullDiskJournal(tmp_path)
    journal.failures = failures
    settings = load({"SEEDANCE_SEEDANCEAPI_API_KEY": "sk-test", "SEEDANCE_STATE_DIR": str(tmp_path)})
    accepted = {"code": 200, "data": {"task_id": "task-1"}}
    web = Web(settings, httpx2.MockTransport(lambda _: httpx2.Response(200, json=accepted)))
    timing = Timing(submit=SubmitTiming(write_pauses=(0, 0, 0, 0)))
    [vendor] = settings.vendors
    request = check(vendor.models[0], {"prompt": "rain"}).request
    assert request is not None
    submitter = Submitter(journal, web, Accounts(settings), "nobody", on_submitted=_ignore, timing=timing)
    outcome: Job | JournalError
    async with anyio.create_task_group() as group:
        submitter.open(group)
        try:
            outcome = (await submitter.create(_new(), Caps(), request, vendor)).job
        except JournalError as error:
            outcome = error
    row = await journal.get("a")
    await web.aclose()
    journal.close()
    return outcome, row


async def test_a_task_id_is_not_lost_when_the_disk_has_room_again(tmp_path: Path) -> None:
    _, row = await _submit(tmp_path, failures=3)
    assert row is not None
    assert (row.state, row.task_id) == ("submitted", "task-1")


async def test_a_task_id_that_cannot_be_written_down_is_in_the_error(tmp_path: Path) -> None:
    outcome, row = await _submit(tmp_path, failures=100)
    assert isinstance(outcome, JournalError)
    assert "task-1" in str(outcome)
    assert "Do NOT call create_video again" in str(outcome)
    assert row is not None
    assert (row.state, row.reserved) == ("submitting", 10)


# -- time ---------------------------------------------------------------------------------------------------------


@forking
@pytest.mark.parametrize(("lease", "overtaken"), [(0.3, True), (30.0, False)])
def test_the_lease_of_a_stopped_server_on_polling_a_job_ends_when_its_time_is_up(
    runner: Runner, lease: float, overtaken: bool
) -> None:
    name = f"lease-{overtaken}"
    folder = runner.new_folder(name)
    jobs = [plans.Job("seedanceapi", Script(f"{name}.0", poll="drip_once"))]
    plan = Plan(folder=str(folder.path), origin=runner.ports.origin, jobs=jobs, save=False, lease=lease)
    stopped = runner.fork_server.start(plan)
    _until(lambda: "lease_owner" in _row(folder))
    os.kill(stopped, signal.SIGSTOP)
    try:
        code = runner.fork_server.run(runner.recovery(folder, save=False, lease=lease, patience=10 if overtaken else 1))
        row = _row(folder)
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert code == (0 if overtaken else 3)
    assert row["state"] == ("succeeded" if overtaken else "submitted")
    assert runner.fork_server.wait(stopped, 40) == 0
    assert inspect(folder, runner.ledger, name).violations == []


@forking
def test_a_server_stopped_during_a_download_is_overtaken_and_does_no_harm_later(runner: Runner) -> None:
    name = "stopped"
    folder = runner.new_folder(name)
    jobs = [plans.Job("ope", Script(f"{name}.{n}", download="slow")) for n in range(4)]
    plan = Plan(folder=str(folder.path), origin=runner.ports.origin, jobs=jobs, workers=4, lease=0.5)
    stopped = runner.fork_server.start(plan)
    _until(lambda: any(path.stat().st_size for path in folder.videos.glob(".*.part")))
    os.kill(stopped, signal.SIGSTOP)
    try:
        assert runner.fork_server.run(runner.recovery(folder, lease=0.5)) == 0
        with closing(sqlite3.connect(folder.journal)) as db:
            errors = [row[0] for row in db.execute("SELECT save_error FROM jobs WHERE save_error IS NOT NULL")]
    finally:
        os.kill(stopped, signal.SIGCONT)
    # The lease on the download has ended; the lock on the partial file has not.
    assert any("Another seedance-mcp is downloading this video" in error for error in errors)
    assert runner.fork_server.wait(stopped, 40) == 0
    assert runner.fork_server.run(runner.recovery(folder)) == 0
    found = inspect(folder, runner.ledger, name)
    # A partial file of a video that the other server has saved meanwhile stays for a week, then it is removed.
    assert [each for each in found.violations if not each.endswith("is left over")] == []
    assert found.states == {"succeeded": 4}


@forking
def test_a_stopped_server_keeps_the_job_that_it_is_submitting(runner: Runner) -> None:
    name = "asleep"
    folder = runner.new_folder(name)
    jobs = [plans.Job("seedanceapi", Script(f"{name}.0", "slow"))]
    sleeper = runner.fork_server.start(Plan(folder=str(folder.path), origin=runner.ports.origin, jobs=jobs))
    _until(lambda: len(runner.ledger.charges(name)) == 1)
    os.kill(sleeper, signal.SIGSTOP)
    try:
        assert runner.fork_server.run(runner.recovery(folder, patience=0.3)) == 3  # it has nothing to settle
        assert _row(folder)["state"] == "submitting"
    finally:
        os.kill(sleeper, signal.SIGCONT)
    assert runner.fork_server.wait(sleeper, 40) == 0
    found = inspect(folder, runner.ledger, name)
    assert found.violations == []
    assert found.states == {"succeeded": 1}


def _row(folder: Folder) -> dict[str, Any]:
    """Return what the journal knows about its only job; nothing while there is no job."""
    if not folder.journal.exists():
        return {}
    with closing(sqlite3.connect(folder.journal)) as db:
        db.row_factory = sqlite3.Row
        try:
            row = db.execute("SELECT * FROM jobs").fetchone()
        except sqlite3.OperationalError:  # its tables are being created
            return {}
    return {} if row is None else {name: row[name] for name in row.keys() if row[name] is not None}  # noqa: SIM118  (a Row)
