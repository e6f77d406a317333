"""Where a vendor's key goes, and which addresses are downloaded from; over real connections wherever possible.

What a video's link or host may try is in tests/jobs/download/test_hostile_downloads.py.
"""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpx2
import pytest

from seedance_mcp.addresses import may_be_fetched
from seedance_mcp.bodies import MAX_ANSWER, SentFile
from seedance_mcp.errors import SaveError, SettingError, UnexpectedAnswer, VendorUnreachable
from seedance_mcp.vendors import Call, Vendor, known_vendors
from seedance_mcp.web import NotSent, OutcomeUnknown, Timeouts, Web
from tests.http_host import KEY, Reply, Request, hosting, settings_for

pytestmark = pytest.mark.anyio

VIDEO = b"\0\0\0\x20ftypisom" + b"data" * 100
VIDEO_TYPE = {"content-type": "video/mp4"}
POST = Call("POST", "/v1/videos", {"prompt": "a fox"})
GET = Call("GET", "/v1/videos/1")
PRIVATE = "The video's link points into a private network, so it was not downloaded."
NOT_PLAIN = "The video's link is not a plain https URL, so it was not downloaded."
SHORT = Timeouts(submit=5, call=5)


@asynccontextmanager
async def opened(
    folder: Path,
    base_url: str = "",
    slug: str = "12ai",
    *,
    transport: httpx2.AsyncBaseTransport | None = None,
    timeouts: Timeouts | None = None,
) -> AsyncGenerator[tuple[Web, Vendor]]:
    web = Web(settings_for(folder, slug, base_url), transport, timeouts=timeouts)
    try:
        yield web, known_vendors()[slug]
    finally:
        await web.aclose()


async def downloaded(web: Web, vendor: Vendor, source: str | Call) -> bytes:
    with anyio.fail_after(30):
        async with web.download(vendor, source, {}) as response:
            return await response.aread()


async def refusal(web: Web, vendor: Vendor, source: str | Call) -> str:
    with pytest.raises(SaveError) as caught:
        await downloaded(web, vendor, source)
    assert caught.value.__cause__ is None  # the HTTP client's own text may hold a signed URL
    return caught.value.sentence


def video(_: Request) -> Reply:
    return Reply(VIDEO, headers=VIDEO_TYPE)


def to(location: str, status: int = 302) -> Reply:
    return Reply(status=status, headers={"location": location})


# -- the key ------------------------------------------------------------------------------------------------------


async def test_a_post_carries_the_key_to_the_vendor(tmp_path: Path) -> None:
    async with hosting(lambda _: Reply(b'{"id": "1"}')) as host, opened(tmp_path, host.origin) as (web, vendor):
        answer = await web.post_once(vendor, POST)
    assert (answer.status, answer.body) == (200, {"id": "1"})
    (request,) = host.requests
    assert (request.method, request.target) == ("POST", "/v1/videos")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_neither_a_post_nor_a_poll_follows_a_redirect(tmp_path: Path, status: int) -> None:
    async with (
        hosting(video) as other,
        hosting(lambda _: to(f"{other.origin}/", status)) as host,
        opened(tmp_path, host.origin) as (web, vendor),
    ):
        assert (await web.post_once(vendor, POST)).status == status
        assert (await web.call(vendor, GET)).status == status
    assert len(host.requests) == 2
    assert other.requests == []


async def test_a_video_without_a_link_is_downloaded_with_the_key_from_the_vendor_itself(tmp_path: Path) -> None:
    async with hosting(video) as host, opened(tmp_path, host.origin, "ope") as (web, vendor):
        assert vendor.build_download is not None
        assert await downloaded(web, vendor, vendor.build_download("task-1")) == VIDEO
    (request,) = host.requests
    assert request.target == "/v1/videos/task-1/content"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["accept-encoding"] == "identity"


async def test_a_proxy_from_the_environment_never_sees_a_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hosting(video) as proxy, hosting(video) as host:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.origin)
        async with opened(tmp_path, host.origin) as (web, vendor):
            assert await downloaded(web, vendor, f"{host.origin}/video.mp4") == VIDEO
    assert proxy.requests == []


