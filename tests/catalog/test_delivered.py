"""A film that is not what was paid for is said to be, and one that is, is not."""

from __future__ import annotations

from typing import Any

import pytest

from seedance_mcp.catalog.delivered import differences
from seedance_mcp.catalog.sizes import SIZES

ASKED = {"resolution": "720p", "aspect_ratio": "16:9", "duration": 5, "generate_audio": True}
FOUND = {"width": 1280, "height": 720, "seconds": 5.04, "audio": True}


@pytest.mark.parametrize(("shape", "size"), SIZES.items(), ids=str)
def test_every_size_that_vendors_document_is_as_asked(shape: tuple[str, str], size: str) -> None:
    width, height = map(int, size.split("x"))
    asked = {**ASKED, "resolution": shape[0], "aspect_ratio": shape[1]}
    assert differences(asked, {**FOUND, "width": width, "height": height}) == []


@pytest.mark.parametrize(
    ("asked", "found", "said"),
    [
        ({"resolution": "1080p"}, {}, ["Asked for 1080p, delivered 1280x720 (about 720p)."]),
        ({"resolution": "480p"}, {}, ["Asked for 480p, delivered 1280x720 (about 720p)."]),
        ({"resolution": "4K"}, {"width": 1920, "height": 1080}, ["Asked for 4K, delivered 1920x1080 (about 1080p)."]),
        ({"aspect_ratio": "9:16"}, {}, ["Asked for 9:16, delivered 1280x720."]),
        ({"aspect_ratio": "4:3"}, {}, ["Asked for 4:3, delivered 1280x720."]),
        ({"duration": 10}, {}, ["Asked for 10 s, delivered 5.0 s."]),
        ({}, {"seconds": 4.1}, ["Asked for 5 s, delivered 4.1 s."]),
        ({}, {"audio": False}, ["Asked for sound, delivered without."]),
        ({"generate_audio": False}, {}, ["Asked for no sound, delivered with it."]),
        (
            {"resolution": "1080p", "duration": 8},
            {"audio": False},
            [
                "Asked for 1080p, delivered 1280x720 (about 720p).",
                "Asked for 8 s, delivered 5.0 s.",
                "Asked for sound, delivered without.",
            ],
        ),
    ],
    ids=str,
)
def test_each_difference_is_said(asked: dict[str, Any], found: dict[str, Any], said: list[str]) -> None:
    assert differences(ASKED | asked, FOUND | found) == said


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"aspect_ratio": "adaptive", "duration": -1},
        {"resolution": "native", "aspect_ratio": "auto"},
        {"aspect_ratio": "16:0"},
    ],
    ids=str,
)
def test_nothing_is_said_of_what_was_left_to_the_vendor(asked: dict[str, Any]) -> None:
    assert differences(asked, {**FOUND, "seconds": 11.0, "audio": False}) == []


def test_a_film_without_pictures_has_no_size_to_compare() -> None:
    assert differences(ASKED, {**FOUND, "width": 0, "height": 0}) == []


def test_a_film_that_cannot_be_opened_is_said_to_be_broken() -> None:
    said = differences(ASKED, {"unreadable": "film.mp4 cannot be decoded (InvalidDataError)."})
    assert said == ["The film may be broken: film.mp4 cannot be decoded (InvalidDataError)."]
