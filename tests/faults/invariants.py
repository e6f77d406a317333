"""What must be true in the end, whatever ended when, and however the vendor behaved.

I1   no intent is charged twice
I2   every charge has a row in the journal; where another journal took its place meanwhile, a row or the id in the log
I3   every job that was acknowledged has a row: at the vendor, ended, or unknown; what was never sent is not unknown
I4   what is spent and reserved covers what was charged, row by row, is what the vendor reports of a settled job, and
     never exceeds the caps, neither when a job is created nor when an unknown one is sent again
I5   after recovery nothing is left half done by a dead process, nothing is taken from a living one, and nothing is
     unknown that asking the vendor again can settle
I6   the journal is intact, every video under a final name is complete, and no partial file is left
I7   no API key is in a log, the journal or an answer
I8   no key or address asks about, or pays for, a job of another
I9   no state says that nothing was charged of a charged job
I10  an orderly end is bounded, leaves nothing `submitting`, and keeps what the vendor answers within its grace
I11  no finished task is erased at the vendor
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seedance_mcp.jobs.journal.model import CHARGED, FREE, OPEN, TERMINAL
from tests.faults.behaviours import (
    ACCOUNTS,
    EARLIER_ID,
    LISTING,
    PRICE,
    RECONCILING,
    Charge,
    Script,
    behaviour,
    read_script,
    settles,
    video,
)
from tests.faults.plan import End, Folder

_ACKNOWLEDGED = {*OPEN, *TERMINAL, "unknown"}
BOUNDS: dict[End, float] = {"eof": 1.8, "pipe": 1.8, "term": 5.0}
"""Seconds in which an orderly end is over."""
_HALF_DONE = {"intent", "submitting"}
_SLACK = 1.0
"""Seconds that a busy machine may take to start and to reap."""


class Ledger:
    """The vendor's records as they grow, by the scenario that an intent's name begins with; threads may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tasks: set[str] = set()
        self.refunded: set[str] = set()
        self.erased: set[str] = set()
        """Intents whose finished tasks the vendor was made to erase."""
        self.downloads: Counter[str] = Counter()
        self._foreign: defaultdict[str, list[str]] = defaultdict(list)
        self._lock = threading.Lock()
        self._read = 0
        self._by_scenario: defaultdict[str, list[Charge]] = defaultdict(list)

    def charges(self, scenario: str) -> list[Charge]:
        """Return the charges of one scenario so far."""
        with self._lock:
            self._update()
            return list(self._by_scenario[scenario])

    def foreign(self, scenario: str) -> list[str]:
        """Return the requests about jobs of one scenario by others than the accounts that have created them."""
        with self._lock:
            self._update()
            return list(self._foreign[scenario])

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
            elif "erased" in entry:
                self.erased.add(entry["erased"])
            elif "foreign" in entry:
                how = f"{entry['method']} about {entry['foreign']} by the account {entry['account']}"
                self._foreign[entry["foreign"].partition(".")[0]].append(how)
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


@dataclass(frozen=True, slots=True)
class OrderlyEnd:
    """How a server ended in order."""

    how: End
    seconds: float
    """How long that took."""
    scenario: str
    intents: tuple[str, ...]
    """How the names of the intents begin that it has created."""
    locked: bool = False
    """Whether another program kept the journal locked until then."""


def inspect(
    folder: Folder,
    ledger: Ledger,
    scenario: str,
    cap: int | None = None,
    *,
    reconciles: bool = True,
    restored: bool = False,
) -> Findings:
    """Check every invariant on the files that are left.

    `reconciles` says whether the last processes could settle each job that asking the vendor again settles; `restored`,
    whether another journal was put in the place of the first.
    """
    found = Findings()
    violation = found.violations.append
    assert folder.journal.exists(), folder.log.read_text("utf-8")[-3000:]  # no server could open it
    integrity, rows = _read(folder)
    if integrity != "ok":
        violation(f"I6 integrity_check: {integrity}")
    reports = folder.reports()
    charges = ledger.charges(scenario)
    by_intent, twice = _by_intent(rows, charges)
    if not restored:
        found.violations += twice
        found.violations += _check_acknowledged(reports, rows)
    log = folder.log.read_text("utf-8", "replace") if restored else ""
    found.violations += _check_charges(charges, by_intent, ledger.refunded, log)
    used = sum(min(_covered(row), PRICE) for row in rows if row["state"] in {"intent", *CHARGED})
    if cap is not None and used > cap:
        found.overspent = used - cap
        violation(f"I4 {used} of a cap of {cap}")
    found.violations += [f"I5 {row['id']} is still {row['state']}" for row in rows if row["state"] in _HALF_DONE]
    if reconciles:
        given_away = _given_away(rows, charges)
        accepted = {charge.intent for charge in charges}
        unknown = (row for row in rows if row["id"] not in given_away and _is_reconcilable(row, accepted))
        found.violations += [f"I5 {row['id']} is still unknown" for row in unknown]
    if not restored:
        found.violations += _check_videos(folder, rows, ledger.tasks)
    for path in (folder.log, folder.reports_file, *folder.state.glob("journal*")):
        if path.exists() and any(key.encode() in path.read_bytes() for key in ACCOUNTS):
            violation(f"I7 a key is in {path.name}")
    found.violations += [f"I8 {each}" for each in ledger.foreign(scenario)]
    found.violations += [f"I11 {each} was erased" for each in ledger.erased if each.partition(".")[0] == scenario]
    found.jobs, found.charges = len(rows), len(charges)
    found.states.update(row["state"] for row in rows)
    unkeyed = [row["state"] for row in rows if row["vendor"] not in RECONCILING]
    found.unkeyed, found.unknown_unkeyed = len(unkeyed), unkeyed.count("unknown")
    _count_reconciled(found, reports, {row["id"]: row for row in rows})
    found.recoveries = [line["recovered"] for line in reports if "recovered" in line]
    return found


