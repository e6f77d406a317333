"""The delays and time limits in the life of a job that an operator or a test may change: one constructor argument."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from seedance_mcp.jobs.download.timing import DownloadTiming
from seedance_mcp.uploads.timing import UploadTiming


@dataclass(frozen=True, slots=True)
class SubmitTiming:
    """How the paid POST is retried where that is safe; see `seedance_mcp.jobs.submit`. In seconds."""

    unsent_pauses: tuple[float, ...] = (1.0, 2.0, 4.0)
    """The longest pause before each further attempt at a POST that never left; the actual one is random."""
    unsent_for: float = 60.0
    """After so long without a connection there is no further attempt."""
    busy_pauses: tuple[float, ...] = (2.0, 2.0)
    """The longest pause before each further attempt after a 429, where the vendor names none."""
    longest_retry_after: float = 30.0
    """After a longer Retry-After, the job is rejected at once."""
    write_pauses: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    """Before each further attempt to write the outcome to the journal."""


@dataclass(frozen=True, slots=True)
class PollTiming:
    """How running jobs are polled; see `seedance_mcp.jobs.poller`. In seconds unless stated otherwise."""

    fresh: float = 2.0
    """A poll younger than this is not repeated for a caller."""
    bound: float = 15.0
    """How long a caller waits for a poll."""
    per_second: float = 5.0
    """Polls per second that one process sends to one vendor at first, and by how much that grows each second."""
    most_per_second: float = 200.0
    """What it grows to at most; see `seedance_mcp.jobs.pace`."""
    lease: float = 60.0
    """How long a server holds the right to poll a job."""
    after_failure: float = 30.0
    """Before the next poll after one that failed unexpectedly."""
    error_pause: float = 1.0
    """Before the next poll of a vendor that answered with an error; doubles with each error."""
    longest_error_pause: float = 60.0
    missing: float = 900.0
    """How long a vendor has to say that it does not know a task until the job counts as unknown."""


@dataclass(frozen=True, slots=True)
class ReconcileTiming:
    """How the outcome of an unknown job is found out; see `seedance_mcp.jobs.reconcile`. In seconds."""

    key_lifetime: float = 3600.0
    """How long an idempotency key is trusted; no vendor documents how long it remembers one."""
    pauses: tuple[float, ...] = (2.5, 10.0, 60.0)
    """Before each automatic attempt."""
    fresh: float = 2.0
    """A job that was changed more recently than this is left alone."""


@dataclass(frozen=True, slots=True)
class PriceListTiming:
    """When vendors' public price lists are requested; see `seedance_mcp.jobs.price_lists`. In seconds."""

    lifetime: float = 86_400.0
    """How long a copy is used before a new one is requested."""
    retry_after: float = 600.0
    """Before the next request after one that failed."""
    first_wait: float = 2.0
    """How long calls wait for a new copy."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The delays and bounds of a job service; tests shorten them. In seconds unless stated otherwise."""

    submit: SubmitTiming = field(default_factory=SubmitTiming)
    poll: PollTiming = field(default_factory=PollTiming)
    reconcile: ReconcileTiming = field(default_factory=ReconcileTiming)
    price_lists: PriceListTiming = field(default_factory=PriceListTiming)
    uploads: UploadTiming = field(default_factory=UploadTiming)
    downloads: DownloadTiming = field(default_factory=DownloadTiming)
    stop_grace: float = 1.3
    """How long an orderly stop lets submissions finish; clients kill a server 2 s after they hang up."""
    housekeeping: float = 30.0
    """Between two rounds of background work: recovery, adopting jobs, retention."""
    clock: Callable[[], float] = time.time
    """The wall clock, in Unix seconds."""
    jitter: Callable[[float, float], float] = random.uniform  # noqa: S311  (for pauses, not for secrets)
    """Returns a random number between two others."""
