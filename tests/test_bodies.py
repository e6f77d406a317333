"""The bodies of requests and answers: whatever they hold, other tasks run meanwhile, and memory stays bounded."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import httpx2
import pytest

from seedance_mcp.bodies import MAX_ANSWER, MAX_CHUNKS, SMALLEST_CHUNK, Paced, SentFile, TinyChunks, parse, read_body
from seedance_mcp.errors import VendorUnreachable
from seedance_mcp.sanitize import Secrets
from seedance_mcp.vendors import Answer, Call, Vendor, known_vendors
from seedance_mcp.web import OutcomeUnknown, Web
from tests.http_host import Reply, hosting, settings_for

pytestmark = pytest.mark.anyio

POST = Call("POST", "/v1/videos", {"prompt": "a fox"})
GET = Call("GET", "/v1/videos/1")
UPLOAD = Call("POST", "/v1/files", file_field="file")
MB = 1024 * 1024
NO_KEYS = Secrets([])


@asynccontextmanager
async def opened(
    folder: Path, base_url: str, transport: httpx2.AsyncBaseTransport | None = None
) -> AsyncGenerator[tuple[Web, Vendor]]:
    web = Web(settings_for(folder, "12ai", base_url), transport)
    try:
        with anyio.fail_after(30):
            yield web, known_vendors()["12ai"]
    finally:
        await web.aclose()


class Chunks(httpx2.AsyncByteStream):
    """A body of which every chunk is there at once, as after a long read from a socket."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


