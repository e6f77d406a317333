"""`seedance-mcp doctor`: it names every problem, shows no key, and changes nothing at any vendor."""

from __future__ import annotations

import json
import socket
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from seedance_mcp.vendors import known_vendors
from tests.cli.command import run, run_async
from tests.http_host import Reply, hosting
from tests.server.mcp_client import PRICED, connected

pytestmark = pytest.mark.anyio

KEY = "sk-live-0123456789"


def test_the_sandbox_has_no_problems(tmp_path: Path) -> None:
    result = run(tmp_path, "doctor")
    assert result.code == 0
    assert f"Settings were read from this environment, and {tmp_path}" in result.err
    assert "All is well." in result.out
    for title in ("versions", "settings", "vendors", "folders", "journal"):
        assert f"\n{title}\n" in f"\n{result.out}"
    assert "SEEDANCE_SANDBOX" in result.out


def test_a_missing_key_is_a_problem(tmp_path: Path) -> None:
    result = run(tmp_path, "doctor", "--offline", sandbox=False)
    assert result.code == 1
    assert "No vendor has an API key." in result.out
    assert "All is well." not in result.out


def test_keys_are_never_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}-2")
    (tmp_path / "key").chmod(0o600)
    keys: dict[str, Any] = {"SEEDANCE_OPE_API_KEY": KEY, "SEEDANCE_JIMMYAI_API_KEY_FILE": str(tmp_path / "key")}
    for arguments in (["doctor", "--offline"], ["doctor", "--offline", "--json"]):
        result = run(tmp_path, *arguments, SEEDANCE_SANDBOX="0", **keys)
        assert result.code == 0
        assert KEY not in result.out + result.err
        assert "SEEDANCE_OPE_API_KEY" in result.out
        assert str(tmp_path / "key") in result.out


def test_json_has_the_whole_report(tmp_path: Path) -> None:
    result = run(tmp_path, "doctor", "--json", SEEDANCE_MAX_COST="2.50")
    report: dict[str, Any] = json.loads(result.out)
    assert result.code == 0
    assert report["problems"] == []
    assert report["vendors"] == list(known_vendors())
    assert report["settings"]["SEEDANCE_MAX_COST"] == {"value": "2.50", "source": "environment"}
    assert report["versions"].keys() >= {"seedance-mcp", "python", "sqlite", "mcp", "httpx2", "av"}
    assert report["folders"]["videos"] == {"path": str(tmp_path / "videos"), "exists": False, "writable": True}
    assert report["journal"] == {"path": str(tmp_path / "state" / "sandbox" / "journal.sqlite3"), "exists": False}


def test_every_setting_that_cannot_be_used_is_a_problem(tmp_path: Path) -> None:
    result = run(tmp_path, "doctor", "--json", "--offline", SEEDANCE_MAX_COST="much", SEEDANCE_LOG="loud")
    assert result.code == 1
    problems = " ".join(json.loads(result.out)["problems"])
    assert "SEEDANCE_MAX_COST must be" in problems
    assert "SEEDANCE_LOG must be" in problems
    assert "Traceback" not in result.err


def test_a_placeholder_that_the_client_did_not_fill_in_is_a_problem(tmp_path: Path) -> None:
    unfilled: dict[str, Any] = {
        "SEEDANCE_OPE_API_KEY": "${env:KEY}",
        "SEEDANCE_JIMMYAI_API_KEY_FILE": "${user_config.key}",
    }
    result = run(tmp_path, "doctor", "--json", "--offline", SEEDANCE_SANDBOX="0", **unfilled)
    assert result.code == 1
    problems = json.loads(result.out)["problems"]
    for name in unfilled:
        assert f"{name} holds a placeholder that the client did not fill in, so it counts as not set." in problems


@pytest.mark.parametrize(
    ("name", "value"), [("HTTPS_PROXY", "socks9://127.0.0.1:1"), ("SSL_CERT_FILE", "/nowhere/certificates.pem")]
)
def test_a_proxy_or_certificate_that_cannot_be_used_is_a_problem(tmp_path: Path, name: str, value: str) -> None:
    keys: dict[str, Any] = {"SEEDANCE_OPE_API_KEY": KEY, name: value}
    result = run(tmp_path, "doctor", "--json", SEEDANCE_SANDBOX="0", **keys)
    assert result.code == 1
    (problem,) = json.loads(result.out)["problems"]
    assert problem.startswith("The HTTP client cannot be set up")
    assert name in problem
    assert "Traceback" not in result.err


async def test_the_journal_is_inspected_and_not_changed(tmp_path: Path) -> None:
    async with connected(tmp_path, "legacy") as session:
        await session.video(**PRICED)
    path = tmp_path / "state" / "sandbox" / "journal.sqlite3"
    before = path.read_bytes()
    report = json.loads((await run_async(tmp_path, "doctor", "--json")).out)
    assert report["journal"] == {"path": str(path), "exists": True, "check": "ok", "jobs": {"succeeded": 1}}
    assert path.read_bytes() == before


