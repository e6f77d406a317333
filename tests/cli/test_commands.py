"""The command line: what each command prints, and its exit code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from seedance_mcp import version
from seedance_mcp.vendors import known_vendors
from tests.cli.command import environ, run
from tests.server.mcp_client import PRICED, connected, inspect_video

HEAVY = {"mcp", "mcp_types", "anyio", "httpx2", "pydantic", "rich", "starlette", "uvicorn", "av"}


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["videos", "--help"], ["videos", "save", "--help"]])
def test_to_say_what_there_is_nothing_heavy_is_loaded(tmp_path: Path, words: list[str]) -> None:
    program = (
        "import sys\nfrom seedance_mcp.cli import main\n"
        f"try: main({words!r})\nexcept SystemExit as end: assert end.code in (0, None)\n"
        "print('LOADED', *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        encoding="utf-8",
        env=environ(tmp_path),
        timeout=30,
        check=True,
    )
    said, _, loaded = done.stdout.partition("LOADED ")
    assert said.strip()
    assert not set(loaded.split()) & HEAVY


def test_the_version_is_said(tmp_path: Path) -> None:
    done = run(tmp_path, "--version")
    assert (done.code, done.out, done.err) == (0, f"seedance-mcp {version()}\n", "")


def test_help_names_every_command(tmp_path: Path) -> None:
    done = run(tmp_path, "--help")
    assert done.code == 0
    for command in ("serve", "demo", "doctor", "models", "videos", "config", "sandbox"):
        assert re.search(rf"^    {command}\b", done.out, re.MULTILINE)


@pytest.mark.parametrize("words", [["make-coffee"], ["--fast"], ["config"], ["config", "emacs"], ["videos", "resolve"]])
def test_a_command_that_is_not_there_is_an_error_of_the_caller(tmp_path: Path, words: list[str]) -> None:
    done = run(tmp_path, *words)
    assert done.code == 2
    assert done.out == ""
    assert "usage: " in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_started_on_a_terminal_it_says_what_it_is_instead_of_hanging(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "seedance_mcp"],
            stdin=theirs,
            capture_output=True,
            encoding="utf-8",
            env=environ(tmp_path),
            timeout=30,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 0
    assert done.stdout == ""
    assert "seedance-mcp is an MCP server" in done.stderr
    for command in ("demo", "config CLIENT", "doctor", "--help"):
        assert f"seedance-mcp {command}" in done.stderr


def test_the_demo_makes_a_film(tmp_path: Path) -> None:
    done = run(tmp_path, "demo", sandbox=False)
    assert (done.code, done.err) == (0, "")
    assert [line[0] for line in done.out.splitlines() if re.match(r"[1-5] ", line)] == ["1", "2", "3", "4", "5"]
    path = Path(done.out.splitlines()[-1].strip())
    assert path.parent == tmp_path / "videos"
    video = inspect_video(str(path))
    assert (video.codec, video.size) == ("h264", "1280x720")
    assert video.seconds == pytest.approx(5, abs=0.1)


def test_the_demo_makes_what_it_is_told(tmp_path: Path) -> None:
    done = run(tmp_path, "demo", "a fox in the snow", "--model", "ope/seedance-2-0-fast", "--duration", "4")
    assert done.code == 0
    assert "ope/seedance-2-0-fast" in done.out
    path = Path(done.out.splitlines()[-1].strip())
    assert "a-fox-in-the-snow" in path.name
    assert inspect_video(str(path)).seconds == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "ope/seedance-9"], "There is no model 'ope/seedance-9'"),
        (["--duration", "99", "--model", "ope/seedance-2-0"], "duration 99 must be 4–15 s"),
    ],
)
def test_a_demo_of_what_cannot_be_is_a_sentence(tmp_path: Path, words: list[str], said: str) -> None:
    done = run(tmp_path, "demo", *words)
    assert done.code == 1
    assert done.err.startswith("seedance-mcp: ")
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_demo_whose_film_fails_fails(tmp_path: Path) -> None:
    done = run(tmp_path, "demo", "sandbox: instant, fail content_policy")
    assert done.code == 1
    assert "no film" in done.out
    assert not list((tmp_path / "videos").glob("*")) if (tmp_path / "videos").exists() else True


def test_settings_that_cannot_be_used_are_named_by_every_command(tmp_path: Path) -> None:
    for words in (["models"], ["videos"], ["demo"], ["serve"]):
        done = run(tmp_path, *words, SEEDANCE_MAX_COST="much", SEEDANCE_LOG="loud")
        assert done.code == 1
        assert "SEEDANCE_MAX_COST must be" in done.err
        assert "SEEDANCE_LOG must be" in done.err
        assert "Traceback" not in done.err


# -- models -------------------------------------------------------------------------------------------------------


def test_all_models_are_printed_with_every_row_and_its_source(tmp_path: Path) -> None:
    done = run(tmp_path, "models", "--json", sandbox=False)
    assert done.code == 0
    models: list[dict[str, Any]] = json.loads(done.out)
    assert [m["id"] for m in models] == [m.id for v in known_vendors().values() for m in v.models]
    assert len(models) == 33
    for model in models:
        assert not model["configured"]
        assert model["price_source"]
        assert model["takes"].keys() >= {"prompt", "duration", "resolution"}
        for row in (*model["takes"].values(), *model["rules"]):
            assert row["source"]
            assert isinstance(row["documented"], bool)


@pytest.mark.parametrize("columns", ["80", "200"])
def test_all_models_stand_in_a_table_with_their_whole_ids(tmp_path: Path, columns: str) -> None:
    done = run(tmp_path, "models", sandbox=False, SEEDANCE_OPE_API_KEY="sk-test-123456", COLUMNS=columns)
    assert done.code == 0
    for model in (m for v in known_vendors().values() for m in v.models):
        (line,) = [line for line in done.out.splitlines() if line.startswith(f" {model.id} ")]
        assert (" yes " in line) is (model.vendor == "ope")


def test_one_model_is_shown_with_its_sources(tmp_path: Path) -> None:
    done = run(tmp_path, "models", "seedanceapi/seedance-2-mini")
    assert done.code == 0
    assert "seedanceapi/seedance-2-mini" in done.out
    assert "4–15 s" in done.out
    assert "SEED" in done.out
    (only,) = json.loads(run(tmp_path, "models", "seedance-2-mini", "--json").out)
    assert only["id"] == "seedanceapi/seedance-2-mini"
    assert run(tmp_path, "models", "sora").code == 1


# -- videos -------------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_videos_are_listed_with_what_they_cost(tmp_path: Path) -> None:
    async with connected(tmp_path, "legacy") as session:
        done = await session.video(**PRICED)
        failed = await session.video("a hare. sandbox: fail content_policy", **PRICED)
        cost = done["cost"]["usd"]
        listed = (await session.call("list_videos")).fields
    printed = json.loads(run(tmp_path, "videos", "--json").out)
    more = {"url", "size_bytes", "sha256"}
    assert printed | {"videos": [{k: v for k, v in x.items() if k not in more} for x in printed["videos"]]} == listed
    table = run(tmp_path, "videos")
    assert table.code == 0
    assert done["job_id"] in table.out
    assert failed["job_id"] in run(tmp_path, "videos", COLUMNS="80").out
    assert f"${cost:.2f}" in table.out
    (only,) = json.loads(run(tmp_path, "videos", "--json", "--limit", "1").out)["videos"]
    assert only["job_id"] == failed["job_id"]
    (total,) = json.loads(run(tmp_path, "videos", "--spend", "--json").out)
    assert (total["model"], total["jobs"]) == (PRICED["model"], 2)
    assert total["spent"] >= cost * 1_000_000
    assert str(PRICED["model"]) in run(tmp_path, "videos", "--spend").out


def test_without_videos_it_says_so(tmp_path: Path) -> None:
    assert "No videos yet." in run(tmp_path, "videos").out
    assert "Nothing was spent yet." in run(tmp_path, "videos", "--spend").out
    assert json.loads(run(tmp_path, "videos", "--json").out)["videos"] == []


@pytest.mark.anyio
async def test_a_job_of_unknown_outcome_is_settled_by_hand(tmp_path: Path) -> None:
    async with connected(tmp_path, "legacy") as session:
        lost = [(await session.create(f"{n}. sandbox: lose-answer", **PRICED))["job_id"] for n in ("one", "two")]
        running = (await session.create("a fox. sandbox: slow 3600", **PRICED))["job_id"]
    assert run(tmp_path, "videos", "resolve", lost[0], "--not-charged").out == f"{lost[0]} is now rejected.\n"
    found = run(tmp_path, "videos", "resolve", lost[1], "--task-id", "task-42")
    assert (found.code, found.out) == (0, f"{lost[1]} is now submitted.\n")
    states = {v["job_id"]: v["state"] for v in json.loads(run(tmp_path, "videos", "--json").out)["videos"]}
    assert states[lost[0]] == "rejected"
    assert states[lost[1]] in {"submitted", "queued", "running"}
    for job, words in ((lost[0], "is rejected, so there is nothing to settle"), (running, "nothing to settle")):
        again = run(tmp_path, "videos", "resolve", job, "--not-charged")
        assert again.code == 1
        assert words in again.err
    assert "There is no job 'nosuchjob'" in run(tmp_path, "videos", "resolve", "nosuchjob", "--not-charged").err
    assert run(tmp_path, "videos", "resolve", lost[0], "--not-charged", "--task-id", "1").code == 2


@pytest.mark.anyio
async def test_what_users_wrote_can_be_wiped_and_the_costs_stay(tmp_path: Path) -> None:
    async with connected(tmp_path, "legacy") as session:
        done = await session.video("a very private fox", **PRICED)
        running = await session.create("another private fox. sandbox: slow 3600", **PRICED)
    journal = tmp_path / "state" / "sandbox" / "journal.sqlite3"
    assert run(tmp_path, "videos", "purge", "--days", "30").out.startswith("Wiped 0 finished jobs;")
    assert run(tmp_path, "videos", "purge").out == "Wiped 1 finished job; their costs stay.\n"
    videos = {v["job_id"]: v for v in json.loads(run(tmp_path, "videos", "--json").out)["videos"]}
    assert videos[done["job_id"]].keys().isdisjoint({"prompt", "url"})
    assert videos[done["job_id"]]["cost"] == done["cost"]
    assert videos[running["job_id"]]["prompt"].startswith("another private fox")
    assert b"a very private fox" not in journal.read_bytes()
    assert inspect_video(done["path"]).codec == "h264"


# -- config -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "key"), [("claude-desktop", "mcpServers"), ("cursor", "mcpServers"), ("vscode", "servers")]
)
def test_configurations_in_json_can_be_read(tmp_path: Path, client: str, key: str) -> None:
    done = run(tmp_path, "config", client)
    assert done.code == 0
    where, _, text = done.out.partition("\n")
    assert where.startswith("// ")
    (entry,) = json.loads(text)[key].values()
    assert_starts_us(entry)


def test_the_configuration_for_codex_is_toml(tmp_path: Path) -> None:
    done = run(tmp_path, "config", "codex")
    (entry,) = tomllib.loads(done.out)["mcp_servers"].values()
    assert_starts_us(entry)


def test_claude_code_gets_a_command(tmp_path: Path) -> None:
    done = run(tmp_path, "config", "claude-code")
    assert re.fullmatch(r"claude mcp add seedance --env SEEDANCE_\w+_API_KEY=\S+ -- uvx seedance-mcp\n", done.out)


def assert_starts_us(entry: dict[str, Any]) -> None:
    assert [entry["command"], *entry["args"]] == ["uvx", "seedance-mcp"]
    (name,) = entry["env"]
    assert re.fullmatch(r"SEEDANCE_\w+_API_KEY", name)
