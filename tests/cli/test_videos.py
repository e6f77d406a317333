"""`seedance-mcp videos`: what the journal has, what it cost, how long videos last; settling and purging jobs."""

from __future__ import annotations

import hashlib
import json
import re
import time
from pathlib import Path

import pytest

from seedance_mcp.jobs.journal.budget import Caps
from seedance_mcp.jobs.journal.model import NewJob
from seedance_mcp.jobs.journal.process_lock import ProcessLock
from seedance_mcp.jobs.journal.sqlite import SqliteJournal
from tests.cli.command import run, run_async
from tests.cli.vendors_over_http import LASTING, VIDEO, Vendors
from tests.server.mcp_client import PRICED, connected, inspect_video

pytestmark = pytest.mark.anyio

# -- the list -----------------------------------------------------------------------------------------------------


async def test_videos_are_listed_with_what_they_cost(tmp_path: Path) -> None:
    async with connected(tmp_path, "legacy") as session:
        finished = await session.video(**PRICED)
        failed = await session.video("a hare. sandbox: fail content_policy", **PRICED)
        cost = finished["cost"]["usd"]
        listed = (await session.call("list_videos")).fields
    printed = json.loads((await run_async(tmp_path, "videos", "--json")).out)
    more = {"url", "size_bytes", "sha256"}
    assert printed.pop("sandbox") is True
    assert listed.pop("sandbox")
    assert printed | {"videos": [{k: v for k, v in x.items() if k not in more} for x in printed["videos"]]} == listed
    table = await run_async(tmp_path, "videos")
    assert table.code == 0
    assert finished["job_id"] in table.out
    assert failed["job_id"] in (await run_async(tmp_path, "videos", columns=80)).out
    assert f"${cost:.2f}" in table.out
    (only,) = json.loads((await run_async(tmp_path, "videos", "--json", "--limit", "1")).out)["videos"]
    assert only["job_id"] == failed["job_id"]
    (total,) = json.loads((await run_async(tmp_path, "videos", "--spend", "--json")).out)
    assert (total["model"], total["jobs"]) == (PRICED["model"], 2)
    assert total["spent"] >= cost * 1_000_000
    assert str(PRICED["model"]) in (await run_async(tmp_path, "videos", "--spend")).out


def test_an_empty_journal_is_reported_as_empty(tmp_path: Path) -> None:
    assert "No videos yet." in run(tmp_path, "videos").err
    assert "Nothing has been spent yet." in run(tmp_path, "videos", "--spend").err
    assert json.loads(run(tmp_path, "videos", "--json").out)["videos"] == []


async def test_the_list_shows_how_long_links_last_and_where_videos_are(vendors: Vendors) -> None:
    (lasting,) = await vendors.create_videos("a red kite", **LASTING)
    async with vendors.server() as session:
        other = (await session.video("a fox", **PRICED))["job_id"]
        failed = (await session.video("a hare. sandbox: fail content_policy", **PRICED))["job_id"]
        saved = (await session.video("an owl", **PRICED))["job_id"]
    await vendors.run("save", saved)

    async def lines() -> dict[str, str]:
        return {line.split()[0]: line for line in (await vendors.run(COLUMNS="300")).out.splitlines() if line}

    line_of = await lines()
    assert re.search(r" succeeded .* in 2 d .* http://127\.0\.0\.1:\d+/videos/", line_of[lasting])
    assert re.search(r" succeeded .* unknown .* http://127\.0\.0\.1:\d+/videos/", line_of[other])
    assert re.search(r" failed .* \S", line_of[failed])
    assert re.search(
        rf" succeeded .* \$0\.57 .* saved .* {vendors.videos}/\S+-an-owl-{saved[-4:]}\.mp4", line_of[saved]
    )
    shown = await vendors.listed()
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", shown[lasting]["url_expires_at"])
    assert "url_expires_at" not in shown[other] | shown[saved] | shown[failed]
    assert shown[saved]["size_bytes"] == len(VIDEO)
    assert shown[saved]["sha256"] == hashlib.sha256(VIDEO).hexdigest()
    for age, text in (
        (3 * 86_400 - 5 * 3600 - 60, "in 5 h"),
        (3 * 86_400 - 630, "in 10 min"),
        (3 * 86_400, "expired"),
    ):
        vendors.update_jobs("UPDATE jobs SET finished_at = ?", time.time() - age)
        line_of = await lines()
        assert f" {text} " in line_of[lasting]
        assert " saved " in line_of[saved]
    Path(shown[saved]["path"]).unlink()
    assert " unknown " in (await lines())[saved]


