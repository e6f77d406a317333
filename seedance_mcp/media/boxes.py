"""Reads the box table of an mp4 or mov file (ISO/IEC 14496-12), and refuses one that cannot be true.

Nothing is decoded, and no count in the file is believed: a table must have room for its entries, and the file for its
samples. What FFmpeg would read besides, and in other places than these, is listed by `Movie.hidden`, so that a decoder
need not see it. Needs no extra; reads at most LARGEST_TABLES bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from seedance_mcp.media.tables import (
    KINDS,
    TABLES,
    Box,
    ImpossibleTable,
    Track,
    add_run,
    fragment_defaults,
)

LARGEST_TABLES = 16 * 1024**2
"""Bytes of all tables of a file: a minute of video has about a hundredth of this."""
MOST_BOXES = 20_000
_MOST_DESCRIPTIONS = 16
_HEADER = 8

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
_IN_AUDIO_DESCRIPTION = frozenset({b"esds", b"btrt"})
_VIDEO_DESCRIPTION, _AUDIO_DESCRIPTION = 78, 28
"""Bytes of a sample description before the boxes in it."""


@dataclass(slots=True)
class Movie:
    """What the box table of a file says."""

    tracks: list[Track] = field(default_factory=list[Track])
    unread: list[int] = field(default_factory=list[int])
    """Where the boxes begin that were not read."""
    fragments: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Where each fragment of a track begins, and the id of its track."""

    @property
    def video(self) -> Track | None:
        """The first video track."""
        return next((track for track in self.tracks if track.kind == "video"), None)

    @property
    def audio(self) -> Track | None:
        """The first audio track."""
        return next((track for track in self.tracks if track.kind == "audio"), None)

    def hidden(self, *shown: Track | None) -> list[int]:
        """Return where the boxes begin that a decoder of these tracks need not see."""
        ids = {track.id for track in shown if track is not None}
        others = [track.place for track in self.tracks if track not in shown]
        return self.unread + others + [place for place, owner in self.fragments if owner not in ids]

    def has_audio(self) -> bool:
        """Whether there is an audio track."""
        return any(track.kind == "audio" for track in self.tracks)

    @property
    def seconds(self) -> float:
        """The duration of the longest track."""
        return max((track.seconds for track in self.tracks), default=0.0)


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

    def _top(self) -> Iterator[Box]:
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
                self.movie.unread.append(place)
            yield Box(kind, place, memoryview(content), place + header)
            place += length

    def _inside(self, box: Box, skip: int = 0, known: frozenset[bytes] | None = None) -> Iterator[Box]:
        """Yield the known boxes in a box; the others are hidden."""
        known = _INSIDE[box.kind] if known is None else known
        place = skip
        while len(box.payload) - place >= _HEADER:
            self._count()
            length, kind = int.from_bytes(box.payload[place : place + 4]), bytes(box.payload[place + 4 : place + 8])
            if length == 0 and kind == bytes(4):  # QuickTime ends some lists with a zero
                return
            if length < _HEADER or length > len(box.payload) - place:
                raise ImpossibleTable(f"a box in its {box.name} ends outside of it")
            if kind in known:
                start = box.place + place
                yield Box(kind, start, box.payload[place + _HEADER : place + length], start + _HEADER)
            else:
                self.movie.unread.append(box.place + place)
            place += length

    # -- the table of contents ------------------------------------------------------------------------------------

    def _moov(self, moov: Box) -> None:
        for box in self._inside(moov):
            if box.kind == b"trak":
                track = Track(box.start)
                self.movie.tracks.append(track)
                self._trak(track, box)
            elif box.kind == b"mvex":
                for inner in self._inside(box):
                    if inner.kind == b"trex" and len(inner.payload) >= 24:  # noqa: PLR2004  (ISO/IEC 14496-12, 8.8.3)
                        self._defaults[inner.whole(4)] = (inner.whole(12), inner.whole(16))

    def _trak(self, track: Track, box: Box) -> None:
        for inner in self._inside(box):
            if inner.kind == b"tkhd":
                track.id = inner.whole(20 if inner.version else 12)
            elif inner.kind in {b"mdia", b"minf", b"edts", b"stbl", b"dinf"}:
                self._trak_part(track, inner)

    def _trak_part(self, track: Track, box: Box) -> None:
        for inner in self._inside(box):
            if inner.kind in {b"minf", b"stbl", b"dinf"}:
                self._trak_part(track, inner)
            elif inner.kind == b"hdlr":
                if track.codec:
                    raise ImpossibleTable("a track says too late what it is")
                track.kind = KINDS.get(bytes(inner.payload[8:12]), "other")
            elif inner.kind == b"mdhd":
                wide = bool(inner.version)
                track.timescale = inner.whole(20 if wide else 12)
                track.stated = inner.whole(24, 8) if wide else inner.whole(16)
                if track.stated in {2**32 - 1, 2**64 - 1}:  # "unknown"
                    track.stated = 0
            elif inner.kind == b"stsd":
                self._descriptions(track, inner)
            elif check := TABLES.get(inner.kind):
                check(track, inner)

    def _descriptions(self, track: Track, stsd: Box) -> None:
        """Read what kind of samples a track has."""
        if stsd.whole(4) > _MOST_DESCRIPTIONS:
            raise ImpossibleTable("it has too many sample descriptions")
        place = _HEADER
        while len(stsd.payload) - place >= _HEADER:
            self._count()
            length = int.from_bytes(stsd.payload[place : place + 4])
            if length < _HEADER or length > len(stsd.payload) - place:
                raise ImpossibleTable("a sample description ends outside its box")
            kind, start = bytes(stsd.payload[place + 4 : place + 8]), stsd.place + place
            entry = Box(kind, start, stsd.payload[place + _HEADER : place + length], start + _HEADER)
            track.codec = track.codec or kind.decode("latin-1")
            if track.kind == "video":
                if len(entry.payload) < _VIDEO_DESCRIPTION:
                    raise ImpossibleTable("a sample description is too short")
                track.width = max(track.width, entry.whole(24, 2))
                track.height = max(track.height, entry.whole(26, 2))
                for _ in self._inside(entry, _VIDEO_DESCRIPTION, _IN_VIDEO_DESCRIPTION):
                    pass
            elif track.kind == "audio":
                # QuickTime's own versions of a description have more before the boxes in it.
                track.usual &= len(entry.payload) >= _AUDIO_DESCRIPTION and entry.whole(8, 2) == 0
                for _ in self._inside(entry, _AUDIO_DESCRIPTION, _IN_AUDIO_DESCRIPTION) if track.usual else ():
                    pass
            place += length

    # -- fragments ------------------------------------------------------------------------------------------------

    def _moof(self, moof: Box) -> None:
        for traf in self._inside(moof):
            if traf.kind != b"traf":
                continue
            track, defaults = None, (0, 0)
            for box in self._inside(traf):
                if box.kind == b"tfhd":
                    track_id, flags = box.whole(4), box.whole(0) & 0xFFFFFF
                    track = next((t for t in self.movie.tracks if t.id == track_id), None)
                    self.movie.fragments.append((traf.start, track_id))
                    defaults = fragment_defaults(box, flags, self._defaults.get(track_id, (0, 0)))
                elif box.kind == b"trun":
                    if track is None:
                        raise ImpossibleTable("a fragment belongs to no track")
                    add_run(track, box, defaults)
            if track is None:
                raise ImpossibleTable("a fragment belongs to no track")

    def _finish(self) -> None:
        """Check what can only be checked of the whole."""
        if sum(track.sample_bytes for track in self.movie.tracks) > self._size:
            raise ImpossibleTable("its samples are larger than the file")
        for track in self.movie.tracks:
            if track.samples and max(track.timed, track.shifted) > track.samples:
                raise ImpossibleTable("it times more samples than it has")
