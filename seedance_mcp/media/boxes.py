"""Reads the box table of an mp4 or mov file (ISO/IEC 14496-12), and refuses one that cannot be true.

Nothing is decoded, and no count in the file is believed: a table must have room for its entries, and the file for its
samples. What FFmpeg would read besides, and in other places than these, is listed in `Movie.hidden`, so that a decoder
need not see it. Needs no extra; reads at most LARGEST_TABLES bytes.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Literal

LARGEST_TABLES = 16 * 1024**2
"""Bytes of all tables of a file: a minute of video has about a hundredth of this."""
MOST_BOXES = 20_000
_MOST_EDITS = 64
_MOST_DESCRIPTIONS = 16
_HEADER = 8

TrackKind = Literal["video", "audio", "other"]
_KINDS: dict[bytes, TrackKind] = {b"vide": "video", b"soun": "audio"}

_INSIDE: dict[bytes, frozenset[bytes]] = {
    parent: frozenset(child.encode() for child in children.split())
    for parent, children in {
        b"": "ftyp styp moov moof mdat",
        b"moov": "mvhd trak mvex",
        b"trak": "tkhd edts mdia",
        b"edts": "elst",
        b"mdia": "mdhd hdlr minf",
        b"minf": "vmhd smhd dinf stbl",
        b"dinf": "dref",
        b"stbl": "stsd stts ctts stsc stsz stco co64 stss",
        b"mvex": "mehd trex",
        b"moof": "mfhd traf",
        b"traf": "tfhd tfdt trun",
    }.items()
}
"""The boxes that are read in each box. A decoder is shown no others."""
_IN_VIDEO_DESCRIPTION = frozenset({b"avcC", b"hvcC", b"av1C", b"vpcC", b"esds", b"pasp", b"colr", b"btrt", b"fiel"})
_VIDEO_DESCRIPTION = 78
"""Bytes of a video's sample description before the boxes in it."""


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
    defaults: tuple[int, int] = (0, 0)
    """Duration and size of a sample in a fragment that states none."""

    @property
    def seconds(self) -> float:
        """How long it plays; 0 if that is unknown."""
        return (self.played or self.stated) / self.timescale if self.timescale else 0.0


@dataclass(slots=True)
class Movie:
    """What the box table of a file says."""

    tracks: list[Track] = field(default_factory=list[Track])
    hidden: list[int] = field(default_factory=list[int])
    """Where the boxes begin that a decoder of the first video track need not see."""

    @property
    def video(self) -> Track | None:
        """The first video track."""
        return next((track for track in self.tracks if track.kind == "video"), None)

    def has_audio(self) -> bool:
        """Whether there is an audio track."""
        return any(track.kind == "audio" for track in self.tracks)

    @property
    def seconds(self) -> float:
        """The duration of the longest track."""
        return max((track.seconds for track in self.tracks), default=0.0)


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int
    """Where its header begins."""
    payload: memoryview
    """Its content; empty for a box of the top level that is not read."""
    place: int
    """Where its content begins."""


def read_movie(file: BinaryIO, size: int) -> Movie:
    """Read the box table of a file of `size` bytes.

    Raises:
        ImpossibleTable: it is not an mp4 or mov, or states what cannot be.
        OSError: the file cannot be read.
    """
    return _Reader(file, size).movie


