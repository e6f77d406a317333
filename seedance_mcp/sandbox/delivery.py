"""A video over HTTP: whole or in ranges, with a strong ETag so that a broken download can be resumed."""

from __future__ import annotations

import hashlib
import re

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from seedance_mcp.sandbox.connection import cut

_CHUNK = 64 * 1024
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class Delivery(Response):
    """A video, or the part of it that the request's Range (and If-Range) selects."""

    def __init__(self, video: bytes, request_headers: Headers, *, breaks_off: bool = False) -> None:
        etag = f'"{hashlib.sha256(video).hexdigest()[:32]}"'
        headers = {"etag": etag, "accept-ranges": "bytes"}
        status, total = 200, len(video)
        if byte_range := _byte_range(total, request_headers, etag):
            status, (first, end) = 206, byte_range
            video = video[first:end]
            headers["content-range"] = f"bytes {first}-{end - 1}/{total}"
            if not video:
                status, headers["content-range"] = 416, f"bytes */{total}"
        self._breaks_off = breaks_off
        super().__init__(video, status, headers, "video/mp4")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        video = bytes(self.body)
        end = len(video) // 2 if self._breaks_off else len(video)
        if scope["method"] != "HEAD":
            for start in range(0, end, _CHUNK):
                chunk = video[start : min(start + _CHUNK, end)]
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            if self._breaks_off:
                await cut(scope, receive)
                return
        await send({"type": "http.response.body", "body": b""})


def _byte_range(length: int, headers: Headers, etag: str) -> tuple[int, int] | None:
    """Return the first requested byte and the one after the last: None for the whole, (0, 0) beyond the end.

    A Range counts only if If-Range names this video, and one of another form is ignored (RFC 9110 §14.2).
    """
    found = _RANGE.fullmatch(headers.get("range", "").strip())
    if not found or found[0] == "bytes=-" or headers.get("if-range", etag) != etag:
        return None
    first, last = found[1], found[2]
    if not first:
        return max(0, length - int(last)), length
    if last and int(last) < int(first):
        return None
    if int(first) >= length:
        return 0, 0
    return int(first), min(length, int(last) + 1) if last else length
