"""A client of the sandbox for tests. It uses nothing but the vendor's module and an HTTP client."""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import httpx2

from seedance_mcp.catalog import Media, Model
from seedance_mcp.catalog.check import check
from seedance_mcp.sandbox import Sandbox
from seedance_mcp.sandbox.transport import SandboxTransport
from seedance_mcp.vendors import Accepted, Answer, Call, Refusal, Snapshot, Vendor, known_vendors

ORIGIN = "http://sandbox.test"
URLS = {
    "image": "https://example.com/cat.png",
    "video": "https://example.com/run.mp4",
    "audio": "https://example.com/a.mp3",
}
SLUGS = tuple(known_vendors())


def find_model(slug: str, name: str = "") -> Model:
    """Return a vendor's model by name, or its first."""
    return next(m for m in known_vendors()[slug].models if name in ("", m.name))


def minimal_args(model: Model, **fields: Any) -> dict[str, Any]:
    """Return the arguments that a model requires, together with the given ones."""
    required: dict[str, Any] = {"prompt": "a fox in the snow"}
    for name, row in model.rows.items():
        if row.required and name != "prompt":
            kind = row.kind if isinstance(row, Media) else "image"
            required[name] = [URLS[kind]] if isinstance(row, Media) else URLS[kind]
    return required | fields


class ManualClock:
    """A clock that only moves when a test sets `now`."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class SandboxClient:
    """A client of one vendor, with a good key."""

    slug: str
    http: httpx2.AsyncClient
    base_url: str
    sandbox: Sandbox
    key: str = "sk-test"
    headers: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def vendor(self) -> Vendor:
        return known_vendors()[self.slug]

    def build_submit(self, model: str = "", **fields: Any) -> Call:
        """Build a create request with the vendor's module."""
        found = find_model(self.slug, model)
        checked = check(found, minimal_args(found, **fields))
        assert checked.request, [p.sentence() for p in checked.problems]
        return self.vendor.build_submit(checked.request)

    async def send(self, call: Call, **more: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {self.key}", **self.headers, **call.headers}
        return await self.http.request(
            call.method, self.base_url + call.path, json=call.body, params=call.query, headers=headers, **more
        )

    async def post(self, body: Mapping[str, Any]) -> httpx2.Response:
        """Send any body to the path that creates jobs."""
        return await self.send(Call("POST", self.build_submit().path, body))

    async def create(self, model: str = "", **fields: Any) -> Accepted:
        response = await self.send(self.build_submit(model, **fields))
        assert self.refusal(response) is None, response.text
        return self.accepted(response)

    def accepted(self, response: httpx2.Response) -> Accepted:
        return self.vendor.parse_submit(parsed(response))

    def refusal(self, response: httpx2.Response) -> Refusal | None:
        return self.vendor.parse_error(parsed(response))

    async def poll(self, task_id: str) -> Snapshot:
        response = await self.send(self.vendor.build_status(task_id))
        assert self.refusal(response) is None, response.text
        return self.vendor.parse_status(parsed(response))

    async def download(self, task_id: str, url: str | None = None, **headers: str) -> httpx2.Response:
        """Download a video from its link, or with the key if the vendor gives no link."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.vendor.build_download:
            call = self.vendor.build_download(task_id)
            return await self.send(Call(call.method, call.path, headers=named))
        url = url or (await self.poll(task_id)).url
        assert url, "the poll returned no link"
        return await self.http.get(url, headers=named)


async def download_until_cut(client: httpx2.AsyncClient, url: str, **headers: str) -> tuple[bytes, httpx2.Headers]:
    """Download until the connection breaks; return the bytes received, and the headers."""
    received = bytearray()
    async with client.stream("GET", url, headers=headers) as response:
        try:
            async for chunk in response.aiter_raw():
                received += chunk
        except (httpx2.ReadError, httpx2.RemoteProtocolError):
            return bytes(received), response.headers
    raise AssertionError("the connection did not break")


def parsed(response: httpx2.Response) -> Answer:
    try:
        return Answer(response.status_code, response.json())
    except ValueError:
        return Answer(response.status_code)


@asynccontextmanager
async def sandbox_client(slug: str, sandbox: Sandbox | None = None) -> AsyncGenerator[SandboxClient]:
    """Connect to a vendor of a sandbox in process; tasks are done at once unless the sandbox says otherwise."""
    sandbox = sandbox or Sandbox(pace=0)
    async with httpx2.AsyncClient(transport=SandboxTransport(sandbox), timeout=10) as http:
        yield SandboxClient(slug, http, sandbox.base_url(slug, ORIGIN), sandbox)


@dataclass(frozen=True)
class VideoInfo:
    """What a video file turns out to hold."""

    width: int
    height: int
    seconds: float
    audio: bool
    codec: str
    pixel_format: str
    starts_fast: bool


def inspect_video(content: bytes) -> VideoInfo:
    """Open a video file and decode its first frame."""
    import av

    with av.open(io.BytesIO(content), "r") as container:
        stream = container.streams.video[0]
        frame = next(container.decode(stream))
        return VideoInfo(
            frame.width,
            frame.height,
            float(cast("int", container.duration)) / 1_000_000,
            bool(container.streams.audio),
            stream.codec_context.name,
            frame.format.name,
            content.find(b"moov") < content.find(b"mdat"),
        )
