"""Lines of a client that are no messages: mended where that is safe, else answered, so that nobody waits for ever.

The transport of mcp drops what it cannot read, and a client that waits for an answer waits until its own time-out.
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
    from types import TracebackType

    from mcp.shared._stream_protocols import ReadStream, WriteStream  # their only home; used for types alone

_BEFORE = r'\s*\{(?:\s*"(?:jsonrpc|method)"\s*:\s*"[^"\\]*"\s*,)*\s*'
_ID = re.compile(_BEFORE + r'"id"\s*:\s*("(?:[^"\\]|\\.){0,200}"|-?\d{1,18})(?=\s*[,}])')


class TolerantReader:
    """What a client writes, as messages; what is none is answered on `write`."""

    def __init__(self, read: ReadStream[SessionMessage | Exception], write: WriteStream[SessionMessage]) -> None:
        self._read, self._write = read, write

    @property
    def last_context(self) -> Any:
        """The context that came with the last message."""
        return getattr(self._read, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        """Return the next message."""
        while True:
            item = await self._read.receive()
            if not isinstance(item, ValidationError):
                return item
            line: Any = item.errors()[0]["input"]
            if not isinstance(line, str | bytes):  # JSON, and no message: mcp has no name for what it was to be
                line = json.dumps(line, default=str)
            text = line if isinstance(line, str) else line.decode(errors="replace")
            if (message := _message(text)) is not None:
                return SessionMessage(message)
            if text.strip():
                await self._write.send(SessionMessage(_refusal(text)))

    async def aclose(self) -> None:
        """Close what is read from."""
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


def _message(line: str) -> types.JSONRPCMessage | None:
    """Read a line whose texts hold half characters, which JSON can carry and a stricter reader refuses."""
    try:
        return types.jsonrpc_message_adapter.validate_python(repair_text(json.loads(line)), by_name=False)
    except (ValueError, RecursionError):
        return None


def _refusal(line: str) -> types.JSONRPCError:
    """Answer what cannot be read, under its id if that can be made out."""
    error = types.ErrorData(
        code=types.PARSE_ERROR, message="This line is not a JSON-RPC message, or nested too deeply; nothing was done."
    )
    return types.JSONRPCError(jsonrpc="2.0", id=_id(line), error=error)


def _id(line: str) -> str | int | None:
    """Return the id of a request that cannot be read; of another message, or inside one, an id says nothing."""
    if '"method"' not in line:
        return None
    try:
        read = json.loads(line)
    except (ValueError, RecursionError):
        found = _ID.match(line)
        return json.loads(found[1]) if found else None
    given = cast("dict[str, Any]", read).get("id") if isinstance(read, dict) else None
    return given if isinstance(given, str | int) and not isinstance(given, bool) else None
