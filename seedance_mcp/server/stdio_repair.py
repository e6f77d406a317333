"""Lines from a client that are not messages: repaired where that is safe, otherwise answered with an error.

The transport of the mcp SDK drops what it cannot read, so a client would wait until its own timeout.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Self, cast

import anyio
import mcp_types as types
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

from seedance_mcp.sanitize import repair_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from mcp.shared._stream_protocols import ReadStream, WriteStream  # their only home; used for types alone

_BEFORE = r'\s*\{(?:\s*"(?:jsonrpc|method)"\s*:\s*"[^"\\]*"\s*,)*\s*'
_ID = re.compile(_BEFORE + r'"id"\s*:\s*("(?:[^"\\]|\\.){0,200}"|-?\d{1,18})(?=\s*[,}])')

_NOT_JSON = (types.PARSE_ERROR, "This line is not JSON, or is nested too deeply; nothing was done.")
_NOT_A_MESSAGE = (types.INVALID_REQUEST, "This line is not a JSON-RPC message; nothing was done.")
_BATCH = (types.INVALID_REQUEST, "Batches are not supported; nothing was done. Send one message in each line.")
_NO_ID = (types.INVALID_REQUEST, "A request needs an id that is a string or an integer; nothing was done.")
_NO_PARAMS = (types.INVALID_PARAMS, "params must be an object; nothing was done.")
_NOT_OPEN = (
    types.INVALID_PARAMS,
    f"Nothing was done. Send initialize first, or {types.PROTOCOL_VERSION_META_KEY} in params._meta of each request.",
)


class TolerantReader:
    """Reads messages from a client; what is not a message, or comes too early, is answered on `write`.

    The SDK takes the first request as the choice of an era, and refuses the other era from then on. So a ping or a
    request of no era is answered here until a client has chosen.
    """

    def __init__(
        self,
        read: ReadStream[SessionMessage | Exception],
        write: WriteStream[SessionMessage],
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_end` is called when the client has closed its end."""
        self._read, self._write, self._on_end = read, write, on_end
        self._chosen = False

    @property
    def last_context(self) -> Any:
        """The context that came with the last message."""
        return getattr(self._read, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        """Return the next message."""
        while True:
            try:
                item = await self._read.receive()
            except (anyio.EndOfStream, anyio.ClosedResourceError):
                self._on_end()
                raise
            if isinstance(item, ValidationError):
                text = _line(item).removeprefix("\ufeff")
                if not text.strip():
                    continue
                message = _message(text)
                item = _refusal(text) if message is None else SessionMessage(message)
            if isinstance(item, SessionMessage):
                answer = self._answer(item.message)
                if answer is None:
                    return item
                item = answer
            if isinstance(item, Exception):
                return item
            await self._write.send(SessionMessage(item))

    def _answer(self, message: types.JSONRPCMessage) -> types.JSONRPCMessage | None:
        """Return the answer to a message that the server is not to see."""
        if isinstance(message, types.JSONRPCNotification) and not message.method.startswith("notifications/"):
            return _error(_NO_ID, None)  # the SDK takes a request with an unusable id for a notification
        if not isinstance(message, types.JSONRPCRequest) or self._chosen:
            return None
        self._chosen = message.method == "initialize" or _has_envelope(message)
        if self._chosen:
            return None
        if message.method == "ping":
            return types.JSONRPCResponse(jsonrpc="2.0", id=message.id, result={})
        return _error(_NOT_OPEN, message.id)

    async def aclose(self) -> None:
        """Close the stream that is read from."""
        await self._read.aclose()

    def __aiter__(self) -> TolerantReader:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        await self.aclose()


def _has_envelope(request: types.JSONRPCRequest) -> bool:
    meta: object = (request.params or {}).get("_meta")
    return isinstance(meta, dict) and types.PROTOCOL_VERSION_META_KEY in meta


def _line(error: ValidationError) -> str:
    """Return the line that could not be parsed: a text if it is not JSON, otherwise the whole of what it holds."""
    details = error.errors(include_url=False, include_context=False)
    # Of a message of no kind, some details are about a part of it, and others say what is missing in all of it.
    whole: Any = next((d["input"] for d in details if d["type"] == "missing"), details[0]["input"])
    if details[0]["type"] == "json_invalid":
        return whole if isinstance(whole, str) else whole.decode(errors="replace")
    try:
        return json.dumps(whole, default=str)
    except (ValueError, RecursionError):  # an integer of thousands of digits, or deep nesting
        return "…"


def _message(line: str) -> types.JSONRPCMessage | None:
    """Parse a line after replacing lone surrogates, which JSON can carry and a strict parser refuses."""
    try:
        return types.jsonrpc_message_adapter.validate_python(repair_text(json.loads(line)), by_name=False)
    except (ValueError, RecursionError):
        return None


def _refusal(line: str) -> types.JSONRPCError:
    """Return the error for a line that cannot be parsed, with the id of the request if that can be found.

    The ids of other messages, and inner ids, do not count.
    """
    try:
        read = repair_text(json.loads(line))
    except (ValueError, RecursionError):
        found = _ID.match(line) if '"method"' in line else None
        return _error(_NOT_JSON, json.loads(found[1]) if found else None)
    if isinstance(read, list):
        return _error(_BATCH, None)
    message = cast("dict[str, Any]", read) if isinstance(read, dict) else {}
    given = message.get("id") if "method" in message else None
    request_id = given if isinstance(given, str | int) and not isinstance(given, bool) else None
    params = message.get("params")
    if "method" in message and params is not None and not isinstance(params, dict):
        return _error(_NO_PARAMS, request_id)
    return _error(_NOT_A_MESSAGE, request_id)


def _error(problem: tuple[int, str], request_id: str | int | None) -> types.JSONRPCError:
    code, message = problem
    return types.JSONRPCError(jsonrpc="2.0", id=request_id, error=types.ErrorData(code=code, message=message))
