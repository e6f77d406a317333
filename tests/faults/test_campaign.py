"""The campaign in short: each kill point, each behaviour, crowds, races, and every mutant. Each seed is a test."""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import pytest

from seedance_mcp.web import Web
from tests.faults.__main__ import run
from tests.faults.behaviours import ACCOUNTS, CHARGES, CODED, ELSEWHERE, MODELS, POSTS, PRICE, Script
from tests.faults.campaign import PLACES, Campaign, drawn, drawn_ends, judge, judge_by
from tests.faults.fork_server import KILLED
from tests.faults.histories import HISTORIES
from tests.faults.kill_points import POINTS, patch
from tests.faults.mcp_client import McpClient
from tests.faults.mutants import MUTANTS
from tests.faults.plan import ORDERLY, Job, Plan
from tests.faults.runner import Runner
from tests.faults.scenarios import VENDORS, Scenario

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and fork do not exist there")

SEED = 156
SAMPLE = tuple(drawn(SEED, len(POINTS)))
LONG_SAMPLE = tuple(drawn(SEED + 1, 1000))
ENDS = tuple(drawn_ends(SEED, 3 * len(POINTS)))
SLICES = 4
"""Parts of a sample, which are tests of their own so that they run in parallel."""
THREADS = 4


# -- kills --------------------------------------------------------------------------------------------------------


def test_the_sample_covers_every_kill_point_and_every_behaviour() -> None:
    assert {scenario.kill for scenario in SAMPLE} == set(POINTS)
    assert {scenario.vendor for scenario in SAMPLE} == set(VENDORS)
    assert {scenario.post for scenario in LONG_SAMPLE} >= set(POSTS)
    assert len({scenario.post for scenario in LONG_SAMPLE} & set(CODED)) > len(CODED) / 4
    assert {scenario.stranger for scenario in SAMPLE} == {None, "second", ELSEWHERE}
    assert {(scenario.later > 0, scenario.later < 0, scenario.broke) for scenario in SAMPLE} == {
        (False, False, False), (True, False, False), (False, True, False), (False, False, True),
    }  # fmt: skip
    assert {scenario.charge for scenario in SAMPLE} == set(CHARGES)


def test_the_orderly_ends_cover_every_point_in_every_way() -> None:
    assert {(scenario.kill, scenario.end) for scenario in ENDS} == set(product(POINTS, ORDERLY))


def _check_kills(runner: Runner, scenarios: Sequence[Scenario]) -> None:
    """Run scenarios; assert that no promise is broken, and that nearly every server is killed where it should be."""
    campaign = Campaign(runner, SEED, THREADS)
    campaign.kill(scenarios)
    assert campaign.tally.violations == []
    reached = campaign.tally.killed_at + campaign.tally.ended_at
    missed = [scenario for scenario in scenarios if not reached[str(scenario.kill)]]
    assert len(missed) <= 0.05 * len(scenarios), missed


@pytest.mark.parametrize("part", [0, *(pytest.param(n, marks=pytest.mark.thorough) for n in range(1, SLICES))])
def test_no_kill_breaks_a_promise(runner: Runner, part: int) -> None:
    _check_kills(runner, SAMPLE[part::SLICES])


