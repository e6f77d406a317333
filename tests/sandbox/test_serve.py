"""The sandbox on a port: the same vendors for clients of any language, and connections that are really cut."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import urlsplit

import anyio
import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from seedance_mcp.sandbox import Sandbox
from seedance_mcp.sandbox.guard import Guard
from seedance_mcp.sandbox.serve import serve
from tests.about import ABOUT
from tests.sandbox.sandbox_client import SLUGS, SandboxClient, download_until_cut, inspect_video

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def _served_client(slug: str) -> AsyncGenerator[SandboxClient]:
    sandbox = Sandbox(pace=0)
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            port = await group.start(partial(serve, 0, sandbox=sandbox))
            async with httpx2.AsyncClient(timeout=5, trust_env=False) as http:
                yield SandboxClient(slug, http, sandbox.base_url(slug, f"http://127.0.0.1:{port}"), sandbox)
            group.cancel_scope.cancel()


@pytest.mark.parametrize("slug", SLUGS)
async def test_a_video_is_generated_over_real_http(slug: str) -> None:
    async with _served_client(slug) as client:
        task_id = (await client.create(duration=5, resolution="480p")).task_id
        snapshot = await client.poll(task_id)
        video = await client.download(task_id, snapshot.url)
    assert video.status_code == 200
    assert inspect_video(video.content).seconds == pytest.approx(5, abs=0.1)


@pytest.mark.parametrize(("directive", "charges"), [("lose-answer", 1), ("lose-request", 0), ("unreachable", 0)])
async def test_the_connection_is_really_cut(directive: str, charges: int) -> None:
    async with _served_client("ope") as client:
        with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
            await client.send(client.build_submit(prompt=f"sandbox: {directive}"))
        assert len(client.sandbox.charges) == charges
        await client.create()  # the server still runs


async def test_a_hanging_vendor_never_answers() -> None:
    async with _served_client("jimmyai") as client:
        with pytest.raises(httpx2.ReadTimeout):
            await client.send(client.build_submit(prompt="sandbox: hang"), timeout=0.2)
        assert len(client.sandbox.charges) == 1


async def test_a_cut_video_breaks_off_halfway_and_can_be_resumed() -> None:
    async with _served_client("12ai") as client:
        task_id = (await client.create(prompt="sandbox: cut-video", duration=4)).task_id
        url = (await client.poll(task_id)).url
        assert url is not None
        begun, headers = await download_until_cut(client.http, url)
        assert len(begun) == int(headers["content-length"]) // 2
        rest = await client.http.get(url, headers={"range": f"bytes={len(begun)}-"})
    assert inspect_video(begun + rest.content).seconds == pytest.approx(4, abs=0.1)


async def test_a_port_in_use_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        await serve(taken.getsockname()[1])


@pytest.mark.parametrize("slug", ABOUT)
def test_each_vendors_base_url_is_below_its_slug(slug: str) -> None:
    url = f"http://localhost:8080/{slug}{urlsplit(ABOUT[slug].base_url).path}"
    assert Sandbox().base_url(slug, "http://localhost:8080") == url
    assert Sandbox().base_url(slug, "http://localhost:8080/") == url


# -- what it accepts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200), ("localhost:80", 200), ("LOCALHOST", 200), ("[::1]:80", 200), ("evil.example", 421),
        ("evil.example:80", 421), ("127.0.0.1.evil.example", 421), ("localhost.evil.example", 421), ("", 421),
    ],
)  # fmt: skip
async def test_only_the_names_of_this_machine_are_answered(host: str, status: int) -> None:
    async with _served_client("seedanceapi") as client:
        task_id = (await client.create()).task_id
        call = client.vendor.build_status(task_id)
        headers = {"host": host, "authorization": "Bearer key"}
        answer = await client.http.get(client.base_url + call.path, params=dict(call.query), headers=headers)
    assert answer.status_code == status


async def _chunks(count: int) -> AsyncGenerator[bytes]:
    for _ in range(count):
        yield b"x" * 1000


async def test_a_body_of_any_size_is_not_read_to_its_end() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(str(len(await Request(scope, receive).body())))(scope, receive, send)

    guarded = Guard(app, "127.0.0.1", largest_body=10_000)
    transport = httpx2.ASGITransport(guarded, raise_app_exceptions=False)  # pyright: ignore[reportArgumentType]  (types of its own)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http:
        assert (await http.post("/", content=b"x" * 10_000)).text == "10000"
        assert (await http.post("/", content=b"x" * 10_001)).status_code == 413
        assert (await http.post("/", content=_chunks(10))).text == "10000"
        assert (await http.post("/", content=_chunks(11))).status_code == 500
