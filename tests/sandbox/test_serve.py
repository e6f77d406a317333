"""The sandbox on a port: the same vendors for clients of any language, and connections that are really cut."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import anyio
import httpx2
import pytest

from seedance_mcp.sandbox import Sandbox
from seedance_mcp.sandbox.serve import serve
from tests.sandbox.sandbox_client import SLUGS, Caller, begin, watch

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def _served(slug: str) -> AsyncGenerator[Caller]:
    sandbox = Sandbox(pace=0)
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            port = await group.start(partial(serve, 0, sandbox=sandbox))
            async with httpx2.AsyncClient(timeout=5, trust_env=False) as client:
                yield Caller(slug, client, sandbox.base_url(slug, f"http://127.0.0.1:{port}"), sandbox)
            group.cancel_scope.cancel()


@pytest.mark.parametrize("slug", SLUGS)
async def test_a_film_is_made_over_real_http(slug: str) -> None:
    async with _served(slug) as caller:
        task_id = (await caller.create(duration=5, resolution="480p")).task_id
        snapshot = await caller.look(task_id)
        video = await caller.video(task_id, snapshot.url)
    assert video.status_code == 200
    assert watch(video.content).seconds == pytest.approx(5, abs=0.1)


@pytest.mark.parametrize(("word", "charges"), [("lose-answer", 1), ("lose-request", 0), ("unreachable", 0)])
async def test_the_connection_is_really_cut(word: str, charges: int) -> None:
    async with _served("ope") as caller:
        with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
            await caller.send(caller.call_for(prompt=f"sandbox: {word}"))
        assert len(caller.sandbox.charges) == charges
        await caller.create()  # the server lives on


async def test_a_hanging_vendor_never_answers() -> None:
    async with _served("jimmyai") as caller:
        with pytest.raises(httpx2.ReadTimeout):
            await caller.send(caller.call_for(prompt="sandbox: hang"), timeout=0.2)
        assert len(caller.sandbox.charges) == 1


async def test_a_cut_film_breaks_off_in_the_middle_and_can_be_resumed() -> None:
    async with _served("12ai") as caller:
        task_id = (await caller.create(prompt="sandbox: cut-video", duration=4)).task_id
        url = (await caller.look(task_id)).url
        assert url is not None
        begun, said = await begin(caller.client, url)
        assert len(begun) == int(said["content-length"]) // 2
        rest = await caller.client.get(url, headers={"range": f"bytes={len(begun)}-"})
    assert watch(begun + rest.content).seconds == pytest.approx(4, abs=0.1)


async def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        await serve(taken.getsockname()[1])


@pytest.mark.parametrize(
    ("slug", "url"),
    [
        ("ope", "http://localhost:8080/ope"),
        ("seedanceapi", "http://localhost:8080/seedanceapi/v2"),
        ("jimmyai", "http://localhost:8080/jimmyai"),
        ("12ai", "http://localhost:8080/12ai"),
        ("aigptimage", "http://localhost:8080/aigptimage"),
    ],
)
def test_each_vendor_lives_below_its_slug(slug: str, url: str) -> None:
    assert Sandbox().base_url(slug, "http://localhost:8080") == url
    assert Sandbox().base_url(slug, "http://localhost:8080/") == url
