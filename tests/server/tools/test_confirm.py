"""The question that the user answers before more than SEEDANCE_CONFIRM_ABOVE is spent."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import httpx2
import mcp_types as types
import pytest
from mcp.client import ClientRequestContext
from mcp.shared.exceptions import MCPError
from PIL import Image

from seedance_mcp.catalog.order import Order
from seedance_mcp.jobs.timing import PriceListTiming, Timing
from seedance_mcp.sandbox import Sandbox
from tests.server.mcp_client import PRICED, PROMPT, UNPRICED, Session, connected, quoted_price
from tests.server.transports import EditingTransport

SANDBOX = "Sandbox, no real video, no real money: "

pytestmark = pytest.mark.anyio

ABOVE: dict[str, Any] = {"SEEDANCE_CONFIRM_ABOVE": "0.10"}
SLOW = "a fox. sandbox: slow 3600"
YES: types.InputResponses = {"confirm": types.ElicitResult(action="accept", content={"ok": True})}


class User:
    """A client's user, who always gives the same answer, and the questions so far."""

    def __init__(self, action: str, content: dict[str, Any] | None = None) -> None:
        self.questions: list[types.ElicitRequestFormParams] = []
        self._answer = types.ElicitResult.model_validate({"action": action, "content": content})

    async def __call__(self, context: ClientRequestContext, params: types.ElicitRequestParams) -> types.ElicitResult:
        assert isinstance(params, types.ElicitRequestFormParams)
        self.questions.append(params)
        return self._answer


def agreeing() -> dict[str, Any]:
    """Return the arguments of a client whose user always agrees."""
    return {"elicitation_callback": User("accept", {"ok": True})}


async def test_a_user_who_agrees_is_asked_once_and_gets_the_video(tmp_path: Path, era: str) -> None:
    user = User("accept", {"ok": True})
    async with connected(tmp_path, era, client={"elicitation_callback": user}, **ABOVE) as session:
        cost = await quoted_price(session)
        assert user.questions == []  # a dry run costs nothing
        assert (await session.video(**PRICED))["state"] == "succeeded"
        assert session.charge_count == 1
    (question,) = user.questions
    assert question.message == f"{SANDBOX}Spend up to ${cost:.2f} on one 4 s video with seedanceapi/seedance-2-mini?"
    schema: Any = question.requested_schema
    assert schema["properties"].keys() == {"ok"}


@pytest.mark.parametrize(
    ("action", "content"),
    [("decline", None), ("cancel", None), ("accept", {"ok": False}), ("accept", {}), ("accept", None)],
)
async def test_a_user_who_does_not_agree_pays_nothing(
    tmp_path: Path, era: str, action: str, content: dict[str, Any] | None
) -> None:
    user = User(action, content)
    async with connected(tmp_path, era, client={"elicitation_callback": user}, **ABOVE) as session:
        assert await session.refused(**PRICED) == (
            "confirmation_required: The user did not agree, so nothing was sent. Propose something cheaper."
        )
        assert await session.nothing_happened()
    assert len(user.questions) == 1


@pytest.mark.parametrize("content", [{"ok": "false"}, {"ok": 1}, {}, None])
async def test_only_true_counts_as_agreement(tmp_path: Path, era: str, content: dict[str, Any] | None) -> None:
    async def answer(_: ClientRequestContext, __: types.ElicitRequestParams) -> types.ElicitResult:
        return types.ElicitResult(action="accept", content=content)

    async with connected(tmp_path, era, client={"elicitation_callback": answer}, **ABOVE) as session:
        assert (await session.refused(**PRICED)).startswith("confirmation_required: ")
        assert await session.nothing_happened()


async def test_a_client_that_cannot_ask_gets_advice_on_how_to_continue(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, **ABOVE) as session:
        refusal = await session.refused(**PRICED)
        assert refusal.startswith("confirmation_required: ")
        assert "The user must approve anything above $0.10, and this client cannot ask." in refusal
        assert "SEEDANCE_CONFIRM_ABOVE" in refusal
        assert await session.nothing_happened()


async def test_a_client_that_claims_it_can_ask_and_fails_gets_the_same_advice(tmp_path: Path) -> None:
    async def broken(_: ClientRequestContext, __: types.ElicitRequestParams) -> types.ErrorData:
        return types.ErrorData(code=types.INTERNAL_ERROR, message="no window")

    async with connected(tmp_path, "legacy", client={"elicitation_callback": broken}, **ABOVE) as session:
        assert "this client cannot ask" in await session.refused(**PRICED)
        assert await session.nothing_happened()