# -- addresses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["nothing.invalid", "a" * 64 + ".example", "a..b.example", "xn--a.example"])
async def test_a_host_without_an_address_is_reported(
    tmp_path: Path, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nowhere(name: Any, *_: Any, **__: Any) -> list[Any]:
        if isinstance(name, str):
            name.encode("idna")  # as the real resolver does
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(anyio, "getaddrinfo", nowhere)
    async with opened(tmp_path) as (web, vendor):
        reason = await refusal(web, vendor, f"https://{host}/video.mp4")
    assert reason in {f"The video's host {host} has no address.", NOT_PLAIN}


@pytest.mark.parametrize("port", ["0", "00", "65536", "-1", "1e3"])
async def test_a_link_with_a_port_that_does_not_exist_is_refused(tmp_path: Path, port: str) -> None:
    async with opened(tmp_path) as (web, vendor):
        assert await refusal(web, vendor, f"https://93.184.215.14:{port}/video.mp4") == NOT_PLAIN


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Let every name have these addresses; return the list that the resolved names are added to.

    The machine's resolver is the edge of the program: patched here, all of our own checks still run.
    """
    names: list[str] = []

    async def resolve(host: str, port: int, **_: Any) -> list[Any]:
        names.append(host)
        found: list[Any] = []
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            found.append((family, socket.SOCK_STREAM, 6, "", (address, port)))
        return found

    monkeypatch.setattr(anyio, "getaddrinfo", resolve)
    return names


async def test_a_vendor_on_this_machine_may_link_to_this_machine_but_not_to_the_network_around_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hosting(video) as host, opened(tmp_path, host.origin) as (web, vendor):
        assert await downloaded(web, vendor, f"{host.origin}/video.mp4") == VIDEO
        resolving(monkeypatch, "192.168.0.1")
        assert await refusal(web, vendor, "http://videos.example/1.mp4") == PRIVATE


@pytest.mark.parametrize(
    ("url", "address", "pinned", "host", "name"),
    [
        ("https://a.example/1.mp4?s=1", "93.184.215.14", "https://93.184.215.14/1.mp4?s=1", "a.example", "a.example"),
        ("https://a.example:8443/1", "93.184.215.14", "https://93.184.215.14:8443/1", "a.example:8443", "a.example"),
        ("https://a.example/1", "2606:2800::1", "https://[2606:2800::1]/1", "a.example", "a.example"),
        ("https://[2606::1]:84/1", "2606::1", "https://[2606::1]:84/1", "[2606::1]:84", "2606::1"),
        ("https://bü.example/1", "93.184.215.14", "https://93.184.215.14/1", "xn--b-eha.example", "xn--b-eha.example"),
    ],
)  # fmt: skip
async def test_a_request_to_a_verified_address_still_names_its_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, address: str, pinned: str, host: str, name: str
) -> None:
    resolving(monkeypatch, address)
    async with opened(tmp_path) as (web, _):
        request = await web._guarded(web._client("download"), url, {}, local=False)  # pyright: ignore[reportPrivateUsage]  (nothing public shows an address that is not connected to)
    assert str(request.url) == pinned
    assert request.headers["host"] == host
    assert request.extensions["sni_hostname"] == name


def table() -> Iterator[tuple[str, bool, bool]]:
    """Yield addresses; whether any vendor's video may be there; whether that of a vendor on this machine may."""
    for address in (
        "93.184.215.14", "8.8.8.8", "1.1.1.1", "223.255.255.254", "2606:4700::1111", "2a00:1450:4001::200e",
        "::ffff:8.8.8.8",
    ):  # fmt: skip
        yield address, True, True
    for address in ("127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"):
        yield address, False, True
    for address in (
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "169.254.0.1",
        "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.170", "192.0.2.1", "192.88.99.1",
        "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255",
        "240.0.0.1", "255.255.255.255", "::", "::2", "::127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
        "::ffff:0:10.0.0.1", "64:ff9b::1", "64:ff9b::a00:1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:10::1", "2001:20::1", "2001:db8::1", "2002::1",
        "2002:a00:1::1", "2002:7f00:1::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1",
        "ff02::1", "ff0e::1", "5f00::1", "3fff::1",
    ):  # fmt: skip
        yield address, False, False


@pytest.mark.parametrize(("address", "anywhere", "here"), list(table()))
def test_only_public_addresses_are_downloaded_from(address: str, anywhere: bool, here: bool) -> None:
    assert may_be_fetched(address, local=False) is anywhere
    assert may_be_fetched(address, local=True) is here


# -- answers ------------------------------------------------------------------------------------------------------


async def test_a_post_to_a_closed_port_is_not_sent(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with opened(tmp_path, f"http://127.0.0.1:{port}") as (web, vendor):
        with pytest.raises(NotSent):
            await web.post_once(vendor, POST)
        with pytest.raises(VendorUnreachable, match="could not be reached"):
            await web.call(vendor, GET)
        assert "did not answer" in await refusal(web, vendor, f"http://127.0.0.1:{port}/video.mp4")


class FailingTransport(httpx2.AsyncBaseTransport):
    """Raises an error before or after the request's headers are sent, as the HTTP trace tells it."""

    def __init__(self, error: type[httpx2.TransportError], *events: str) -> None:
        self.error, self.events = error, events

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        for event in self.events:
            await request.extensions["trace"](event, {"request": request})
        raise self.error("it failed", request=request)


CONNECT_ERRORS = [httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError]


@pytest.mark.parametrize("error", CONNECT_ERRORS)
async def test_a_connection_error_after_the_headers_began_leaves_the_outcome_unknown(
    tmp_path: Path, error: type[httpx2.TransportError]
) -> None:
    for began in ("http11.send_request_headers.started", "http2.send_request_headers.started"):
        transport = FailingTransport(error, "connection.connect_tcp.started", began)
        async with opened(tmp_path, transport=transport) as (web, vendor):
            with pytest.raises(OutcomeUnknown):
                await web.post_once(vendor, POST)


@pytest.mark.parametrize("error", CONNECT_ERRORS)
async def test_a_connection_error_before_the_headers_began_means_that_nothing_was_sent(
    tmp_path: Path, error: type[httpx2.TransportError]
) -> None:
    async with opened(tmp_path, transport=FailingTransport(error, "connection.connect_tcp.started")) as (web, vendor):
        with pytest.raises(NotSent):
            await web.post_once(vendor, POST)


async def test_a_post_that_a_proxy_never_connects_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{silent.getsockname()[1]}")
        async with opened(tmp_path, "https://vendor.example", timeouts=Timeouts(submit=1)) as (web, vendor):
            with pytest.raises(NotSent):
                await web.post_once(vendor, POST)


class HangingTransport(httpx2.AsyncBaseTransport):
    """Traces some events and then hangs."""

    def __init__(self, *events: str) -> None:
        self.events = events

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        for event in self.events:
            await request.extensions["trace"](event, {"request": request})
        await anyio.sleep_forever()
        raise AssertionError


async def test_an_upload_has_a_time_limit_of_its_own(tmp_path: Path) -> None:
    def blocks() -> Generator[bytes]:
        yield b"fox"

    file = SentFile("fox.png", 3, blocks, "image/png")
    call = Call("POST", "/v1/files", file_field="file")
    limits = Timeouts(call=3600, upload=0.05)
    async with opened(tmp_path, transport=HangingTransport(), timeouts=limits) as (web, vendor):
        with anyio.fail_after(10), pytest.raises(VendorUnreachable):
            await web.call(vendor, call, file)


async def test_a_post_that_is_cancelled_before_its_connection_is_open_is_not_sent(tmp_path: Path) -> None:
    transport = HangingTransport("connection.connect_tcp.started")
    async with opened(tmp_path, transport=transport) as (web, vendor):
        said = ""
        with anyio.move_on_after(0.05) as scope:
            try:
                await web.post_once(vendor, POST)
            except NotSent as error:
                said = str(error)
            await anyio.lowlevel.checkpoint()  # it is cancelled all the same
            raise AssertionError
        assert (said, scope.cancelled_caught) == ("no connection in time", True)


@pytest.mark.parametrize("events", [(), ("connection.connect_tcp.started", "http11.send_request_headers.started")])
async def test_a_post_that_is_cancelled_otherwise_may_have_been_sent(tmp_path: Path, events: tuple[str, ...]) -> None:
    async with opened(tmp_path, transport=HangingTransport(*events)) as (web, vendor):
        with anyio.move_on_after(0.05) as scope:
            await web.post_once(vendor, POST)
        assert scope.cancelled_caught


async def test_a_post_to_a_host_with_an_impossible_name_is_not_sent(tmp_path: Path) -> None:
    async with opened(tmp_path, "https://vendor..example") as (web, vendor):
        with pytest.raises(NotSent):
            await web.post_once(vendor, POST)


@pytest.mark.parametrize("error", [httpx2.ReadTimeout, httpx2.WriteError, httpx2.RemoteProtocolError])
async def test_the_outcome_of_any_other_error_is_unknown_even_without_a_trace(
    tmp_path: Path, error: type[httpx2.TransportError]
) -> None:
    async with opened(tmp_path, transport=FailingTransport(error)) as (web, vendor):
        with pytest.raises(OutcomeUnknown):
            await web.post_once(vendor, POST)


async def test_a_post_through_a_dead_proxy_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    async with opened(tmp_path, "https://vendor.example") as (web, vendor):
        with pytest.raises(NotSent):
            await web.post_once(vendor, POST)


@pytest.mark.parametrize("status", [403, 407, 502])
async def test_a_post_that_the_proxy_does_not_let_through_is_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    async with hosting(lambda _: Reply(status=status)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
        async with opened(tmp_path, "https://vendor.example") as (web, vendor):
            with pytest.raises(NotSent):
                await web.post_once(vendor, POST)
    assert [(request.method, request.target) for request in proxy.requests] == [("CONNECT", "vendor.example:443")]
    assert not any(KEY in value for request in proxy.requests for value in request.headers.values())


@pytest.mark.parametrize("reply", [Reply(b'{"id"', length=100, cut=5), Reply(b"", length=5)])
async def test_the_outcome_is_unknown_if_the_answer_breaks_off(tmp_path: Path, reply: Reply) -> None:
    async with hosting(lambda _: reply) as host, opened(tmp_path, host.origin) as (web, vendor):
        with pytest.raises(OutcomeUnknown) as caught:
            await web.post_once(vendor, POST)
        # What arrived may name the task.
        assert str(caught.value).partition("; ")[2] == ('it began: {"id"' if reply.body else "")
        with pytest.raises(VendorUnreachable):
            await web.call(vendor, GET)


# -- before anything is sent ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTPS_PROXY", "socks9://127.0.0.1:1"),
        ("ALL_PROXY", "ftp://127.0.0.1"),
        ("HTTPS_PROXY", "http://[::1"),
        ("SSL_CERT_FILE", "/nowhere/certificates.pem"),
    ],
)
async def test_a_proxy_or_certificate_that_cannot_be_used_is_said_before_anything_is_paid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    async with opened(tmp_path, "https://vendor.example") as (web, _):
        with pytest.raises(SettingError, match="The HTTP client cannot be set up") as caught:
            await web.prepare()
    assert name in caught.value.next_step
    assert value not in str(caught.value)  # it may hold a password


async def test_a_certificate_that_is_none_is_said_before_anything_is_paid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "certificate.pem").write_text("not a certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    async with opened(tmp_path, "https://vendor.example") as (web, _):
        with pytest.raises(SettingError, match="a proxy or certificate setting is wrong"):
            await web.prepare()


@pytest.mark.parametrize("scheme", ["http", "https", "socks5", "socks5h"])
async def test_every_usual_kind_of_proxy_can_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://user:word@127.0.0.1:1080")
    async with opened(tmp_path, "https://vendor.example") as (web, _):
        await web.prepare()


@pytest.mark.parametrize("url", ["https://vendor.\x7fexample", "https://vendor..example", "https://[v1.x]"])
async def test_a_base_url_that_cannot_be_called_is_said_before_anything_is_paid(tmp_path: Path, url: str) -> None:
    async with opened(tmp_path, url) as (web, _):
        with pytest.raises(SettingError, match="The base URL of 12ai is not a URL that can be called"):
            await web.prepare()


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"{", b"\xff\xfe\x00", b"[" * 200_000, b'"' + b"x" * MAX_ANSWER + b'"'],
    ids=["empty", "html", "half", "bytes", "deep", "long"],
)
async def test_an_answer_without_json_of_a_reasonable_size_has_no_body(tmp_path: Path, body: bytes) -> None:
    async with hosting(lambda _: Reply(body)) as host, opened(tmp_path, host.origin) as (web, vendor):
        for answer in (await web.post_once(vendor, POST), await web.call(vendor, GET)):
            assert (answer.status, answer.body) == (200, None)


