"""A file's size, pixels and seconds against the model's row, before anything is sent or spent."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path
from typing import Any

import pytest

from seedance_mcp.catalog import FileLimits, Source
from seedance_mcp.catalog.files import MB, FileFacts, limit_problems, has_unchecked_limits
from seedance_mcp.uploads import bucket
from tests.server.mcp_client import Session, connected
from tests.uploads.samples import video, image, audio

pytestmark = pytest.mark.anyio

MD = "jimmyai/seedance2.0-md"
BUCKET = "s3://films/in?region=eu-central-1"


def write(folder: Path, **files: bytes) -> list[str]:
    """Write files, named as `run_mp4`; return their paths."""
    paths = {folder / name.replace("_", "."): content for name, content in files.items()}
    for path, content in paths.items():
        path.write_bytes(content)
    return [str(path) for path in paths]


async def asked(tmp_path: Path, photos: Path, model: str, **arguments: Any) -> str:
    """Ask for a dry run with a bucket beside; return what was said."""
    more: dict[str, Any] = {"SEEDANCE_MEDIA_ROOTS": str(photos), "SEEDANCE_UPLOAD_URL": BUCKET}
    async with connected(tmp_path, "2026-07-28", **more) as session:
        said = await session.call("create_video", prompt="a fox", model=model, dry_run=True, **arguments)
        assert not any(session.sandbox.stored.values())
    return said.text


async def test_the_seconds_of_clips_count_together(tmp_path: Path, photos: Path) -> None:
    videos = write(photos, a_mp4=video(8), b_mp4=video(6), c_mov=video(3, "mov"))
    said = await asked(tmp_path, photos, MD, reference_videos=videos)
    assert f"{MD} cannot do this, 1 problem" in said
    assert "- reference_videos add up to 17.0 s; the limit is 15 s" in said
    assert "state: quoted" in await asked(tmp_path, photos, MD, reference_videos=videos[:2])


async def test_each_clip_and_sound_has_bounds_and_so_have_all(tmp_path: Path, photos: Path) -> None:
    videos = write(photos, short_mp4=video(1), fine_mp4=video(3), long_mp4=video(16))
    audios = write(photos, a_wav=audio(1), b_mp3=audio(15, "mp3", "libmp3lame"))
    said = await asked(tmp_path, photos, "ope/seedance-2-0", reference_videos=videos, reference_audios=audios)
    assert "- reference_videos item 1 (short.mp4) is 1.0 s long; each file must be 2–15 s" in said
    assert "- reference_videos item 3 (long.mp4) is 16.0 s long; each file must be 2–15 s" in said
    assert "item 2" not in said
    assert "- reference_videos add up to 20.0 s; the limit is 15 s" in said
    assert "- reference_audios item 1 (a.wav) is 1.0 s" in said
    assert "- reference_audios add up to 16.0 s" in said


@pytest.mark.parametrize(("size", "fits"), [((1280, 720), True), ((640, 360), False), ((720, 1280), True)])
async def test_pixels_are_held_against_the_row(tmp_path: Path, photos: Path, size: tuple[int, int], fits: bool) -> None:
    said = await asked(tmp_path, photos, MD, reference_videos=write(photos, a_mp4=video(2, size=size)))
    assert ("state: quoted" in said) is fits
    assert ("(a.mp4) is 640x360 pixels; the shorter side must be 720–2160 pixels" in said) is not fits


async def test_a_picture_that_is_too_large_for_the_row_is_refused(tmp_path: Path, photos: Path) -> None:
    (photos / "large.png").write_bytes(image() + bytes(30 * MB))
    said = await asked(tmp_path, photos, "ope/seedance-2-0", reference_images=[str(photos / "large.png")])
    assert "- reference_images item 1 (large.png) is 30.0 MB; each file must be under 30 MB" in said


async def test_urls_beside_files_are_left_as_they_are(tmp_path: Path, photos: Path) -> None:
    (video_,) = write(photos, a_mp4=video(8))
    url = "https://example.com/b.mp4"
    async with connected(tmp_path, "2026-07-28", SEEDANCE_MEDIA_ROOTS=str(photos)) as session:
        await session.create(model=MD, reference_videos=[url, video_])
        (task,) = session.sandbox.tasks.values()
    first, second = task.body["reference_videos"]
    assert first == url
    assert second.startswith("https://files.jimmyai.example/uploads/")


async def test_a_model_that_cannot_take_the_file_is_not_chosen(tmp_path: Path, photos: Path) -> None:
    prices = '{"12ai": {"per": "second", "unit": "USD", "rates": {"": 0.0001}}}'
    (video_,) = write(photos, a_mp4=video(4))

    async def chosen(session: Session, **more: Any) -> str:
        return (await session.create(dry_run=True, **more))["model"]

    roots: dict[str, Any] = {"SEEDANCE_MEDIA_ROOTS": str(photos), "SEEDANCE_PRICES": prices}
    async with connected(tmp_path, "2026-07-28", **roots) as session:
        assert (await chosen(session)).startswith("12ai/")
        assert (await chosen(session, first_frame="fox.png")).startswith("jimmyai/")
        assert (await chosen(session, reference_videos=[video_])).startswith("jimmyai/")
    async with connected(tmp_path, "2026-07-28", **roots, SEEDANCE_UPLOAD_URL=BUCKET) as session:
        assert (await chosen(session, first_frame="fox.png")).startswith("12ai/")


async def test_who_could_take_it_is_said_and_how_a_bucket_is_set_up(tmp_path: Path, photos: Path) -> None:
    async with connected(tmp_path, "2026-07-28", SEEDANCE_MEDIA_ROOTS=str(photos)) as session:
        said = await session.refused(model="ope/seedance-2-0", first_frame="fox.png")
    assert "first_frame (fox.png) is a local file, which OPE.AI cannot take: it has no upload of its own" in said
    assert "SEEDANCE_UPLOAD_URL (s3://…, gs://… or az://…)" in said
    assert "As it is, it would be accepted by: jimmyai/seedance2.0-sp," in said


async def test_a_bucket_without_its_extra_is_said(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "find_spec", lambda name: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    said = await asked(tmp_path, photos, "ope/seedance-2-0", first_frame="fox.png")
    assert "install seedance-mcp[upload]" in said


async def test_what_is_too_large_for_the_vendors_upload_goes_to_the_bucket(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos / "large.png").write_bytes(image() + bytes(100 * MB))
    assert "state: quoted" in await asked(tmp_path, photos, "jimmyai/seedance2.0-mini", first_frame="large.png")
    async with connected(tmp_path, "2026-07-28", SEEDANCE_MEDIA_ROOTS=str(photos)) as session:
        said = await session.refused(model="jimmyai/seedance2.0-mini", first_frame="large.png")
    assert "Jimmy AI cannot take: its upload takes 100 MB at most" in said


async def test_without_the_extra_size_and_content_are_still_checked_and_the_rest_is_said(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    videos = write(photos, a_mp4=video(16), passwd_mp4=b"root:x:0:0")
    really = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name in {"av", "PIL"}:
            raise ImportError(name)
        return really(name, *rest)

    for name in ("av", "PIL"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    assert (
        "seconds and pixels of files in reference_videos could not be checked"
        in (await asked(tmp_path, photos, MD, reference_videos=videos[:1])).casefold()
    )
    assert "(passwd.mp4) is no picture, clip or sound" in await asked(tmp_path, photos, MD, reference_videos=videos)
    assert "could not be checked" not in await asked(tmp_path, photos, MD, reference_images=[str(photos / "fox.png")])


async def test_too_many_files_are_not_all_read(tmp_path: Path, photos: Path) -> None:
    for number in range(26):
        (photos / f"{number}.png").write_bytes(image())
    images = [str(photos / f"{number}.png") for number in range(26)]
    said = await asked(tmp_path, photos, "jimmyai/seedance2.0-mini", reference_images=images)
    assert "item 25 is one file too many; 24 are the most" in said


# -- limits by themselves ---------------------------------------------------------------------------------------------

_HERE = Source("SEED:1", "x")


def facts(**known: Any) -> FileFacts:
    values: dict[str, Any] = {"kind": "video", "ending": "mp4", "mime": "video/mp4", "size": 1000}
    return FileFacts(**{**values, **known})


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
def test_limits(limits: dict[str, Any], known: dict[str, Any], fits: bool) -> None:
    assert (list(limit_problems(FileLimits(_HERE, **limits), [("it", facts(**known))])) == []) is fits


def test_what_could_not_be_seen_is_known() -> None:
    seconds, size = FileLimits(_HERE, total_seconds=15), FileLimits(_HERE, under_mb=5)
    assert has_unchecked_limits(seconds, [facts(seconds=1.0), facts()])
    assert not has_unchecked_limits(seconds, [facts(seconds=1.0)])
    assert not has_unchecked_limits(size, [facts()])
    assert has_unchecked_limits(FileLimits(_HERE, pixels=(1, 2)), [facts(seconds=1.0)])
