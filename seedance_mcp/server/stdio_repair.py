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


class TolerantReader:
    """Reads messages from a client; a line that is not a message is answered with an error on `write`."""

    def __init__(
        self,
        read: ReadStream[SessionMessage | Exception],
        write: WriteStream[SessionMessage],
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_end` is called when the client has closed its end."""
        self._read, self._write, self._on_end = read, write, on_end

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
            if not isinstance(item, ValidationError):
                return item
            text = _line(item)
            if (message := _message(text)) is not None:
                return SessionMessage(message)
            if text.strip():
                await self._write.send(SessionMessage(_refusal(text)))

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


def _line(error: ValidationError) -> str:
    """Return the line that could not be parsed: a text if it is not JSON, otherwise the whole of what it holds."""
    details = error.errors(include_url=False, include_context=False)
    # Of a message of no kind, some details are about a part of it, and others say what is missing in all of it.
    whole: Any = next((d["input"] for d in details if d["type"] == "missing"), details[0]["input"])
    if isinstance(whole, str | bytes):
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
    """Return the error for a line that cannot be parsed, with its id if that can be found."""
    request_id, params = _parts(line)
    if params is not None and not isinstance(params, dict):
        error = types.ErrorData(code=types.INVALID_PARAMS, message="params must be an object; nothing was done.")
    else:
        error = types.ErrorData(
            code=types.PARSE_ERROR,
            message="This line is not a JSON-RPC message, or is nested too deeply; nothing was done.",
        )
    return types.JSONRPCError(jsonrpc="2.0", id=request_id, error=error)


def _parts(line: str) -> tuple[str | int | None, object]:
    """Return the id and the params of a request that cannot be parsed, as far as they can be found.

    The ids of other messages, and inner ids, do not count.
    """
    if '"method"' not in line:
        return None, None
    try:
        read = json.loads(line)
    except (ValueError, RecursionError):
        found = _ID.match(line)
        return (json.loads(found[1]) if found else None), None
    message = cast("dict[str, Any]", read) if isinstance(read, dict) else {}
    given = message.get("id")
    return (given if isinstance(given, str | int) and not isinstance(given, bool) else None), message.get("params")