async def test_what_vendors_refuse_although_our_rows_allow_it_is_listed_with_the_row(tmp_path: Path) -> None:
    async with connected(tmp_path, "legacy") as session:
        request = {"model": "byteplus/2.0-mini", "duration": 4, "resolution": "480p"}
        await session.refused("a fox. sandbox: refuse invalid_request", **request)
        await session.refused("a fox. sandbox: refuse content_policy", **request)
    (refused,) = json.loads((await run_async(tmp_path, "doctor", "--json")).out)["refusals"].values()
    assert refused.startswith("byteplus/2.0-mini refused by its vendor: ")
    assert "Our rows: duration '4' (4–15 s, or -1 (the vendor chooses)); resolution" in refused
    assert "resolution '480p' (one of 480p, 720p)" in refused
    assert "refusals" in (await run_async(tmp_path, "doctor")).out


@pytest.mark.parametrize("content", [b"not a database " * 400, b"SQLite format 3\0" * 99], ids=["text", "head"])
def test_a_damaged_journal_is_a_problem(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state" / "sandbox" / "journal.sqlite3"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    path.chmod(0o600)
    result = run(tmp_path, "doctor", "--json")
    assert result.code == 1
    (problem,) = json.loads(result.out)["problems"]
    assert str(path) in problem
    assert path.read_bytes() == content


def test_a_journal_without_its_table_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "state" / "sandbox" / "journal.sqlite3"
    path.parent.mkdir(parents=True)
    sqlite3.connect(path).close()
    path.touch()
    result = run(tmp_path, "doctor", "--json")
    assert "Traceback" not in result.err
    assert json.loads(result.out)["journal"]["exists"] is True


def test_a_folder_that_cannot_be_created_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "videos"
    path.write_text("in the way")
    result = run(tmp_path, "doctor", "--json")
    assert result.code == 1
    assert json.loads(result.out)["problems"] == [
        f"The folder {path} cannot be written to ({path} is not a folder). Choose another with SEEDANCE_OUTPUT_DIR."
    ]


async def test_a_configured_vendor_gets_one_request_without_the_key(tmp_path: Path) -> None:
    async with hosting(lambda _: Reply(b"{}", 404)) as host:
        result = await run_async(
            tmp_path, "doctor", "--json", sandbox=False, SEEDANCE_OPE_API_KEY=KEY, SEEDANCE_OPE_BASE_URL=host.origin
        )
    report = json.loads(result.out)
    assert result.code == 0
    assert report["reach"]["ope"].startswith("HTTP 404 in ")
    assert [request.method for request in host.requests] == ["GET"]
    assert all(KEY not in str(request) for request in host.requests)


def test_a_vendor_that_cannot_be_reached_is_a_problem(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    result = run(tmp_path, "doctor", "--json", sandbox=False, SEEDANCE_OPE_API_KEY=KEY, SEEDANCE_OPE_BASE_URL=url)
    assert result.code == 1
    assert json.loads(result.out)["problems"] == [
        f"{url} cannot be reached (ConnectError). Check the network and SEEDANCE_OPE_BASE_URL."
    ]


async def test_offline_no_vendor_is_contacted(tmp_path: Path) -> None:
    async with hosting(lambda _: Reply()) as host:
        result = await run_async(
            tmp_path, "doctor", "--offline", sandbox=False, SEEDANCE_OPE_API_KEY=KEY, SEEDANCE_OPE_BASE_URL=host.origin
        )
    assert result.code == 0
    assert host.requests == []


async def test_balance_and_price_list_are_shown_in_sections_of_their_own(tmp_path: Path) -> None:
    result = await run_async(tmp_path, "doctor")
    assert "\naccount\n  jimmyai: 100.5 JimiCoin available" in result.out
    assert "\nprice lists\n  jimmyai: seedance2.0-sp 0.3 (480p)" in result.out


def test_problems_are_printed_with_square_brackets(tmp_path: Path) -> None:
    result = run(tmp_path, "doctor", "--offline", SEEDANCE_OUTPUT_DIR=str(tmp_path / "[upload]"))
    assert "[upload]" in result.out


@pytest.mark.skipif(sys.platform == "win32", reason="folders are private there")
async def test_a_state_that_others_can_get_at_is_a_problem(tmp_path: Path) -> None:
    async with connected(tmp_path, "legacy") as session:
        await session.call("list_videos")
    folder = tmp_path / "state" / "sandbox"
    (folder / "journal.sqlite3").chmod(0o644)
    folder.chmod(0o770)
    report = json.loads((await run_async(tmp_path, "doctor", "--json")).out)
    assert [problem.partition(str(tmp_path))[0] for problem in report["problems"]] == [
        "The state folder cannot be used: other users can write to ",
        "Other users can open the journal ",
    ]
    folder.chmod(0o700)
    (folder / "journal.sqlite3").rename(tmp_path / "away")
    (folder / "journal.sqlite3").symlink_to(tmp_path / "away")
    report = json.loads((await run_async(tmp_path, "doctor", "--json")).out)
    assert "is a link or not a file" in report["problems"][0]
    assert report["journal"]["readable"] is False
