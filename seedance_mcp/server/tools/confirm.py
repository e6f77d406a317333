"""Ask the user before spending more than SEEDANCE_CONFIRM_ABOVE, in the way of the client's protocol revision.

Clients of 2026-07-28 get the question as the answer (`NeedsInput`) and call again with the user's reply; older ones
are asked while the call waits. Some clients claim that they can ask and then decline by themselves, so this is never
the only gate: caps are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from seedance_mcp.catalog.price import dollars
from seedance_mcp.errors import NotConfirmed
from seedance_mcp.server.tools.tool import Question

if TYPE_CHECKING:
    import mcp_types as types

    from seedance_mcp.jobs.quote import Quote
    from seedance_mcp.server.tools.tool import Ask
    from seedance_mcp.settings import Settings

    Requote = Callable[[], Awaitable[Quote]]


class NeedsInput(Exception):
    """The call ends here with a question; the client repeats it with the user's reply."""

    def __init__(self, request: types.InputRequiredResult) -> None:
        super().__init__("the client has to ask the user")
        self.request = request


async def confirm(quote: Quote, requote: Requote, settings: Settings, ask: Ask) -> Quote:
    """Return the quote to pay for: this one if it is cheap enough, or one at a price that the user has agreed to.

    An answer can take hours, so `requote` gives the price again after it; the user is asked anew where it has risen.

    Raises:
        NotConfirmed: with what to do instead. Nothing was sent.
        NeedsInput: the client has to call again with the user's reply.
    """
    limit = settings.confirm_above
    agreed: Question | None = None
    while limit is not None and ((cost := quote.total.usd_micros) is None or cost > limit):
        amount = "an unknown amount" if cost is None else f"up to {dollars(cost)}"
        question = _question(quote, amount)
        if agreed is not None and agreed.covers(question):
            break
        answer = await ask(question)
        if answer is None:
            raise NotConfirmed(
                f"This video may cost {amount}. The user must approve anything above {dollars(limit)}, and this client "
                "cannot ask.",
                next_step="In the chat, ask the user to raise SEEDANCE_CONFIRM_ABOVE or to choose something cheaper.",
            )
        if not answer:
            raise NotConfirmed("The user did not agree, so nothing was sent.", next_step="Propose something cheaper.")
        agreed, quote = question, await requote()
    return quote


def _question(quote: Quote, amount: str) -> Question:
    length = f"{quote.request.duration} s " if quote.request.duration else ""
    count = quote.order.n
    what = f"one {length}video" if count == 1 else f"{count} variants of a {length}video"
    text = f"Spend {amount} on {what} with {quote.model.id}?"
    return Question(text, f"{quote.fingerprint} {count}", quote.total.usd_micros)
