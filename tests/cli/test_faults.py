"""The faults that `doctor` finds: each one is a row of the table, with what must be said about it."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import POSIX, run

KEY = "sk-live-0123456789"
OPE, OPE_FILE, URL = "SEEDANCE_OPE_API_KEY", "SEEDANCE_OPE_API_KEY_FILE", "SEEDANCE_OPE_BASE_URL"
FILE = "SEEDANCE_SETTINGS_FILE"
GOOD: dict[str, Any] = {OPE: KEY}
Arrange = Callable[[Path], dict[str, Any]]


def given(**settings: str) -> Arrange:
    """Return an arrangement of settings alone; {folder} in a value is the folder of the test."""
    return lambda folder: {name: value.replace("{folder}", str(folder)) for name, value in settings.items()}


def written(setting: str, content: str, mode: int = 0o600) -> Arrange:
    """Return an arrangement of a setting that names a file."""

    def arrange(folder: Path) -> dict[str, Any]:
        file = folder / "given"
        file.write_text(content)
        file.chmod(mode)
        return {setting: str(file)}

    return arrange


def with_journal(change: Callable[[Path], object]) -> Arrange:
    """Return an arrangement of a journal that has been changed."""

    def arrange(folder: Path) -> dict[str, Any]:
        run(folder, "videos", sandbox=False, SEEDANCE_OPE_API_KEY=KEY)
        change(folder / "state" / "journal.sqlite3")
        return {}

    return arrange


def newer(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()


def in_the_way(name: str) -> Arrange:
    """Return an arrangement of a file where a folder should be."""

    def arrange(folder: Path) -> dict[str, Any]:
        (folder / name).write_text("in the way")
        return {}

    return arrange


FAULTS: dict[str, tuple[Arrange, str]] = {
    # names
    "a misspelt name": (
        given(SEEDANCE_MAXCOST="2"),
        "SEEDANCE_MAXCOST in the environment is not a setting, so it has no effect. Did you mean SEEDANCE_MAX_COST?",
    ),
    "a name in small letters": (
        given(seedance_max_cost="2"),
        "seedance_max_cost in the environment has no effect: setting names are in capital letters .SEEDANCE_MAX_COST..",
    ),
    "a key without the prefix": (given(JIMMYAI_API_KEY=KEY), "Did you mean SEEDANCE_JIMMYAI_API_KEY?"),
    "a misspelt prefix": (given(SEADANCE_DAILY_BUDGET="5"), "Did you mean SEEDANCE_DAILY_BUDGET?"),
    "a name like no setting": (given(SEEDANCE_QQQ="1"), "SEEDANCE_QQQ .* is not a setting.*README lists all settings"),
    "a misspelt name in the settings file": (
        written(FILE, "SEEDANCE_DAILY_BUGDET=5\n"),
        "SEEDANCE_DAILY_BUGDET in .*given is not a setting.* Did you mean SEEDANCE_DAILY_BUDGET?",
    ),
    # keys
    "no key": (given(SEEDANCE_OPE_API_KEY=""), "No vendor has an API key. Store one with `seedance-mcp keys set"),
    "a placeholder": (given(SEEDANCE_OPE_API_KEY="your-key"), "SEEDANCE_OPE_API_KEY is a placeholder: put the key"),
    "a placeholder in brackets": (given(SEEDANCE_OPE_API_KEY="<paste-it>"), "SEEDANCE_OPE_API_KEY is a placeholder"),
    "a quoted key": (
        given(SEEDANCE_OPE_API_KEY=f'"{KEY}"'),
        "SEEDANCE_OPE_API_KEY is in quotation marks: give the key",
    ),
    "a key after Bearer": (given(SEEDANCE_OPE_API_KEY=f"Bearer {KEY}"), 'SEEDANCE_OPE_API_KEY begins with "Bearer "'),
    "a key with a space": (given(SEEDANCE_OPE_API_KEY="sk 123"), "SEEDANCE_OPE_API_KEY has characters that an HTTP"),
    "an assignment as a key": (given(SEEDANCE_OPE_API_KEY=f"OPE_KEY={KEY}"), "holds an assignment"),
    "a key and a key file": (
        lambda folder: {OPE: KEY} | written(OPE_FILE, KEY)(folder),
        "SEEDANCE_OPE_API_KEY and SEEDANCE_OPE_API_KEY_FILE are both set; the first is used. Remove one of them.",
    ),
    "a key file that is missing": (
        given(SEEDANCE_OPE_API_KEY_FILE="{folder}/none"),
        "SEEDANCE_OPE_API_KEY_FILE: cannot read ",
    ),
    "a key file that is empty": (written(OPE_FILE, "\n"), "SEEDANCE_OPE_API_KEY_FILE: .* is empty"),
    "the same key twice": (given(SEEDANCE_JIMMYAI_API_KEY=KEY), "and SEEDANCE_OPE_API_KEY hold the same key"),
    "a keyring that is not there": (
        written(FILE, "SEEDANCE_TWELVEAI_API_KEY=keyring:\n"),
        "SEEDANCE_TWELVEAI_API_KEY: .*given names the keyring, but .* `seedance-mcp keys set VENDOR`",
    ),
    # money
    "a cap that is not a number": (
        given(SEEDANCE_MAX_COST="much"),
        "SEEDANCE_MAX_COST must be an amount in USD such as 2.50",
    ),
    "a cap that is a placeholder": (given(SEEDANCE_MAX_COST="${cap}"), "SEEDANCE_MAX_COST holds .*did not fill in"),
    "a cap of nothing": (given(SEEDANCE_MAX_OPEN_JOBS="0"), "SEEDANCE_MAX_OPEN_JOBS is 0, so every video is refused"),
    "a cap above the budget": (
        given(SEEDANCE_MAX_COST="5", SEEDANCE_DAILY_BUDGET="2"),
        "SEEDANCE_MAX_COST is more than SEEDANCE_DAILY_BUDGET, so it has no effect",
    ),
    "a price of an unknown vendor": (
        given(SEEDANCE_PRICES='{"jimyai": {"usd_per_unit": 0.14}}'),
        "SEEDANCE_PRICES has a price for 'jimyai', which is neither a vendor nor a model. Did you mean jimmyai?",
    ),
    "prices that are not JSON": (given(SEEDANCE_PRICES="{cheap}"), "SEEDANCE_PRICES must be JSON in the form"),
    # other values
    "a log level that does not exist": (given(SEEDANCE_LOG="loud"), "SEEDANCE_LOG must be one of debug, info"),
    "a switch that is neither on nor off": (given(SEEDANCE_SANDBOX="maybe"), "SEEDANCE_SANDBOX must be 1 or 0"),
    "days that are not whole": (given(SEEDANCE_RETENTION_DAYS="2.5"), "SEEDANCE_RETENTION_DAYS must be a whole number"),
    # URLs
    "a URL without a host": (
        given(SEEDANCE_OPE_BASE_URL="https://"),
        f"{URL} must name a host after https://. The ven",
    ),
    "a URL without a scheme": (
        given(SEEDANCE_OPE_BASE_URL="api.ope.ai"),
        f"{URL} must be a whole URL that begins with",
    ),
    "a URL that exposes the key": (given(SEEDANCE_OPE_BASE_URL="http://ope.ai"), f"{URL} must begin with https://"),
    "a URL with a query": (given(SEEDANCE_OPE_BASE_URL="https://ope.ai/?a=b"), f"{URL} must end before the first"),
    "a URL with a password": (given(SEEDANCE_OPE_BASE_URL="https://me:pw@ope.ai"), f"{URL} must not contain a user"),
    "a bucket that is not one": (given(SEEDANCE_UPLOAD_URL="https://bucket"), "must begin with s3://, gs:// or az://"),
    # folders, files, the journal
    "a relative folder": (
        given(SEEDANCE_STATE_DIR="state"),
        "SEEDANCE_STATE_DIR is the relative path 'state': another folder for each place that a client starts",
    ),
    "a file in the place of the videos' folder": (in_the_way("videos"), "videos is not a folder.*SEEDANCE_OUTPUT_DIR"),
    "a file in the place of the state folder": (in_the_way("state"), "state is not a folder.*SEEDANCE_STATE_DIR"),
    "a media folder that does not exist": (given(SEEDANCE_MEDIA_ROOTS="{folder}/none"), "none is not a folder. Create"),
    "a media folder that is relative": (
        given(SEEDANCE_MEDIA_ROOTS="photos"),
        "SEEDANCE_MEDIA_ROOTS: .* is not an absolute path",
    ),
    "a media folder that is the whole disk": (given(SEEDANCE_MEDIA_ROOTS=str(Path.cwd().anchor)), "is the whole disk"),
    "a settings file that does not exist": (
        given(SEEDANCE_SETTINGS_FILE="{folder}/none"),
        "none, which does not exist",
    ),
    "a line that is not a setting": (written(FILE, "\nmax cost 5\n"), "given, line 2: a setting is written NAME=value"),
    "a newer journal": (with_journal(newer), r"written by a newer seedance-mcp \(format 99.*Upgrade this one"),
    "a damaged journal": (
        with_journal(lambda path: path.write_bytes(b"not a database " * 400)),
        "cannot be read .* To begin a new one, stop every client and run: mv '.*' '.*.damaged'. Lost by that: the list",
    ),
}


def problems(folder: Path, settings: dict[str, Any]) -> list[str]:
    """Return what doctor finds with a good key and, besides, these settings; its exit code must agree."""
    result = run(folder, "doctor", "--offline", "--json", sandbox=False, **(GOOD | settings))
    found: list[str] = json.loads(result.out)["problems"]
    assert result.code == (1 if found else 0)
    assert KEY not in result.out + result.err
    return found


def test_without_a_fault_nothing_is_found(tmp_path: Path) -> None:
    assert problems(tmp_path, {}) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_its_correction_is_named(tmp_path: Path, fault: str) -> None:
    arrange, sentence = FAULTS[fault]
    settings = arrange(tmp_path)
    if OPE_FILE in settings and OPE not in settings:
        settings[OPE] = ""
    found = problems(tmp_path, settings)
    assert [problem for problem in found if re.search(sentence.replace("?", r"\?"), problem)], found


@POSIX
@pytest.mark.parametrize("setting", [OPE_FILE, FILE])
def test_a_file_with_keys_that_others_can_read_is_a_fault(tmp_path: Path, setting: str) -> None:
    (tmp_path / "key").write_text(f"SEEDANCE_OPE_API_KEY={KEY}" if setting == FILE else KEY)
    (tmp_path / "key").chmod(0o644)
    (found,) = problems(tmp_path, {OPE: "", setting: str(tmp_path / "key")})
    assert found.endswith(f"which may hold keys. Run: chmod 600 {tmp_path / 'key'}")


def test_one_fault_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "videos").write_text("in the way")
    settings: dict[str, Any] = {
        "SEEDANCE_MAX_COST": "much", "SEEDANCE_LOG": "loud", URL: "https://", "SEEDANCE_MAXCOST": "2",
        "SEEDANCE_JIMMYAI_API_KEY": "your-key", "SEEDANCE_STATE_DIR": "state",
    }  # fmt: skip
    found = problems(tmp_path, settings)
    assert len(found) == 7
    report = run(tmp_path, "doctor", "--offline", sandbox=False, **(GOOD | settings))
    assert [line[2:] for line in report.out.splitlines() if line.startswith("! ")] == found
    assert "SEEDANCE_OPE_API_KEY: value set, source environment" in report.out


def test_a_real_answer_about_the_folder_is_found_by_writing_to_it(tmp_path: Path) -> None:
    problems(tmp_path, {})
    assert list(tmp_path.iterdir()) == []
