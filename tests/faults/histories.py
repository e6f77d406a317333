"""Longer histories of one journal: several processes, and what happens to a machine between and during them."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.faults.behaviours import CHARGES, MODELS, POSTS, PRICE, SLOW_POSTS
from tests.faults.invariants import Findings, inspect
from tests.faults.plan import ORDERLY, Folder, Plan
from tests.faults.runner import Result, Runner
from tests.faults.scenarios import VENDORS, Scenario

_DAY = 86_400.0
_ENDS = ("submitting.after", "post.body", "post.answer_body", "submitted.after", "reply.after", None)
"""Points at which the first process ends, or none."""
_POSTS = tuple(name for name, each in POSTS.items() if name not in SLOW_POSTS and not each.own_port)
_MAY_RUN = tuple(post for post in _POSTS if POSTS[post].outcome != "rejected" and post != "accept_with_an_earlier_id")

History = Callable[[Runner, str, random.Random, str | None], Result]


def repeated_keys(runner: Runner, name: str, rng: random.Random, mutant: str | None = None) -> Result:
    """Repeat calls with a request_key long after, when what users wrote was deleted and the vendor forgot its keys."""
    folder, result = runner.new_folder(name), Result(Findings())
    scenario = Scenario(
        name, rng.choice(VENDORS), rng.choice(_POSTS), charge=rng.choice(CHARGES), jobs=2, kill=rng.choice(_ENDS),
        mutant=mutant,
    )  # fmt: skip
    first = runner.plan(scenario, folder)
    first.jobs = [replace(job, request_key=f"take {n}") for n, job in enumerate(first.jobs)]
    problems = runner.doom(first, folder, result)
    problems += runner.recover([runner.recovery(folder, mutant)])
    settings = {"SEEDANCE_RETENTION_DAYS": "1"}
    if rng.random() < 0.7:
        settings = {}
        problems += runner.recover([runner.recovery(folder, mutant, role="purge")])
    runner.ports.forget(name)
    again = replace(first, kill=None, clock=30 * _DAY, settings=settings, reconciles=False)
    problems += runner.recover([again, again])
    result.findings = inspect(folder, runner.ledger, name, reconciles=False)
    return runner.finish(folder, result, problems)


def repeated_requests(runner: Runner, name: str, rng: random.Random, mutant: str | None = None) -> Result:
    """Repeat identical requests long after, while the first jobs are still running or unknown."""
    folder, result = runner.new_folder(name), Result(Findings())
    scenario = Scenario(
        name, rng.choice(VENDORS), rng.choice(_MAY_RUN), "endless", jobs=2, kill=rng.choice(_ENDS), mutant=mutant
    )
    first = runner.plan(scenario, folder, settle=False)
    problems = runner.doom(first, folder, result)
    runner.ports.forget(name)
    for clock in (rng.choice((700.0, 7200.0, 3 * _DAY)), 5 * _DAY):
        problems += runner.recover([replace(first, kill=None, clock=clock)])
    result.findings = inspect(folder, runner.ledger, name, reconciles=False)
    return runner.finish(folder, result, problems)


def lost_lock_files(runner: Runner, name: str, rng: random.Random, mutant: str | None = None) -> Result:
    """Remove the lock file of a process before, or while, it submits a job, and let another one recover meanwhile."""
    folder, result = runner.new_folder(name), Result(Findings())
    renewed = mutant == "lock_file_is_not_renewed" or (mutant is None and rng.random() < 0.5)
    scenario = Scenario(name, rng.choice(("seedanceapi", "ope")), "slow", mutant=mutant)
    plan = runner.plan(scenario, folder, await_signal=True, housekeeping=0.02 if renewed else 30.0)
    pid = runner.fork_server.start(plan)
    _until(lambda: any("ready" in line for line in folder.reports()))
    if renewed:
        _remove_locks(folder)
        _until(lambda: any((folder.state / "owners").iterdir()), 0.5)
    folder.signal.touch()
    _until(lambda: bool(runner.ledger.charges(name)))
    if not renewed:
        _remove_locks(folder)
    informed: dict[str, str | None] = {f"{name}.0": None} if not renewed and rng.random() < 0.5 else {}
    role = "stranger" if informed else "recover"  # a person may say that nothing was charged, and be wrong
    problems = runner.recover(
        [runner.recovery(folder, mutant, role=role, resolve=informed, patience=0.2, settle=False)]
    )
    taken = [line for line in folder.reports() if line.get("unknown")]
    if renewed and taken and runner.fork_server.wait(pid, 0) is None:
        problems.append("I5 the job of a living process became unknown")
    if (code := runner.fork_server.end(pid, plan)) != 0:
        problems.append(f"H {plan.role} ended with {code}")
    problems += runner.recover([runner.recovery(folder, mutant)])
    [row] = _rows(folder)
    lost = [charge for charge in runner.ledger.charges(name) if charge.task != row["task_id"]]
    problems += [f"I2 the id of {each.intent}, {row['state']}, came late and is lost" for each in lost]
    result.findings = inspect(folder, runner.ledger, name)
    return runner.finish(folder, result, problems)


def restored_journals(runner: Runner, name: str, rng: random.Random, mutant: str | None = None) -> Result:
    """Put an older copy of the journal in its place: after a kill, or while a job is being submitted."""
    folder, result = runner.new_folder(name), Result(Findings())
    backup = folder.path / "backup"
    during = mutant is not None or rng.random() < 0.6
    scenario = Scenario(
        name, rng.choice(VENDORS), rng.choice(_MAY_RUN), charge=rng.choice(CHARGES), kill=rng.choice(_ENDS),
        mutant=mutant,
    )  # fmt: skip
    problems = runner.doom(runner.plan(scenario, folder), folder, result)
    runner.ports.forget("nobody")
    shutil.copyfile(folder.journal, backup)
    problems += runner.recover([runner.recovery(folder, mutant)])
    if not during:
        _put_back(backup, folder, renamed=True)
    else:
        shutil.copyfile(folder.journal, backup)
        known = len(runner.ledger.charges(name))
        plan = runner.plan(replace(scenario, post="slow", charge="quoted", kill=None), folder, settle=False)
        plan.jobs = [replace(job, script=replace(job.script, intent=f"{name}.later")) for job in plan.jobs]
        pid = runner.fork_server.start(plan)
        _until(lambda: len(runner.ledger.charges(name)) > known)
        _put_back(backup, folder, renamed=mutant is None and rng.random() < 0.5)
        if (code := runner.fork_server.end(pid, plan)) != 0:
            problems.append(f"H {plan.role} ended with {code}")
    problems += runner.recover([runner.recovery(folder, mutant)])
    result.findings = inspect(folder, runner.ledger, name, restored=True)
    return runner.finish(folder, result, problems)


def unreadable_caps(runner: Runner, name: str, rng: random.Random, mutant: str | None = None) -> Result:
    """Start a server with a cap whose placeholder the client did not fill in."""
    folder, result = runner.new_folder(name), Result(Findings())
    cap = rng.choice(("SEEDANCE_DAILY_BUDGET", "SEEDANCE_MAX_COST", "SEEDANCE_MAX_OPEN_JOBS"))
    settings = {cap: rng.choice(("${env:BUDGET}", "${input:budget}", "${BUDGET:-2}"))}
    plan = runner.plan(Scenario(name, rng.choice(VENDORS), mutant=mutant), folder, settings=settings)
    problems = [] if runner.fork_server.run(plan) else [f"I4 a server with {settings} has started"]
    runner.recover([runner.recovery(folder, mutant)])
    result.findings = inspect(folder, runner.ledger, name, 0)
    return runner.finish(folder, result, problems)


def other_prices(runner: Runner, name: str, rng: random.Random, mutant: str | None = None) -> Result:
    """Settle jobs while the operator's prices are no longer those of the quote."""
    folder, result = runner.new_folder(name), Result(Findings())
    charge = rng.choice(CHARGES) if mutant is None else "quoted"
    scenario = Scenario(name, "seedanceapi", poll=rng.choice(("normal", "fails")), charge=charge, mutant=mutant)
    scenario = replace(scenario, poll="normal") if mutant else scenario
    problems = runner.doom(runner.plan(scenario, folder, kill="reply.after"), folder, result)
    model = MODELS["seedanceapi"]
    entry = rng.choice(({"usd_per_unit": 0.05}, {"per": "video", "unit": "USD", "rates": 3.5}))
    prices = {model: {"usd_per_unit": 0.05} if mutant else entry}
    problems += runner.recover([runner.recovery(folder, mutant, settings={"SEEDANCE_PRICES": json.dumps(prices)})])
    result.findings = inspect(folder, runner.ledger, name)
    return runner.finish(folder, result, problems)