async def test_an_answer_that_never_ends_is_cut_off(tmp_path: Path) -> None:
    endless = Reply(b'["', length=None, repeat=b"x" * 65_536)
    async with (
        hosting(lambda _: endless) as host,
        opened(tmp_path, host.origin, timeouts=SHORT) as (web, vendor),
    ):
        for answer in (await web.post_once(vendor, POST), await web.call(vendor, GET)):
            assert (answer.status, answer.body) == (200, None)


OUT_OF_RANGE = "Mon, 01 Jan 99999999999999 00:00:00"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None), ("5", 5.0), ("31", 31.0), ("0", 0.0), ("", None), ("soon", None), ("-1", None), ("²", None),
        (OUT_OF_RANGE, None), ("Mon, 01 Jan 2024 00:00:00 GMT", 0.0),
    ],
)  # fmt: skip
async def test_retry_after_is_read_where_it_is_a_number_or_a_date(
    tmp_path: Path, header: str | None, seconds: float | None
) -> None:
    reply = Reply(b"{}", 429, {} if header is None else {"retry-after": header})
    async with hosting(lambda _: reply) as host, opened(tmp_path, host.origin) as (web, vendor):
        assert (await web.call(vendor, GET)).retry_after == seconds
        assert (await web.post_once(vendor, POST)).retry_after == seconds


