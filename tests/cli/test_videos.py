"""`seedance-mcp videos`: how long films last, how they are brought to disk by hand, and how they are played."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import to_thread

from seedance_mcp.jobs.journal.budget import Caps
from seedance_mcp.jobs.journal.model import NewJob
from seedance_mcp.jobs.journal.process_lock import ProcessLock
from seedance_mcp.jobs.journal.sqlite import SqliteJournal
from seedance_mcp.sandbox import Sandbox
from seedance_mcp.sandbox.serve import serve
from seedance_mcp.settings import vendor_settings
from seedance_mcp.vendors import known_vendors
from tests.cli.command import Done, environ, run, run_beside
from tests.exception_groups import single_error
from tests.jobs.download.hostile import MB, mp4
from tests.server.mcp_client import PRICED, Session, connected

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals, scripts and pseudo-terminals are POSIX's")

VIDEO = mp4(bytes(range(256)), 3 * MB)
LASTING = {"model": "jimmyai/seedance2.0-mini", "duration": 5, "resolution": "480p"}
"""A request to a vendor that says how long its links last."""


@dataclass
class Connection:
    """What goes over the wire between a sandbox and those who ask it for films."""

    app: ASGIApp
    holds: bool = False
    """Whether a film stops coming after two thirds, for as long as this is set."""
    gone: bool = False
    """Whether every link to a film is dead."""
    ranges: list[str] = field(default_factory=list[str])
    at_once: int = 0
    most_at_once: int = 0
    met: anyio.Event = field(default_factory=anyio.Event)
    go: anyio.Event = field(default_factory=anyio.Event)
    meet: int = 0
    """How many downloads wait for each other before any goes on."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if "/videos/" not in scope.get("path", ""):
            await self.app(scope, receive, send)
            return
        if self.gone:
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        self.ranges.append(dict(scope["headers"]).get(b"range", b"").decode())
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        if self.at_once >= self.meet:
            self.met.set()
        await self.met.wait()
        sent = 0

        async def slowly(message: Message) -> None:
            nonlocal sent
            if self.holds and sent > 2 * len(VIDEO) // 3:
                await self.go.wait()
            sent += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, slowly)
        finally:
            self.at_once -= 1


@dataclass
class Vendors:
    """The fake vendors on a port, and a user who has made films there that no server has saved."""

    folder: Path
    sandbox: Sandbox
    line: Connection
    env: dict[str, str]

    @property
    def videos(self) -> Path:
        return self.folder / "videos"

    @asynccontextmanager
    async def server(self) -> AsyncGenerator[Session]:
        with_links: dict[str, Any] = self.env | {"SEEDANCE_SAVE": "off"}
        async with connected(self.folder, "legacy", **with_links) as session:
            yield session

    async def made(self, *prompts: str, **arguments: Any) -> list[str]:
        """Have films made; return their jobs."""
        async with self.server() as session:
            done = [await session.video(prompt, **(arguments or PRICED)) for prompt in prompts]
        assert not self.videos.exists()
        return [fields["job_id"] for fields in done]

    async def run(self, *words: str, **more: str) -> Done:
        env: dict[str, Any] = self.env | more
        return await run_beside(self.folder, "videos", *words, **env)

    async def listed(self) -> dict[str, dict[str, Any]]:
        return {v["job_id"]: v for v in json.loads((await self.run("--json")).out)["videos"]}

    @asynccontextmanager
    async def claimed(self, job_id: str) -> AsyncGenerator[None]:
        """Be another server that is saving a film."""
        with journal(self.folder) as theirs:
            owner = ProcessLock(self.folder / "state" / "owners")
            assert await theirs.claim(job_id, owner.id, 900, when=("succeeded",))
            yield
            owner.release()

    def changed(self, sql: str, value: object) -> None:
        """Change every job of the journal behind everybody's back."""
        with sqlite3.connect(self.folder / "state" / "journal.sqlite3") as db:
            db.execute(sql, (value,))
        db.close()


