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

from seedance_mcp.sandbox import Sandbox
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
