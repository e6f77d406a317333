"""Small files that take a decoder a lot of memory or time, made when a test needs them.

The videos are H.264 written bit by bit: an SPS may state any size, and a slice that breaks off makes a decoder allocate
and fill a whole frame.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.uploads.samples import image, video

SIDE_IN_BLOCKS = 256
"""4096 pixels, in macroblocks."""


class _Bits:
    def __init__(self) -> None:
        self.text = ""

    def put(self, *bits: str) -> _Bits:
        self.text += "".join(bits)
        return self

    def unsigned(self, *numbers: int) -> _Bits:
        """Append numbers in Exp-Golomb code."""
        for number in numbers:
            code = f"{number + 1:b}"
            self.text += "0" * (len(code) - 1) + code
        return self

    def unit(self, kind: int) -> bytes:
        """Return a unit of the stream, with what keeps it from resembling a start code."""
        text = self.text + "1"
        text += "0" * (-len(text) % 8)
        out = bytearray([kind])
        for byte in int(text, 2).to_bytes(len(text) // 8, "big"):
            if bytes(out[-2:]) == b"\0\0" and byte <= 3:
                out.append(3)
            out.append(byte)
        return bytes(out)


def _parameters(blocks: int) -> tuple[bytes, bytes]:
    sps = _Bits().put(f"{66:08b}", "0" * 8, f"{62:08b}").unsigned(0, 0, 2, 1).put("0")
    sps.unsigned(blocks - 1, blocks - 1).put("1", "1", "0", "0")
    pps = _Bits().unsigned(0, 0).put("0", "0").unsigned(0, 0, 0).put("0", "00").unsigned(0, 0, 0).put("0", "0", "0")
    return sps.unit(0x67), pps.unit(0x68)


def _frame(number: int) -> bytes:
    """Return an IDR frame whose only slice breaks off after one macroblock."""
    slice_ = _Bits().unsigned(0, 7, 0).put("0000").unsigned(number % 2).put("0", "0").unsigned(0)
    slice_.unsigned(3, 0).put("1", "1")  # I_16x16
    unit = slice_.unit(0x65)
    return len(unit).to_bytes(4, "big") + unit


def box(kind: str, *content: bytes) -> bytes:
    payload = b"".join(content)
    return (8 + len(payload)).to_bytes(4, "big") + kind.encode() + payload


def u32(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, "big") for number in numbers)


def movie(description: bytes, samples: bytes, tables: Callable[[int], bytes], count: int) -> bytes:
    """Return an mp4 with one video track; `tables` gets the place of the samples."""

    def moov(place: int) -> bytes:
        stbl = box("stbl", box("stsd", u32(0, 1), description), box("stts", u32(0, 1, count, 16)), tables(place))
        dinf = box("dinf", box("dref", u32(0, 1), box("url ", u32(1))))
        minf = box("minf", box("vmhd", u32(1, 0, 0)), dinf, stbl)
        mdhd = box("mdhd", u32(0, 0, 0, 384, 16 * count, 0))
        hdlr = box("hdlr", u32(0, 0), b"vide", bytes(13))
        tkhd = box("tkhd", u32(7, 0, 0, 1, 0, 16 * count), bytes(52), u32(320 << 16, 320 << 16))
        mvhd = box("mvhd", u32(0, 0, 0, 384, 16 * count, 0x10000), bytes(76), u32(2))
        return box("moov", mvhd, box("trak", tkhd, box("mdia", mdhd, hdlr, minf)))

    ftyp = box("ftyp", b"isom", u32(512), b"isommp42")
    return ftyp + moov(len(ftyp) + len(moov(0)) + 8) + box("mdat", samples)


def description(kind: str, side: int, *inner: bytes) -> bytes:
    sizes = side.to_bytes(2, "big") * 2
    return box(kind, bytes(6), b"\0\1", bytes(16), sizes, bytes(14 + 32), b"\0\x18\xff\xff", *inner)


def h264(blocks: int, count: int, stated: int = 320) -> bytes:
    """Return a video of so many frames, each `blocks` × 16 pixels wide and high; its table states another size."""
    sps, pps = _parameters(blocks)
    avcc = box(
        "avcC",
        bytes([1, 66, 0, 62, 255, 225]),
        len(sps).to_bytes(2, "big"),
        sps,
        b"\1",
        len(pps).to_bytes(2, "big"),
        pps,
    )
    frames = [_frame(number) for number in range(count)]

    def tables(place: int) -> bytes:
        sizes = box("stsz", u32(0, 0, count, *map(len, frames)))
        only_first = box("stss", u32(0, 1, 1))  # so that no frame can be skipped
        return box("stsc", u32(0, 1, 1, count, 1)) + sizes + box("stco", u32(0, 1, place)) + only_first

    return movie(description("avc1", stated, avcc), b"".join(frames), tables, count)


def endless_table() -> bytes:
    """44 million samples in 2 KB."""
    count = 44_000_000

    def tables(place: int) -> bytes:
        return box("stsc", u32(0, 1, 1, count, 1)) + box("stsz", u32(0, 1, count)) + box("stco", u32(0, 1, place))

    return movie(description("avc1", 320), bytes(1400), tables, count)


def endless_run() -> bytes:
    """A fragment with 44 million samples."""
    whole = video(0.2, options="movflags=empty_moov+default_base_moof+frag_keyframe")
    tfhd = box("tfhd", u32(0x020038, 1, 512, 1, 0))
    moof = box("moof", box("mfhd", u32(0, 1)), box("traf", tfhd, box("trun", u32(1, 44_000_000, 8))))
    return whole[: whole.index(b"moof") - 4] + moof + box("mdat", bytes(1000))


def repeated_image() -> bytes:
    """One image 200,000 times."""
    content, count = image(form="JPEG", size=(1920, 1080)), 200_000

    def tables(place: int) -> bytes:
        sizes = box("stsz", u32(0, len(content), count))
        return box("stsc", u32(0, 1, 1, 1, 1)) + sizes + box("stco", u32(0, count), u32(place) * count)

    return movie(description("jpeg", 1080), content, tables, count)


def transport_stream() -> bytes:
    """An MPEG transport stream behind the first bytes of an mp4."""
    return box("ftyp", b"isom", u32(512), b"isommp42") + video(1, "mpegts", "mpeg2video")


BOMBS: dict[str, Callable[[], bytes]] = {
    "a sample table of 44 million entries": endless_table,
    "a fragment of 44 million samples": endless_run,
    "frames of 8192x8192 pixels": lambda: h264(512, 3),
    "one image 200,000 times": repeated_image,
    "MPEG-TS behind ftyp": transport_stream,
    "20,000 frames of 4096x4096 pixels": lambda: h264(SIDE_IN_BLOCKS, 20_000),
}