@contextmanager
def journal(folder: Path) -> Generator[SqliteJournal]:
    opened = SqliteJournal(folder / "state")
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture
async def vendors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Vendors]:
    async def fetch(_: object) -> bytes:
        return VIDEO

    monkeypatch.setattr("seedance_mcp.sandbox.videos.render.fetch", fetch)
    sandbox = Sandbox(pace=0)
    line = Connection(sandbox.app)
    sandbox.app = line  # pyright: ignore[reportAttributeAccessIssue]
    try:
        with anyio.fail_after(90):
            async with anyio.create_task_group() as group:
                port = await group.start(partial(serve, 0, sandbox=sandbox))
                env = {"SEEDANCE_SANDBOX": "0", "SEEDANCE_POLL_INTERVAL": "0.5"}
                for vendor in known_vendors().values():
                    key, _, url = (setting.name for setting in vendor_settings(vendor))
                    env |= {key: "sk-0123456789", url: sandbox.base_url(vendor.slug, f"http://127.0.0.1:{port}")}
                yield Vendors(tmp_path, sandbox, line, env)
                line.go.set()
                line.met.set()
                group.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise single_error(group) from None


def paths(done: Done) -> list[Path]:
    """Return the films that a command says are on disk; each is whole."""
    found = [Path(said) for said in done.out.splitlines()]
    assert all(path.read_bytes() == VIDEO for path in found)
    return found


# -- the list -----------------------------------------------------------------------------------------------------


async def test_the_list_says_how_long_films_last_and_where_they_are(vendors: Vendors) -> None:
    (lasting,) = await vendors.made("a red kite", **LASTING)
    async with vendors.server() as session:
        other = (await session.video("a fox", **PRICED))["job_id"]
        failed = (await session.video("a hare. sandbox: fail content_policy", **PRICED))["job_id"]
        saved = (await session.video("an owl", **PRICED))["job_id"]
    await vendors.run("save", saved)

    async def lines() -> dict[str, str]:
        return {line.split()[0]: line for line in (await vendors.run(COLUMNS="300")).out.splitlines() if line}

    said = await lines()
    assert re.search(r" succeeded .* in 2 d .* http://127\.0\.0\.1:\d+/films/", said[lasting])
    assert re.search(r" succeeded .* unknown .* http://127\.0\.0\.1:\d+/films/", said[other])
    assert re.search(r" failed .* \S", said[failed])
    assert re.search(rf" succeeded .* \$0\.57 .* saved .* {vendors.videos}/\S+-an-owl-{saved[-4:]}\.mp4", said[saved])
    shown = await vendors.listed()
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", shown[lasting]["expires_at"])
    assert "expires_at" not in shown[other] | shown[saved] | shown[failed]
    assert shown[saved]["size_bytes"] == len(VIDEO)
    assert shown[saved]["sha256"] == hashlib.sha256(VIDEO).hexdigest()
    for ago, words in (
        (3 * 86_400 - 5 * 3600 - 60, "in 5 h"),
        (3 * 86_400 - 630, "in 10 min"),
        (3 * 86_400, "expired"),
    ):
        vendors.changed("UPDATE jobs SET finished_at = ?", time.time() - ago)
        said = await lines()
        assert f" {words} " in said[lasting]
        assert " saved " in said[saved]
    Path(shown[saved]["path"]).unlink()
    assert " unknown " in (await lines())[saved]


async def test_in_80_columns_the_list_stays_a_table(vendors: Vendors) -> None:
    jobs = await vendors.made("[/red] a fox :fox: \x1b[31m", "a long way home over the hills", **PRICED)
    await vendors.run("save", jobs[0])
    done = await vendors.run(COLUMNS="80")
    assert done.code == 0
    assert all(len(line) <= 80 for line in done.out.splitlines() if not line.startswith("Films "))
    assert "\x1b" not in done.out
    head, *rows = done.out.splitlines()
    assert head.split() == ["job", "when", "state", "cost", "expires", "film"]
    assert [row.split()[0] for row in rows if row.split() and row.split()[0] in jobs] == jobs[::-1]
    assert f"Films without a folder are in {vendors.videos}" in done.out
    wide = await vendors.run(COLUMNS="200")
    assert {"model", "prompt"} <= set(wide.out.splitlines()[0].split())
    assert "[/red] a fox :fox:" in wide.out


async def test_one_job_is_shown_by_the_end_of_its_id(vendors: Vendors) -> None:
    (job,) = await vendors.made("a red kite", **LASTING)
    done = await vendors.run("show", job[-4:])
    assert (done.code, done.err) == (0, "")
    assert f"job_id: {job}\nstate: succeeded\n" in done.out
    assert "prompt: a red kite" in done.out
    for words in (["show", job, "--json"], ["--json", "show", job]):
        shown = json.loads((await vendors.run(*words)).out)
        assert (shown["job_id"], shown["prompt"]) == (job, "a red kite")
        assert shown["expires_at"]


