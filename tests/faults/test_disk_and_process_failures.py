"""Trouble that is no kill: a full disk, a bad journal, a clock set back, a stopped process, a journal that is busy."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from seedance_mcp.catalog.check import check
from seedance_mcp.errors import JournalError, SaveError
from seedance_mcp.jobs import submit
from seedance_mcp.jobs.download.folder import VideoFolder
from seedance_mcp.jobs.download.partial_file import PartialFile
from seedance_mcp.jobs.journal.budget import Caps
from seedance_mcp.jobs.journal.model import OPEN, Job, NewJob
from seedance_mcp.jobs.journal.sqlite import SqliteJournal
from seedance_mcp.vendors import known_vendors
from seedance_mcp.vendors.vendor import Answer
from seedance_mcp.web import Web
from tests.faults.fork_server import scratch
from tests.faults.invariants import inspect
from tests.faults.kill_points import private
from tests.faults.plan import Folder, Plan
from tests.faults.plan import Job as Wanted
from tests.faults.scenarios import Scenario, Stage, go_on, open_stage, stop
from tests.faults.vendor import Orders, video

forking = pytest.mark.skipif(sys.platform == "win32", reason="signals and fork are not to be had there")
pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def stage() -> Generator[Stage]:
    with scratch() as folder, open_stage(folder / "stage") as stage:
        yield stage


# -- the disk -----------------------------------------------------------------------------------------------------


@forking
@pytest.mark.parametrize("vendor", ["seedanceapi", "aigptimage"])
@pytest.mark.parametrize(
    "point", ["intent.before", "submitting.before", "post.body", "submitted.before", "settle.before", "part.opened"]
)
def test_a_disk_that_fills_up_breaks_no_promise(stage: Stage, point: str, vendor: str) -> None:
    name = f"full-{vendor}-{point.replace('.', '-')}"
    told = stage.play(Scenario(name, vendor=vendor, kill=point, disk_full=True, jobs=2))
    assert told.violations == []
    if point in {"intent.before", "submitting.before"}:
        assert told.findings.charges == 0


@forking
@pytest.mark.parametrize("write", ["garbage", "newer", "a file in the place of the folder"])
def test_a_journal_that_cannot_be_used_is_said_and_left_alone(stage: Stage, write: str) -> None:
    folder = stage.new_folder(write.replace(" ", "-"))
    path = folder.journal
    if write == "a file in the place of the folder":
        path = folder.state
        path.write_bytes(b"not a folder")
    else:
        folder.state.mkdir()
        SqliteJournal(folder.state).close()
        if write == "newer":
            with sqlite3.connect(path) as db:
                db.execute("PRAGMA user_version=99")
            db.close()
        else:
            path.write_bytes(b"\x00garbage" * 2000)
    before = path.read_bytes()
    plan = Plan(folder=str(folder.path), origin=stage.doors.origin(), role="open", jobs=[])
    assert stage.fork_server.run(plan) == 4
    [said] = folder.heard()
    assert said["code"] == "journal"
    assert ("newer seedance-mcp" in said["text"]) is (write == "newer")
    assert path.read_bytes() == before


def _new(job_id: str = "a", key: str | None = None) -> NewJob:
    return NewJob(job_id, "v", "v/m", {"prompt": job_id}, job_id, "nobody", 10, None, key)


async def test_a_commit_that_fails_leaves_the_journal_usable(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path)
    await journal.admit(_new(), Caps())
    private(journal, "_db").execute("PRAGMA busy_timeout=20")
    reader = sqlite3.connect(journal.path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM jobs").fetchall()
    with pytest.raises(JournalError):
        await journal.move("a", "submitting", when=("intent",))
    reader.close()
    moved = await journal.move("a", "submitting", when=("intent",))
    assert moved is not None
    assert moved.state == "submitting"
    journal.close()


async def test_an_abandoned_job_gives_its_request_key_back(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path)
    await journal.admit(_new("a", key="k"), Caps())
    [abandoned] = await journal.recover(lambda _: False)
    again = await journal.admit(_new("b", key="k"), Caps())
    journal.close()
    assert abandoned.state == "abandoned"
    assert not again.duplicate


async def test_a_late_look_takes_no_claim_from_who_saves_the_film(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path)
    await journal.admit(_new(), Caps())
    for state, before in (("submitting", "intent"), ("submitted", "submitting"), ("succeeded", "submitted")):
        await journal.move("a", state, when=(before,))
    saving = await journal.claim("a", "desktop", 1800, when=("succeeded",))
    late = await journal.claim("a", "code", 60, when=OPEN)
    other = await journal.claim("a", "code", 1800, when=("succeeded",))
    await journal.note("a", path="film.mp4", save_error=None)
    after = await journal.claim("a", "code", 1800, when=("succeeded",))
    journal.close()
    assert (saving, late, other, after) == (True, False, False, True)


# -- one film, two servers ----------------------------------------------------------------------------------------


@forking
def test_two_servers_bring_a_film_once(stage: Stage) -> None:
    name = "twice"
    folder = stage.new_folder(name)
    jobs = [Wanted("seedanceapi", Orders(f"{name}.0", video="slow"))]
    first = stage.fork_server.bear(Plan(folder=str(folder.path), origin=stage.doors.origin(), jobs=jobs))
    _until(lambda: any(charge.task in stage.ledger.downloads for charge in stage.ledger.of(name)))
    assert stage.fork_server.run(stage.recovering(folder)) == 0
    assert stage.fork_server.wait(first, 40) == 0
    assert inspect(folder, stage.ledger, name).violations == []
    [charge] = stage.ledger.of(name)
    assert stage.ledger.downloads[charge.task] == 1


def test_no_server_names_the_film_that_another_is_still_writing(tmp_path: Path) -> None:
    whole = video("task")
    home = VideoFolder(tmp_path)
    theirs = PartialFile(home, "7kq2m9x4c3pd")
    theirs.restart('"version"')
    theirs.append(whole[:1000])
    with pytest.raises(SaveError, match="Another seedance-mcp is downloading this video"):
        PartialFile(home, "7kq2m9x4c3pd")
    theirs.append(whole[1000:])
    assert theirs.publish(("film.mp4",)).path.read_bytes() == whole
    theirs.close(keep=True)
    home.close()
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


# -- an answer that cannot be written down ------------------------------------------------------------------------


async def _submitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failures: int
) -> tuple[Job | JournalError, Job | None]:
    """Submit a job whose outcome the journal refuses to take so many times."""
    journal = SqliteJournal(tmp_path)
    change = cast("Callable[..., Job | None]", private(journal, "_change"))
    left = failures

    def changing(job_id: str, changes: Mapping[str, Any], when: tuple[str, ...]) -> Job | None:
        nonlocal left
        if changes.get("state") == "submitted" and left:
            left -= 1
            raise sqlite3.OperationalError("database or disk is full")
        return change(job_id, changes, when)

    async def post_once(*_: object) -> Answer:
        return Answer(200, {"code": 200, "data": {"task_id": "task-1"}})

    async def no_sleep(_: float) -> None:
        await anyio.lowlevel.checkpoint()

    monkeypatch.setattr(journal, "_change", changing)
    monkeypatch.setattr(submit, "anyio", SimpleNamespace(sleep=no_sleep))
    vendor = known_vendors()["seedanceapi"]
    request = check(vendor.models[0], {"prompt": "rain"}).request
    assert request is not None
    job = (await journal.admit(_new(), Caps())).job
    web = cast(Web, SimpleNamespace(post_once=post_once))
    try:
        outcome: Job | JournalError = await submit.submit(job, request, vendor, web, journal, {}, "nobody")
    except JournalError as error:
        outcome = error
    row = await journal.get("a")
    journal.close()
    return outcome, row


async def test_a_task_id_is_not_lost_when_the_disk_has_room_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, row = await _submitted(tmp_path, monkeypatch, failures=3)
    assert row is not None
    assert (row.state, row.task_id) == ("submitted", "task-1")


async def test_a_task_id_that_cannot_be_written_down_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, row = await _submitted(tmp_path, monkeypatch, failures=100)
    assert isinstance(outcome, JournalError)
    assert "task-1" in str(outcome)
    assert "Do NOT call create_video again" in str(outcome)
    assert row is not None
    assert (row.state, row.reserved) == ("submitting", 10)


# -- time ---------------------------------------------------------------------------------------------------------


@forking
def test_a_clock_set_back_opens_no_second_budget(stage: Stage) -> None:
    assert stage.turn_back_the_clock("clock").violations == []


@forking
def test_a_server_stopped_for_longer_than_its_lease_is_overtaken_and_does_no_harm_later(stage: Stage) -> None:
    name = "stopped"
    folder = stage.new_folder(name)
    jobs = [Wanted("ope", Orders(f"{name}.{n}", video="slow")) for n in range(4)]
    plan = Plan(folder=str(folder.path), origin=stage.doors.origin(), jobs=jobs, workers=4, lease=0.1)
    stopped = stage.fork_server.bear(plan)
    _until(lambda: sum("acknowledged" in line for line in folder.heard()) == len(jobs))
    stop(stopped)
    other = stage.recovering(folder, lease=0.1)
    assert stage.fork_server.run(other) == 0
    go_on(stopped)
    assert stage.fork_server.wait(stopped, 40) == 0
    assert stage.fork_server.run(stage.recovering(folder)) == 0
    found = inspect(folder, stage.ledger, name)
    assert found.violations == []
    assert found.states == {"succeeded": 4}


@forking
def test_a_stopped_server_keeps_what_it_is_submitting(stage: Stage) -> None:
    name = "asleep"
    folder = Folder(stage.new_folder(name).path)
    plan = Plan(
        folder=str(folder.path), origin=stage.doors.origin(), jobs=[Wanted("seedanceapi", Orders(f"{name}.0", "slow"))]
    )
    sleeper = stage.fork_server.bear(plan)
    _until(lambda: len(stage.ledger.of(name)) == 1)
    stop(sleeper)
    try:
        assert stage.fork_server.run(stage.recovering(folder, patience=0.3)) == 3  # it has nothing to settle
        with sqlite3.connect(folder.journal) as db:
            assert db.execute("SELECT state FROM jobs").fetchall() == [("submitting",)]
        db.close()
    finally:
        go_on(sleeper)
    assert stage.fork_server.wait(sleeper, 40) == 0
    found = inspect(folder, stage.ledger, name)
    assert found.violations == []
    assert found.states == {"succeeded": 1}


def _until(true: Callable[[], bool], seconds: float = 30) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it did not come to pass"
        time.sleep(0.002)
