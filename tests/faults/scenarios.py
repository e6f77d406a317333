"""What the campaign tries: where a server ends in the life of one or more jobs, and what comes after it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.faults.behaviours import (
    BASE_PATH,
    CHARGES,
    CODED,
    DOWNLOADS,
    ELSEWHERE,
    POLLS,
    POSTS,
    SLOW_POSTS,
    behaviour,
)
from tests.faults.kill_points import POINTS, commit_delay
from tests.faults.plan import End

VENDORS = tuple(BASE_PATH)
_OUTCOMES = {"rejected": "rejected", "unknown": "unknown", "reconcile": "unknown", "readmit": "unknown"}
_NEEDS_A_TASK = ("submitted", "running", "ended", "lease", "saved", "poll", "download")
_SILENT = {
    "reset_on_connect",
    "close_on_connect",
    "refuse_connection",
    "accept_then_reset",
    "accept_then_close",
    "accept_then_half_a_head",
    "accept_then_hang",
}
_NEVER_COMPLETE = {*_SILENT, "accept_then_truncate", "accept_then_drip_without_end"}
_EARLIER_ID = {"accept_with_an_earlier_id"}
_BUSY = {"refuse_409"}
"""What the vendor with idempotency keys documents as "busy", so that the outcome is known."""
_OWN_PORT = {name for name, each in POSTS.items() if each.own_port}
_NEVER_AT: dict[str, set[str]] = {
    "post": _OWN_PORT,
    "post.connected": {"refuse_connection"},
    "post.answer_head": _SILENT,
    "post.answer_body": _NEVER_COMPLETE,
    "post.read": _NEVER_COMPLETE,
    "reconcile.submitted.before": {*_OWN_PORT, *_EARLIER_ID, *_BUSY},
    "reconcile.submitted.in": {*_OWN_PORT, *_EARLIER_ID, *_BUSY},
    "reconcile.submitted.after": {*_OWN_PORT, *_EARLIER_ID, *_BUSY},
    # Unknown only where the account has an earlier job, which a scenario of one job has not.
    "running": _EARLIER_ID,
    "unknown": _EARLIER_ID,
    "reconcile": {*_EARLIER_ID, *_BUSY},
    "readmit": {*_EARLIER_ID, *_BUSY},
}
"""Behaviours under which a point, or any point of a part, is never reached."""
_LEFTOVERS = {
    "recover": ("submitting.after", "post.body", "post.before"),
    "recover.in": ("poll.answered", "download.block"),
    "recover.commit": ("poll.answered", "download.block"),
}
"""Where an earlier server is killed, so that the next one has something to do at a point of its recovery."""


_LATER = 7200.0
"""Seconds by which clocks are ahead, or set back, once the life of every idempotency key is over."""
_BY_OUTCOME = {
    outcome: tuple(name for name in CODED if behaviour(name).outcome == outcome)
    for outcome in ("submitted", "rejected", "unknown")
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """One or more jobs at a vendor that behaves in some way, where their server ends, and what comes after it."""

    name: str
    vendor: str = "seedanceapi"
    post: str = "normal"
    poll: str = "normal"
    download: str = "whole"
    charge: str = "quoted"
    jobs: int = 1
    kill: str | None = None
    """The point at which the server ends."""
    end: End = "kill"
    nth: int = 1
    delay: float = 0.0
    before: str | None = None
    """Where an earlier process is killed, so that there is something to recover."""
    recoverers: int = 1
    passive: bool = False
    """Whether these leave unknown jobs to the background work."""
    stranger: str | None = None
    """Another account, with which a server runs before them."""
    informed: bool = False
    """Whether a person tells it what the vendor's records say of unknown jobs."""
    later: float = 0.0
    """Seconds by which their clocks differ, once the vendor has forgotten all idempotency keys."""
    broke: bool = False
    """Whether their daily budget is 0."""
    mutant: str | None = None
    disk_full: bool = False


def posts_for(point: str) -> Sequence[str]:
    """Return the behaviours under which a point is reached."""
    part = point.partition(".")[0]
    if part in _NEEDS_A_TASK or point in {"recover.in", "recover.commit"}:
        posts = [name for name, each in POSTS.items() if each.outcome == "submitted"]
    elif part in _OUTCOMES:
        posts = [name for name, each in POSTS.items() if each.outcome == _OUTCOMES[part]]
    else:
        posts = list(POSTS)
    never = _NEVER_AT.get(point) or _NEVER_AT.get(part) or set[str]()
    return [name for name in posts if name not in never]


def _polls_for(point: str) -> Sequence[str]:
    """Return the ways to answer polls under which a point is reached."""
    part = point.partition(".")[0]
    if part == "running":  # the first poll must see a running task
        return ("normal", "fails", "strange_status_once")
    if part in {"saved", "download"} or point in {"recover.in", "recover.commit"}:
        return [poll for poll in POLLS if poll != "fails"]
    return POLLS


def draw(rng: random.Random, name: str, point: str | None = None, post: str | None = None) -> Scenario:
    """Draw a scenario in which a point is likely to be reached."""
    point = point or rng.choice(POINTS)
    part = point.partition(".")[0]
    fitting = posts_for(point)
    if post is None or post not in fitting:
        post = rng.choice([each for each in fitting if each not in SLOW_POSTS or rng.random() < 0.2] or ["normal"])
    poll = rng.choice(("normal", "normal", *_polls_for(point)))
    if post == "accept_with_an_earlier_id":
        poll = "normal"
    elif post not in _OWN_PORT and part not in {"post", "reply"} and rng.random() < 0.3:
        post = rng.choice(_BY_OUTCOME[behaviour(post).outcome])
    nth = 1
    if part in {"download", "running", "lease", "poll"} or rng.random() < 0.2:
        nth = rng.choice((1, 1, 2, 3))
    if part in {"migrate", "lock"}:
        nth = rng.randrange(1, 9) if point == "migrate.statement" else 1
    scenario = Scenario(
        name,
        vendor="aigptimage" if part in {"reconcile", "readmit"} else rng.choice(VENDORS),
        post=post,
        poll=poll,
        download=rng.choice(("whole", *DOWNLOADS)),
        charge=rng.choice(("quoted", "quoted", *CHARGES)),
        jobs=min(3, nth + rng.randrange(2)),
        kill=point,
        nth=nth,
        delay=commit_delay(rng),
        before=rng.choice(_LEFTOVERS.get(point, _LEFTOVERS["recover"])) if part == "recover" else None,
        recoverers=rng.choice((1, 1, 2)),
        passive=rng.random() < 0.3,
    )
    if rng.random() < 0.3:
        scenario = replace(scenario, stranger=rng.choice(("second", ELSEWHERE)), informed=rng.random() < 0.3)
    if rng.random() < 0.2:
        return replace(scenario, later=rng.choice((_LATER, -_LATER)))
    return replace(scenario, broke=rng.random() < 0.2)
