"""The tables of a track in an mp4 or mov: what they say, and whether they have room for it (ISO/IEC 14496-12)."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

_MOST_EDITS = 64

TrackKind = Literal["video", "audio", "other"]
KINDS: dict[bytes, TrackKind] = {b"vide": "video", b"soun": "audio"}


class ImpossibleTable(Exception):
    """The file is not an mp4 or mov, is damaged, or states what cannot be; the message says which."""


@dataclass(slots=True)
class Track:
    """One track, as its tables describe it."""

    place: int
    """Where its box begins."""
    id: int = 0
    kind: TrackKind = "other"
    codec: str = ""
    """The four characters of its first sample description: avc1, hvc1."""
    width: int = 0
    height: int = 0
    timescale: int = 0
    """Units of time per second."""
    stated: int = 0
    """The duration that its header states, in these units."""
    played: int = 0
    """The durations of its samples in these units."""
    samples: int = 0
    sample_bytes: int = 0
    timed: int = 0
    """The samples that have a duration."""
    shifted: int = 0
    """The samples that are shown later than they are decoded, or not."""
    usual: bool = True
    """Whether its sample descriptions have the form of ISO/IEC 14496-12."""

    @property
    def seconds(self) -> float:
        """How long it plays; 0 if that is unknown."""
        return (self.played or self.stated) / self.timescale if self.timescale else 0.0


@dataclass(frozen=True, slots=True)
class Box:
    """A box of the file."""

    kind: bytes
    start: int
    """Where its header begins."""
    payload: memoryview
    """Its content; empty for a box of the top level that is not read."""
    place: int
    """Where its content begins."""

    @property
    def name(self) -> str:
        """Its kind as it may be shown."""
        return "".join(c if c.isalnum() else "?" for c in self.kind.decode("ascii", "replace"))

    @property
    def version(self) -> int:
        """Its version, which decides how wide its numbers are."""
        return self.whole(0, 1)

    def whole(self, at: int, length: int = 4) -> int:
        """Return a whole number of so many bytes.

        Raises:
            ImpossibleTable: the box is too short.
        """
        if at + length > len(self.payload):
            raise ImpossibleTable(f"its {self.name} box is too short")
        return int.from_bytes(self.payload[at : at + length])


def _numbers(box: Box, at: int, count: int, each: int = 1) -> array[int]:
    """Return `count` entries of `each` 32-bit numbers."""
    end = at + 4 * each * count
    if end > len(box.payload):
        raise ImpossibleTable(f"its {box.name} table has no room for {count} entries")
    numbers = array("I", bytes(box.payload[at:end]))
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


# -- tables -------------------------------------------------------------------------------------------------------


def _stsz(track: Track, box: Box) -> None:
    size, count = box.whole(4), box.whole(8)
    track.samples += count
    track.sample_bytes += size * count if size else sum(_numbers(box, 12, count))


def _stts(track: Track, box: Box) -> None:
    entries = _numbers(box, 8, box.whole(4), 2)
    track.timed += sum(entries[::2])
    track.played += sum(count * delta for count, delta in zip(entries[::2], entries[1::2], strict=True))


def _elst(_: Track, box: Box) -> None:
    count = box.whole(4)
    if count > _MOST_EDITS:
        raise ImpossibleTable("it has too many edits")
    _numbers(box, 8, count, 5 if box.version else 3)


def _table(words: int) -> Callable[[Track, Box], None]:
    """Return the check of a table whose entries have so many 32-bit numbers, which are not read."""

    def check(_: Track, box: Box) -> None:
        count = box.whole(4)
        if 8 + 4 * words * count > len(box.payload):
            raise ImpossibleTable(f"its {box.name} table has no room for {count} entries")

    return check


def _ctts(track: Track, box: Box) -> None:
    track.shifted += sum(_numbers(box, 8, box.whole(4), 2)[::2])


TABLES: dict[bytes, Callable[[Track, Box], None]] = {
    b"stsz": _stsz,
    b"stts": _stts,
    b"ctts": _ctts,
    b"elst": _elst,
    b"stsc": _table(3),
    b"stco": _table(1),
    b"stss": _table(1),
    b"co64": _table(2),
    b"dref": _table(2),
}


def fragment_defaults(tfhd: Box, flags: int, defaults: tuple[int, int]) -> tuple[int, int]:
    """Return the duration and size of a sample in a fragment: its own, or those of its track."""
    duration, size = defaults
    at = 8 + (8 if flags & 0x1 else 0) + (4 if flags & 0x2 else 0)
    if flags & 0x8:
        duration, at = tfhd.whole(at), at + 4
    if flags & 0x10:
        size = tfhd.whole(at)
    return duration, size


def add_run(track: Track, trun: Box, defaults: tuple[int, int]) -> None:
    """Add the samples of a run of a fragment."""
    flags, count = trun.whole(0) & 0xFFFFFF, trun.whole(4)
    words = [bool(flags & bit) for bit in (0x100, 0x200, 0x400, 0x800)]
    at = 8 + (4 if flags & 0x1 else 0) + (4 if flags & 0x4 else 0)
    each = sum(words)
    numbers = _numbers(trun, at, count, each)
    durations = sum(numbers[::each]) if words[0] else count * defaults[0]
    sizes = sum(numbers[int(words[0]) :: each]) if words[1] else count * defaults[1]
    if not words[1] and not defaults[1] and count > 1:
        raise ImpossibleTable("it has samples of no size")
    track.samples += count
    track.timed += count
    track.played += durations
    track.sample_bytes += sizes
