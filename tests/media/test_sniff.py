"""What a file is, by its content: every known format, and much that only looks like one."""

from __future__ import annotations

import pytest

from seedance_mcp.media.sniff import HEAD, MIME, sniff
from tests.media.whole_files import FILES
from tests.uploads.samples import video

WHOLE_FILES = FILES | {
    "mkv": video(form="matroska"),
    "avi": video(form="avi"),
    "flv": video(form="flv", codec="flv1"),
}
HEADS = {
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "avif": b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf",
    "m4v": b"\0\0\0\x18ftypM4V \0\0\0\0M4V isom",
    "webm": b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm",
    "ogg": b"OggS\0\x02" + bytes(20),
    "mov": b"\0\0\0\x08wide\0\0\0\0mdat",
}


@pytest.mark.parametrize("ending", WHOLE_FILES)
def test_the_content_of_a_whole_file_decides_its_format(ending: str) -> None:
    assert sniff(WHOLE_FILES[ending][:HEAD]) == ending


@pytest.mark.parametrize("ending", HEADS)
def test_the_first_bytes_are_enough(ending: str) -> None:
    assert sniff(HEADS[ending]) == ending


def test_every_known_format_is_tested_here() -> None:
    assert {*WHOLE_FILES, *HEADS} == set(MIME)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"root:x:0:0:root:/root:/bin/bash\n",
        b"BM, said the driver, and was gone",
        b"ID3 is not a tag in this sentence",
        b"\xff\xfe\xff\xff not a frame",
        b"\xff\xfb\xff\x00 a bit rate that there is not",
        b"RIFF\0\0\0\0CDDA",
        b"%PDF-1.7\n",
        b"PK\x03\x04" + bytes(40),
        b"\x7fELF" + bytes(40),
        b"#!/bin/sh\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<?xml version='1.0'?><svg/>",
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\n",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"-----BEGIN OPENSSH PRIVATE KEY-----\n",
        b"\0\0\0\x08ftyp",
        b"SQLite format 3\0",
        b"\x1a\x45\xdf\xa3 something else",
    ],
)
def test_content_that_only_resembles_a_format_is_not_recognised(content: bytes) -> None:
    assert sniff(content) is None
