"""Every HTTP request we make: the paid POST, which is never repeated here; free calls; and guarded downloads.

A vendor's API key goes to that vendor's own origin and nowhere else: redirects are never followed with it, and videos
on other hosts are downloaded without it, from verified public addresses only.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager, nullcontext
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
import httpx2

from seedance_mcp.addresses import is_loopback, may_be_fetched
from seedance_mcp.bodies import Paced, SentFile, beginning, parse, read_body
from seedance_mcp.errors import SaveError, SettingError, VendorUnreachable, VideoUnreachable
from seedance_mcp.sanitize import Secrets

if TYPE_CHECKING:
    from seedance_mcp.settings import Settings
    from seedance_mcp.vendors.vendor import Answer, Call, Vendor

MAX_REDIRECTS = 5
_PURPOSES = ("submit", "call", "download")
"""What each client is for."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long requests may take, in seconds."""

    connect: float = 10
    submit_read: float = 120
    """Between two pieces of the answer to a paid POST."""
    read: float = 30
    """Between two pieces of any other answer."""
    submit: float = 300
    """For a whole paid POST: an answer that trickles in never exceeds the read timeout."""
    call: float = 60
    """For any other whole call, except uploads."""
    upload: float = 900
    """For a whole upload: the largest file that a vendor takes, at 1 Mbit/s."""


_WHILE_CONNECTING = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)


class NotSent(Exception):
    """The POST provably never left this machine, so it may be tried again."""


class OutcomeUnknown(Exception):
    """The POST left this machine and no whole answer came back: it may have been accepted and billed."""


