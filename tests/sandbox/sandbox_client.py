"""A caller of the sandbox, for tests that read like sentences: it uses the vendor module and an HTTP client only."""

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


def model_of(slug: str, name: str = "") -> Model:
    """Return a vendor's model by name, or its first."""
    return next(m for m in known_vendors()[slug].models if name in ("", m.name))


def arguments(model: Model, **fields: Any) -> dict[str, Any]:
    """Return the least that a model takes, and what is asked beyond it."""
    least: dict[str, Any] = {"prompt": "a fox in the snow"}
    for name, row in model.rows.items():
        if row.required and name != "prompt":
            kind = row.kind if isinstance(row, Media) else "image"
            least[name] = [URLS[kind]] if isinstance(row, Media) else URLS[kind]
    return least | fields


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Caller:
    """Somebody who calls one vendor, with a good key."""

    slug: str
    client: httpx2.AsyncClient
    base_url: str
    sandbox: Sandbox
    key: str = "sk-test"
    headers: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def vendor(self) -> Vendor:
        return known_vendors()[self.slug]

    def call_for(self, model: str = "", **fields: Any) -> Call:
        """Write a request the vendor module's way."""
        found = model_of(self.slug, model)
        checked = check(found, arguments(found, **fields))
        assert checked.request, [p.sentence() for p in checked.problems]
        return self.vendor.build_submit(checked.request)

    async def send(self, call: Call, **more: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {self.key}", **self.headers, **call.headers}
        return await self.client.request(
            call.method, self.base_url + call.path, json=call.body, params=call.query, headers=headers, **more
        )

    async def post(self, body: Mapping[str, Any]) -> httpx2.Response:
        """Send a body of one's own to where jobs are created."""
        return await self.send(Call("POST", self.call_for().path, body))

    async def create(self, model: str = "", **fields: Any) -> Accepted:
        response = await self.send(self.call_for(model, **fields))
        assert self.refused(response) is None, response.text
        return self.vendor.parse_submit(answer(response))

    def refused(self, response: httpx2.Response) -> Refusal | None:
        return self.vendor.parse_error(answer(response))

    async def look(self, task_id: str) -> Snapshot:
        response = await self.send(self.vendor.build_status(task_id))
        assert self.refused(response) is None, response.text
        return self.vendor.parse_status(answer(response))

    async def video(self, task_id: str, url: str | None = None, **headers: str) -> httpx2.Response:
        """Fetch a film by its link, or with the key where the vendor gives none."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.vendor.build_download:
            call = self.vendor.build_download(task_id)
            return await self.send(Call(call.method, call.path, headers=named))
        url = url or (await self.look(task_id)).url
        assert url, "the look gave no link"
        return await self.client.get(url, headers=named)


async def begin(client: httpx2.AsyncClient, url: str, **headers: str) -> tuple[bytes, httpx2.Headers]:
    """Download until the connection breaks; return what came, and the headers."""
    begun = bytearray()
    async with client.stream("GET", url, headers=headers) as response:
        try:
            async for chunk in response.aiter_raw():
                begun += chunk
        except (httpx2.ReadError, httpx2.RemoteProtocolError):
            return bytes(begun), response.headers
    raise AssertionError("the connection did not break")


def answer(response: httpx2.Response) -> Answer:
    try:
        return Answer(response.status_code, response.json())
    except ValueError:
        return Answer(response.status_code)


@asynccontextmanager
async def calling(slug: str, sandbox: Sandbox | None = None) -> AsyncGenerator[Caller]:
    """Call a vendor of a sandbox in process; tasks are done at once unless the sandbox says otherwise."""
    sandbox = sandbox or Sandbox(pace=0)
    async with httpx2.AsyncClient(transport=SandboxTransport(sandbox), timeout=10) as client:
        yield Caller(slug, client, sandbox.base_url(slug, ORIGIN), sandbox)


@dataclass(frozen=True)
class Seen:
    """What a film turns out to be when it is opened."""

    width: int
    height: int
    seconds: float
    audio: bool
    codec: str
    pixels: str
    starts_fast: bool


def watch(video: bytes) -> Seen:
    """Open a film and decode its first picture."""
    import av

    with av.open(io.BytesIO(video), "r") as container:
        stream = container.streams.video[0]
        image = next(container.decode(stream))
        return Seen(
            image.width,
            image.height,
            float(cast("int", container.duration)) / 1_000_000,
            bool(container.streams.audio),
            stream.codec_context.name,
            image.format.name,
            video.find(b"moov") < video.find(b"mdat"),
        )
