"""What a decoder sees of a file: what was read of it before, and no other file. Used in the child process."""

from __future__ import annotations

import io
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any


def no_other_file(url: str, *_: object) -> Any:
    """Refuse to open what a file refers to."""
    raise PermissionError(url[:80])


class Masked(io.FileIO):
    """An open file in which boxes have another name, so that a decoder skips them."""

    def __init__(self, file: int, hidden: Sequence[int]) -> None:
        """`hidden` are the places where the boxes begin."""
        super().__init__(file, "rb", closefd=False)
        self._names = sorted(place + 4 for place in hidden)

    def read(self, size: int | None = -1) -> bytes:
        """Return what comes next."""
        first = self.tell()
        content = super().read(size)
        at = bisect_left(self._names, first - 3)
        if at == len(self._names) or self._names[at] >= first + len(content):
            return content
        masked = bytearray(content)
        while at < len(self._names) and self._names[at] < first + len(masked):
            for offset, letter in enumerate(b"free", self._names[at] - first):
                if 0 <= offset < len(masked):
                    masked[offset] = letter
            at += 1
        return bytes(masked)
