"""`seedance-mcp doctor`: it names what is wrong, shows no key, and changes nothing at any vendor."""

from __future__ import annotations

import json
import socket
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import run, run_beside
from tests.http_host import Reply, hosting
from tests.server.mcp_client import PRICED, connected

pytestmark = pytest.mark.anyio

KEY = "sk-live-0123456789"


def test_in_the_sandbox_all_is_well(tmp_path: Path) -> None:
    done = run(tmp_path, "doctor")
    assert (done.code, done.err) == (0, "")
    assert "All is well." in done.out
    for title in ("versions", "settings", "vendors", "folders", "journal"):
        assert f"\n{title}\n" in f"\n{done.out}"
    assert "SEEDANCE_SANDBOX" in done.out


def test_without_a_key_it_says_what_is_missing(tmp_path: Path) -> None:
    done = run(tmp_path, "doctor", "--offline", sandbox=False)
    assert done.code == 1
    assert "No vendor has a key." in done.out
    assert "All is well." not in done.out


def test_no_key_is_ever_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)
    keys: dict[str, Any] = {"SEEDANCE_OPE_API_KEY": KEY, "SEEDANCE_JIMMYAI_API_KEY_FILE": str(tmp_path / "key")}
    for words in (["doctor", "--offline"], ["doctor", "--offline", "--json"]):
        done = run(tmp_path, *words, SEEDANCE_SANDBOX="0", **keys)
        assert done.code == 0
        assert KEY not in done.out + done.err
        assert "SEEDANCE_OPE_API_KEY" in done.out
        assert str(tmp_path / "key") in done.out


def test_as_json_it_can_be_read_by_programs(tmp_path: Path) -> None:
    done = run(tmp_path, "doctor", "--json", SEEDANCE_MAX_COST="2.50")
    report: dict[str, Any] = json.loads(done.out)
    assert done.code == 0
    assert report["problems"] == []
    assert report["vendors"] == ["ope", "seedanceapi", "jimmyai", "12ai", "aigptimage"]
    assert report["settings"]["SEEDANCE_MAX_COST"] == {"value": "2.50", "source": "environment"}
    assert report["versions"].keys() >= {"seedance-mcp", "python", "sqlite", "mcp", "httpx2", "av"}
    assert report["folders"]["videos"] == {"path": str(tmp_path / "videos"), "exists": False, "writable": True}
    assert report["journal"] == {"path": str(tmp_path / "state" / "sandbox" / "journal.sqlite3"), "exists": False}


def test_every_setting_that_cannot_be_used_is_a_problem(tmp_path: Path) -> None:
    done = run(tmp_path, "doctor", "--json", "--offline", SEEDANCE_MAX_COST="much", SEEDANCE_LOG="loud")
    assert done.code == 1
    said = " ".join(json.loads(done.out)["problems"])
    assert "SEEDANCE_MAX_COST must be" in said
    assert "SEEDANCE_LOG must be" in said
    assert "Traceback" not in done.err


async def test_the_journal_is_looked_at_and_left_as_it_is(tmp_path: Path) -> None:
    async with connected(tmp_path, "legacy") as session:
        await session.video(**PRICED)
    path = tmp_path / "state" / "sandbox" / "journal.sqlite3"
    before = path.read_bytes()
    report = json.loads((await run_beside(tmp_path, "doctor", "--json")).out)
    assert report["journal"] == {"path": str(path), "exists": True, "check": "ok", "jobs": {"succeeded": 1}}
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"this is no database " * 300, b"SQLite format 3\0" * 99], ids=["text", "head"])
def test_a_damaged_journal_is_a_problem(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state" / "sandbox" / "journal.sqlite3"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    done = run(tmp_path, "doctor", "--json")
    assert done.code == 1
    (problem,) = json.loads(done.out)["problems"]
    assert str(path) in problem
    assert path.read_bytes() == content


def test_a_journal_without_its_table_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "state" / "sandbox" / "journal.sqlite3"
    path.parent.mkdir(parents=True)
    sqlite3.connect(path).close()
    path.touch()
    done = run(tmp_path, "doctor", "--json")
    assert "Traceback" not in done.err
    assert json.loads(done.out)["journal"]["exists"] is True


def test_a_folder_that_cannot_be_made_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "videos").write_text("in the way")
    done = run(tmp_path, "doctor", "--json")
    assert done.code == 1
    assert json.loads(done.out)["problems"] == [f"{tmp_path / 'films'} cannot be written."]


async def test_it_asks_only_who_is_there_and_without_the_key(tmp_path: Path) -> None:
    async with hosting(lambda _: Reply(b"{}", 404)) as host:
        done = await run_beside(
            tmp_path, "doctor", "--json", sandbox=False, SEEDANCE_OPE_API_KEY=KEY, SEEDANCE_OPE_BASE_URL=host.origin
        )
    report = json.loads(done.out)
    assert done.code == 0
    assert report["reach"]["ope"].startswith("HTTP 404 in ")
    assert [asked.method for asked in host.requests] == ["GET"]
    assert all(KEY not in str(asked) for asked in host.requests)


def test_who_cannot_be_reached_is_a_problem(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    done = run(tmp_path, "doctor", "--json", sandbox=False, SEEDANCE_OPE_API_KEY=KEY, SEEDANCE_OPE_BASE_URL=url)
    assert done.code == 1
    assert json.loads(done.out)["problems"] == [f"{url} cannot be reached (ConnectError)."]


async def test_offline_it_asks_nobody(tmp_path: Path) -> None:
    async with hosting(lambda _: Reply()) as host:
        done = await run_beside(
            tmp_path, "doctor", "--offline", sandbox=False, SEEDANCE_OPE_API_KEY=KEY, SEEDANCE_OPE_BASE_URL=host.origin
        )
    assert done.code == 0
    assert host.requests == []
