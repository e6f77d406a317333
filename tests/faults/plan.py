"""What a child process has to do, as JSON, and where the files of one scenario are."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from tests.faults.behaviours import ACCOUNTS, BASE_PATH, ELSEWHERE, MODELS, PRICE, Script

KEYS = {account: key for key, account in ACCOUNTS.items()}
"""The API keys, by account; the same key is used for every vendor."""
KEYS[ELSEWHERE] = KEYS["first"]

Role = Literal["work", "recover", "stranger", "purge", "crowd", "race", "open", "serve", "session", "cancel"]
End = Literal["kill", "term", "eof", "pipe"]
"""How a process ends: SIGKILL, SIGTERM, the end of its input, or the end of both its input and its output."""
ORDERLY: tuple[End, ...] = ("term", "eof", "pipe")


@dataclass(frozen=True, slots=True)
class Folder:
    """The files of one scenario."""

    path: Path

    @property
    def state(self) -> Path:
        return self.path / "state"

    @property
    def journal(self) -> Path:
        return self.state / "journal.sqlite3"

    @property
    def videos(self) -> Path:
        return self.path / "videos"

    @property
    def reports_file(self) -> Path:
        return self.path / "reports.jsonl"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    @property
    def input(self) -> Path:
        """A pipe that is the standard input of a whole server."""
        return self.path / "input"

    @property
    def output(self) -> Path:
        """A pipe that is its standard output."""
        return self.path / "output"

    @property
    def signal(self) -> Path:
        """A file whose creation starts a race, and ends a crowd."""
        return self.path / "signal"

    def reports(self) -> list[dict[str, Any]]:
        """Return what children have reported, whole lines only."""
        if not self.reports_file.exists():
            return []
        return [json.loads(line) for line in self.reports_file.read_text("utf-8").split("\n")[:-1]]

    def never_called(self) -> set[str]:
        """Return the functions that a mutant has replaced and no process has called."""
        reports = self.reports()
        called = {line["called"] for line in reports if "called" in line}
        return {line["replaced"] for line in reports if "replaced" in line} - called


@dataclass(slots=True)
class Job:
    """One job to be created: at which vendor, and how that vendor treats it."""

    vendor: str
    script: Script
    request_key: str | None = None

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of create_video."""
        shape = {"duration": 4, "resolution": "480p"}
        key = {"request_key": self.request_key} if self.request_key else {}
        return {"model": MODELS[self.vendor], "prompt": self.script.prompt(), **shape, **key}


@dataclass(slots=True, kw_only=True)
class Plan:
    """What one child does, and what happens to it."""

    folder: str
    origin: str
    name: str = ""
    """How the names of all its intents begin."""
    role: Role = "work"
    account: str = "first"
    jobs: Sequence[Job] = ()
    workers: int = 1
    kill: str | None = None
    """The point at which it ends."""
    end: End = "kill"
    nth: int = 1
    delay: float = 0.0
    mutant: str | None = None
    disk_full: bool = False
    """The disk fills up at the point `kill`, in place of a kill."""
    save: bool = True
    settings: dict[str, str] = field(default_factory=dict[str, str])
    """Further environment variables."""
    dial: int | None = None
    """The port that connections to the vendor reach in place of its own: what fails is the network, not the address."""
    settle: bool = True
    """Whether it waits until its jobs have ended."""
    reconciles: bool = True
    """Whether it waits until no job is unknown that its vendor accepts when it is asked again."""
    passive: bool = False
    """Whether it leaves unknown jobs to the background work."""
    resolve: dict[str, str | None] = field(default_factory=dict[str, str | None])
    """What a person knows about unknown jobs, by intent: the task, or None if nothing was charged."""
    housekeeping: float | None = None
    """Seconds between two rounds of background work."""
    locks: bool = False
    """Whether another connection locks the journal at the point."""
    await_signal: bool = False
    """Whether it creates its jobs only after the signal."""
    clock: float = 0.0
    """Seconds by which this child's clock is ahead."""
    lease: float | None = None
    """Seconds that a lease on polling a job lasts, and a third of a lease on downloading its video."""
    seed: int = 0
    patience: float = 20.0
    """Seconds in which every job must settle."""

    def environ(self) -> dict[str, str]:
        """Return the environment of the server."""
        folder = Folder(Path(self.folder))
        prices = {m: {"per": "video", "unit": "USD", "rates": PRICE / 1e6} for m in MODELS.values() if "mini" not in m}
        settings = {
            "SEEDANCE_STATE_DIR": str(folder.state),
            "SEEDANCE_OUTPUT_DIR": str(folder.videos),
            "SEEDANCE_SAVE": "auto" if self.save else "off",
            "SEEDANCE_POLL_INTERVAL": "0.02",
            "SEEDANCE_LOG": "debug",
            "SEEDANCE_PRICES": json.dumps(prices),
        }
        elsewhere = f"/{ELSEWHERE}" if self.account == ELSEWHERE else ""
        for vendor, base in BASE_PATH.items():
            settings[f"SEEDANCE_{vendor.upper()}_API_KEY"] = KEYS[self.account]
            settings[f"SEEDANCE_{vendor.upper()}_BASE_URL"] = self.origin + elsewhere + base
        # The account's tasks are those of every scenario; a list of them is of this one.
        settings["SEEDANCE_BYTEPLUS_BASE_URL"] += f"/of/{folder.path.name}"
        kept = {k: v for k, v in os.environ.items() if not k.upper().startswith("SEEDANCE_")}
        return {k: v for k, v in kept.items() if not k.upper().endswith("_PROXY")} | settings | self.settings

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(data: dict[str, Any]) -> Plan:
        plan = Plan(**data)
        plan.jobs = [replace(Job(**job), script=Script(**job["script"])) for job in data["jobs"]]
        return plan
