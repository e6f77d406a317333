"""`seedance-mcp create`, `check` and `balance`: for scripts and shells, with exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import POSIX, read_all, read_until, run, run_async, started
from tests.cli.vendors_over_http import VIDEO, Vendors

pytestmark = pytest.mark.anyio

MINI = ("--model", "seedanceapi/seedance-2-mini", "--duration", "4", "--resolution", "480p")
FAST: dict[str, Any] = {"SEEDANCE_POLL_INTERVAL": "0.05"}


def created(folder: Path, prompt: str, *more: str, **settings: Any) -> tuple[int, str, str]:
    result = run(folder, "create", prompt, *MINI, *more, **(FAST | settings))
    return result.code, result.out, result.err


def test_create_prints_the_path_of_the_video_and_says_that_it_is_play_money(tmp_path: Path) -> None:
    code, out, err = created(tmp_path, "a fox. sandbox: instant")
    assert code == 0
    path = Path(out.strip())
    assert path.parent == tmp_path / "videos"
    assert path.stat().st_size > 1000
    assert "seedanceapi/seedance-2-mini: $0.57 of play money (sandbox)" in err


def test_json_has_everything_about_the_job(tmp_path: Path) -> None:
    code, out, _ = created(tmp_path, "a fox. sandbox: instant", "--json")
    job: dict[str, Any] = json.loads(out)
    assert (code, job["state"], job["sandbox"]) == (0, "succeeded", True)
    assert Path(job["path"]).exists()
    assert job["cost"] == {"usd": 0.57}
    checked = run(tmp_path, "check", job["job_id"][-4:], "--json")
    assert (checked.code, json.loads(checked.out)["path"]) == (0, job["path"])


def test_a_video_that_fails_ends_with_1_and_the_reason(tmp_path: Path) -> None:
    code, out, err = created(tmp_path, "a fox. sandbox: instant, fail content_policy")
    assert (code, out) == (1, "")
    assert re.search(r"Job \w{12} failed: .+", err)


def test_a_refused_request_ends_with_1_and_with_json_has_the_error_as_fields(tmp_path: Path) -> None:
    result = run(tmp_path, "create", "a fox", *MINI[:2], "--resolution", "1080p", "--json")
    assert result.code == 1
    error = json.loads(result.out)["error"]
    assert error["code"] == "invalid_request"
    assert "resolution '1080p' must be one of 480p, 720p" in error["message"]
    assert "Traceback" not in result.err


def test_a_dry_run_sends_nothing_and_shows_the_exact_request(tmp_path: Path) -> None:
    code, out, err = created(tmp_path, "a fox", "--dry-run", "--json")
    quote = json.loads(out)
    assert (code, quote["state"], quote["sandbox"]) == (0, "quoted", True)
    assert quote["request"]["body"]["prompt"] == "a fox"
    assert "next_step" not in quote
    assert "Nothing was sent." in err
    assert json.loads(run(tmp_path, "videos", "--json").out)["videos"] == []


def test_a_lost_answer_ends_with_4_and_says_how_to_settle(tmp_path: Path) -> None:
    code, out, err = created(tmp_path, "a fox. sandbox: lose-answer")
    assert (code, out) == (4, "")
    assert "Do not create it again" in err
    assert re.search(r"seedance-mcp videos resolve \w{12} --not-charged", err)


def test_without_waiting_it_prints_the_job_which_check_waits_for(tmp_path: Path) -> None:
    code, out, err = created(tmp_path, "a fox. sandbox: slow 1", "--no-wait")
    job = out.strip()
    assert code == 0
    assert re.search(rf"seedance-mcp check {job} --wait waits for it", err)
    again = run(tmp_path, "create", "a fox. sandbox: slow 1", *MINI, "--no-wait")
    if again.out.strip() == job:  # the first one may have ended meanwhile
        assert f"The same request is already job {job}, so nothing new is paid" in again.err
    finished = run(tmp_path, "check", job, "--wait", **FAST)
    assert finished.code == 0
    assert Path(finished.out.strip()).exists()
    assert run(tmp_path, "check", "zzzzz").code == 1


def test_a_person_is_asked_above_the_limit_and_nobody_is_asked_in_a_script(tmp_path: Path) -> None:
    limit: dict[str, Any] = {"SEEDANCE_CONFIRM_ABOVE": "0.10"}
    script = run(tmp_path, "create", "a fox", *MINI, **limit)
    assert script.code == 1
    assert "This video may cost up to $0.57, and there is nobody to ask. --yes agrees to it." in script.err
    no = run(tmp_path, "create", "a fox", *MINI, columns=80, typed="\n", **limit)
    assert no.code == 1
    assert "Spend up to $0.57 of play money (sandbox) on one video with seedanceapi/seedance-2-mini? [y/N] " in no.err
    yes = run(tmp_path, "create", "a fox. sandbox: instant", *MINI, columns=80, typed="y\n", **(limit | FAST))
    assert yes.code == 0
    assert created(tmp_path, "a hare. sandbox: instant", "--yes", **limit)[0] == 0
    unknown = run(tmp_path, "create", "a fox", "--model", "ope/seedance-2-0")
    assert "This video may cost an unknown amount, and there is nobody to ask." in unknown.err


def test_any_argument_of_the_tool_can_be_set(tmp_path: Path) -> None:
    more = ("--set", "public=true", "--set", "callback_url=https://example.com/x", "--max-cost", "2")
    body = json.loads(created(tmp_path, "a fox", "--dry-run", "--json", *more)[1])["request"]["body"]
    assert (body["public"], body["callback_url"]) == (True, "https://example.com/x")
    assert "expected NAME=VALUE" in created(tmp_path, "a fox", "--set", "public")[2]


async def test_a_real_video_is_downloaded_and_the_vendor_is_named(vendors: Vendors) -> None:
    env: dict[str, Any] = vendors.env
    result = await run_async(vendors.folder, "create", "a fox", *MINI, **(env | FAST))
    assert result.code == 0
    assert Path(result.out.strip()).read_bytes() == VIDEO
    assert "sandbox" not in result.err


async def test_check_says_where_it_reads_keys_if_it_has_none(vendors: Vendors) -> None:
    async with vendors.server() as session:
        job = (await session.create("a fox. sandbox: slow 3600", model=MINI[1], duration=4, resolution="480p"))[
            "job_id"
        ]
    result = await run_async(vendors.folder, "check", job, sandbox=False)
    assert result.code == 3
    assert "no API key for seedanceapi is set here: neither in this environment nor in " in result.err
    assert "settings.env (what a client passes to its server is not visible to commands)" in result.err


@POSIX
async def test_ctrl_c_says_that_the_vendor_goes_on(tmp_path: Path) -> None:
    import signal

    async with started(tmp_path, "create", "a fox. sandbox: slow 3600", *MINI) as process:
        await read_until(process.stderr, r"waiting for it\.\n")
        process.send_signal(signal.SIGINT)
        last = (await read_all(process.stderr)).splitlines()[-1]
    assert process.returncode == 130
    assert re.fullmatch(
        r"Stopped waiting\. The sandbox goes on with job (\w{12}): \S*seedance-mcp check \1 --wait", last
    )


# -- balance ------------------------------------------------------------------------------------------------------


def test_the_balance_is_shown_where_a_vendor_tells_it(tmp_path: Path) -> None:
    result = run(tmp_path, "balance")
    assert result.code == 0
    assert re.fullmatch(r"jimmyai: 100\.5 JimiCoin available.* \(sandbox\)\n", result.out)
    shown = json.loads(run(tmp_path, "balance", "--json").out)
    assert shown.keys() == {"sandbox", "jimmyai"}
    assert run(tmp_path, "balance", "jimmyai").out == result.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["ope"], "OPE.AI documents no way to ask for the balance."),
        (["opel"], "There is no vendor 'opel'."),
        (["jimmyai"], "no API key for jimmyai is set here"),
        ([], "No vendor with a key here tells its balance; those that do: jimmyai."),
    ],
)
def test_where_no_balance_is_known_a_sentence_says_why(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    result = run(tmp_path, "balance", *arguments, sandbox=False)
    assert result.code == (1 if arguments else 0)
    assert sentence in result.err
