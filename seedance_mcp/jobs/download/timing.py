"""How long downloads may take, and how much they do at a time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DownloadTiming:
    """The delays and bounds of downloads; in seconds unless stated otherwise."""

    longest: float = 900.0
    """One download as a whole; what arrived until then is kept, and the rest is requested later."""
    attempts: int = 4
    """Connections in a row that may be lost without a single byte more."""
    retry_pause: float = 0.1
    """Before the first further connection; doubles with each."""
    concurrent: int = 3
    """Videos that one process downloads at the same time."""
    poll_other_server: float = 1.0
    """Between two checks for a video that another server is downloading."""
    block: int = 1024 * 1024
    """Bytes that are written at a time."""

    @property
    def lease(self) -> float:
        """How long a server holds the right to download a video: a link may turn out to be expired late."""
        return 3 * self.longest


DEFAULT = DownloadTiming()
"""What a server uses."""
