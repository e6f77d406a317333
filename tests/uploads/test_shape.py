"""The shape of a video follows the local image that it is made from, where the vendor needs to be told a shape."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from seedance_mcp.catalog.check import Checked
from seedance_mcp.settings import Settings, load
from seedance_mcp.uploads.inputs import inspect_files
from tests.uploads.samples import image

pytestmark = pytest.mark.anyio

OPE = "ope/seedance-2-0"


def settings(folder: Path) -> Settings:
    keys = {f"SEEDANCE_{name}_API_KEY": "key" for name in ("OPE", "TWELVEAI")}
    folders = {"SEEDANCE_STATE_DIR": str(folder), "SEEDANCE_OUTPUT_DIR": str(folder)}
    return load(
        {**keys, **folders, "SEEDANCE_MEDIA_ROOTS": str(folder / "photos"), "SEEDANCE_UPLOAD_URL": "s3://videos"}
    )


async def checked(folder: Path, model_id: str = OPE, **args: Any) -> Checked:
    found = settings(folder)
    given = {"prompt": "a fox", **args}
    result = (await inspect_files(given, found)).check(found.model(model_id), given)
    assert result.request, [problem.sentence() for problem in result.problems]
    return result


def ratio(result: Checked) -> str | None:
    assert result.request
    return result.request.aspect_ratio


@pytest.mark.parametrize(
    ("size", "nearest"),
    [
        ((640, 360), "16:9"),
        ((1080, 1920), "9:16"),
        ((1000, 1000), "1:1"),
        ((800, 601), "4:3"),
        ((3000, 4000), "3:4"),
        ((2560, 1080), "21:9"),
        ((10, 3000), "9:16"),
    ],
)
@pytest.mark.parametrize("field", ["first_frame", "reference_images"])
async def test_the_nearest_ratio_of_a_local_image_is_sent_where_a_ratio_is_required(
    tmp_path: Path, photos: Path, size: tuple[int, int], nearest: str, field: str
) -> None:
    (photos / "fox.png").write_bytes(image(size=size))
    media: dict[str, Any] = {field: "fox.png" if field == "first_frame" else ["fox.png"]}
    result = await checked(tmp_path, **media)
    assert ratio(result) == nearest
    assert result.request
    assert result.request.assumed["aspect_ratio"] == nearest
    assert not any("cropped" in advice.text or "crop" in advice.text for advice in result.advice)


async def test_a_photo_counts_as_it_is_shown_and_not_as_the_camera_stored_it(tmp_path: Path, photos: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    stored = io.BytesIO()
    Image.new("RGB", (1920, 1080)).save(stored, "JPEG", exif=exif)
    (photos / "phone.jpg").write_bytes(stored.getvalue())
    assert ratio(await checked(tmp_path, first_frame="phone.jpg")) == "9:16"


async def test_a_ratio_that_the_caller_gives_is_sent_whatever_the_image_is(tmp_path: Path, photos: Path) -> None:
    assert ratio(await checked(tmp_path, first_frame="fox.png", aspect_ratio="1:1")) == "1:1"


async def test_where_the_vendor_follows_the_image_by_itself_no_ratio_is_sent(tmp_path: Path, photos: Path) -> None:
    assert ratio(await checked(tmp_path, "12ai/seedance-2-official", first_frame="fox.png")) is None


async def test_a_link_has_no_known_shape_so_16_9_is_sent_with_a_warning(tmp_path: Path, photos: Path) -> None:
    result = await checked(tmp_path, first_frame="https://example.com/fox.png")
    assert ratio(result) == "16:9"
    assert any("may crop the image" in advice.text for advice in result.advice)
    assert not (await checked(tmp_path, first_frame="https://example.com/fox.png", aspect_ratio="16:9")).advice
    assert not (await checked(tmp_path)).advice
