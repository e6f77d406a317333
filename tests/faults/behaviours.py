"""What the fake vendor does with a job: a script that the job's prompt carries, so that nothing else configures it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[2]
ACCOUNTS = {
    "sk-faults-4f1c9a7be2d08356-do-not-show": "first",
    "sk-faults-93b7e05d1ca24f68-do-not-show": "second",
}
"""The accounts that every vendor here knows, by API key. The keys may be in no log, no journal and no answer."""
ELSEWHERE = "elsewhere"
"""The key of the first account at another address, which counts as a third account."""
PRICE = 570_000
"""What each video is quoted at, in micro-USD, at every vendor."""
VIDEO_BYTES = 96 * 1024
SLOW = 0.6
"""Seconds that a slow answer takes; less than the timeout of the children."""
HANG = 20.0
"""Seconds after which the vendor ends a connection that it let hang."""
Outcome = Literal["submitted", "rejected", "unknown"]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a POST is answered: whether it is charged first, and what a careful client can know of it."""

    charges: bool
    outcome: Outcome
    own_port: bool = False
    """It happens before a request can be read, so it has a port of its own."""


EARLIER_ID = "accept_with_an_earlier_id"
"""The vendor charges, and answers with the id of the task before."""
POSTS: dict[str, Behaviour] = {
    "normal": Behaviour(True, "submitted"),
    "slow": Behaviour(True, "submitted"),
    "accept_then_drip": Behaviour(True, "submitted"),
    EARLIER_ID: Behaviour(True, "unknown"),
    "busy_once_then_accept": Behaviour(True, "submitted"),
    "accept_then_reset": Behaviour(True, "unknown"),
    "accept_then_close": Behaviour(True, "unknown"),
    "accept_then_half_a_head": Behaviour(True, "unknown"),
    "accept_then_truncate": Behaviour(True, "unknown"),
    "accept_then_half_json": Behaviour(True, "unknown"),
    "accept_then_hang": Behaviour(True, "unknown"),
    "accept_then_drip_without_end": Behaviour(True, "unknown"),
    "accept_then_500": Behaviour(True, "unknown"),
    "accept_then_502_page": Behaviour(True, "unknown"),
    "accept_then_504_page": Behaviour(True, "unknown"),
    "accept_then_200_page": Behaviour(True, "unknown"),
    "accept_without_id": Behaviour(True, "unknown"),
    "accept_then_307": Behaviour(True, "unknown"),
    "accept_then_408": Behaviour(True, "unknown"),
    "refuse_408": Behaviour(False, "unknown"),
    "refuse_409": Behaviour(False, "unknown"),
    "refuse_503_page": Behaviour(False, "unknown"),
    "refuse_400": Behaviour(False, "rejected"),
    "refuse_402": Behaviour(False, "rejected"),
    "refuse_402_inside_200": Behaviour(False, "rejected"),
    "busy_always": Behaviour(False, "rejected"),
    "reset_on_connect": Behaviour(False, "unknown", own_port=True),
    "close_on_connect": Behaviour(False, "unknown", own_port=True),
    "refuse_connection": Behaviour(False, "rejected", own_port=True),
}
"""The behaviours that the campaign draws; `behaviour` knows further ones."""
SLOW_POSTS = {"slow", "accept_then_hang", "accept_then_drip_without_end"}
"""They take more than half a second each."""
_CODED = re.compile(r"(charge|free)_([1-5]\d\d)_([1-5]\d\d)(_id)?")
_STATUSES = (200, 201, 307, 400, 401, 402, 403, 404, 408, 409, 413, 422, 425, 429, 500, 502, 503, 504)
_CODES = (400, 402, 404, 408, 409, 422, 425, 429, 451, 500, 503, 504)

POLLS = ("normal", "fails", "error_once", "page_once", "strange_status_once", "drip_once")
"""How a task is answered about; `endless` is one that keeps running, `queues` one that takes real time to begin."""
QUEUED, WORKED_ON = 1.0, 0.8
"""Seconds that a task which `queues` waits, and then runs."""
DOWNLOADS = ("whole", "cut_once", "cut_without_range", "slow")
CHARGES = ("quoted", "more", "less", "late", "late_and_more", "failures_too")
"""What a task costs: the quoted price; half more or half less; nothing until it ends; also if it fails."""
LATE = ("late", "late_and_more")
"""Nothing is charged, and 0 is reported, until the task has ended."""
_FACTORS = {"more": 1.5, "less": 0.5, "late_and_more": 1.5}