def turning_clocks(runner: Runner, name: str, rng: random.Random, mutant: str | None = None) -> Result:
    """Spend a day's budget again and again, with clocks that are ahead or set back, in several time zones."""
    zones = ["Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC"]
    rng.shuffle(zones)
    clocks = [0.0, *(rng.choice((0.0, -3 * 3600.0, -_DAY, _DAY, 10 * _DAY)) for _ in range(3))]
    if mutant == "yesterday_comes_back":
        zones, clocks = ["UTC"], [0.0, -_DAY, 0.0]
    elif mutant:
        zones, clocks = ["Pacific/Pago_Pago", "Pacific/Kiritimati"], [0.0, 0.0]
    folder, result = runner.new_folder(name), Result(Findings())
    settings = {"SEEDANCE_DAILY_BUDGET": str(2 * PRICE / 1e6)}
    problems: list[str] = []
    began = time.time()
    for number, clock in enumerate(clocks):
        zone = {"TZ": zones[number % len(zones)]}
        scenario = Scenario(f"{name}.{number}", jobs=3, mutant=mutant)
        problems += runner.recover([runner.plan(scenario, folder, clock=clock, settings=settings | zone)])
    # Each date that is later than the one before has a budget of its own, in the zone of the first server.
    days = max(_new_days(moment, clocks, zones[0]) for moment in (began, time.time()))
    result.findings = inspect(folder, runner.ledger, name, days * 2 * PRICE)
    return runner.finish(folder, result, problems)


