"""What is special at seedanceapi: its one list of images."""

from __future__ import annotations

from typing import Any

import pytest

from seedance_mcp.catalog.check import check
from seedance_mcp.vendors import known_vendors

VENDOR = known_vendors()["seedanceapi"]
IMAGE = "https://example.com/day.png"


def prompt_sent(prompt: str, **media: Any) -> str:
    checked = check(VENDOR.models[0], {"prompt": prompt, **media})
    assert checked.request is not None
    body = VENDOR.build_submit(checked.request).body
    assert isinstance(body, dict)
    return str(body["prompt"])


@pytest.mark.parametrize(
    ("prompt", "sent"),
    [
        ("A fox wakes up.", "A fox wakes up.\nThe video begins with the image."),
        ("狐狸醒来。", "狐狸醒来。\n视频以该图片开始。"),
    ],
)
def test_the_prompt_asks_for_the_first_frame_which_no_field_does(prompt: str, sent: str) -> None:
    assert prompt_sent(prompt, first_frame=IMAGE) == sent
    assert prompt_sent(prompt, reference_images=[IMAGE]) == prompt_sent(prompt) == prompt


@pytest.mark.parametrize("length", [1967, 1968, 2000])
def test_the_sentence_is_left_out_where_the_prompt_would_become_too_long(length: int) -> None:
    sent = prompt_sent("x" * length, first_frame=IMAGE)
    assert len(sent) <= 2000
    assert (sent != "x" * length) is (length + len("\nThe video begins with the image.") <= 2000)
