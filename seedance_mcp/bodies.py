"""The bodies of requests and answers: files that are sent while they are read, and answers of a bounded size.

Other tasks run while a body arrives, is parsed or is sent, whatever its size, its pieces and its content.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from secrets import token_hex
from typing import TYPE_CHECKING, cast

import anyio
import anyio.lowlevel
import httpx2
from anyio import to_thread

from seedance_mcp.sanitize import clean, map_text, repair_text
from seedance_mcp.vendors.vendor import Answer

if TYPE_CHECKING:
    from seedance_mcp.sanitize import Secrets

MAX_ANSWER = 512 * 1024
"""The most bytes of an answer that are read. Documented ones have a few KB, and a price list 0.3 KB a model."""
MAX_CHUNKS, SMALLEST_CHUNK = 20_000, 64
"""A body in more chunks than this is broken off where they have fewer bytes on average."""
_TURN = 64
"""Chunks of a body that are read before other tasks may run: a read from a socket can bring thousands."""
_DECODED_AT_ONCE = 1024
"""Bytes of a compressed answer that are decoded at once: they become a thousand times as many at most."""
_PARSED_AT_ONCE = 32 * 1024
"""Bytes of the longest answer that is parsed without a worker thread."""
_LONGEST_NUMBER = 640
"""Characters of the longest whole number that Python converts wherever it runs (sys.int_info)."""
_TEXT, _KEPT = 8000, 1800
"""Bytes of an answer that are cleaned, and characters of it that are kept: a record takes 2,000."""


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file that is uploaded as a form with a call. Its name and type are ours, and need no escapes."""

    name: str
    size: int
    blocks: Callable[[], Generator[bytes]] = field(repr=False)
    """Reads the file from its beginning, in a worker thread; what it raises breaks the upload off, and is raised."""
    mime: str

    def form(self, field_name: str) -> tuple[dict[str, str], AsyncGenerator[bytes]]:
        """Return the headers and the body of a form with the file; the body is to be closed."""
        boundary = token_hex(16)
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field_name}"; filename="{self.name}"\r\n'
            f"Content-Type: {self.mime}\r\n\r\n"
        ).encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        length = len(head) + self.size + len(tail)
        headers = {"content-type": f"multipart/form-data; boundary={boundary}", "content-length": str(length)}
        return headers, self._body(head, tail)

    async def _body(self, head: bytes, tail: bytes) -> AsyncGenerator[bytes]:
        yield head
        blocks = self.blocks()
        try:
            while (block := await to_thread.run_sync(next, blocks, None)) is not None:
                yield block
        finally:
            blocks.close()
        yield tail


class TinyChunks(httpx2.RemoteProtocolError):
    """A body came in too many small chunks and was broken off."""


class Paced(httpx2.AsyncByteStream):
    """The body of a response, during which other tasks may run; chunks of a coded body have at most `coded` bytes.

    Raises:
        TinyChunks: it comes in tiny chunks. Each costs as much time as one of 64 KB.
    """

    def __init__(self, response: httpx2.Response, coded: int | None = None) -> None:
        self._stream = cast("httpx2.AsyncByteStream", response.stream)
        self._longest = coded if "content-encoding" in response.headers else None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = size = 0
        async for chunk in self._stream:
            chunks, size = chunks + 1, size + len(chunk)
            if chunks > MAX_CHUNKS and size < chunks * SMALLEST_CHUNK:
                raise TinyChunks("tiny chunks")
            if chunks % _TURN == 0:
                await anyio.lowlevel.checkpoint()
            step = self._longest or len(chunk)
            for start in range(0, len(chunk), step):
                yield chunk[start : start + step] if step < len(chunk) else chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


async def read_body(response: httpx2.Response, read: bytearray) -> None:
    """Add the body of a response to `read`; of one that is too long, the beginning.

    Raises:
        TinyChunks and the HTTP client's errors: it broke off; what arrived is in `read`.
    """
    response.stream = Paced(response, _DECODED_AT_ONCE)
    async for chunk in response.aiter_bytes():
        read += chunk
        if len(read) > MAX_ANSWER:
            break


async def parse(response: httpx2.Response, read: bytearray, secrets: Secrets) -> Answer:
    """Return an answer without the keys in it; its body is None if it is not JSON or too long."""
    if len(read) <= _PARSED_AT_ONCE:
        return _parse(response, read, secrets)
    parsed: list[Answer] = []
    with anyio.CancelScope(shield=True):  # a whole answer is not lost to a cancellation
        parsed.append(await to_thread.run_sync(_parse, response, read, secrets))
    return parsed[0]


def _parse(response: httpx2.Response, read: bytearray, secrets: Secrets) -> Answer:
    body = None
    if len(read) <= MAX_ANSWER:
        with suppress(ValueError, RecursionError):
            body = map_text(json.loads(read, parse_int=_whole), lambda text: secrets.remove(repair_text(text)))
    return Answer(
        response.status_code, body, _retry_after(response.headers.get("retry-after", "")), beginning(read, secrets)
    )


def _whole(number: str) -> int | None:
    """Return a whole number, or None if it is too long to be one of ours: the rest of the answer still counts."""
    return int(number) if len(number) <= _LONGEST_NUMBER else None


def beginning(read: bytearray, secrets: Secrets) -> str:
    """Return the beginning of an answer as clean text, without keys."""
    return clean(secrets.remove(bytes(read[:_TEXT]).decode("utf-8", "replace")), _KEPT)


def _retry_after(said: str) -> float | None:
    """Return the seconds that a Retry-After header asks for (a number or a date), or None."""
    if said.isdecimal():
        return float(said)
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
