"""What must be true in the end, whatever was killed and however the vendor behaved.

I1  no intent is charged twice
I2  every charge has a row in the journal
I3  every job that was acknowledged has a row: at the vendor, ended, or unknown
I4  what is spent and reserved covers what was charged, row by row, and never exceeds the cap
I5  after recovery nothing is left half done by a dead process
I6  the journal is intact, every video under a final name is complete, and no partial file is left
I7  no API key is in a log, the journal or an answer
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seedance_mcp.jobs.journal.model import CHARGED, OPEN, TERMINAL
from tests.faults.plan import Folder
from tests.faults.vendor import ACCOUNTS, Charge, read_script, video

_ACKNOWLEDGED = {*OPEN, *TERMINAL, "unknown"}


class Ledger:
    """The vendor's records as they grow, by the scenario that an intent's name begins with; threads may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tasks: set[str] = set()
        self.refunded: set[str] = set()
        self.downloads: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._read = 0
        self._by_scenario: defaultdict[str, list[Charge]] = defaultdict(list)

    def charges(self, scenario: str) -> list[Charge]:
        """Return the charges of one scenario so far."""
        with self._lock:
            self._update()
            return list(self._by_scenario[scenario])

    def _update(self) -> None:
        with self.path.open("rb") as file:
            file.seek(self._read)
            lines = file.read()
        lines = lines[: lines.rfind(b"\n") + 1]
        self._read += len(lines)
        for line in lines.splitlines():
            entry: dict[str, Any] = json.loads(line)
            if "refund" in entry:
                self.refunded.add(entry["refund"])
            elif "download" in entry:
                self.downloads[entry["download"]] += 1
            else:
                charge = Charge(**entry)
                self.tasks.add(charge.task)
                self._by_scenario[charge.intent.partition(".")[0]].append(charge)


@dataclass(slots=True)
class Findings:
    """What is found in the files of one scenario."""

    violations: list[str] = field(default_factory=list[str])
    jobs: int = 0
    charges: int = 0
    states: Counter[str] = field(default_factory=Counter[str])
    unkeyed: int = 0
    """Jobs at vendors without an idempotency key."""
    unknown_unkeyed: int = 0
    """Those of them that are unknown in the end."""
    unknown_keyed: int = 0
    """Jobs at the vendor with an idempotency key that were unknown at some time."""
    reconciled: int = 0
    """Those of them that are not unknown in the end."""
    overspent: int = 0
    recoveries: list[float] = field(default_factory=list[float])
    """How long each recovery took, in milliseconds."""


def inspect(folder: Folder, ledger: Ledger, scenario: str, cap: int | None = None) -> Findings:
    """Check every invariant on the files that are left."""
    found = Findings()
    violation = found.violations.append
    charges = ledger.charges(scenario)
    assert folder.journal.exists(), folder.log.read_text("utf-8")[-3000:]  # no server could open it
    with closing(sqlite3.connect(folder.journal)) as db:
        db.row_factory = sqlite3.Row
        integrity = db.execute("PRAGMA integrity_check").fetchone()[0]
        rows = db.execute("SELECT * FROM jobs").fetchall()
    if integrity != "ok":
        violation(f"I6 integrity_check: {integrity}")
    reports = folder.reports()
    found.violations += _check_charges(charges, rows, ledger.refunded)
    by_id = {row["id"]: row for row in rows}
    for line in reports:
        if "acknowledged" in line:
            row = by_id.get(line["job"])
            if row is None or row["state"] not in _ACKNOWLEDGED:
                violation(f"I3 {line['acknowledged']} was acknowledged and is {row['state'] if row else 'missing'}")
    used = sum(row["spent"] + row["reserved"] for row in rows if row["state"] in {"intent", *CHARGED})
    if cap is not None and used > cap:
        found.overspent = used - cap
        violation(f"I4 {used} of a cap of {cap}")
    for row in rows:
        if row["state"] in {"intent", "submitting"}:
            violation(f"I5 {row['id']} is still {row['state']}")
    found.violations += _check_videos(folder, rows, ledger.tasks)
    for path in (folder.log, folder.reports_file, *folder.state.glob("journal*")):
        if path.exists() and any(key.encode() in path.read_bytes() for key in ACCOUNTS):
            violation(f"I7 a key is in {path.name}")
    found.jobs, found.charges = len(rows), len(charges)
    found.states.update(row["state"] for row in rows)
    unkeyed = [row["state"] for row in rows if row["vendor"] != "aigptimage"]
    found.unkeyed, found.unknown_unkeyed = len(unkeyed), unkeyed.count("unknown")
    _count_reconciled(found, reports, by_id)
    found.recoveries = [line["recovered"] for line in reports if "recovered" in line]
    return found


def _check_charges(charges: list[Charge], rows: list[sqlite3.Row], refunded: set[str]) -> list[str]:
    violations: list[str] = []
    by_intent: dict[str, sqlite3.Row] = {}
    for row in rows:
        if script := read_script(json.loads(row["request"]).get("prompt", "")):
            if script.intent in by_intent:
                violations.append(f"I1 {script.intent} has two rows")
            by_intent[script.intent] = row
    for intent, times in Counter(charge.intent for charge in charges).items():
        if times > 1:
            violations.append(f"I1 {intent} was charged {times} times")
    for charge in charges:
        row = by_intent.get(charge.intent)
        if row is None:
            violations.append(f"I2 {charge.intent} was charged and has no row")
        elif charge.task not in refunded and row["spent"] + row["reserved"] < charge.micros:
            covered = row["spent"] + row["reserved"]
            violations.append(f"I4 {charge.intent} ({row['state']}) covers {covered} of {charge.micros}")
    return violations


def _check_videos(folder: Folder, rows: list[sqlite3.Row], tasks: set[str]) -> list[str]:
    violations: list[str] = []
    complete = {hashlib.sha256(video(row["task_id"])).hexdigest() for row in rows if row["task_id"] in tasks}
    on_disk = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.videos.glob("*.mp4")}
    violations += [f"I6 {path.name} is not a complete video" for path, sha in on_disk.items() if sha not in complete]
    named = [row for row in rows if row["path"]]
    violations += [
        f"I6 the video of {row['id']} is not the one that its row names"
        for row in named
        if on_disk.get(Path(row["path"])) != row["sha256"]
    ]
    if len(on_disk) > len(named):
        violations.append(f"I6 {len(on_disk)} videos for {len(named)} jobs")
    violations += [f"I6 {path.name} is left over" for path in folder.videos.glob(".*")]
    violations += [
        f"I6 the video of {row['id']} was not saved: {row['save_error']}"
        for row in rows
        if row["state"] == "succeeded" and not row["path"] and folder.videos.exists()
    ]
    return violations


def _count_reconciled(found: Findings, reports: list[dict[str, Any]], by_id: dict[str, sqlite3.Row]) -> None:
    unknown = {line["job"] for line in reports if line.get("state") == "unknown"}
    unknown |= {job for line in reports for job in line.get("unknown", ())}
    unknown |= {job for job, row in by_id.items() if row["state"] == "unknown"}
    keyed = [by_id[job] for job in unknown if job in by_id and by_id[job]["vendor"] == "aigptimage"]
    found.unknown_keyed = len(keyed)
    found.reconciled = sum(row["state"] != "unknown" for row in keyed)