async def test_a_date_in_retry_after_is_read_as_the_seconds_until_then(tmp_path: Path) -> None:
    def later(_: Request) -> Reply:
        return Reply(b"{}", 429, {"retry-after": formatdate(time.time() + 300, usegmt=True)})

    async with hosting(later) as host, opened(tmp_path, host.origin) as (web, vendor):
        for answer in (await web.call(vendor, GET), await web.post_once(vendor, POST)):
            assert answer.retry_after is not None
            assert 260 < answer.retry_after <= 300


async def test_a_reason_never_holds_the_key_or_the_address(tmp_path: Path) -> None:
    def broken(_: Request) -> Reply:
        return Reply(b"", length=5)

    async with hosting(broken) as host, opened(tmp_path, host.origin) as (web, vendor):
        with pytest.raises(VendorUnreachable) as caught:
            await web.call(vendor, Call("GET", "/v1", query={"signature": "secret-word"}))
    assert "secret-word" not in str(caught.value)
    assert KEY not in str(caught.value)
    assert host.origin not in str(caught.value)


async def test_no_cookie_of_a_vendor_is_kept(tmp_path: Path) -> None:
    seen: list[str | None] = []

    def answer(asked: Request) -> Reply:
        seen.append(asked.headers.get("cookie"))
        return Reply(b"{}", headers={"set-cookie": "session=1; Path=/", "content-type": "application/json"})

    async with hosting(answer) as host, opened(tmp_path, host.origin) as (web, vendor):
        for _ in range(2):
            await web.post_once(vendor, POST)
            await web.call(vendor, GET)
    assert seen == [None] * 4


@pytest.mark.parametrize("path", ["/v1/videos/" + "x" * 70_000, "/v1/videos/\x00"], ids=["long", "control"])
async def test_an_id_that_makes_no_url_is_an_error_that_says_so(tmp_path: Path, path: str) -> None:
    async with opened(tmp_path) as (web, vendor):
        with pytest.raises(VendorUnreachable, match="its own id of the job or the file does not fit into a URL"):
            await web.call(vendor, Call("GET", path))


@pytest.mark.parametrize("task_id", ["", ".", ".."])
def test_an_id_that_is_a_folder_is_not_put_into_a_path(task_id: str) -> None:
    with pytest.raises(UnexpectedAnswer, match="cannot be part of a URL"):
        known_vendors()["ope"].build_status(task_id)
