"""Who waits for a job, and who hears of all of them: told whenever something may have changed about one."""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream


class JobEvents:
    """The news of one process. What they are stands in the journal; here is only whom they concern."""

    def __init__(self) -> None:
        self._waiting: dict[str, anyio.Event] = {}
        self._subscribers: set[MemoryObjectSendStream[str]] = set()

    def notify(self, job_id: str) -> None:
        """Wake who waits for a job."""
        if event := self._waiting.pop(job_id, None):
            event.set()
        for stream in self._subscribers:
            stream.send_nowait(job_id)

    async def wait(self, job_id: str, seconds: float) -> None:
        """Return when something may have changed about a job, or after so many seconds."""
        with anyio.move_on_after(seconds):
            await self._waiting.setdefault(job_id, anyio.Event()).wait()

    @contextmanager
    def subscribe(self) -> Generator[MemoryObjectReceiveStream[str]]:
        """Give the ids of the jobs that something may have changed about, as it happens."""
        send, receive = anyio.create_memory_object_stream[str](math.inf)
        self._subscribers.add(send)
        try:
            with send, receive:
                yield receive
        finally:
            self._subscribers.discard(send)