async def test_each_job_has_one_line_with_its_prompt_at_any_width(vendors: Vendors) -> None:
    prompts = ("[/red] a fox :fox: \x1b[31m\nin two lines", "a long way home over the hills and far away " * 5)
    jobs = await vendors.create_videos(*prompts, **PRICED)
    await vendors.run("save", jobs[0])
    for columns in (60, 80, 120, 200):
        result = await vendors.run(columns=columns)
        head, *rows = result.out.splitlines()
        assert [row.split()[0] for row in rows] == jobs[::-1]
        assert max(map(len, (head, *rows))) <= columns
        assert "\x1b" not in result.out
        assert {"job", "state", "cost", "expires", "prompt"} <= set(head.split())
        assert ("model" in head.split()) is (columns >= 120)
        assert "a long way home" in rows[0]
        assert "[/red] a fox" in rows[1]
        assert f"The videos are in {vendors.videos}" in result.err
    assert rows[1].split()[-1] in {path.name for path in vendors.videos.iterdir()}
    whole = await vendors.run()
    assert prompts[1].strip() in whole.out
    assert "[/red] a fox :fox:" in whole.out
    assert "…" not in whole.out
    assert (await vendors.run("--wide", columns=60)).out == whole.out


# -- one job ------------------------------------------------------------------------------------------------------


async def test_one_job_is_shown_by_the_end_of_its_id(vendors: Vendors) -> None:
    (job,) = await vendors.create_videos("a red kite", **LASTING)
    result = await vendors.run("show", job[-4:])
    assert (result.code, result.err) == (0, "")
    assert f"job_id: {job}\nstate: succeeded\n" in result.out
    assert "prompt: a red kite" in result.out
    for arguments in (["show", job, "--json"], ["--json", "show", job]):
        shown = json.loads((await vendors.run(*arguments)).out)
        assert (shown["job_id"], shown["prompt"]) == (job, "a red kite")
        assert shown["url_expires_at"]


async def test_the_error_about_an_ambiguous_id_names_every_job_it_could_mean(tmp_path: Path) -> None:
    owner = ProcessLock(tmp_path / "state" / "sandbox" / "owners")
    journal = SqliteJournal(tmp_path / "state" / "sandbox")
    for job_id in ("kite23456789", "kite98765432"):
        new = NewJob(job_id, "ope", "ope/seedance-2-0", {"prompt": job_id}, job_id, owner.id, None, None, "account")
        await journal.admit(new, Caps())
    journal.close()
    owner.release()
    for arguments in (["save", "kite"], ["open", "kite"], ["show", "kite"]):
        result = await run_async(tmp_path, "videos", *arguments)
        assert result.code == 1
        assert re.search(
            r"'kite' could be any of (kite23456789, kite98765432|kite98765432, kite23456789)\.", result.err
        )
    assert "It ended as abandoned" in (await run_async(tmp_path, "videos", "save", "kite9")).err


# -- resolve and purge --------------------------------------------------------------------------------------------