BASE_PATH = {"seedanceapi": "/v2", "aigptimage": "", "ope": "", "byteplus": "/api/v3"}
MODELS = {
    "seedanceapi": "seedanceapi/seedance-2-mini",
    "aigptimage": "aigptimage/seedance-2.0-text-to-video",
    "ope": "ope/seedance-2-0-fast",
    "byteplus": "byteplus/2.0-fast",
}
_SCRIPT = re.compile(r"\[intent-(\S+) (\w+) (\w+) (\w+) (\w+) (\w+)\]")


def coded(status: int, code: int, *, charges: bool, task_id: bool = False) -> str:
    """Name the behaviour that answers with an HTTP status and another code in the error's body.

    `charges` says whether the job is charged first, `task_id` whether the error holds the id of its task.
    """
    return f"{'charge' if charges else 'free'}_{status}_{code}{'_id' if task_id else ''}"


def behaviour(post: str) -> Behaviour:
    """Return a behaviour by its name, which may be one made by `coded`."""
    if (parts := coded_parts(post)) is None:
        return POSTS[post]
    status, code, task_id = parts
    outcome: Outcome = "submitted" if task_id else _careful(status, code)
    return Behaviour(task_id or post.startswith("charge"), outcome)


def repeatable(post: str) -> bool:
    """Whether the vendor accepts the job at the latest when it is asked a second time with the same key."""
    return behaviour(post).outcome != "rejected"


RECONCILING = ("aigptimage", "byteplus")
"""Vendors that can be asked what became of an unknown job: by its key, or for a list of tasks."""


LISTING = ("byteplus",)
"""Those among them that are asked for a list."""


def settles(vendor: str, post: str) -> bool:
    """Whether an unknown job is settled by asking its vendor again."""
    if vendor in LISTING:  # a list shows what was accepted, and nothing of what was not
        return behaviour(post).charges and not behaviour(post).own_port
    return vendor in RECONCILING and repeatable(post)


def coded_parts(post: str) -> tuple[int, int, bool] | None:
    """Return the HTTP status, the code in the body, and whether there is an id; None for another behaviour."""
    found = _CODED.fullmatch(post)
    return (int(found[2]), int(found[3]), found[4] is not None) if found else None


def _careful(status: int, code: int) -> Outcome:
    """Return what a careful client knows: a refusal, only where nothing in the answer speaks against it."""
    refusals = {400, 401, 402, 403, 404, 413, 415, 422, 421, 425, 429}
    return "rejected" if code in refusals and (status in refusals or 200 <= status < 300) else "unknown"


CODED: tuple[str, ...] = tuple(
    name
    for status, code, task_id in product(_STATUSES, _CODES, (False, True))
    for name in (
        [coded(status, code, charges=True, task_id=True)]
        if task_id
        else [coded(status, code, charges=charges) for charges in (False, True)]
    )
    # Who refuses in every way and charges all the same cannot be informed from who does not charge.
    if behaviour(name).outcome != "rejected" or not behaviour(name).charges
)
"""Every HTTP status with every code in the body, with the id of a task and without, charged or not."""


@dataclass(frozen=True, slots=True)
class Script:
    """How the vendor treats one job."""

    intent: str
    post: str = "normal"
    poll: str = "normal"
    download: str = "whole"
    charge: str = "quoted"
    account: str = "first"
    """Who has created it; what anybody else asks about it, or pays for it, is recorded."""

    def prompt(self) -> str:
        """Return a prompt that carries the script."""
        how = f"{self.post} {self.poll} {self.download} {self.charge} {self.account}"
        return f"Rain on a tin roof [intent-{self.intent} {how}]"

    @property
    def micros(self) -> int:
        """What the task costs, in micro-USD."""
        return round(PRICE * _FACTORS.get(self.charge, 1))


def read_script(text: str) -> Script | None:
    """Find a job's script in its prompt."""
    found = _SCRIPT.search(text)
    return Script(*found.groups()) if found else None


def video(task: str) -> bytes:
    """Return the video of a task: always the same bytes for the same task."""
    head = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
    block = hashlib.sha256(task.encode()).digest()
    return (head + block * (VIDEO_BYTES // len(block)))[:VIDEO_BYTES]


@dataclass(frozen=True, slots=True)
class Charge:
    """A charge, as one line of the vendor's records."""

    intent: str
    task: str
    vendor: str
    micros: int
    account: str = "first"