class _Reader:
    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size
        self._boxes = self._read = 0
        self._found_moov = False
        self._defaults: dict[int, tuple[int, int]] = {}
        self._fragments: list[tuple[int, int]] = []
        self.movie = Movie()
        for box in self._top():
            if box.kind == b"moov":
                if self._found_moov:
                    raise ImpossibleTable("it has two tables of contents")
                self._found_moov = True
                self._moov(box)
            elif box.kind == b"moof":
                self._moof(box)
        if not self._found_moov:
            raise ImpossibleTable("it has no table of contents")
        self._finish()

    # -- boxes ----------------------------------------------------------------------------------------------------

    def _count(self) -> None:
        self._boxes += 1
        if self._boxes > MOST_BOXES:
            raise ImpossibleTable("it has too many boxes")

    def _top(self) -> Iterator[_Box]:
        place = 0
        while self._size - place >= _HEADER:
            self._count()
            self._file.seek(place)
            head = self._file.read(2 * _HEADER)
            kind, header, length = head[4:8], _HEADER, int.from_bytes(head[:4])
            if length == 1:
                header, length = 2 * _HEADER, int.from_bytes(head[8:])
            elif length == 0:
                length = self._size - place
            if length < header or length > self._size - place:
                raise ImpossibleTable("a box ends outside the file")
            content = b""
            if kind in {b"moov", b"moof"}:
                self._read += length
                if self._read > LARGEST_TABLES:
                    raise ImpossibleTable("its tables are too large")
                self._file.seek(place + header)
                content = self._file.read(length - header)
            elif kind not in _INSIDE[b""]:
                self.movie.hidden.append(place)
            yield _Box(kind, place, memoryview(content), place + header)
            place += length

    def _inside(self, box: _Box, skip: int = 0, known: frozenset[bytes] | None = None) -> Iterator[_Box]:
        """Yield the known boxes in a box; the others are hidden."""
        known = _INSIDE[box.kind] if known is None else known
        place = skip
        while len(box.payload) - place >= _HEADER:
            self._count()
            length, kind = int.from_bytes(box.payload[place : place + 4]), bytes(box.payload[place + 4 : place + 8])
            if length == 0 and kind == bytes(4):  # QuickTime ends some lists with a zero
                return
            if length < _HEADER or length > len(box.payload) - place:
                raise ImpossibleTable(f"a box in its {_name(box.kind)} ends outside of it")
            if kind in known:
                start = box.place + place
                yield _Box(kind, start, box.payload[place + _HEADER : place + length], start + _HEADER)
            else:
                self.movie.hidden.append(box.place + place)
            place += length

    # -- the table of contents ------------------------------------------------------------------------------------

    def _moov(self, moov: _Box) -> None:
        for box in self._inside(moov):
            if box.kind == b"trak":
                track = Track(box.start)
                self.movie.tracks.append(track)
                self._trak(track, box)
            elif box.kind == b"mvex":
                for inner in self._inside(box):
                    if inner.kind == b"trex" and len(inner.payload) >= 24:  # noqa: PLR2004  (ISO/IEC 14496-12, 8.8.3)
                        self._defaults[_whole(inner, 4)] = (_whole(inner, 12), _whole(inner, 16))

    def _trak(self, track: Track, box: _Box) -> None:
        for inner in self._inside(box):
            if inner.kind == b"tkhd":
                track.id = _whole(inner, 20 if _version(inner) else 12)
            elif inner.kind in {b"mdia", b"minf", b"edts", b"stbl", b"dinf"}:
                self._trak_part(track, inner)

    def _trak_part(self, track: Track, box: _Box) -> None:
        for inner in self._inside(box):
            if inner.kind in {b"minf", b"stbl", b"dinf"}:
                self._trak_part(track, inner)
            elif inner.kind == b"hdlr":
                if track.codec:
                    raise ImpossibleTable("a track says too late what it is")
                track.kind = _KINDS.get(bytes(inner.payload[8:12]), "other")
            elif inner.kind == b"mdhd":
                wide = bool(_version(inner))
                track.timescale = _whole(inner, 20 if wide else 12)
                track.stated = _whole(inner, 24, 8) if wide else _whole(inner, 16)
                if track.stated in {2**32 - 1, 2**64 - 1}:  # "unknown"
                    track.stated = 0
            elif inner.kind == b"stsd":
                self._descriptions(track, inner)
            elif check := _TABLES.get(inner.kind):
                check(track, inner)

    def _descriptions(self, track: Track, stsd: _Box) -> None:
        """Read what kind of samples a track has."""
        if _whole(stsd, 4) > _MOST_DESCRIPTIONS:
            raise ImpossibleTable("it has too many sample descriptions")
        place = _HEADER
        while len(stsd.payload) - place >= _HEADER:
            self._count()
            length = int.from_bytes(stsd.payload[place : place + 4])
            if length < _HEADER or length > len(stsd.payload) - place:
                raise ImpossibleTable("a sample description ends outside its box")
            kind, start = bytes(stsd.payload[place + 4 : place + 8]), stsd.place + place
            entry = _Box(kind, start, stsd.payload[place + _HEADER : place + length], start + _HEADER)
            track.codec = track.codec or kind.decode("latin-1")
            if track.kind == "video":
                if len(entry.payload) < _VIDEO_DESCRIPTION:
                    raise ImpossibleTable("a sample description is too short")
                track.width = max(track.width, _whole(entry, 24, 2))
                track.height = max(track.height, _whole(entry, 26, 2))
                for _ in self._inside(entry, _VIDEO_DESCRIPTION, _IN_VIDEO_DESCRIPTION):
                    pass
            place += length

    # -- fragments ------------------------------------------------------------------------------------------------

    def _moof(self, moof: _Box) -> None:
        for traf in self._inside(moof):
            if traf.kind != b"traf":
                continue
            track, defaults = None, (0, 0)
            for box in self._inside(traf):
                if box.kind == b"tfhd":
                    track_id, flags = _whole(box, 4), _whole(box, 0) & 0xFFFFFF
                    track = next((t for t in self.movie.tracks if t.id == track_id), None)
                    self._fragments.append((traf.start, track_id))
                    defaults = _fragment_defaults(box, flags, self._defaults.get(track_id, (0, 0)))
                elif box.kind == b"trun":
                    if track is None:
                        raise ImpossibleTable("a fragment belongs to no track")
                    _add_run(track, box, defaults)
            if track is None:
                raise ImpossibleTable("a fragment belongs to no track")

    def _finish(self) -> None:
        """Check what can only be checked of the whole, and hide all tracks but the first video."""
        if sum(track.sample_bytes for track in self.movie.tracks) > self._size:
            raise ImpossibleTable("its samples are larger than the file")
        shown = self.movie.video
        for track in self.movie.tracks:
            if track.samples and max(track.timed, track.shifted) > track.samples:
                raise ImpossibleTable("it times more samples than it has")
            if track is not shown:
                self.movie.hidden.append(track.place)
        self.movie.hidden += [at for at, owner in self._fragments if shown is None or owner != shown.id]