@pytest.mark.parametrize("part", [0, *(pytest.param(n, marks=pytest.mark.thorough) for n in range(1, 3))])
def test_no_orderly_end_breaks_a_promise(runner: Runner, part: int) -> None:
    _check_ends(runner, ENDS[:: len(ENDS) // 18][part::3])


@pytest.mark.campaign
@pytest.mark.parametrize("part", range(SLICES))
def test_no_orderly_end_of_many_breaks_a_promise(runner: Runner, part: int) -> None:
    _check_ends(runner, ENDS[part::SLICES])


def _check_ends(runner: Runner, scenarios: Sequence[Scenario]) -> None:
    campaign = Campaign(runner, SEED, THREADS)
    campaign.kill(scenarios)
    assert campaign.tally.violations == []
    # A server may be done before it gets to a point that it reaches only if another one is slower.
    assert campaign.tally.ends.total() >= 0.5 * len(scenarios)


@pytest.mark.parametrize("history", HISTORIES)
def test_no_longer_history_breaks_a_promise(runner: Runner, history: str) -> None:
    result = HISTORIES[history](runner, f"short-{history}", random.Random(f"{SEED}"), None)
    assert result.violations == []


@pytest.mark.campaign
@pytest.mark.parametrize("part", range(SLICES))
def test_no_kill_of_many_breaks_a_promise(runner: Runner, part: int) -> None:
    _check_kills(runner, LONG_SAMPLE[part::SLICES])


FOUND = {
    "one server named the video that another was still writing": Scenario(
        "f1", vendor="ope", download="slow", jobs=2, kill="download.block", nth=2, recoverers=2
    ),
    "a kill between naming a video and noting it made a second one": Scenario("f2", kill="download.linked"),
    "two such kills left no name for the video": Scenario("f3", kill="download.published", before="download.linked"),
    "a dead server's lease kept the next one from polling": Scenario("f4", vendor="aigptimage", kill="poll.answered"),
    "a dead server's lease kept the next one from saving": Scenario(
        "f5", vendor="ope", download="slow", kill="download.block"
    ),
}
"""What the campaign has found so far."""


@pytest.mark.parametrize("bug", FOUND)
def test_a_bug_that_was_found_once_stays_fixed(runner: Runner, bug: str) -> None:
    result = runner.run(FOUND[bug])
    assert result.kills > 0
    assert result.violations == []


def _check_crowds(runner: Runner, seed: int, kills: int) -> None:
    """Run two crowds, one of them with a daily budget; assert that no promise is broken."""
    campaign = Campaign(runner, seed, 2)
    campaign.crowds(2, kills=kills)
    assert campaign.tally.violations == []
    assert campaign.tally.kills + campaign.tally.ends.total() == 2 * (kills + 3)
    assert campaign.tally.jobs > 4 * kills


def test_crowds_of_servers_that_are_killed_at_random_keep_every_promise(runner: Runner) -> None:
    _check_crowds(runner, SEED, 8)


@pytest.mark.campaign
def test_large_crowds_of_servers_that_are_killed_at_random_keep_every_promise(runner: Runner) -> None:
    _check_crowds(runner, SEED + 1, 100)


def test_racing_processes_are_admitted_as_far_as_the_budget_goes(runner: Runner) -> None:
    assert [runner.race(f"race{n}", places=PLACES).admitted for n in range(3)] == [PLACES] * 3


def test_many_servers_can_start_at_the_same_moment(runner: Runner) -> None:
    folder = runner.new_folder("together")
    pids = [
        runner.fork_server.start(Plan(folder=str(folder.path), origin=runner.ports.origin, role="open"))
        for _ in range(8)
    ]
    assert [runner.fork_server.wait(pid, 40) for pid in pids] == [0] * 8


# -- mutants ------------------------------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_caught(runner: Runner, mutant: str) -> None:
    verdict = judge(runner, mutant)
    assert verdict.caught, f"{verdict}"


def test_a_mutant_whose_function_is_never_called_does_not_count_as_caught(runner: Runner) -> None:
    nothing_to_download = Scenario("idle", post="refuse_400", mutant="video_published_before_complete")
    verdict = judge_by(runner, nothing_to_download)
    assert verdict.never_called == {"PartialFile._begin"}
    assert not verdict.caught


def test_a_patch_of_something_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(AttributeError, match="send_twice"):
        patch(Web, "send_twice", lambda: None)


def test_a_patch_of_something_that_is_not_a_function_is_an_error() -> None:
    from seedance_mcp import web

    with pytest.raises(TypeError, match="MAX_REDIRECTS"):
        patch(web, "MAX_REDIRECTS", 1)


# -- outcomes -----------------------------------------------------------------------------------------------------


_LAST = "accept_with_an_earlier_id"


@pytest.mark.parametrize("vendor", VENDORS)
def test_each_behaviour_has_the_outcome_that_a_careful_client_can_know(runner: Runner, vendor: str) -> None:
    states: dict[str, str] = {}
    for port in ("normal", *(post for post, each in POSTS.items() if each.own_port)):
        posts = [port] if POSTS[port].own_port else [post for post, each in POSTS.items() if not each.own_port]
        folder = runner.new_folder(f"{vendor}-{port}")
        # The vendor can repeat an earlier id only once it gave one.
        for part in ([post for post in posts if post != _LAST], [post for post in posts if post == _LAST]):
            jobs = [Job(vendor, Script(f"{vendor}-{port}.{post}", post)) for post in part]
            plan = Plan(
                folder=str(folder.path),
                origin=runner.ports.origin,
                dial=runner.ports.dial(port),
                reconciles=False,
                jobs=jobs,
                workers=len(jobs),
            )
            assert not jobs or runner.fork_server.run(plan) == 0
        states |= {
            line["acknowledged"].partition(".")[2]: line["state"] for line in folder.reports() if "acknowledged" in line
        }
        times = Counter(charge.intent for charge in runner.ledger.charges(f"{vendor}-{port}"))
        # Asking again with the key creates the job where the first request did not.
        charged = [
            p
            for p in posts
            if POSTS[p].charges or (vendor == "aigptimage" and POSTS[p].outcome == "unknown" and not POSTS[p].own_port)
        ]
        assert times == {f"{vendor}-{port}.{post}": 1 for post in charged}
    # A reset may arrive before the client counts the connection as established: then nothing was sent.
    reset = states.pop("reset_on_connect")
    assert reset in {"unknown", "rejected"}
    expected = {post: behaviour.outcome for post, behaviour in POSTS.items() if post != "reset_on_connect"}
    if vendor == "aigptimage":
        expected["refuse_409"] = "submitted"  # its page says that this means "busy", so the job is sent again
    assert states == expected


@pytest.mark.parametrize("point", ["post.body", "submitted.in", "reply.before"])
def test_a_whole_server_that_is_killed_in_a_call_is_repaired_by_the_next_one(runner: Runner, point: str) -> None:
    name = "mcp-" + point.replace(".", "-")
    folder = runner.new_folder(name)
    plan = Plan(folder=str(folder.path), origin=runner.ports.origin, role="serve", kill=point, save=False)
    arguments = Job("seedanceapi", Script(f"{name}.0", poll="drip_once")).arguments()  # it does not end meanwhile
    first = McpClient(runner.fork_server, folder, plan)
    assert first.call("create_video", **arguments) is None
    assert first.end() == KILLED

    second = McpClient(runner.fork_server, folder, replace(plan, kill=None))
    listed = second.call("list_videos")
    again = second.call("create_video", **arguments)
    assert listed is not None
    assert again is not None
    [job] = listed["structuredContent"]["videos"]
    assert job["state"] == ("submitted" if point == "reply.before" else "unknown")
    assert job["model"] == MODELS["seedanceapi"]
    assert job["cost"] == {"usd": PRICE / 1e6, "reserved": True}
    assert again["structuredContent"]["duplicate_of"] == job["job_id"]
    assert second.end() == 0
    assert len(runner.ledger.charges(name)) == 1
    for key in ACCOUNTS:
        assert key not in f"{folder.log.read_text('utf-8')}{listed}{again}"
        assert key.encode() not in folder.journal.read_bytes()


def test_the_campaign_prints_its_table(runner: Runner, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run(
            runner,
            [
                "--kills",
                "2",
                "--ends",
                "2",
                "--histories",
                "0",
                "--jobs",
                "0",
                "--races",
                "1",
                "--no-mutants",
                "--seed",
                "3",
            ],
        )
        == 0
    )
    printed = capsys.readouterr().out
    assert "| violations of I1–I10 | 0" in printed
    assert "| budget race, 8 processes for 50 places | 50 admitted, 1 times |" in printed