async def test_a_job_with_an_unknown_outcome_is_settled_by_hand(tmp_path: Path) -> None:
    async with connected(tmp_path, "legacy") as session:
        lost = [(await session.create(f"{n}. sandbox: lose-answer", **PRICED))["job_id"] for n in ("one", "two")]
        running = (await session.create("a fox. sandbox: slow 3600", **PRICED))["job_id"]
        ended = (await session.video("a bear", **PRICED))["job_id"]
    assert (
        await run_async(tmp_path, "videos", "resolve", lost[0], "--not-charged")
    ).out == f"{lost[0]} is now rejected.\n"
    found = await run_async(tmp_path, "videos", "resolve", lost[1], "--task-id", "task-42")
    assert (found.code, found.out) == (0, f"{lost[1]} is now submitted.\n")
    states = {
        v["job_id"]: v["state"] for v in json.loads((await run_async(tmp_path, "videos", "--json")).out)["videos"]
    }
    assert states[lost[0]] == "rejected"
    assert states[lost[1]] in {"submitted", "queued", "running"}
    # What a person said can be corrected, and so can a job that the vendor never ends.
    for job in (lost[0], running):
        again = await run_async(tmp_path, "videos", "resolve", job, "--not-charged")
        assert (again.code, again.out) == (0, f"{job} is now rejected.\n")
    done = await run_async(tmp_path, "videos", "resolve", ended, "--not-charged")
    assert done.code == 1
    assert "is succeeded, so there is nothing to settle" in done.err
    assert (
        "There is no job 'nosuchjob'"
        in (await run_async(tmp_path, "videos", "resolve", "nosuchjob", "--not-charged")).err
    )
    assert (await run_async(tmp_path, "videos", "resolve", lost[0], "--not-charged", "--task-id", "1")).code == 2


async def test_purging_deletes_what_users_wrote_and_keeps_the_costs(tmp_path: Path) -> None:
    async with connected(tmp_path, "legacy") as session:
        finished = await session.video("a very private fox", **PRICED)
        running = await session.create("another private fox. sandbox: slow 3600", **PRICED)
    journal = tmp_path / "state" / "sandbox" / "journal.sqlite3"
    would = await run_async(tmp_path, "videos", "purge", "--dry-run")
    assert would.out == "Prompts and links of 1 finished job would be deleted; their costs and videos stay.\n"
    nobody = await run_async(tmp_path, "videos", "purge")
    assert nobody.code == 1
    assert "there is nobody to ask. --yes agrees to it." in nobody.err
    asked = await run_async(tmp_path, "videos", "purge", columns=80, typed="n\n")
    assert asked.code == 1
    assert "Delete prompts and links of 1 finished job? Costs and saved videos stay. [y/N] " in asked.err
    assert b"a very private fox" in journal.read_bytes()
    assert (await run_async(tmp_path, "videos", "purge", "--days", "30", "--yes")).out.startswith(
        "Deleted prompts and links of 0 finished jobs;"
    )
    assert (
        await run_async(tmp_path, "videos", "purge", "--yes")
    ).out == "Deleted prompts and links of 1 finished job; their costs stay.\n"
    videos = {v["job_id"]: v for v in json.loads((await run_async(tmp_path, "videos", "--json")).out)["videos"]}
    assert videos[finished["job_id"]].keys().isdisjoint({"prompt", "url"})
    assert videos[finished["job_id"]]["cost"] == finished["cost"]
    assert videos[running["job_id"]]["prompt"].startswith("another private fox")
    assert b"a very private fox" not in journal.read_bytes()
    assert inspect_video(finished["path"]).codec == "h264"


async def test_listing_takes_up_none_of_the_jobs(tmp_path: Path, vendors: Vendors) -> None:
    """The journal is read, and no vendor is asked about a running job."""
    async with vendors.server() as session:
        job = await session.create("a fox. sandbox: slow 3600", **PRICED)
    (task,) = vendors.sandbox.tasks.values()
    before = task.polls
    for arguments in ((), ("--json",), ("--spend",), ("show", job["job_id"])):
        assert (await vendors.run(*arguments)).code == 0
    assert task.polls == before


async def test_a_link_that_is_too_long_is_not_shown(tmp_path: Path) -> None:
    async with connected(tmp_path, "legacy", SEEDANCE_SAVE="off") as session:
        job = await session.video(**PRICED)
        with session.journal() as journal:
            for length, shown in ((1000, True), (1001, False)):
                url = "https://cdn.example.com/" + "x" * (length - 24)
                await journal.note(job["job_id"], url=url)
                checked = (await session.call("check_video", job_id=job["job_id"])).fields
                assert (checked.get("url") == url) is shown
                assert ("too long" in checked.get("note", "")) is not shown
                listed = (await run_async(tmp_path, "videos")).out
                assert (url in listed) is shown
                assert "x" * 900 in listed if shown else "x" * 100 not in listed
