"""Ask the user before spending more than SEEDANCE_CONFIRM_ABOVE, in the way of the client's protocol revision.

Clients of 2026-07-28 get the question as the answer (`NeedsInput`) and call again with the user's reply; older ones
are asked while the call waits. Some clients claim that they can ask and then decline by themselves, so this is never
the only gate: caps are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedance_mcp.catalog.price import dollars
from seedance_mcp.errors import NotConfirmed

if TYPE_CHECKING:
    import mcp_types as types

    from seedance_mcp.jobs.quote import Quote
    from seedance_mcp.server.tools.tool import Ask
    from seedance_mcp.settings import Settings


class NeedsInput(Exception):
    """The call ends here with a question; the client repeats it with the user's reply."""

    def __init__(self, request: types.InputRequiredResult) -> None:
        super().__init__("the client has to ask the user")
        self.request = request


async def confirm(quote: Quote, settings: Settings, ask: Ask) -> None:
    """Return if the quote is cheap enough or the user agrees.

    Raises:
        NotConfirmed: with what to do instead. Nothing was sent.
        NeedsInput: the client has to call again with the user's reply.
    """
    limit = settings.confirm_above
    cost = quote.price.usd_micros
    if limit is None or (cost is not None and cost <= limit):
        return
    amount = "an unknown amount" if cost is None else f"up to {dollars(cost)}"
    length = f"{quote.request.duration} s " if quote.request.duration else ""
    question = f"Spend {amount} on one {length}video with {quote.model.id}?"
    answer = await ask(question, quote.terms)
    if answer:
        return
    if answer is None:
        raise NotConfirmed(
            f"This video may cost {amount}. The user must approve anything above {dollars(limit)}, and this client "
            "cannot ask.",
            next_step="Ask in the chat: the user can raise SEEDANCE_CONFIRM_ABOVE, or choose something cheaper.",
        )
    raise NotConfirmed("The user did not agree, so nothing was sent.", next_step="Propose something cheaper.")
