"""`seedance-mcp demo`: one video from prompt to file."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest

from tests.cli.command import POSIX, read_all, read_until, run, run_async, started
from tests.server.mcp_client import inspect_video


def test_the_demo_creates_a_video_in_five_steps_without_any_setting(tmp_path: Path) -> None:
    result = run(tmp_path, "demo", sandbox=False)
    assert result.code == 0
    assert [line[0] for line in result.out.splitlines() if re.match(r"[1-5] ", line)] == ["1", "2", "3", "4", "5"]
    path = Path(result.out.splitlines()[-1].strip())
    assert path.parent == tmp_path / "videos"
    video = inspect_video(str(path))
    assert (video.codec, video.size) == ("h264", "1280x720")
    assert video.seconds == pytest.approx(5, abs=0.1)
    job = path.stem[-4:]
    for command in (
        rf"SEEDANCE_SANDBOX=1 .*seedance-mcp open \w{{8}}{job} ",
        "config claude-code ",
        "keys set VENDOR ",
    ):
        assert re.search(command, result.err)
    again = run(tmp_path, "videos", sandbox=False)
    assert re.search("1 sandbox video: SEEDANCE_SANDBOX=1 .*seedance-mcp videos\n", again.err)
    assert path.name in run(tmp_path, "videos").out


def test_the_demo_uses_the_given_prompt_model_and_duration(tmp_path: Path) -> None:
    result = run(tmp_path, "demo", "a fox in the snow", "--model", "ope/seedance-2-0-fast", "--duration", "4")
    assert result.code == 0
    assert "ope/seedance-2-0-fast" in result.out
    path = Path(result.out.splitlines()[-1].strip())
    assert "a-fox-in-the-snow" in path.name
    assert inspect_video(str(path)).seconds == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--model", "ope/seedance-9"], "No configured vendor has a model 'ope/seedance-9'"),
        (["--duration", "99", "--model", "ope/seedance-2-0"], "duration 99 must be 4–15 s"),
    ],
)
def test_a_demo_that_no_model_can_do_is_refused_with_a_sentence(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    result = run(tmp_path, "demo", *arguments)
    assert result.code == 1
    assert result.err.startswith("seedance-mcp: ")
    assert sentence in result.err
    assert "Traceback" not in result.err


def test_the_demo_fails_if_its_video_fails(tmp_path: Path) -> None:
    result = run(tmp_path, "demo", "sandbox: instant, fail content_policy")
    assert result.code == 1
    assert "no video: " in result.out
    assert not list((tmp_path / "videos").glob("*"))


def test_a_demo_whose_folder_cannot_be_written_to_ends_with_a_sentence_before_it_creates_anything(
    tmp_path: Path,
) -> None:
    (tmp_path / "videos").write_text("in the way")
    result = run(tmp_path, "demo")
    assert result.code == 1
    assert result.err.startswith(f"seedance-mcp: The folder for videos, {tmp_path / 'videos'}, cannot be written to (")
    assert "SEEDANCE_OUTPUT_DIR" in result.err
    assert "3 create" not in result.out


@POSIX
@pytest.mark.anyio
async def test_ctrl_c_says_what_goes_on_and_how_to_come_back(tmp_path: Path) -> None:
    async with started(tmp_path, "demo", "a fox. sandbox: slow 3600", sandbox=False) as process:
        await read_until(process.stderr, r"waiting for it\.\n")
        process.send_signal(signal.SIGINT)
        last = (await read_all(process.stderr)).splitlines()[-1]
        job = re.search(r"3 create   job (\w+)", await read_all(process.stdout))
    assert process.returncode == 130
    assert job
    assert last.startswith(f"Stopped. The sandbox goes on with job {job[1]}; to come back to it: SEEDANCE_SANDBOX=1 ")
    assert last.endswith(f"seedance-mcp check {job[1]} --wait")
    found = await run_async(tmp_path, "check", job[1], "--json")
    assert found.code == 3
    assert json.loads(found.out)["state"] in {"queued", "running"}
