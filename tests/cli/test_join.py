"""`seedance-mcp join` and variants: several videos from a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cli.command import run

MINI = ("--model", "seedanceapi/seedance-2-mini", "--duration", "4", "--resolution", "480p")
FAST: dict[str, Any] = {"SEEDANCE_POLL_INTERVAL": "0.05"}
INSTANT = "a fox. sandbox: instant"


def created(folder: Path, *more: str) -> list[dict[str, Any]]:
    """Create variants, and return what is known about each."""
    result = run(folder, "create", INSTANT, *MINI, *more, "--json", **FAST)
    assert result.code == 0, result.err
    jobs: list[dict[str, Any]] = json.loads(result.out)
    return jobs


def test_variants_are_created_and_joined_by_parts_of_their_ids(tmp_path: Path) -> None:
    jobs = created(tmp_path, "-n", "2")
    assert len({job["path"] for job in jobs}) == 2
    result = run(tmp_path, "join", *(job["job_id"][-5:] for job in jobs))
    assert result.code == 0
    path = Path(result.out.strip())
    assert path.parent == tmp_path / "videos"
    assert path.stat().st_size > 1000
    assert "8.0 s, 864x496, audio; nothing was encoded anew. Nothing was paid." in result.err
    as_json = json.loads(run(tmp_path, "join", *(job["job_id"] for job in jobs), "--json").out)
    assert (as_json["path"], as_json["seconds"], as_json["sandbox"]) == (str(path), 8.0, True)


def test_the_path_of_each_variant_is_a_line_and_the_sum_is_told(tmp_path: Path) -> None:
    result = run(tmp_path, "create", INSTANT, *MINI, "-n", "3", **FAST)
    assert result.code == 0
    assert len(set(result.out.split())) == 3
    assert "seedanceapi/seedance-2-mini: $1.71 of play money (sandbox)" in result.err
    assert run(tmp_path, "create", INSTANT, *MINI, "-n", "5").code == 2


def test_what_cannot_be_joined_is_said_at_once(tmp_path: Path) -> None:
    result = run(tmp_path, "join", "nosuchjob", "other", "--audio", "missing.mp3")
    assert result.code == 1
    assert "These videos cannot be joined, 3 problems:" in result.err
    assert "There is no job 'nosuchjob'." in result.err
    assert "Traceback" not in result.err
    assert "1 jobs: name 2 to 60." in run(tmp_path, "join", "one").err
    assert run(tmp_path, "join", "one", "two", "--crossfade", "9").code == 2