# -- save ---------------------------------------------------------------------------------------------------------


async def test_every_film_that_is_missing_is_saved_three_at_a_time(vendors: Vendors) -> None:
    jobs = await vendors.made(*(f"film {word}" for word in ("one", "two", "three", "four", "five")))
    vendors.line.meet = 3
    done = await vendors.run("save")
    assert done.code == 0
    assert [path.stem[-4:] for path in paths(done)] == [job[-4:] for job in jobs]
    assert vendors.line.most_at_once == 3
    assert all(f"{job}: 3.1 of 3.1 MB\n" in done.err for job in jobs)
    assert {video["path"] for video in (await vendors.listed()).values()} == set(done.out.split())
    again = await vendors.run("save")
    assert (again.code, again.out, again.err) == (0, "", "Every film of the journal is on disk.\n")
    lost, *_ = paths(done)
    lost.unlink()
    assert paths(await vendors.run("save")) == [lost]
    assert len(vendors.line.ranges) == 6


async def test_the_films_of_some_jobs_are_saved_by_any_end_of_their_ids(vendors: Vendors) -> None:
    one, two, three = await vendors.made("film one", "film two", "film three")
    done = await vendors.run("save", one[:5], two[-4:], one, two.upper())
    assert done.code == 0
    assert [path.stem[-4:] for path in paths(done)] == [one[-4:], two[-4:]]
    assert "path" not in (await vendors.listed())[three]
    assert paths(await vendors.run("save", one)) == paths(done)[:1]
    assert len(vendors.line.ranges) == 2


async def test_what_cannot_be_saved_is_a_sentence_each_and_the_others_are_saved(vendors: Vendors) -> None:
    (good,) = await vendors.made("film one")
    async with vendors.server() as session:
        page = (await session.video("film two. sandbox: wrong-type", **PRICED))["job_id"]
        failed = (await session.video("film three. sandbox: fail content_policy", **PRICED))["job_id"]
        lost = (await session.create("film four. sandbox: lose-answer", **PRICED))["job_id"]
    done = await vendors.run("save", failed, page, "zzzzz", good, lost, "zzz")
    assert done.code == 1
    assert [path.stem[-4:] for path in paths(done)] == [good[-4:]]
    said = [line for line in done.err.splitlines() if not line.endswith(" MB")]
    assert len(said) == 5
    assert "There is no job 'zzzzz'. `seedance-mcp videos` lists the jobs there are." in said
    assert any("'zzz' is too short for an id" in line for line in said)
    again = f"`seedance-mcp videos save {page}` tries again."
    assert f"{page}: The video's link leads to text/html instead of a video. {again}" in said
    assert any(re.match(rf"{failed}: It ended as failed, so there is no film \(.+\)\.$", line) for line in said)
    assert any(line.startswith(f"{lost}: ") and f"videos resolve {lost}`" in line for line in said)


async def test_a_link_that_is_dead_for_good_is_a_sentence(vendors: Vendors) -> None:
    (job,) = await vendors.made("film one")
    vendors.line.gone = True
    done = await vendors.run("save")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"{job}: The video's link no longer works (HTTP 404).")
    assert "Traceback" not in done.err


async def test_a_film_that_another_server_is_saving_is_left_to_it(vendors: Vendors) -> None:
    (job,) = await vendors.made("film one")
    async with vendors.claimed(job):
        done = await vendors.run("save", job)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"{job}: Another seedance-mcp is saving it.")
    assert len(paths(await vendors.run("save", job))) == 1


async def test_a_job_that_still_runs_is_waited_for_if_that_is_wanted(vendors: Vendors) -> None:
    async with vendors.server() as session:
        job = (await session.create("film one. sandbox: slow 3600", **PRICED))["job_id"]
    told = f"{job}: It is (submitted|queued|running), so there is no film yet. `seedance-mcp videos save {job} --wait` "
    named, unnamed = await vendors.run("save", job), await vendors.run("save")
    assert (named.code, named.out, unnamed.code, unnamed.out) == (1, "", 0, "")
    assert re.match(told, named.err)
    assert re.match(told, unnamed.err)
    async with started(vendors, "save", "--wait") as process:
        assert process.stderr
        said = await until(process, rf"{job}: \w+, waiting for it\.\n")
        (task,) = vendors.sandbox.tasks.values()
        task.seconds = 0.0
        said += await rest(process)
        assert process.stdout
        (path,) = (await all_of(process.stdout)).splitlines()
    assert Path(path).read_bytes() == VIDEO
    assert process.returncode == 0


