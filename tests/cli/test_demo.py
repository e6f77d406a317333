"""`seedance-mcp demo`: one video from prompt to file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.command import run
from tests.server.mcp_client import inspect_video


def test_the_demo_creates_a_video_in_five_steps_without_any_setting(tmp_path: Path) -> None:
    result = run(tmp_path, "demo", sandbox=False)
    assert (result.code, result.err) == (0, "")
    assert [line[0] for line in result.out.splitlines() if re.match(r"[1-5] ", line)] == ["1", "2", "3", "4", "5"]
    path = Path(result.out.splitlines()[-1].strip())
    assert path.parent == tmp_path / "videos"
    video = inspect_video(str(path))
    assert (video.codec, video.size) == ("h264", "1280x720")
    assert video.seconds == pytest.approx(5, abs=0.1)


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
