"""Notifications within one process: a job may have changed."""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream


class JobEvents:
    """Notifies callers that a job may have changed. What changed is in the journal."""

    def __init__(self) -> None:
        self._waiting: dict[str, anyio.Event] = {}
        self._subscribers: set[MemoryObjectSendStream[str]] = set()

    def notify(self, job_id: str) -> None:
        """Wake every caller that waits for a job, and send its id to all subscribers."""
        if event := self._waiting.pop(job_id, None):
            event.set()
        for stream in self._subscribers:
            stream.send_nowait(job_id)

    async def wait(self, job_id: str, seconds: float) -> None:
        """Return when a job may have changed, or after so many seconds."""
        with anyio.move_on_after(seconds):
            await self._waiting.setdefault(job_id, anyio.Event()).wait()

    @contextmanager
    def subscribe(self) -> Generator[MemoryObjectReceiveStream[str]]:
        """Yield a stream of the ids of jobs that may have changed."""
        send, receive = anyio.create_memory_object_stream[str](math.inf)
        self._subscribers.add(send)
        try:
            with send, receive:
                yield receive
        finally:
            self._subscribers.discard(send)