async def test_a_film_that_ended_while_nobody_looked_is_saved_too(vendors: Vendors) -> None:
    async with vendors.server() as session:
        await session.create("film one. sandbox: slow 3600", **PRICED)
    (task,) = vendors.sandbox.tasks.values()
    task.seconds = 0.0
    done = await vendors.run("save")
    assert done.code == 0
    assert len(paths(done)) == 1


async def test_a_job_whose_vendor_has_no_key_any_more_is_not_waited_for(vendors: Vendors) -> None:
    async with vendors.server() as session:
        job = (await session.create("film one. sandbox: slow 3600", **PRICED))["job_id"]
    done = await vendors.run("save", job, "--wait", SEEDANCE_SEEDANCEAPI_API_KEY="")
    assert done.code == 1
    assert "seedanceapi has no key any more" in done.err


async def test_an_id_that_could_be_several_is_told_with_all_of_them(tmp_path: Path) -> None:
    owner = ProcessLock(tmp_path / "state" / "sandbox" / "owners")
    opened = SqliteJournal(tmp_path / "state" / "sandbox")
    for job_id in ("kite23456789", "kite98765432"):
        new = NewJob(job_id, "ope", "ope/seedance-2-0", {"prompt": job_id}, job_id, owner.id, None, None)
        await opened.admit(new, Caps())
    opened.close()
    owner.release()
    for words in (["save", "kite"], ["open", "kite"], ["show", "kite"]):
        done = run(tmp_path, "videos", *words)
        assert done.code == 1
        assert re.search(r"'kite' could be any of (kite23456789, kite98765432|kite98765432, kite23456789)\.", done.err)
    assert "is abandoned" in run(tmp_path, "videos", "save", "kite9").err.replace("ended as", "is")


# -- a terminal, and Ctrl-C ---------------------------------------------------------------------------------------


@asynccontextmanager
async def started(vendors: Vendors, *words: str, stderr: int = -1) -> AsyncGenerator[anyio.abc.Process]:
    """Start a command and see to it that it ends."""
    command, more = [sys.executable, "-m", "seedance_mcp", "videos", *words], dict[str, Any](vendors.env)
    async with await anyio.open_process(
        command, env=environ(vendors.folder, **more), stderr=stderr, start_new_session=True
    ) as process:
        try:
            with anyio.fail_after(60):
                yield process
                await process.wait()
        finally:
            if process.returncode is None:
                process.kill()


async def until(process: anyio.abc.Process, words: str) -> str:
    """Read what a command says on standard error until it has said this."""
    assert process.stderr
    said = ""
    async for block in process.stderr:
        said += block.decode()
        if re.search(words, said):
            return said
    raise AssertionError(said)


async def all_of(stream: anyio.abc.ByteReceiveStream) -> str:
    return b"".join([block async for block in stream]).decode()


async def rest(process: anyio.abc.Process) -> str:
    assert process.stderr
    return await all_of(process.stderr)


@POSIX
async def test_ctrl_c_keeps_the_beginning_for_the_next_time(vendors: Vendors) -> None:
    (job,) = await vendors.made("film one")
    vendors.line.holds = True
    async with started(vendors, "save") as process:
        await until(process, rf"{job}: \d\.\d of 3\.1 MB\n")
        process.send_signal(signal.SIGINT)
        said = await rest(process)
        assert process.stdout
        assert await all_of(process.stdout) == ""
    assert process.returncode == 130
    assert said.splitlines()[-1:] == ["Stopped. What came so far is kept; the same command goes on from there."]
    (begun,) = vendors.videos.iterdir()
    assert begun.name.endswith(".part")
    had = begun.stat().st_size
    assert 0 < had < len(VIDEO)
    vendors.line.holds = False
    done = await vendors.run("save")
    assert done.code == 0
    assert len(paths(done)) == 1
    assert vendors.line.ranges == ["", f"bytes={had}-"]
    assert list(vendors.videos.iterdir()) == paths(done)