async def test_the_user_is_not_asked_about_a_low_price_but_about_an_unknown_one(tmp_path: Path, era: str) -> None:
    user = User("decline")
    async with connected(tmp_path, era, client={"elicitation_callback": user}, SEEDANCE_CONFIRM_ABOVE="50") as session:
        await session.create(**PRICED)
        assert user.questions == []
        refusal = await session.refused(**UNPRICED)
    assert refusal.startswith("confirmation_required: ")
    (question,) = user.questions
    assert question.message == f"{SANDBOX}Spend an unknown amount on one 4 s video with ope/seedance-2-0?"


async def test_the_user_is_not_asked_where_the_price_is_exactly_the_limit(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        cost = await quoted_price(session)
    user = User("decline")
    client = {"elicitation_callback": user}
    async with connected(tmp_path, era, client=client, SEEDANCE_CONFIRM_ABOVE=f"{cost}") as session:
        await session.create(**PRICED)
    assert user.questions == []


async def test_a_duplicate_is_not_paid_for_after_a_confirmation_either(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era, client=agreeing(), **ABOVE) as session:
        first = await session.create(SLOW, **PRICED)
        assert (await session.create(SLOW, **PRICED))["duplicate_of"] == first["job_id"]
        assert session.charge_count == 1


class PriceList:
    """The price list of a vendor, which the test can change: an edit of the answers of the sandbox."""

    MODEL = "jimmyai/seedance2.0-mini"

    def __init__(self) -> None:
        self.unit_price = 1.0

    def __call__(self, request: httpx2.Request, body: Any) -> Any:
        if not request.url.path.endswith("/model/catalog"):
            return body
        entry = {"model_name": "seedance2.0-mini-480p", "price_mode": "per_second", "unit_price": self.unit_price}
        return {"code": 20000, "msg": "ok", "data": {"list": [entry]}}


@asynccontextmanager
async def with_price_list(tmp_path: Path, era: str, user: Any) -> AsyncGenerator[tuple[Session, PriceList]]:
    """Connect to a server that requests the price list before every quote."""
    prices = PriceList()
    timing = Timing(price_lists=PriceListTiming(lifetime=0.0, retry_after=0.0, first_wait=20.0))
    transport = EditingTransport(Sandbox(pace=0), prices)
    settings: dict[str, Any] = {"SEEDANCE_PRICES": '{"jimmyai": {"usd_per_unit": 0.1}}', **ABOVE}
    client = {"elicitation_callback": user}
    async with connected(tmp_path, era, client=client, transport=transport, timing=timing, **settings) as session:
        yield session, prices


@pytest.mark.parametrize(("later", "amounts"), [(3.0, ["$0.40", "$1.20"]), (0.5, ["$0.40"])], ids=["risen", "fallen"])
async def test_a_user_is_asked_anew_where_the_price_has_risen_meanwhile(
    tmp_path: Path, era: str, later: float, amounts: list[str]
) -> None:
    questions: list[str] = []
    order = Order.parse({"prompt": PROMPT, "model": PriceList.MODEL, "duration": 4, "resolution": "480p"})

    async def answer(_: ClientRequestContext, params: types.ElicitRequestParams) -> types.ElicitResult:
        questions.append(params.message)
        prices.unit_price = later
        service = await session.app.service()
        quoted = await service.quote(order)
        while quoted.price.amount == Decimal(4):  # a price list that is still being stored is not requested again
            await anyio.lowlevel.checkpoint()
            quoted = await service.quote(order)
        return types.ElicitResult(action="accept", content={"ok": True})

    async with with_price_list(tmp_path, era, answer) as (session, prices):
        job = await session.create(model=order.model, **{n: v for n, v in order.args.items() if n != "prompt"})
        assert session.charge_count == 1
    assert [question.split()[3] for question in questions] == amounts
    assert job["cost"]["usd"] == pytest.approx(0.4 * later)


# -- 2026-07-28: the question is the answer of the first call, and the reply comes with the second -----------------


async def call(session: Session, arguments: dict[str, Any], **reply: Any) -> object:
    """Call create_video without following a question; return what comes back."""
    return await session.client.session.call_tool("create_video", arguments, allow_input_required=True, **reply)


async def ask(session: Session, arguments: dict[str, Any]) -> types.InputRequiredResult:
    """Call create_video, which must answer with a question."""
    question = await call(session, arguments)
    assert isinstance(question, types.InputRequiredResult)
    return question


async def test_the_second_call_with_the_reply_creates_the_video(tmp_path: Path) -> None:
    arguments = {"prompt": "a fox", **PRICED}
    async with connected(tmp_path, "2026-07-28", client=agreeing(), **ABOVE) as session:
        question = await ask(session, arguments)
        answer = await call(session, arguments, input_responses=YES, request_state=question.request_state)
        assert isinstance(answer, types.CallToolResult)
        assert not answer.is_error
        assert session.charge_count == 1


async def test_the_same_reply_pays_once(tmp_path: Path) -> None:
    arguments = {"prompt": "a fox", **PRICED, "allow_duplicate": True}
    async with connected(tmp_path, "2026-07-28", client=agreeing(), **ABOVE) as session:
        question = await ask(session, arguments)
        reply: dict[str, Any] = {"input_responses": YES, "request_state": question.request_state}
        answers: list[object] = []

        async def repeat() -> None:
            answers.append(await call(session, arguments, **reply))

        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(repeat)
        assert [isinstance(answer, types.CallToolResult) for answer in answers].count(True) == 1
        assert isinstance(await call(session, arguments, **reply), types.InputRequiredResult)
        assert session.charge_count == 1


async def test_a_no_is_not_a_yes_to_the_next_call(tmp_path: Path) -> None:
    arguments = {"prompt": "a fox", **PRICED}
    no: types.InputResponses = {"confirm": types.ElicitResult(action="decline")}
    async with connected(tmp_path, "2026-07-28", client=agreeing(), **ABOVE) as session:
        state = (await ask(session, arguments)).request_state
        answer = await call(session, arguments, input_responses=no, request_state=state)
        assert isinstance(answer, types.CallToolResult)
        assert answer.is_error
        answer = await call(session, arguments, input_responses=YES, request_state=state)
        assert isinstance(answer, types.InputRequiredResult)
        assert await session.nothing_happened()


async def test_agreeing_to_one_video_does_not_pay_for_another(tmp_path: Path) -> None:
    cheap = {"prompt": "a fox", **PRICED}
    expensive = {"prompt": "a fox", "model": "seedanceapi/seedance-2.0", "duration": 15}
    async with connected(tmp_path, "2026-07-28", client=agreeing(), **ABOVE) as session:
        question = await ask(session, cheap)
        with pytest.raises(MCPError):
            await call(session, expensive, input_responses=YES, request_state=question.request_state)
        assert isinstance(await call(session, expensive, input_responses=YES), types.InputRequiredResult)
        assert await session.nothing_happened()


async def test_agreeing_to_a_request_does_not_pay_for_it_once_its_file_has_changed(tmp_path: Path) -> None:
    """The arguments of both calls are the same; what would be sent is not."""
    image = tmp_path / "cat.png"
    Image.new("RGB", (864, 496), "teal").save(image)
    arguments = {"prompt": "a fox", "model": "jimmyai/seedance2.0-mini", "duration": 4, "resolution": "480p"}
    arguments |= {"first_frame": str(image)}
    settings: dict[str, Any] = ABOVE | {"SEEDANCE_MEDIA_ROOTS": str(tmp_path)}
    async with connected(tmp_path, "2026-07-28", client=agreeing(), **settings) as session:
        question = await ask(session, arguments)
        Image.new("RGB", (864, 496), "red").save(image)
        answer = await call(session, arguments, input_responses=YES, request_state=question.request_state)
        assert isinstance(answer, types.InputRequiredResult)
        assert await session.nothing_happened()
        answer = await call(session, arguments, input_responses=YES, request_state=answer.request_state)
        assert isinstance(answer, types.CallToolResult)
        assert session.charge_count == 1


@pytest.mark.parametrize("state", ["", "made up", "v1.AAAA"])
async def test_agreeing_to_a_question_that_was_never_asked_pays_nothing(tmp_path: Path, state: str) -> None:
    async with connected(tmp_path, "2026-07-28", client=agreeing(), **ABOVE) as session:
        try:
            answer = await call(session, {"prompt": "a fox", **PRICED}, input_responses=YES, request_state=state)
        except MCPError:
            pass
        else:
            assert isinstance(answer, types.InputRequiredResult)
        assert await session.nothing_happened()


async def test_the_state_of_a_question_does_not_outlive_the_server_that_asked_it(tmp_path: Path) -> None:
    arguments = {"prompt": "a fox", **PRICED}
    async with connected(tmp_path, "2026-07-28", client=agreeing(), **ABOVE) as session:
        question = await ask(session, arguments)
    async with connected(tmp_path, "2026-07-28", client=agreeing(), **ABOVE) as session:
        with pytest.raises(MCPError):
            await call(session, arguments, input_responses=YES, request_state=question.request_state)
        assert await session.nothing_happened()
