"""Inspects a saved video: its properties, a contact sheet, single frames, the last frame. Needs the extra `media`.

Every function decodes and therefore blocks: call it in a worker thread.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedance_mcp.errors import MissingExtra, UnreadableMedia

if TYPE_CHECKING:
    from PIL.Image import Image

WIDEST = 1000
"""Pixels of the longer side of a preview."""
LARGEST = 150_000
"""Bytes of a preview: about 1,300 tokens of an assistant's context."""
MOST_FRAMES = 12
"""Frames on one contact sheet."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The properties of a video, as its file has them."""

    width: int
    height: int
    seconds: float
    audio: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """A JPEG image, and the times in seconds of the frames on it."""

    jpeg: bytes
    times: tuple[float, ...]


def available() -> bool:
    """Whether the extra `media` is installed."""
    return all(importlib.util.find_spec(name) for name in ("av", "PIL"))


def facts(path: Path) -> Facts:
    """Return the size in pixels, the duration in seconds, and whether there is an audio track.

    Raises:
        MissingExtra: the extra `media` is not installed.
        UnreadableMedia: the file cannot be decoded.
    """
    with _opened(path) as container:
        stream = container.streams.video[0]
        return Facts(stream.width, stream.height, _duration(container), bool(container.streams.audio))


def contact_sheet(path: Path, count: int) -> Preview:
    """Return one image with `count` frames at equal intervals, each labelled with its time.

    Raises:
        MissingExtra: the extra `media` is not installed.
        UnreadableMedia: the file cannot be decoded.
    """
    with _opened(path) as container:
        duration = _duration(container)
        times = [duration * (i + 0.5) / count for i in range(count)]
        frames = list(_frames(container, times))
    columns = min(3, count) if frames[0][1].width >= frames[0][1].height else min(6, count)
    return Preview(_jpeg(_tiled(frames, columns)), tuple(round(time, 2) for time, _ in frames))


def frame_at(path: Path, seconds: float) -> Preview:
    """Return the frame that a player shows at the given time; a time after the end gives the last frame.

    Raises:
        MissingExtra: the extra `media` is not installed.
        UnreadableMedia: the file cannot be decoded.
    """
    with _opened(path) as container:
        time, image = next(_frames(container, [max(0.0, min(seconds, _duration(container)))]))
    return Preview(_jpeg(_labelled(_fitted(image, WIDEST), time)), (round(time, 2),))


def last_frame(path: Path, target: Path) -> Path:
    """Write the last frame in full size as a JPEG image, which can be the first frame of the next video.

    Raises:
        MissingExtra: the extra `media` is not installed.
        UnreadableMedia: the file cannot be decoded.
        OSError: the target cannot be written.
    """
    with _opened(path) as container:
        last: Image | None = None
        # Decode from the last key frame 2 s before the end, not from the start.
        container.seek(max(0, (container.duration or 0) - 2_000_000))
        for frame in container.decode(video=0):
            last = frame.to_image()
    if last is None:
        raise UnreadableMedia(f"{path.name} has no frames.", next_step=_CHECK_FILE)
    last.convert("RGB").save(target, "JPEG", quality=95)
    return target


_CHECK_FILE = "Ask the user to open the file in a video player; it may be damaged."


@contextmanager
def _opened(path: Path) -> Generator[Any]:
    """Yield a decoder for a video file, and close it at the end of the block; a decoding error is `UnreadableMedia`."""
    try:
        import av  # noqa: PLC0415  (slow import, and only present with the extra)
        from av.error import FFmpegError  # noqa: PLC0415  (as above)
    except ImportError:
        raise MissingExtra(
            'Inspecting videos needs the extra "media".', next_step="Install seedance-mcp[media]."
        ) from None
    try:
        container = av.open(str(path), options={"protocol_whitelist": "file"})
    except (FFmpegError, OSError) as error:
        raise _undecodable(path, error) from None
    with container:
        if not container.streams.video:
            raise UnreadableMedia(f"{path.name} has no video stream.", next_step=_CHECK_FILE)
        try:
            yield container
        except FFmpegError as error:
            raise _undecodable(path, error) from None


def _undecodable(path: Path, error: BaseException) -> UnreadableMedia:
    return UnreadableMedia(f"{path.name} cannot be decoded ({type(error).__name__}).", next_step=_CHECK_FILE)


def _duration(container: Any) -> float:
    stream = container.streams.video[0]
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / 1_000_000


def _frames(container: Any, times: Sequence[float]) -> Iterator[tuple[float, Image]]:
    """Yield the frame at each of the ascending times, decoding once from start to end; past the end, the last frame."""
    wanted = list(times)
    shown: Any = None
    for frame in container.decode(video=0):
        while wanted and frame.time is not None and frame.time > wanted[0] and shown is not None:
            yield wanted.pop(0), shown.to_image()
        shown = frame
        if not wanted:
            return
    if shown is None:
        raise UnreadableMedia("The video has no frames.", next_step=_CHECK_FILE)
    for time in wanted:
        yield time, shown.to_image()


def _fitted(image: Image, longest: int) -> Image:
    scale = longest / max(image.size)
    if scale >= 1:
        return image
    return _resized(image, (max(1, round(image.width * scale)), max(1, round(image.height * scale))))


def _resized(image: Any, size: tuple[int, int]) -> Image:
    return image.resize(size)


def _tiled(frames: Sequence[tuple[float, Image]], columns: int) -> Image:
    from PIL import Image as Pillow  # noqa: PLC0415  (only present with the extra)

    rows = -(-len(frames) // columns)
    width, height = frames[0][1].size
    scale = min(WIDEST / (width * columns), WIDEST / (height * rows), 1.0)
    tile = (max(1, int(width * scale)), max(1, int(height * scale)))
    sheet = Pillow.new("RGB", (tile[0] * columns, tile[1] * rows))
    for index, (time, image) in enumerate(frames):
        position = (index % columns * tile[0], index // columns * tile[1])
        sheet.paste(_labelled(_resized(image, tile), time), position)
    return sheet


def _labelled(image: Image, time: float) -> Image:
    """Write the time in the lower left corner, light on dark."""
    from PIL import ImageDraw, ImageFont  # noqa: PLC0415  (only present with the extra)

    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(max(12, image.height // 14))
    label = f"{time:.1f} s"
    left, top, right, bottom = draw.textbbox((0, 0), label, font=font)
    width, height = right - left + 12, bottom - top + 8
    draw.rectangle((0, image.height - height, width, image.height), fill=(0, 0, 0))
    draw.text((6 - left, image.height - height + 4 - top), label, fill=(255, 255, 255), font=font)
    return image


def _jpeg(image: Image) -> bytes:
    """Encode as JPEG in the best quality that fits into LARGEST bytes."""
    encoded = b""
    for quality in (85, 70, 55, 40, 25, 10):
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "JPEG", quality=quality, optimize=True)
        encoded = buffer.getvalue()
        if len(encoded) <= LARGEST:
            break
    return encoded