@POSIX
async def test_on_a_terminal_there_is_a_bar_for_each_film(vendors: Vendors) -> None:
    jobs = await vendors.made("film one", "film two")
    vendors.env |= {"TERM": "xterm", "COLUMNS": "120"}
    ours, theirs = os.openpty()
    shown = bytearray()

    def read() -> None:
        try:
            while block := os.read(ours, 4096):
                shown.extend(block)
        except OSError:  # the last one who could write has gone
            pass

    try:
        async with anyio.create_task_group() as group, started(vendors, "save", stderr=theirs) as process:
            os.close(theirs)
            group.start_soon(to_thread.run_sync, read)
            assert process.stdout
            assert len(paths(Done(0, await all_of(process.stdout), ""))) == 2
            assert await process.wait() == 0
    finally:
        os.close(ours)
    for job in jobs:
        assert re.search(rf"{job} .*━.*3\.1/3\.1 MB", shown.decode())


# -- open ---------------------------------------------------------------------------------------------------------


def opener(vendors: Vendors, script: str) -> None:
    """Put a player in the place of the system's."""
    programs = vendors.folder / "programs"
    programs.mkdir()
    program = programs / ("open" if sys.platform == "darwin" else "xdg-open")
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    vendors.env |= {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "DISPLAY": ":7"}


@POSIX
async def test_a_film_is_saved_and_handed_to_the_player(vendors: Vendors) -> None:
    one, two = await vendors.made("film one; touch pwned", "film two")
    opener(vendors, f'printf "%s\\n" "$@" >> {vendors.folder}/args; env > {vendors.folder}/env')
    newest, named = await vendors.run("open"), await vendors.run("open", one[:6])
    assert (newest.code, named.code) == (0, 0)
    (second,), (first,) = paths(newest), paths(named)
    assert (first.stem[-4:], second.stem[-4:]) == (one[-4:], two[-4:])
    assert (vendors.folder / "args").read_text() == f"{second}\n{first}\n"
    assert "SEEDANCE_" not in (vendors.folder / "env").read_text()
    await vendors.run("open", two)
    assert len(vendors.line.ranges) == 2


@POSIX
async def test_a_player_that_fails_is_named_and_the_path_is_there(vendors: Vendors) -> None:
    await vendors.made("film one")
    opener(vendors, "exit 3")
    done = await vendors.run("open")
    assert done.code == 1
    assert len(paths(done)) == 1
    assert re.fullmatch(r"seedance-mcp: \S+open could not open it \(exit code 3\).*\n", done.err.splitlines(True)[-1])


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="these have a desktop, and a player on it")
@pytest.mark.parametrize(("display", "why"), [("", "There is no desktop here"), (":7", "There is no xdg-open here")])
async def test_without_a_desktop_or_a_player_the_path_is_printed(vendors: Vendors, display: str, why: str) -> None:
    await vendors.made("film one")
    done = await vendors.run("open", DISPLAY=display)
    assert done.code == 1
    assert len(paths(done)) == 1
    assert why in done.err


@POSIX
@pytest.mark.parametrize("what", ["a link", "a folder", "a program"])
async def test_only_the_file_that_was_saved_is_opened(vendors: Vendors, what: str) -> None:
    await vendors.made("film one")
    opener(vendors, f"touch {vendors.folder}/opened")
    (video,) = paths(await vendors.run("save"))
    if what == "a link":
        video.rename(vendors.folder / "film.mp4")
        video.symlink_to(vendors.folder / "film.mp4")
    elif what == "a folder":
        video.unlink()
        video.mkdir()
    else:
        video.rename(vendors.folder / "film.desktop")
        vendors.changed("UPDATE jobs SET path = ?", str(vendors.folder / "film.desktop"))
    done = await vendors.run("open")
    assert done.code == 1
    assert "is not" in done.err.splitlines()[-1]
    assert not (vendors.folder / "opened").exists()


async def test_what_has_no_film_is_not_opened(vendors: Vendors) -> None:
    none = await vendors.run("open")
    assert (none.code, none.out) == (1, "")
    assert "No job has succeeded yet" in none.err
    async with vendors.server() as session:
        failed = (await session.video("film. sandbox: fail content_policy", **PRICED))["job_id"]
    done = await vendors.run("open", failed)
    assert (done.code, done.out) == (1, "")
    assert "It ended as failed, so there is no film" in done.err
