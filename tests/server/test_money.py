"""Caps and questions: what stands between a request and the user's money."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp.client import ClientRequestContext
from mcp.shared.exceptions import MCPError

from tests.server.mcp_client import PRICED, Session, connected

pytestmark = pytest.mark.anyio

UNPRICED = {"model": "ope/seedance-2-0", "duration": 4, "resolution": "480p"}
SLOW = "a fox. sandbox: slow 3600"


async def price(session: Session) -> float:
    """Return what PRICED costs, in USD."""
    cost: float = (await session.create(**PRICED, dry_run=True, max_cost=1000))["cost"]["usd"]
    return cost


async def untouched(session: Session) -> bool:
    """Whether nothing was sent, paid or written down."""
    return not session.sandbox.tasks and (await session.call("list_videos")).fields["videos"] == []


# -- caps ---------------------------------------------------------------------------------------------------------


async def test_max_cost_is_kept(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        cost = await price(session)
        said = await session.refused(**PRICED, max_cost=cost - 0.01)
        assert said.startswith(f"over_budget: This video may cost ${cost:.2f}, and max_cost is ${cost - 0.01:.2f}.")
        assert await untouched(session)
        await session.create(**PRICED, max_cost=cost)
        assert session.charge_count == 1


@pytest.mark.parametrize("cents", [57, 58, 113, 114, 115, 116, 201, 229, 435, 819])
async def test_max_cost_is_read_to_the_cent(tmp_path: Path, era: str, cents: int) -> None:
    prices = f'{{"ope": {{"per": "video", "unit": "USD", "rates": {cents / 100}}}}}'
    async with connected(tmp_path, era, SEEDANCE_PRICES=prices) as session:
        quoted = await session.create(**UNPRICED, max_cost=cents / 100, dry_run=True)
        assert quoted["cost"]["usd"] == cents / 100
        assert "over_budget" in await session.refused(**UNPRICED, max_cost=(cents - 1) / 100)


async def test_max_cost_cannot_be_kept_where_the_price_is_unknown(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, SEEDANCE_ALLOW_UNPRICED="1") as session:
        said = await session.refused(**UNPRICED, max_cost=100)
        assert said.startswith("over_budget: The price of ope/seedance-2-0 in USD is unknown, so max_cost cannot be")
        assert await untouched(session)


@pytest.mark.parametrize("wrong", [-1, "2", True])
async def test_a_max_cost_that_is_no_amount_is_refused(tmp_path: Path, era: str, problem: object) -> None:
    async with connected(tmp_path, era) as session:
        assert "- max_cost " in await session.refused(**PRICED, max_cost=problem)
        assert await untouched(session)


async def test_the_cap_per_video_is_kept_and_no_caller_raises_it(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, SEEDANCE_MAX_COST="0.50") as session:
        for arguments in ({}, {"max_cost": 100}, {"dry_run": True}):
            said = await session.refused(**PRICED, **arguments)
            assert re.match(r"over_budget: This video may cost \$\d+\.\d+, and SEEDANCE_MAX_COST is \$0\.50\.", said)
        assert await untouched(session)


async def test_with_a_cap_a_model_without_a_price_is_refused(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, SEEDANCE_MAX_COST="50") as session:
        said = await session.refused(**UNPRICED)
        assert said.startswith("over_budget: The price of ope/seedance-2-0 in USD is unknown, and a cap is set.")
        assert "SEEDANCE_PRICES" in said
        assert "SEEDANCE_ALLOW_UNPRICED=1" in said
        assert await untouched(session)


async def test_unless_the_user_allows_it(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, SEEDANCE_MAX_COST="50", SEEDANCE_ALLOW_UNPRICED="1") as session:
        begun = await session.create(**UNPRICED)
        assert begun["cost"].keys().isdisjoint({"usd"})
        assert "unknown" in begun["cost"]


async def test_a_price_of_the_users_own_counts(tmp_path: Path, era: str) -> None:
    prices = '{"ope/seedance-2-0": {"per": "second", "unit": "USD", "rates": {"480p": 0.25}}}'
    async with connected(tmp_path, era, SEEDANCE_MAX_COST="0.99", SEEDANCE_PRICES=prices) as session:
        assert "may cost $1.00, and SEEDANCE_MAX_COST is $0.99" in await session.refused(**UNPRICED)
    async with connected(tmp_path, era, SEEDANCE_MAX_COST="1", SEEDANCE_PRICES=prices) as session:
        assert (await session.create(**UNPRICED))["cost"]["usd"] == 1.0


async def test_the_daily_budget_counts_what_is_spent_and_what_is_reserved(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        cost = await price(session)
    async with connected(tmp_path, era, SEEDANCE_DAILY_BUDGET=f"{2 * cost + 0.01:.2f}") as session:
        await session.video(**PRICED)
        await session.create(SLOW, **PRICED)
        said = await session.refused("a third fox", **PRICED)
        assert said.startswith(f"over_budget: This video may cost ${cost:.2f}; of the daily budget of ")
        assert f"${cost:.2f} is spent and ${cost:.2f} reserved. It resets at local midnight." in said
        assert session.charge_count == 2
        assert (await session.call("list_videos")).fields["spent_today"]["left"] == pytest.approx(0.01)


async def test_what_was_refused_by_the_vendor_does_not_use_up_the_budget(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        cost = await price(session)
    async with connected(tmp_path, era, SEEDANCE_DAILY_BUDGET=f"{cost:.2f}") as session:
        await session.refused("a fox. sandbox: refuse no_credit", **PRICED)
        assert (await session.video(**PRICED))["state"] == "succeeded"


async def test_calls_at_the_same_moment_do_not_pass_the_budget_together(tmp_path: Path, era: str) -> None:
    made: list[bool] = []
    async with connected(tmp_path, era) as session:
        cost = await price(session)
    async with connected(tmp_path, era, SEEDANCE_DAILY_BUDGET=f"{3 * cost:.2f}") as session:

        async def create(number: int) -> None:
            made.append(not (await session.call("create_video", prompt=f"fox {number}", **PRICED)).result.is_error)

        async with anyio.create_task_group() as group:
            for number in range(10):
                group.start_soon(create, number)
        assert session.charge_count == 3
    assert sorted(made) == [False] * 7 + [True] * 3


async def test_only_so_many_jobs_run_at_a_time(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, SEEDANCE_MAX_OPEN_JOBS="2") as session:
        await session.create("one. sandbox: slow 3600", **PRICED)
        begun = await session.create("two", **PRICED)
        said = await session.refused("three", **PRICED)
        assert said.startswith("over_budget: 2 jobs are open and SEEDANCE_MAX_OPEN_JOBS is 2.")
        assert session.charge_count == 2
        await session.finish(begun["job_id"])
        await session.create("three", **PRICED)


# -- the question -------------------------------------------------------------------------------------------------


class Person:
    """Somebody who is asked, and what they were asked."""

    def __init__(self, action: str, content: dict[str, Any] | None = None) -> None:
        self.asked: list[types.ElicitRequestFormParams] = []
        self._answer = types.ElicitResult.model_validate({"action": action, "content": content})

    async def __call__(self, context: ClientRequestContext, params: types.ElicitRequestParams) -> types.ElicitResult:
        assert isinstance(params, types.ElicitRequestFormParams)
        self.asked.append(params)
        return self._answer


async def test_who_agrees_is_asked_once_and_gets_the_film(tmp_path: Path, era: str) -> None:
    person = Person("accept", {"ok": True})
    async with connected(
        tmp_path, era, client={"elicitation_callback": person}, SEEDANCE_CONFIRM_ABOVE="0.10"
    ) as session:
        cost = await price(session)
        assert person.asked == []  # a dry run costs nothing, so nobody is asked
        done = await session.video(**PRICED)
        assert done["state"] == "succeeded"
        assert session.charge_count == 1
    (question,) = person.asked
    assert question.message == f"Spend up to ${cost:.2f} on one 4 s video with seedanceapi/seedance-2-mini?"
    schema: Any = question.requested_schema
    assert schema["properties"].keys() == {"ok"}


@pytest.mark.parametrize(
    ("action", "content"),
    [("decline", None), ("cancel", None), ("accept", {"ok": False}), ("accept", {}), ("accept", None)],
)
async def test_whoever_does_not_agree_pays_nothing(
    tmp_path: Path, era: str, action: str, content: dict[str, Any] | None
) -> None:
    person = Person(action, content)
    async with connected(
        tmp_path, era, client={"elicitation_callback": person}, SEEDANCE_CONFIRM_ABOVE="0.10"
    ) as session:
        said = await session.refused(**PRICED)
        assert said.startswith("confirmation_required: The user did not agree, so nothing was sent.")
        assert await untouched(session)
    assert len(person.asked) == 1


async def test_a_client_that_cannot_ask_is_told_how_to_go_on(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, SEEDANCE_CONFIRM_ABOVE="0.10") as session:
        said = await session.refused(**PRICED)
        assert said.startswith("confirmation_required: ")
        assert "the user wants to be asked above $0.10, and this client cannot" in said
        assert "SEEDANCE_CONFIRM_ABOVE" in said
        assert await untouched(session)


async def test_what_costs_little_enough_is_made_without_a_question(tmp_path: Path, era: str) -> None:
    person = Person("decline")
    async with connected(
        tmp_path, era, client={"elicitation_callback": person}, SEEDANCE_CONFIRM_ABOVE="50"
    ) as session:
        await session.create(**PRICED)
        assert person.asked == []
        said = await session.refused(**UNPRICED)
    assert said.startswith("confirmation_required: ")
    (question,) = person.asked
    assert question.message == "Spend an unknown amount on one 4 s video with ope/seedance-2-0?"


async def test_a_duplicate_is_not_paid_for_either_way(tmp_path: Path, era: str) -> None:
    person = Person("accept", {"ok": True})
    async with connected(
        tmp_path, era, client={"elicitation_callback": person}, SEEDANCE_CONFIRM_ABOVE="0.10"
    ) as session:
        first = await session.create(SLOW, **PRICED)
        assert (await session.create(SLOW, **PRICED))["duplicate_of"] == first["job_id"]
        assert session.charge_count == 1


async def test_a_yes_to_one_film_is_no_yes_to_another(tmp_path: Path) -> None:
    """In the new era the question comes back with the next call, which could be for something else."""
    async with connected(
        tmp_path,
        "2026-07-28",
        client={"elicitation_callback": Person("accept", {"ok": True})},
        SEEDANCE_CONFIRM_ABOVE="0.10",
    ) as session:
        client_session = session.client.session
        cheap: dict[str, Any] = {"prompt": "a fox", **PRICED}
        dear: dict[str, Any] = {"prompt": "a fox", "model": "seedanceapi/seedance-2.0", "duration": 15}
        question = await client_session.call_tool("create_video", cheap, allow_input_required=True)
        assert isinstance(question, types.InputRequiredResult)
        yes: types.InputResponses = {"confirm": types.ElicitResult(action="accept", content={"ok": True})}
        with pytest.raises(MCPError):
            await client_session.call_tool(
                "create_video", dear, input_responses=yes, request_state=question.request_state,
                allow_input_required=True,
            )  # fmt: skip
        again = await client_session.call_tool("create_video", dear, input_responses=yes, allow_input_required=True)
        assert isinstance(again, types.InputRequiredResult)
        assert await untouched(session)
        made = await client_session.call_tool(
            "create_video", cheap, input_responses=yes, request_state=question.request_state,
            allow_input_required=True,
        )  # fmt: skip
        assert isinstance(made, types.CallToolResult)
        assert not made.is_error
        assert session.charge_count == 1


@pytest.mark.parametrize("state", ["", "made up", "v1.AAAA"])
async def test_a_yes_to_a_question_that_was_never_asked_counts_for_nothing(tmp_path: Path, state: str) -> None:
    async with connected(
        tmp_path,
        "2026-07-28",
        client={"elicitation_callback": Person("accept", {"ok": True})},
        SEEDANCE_CONFIRM_ABOVE="0.10",
    ) as session:
        yes: types.InputResponses = {"confirm": types.ElicitResult(action="accept", content={"ok": True})}
        try:
            answer = await session.client.session.call_tool(
                "create_video", {"prompt": "a fox", **PRICED}, input_responses=yes, request_state=state,
                allow_input_required=True,
            )  # fmt: skip
        except MCPError:
            pass
        else:
            assert isinstance(answer, types.InputRequiredResult)
        assert await untouched(session)
