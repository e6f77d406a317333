"""What a child process has to do, as JSON, and where the files of one scenario are."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.faults.vendor import ACCOUNTS, BASE_PATH, MODELS, PRICE, Script

KEYS = {account: key for key, account in ACCOUNTS.items()}
"""The API keys, by account; the same key is used for every vendor."""

Role = Literal["work", "recover", "crowd", "race", "open", "serve"]


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

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of create_video."""
        shape = {"duration": 4, "resolution": "480p"}
        return {"model": MODELS[self.vendor], "prompt": self.script.prompt(), **shape}


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
    nth: int = 1
    delay: float = 0.0
    mutant: str | None = None
    disk_full: bool = False
    """The disk fills up at the point `kill`, in place of a kill."""
    save: bool = True
    caps: dict[str, str] = field(default_factory=dict[str, str])
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
            **self.caps,
        }
        for vendor, base in BASE_PATH.items():
            settings[f"SEEDANCE_{vendor.upper()}_API_KEY"] = KEYS[self.account]
            settings[f"SEEDANCE_{vendor.upper()}_BASE_URL"] = self.origin + base
        kept = {k: v for k, v in os.environ.items() if not k.upper().startswith("SEEDANCE_")}
        return {k: v for k, v in kept.items() if not k.upper().endswith("_PROXY")} | settings

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(data: dict[str, Any]) -> Plan:
        plan = Plan(**data)
        plan.jobs = [Job(job["vendor"], Script(**job["script"])) for job in data["jobs"]]
        return plan
