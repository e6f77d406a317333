"""Each difference between a video and its request is reported, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from seedance_mcp.catalog.delivered import differences
from seedance_mcp.catalog.sizes import SIZES

REQUESTED = {"resolution": "720p", "aspect_ratio": "16:9", "duration": 5, "generate_audio": True}
FOUND = {"width": 1280, "height": 720, "seconds": 5.04, "audio": True}


@pytest.mark.parametrize(("shape", "size"), SIZES.items(), ids=str)
def test_every_documented_size_is_as_requested(shape: tuple[str, str], size: str) -> None:
    width, height = map(int, size.split("x"))
    requested = {**REQUESTED, "resolution": shape[0], "aspect_ratio": shape[1]}
    assert differences(requested, {**FOUND, "width": width, "height": height}) == []


@pytest.mark.parametrize(
    ("requested", "found", "sentences"),
    [
        ({"resolution": "1080p"}, {}, ["Requested 1080p, but the video is 1280x720 (about 720p)."]),
        ({"resolution": "480p"}, {}, ["Requested 480p, but the video is 1280x720 (about 720p)."]),
        (
            {"resolution": "4K"},
            {"width": 1920, "height": 1080},
            ["Requested 4K, but the video is 1920x1080 (about 1080p)."],
        ),
        ({"aspect_ratio": "9:16"}, {}, ["Requested 9:16, but the video is 1280x720."]),
        ({"aspect_ratio": "4:3"}, {}, ["Requested 4:3, but the video is 1280x720."]),
        ({"duration": 10}, {}, ["Requested 10 s, but the video is 5.0 s long."]),
        ({}, {"seconds": 4.1}, ["Requested 5 s, but the video is 4.1 s long."]),
        ({}, {"audio": False}, ["Requested audio, but the video has none."]),
        ({"generate_audio": False}, {}, ["Requested no audio, but the video has audio."]),
        (
            {"resolution": "1080p", "duration": 8},
            {"audio": False},
            [
                "Requested 1080p, but the video is 1280x720 (about 720p).",
                "Requested 8 s, but the video is 5.0 s long.",
                "Requested audio, but the video has none.",
            ],
        ),
    ],
    ids=str,
)
def test_each_difference_is_reported(requested: dict[str, Any], found: dict[str, Any], sentences: list[str]) -> None:
    assert differences(REQUESTED | requested, FOUND | found) == sentences


@pytest.mark.parametrize(
    "requested",
    [
        {},
        {"aspect_ratio": "adaptive", "duration": -1},
        {"resolution": "native", "aspect_ratio": "auto"},
        {"aspect_ratio": "16:0"},
    ],
    ids=str,
)
def test_values_that_were_left_to_the_vendor_are_not_compared(requested: dict[str, Any]) -> None:
    assert differences(requested, {**FOUND, "seconds": 11.0, "audio": False}) == []


def test_the_size_of_a_video_without_frames_is_not_compared() -> None:
    assert differences(REQUESTED, {**FOUND, "width": 0, "height": 0}) == []


def test_a_video_that_cannot_be_opened_is_reported_as_broken() -> None:
    found = differences(REQUESTED, {"unreadable": "video.mp4 cannot be decoded (InvalidDataError)."})
    assert found == ["The video may be broken: video.mp4 cannot be decoded (InvalidDataError)."]