def inspect_end(folder: Folder, ledger: Ledger, end: OrderlyEnd) -> list[str]:
    """Check what an orderly end has left, before another process recovers."""
    violations: list[str] = []
    if end.seconds > BOUNDS[end.how] + _SLACK:
        violations.append(f"I10 {end.how} took {end.seconds:.1f} s")
    if end.locked or not folder.journal.exists():
        return violations
    _, rows = _read(folder)
    charges = ledger.charges(end.scenario)
    by_intent, _ = _by_intent(rows, charges)
    for intent, row in by_intent.items():
        script = _script(row)
        if script is None or not intent.startswith(end.intents):
            continue
        state, outcome = row["state"], behaviour(script.post).outcome
        if state == "submitting":
            violations.append(f"I10 {intent} is still submitting after {end.how}")
        if state == "unknown" and outcome == "rejected":
            violations.append(f"I3 {intent} is unknown after {end.how}, and was refused or never sent")
        if outcome == "submitted":
            # A task that the vendor gave to another job too is in the note of this one.
            kept = f"{row['task_id']} {row['error_message']}"
            lost = [charge for charge in charges if charge.intent == intent and charge.task not in kept]
            said = f"{state} after {end.how}: {row['error_message']}"
            violations += [f"I10 the id of {each.intent} is lost, {said}" for each in lost]
    return violations


def _read(folder: Folder) -> tuple[str, list[sqlite3.Row]]:
    with closing(sqlite3.connect(folder.journal, timeout=30)) as db:
        db.row_factory = sqlite3.Row
        integrity = db.execute("PRAGMA integrity_check").fetchone()[0]
        known = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'jobs'").fetchone()[0]
        return integrity, db.execute("SELECT * FROM jobs").fetchall() if known else []


def _script(row: sqlite3.Row) -> Script | None:
    return read_script(json.loads(row["request"]).get("prompt", ""))


def _covered(row: sqlite3.Row) -> int:
    return row["spent"] + row["reserved"]


def _given_away(rows: list[sqlite3.Row], charges: list[Charge]) -> set[str]:
    """Return the jobs whose task the vendor has answered to another job, before they could write it down themselves.

    Nobody can tell then which of the two it is, so the later one stays unknown.
    """
    tasks = {charge.intent: charge.task for charge in charges}
    scripts = {row["id"]: script for row in rows if (script := _script(row)) is not None}
    wrong = {row["task_id"] for row in rows if row["id"] in scripts and scripts[row["id"]].post == EARLIER_ID}
    return {job for job, script in scripts.items() if tasks.get(script.intent) in wrong - {None}}


def _is_reconcilable(row: sqlite3.Row, accepted: set[str]) -> bool:
    """Whether asking the vendor again settles a job; a list shows nothing of one whose server was killed too early."""
    script = _script(row)
    if row["state"] != "unknown" or script is None or not settles(row["vendor"], script.post):
        return False
    return script.intent in accepted or row["vendor"] not in LISTING


def _by_intent(rows: list[sqlite3.Row], charges: list[Charge]) -> tuple[dict[str, sqlite3.Row], list[str]]:
    """Return the row of each intent; a purged one has only its task's id. A job that was free may be created again."""
    tasks = {charge.task: charge.intent for charge in charges}
    found: dict[str, sqlite3.Row] = {}
    twice: list[str] = []
    for row in rows:
        script = _script(row)
        intent = script.intent if script else tasks.get(row["task_id"])
        if intent is None:
            continue
        other = found.get(intent)
        if other is not None and other["state"] not in FREE and row["state"] not in FREE:
            twice.append(f"I1 {intent} has two rows")
        if other is None or other["state"] in FREE:
            found[intent] = row
    return found, twice


def _check_acknowledged(reports: list[dict[str, Any]], rows: list[sqlite3.Row]) -> list[str]:
    violations: list[str] = []
    states = {row["id"]: row["state"] for row in rows}
    for line in reports:
        if "acknowledged" in line and states.get(line["job"]) not in _ACKNOWLEDGED:
            state = states.get(line["job"], "missing")
            violations.append(f"I3 {line['acknowledged']} was acknowledged and is {state}")
    return violations


def _check_charges(
    charges: list[Charge], by_intent: Mapping[str, sqlite3.Row], refunded: set[str], log: str
) -> list[str]:
    times = Counter(charge.intent for charge in charges)
    violations = [f"I1 {intent} was charged {n} times" for intent, n in times.items() if n > 1]
    for charge in charges:
        row = by_intent.get(charge.intent)
        if row is None:
            if charge.task not in log:
                violations.append(f"I2 {charge.intent} was charged and has no row")
            continue
        if charge.task in refunded:
            continue
        state, covered = row["state"], _covered(row)
        if state in FREE or (state in TERMINAL and not covered):
            violations.append(f"I9 {charge.intent} was charged and is {state}, at no cost")
        # Only this vendor reports its charge. Of any other, no more than the quote can be known.
        settled = row["vendor"] == "seedanceapi" and state in TERMINAL
        if row["task_id"] not in {None, charge.task}:
            continue  # the vendor gave this job the id of an earlier one, whose owner had died before it had a row
        if covered < min(charge.micros, PRICE) or (settled and covered != charge.micros):
            violations.append(f"I4 {charge.intent} ({state}) covers {covered} of {charge.micros}")
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
    keyed = [by_id[job] for job in unknown if job in by_id and by_id[job]["vendor"] in RECONCILING]
    found.unknown_keyed = len(keyed)
    found.reconciled = sum(row["state"] != "unknown" for row in keyed)
