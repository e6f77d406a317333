"""A file's size, pixels and duration are checked against the model's row before anything is sent or paid for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seedance_mcp.catalog import FileLimits, Source
from seedance_mcp.catalog.files import MB, FileInfo, has_unchecked_limits, limit_problems
from seedance_mcp.media.inspector import DecoderLimits, Inspector
from seedance_mcp.uploads import bucket
from tests.about import RESELLERS
from tests.server.mcp_client import Session, with_keys
from tests.uploads.samples import audio, image, video
from tests.uploads.sessions import MINI, with_photos

pytestmark = pytest.mark.anyio

MD = "jimmyai/seedance2.0-md"
BUCKET = "s3://videos/in?region=eu-central-1"


def write(folder: Path, **files: bytes) -> list[str]:
    """Write files, named as `run_mp4`; return their paths."""
    paths = {folder / name.replace("_", "."): content for name, content in files.items()}
    for path, content in paths.items():
        path.write_bytes(content)
    return [str(path) for path in paths]


async def dry_run(tmp_path: Path, photos: Path, model: str, **arguments: Any) -> str:
    """Call create_video as a dry run, with a bucket configured; return the text of the answer."""
    async with with_photos(tmp_path, SEEDANCE_UPLOAD_URL=BUCKET) as session:
        answer = await session.call("create_video", prompt="a fox", model=model, dry_run=True, **arguments)
        assert not any(session.sandbox.stored.values())
    return answer.text


async def test_the_durations_of_all_videos_are_added_up(tmp_path: Path, photos: Path) -> None:
    videos = write(photos, a_mp4=video(8), b_mp4=video(6), c_mov=video(3, "mov"))
    answer = await dry_run(tmp_path, photos, MD, reference_videos=videos)
    assert f"{MD} cannot do this, 1 problem" in answer
    assert "- reference_videos add up to 17.0 s; the limit is 15 s" in answer
    assert "state: quoted" in await dry_run(tmp_path, photos, MD, reference_videos=videos[:2])


async def test_each_video_and_audio_file_has_limits_and_so_have_all_together(tmp_path: Path, photos: Path) -> None:
    videos = write(photos, short_mp4=video(1), fine_mp4=video(3), long_mp4=video(16))
    audios = write(photos, a_wav=audio(1), b_mp3=audio(15, "mp3", "libmp3lame"))
    answer = await dry_run(tmp_path, photos, "ope/seedance-2-0", reference_videos=videos, reference_audios=audios)
    assert "- reference_videos item 1 (short.mp4) is 1.0 s long; each file must be 2–15 s" in answer
    assert "- reference_videos item 3 (long.mp4) is 16.0 s long; each file must be 2–15 s" in answer
    assert "item 2" not in answer
    assert "- reference_videos add up to 20.0 s; the limit is 15 s" in answer
    assert "- reference_audios item 1 (a.wav) is 1.0 s long" in answer
    assert "- reference_audios add up to 16.0 s" in answer


@pytest.mark.parametrize(("size", "fits"), [((1280, 720), True), ((640, 360), False), ((720, 1280), True)])
async def test_the_size_in_pixels_is_checked_against_the_row(
    tmp_path: Path, photos: Path, size: tuple[int, int], fits: bool
) -> None:
    answer = await dry_run(tmp_path, photos, MD, reference_videos=write(photos, a_mp4=video(2, size=size)))
    assert ("state: quoted" in answer) is fits
    assert ("(a.mp4) is 640x360 pixels; the shorter side must be 720–2160 pixels" in answer) is not fits


async def test_an_image_that_exceeds_the_limit_of_the_row_is_refused(tmp_path: Path, photos: Path) -> None:
    (photos / "large.png").write_bytes(image() + bytes(30 * MB))
    answer = await dry_run(tmp_path, photos, "ope/seedance-2-0", reference_images=[str(photos / "large.png")])
    assert "- reference_images item 1 (large.png) is 30.0 MB; each file must be under 30 MB" in answer


async def test_urls_beside_files_are_sent_unchanged(tmp_path: Path, photos: Path) -> None:
    (video_,) = write(photos, a_mp4=video(8))
    url = "https://example.com/b.mp4"
    async with with_photos(tmp_path) as session:
        await session.create(model=MD, reference_videos=[url, video_])
        (task,) = session.sandbox.tasks.values()
    first, second = task.body["reference_videos"]
    assert first == url
    assert second.startswith("https://files.jimmyai.example/uploads/")


async def test_a_model_that_cannot_accept_the_file_is_not_chosen(tmp_path: Path, photos: Path) -> None:
    priced = {"SEEDANCE_PRICES": '{"12ai": {"per": "second", "unit": "USD", "rates": {"": 0.0001}}}'}
    vendors: dict[str, Any] = with_keys(*RESELLERS) | priced
    (video_,) = write(photos, a_mp4=video(4))

    async def chosen(session: Session, **more: Any) -> str:
        return (await session.create(dry_run=True, **more))["model"]

    async with with_photos(tmp_path, **vendors) as session:
        assert (await chosen(session)).startswith("12ai/")
        assert (await chosen(session, first_frame="fox.png")).startswith("jimmyai/")
        assert (await chosen(session, reference_videos=[video_])).startswith("jimmyai/")
    async with with_photos(tmp_path, **vendors, SEEDANCE_UPLOAD_URL=BUCKET) as session:
        # Without a ratio, 12ai may crop the image, so a vendor that follows the image is chosen.
        assert (await chosen(session, first_frame="fox.png", aspect_ratio="16:9")).startswith("12ai/")


async def test_the_refusal_names_models_that_would_accept_the_file_and_the_bucket_setting(
    tmp_path: Path, photos: Path
) -> None:
    async with with_photos(tmp_path, **with_keys(*RESELLERS)) as session:
        answer = await session.refused(model="ope/seedance-2-0", first_frame="fox.png")
    assert "first_frame (fox.png) is a local file that OPE.AI cannot accept: it has no upload API" in answer
    assert "SEEDANCE_UPLOAD_URL (s3://…, gs://… or az://…)" in answer
    assert "Unchanged, the request would be accepted by: jimmyai/seedance2.0-sp," in answer


async def test_a_bucket_without_its_extra_is_reported(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "find_spec", lambda _: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]  (a lambda has no types)
    answer = await dry_run(tmp_path, photos, "ope/seedance-2-0", first_frame="fox.png")
    assert "install seedance-mcp[upload]" in answer


async def test_a_file_that_is_too_large_for_the_vendors_upload_goes_to_the_bucket(tmp_path: Path, photos: Path) -> None:
    (photos / "large.png").write_bytes(image() + bytes(100 * MB))
    assert "state: quoted" in await dry_run(tmp_path, photos, MINI, first_frame="large.png")
    async with with_photos(tmp_path) as session:
        answer = await session.refused(model=MINI, first_frame="large.png")
    assert "Jimmy AI cannot accept: its upload accepts at most 100 MB" in answer


async def test_without_the_extra_what_needs_no_decoder_is_checked_and_the_rest_is_reported(
    tmp_path: Path, photos: Path
) -> None:
    videos = write(photos, a_mp4=video(16), passwd_mp4=b"root:x:0:0")
    audios = write(photos, a_wav=audio(1))
    none = {"inspector": Inspector(unavailable="the extra is not installed")}
    asked: dict[str, Any] = {"prompt": "a fox", "dry_run": True}
    async with with_photos(tmp_path, app=none, SEEDANCE_UPLOAD_URL=BUCKET) as session:
        answer = (await session.call("create_video", model=MD, reference_videos=videos, **asked)).text
        assert "- reference_videos add up to 16.0 s; the limit is 15 s" in answer
        assert "(passwd.mp4) is not an image, video or audio file" in answer
        short = {"reference_videos": write(photos, b_mp4=video(3)), "reference_audios": audios}
        answer = (await session.call("create_video", model="ope/seedance-2-0", **short, **asked)).text
        assert "the files in reference_audios could not be checked: the extra is not installed." in answer
        assert "in reference_videos could not" not in answer
        answer = (
            await session.call("create_video", model=MD, reference_images=[str(photos / "fox.png")], **asked)
        ).text
        assert "could not be checked" not in answer


async def test_a_video_in_another_container_is_not_inspected_and_that_is_said(tmp_path: Path, photos: Path) -> None:
    answer = await dry_run(tmp_path, photos, MD, reference_videos=write(photos, a_mkv=video(3, "matroska")))
    assert "in reference_videos could not be checked: only mp4 and mov videos are inspected." in answer


async def test_all_files_of_a_call_have_one_time_limit_together(tmp_path: Path, photos: Path) -> None:
    hurried = {"inspector": Inspector(DecoderLimits(in_all=0))}
    async with with_photos(tmp_path, app=hurried, SEEDANCE_UPLOAD_URL=BUCKET) as session:
        refusal = await session.refused(model=MINI, reference_images=["fox.png"])
    assert "was not opened, because the files of this call take longer than 0 s" in refusal


async def test_files_beyond_the_limit_are_not_read(tmp_path: Path, photos: Path) -> None:
    for number in range(26):
        (photos / f"{number}.png").write_bytes(image())
    images = [str(photos / f"{number}.png") for number in range(26)]
    answer = await dry_run(tmp_path, photos, MINI, reference_images=images)
    assert "item 25 exceeds the limit of 24 files" in answer


# -- limits on their own --------------------------------------------------------------------------------------------

_SOURCE = Source("SEED:1", "x")


def info(**known: Any) -> FileInfo:
    values: dict[str, Any] = {"kind": "video", "ending": "mp4", "mime": "video/mp4", "size": 1000}
    return FileInfo(**{**values, **known})


@pytest.mark.parametrize(
    ("limits", "known", "fits"),
    [
        ({"under_mb": 30}, {"size": 30 * MB - 1}, True),
        ({"under_mb": 30}, {"size": 30 * MB}, False),
        ({"total_mb": 200}, {"size": 200 * MB}, True),
        ({"total_mb": 200}, {"size": 200 * MB + 1}, False),
        ({"seconds": (2, 15)}, {"seconds": 1.95}, True),
        ({"seconds": (2, 15)}, {"seconds": 15.04}, True),
        ({"seconds": (2, 15)}, {"seconds": 15.5}, False),
        ({"seconds": (1.8, float("inf"))}, {"seconds": 9999.0}, True),
        ({"seconds": (1.8, float("inf"))}, {"seconds": 1.0}, False),
        ({"seconds": (2, 15)}, {"seconds": None}, True),
        ({"pixels": (720, 2160)}, {"pixels": (3840, 2160)}, True),
        ({"pixels": (720, 2160)}, {"pixels": (4096, 4096)}, False),
        ({"pixels": (720, 2160)}, {"pixels": None}, True),
    ],
)
def test_a_file_within_the_limits_has_no_problems(limits: dict[str, Any], known: dict[str, Any], fits: bool) -> None:
    assert (list(limit_problems(FileLimits(_SOURCE, **limits), [("item 1", info(**known))])) == []) is fits


def test_a_limit_on_an_unknown_fact_is_unchecked() -> None:
    seconds, size = FileLimits(_SOURCE, total_seconds=15), FileLimits(_SOURCE, under_mb=5)
    assert has_unchecked_limits(seconds, [info(seconds=1.0), info()])
    assert not has_unchecked_limits(seconds, [info(seconds=1.0)])
    assert not has_unchecked_limits(size, [info()])
    assert has_unchecked_limits(FileLimits(_SOURCE, pixels=(1, 2)), [info(seconds=1.0)])