def response_of(chunks: Iterable[bytes], **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(200, headers=named, stream=Chunks(chunks))


# -- answers --------------------------------------------------------------------------------------------------------


class WaitingSecrets(Secrets):
    """Goes on only once another task has run."""

    def __init__(self) -> None:
        super().__init__([])
        self.other_task_ran = threading.Event()

    def remove(self, text: str) -> str:
        assert self.other_task_ran.wait(20)
        return text


async def test_other_tasks_run_while_a_long_answer_is_parsed() -> None:
    secrets = WaitingSecrets()

    async def other_task() -> None:
        await anyio.lowlevel.checkpoint()
        secrets.other_task_ran.set()

    read = bytearray(json.dumps({"id": "task-1", "more": [[]] * 50_000}).encode())
    async with anyio.create_task_group() as group:
        group.start_soon(other_task)
        assert (await parse(httpx2.Response(200), read, secrets)).body["id"] == "task-1"


async def test_a_long_answer_that_is_there_is_parsed_even_if_its_call_is_cancelled() -> None:
    found: list[Answer] = []
    with anyio.CancelScope() as scope:
        scope.cancel()
        found.append(await parse(httpx2.Response(200), bytearray(json.dumps(["x" * 100_000]).encode()), NO_KEYS))
    assert [answer.body for answer in found] == [["x" * 100_000]]


async def test_a_number_too_long_to_be_converted_is_none_and_the_rest_of_the_answer_counts(tmp_path: Path) -> None:
    body = b'{"charge": %b, "id": "task-1", "low": -%b, "count": %b}' % (b"9" * 5000, b"9" * 5000, b"9" * 19)
    async with hosting(lambda _: Reply(body)) as host, opened(tmp_path, host.origin) as (web, vendor):
        answer = await web.post_once(vendor, POST)
    assert answer.body == {"charge": None, "id": "task-1", "low": None, "count": int("9" * 19)}


async def test_of_an_answer_that_cannot_be_read_as_much_is_kept_as_a_record_takes(tmp_path: Path) -> None:
    body = b'{"note": "' + b"x" * 1500 + b'", "id": "task-1", ' + b"y" * 3000
    async with hosting(lambda _: Reply(body)) as host, opened(tmp_path, host.origin) as (web, vendor):
        answer = await web.post_once(vendor, POST)
    assert answer.body is None
    assert '"id": "task-1"' in answer.text
    assert len(answer.text) == 1800


async def test_a_compressed_answer_takes_little_more_memory_than_one_that_is_not() -> None:
    bomb = gzip.compress(bytes(100 * MB))
    read = bytearray()
    await read_body(response_of([bomb], content_encoding="gzip"), read)
    assert MAX_ANSWER < len(read) < MAX_ANSWER + 2 * MB


async def test_a_compressed_answer_is_read_whole() -> None:
    text = json.dumps({"prompt": [str(number) for number in range(20_000)]}).encode()
    read = bytearray()
    await read_body(response_of([gzip.compress(text)], content_encoding="gzip"), read)
    assert read == text


# -- chunks ---------------------------------------------------------------------------------------------------------


async def test_other_tasks_run_while_a_body_arrives_in_single_bytes() -> None:
    turns, size = 0, 0

    async def other_task() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(other_task)
            async for chunk in Paced(response_of([b"x"] * 10_000)):
                size += len(chunk)
            group.cancel_scope.cancel()
    assert size == 10_000
    assert turns > 100


async def test_a_body_in_too_many_tiny_chunks_is_broken_off() -> None:
    read = bytearray()
    with pytest.raises(TinyChunks):
        await read_body(response_of([b"x"] * (MAX_CHUNKS + 1)), read)
    assert read == b"x" * MAX_CHUNKS


async def test_a_body_in_many_chunks_of_a_reasonable_size_is_read_whole() -> None:
    chunks = [b"x" * SMALLEST_CHUNK] * (MAX_CHUNKS + 10)
    read = [chunk async for chunk in Paced(response_of(chunks))]
    assert read == chunks


async def test_a_compressed_body_whose_chunks_decode_to_nothing_is_broken_off_too() -> None:
    endless_name = b"\x1f\x8b\x08\x08\0\0\0\0\0\xff" + b"n" * MAX_CHUNKS  # a gzip header with a file name
    with pytest.raises(TinyChunks):
        await read_body(response_of((bytes([byte]) for byte in endless_name), content_encoding="gzip"), bytearray())


async def test_an_answer_to_a_paid_post_in_too_many_tiny_chunks_is_an_unknown_outcome(tmp_path: Path) -> None:
    tiny = Reply(
        b"".join(b"1\r\n%c\r\n" % byte for byte in b'{"id": "task-1"'),
        headers={"transfer-encoding": "chunked"},
        length=None,
        repeat=b"1\r\n \r\n" * 1000,
    )
    async with hosting(lambda _: tiny) as host, opened(tmp_path, host.origin) as (web, vendor):
        with pytest.raises(OutcomeUnknown) as caught:
            await web.post_once(vendor, POST)
        assert str(caught.value).startswith('an answer in too many small chunks; it began: {"id": "task-1"')
        with pytest.raises(VendorUnreachable, match="an answer in too many small chunks"):
            await web.call(vendor, GET)


# -- files ----------------------------------------------------------------------------------------------------------


class ReadingTransport(httpx2.AsyncBaseTransport):
    """Reads a request piece by piece, and answers."""

    def __init__(self, file: CountedFile, *, breaks: bool = False) -> None:
        self._file, self._breaks = file, breaks
        self.body = b""
        self.most_ahead = 0
        """The most blocks of the file that had been read, besides the one that was being sent."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        assert isinstance(request.stream, httpx2.AsyncByteStream)
        pieces = 0
        async for piece in request.stream:
            self.most_ahead = max(self.most_ahead, self._file.read - pieces)
            self.body += piece
            pieces += 1
            if self._breaks and pieces == 3:
                raise httpx2.WriteError("broken", request=request)
        assert int(request.headers["content-length"]) == len(self.body)
        return httpx2.Response(200, json={"ok": True}, request=request)


class CountedFile:
    """A file of eight blocks; it counts those that were read."""

    SIZE = 8 * 1000

    def __init__(self, wait: threading.Event | None = None) -> None:
        self.read, self.closed, self._wait = 0, False, wait

    def blocks(self) -> Generator[bytes]:
        try:
            for number in range(8):
                assert self._wait is None or self._wait.wait(20)
                self.read += 1
                yield b"%d" % number * 1000
        finally:
            self.closed = True

    @property
    def sent(self) -> SentFile:
        return SentFile("fox.png", self.SIZE, self.blocks, "image/png")


async def test_a_file_is_sent_while_it_is_read(tmp_path: Path) -> None:
    file = CountedFile()
    transport = ReadingTransport(file)
    async with opened(tmp_path, "", transport) as (web, vendor):
        assert (await web.call(vendor, UPLOAD, file.sent)).body == {"ok": True}
    assert transport.most_ahead == 0
    assert file.closed
    head, _, rest = transport.body.partition(b"\r\n\r\n")
    boundary = head.partition(b"\r\n")[0]
    assert head.endswith(b'name="file"; filename="fox.png"\r\nContent-Type: image/png')
    assert rest == b"".join(b"%d" % n * 1000 for n in range(8)) + b"\r\n" + boundary + b"--\r\n"


async def test_other_tasks_run_while_a_file_is_read(tmp_path: Path) -> None:
    other_task_ran = threading.Event()
    file = CountedFile(other_task_ran)

    async def other_task() -> None:
        await anyio.lowlevel.checkpoint()
        other_task_ran.set()

    async with opened(tmp_path, "", ReadingTransport(file)) as (web, vendor), anyio.create_task_group() as group:
        group.start_soon(other_task)
        assert (await web.call(vendor, UPLOAD, file.sent)).status == 200


async def test_a_file_is_closed_where_its_upload_breaks_off(tmp_path: Path) -> None:
    file = CountedFile()
    async with opened(tmp_path, "", ReadingTransport(file, breaks=True)) as (web, vendor):
        with pytest.raises(VendorUnreachable):
            await web.call(vendor, UPLOAD, file.sent)
    assert file.closed
    assert file.read < 8
