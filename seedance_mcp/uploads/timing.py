"""How long uploads and vendors' reviews of files may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UploadTiming:
    """The delays and limits of uploads, in seconds."""

    patience: float = 40.0
    """How long a call waits for its files; some clients give a whole call no more than 60 s."""
    longest_review: float = 600.0
    """How long a pending review is polled in the background; after that, the next call resumes it."""
    review_pauses: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    """Before each further poll of a review; the last one repeats."""
    fresh: float = 2.0
    """A review polled more recently than this is not polled again for a caller who only asks for its status."""
    poll_bound: float = 8.0
    """How long such a caller waits for the vendor."""