class Web:
    """The HTTP side of one process: three clients, each opened when it is first used.

    `transport` and `origins` (base URLs by vendor slug) replace the network with the embedded sandbox.
    """

    def __init__(
        self,
        settings: Settings,
        transport: httpx2.AsyncBaseTransport | None = None,
        origins: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._settings = settings
        self._timeouts = timeouts or Timeouts()
        self._transport = transport
        self._base_urls = {**settings.base_urls, **(origins or {})}
        self._clients: dict[str, httpx2.AsyncClient] = {}
        self._opening = threading.Lock()
        self._secrets = Secrets(key.get_secret_value() for key in settings.keys.values())

    async def prepare(self) -> None:
        """Open the clients, so that unusable proxy or certificate settings are reported before anything is paid.

        Raises:
            SettingError: a proxy or a certificate of the environment, or a base URL, cannot be used.
        """
        if len(self._clients) == len(_PURPOSES):  # opened, and the settings never change
            return
        for slug, url in self._base_urls.items():
            try:
                httpx2.URL(url).raw_host.decode("ascii").encode("idna")
            except (httpx2.InvalidURL, ValueError):
                raise SettingError(f"The base URL of {slug} is not a URL that can be called: {url!r}.") from None
        try:
            for purpose in _PURPOSES:
                await anyio.to_thread.run_sync(self._client, purpose)
        except (ImportError, ValueError, OSError, ssl.SSLError, httpx2.InvalidURL) as error:
            raise SettingError(
                f"The HTTP client cannot be set up: a proxy or certificate setting is wrong ({type(error).__name__}).",
                next_step="Check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.",
            ) from None

    async def aclose(self) -> None:
        """Close the clients. They open again if the object is used again."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    def url(self, vendor: Vendor, call: Call) -> str:
        """Return the full URL of a call, without its query."""
        return self._base_urls[vendor.slug] + call.path

    def _client(self, purpose: str) -> httpx2.AsyncClient:
        with self._opening:
            if purpose not in self._clients:
                # Submitting keeps no connection alive: on a stale one, a job that was never sent looks like a lost one.
                limits = httpx2.Limits(max_connections=20, max_keepalive_connections=10 if purpose == "call" else 0)
                read = self._timeouts.submit_read if purpose == "submit" else self._timeouts.read
                self._clients[purpose] = httpx2.AsyncClient(
                    transport=self._transport,
                    limits=limits,
                    follow_redirects=False,
                    trust_env=purpose != "download",
                    timeout=httpx2.Timeout(read, connect=self._timeouts.connect),
                    headers={"user-agent": "seedance-mcp"},
                    # None are kept: they would tie calls together, and hosts that share an address would share them.
                    cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
                )
            return self._clients[purpose]

    def _headers(self, vendor: Vendor, call: Call) -> dict[str, str]:
        key = "" if call.public else f"Bearer {self._settings.keys[vendor.slug].get_secret_value()}"
        return {**({"authorization": key} if key else {}), "accept": "application/json", **call.headers}

    async def post_once(self, vendor: Vendor, call: Call) -> Answer:
        """Send a POST exactly once.

        Raises:
            NotSent: no byte of the request was handed to a connection; also where the call was cancelled before that.
            OutcomeUnknown: it was, and no whole answer came back.
        """
        sent = connecting = False
        read = bytearray()

        async def trace(event: str, info: Mapping[str, Any]) -> None:
            nonlocal sent, connecting
            connecting = True
            # A proxy's CONNECT is traced by the same event, and does not count.
            of_proxy = getattr(info.get("request"), "method", None) in {"CONNECT", b"CONNECT"}
            sent = sent or (event.endswith("send_request_headers.started") and not of_proxy)

        client = self._client("submit")
        headers, params = self._headers(vendor, call), call.query or None
        url = self.url(vendor, call)
        try:
            request = client.build_request("POST", url, json=call.body, headers=headers, params=params)
        except (httpx2.InvalidURL, ValueError) as error:
            raise NotSent(_reason(error)) from None
        request.extensions["trace"] = trace
        try:
            return await self._send(client, request, self._timeouts.submit, read)
        except (httpx2.HTTPError, httpx2.StreamError, OSError, ValueError) as error:
            # The trace must have followed the connection, or the error be one of connecting, and no request have begun.
            if not sent and (connecting or isinstance(error, _WHILE_CONNECTING)):
                raise NotSent(_reason(error)) from None
            began = f"; it began: {beginning(read, self._secrets)}" if read else ""
            raise OutcomeUnknown(_reason(error) + began) from None
        except anyio.get_cancelled_exc_class():
            if connecting and not sent:
                raise NotSent("no connection in time") from None  # the scope cancels the caller's next step again
            raise

    async def _send(
        self, client: httpx2.AsyncClient, request: httpx2.Request, seconds: float | None, read: bytearray | None = None
    ) -> Answer:
        read = bytearray() if read is None else read
        with anyio.fail_after(seconds):
            response = await client.send(request, stream=True)
            try:
                await read_body(response, read)
            finally:
                await response.aclose()
        return await parse(response, read, self._secrets)

    async def call(self, vendor: Vendor, call: Call, file: SentFile | None = None) -> Answer:
        """Send a call that is free and may be repeated, with a file if one is given.

        Raises:
            VendorUnreachable: no whole answer came back.
        """
        client = self._client("call" if file is None else "submit")
        headers = self._headers(vendor, call)
        form = None
        if file is not None:
            described, form = file.form(call.file_field)
            headers |= described
        try:
            request = client.build_request(
                call.method,
                self.url(vendor, call),
                headers=headers,
                params=call.query or None,
                json=call.body,
                content=form,
            )
        except (httpx2.InvalidURL, ValueError):
            raise VendorUnreachable(
                f"{vendor.name} cannot be asked: its own id of the job or the file does not fit into a URL."
            ) from None
        seconds = self._timeouts.call if file is None else self._timeouts.upload
        try:
            async with aclosing(form) if form else nullcontext():
                return await self._send(client, request, seconds)
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            raise VendorUnreachable(f"{vendor.name} could not be reached ({_reason(error)}).") from None

    @asynccontextmanager
    async def download(
        self, vendor: Vendor, source: str | Call, headers: Mapping[str, str]
    ) -> AsyncGenerator[httpx2.Response]:
        """Open a video: by its URL, or by a call to the vendor's own origin with the key.

        Raises:
            VideoUnreachable: the host does not answer.
            SaveError: the URL may not be downloaded from.
        """
        client = self._client("download")
        headers = {"accept-encoding": "identity", **headers}
        if not isinstance(source, str):
            url, headers = self.url(vendor, source), {**self._headers(vendor, source), "accept": "*/*", **headers}
        else:
            url = source
        embedded = self._transport is not None
        local = embedded or is_loopback(urlsplit(self._base_urls[vendor.slug]).hostname or "")
        for _ in range(MAX_REDIRECTS + 1):
            request = await self._guarded(client, url, headers, local=local)
            try:
                response = await client.send(request, stream=True)
            except (httpx2.HTTPError, OSError) as error:
                raise VideoUnreachable(f"The video's host did not answer ({_reason(error)}).") from None
            if response.has_redirect_location:
                await response.aclose()
                url = _joined(url, response.headers["location"])
                headers = {k: v for k, v in headers.items() if k != "authorization"}
                continue
            response.stream = Paced(response)
            try:
                yield response
            finally:
                await response.aclose()
            return
        raise SaveError("The video's link redirects more than 5 times.")

    async def _guarded(
        self, client: httpx2.AsyncClient, url: str, headers: Mapping[str, str], *, local: bool
    ) -> httpx2.Request:
        """Build a request to a verified IP address, so that the name cannot point elsewhere a moment later."""
        try:
            parts = httpx2.URL(url)
            name, port = parts.raw_host.decode("ascii"), parts.port
            port = (443 if parts.scheme == "https" else 80) if port is None else port
        except (httpx2.InvalidURL, ValueError):
            parts, name, port = httpx2.URL(), "", 0
        plain = name and len(name) < 254 and 0 < port < 65_536 and not parts.userinfo  # noqa: PLR2004  (DNS and TCP)
        if not plain or parts.scheme not in ({"https", "http"} if local else {"https"}):
            raise SaveError("The video's link is not a plain https URL, so it was not downloaded.")
        if self._transport is not None:
            return client.build_request("GET", url, headers=headers)
        try:
            found = await anyio.getaddrinfo(name, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise SaveError(f"The video's host {name} has no address.") from None
        addresses = [str(info[4][0]) for info in found]
        if not addresses or not all(may_be_fetched(a, local=local) for a in addresses):
            raise SaveError("The video's link points into a private network, so it was not downloaded.")
        pinned = parts.copy_with(host=addresses[0])
        request = client.build_request("GET", pinned, headers={**headers, "host": parts.netloc.decode("ascii")})
        if parts.scheme == "https":
            request.extensions["sni_hostname"] = name
        return request


def _joined(url: str, location: str) -> str:
    """Return the URL that a redirect leads to, or an empty string if it is not a URL."""
    try:
        return str(httpx2.URL(url).join(location))
    except (httpx2.InvalidURL, ValueError):
        return ""


def _reason(error: Exception) -> str:
    """Describe an error. The HTTP client's own message may hold a signed URL or a key, so it is never shown."""
    names = {
        "ConnectError": "connection refused or no such host",
        "ConnectTimeout": "no connection in time",
        "ReadTimeout": "no answer in time",
        "TimeoutError": "no whole answer in time",
        "ReadError": "connection lost",
        "RemoteProtocolError": "connection closed without a whole answer",
        "ProxyError": "the proxy refused",
        "TinyChunks": "an answer in too many small chunks",
    }
    return names.get(type(error).__name__, type(error).__name__)