def unusable_proxies(runner: Runner, name: str, rng: random.Random, mutant: str | None = None) -> Result:
    """Submit jobs behind a proxy that cannot be used: they are never sent, and never unknown."""
    folder, result = runner.new_folder(name), Result(Findings())
    refused = f"127.0.0.1:{runner.ports.refuse_connection}"
    proxies = (f"http://{refused}", f"socks5://{refused}", "http://[", "gopher://proxy", "socks5h://nowhere.invalid:1")
    settings = {"HTTP_PROXY": rng.choice(proxies), "ALL_PROXY": rng.choice(proxies), "NO_PROXY": ""}
    plan = runner.plan(Scenario(name, rng.choice(VENDORS), mutant=mutant), folder, settings=settings)
    problems = runner.recover([plan])
    problems += [f"I3 {row['id']} was never sent and is unknown" for row in _rows(folder) if row["state"] == "unknown"]
    result.findings = inspect(folder, runner.ledger, name)
    return runner.finish(folder, result, problems)


def locked_journals(runner: Runner, name: str, rng: random.Random, mutant: str | None = None) -> Result:
    """End a server in order while another program keeps the journal locked."""
    folder, result = runner.new_folder(name), Result(Findings())
    post = rng.choice(("normal", "slow", "accept_then_close", "refuse_402"))
    point = rng.choice(("submitting.before", "post.before", "post.body", "submitted.before", "running.before"))
    scenario = Scenario(name, rng.choice(VENDORS), post, kill=point, end=rng.choice(ORDERLY), mutant=mutant)
    plan: Plan = runner.plan(scenario, folder, locks=True)
    problems = runner.doom(plan, folder, result, locked=True)
    problems += runner.recover([runner.recovery(folder, mutant)])
    result.findings = inspect(folder, runner.ledger, name)
    return runner.finish(folder, result, problems)


HISTORIES: Mapping[str, History] = {
    history.__name__: history
    for history in (
        repeated_keys,
        repeated_requests,
        lost_lock_files,
        restored_journals,
        unreadable_caps,
        other_prices,
        turning_clocks,
        unusable_proxies,
        locked_journals,
    )
}


def _new_days(now: float, clocks: list[float], zone: str) -> int:
    """Return how many days have a budget of their own: not one before the latest, however far ahead that one was."""
    latest, begun = date.min, set[date]()
    for today in (datetime.fromtimestamp(now + clock, ZoneInfo(zone)).date() for clock in clocks):
        if today > latest:
            begun.add(today)
        if today > latest or latest - today > timedelta(days=1):  # the latest was by a clock that was wrong
            latest = today
    return len(begun)


def _until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until a condition is true, but no longer than so many seconds."""
    ends = time.monotonic() + seconds
    while not condition() and time.monotonic() < ends:
        time.sleep(0.005)


def _remove_locks(folder: Folder) -> None:
    for path in (folder.state / "owners").iterdir():
        path.unlink()


def _put_back(backup: Path, folder: Folder, *, renamed: bool) -> None:
    """Put a copy in the place of the journal: in a file of its own, or by writing over the file that is there."""
    if renamed:
        shutil.copyfile(backup, backup.with_name("copy")).replace(folder.journal)
    else:
        folder.journal.write_bytes(backup.read_bytes())


def _rows(folder: Folder) -> list[sqlite3.Row]:
    if not folder.journal.exists():
        return []
    with closing(sqlite3.connect(folder.journal, timeout=30)) as db:
        db.row_factory = sqlite3.Row
        return db.execute("SELECT * FROM jobs").fetchall()
