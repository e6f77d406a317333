"""join_videos: what is joined, what is refused, and that it costs nothing."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import pytest

from tests.server.mcp_client import PRICED, Session, connected, inspect_video

pytestmark = pytest.mark.anyio

SQUARE: dict[str, Any] = PRICED | {"aspect_ratio": "1:1"}
UPRIGHT: dict[str, Any] = PRICED | {"aspect_ratio": "9:16"}


async def shots(session: Session, *requests: dict[str, Any]) -> list[str]:
    """Create videos, and return their job ids."""
    return [(await session.video(f"shot {n}", **request))["job_id"] for n, request in enumerate(requests, 1)]


def song(path: Path, seconds: int = 3) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000 * seconds))
    return path


async def test_shots_that_agree_are_copied_into_one_video(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        ids = await shots(session, PRICED, PRICED)
        paid = session.charge_count
        answer = (await session.call("join_videos", job_ids=ids)).fields
        again = (await session.call("join_videos", job_ids=ids)).fields
        assert session.charge_count == paid
    path = Path(answer["path"])
    assert path.parent == tmp_path / "videos"
    assert "-shot-1-2-shots-" in path.name
    assert (answer["seconds"], answer["size"], answer["shots"]) == (8, "864x496", 2)
    assert answer["encoded"] == ["nothing: all copied"]
    assert answer["cost"] == {"usd": 0.0}
    assert answer["size_bytes"] == path.stat().st_size
    assert inspect_video(answer["path"]).seconds == pytest.approx(8, abs=0.1)
    assert again == answer
    assert [p.name for p in path.parent.iterdir() if p.name.startswith(".")] == []


async def test_the_answer_says_what_was_encoded_and_why(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        ids = await shots(session, PRICED, PRICED | {"resolution": "720p"})
        larger = (await session.call("join_videos", job_ids=ids)).fields
        faded = (await session.call("join_videos", job_ids=[ids[0], ids[0]], crossfade_seconds=0.5)).fields
    assert larger["encoded"] == ["video, because: shot 2 has another size than the first"]
    assert larger["size"] == "864x496"
    assert faded["encoded"] == ["video, because: the cross-fade", "audio, because: the cross-fade"]
    assert faded["seconds"] == 7.5


async def test_an_audio_file_takes_the_place_of_the_audio(tmp_path: Path, era: str) -> None:
    music = tmp_path / "music"
    music.mkdir()
    async with connected(tmp_path, era, SEEDANCE_MEDIA_ROOTS=str(music)) as session:
        ids = await shots(session, PRICED, PRICED)
        track = str(song(music / "song.wav"))
        answer = (await session.call("join_videos", job_ids=ids, audio_file=track)).fields
        assert answer["encoded"] == ["audio, because: the audio file"]
        assert answer["seconds"] == 8


async def test_one_refusal_lists_every_problem_with_what_to_do(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        (done,) = await shots(session, PRICED)
        running = (await session.create("a hare. sandbox: slow 3600", **PRICED))["job_id"]
        failed = (await session.video("a fox. sandbox: fail generation_failed", **PRICED))["job_id"]
        refusal = (
            await session.call("join_videos", job_ids=[done, running, "nosuchjob", failed], audio_file="/etc/passwd")
        ).refusal
        assert list((tmp_path / "videos").iterdir()) == [next((tmp_path / "videos").glob("*.mp4"))]
    assert refusal.startswith("invalid_request: These videos cannot be joined, 4 problems:\n- ")
    assert f"- Job {running} is not finished. Call check_video until it gives a path" in refusal
    assert "- There is no job 'nosuchjob'. Call list_videos" in refusal
    assert f"- Job {failed} failed, so it has no video. Name another job." in refusal
    assert "- audio_file is not a URL, and local files are not allowed: ask the user to allow folders" in refusal
    assert refusal.endswith("Nothing was changed or paid. Correct these and call join_videos again; it costs nothing.")


async def test_videos_of_another_orientation_or_too_short_ones_are_not_joined(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        wide, upright, square = await shots(session, PRICED, UPRIGHT, SQUARE)
        refusal = (await session.call("join_videos", job_ids=[wide, upright, square])).refusal
        no_list = (await session.call("join_videos", job_ids=wide, crossfade_seconds=3, music="x.mp3")).refusal
        one = (await session.call("join_videos", job_ids=[wide])).refusal
    assert f"The video of job {upright} is 496x864 (portrait), and the first is 864x496 (landscape)." in refusal
    assert f"The video of job {square} is 640x640 (square), and the first" in refusal
    assert "job_ids" in no_list
    assert "must be a list of 2–60 job ids" in no_list
    assert "crossfade_seconds 3 must be 0–2 s, decimals allowed; nearest: 2" in no_list
    assert "music is not a parameter" in no_list
    assert "must be a list of 2–60 job ids" in one


async def test_a_joined_video_is_previewed_by_its_path(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        path = (await session.call("join_videos", job_ids=await shots(session, PRICED, PRICED))).fields["path"]
        shown = (await session.call("preview_video", job_id=path, frames=4)).fields
        outside = tmp_path / "a.mp4"
        outside.write_bytes(Path(path).read_bytes())
        refused = [
            (await session.call("preview_video", job_id=name)).refusal
            for name in (str(outside), "../a.mp4", str(tmp_path / "videos" / "no.mp4"), ".hidden.mp4")
        ]
    assert shown["times"] == [1.0, 3.0, 5.0, 7.0]
    assert Path(shown["last_frame"]).stem == Path(path).stem
    assert all("There is no video" in text and "Give a job_id" in text for text in refused)
