"""How long uploads and vendors' reviews of files may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UploadTiming:
    """The delays and bounds of uploads, in seconds."""

    patience: float = 40.0
    """How long a call waits for its files; some clients give a whole call no more than 60 s."""
    longest_review: float = 600.0
    """How long a review is polled in the background; after that, the next call has to ask again."""
    review_pauses: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    """Before each further poll of a review; the last one repeats."""
    fresh: float = 2.0
    """A poll of a review younger than this is not repeated for a caller who only wants to know its status."""
    poll_bound: float = 8.0
    """How long such a caller waits for the vendor."""
