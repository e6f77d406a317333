"""A cancel that races success never loses a video, and an unknown job is found in the vendor's list."""

from __future__ import annotations

import random
import time
from collections.abc import Generator, Sequence

import pytest

from tests.faults.behaviours import POSTS, QUEUED, WORKED_ON, Script
from tests.faults.fork_server import KILLED, scratch
from tests.faults.invariants import inspect
from tests.faults.plan import Folder, Job, Plan
from tests.faults.runner import Runner, open_runner
from tests.faults.scenarios import Scenario


@pytest.fixture(scope="module")
def runner() -> Generator[Runner]:
    with scratch() as folder, open_runner(folder) as opened:
        yield opened


def plan(runner: Runner, folder: Folder, jobs: Sequence[Script], seed: int) -> Plan:
    return Plan(
        folder=str(folder.path),
        origin=runner.ports.origin,
        role="cancel",
        jobs=[Job("byteplus", script) for script in jobs],
        seed=seed,
    )


def scripts(name: str, count: int) -> list[Script]:
    return [Script(f"{name}.{number}", poll="queues") for number in range(count)]


@pytest.mark.parametrize("seed", range(3))
def test_a_cancel_that_races_success_never_loses_a_video(runner: Runner, seed: int) -> None:
    name = f"cancel-{seed}"
    folder = runner.new_folder(name)
    assert runner.fork_server.run(plan(runner, folder, scripts(name, 8), seed)) == 0
    found = inspect(folder, runner.ledger, name)
    assert found.violations == []
    assert found.states.keys() <= {"cancelled", "succeeded"}
    assert found.states["cancelled"] == len({c.task for c in runner.ledger.charges(name)} & runner.ledger.refunded)


def test_a_server_that_is_killed_while_it_cancels_loses_no_video(runner: Runner) -> None:
    name = "cancel-killed"
    folder = runner.new_folder(name)
    pid = runner.fork_server.start(plan(runner, folder, scripts(name, 8), 7))
    ends = time.monotonic() + 20
    while len(folder.reports()) < 8 and time.monotonic() < ends:
        time.sleep(0.01)
    time.sleep(random.Random(7).uniform(0, QUEUED + WORKED_ON))
    assert runner.fork_server.kill(pid) == KILLED
    assert runner.recover([runner.recovery(folder)]) == []
    assert inspect(folder, runner.ledger, name).violations == []


CHARGED = [name for name, each in POSTS.items() if each.outcome == "unknown" and each.charges]


def test_every_job_whose_answer_was_lost_is_found_in_the_list_and_paid_once(runner: Runner) -> None:
    name = "listed"
    folder = runner.new_folder(name)
    jobs = [Job("byteplus", Script(f"{name}.{post}", post)) for post in CHARGED]
    lost = Plan(folder=str(folder.path), origin=runner.ports.origin, jobs=jobs, workers=len(jobs))
    assert runner.fork_server.run(lost) == 0
    found = inspect(folder, runner.ledger, name)
    assert found.violations == []
    assert found.states == {"succeeded": len(CHARGED)}


@pytest.mark.parametrize("point", ["post.body", "post.answer_head", "submitted.in", "unknown.after"])
def test_a_killed_servers_job_is_found_by_the_next_one(runner: Runner, point: str) -> None:
    post = "accept_then_500" if point.startswith("unknown") else "normal"
    name = "killed-" + point.replace(".", "-")
    result = runner.run(Scenario(name, "byteplus", post=post, kill=point, passive=True))
    assert result.violations == []
    assert result.kills == 1
    assert len(runner.ledger.charges(name)) == (0 if point == "post.body" else 1) or point == "post.body"
