"""What the sandbox's videos show: a sun over a moving sea, a clock, their mark and a bar, as planes of yuv420p.

Rows of bytes are cut from larger ones and joined, which is as fast as Python gets without numpy.
"""

from __future__ import annotations

import math

_DOTS: dict[str, tuple[int, ...]] = {
    "0": (7, 5, 5, 5, 7),
    "1": (2, 6, 2, 2, 7),
    "2": (7, 1, 7, 4, 7),
    "3": (7, 1, 7, 1, 7),
    "4": (5, 5, 7, 1, 1),
    "5": (7, 4, 7, 1, 7),
    "6": (7, 4, 7, 5, 7),
    "7": (7, 1, 1, 1, 1),
    "8": (7, 5, 7, 5, 7),
    "9": (7, 5, 7, 1, 7),
    ":": (0, 2, 0, 2, 0),
    "A": (2, 5, 7, 5, 5),
    "B": (6, 5, 6, 5, 6),
    "D": (6, 5, 5, 5, 6),
    "N": (5, 7, 7, 5, 5),
    "O": (7, 5, 5, 5, 7),
    "S": (7, 4, 7, 1, 7),
    "X": (5, 5, 2, 5, 5),
}
"""The characters of the clock and the mark, each five rows of three dots, one bit for each dot."""
_MARK = "SANDBOX"
"""What every video says below its clock, so that none is taken for a real one."""

_WHITE, _DARK = b"\xeb", b"\x28"
_SUN = (b"\xe6", b"\x50", b"\x9c")
_SKY = ((58, 158, 122), (176, 104, 158))
"""Y, U and V at the top and at the horizon."""
_SEA = (74, 142, 112)


class Scene:
    """The frames of one video; `strides` are the row lengths of the Y plane and of the two colour planes."""

    def __init__(self, width: int, height: int, seconds: int, strides: tuple[int, int]) -> None:
        self.width, self.height, self.seconds, self.strides = width, height, seconds, strides
        self.horizon = height * 2 // 3 & ~1
        self.dot = max(2, min(width, height) // 120)
        self.wave = 2 * (max(64, width // 8) // 2)
        swell = (10 * math.sin(2 * math.pi * x / self.wave) for x in range(self.wave))
        self.sea = bytes(_SEA[0] + round(y) for y in swell) * (strides[0] // self.wave + 3)
        self.sky = tuple(self._gradient(plane) for plane in range(3))

    def _gradient(self, plane: int) -> list[bytes]:
        """Return the sky of one plane, row by row, down to the horizon."""
        rows, stride = (self.horizon, self.strides[0]) if plane == 0 else (self.horizon // 2, self.strides[1])
        top, low = _SKY[0][plane], _SKY[1][plane]
        return [bytes([round(top + (low - top) * y / rows)]) * stride for y in range(rows)]

    def planes(self, time: float) -> tuple[bytes, bytes, bytes]:
        """Return Y, U and V `time` seconds into the video."""
        done = time / self.seconds
        luma = list(self.sky[0])
        self._draw_sun(luma, 0, done)
        self._draw_text(luma, f"{int(time) // 60}:{int(time) % 60:02d}", line=0)
        self._draw_text(luma, _MARK, line=1)
        luma += self._waves(time)
        self._draw_bar(luma, done)
        return b"".join(luma), self._colour(1, done), self._colour(2, done)

    def _colour(self, plane: int, done: float) -> bytes:
        rows = list(self.sky[plane])
        self._draw_sun(rows, plane, done)
        rows += [bytes([_SEA[plane]]) * self.strides[1]] * (self.height // 2 - len(rows))
        return b"".join(rows)

    def _draw_sun(self, rows: list[bytes], plane: int, done: float) -> None:
        """Draw the sun: it rises on the left and sets on the right."""
        scale = 1 if plane == 0 else 2
        radius = min(self.width, self.height) // 9 // scale
        middle = round((0.1 + 0.8 * done) * self.width) // scale
        centre = round(self.horizon * (1 - 0.62 * math.sin(math.pi * (0.08 + 0.84 * done)))) // scale
        for y in range(max(0, centre - radius), min(len(rows), centre + radius)):
            half = int(math.sqrt(radius * radius - (y - centre) ** 2))
            left, right = max(0, middle - half), min(self.strides[min(plane, 1)], middle + half)
            row = rows[y]
            rows[y] = row[:left] + _SUN[plane] * (right - left) + row[right:]

    def _waves(self, time: float) -> list[bytes]:
        """Return the sea, row by row: nearer waves are faster and further apart."""
        rows: list[bytes] = []
        stride, depth = self.strides[0], self.height - self.horizon
        step = max(1, self.dot // 2)
        for y in range(0, depth, step):
            near = y / depth
            shift = int(time * self.wave * (0.2 + near) + 37 * y / step) % self.wave
            rows += [self.sea[shift : shift + stride]] * min(step, depth - y)
        return rows

    def _draw_text(self, rows: list[bytes], text: str, line: int) -> None:
        """Write a line of text at the top left."""
        dot, margin = self.dot, 4 * self.dot
        top = margin + line * 8 * dot
        for part in range(5):
            bits = "".join(f"{_DOTS[c][part]:03b}0" for c in text)
            for y in range(top + part * dot, top + (part + 1) * dot):
                row = rows[y]
                dots = (_WHITE * dot if b == "1" else row[:dot] for b in bits)
                written = row[:margin] + b"".join(dots)
                rows[y] = written + row[len(written) :]

    def _draw_bar(self, rows: list[bytes], done: float) -> None:
        """Draw the bar along the bottom edge, in proportion to the elapsed time."""
        length = round(self.width * done)
        row = _WHITE * length + _DARK * (self.strides[0] - length)
        rows[-2 * self.dot :] = [row] * (2 * self.dot)
