"""Look into a media file: what it is, a contact sheet, single frames, the last frame. Needs the extra `media`.

Everything here decodes, so it is called in a worker thread.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedance_mcp.errors import MissingExtra, UnreadableMedia

if TYPE_CHECKING:
    from PIL.Image import Image

WIDEST = 1000
"""Pixels of the longer side of what an assistant is shown."""
LARGEST = 150_000
"""Bytes of what an assistant is shown: about 1,300 tokens."""
MOST_FRAMES = 12


@dataclass(frozen=True, slots=True)
class Facts:
    """What a film really is."""

    width: int
    height: int
    seconds: float
    audio: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """A JPEG, and the times in seconds of the frames on it."""

    jpeg: bytes
    times: tuple[float, ...]


def available() -> bool:
    """Whether the extra `media` is installed."""
    return all(importlib.util.find_spec(name) for name in ("av", "PIL"))


def facts(path: Path) -> Facts:
    """Return size, length and whether there is sound.

    Raises:
        MissingExtra, UnreadableMedia.
    """
    with _opened(path) as container:
        stream = container.streams.video[0]
        return Facts(stream.width, stream.height, _length(container), bool(container.streams.audio))


def contact_sheet(path: Path, count: int) -> Preview:
    """Return `count` frames spread over the film on one picture, each with its time.

    Raises:
        MissingExtra, UnreadableMedia.
    """
    with _opened(path) as container:
        length = _length(container)
        times = [length * (i + 0.5) / count for i in range(count)]
        frames = list(_frames(container, times))
    columns = min(3, count) if frames[0][1].width >= frames[0][1].height else min(6, count)
    return Preview(_jpeg(_tiled(frames, columns)), tuple(round(time, 2) for time, _ in frames))


def frame_at(path: Path, seconds: float) -> Preview:
    """Return the frame that is shown at a time.

    Raises:
        MissingExtra, UnreadableMedia.
    """
    with _opened(path) as container:
        time, image = next(_frames(container, [max(0.0, min(seconds, _length(container)))]))
    return Preview(_jpeg(_labelled(_fitted(image, WIDEST), time)), (round(time, 2),))


def last_frame(path: Path, target: Path) -> Path:
    """Write the last frame of a film, in full size, as a JPEG that can be the first frame of the next one.

    Raises:
        MissingExtra, UnreadableMedia: the film cannot be decoded.
        OSError: the target cannot be written.
    """
    with _opened(path) as container:
        last: Image | None = None
        # From the last key frame on: the end of a film is rarely more than a few seconds from one.
        container.seek(max(0, (container.duration or 0) - 2_000_000))
        for frame in container.decode(video=0):
            last = frame.to_image()
    if last is None:
        raise UnreadableMedia(f"{path.name} has no frames.", next_step="")
    last.convert("RGB").save(target, "JPEG", quality=95)
    return target


class _opened:  # noqa: N801  (reads as what it does)
    """A decoder on a file, closed at the end of the block; what it stumbles over becomes `UnreadableMedia`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._container: Any = None

    def __enter__(self) -> Any:
        try:
            import av  # noqa: PLC0415  (slow, and only there with the extra)
            from av.error import FFmpegError  # noqa: PLC0415
        except ImportError:
            raise MissingExtra(
                "Looking into films needs the extra «media».", next_step="Install seedance-mcp[media]."
            ) from None
        try:
            self._container = av.open(str(self._path), options={"protocol_whitelist": "file"})
        except (FFmpegError, OSError) as error:
            raise self._unreadable(error) from None
        if not self._container.streams.video:
            self._container.close()
            raise UnreadableMedia(f"{self._path.name} has no pictures in it.", next_step="")
        return self._container

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from av.error import FFmpegError  # noqa: PLC0415

        self._container.close()
        if isinstance(error, FFmpegError):
            raise self._unreadable(error) from None

    def _unreadable(self, error: BaseException) -> UnreadableMedia:
        return UnreadableMedia(f"{self._path.name} cannot be decoded ({type(error).__name__}).", next_step="")


def _length(container: Any) -> float:
    stream = container.streams.video[0]
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / 1_000_000


def _frames(container: Any, times: Sequence[float]) -> Iterator[tuple[float, Image]]:
    """Yield the frame at each of the rising times, decoding once from start to end; the last stands in beyond it."""
    wanted = list(times)
    shown: Any = None
    for frame in container.decode(video=0):
        while wanted and frame.time is not None and frame.time > wanted[0] and shown is not None:
            yield wanted.pop(0), shown.to_image()
        shown = frame
        if not wanted:
            return
    if shown is None:
        raise UnreadableMedia("The film has no frames.", next_step="")
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
    from PIL import Image as Pillow  # noqa: PLC0415

    rows = -(-len(frames) // columns)
    width, height = frames[0][1].size
    scale = min(WIDEST / (width * columns), WIDEST / (height * rows), 1.0)
    tile = (max(1, int(width * scale)), max(1, int(height * scale)))
    sheet = Pillow.new("RGB", (tile[0] * columns, tile[1] * rows))
    for index, (time, image) in enumerate(frames):
        place = (index % columns * tile[0], index // columns * tile[1])
        sheet.paste(_labelled(_resized(image, tile), time), place)
    return sheet


def _labelled(image: Image, time: float) -> Image:
    """Write the time into the lower left corner, light on dark."""
    from PIL import ImageDraw, ImageFont  # noqa: PLC0415

    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(max(12, image.height // 14))
    words = f"{time:.1f} s"
    left, top, right, bottom = draw.textbbox((0, 0), words, font=font)
    width, height = right - left + 12, bottom - top + 8
    draw.rectangle((0, image.height - height, width, image.height), fill=(0, 0, 0))
    draw.text((6 - left, image.height - height + 4 - top), words, fill=(255, 255, 255), font=font)
    return image


def _jpeg(image: Image) -> bytes:
    """Encode as JPEG in the best quality that keeps to LARGEST."""
    encoded = b""
    for quality in (85, 70, 55, 40, 25, 10):
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "JPEG", quality=quality, optimize=True)
        encoded = buffer.getvalue()
        if len(encoded) <= LARGEST:
            break
    return encoded
