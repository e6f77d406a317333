"""When the user is asked before money is spent, to the micro-dollar."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from seedance_mcp.errors import NotConfirmed
from seedance_mcp.jobs.quote import Quote
from seedance_mcp.server.tools.confirm import confirm
from seedance_mcp.settings import Settings
from tests.jobs.services import JIMMY_UNLISTED, quote, sandbox_service

pytestmark = pytest.mark.anyio


@dataclass
class User:
    """A user who always gives the same answer; None: the client cannot ask."""

    answer: bool | None = True
    questions: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    async def ask(self, question: str, fingerprint: str) -> bool | None:
        self.questions.append((question, fingerprint))
        return self.answer


async def quoted(folder: Path, limit: str, **arguments: Any) -> tuple[Quote, Settings]:
    """Return a quote of $0.57 (unless the arguments change that) and settings with a limit."""
    environment: dict[str, Any] = {"SEEDANCE_CONFIRM_ABOVE": limit} if limit else {}
    async with sandbox_service(folder, **environment) as service:
        return await quote(service, **arguments), service.settings


@pytest.mark.parametrize("limit", ["", "0.57", "0.570001", "100"])
async def test_a_cost_up_to_the_limit_and_exactly_at_it_needs_no_question(tmp_path: Path, limit: str) -> None:
    user = User(answer=False)
    await confirm(*await quoted(tmp_path, limit), user.ask)
    assert user.questions == []


@pytest.mark.parametrize("limit", ["0", "0.10", "0.569999"])
async def test_a_cost_above_the_limit_needs_one(tmp_path: Path, limit: str) -> None:
    user = User()
    offer, settings = await quoted(tmp_path, limit)
    await confirm(offer, settings, user.ask)
    question = "Spend up to $0.57 on one 4 s video with seedanceapi/seedance-2-mini?"
    assert user.questions == [(question, offer.fingerprint)]


async def test_a_cost_of_nothing_needs_no_question_even_at_a_limit_of_nothing(tmp_path: Path) -> None:
    user = User(answer=False)
    offer, settings = await quoted(tmp_path, "0")
    await confirm(replace(offer, price=replace(offer.price, usd_micros=0)), settings, user.ask)
    assert user.questions == []


@pytest.mark.parametrize("limit", ["0", "1000000"])
async def test_an_unknown_cost_needs_a_question_whatever_the_limit(tmp_path: Path, limit: str) -> None:
    user = User()
    await confirm(*await quoted(tmp_path, limit, **JIMMY_UNLISTED), user.ask)
    ((question, _),) = user.questions
    assert question == "Spend an unknown amount on one 5 s video with jimmyai/seedance2.0-of-sp?"


async def test_without_a_limit_even_an_unknown_cost_needs_no_question(tmp_path: Path) -> None:
    user = User(answer=False)
    await confirm(*await quoted(tmp_path, "", **JIMMY_UNLISTED), user.ask)
    assert user.questions == []


async def test_without_agreement_nothing_is_sent(tmp_path: Path) -> None:
    with pytest.raises(NotConfirmed) as caught:
        await confirm(*await quoted(tmp_path, "0.10"), User(answer=False).ask)
    assert caught.value.sentence == "The user did not agree, so nothing was sent."
    assert caught.value.next_step == "Propose something cheaper."


async def test_a_client_that_cannot_ask_says_why_the_question_is_needed(tmp_path: Path) -> None:
    with pytest.raises(NotConfirmed) as caught:
        await confirm(*await quoted(tmp_path, "0.10"), User(answer=None).ask)
    assert caught.value.sentence == (
        "This video may cost up to $0.57. The user wants to be asked above $0.10, and this client cannot ask."
    )
    assert "SEEDANCE_CONFIRM_ABOVE" in caught.value.next_step
