"""What must be true when the dust has settled, whatever was killed and however the vendor behaved.

I1  no intent is charged twice
I2  every charge has a row in the journal
I3  every job that was acknowledged has a row: at the vendor, ended, or unknown
I4  what is spent and reserved covers what was charged, row by row, and never passes the cap
I5  after recovery nothing is left half done by a dead process
I6  the journal is sound, every film under a final name is whole, and no part of one is left lying about
I7  the key is in no log, no journal and no answer
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seedance_mcp.jobs.journal.model import CHARGED, OPEN, TERMINAL
from tests.faults.plan import KEY, Folder
from tests.faults.vendor import Charge, read_orders, video

INVARIANTS = ("I1", "I2", "I3", "I4", "I5", "I6", "I7")
_ACKNOWLEDGED = {*OPEN, *TERMINAL, "unknown"}


class Ledger:
    """The vendor's books as they grow, by the scenario that an intent's name begins with."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tasks: set[str] = set()
        self.refunded: set[str] = set()
        self.downloads: Counter[str] = Counter()
        self._read = 0
        self._by_name: defaultdict[str, list[Charge]] = defaultdict(list)

    def of(self, name: str) -> list[Charge]:
        """Return the charges of one scenario so far."""
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
                self._by_name[charge.intent.partition(".")[0]].append(charge)
        return self._by_name[name]


@dataclass(slots=True)
class Findings:
    """What one scenario shows."""

    violations: list[str] = field(default_factory=list[str])
    jobs: int = 0
    charges: int = 0
    states: Counter[str] = field(default_factory=Counter[str])
    unkeyed: int = 0
    """Jobs at vendors without an idempotency key, and how many of them are unknown in the end."""
    unknown_unkeyed: int = 0
    unknown_at_keyed: int = 0
    """Jobs that were unknown at a vendor with an idempotency key."""
    healed: int = 0
    overspent: int = 0
    recoveries: list[float] = field(default_factory=list[float])


def inspect(folder: Folder, ledger: Ledger, name: str, cap: int | None = None) -> Findings:
    """Check every invariant on the files that are left."""
    found = Findings()
    say = found.violations.append
    charges = ledger.of(name)
    with closing(sqlite3.connect(folder.journal)) as db:
        db.row_factory = sqlite3.Row
        soundness = db.execute("PRAGMA integrity_check").fetchone()[0]
        rows = db.execute("SELECT * FROM jobs").fetchall()
    if soundness != "ok":
        say(f"I6 integrity_check: {soundness}")
    heard = folder.heard()
    _charges(found, charges, rows, ledger.refunded)
    by_id = {row["id"]: row for row in rows}
    for line in heard:
        if "acknowledged" in line:
            row = by_id.get(line["job"])
            if row is None or row["state"] not in _ACKNOWLEDGED:
                say(f"I3 {line['acknowledged']} was acknowledged and is {row['state'] if row else 'gone'}")
    used = sum(row["spent"] + row["reserved"] for row in rows if row["state"] in {"intent", *CHARGED})
    if cap is not None and used > cap:
        found.overspent = used - cap
        say(f"I4 {used} of a cap of {cap}")
    for row in rows:
        if row["state"] in {"intent", "submitting"}:
            say(f"I5 {row['id']} is still {row['state']}")
    found.violations += _videos(folder, rows, ledger.tasks)
    for path in (folder.log, folder.said, *folder.state.glob("journal*")):
        if path.exists() and KEY.encode() in path.read_bytes():
            say(f"I7 the key is in {path.name}")
    found.jobs, found.charges = len(rows), len(charges)
    found.states.update(row["state"] for row in rows)
    unkeyed = [row["state"] for row in rows if row["vendor"] != "aigptimage"]
    found.unkeyed, found.unknown_unkeyed = len(unkeyed), unkeyed.count("unknown")
    _healing(found, heard, by_id)
    found.recoveries = [line["recovered"] for line in heard if "recovered" in line]
    return found


def _charges(found: Findings, charges: list[Charge], rows: list[sqlite3.Row], refunded: set[str]) -> None:
    by_intent: dict[str, sqlite3.Row] = {}
    for row in rows:
        if orders := read_orders(json.loads(row["request"]).get("prompt", "")):
            if orders.intent in by_intent:
                found.violations.append(f"I1 {orders.intent} has two rows")
            by_intent[orders.intent] = row
    for intent, times in Counter(charge.intent for charge in charges).items():
        if times > 1:
            found.violations.append(f"I1 {intent} was charged {times} times")
    for charge in charges:
        row = by_intent.get(charge.intent)
        if row is None:
            found.violations.append(f"I2 {charge.intent} was charged and has no row")
        elif charge.task not in refunded and row["spent"] + row["reserved"] < charge.micros:
            covered = row["spent"] + row["reserved"]
            found.violations.append(f"I4 {charge.intent} ({row['state']}) covers {covered} of {charge.micros}")


def _videos(folder: Folder, rows: list[sqlite3.Row], tasks: set[str]) -> list[str]:
    problem: list[str] = []
    whole = {hashlib.sha256(video(row["task_id"])).hexdigest() for row in rows if row["task_id"] in tasks}
    on_disk = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.videos.glob("*.mp4")}
    problem += [f"I6 {path.name} is not a whole film" for path, sha in on_disk.items() if sha not in whole]
    named = [row for row in rows if row["path"]]
    problem += [
        f"I6 the film of {row['id']} is not the one that its row names"
        for row in named
        if on_disk.get(Path(row["path"])) != row["sha256"]
    ]
    if len(on_disk) > len(named):
        problem.append(f"I6 {len(on_disk)} films for {len(named)} jobs")
    problem += [f"I6 {path.name} is left over" for path in folder.videos.glob(".*")]
    problem += [
        f"I6 the film of {row['id']} was not saved: {row['save_error']}"
        for row in rows
        if row["state"] == "succeeded" and not row["path"] and folder.videos.exists()
    ]
    return problem


def _healing(found: Findings, heard: list[dict[str, Any]], by_id: dict[str, sqlite3.Row]) -> None:
    unknown = {line["job"] for line in heard if line.get("state") == "unknown"}
    unknown |= {job for line in heard for job in line.get("unknown", ())}
    unknown |= {job for job, row in by_id.items() if row["state"] == "unknown"}
    keyed = [by_id[job] for job in unknown if job in by_id and by_id[job]["vendor"] == "aigptimage"]
    found.unknown_at_keyed = len(keyed)
    found.healed = sum(row["state"] != "unknown" for row in keyed)
