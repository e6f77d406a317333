"""A file of each format that an inspector can open."""

from __future__ import annotations

from tests.uploads.samples import audio, image, video

FILES = {
    "jpg": image(form="JPEG"),
    "png": image(),
    "gif": image(form="GIF"),
    "webp": image(form="WEBP"),
    "bmp": image(form="BMP"),
    "tiff": image(form="TIFF"),
    "mp4": video(),
    "mov": video(form="mov"),
    "mp3": audio(form="mp3", codec="libmp3lame"),
    "wav": audio(),
    "m4a": audio(form="ipod", codec="aac"),
    "aac": audio(form="adts", codec="aac"),
    "flac": audio(form="flac", codec="flac"),
}