def _name(kind: bytes) -> str:
    return "".join(c if c.isalnum() else "?" for c in kind.decode("ascii", "replace"))


def _version(box: _Box) -> int:
    return _whole(box, 0, 1)


def _whole(box: _Box, at: int, length: int = 4) -> int:
    if at + length > len(box.payload):
        raise ImpossibleTable(f"its {_name(box.kind)} box is too short")
    return int.from_bytes(box.payload[at : at + length])


def _numbers(box: _Box, at: int, count: int, each: int = 1) -> array[int]:
    """Return `count` entries of `each` 32-bit numbers."""
    end = at + 4 * each * count
    if end > len(box.payload):
        raise ImpossibleTable(f"its {_name(box.kind)} table has no room for {count} entries")
    numbers = array("I", bytes(box.payload[at:end]))
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


# -- tables -------------------------------------------------------------------------------------------------------


def _stsz(track: Track, box: _Box) -> None:
    size, count = _whole(box, 4), _whole(box, 8)
    track.samples += count
    track.sample_bytes += size * count if size else sum(_numbers(box, 12, count))


def _stts(track: Track, box: _Box) -> None:
    entries = _numbers(box, 8, _whole(box, 4), 2)
    track.timed += sum(entries[::2])
    track.played += sum(count * delta for count, delta in zip(entries[::2], entries[1::2], strict=True))


def _elst(_: Track, box: _Box) -> None:
    count = _whole(box, 4)
    if count > _MOST_EDITS:
        raise ImpossibleTable("it has too many edits")
    _numbers(box, 8, count, 5 if _version(box) else 3)


def _table(words: int) -> Callable[[Track, _Box], None]:
    """Return the check of a table whose entries have so many 32-bit numbers, which are not looked at."""

    def check(_: Track, box: _Box) -> None:
        count = _whole(box, 4)
        if 8 + 4 * words * count > len(box.payload):
            raise ImpossibleTable(f"its {_name(box.kind)} table has no room for {count} entries")

    return check


def _ctts(track: Track, box: _Box) -> None:
    track.shifted += sum(_numbers(box, 8, _whole(box, 4), 2)[::2])


_TABLES: dict[bytes, Callable[[Track, _Box], None]] = {
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


def _fragment_defaults(tfhd: _Box, flags: int, defaults: tuple[int, int]) -> tuple[int, int]:
    duration, size = defaults
    at = 8 + (8 if flags & 0x1 else 0) + (4 if flags & 0x2 else 0)
    if flags & 0x8:
        duration, at = _whole(tfhd, at), at + 4
    if flags & 0x10:
        size = _whole(tfhd, at)
    return duration, size


def _add_run(track: Track, trun: _Box, defaults: tuple[int, int]) -> None:
    """Add the samples of a run of a fragment."""
    flags, count = _whole(trun, 0) & 0xFFFFFF, _whole(trun, 4)
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
